//! The advice of errors, as a person takes it: each case provokes an error, asserts its code and its "next:", and takes
//! the step that it names.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Database, Doorstep, Project, copy_of_binary, free_port, is_root, sqlite, until};

/// An error that is provoked, and what its advice leads to.
struct Case<'a> {
    arguments: &'a [&'a str],
    code: i32,
    /// The beginning of the line after "next: ", and of further lines of it.
    next: String,
    /// The command that it names, and its exit code.
    then: Option<(&'a [&'a str], i32)>,
}

fn case<'a>(arguments: &'a [&'a str], code: i32, next: impl Into<String>) -> Case<'a> {
    Case { arguments, code, next: next.into(), then: None }
}

impl<'a> Case<'a> {
    fn then(self, arguments: &'a [&'a str], code: i32) -> Self {
        Self { then: Some((arguments, code)), ..self }
    }

    #[track_caller]
    fn check(self, project: &Project, url: &str) {
        let start = |arguments| project.doorstep(url, arguments).env("DOORSTEP_WAIT_TIMEOUT", "300ms").run();
        let output = start(self.arguments);
        assert_eq!(output.code, Some(self.code), "{:?}\n{}", self.arguments, output.stderr);
        assert!(output.stderr.contains(&format!("next: {}", self.next)), "{:?}\n{}", self.arguments, output.stderr);
        if let Some((arguments, code)) = self.then {
            let output = start(arguments);
            assert_eq!(output.code, Some(code), "after the advice, {arguments:?}\n{}", output.stderr);
        }
    }
}

/// One migration, for SQLite.
fn shop() -> Project {
    Project::sqlite().migration("1_carts", "CREATE TABLE carts (id integer PRIMARY KEY);\n")
}

const FILE: &str = "file:./shop.db";

/// Creates the database that [`FILE`] names.
fn holds(project: &Project, sql: &str) {
    project.write("shop.db", "");
    sqlite(&project.path("shop.db"), sql);
}

#[test]
fn a_command_that_cannot_be_executed() {
    let project = shop();
    let script = |name: &str, text: &str, mode: u32| {
        project.write(name, text);
        std::fs::set_permissions(project.path(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    script("serve.sh", "#!/bin/sh\nexit 7\n", 0o755);
    script("closed.sh", "#!/bin/sh\nexit 7\n", 0o644);
    script("bare", "exit 7\n", 0o755);
    script("windows", "#!/usr/bin/env sh\r\nexit 7\n", 0o755);
    script("nameless", "#!\n", 0o755);
    script("wrong", "#!/etc/passwd\n", 0o755);
    script("empty", "", 0o755);
    script("other", "MZ\0\0", 0o755);
    script("cut", "\u{7f}ELF\0", 0o755);
    let here = project.path("").canonicalize().unwrap();
    for case in [
        case(&["run", "--", ""], 127, "name a program: doorstep run -- CMD"),
        case(&["run", "--", "/etc"], 126, "name a program in it"),
        case(&["run", "--", "serve.sh"], 127, format!("write ./serve.sh if the one in {} is meant", here.display()))
            .then(&["run", "--", "./serve.sh"], 7),
        case(&["run", "--", "./serv.sh"], 127, format!("check its path (it begins in {})", here.display())),
        case(&["run", "--", "./closed.sh"], 126, "chmod +x ./closed.sh, or run it through its interpreter")
            .then(&["run", "--", "sh", "./closed.sh"], 7),
        case(&["run", "--", "./bare"], 126, "name its interpreter, e.g. sh ./bare")
            .then(&["run", "--", "sh", "./bare"], 7),
        case(&["run", "--", "./windows"], 127, "convert it to LF: sed -i 's/\\r$//' ./windows"),
        case(&["run", "--", "./nameless"], 126, "name one there, e.g. #!/bin/sh"),
        case(&["run", "--", "./wrong"], 126, "correct the first line of ./wrong"),
        case(&["run", "--", "./empty"], 126, "check how it came into the image"),
        case(&["run", "--", "./other"], 126, "check that it is complete, and built for the system and the processor"),
        case(&["run", "--", "./cut"], 126, "check that it is complete, and built for the system and the processor"),
    ] {
        case.check(&project, FILE);
    }
}

#[test]
fn a_program_that_needs_a_missing_one_is_refused_before_anything_is_written() {
    let project = shop();
    let mut program = std::fs::read("/bin/true").unwrap();
    let loader = program.windows(4).position(|name| name == b"/lib").expect("the system's own program has a loader");
    program[loader + 1..loader + 4].copy_from_slice(b"bil");
    for (name, bytes) in [("old", program.as_slice()), ("script", b"#!/usr/bin/env nosuchnode\n")] {
        std::fs::write(project.path(name), bytes).unwrap();
        std::fs::set_permissions(project.path(name), PermissionsExt::from_mode(0o755)).unwrap();
    }
    case(&["run", "--", "./old"], 127, "use an image with the libc that it was built for").check(&project, FILE);
    let next = "install it, or check its name in the first line of ./script and PATH";
    case(&["run", "--", "./script"], 127, next).check(&project, FILE);
    assert!(!project.path(FILE.trim_start_matches("file:")).exists());
}

#[test]
fn a_file_or_an_address_that_cannot_be_used() {
    let project = shop().file("busy", "").file("taken/doorstep/x", "");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let missing = "check the path, and that the image or the volume contains it";
    let schema = "check that the image contains it, or name it with --prisma-schema; or leave it out: --verify off";
    for case in [
        case(&["install", "busy"], 71, "name another place: a file is in the way").then(&["install", "bin"], 0),
        case(&["install", "busy/bin"], 71, "name another place: a file is in the way"),
        case(&["install", "taken"], 71, "name another place: taken/doorstep is a folder"),
        case(&["snapshot", "--output", "out/s.json"], 71, "create the folder first: mkdir -p out"),
        case(&["snapshot", "--output", "/dev/full"], 71, "free space there, or name another place"),
        case(&["run", "--prisma-schema", "db/none.prisma"], 78, schema).then(&["run", "--verify", "off"], 0),
        case(&["run", "--config", "none.toml"], 78, missing),
        case(&["run", "--database-url-file", "none"], 78, missing),
        case(&["run", "--database-url-file", "busy"], 78, "write the URL into it"),
        case(&["verify", "--snapshot", "s.json"], 78, "create it again: doorstep snapshot --output s.json")
            .then(&["snapshot", "--output", "s.json"], 0),
        case(&["run", "--migrations", "busy"], 78, "name its folder with --migrations")
            .then(&["run", "--migrations", "prisma/migrations"], 0),
        case(&["run", "--health-addr", &address], 71, "give another port with --health-addr"),
        case(&["run", "--health-addr", "203.0.113.9:8080"], 71, "give an address of this host with --health-addr"),
    ] {
        case.check(&project, FILE);
    }
}

/// doorstep as a user who may not read everything; a copy, since the clone may be closed to that user.
fn as_nobody(project: &Project, arguments: &[&str]) -> Doorstep {
    if !is_root() {
        return project.doorstep(FILE, arguments);
    }
    let copy = project.path("doorstep");
    if !copy.exists() {
        copy_of_binary(&copy);
        std::fs::set_permissions(project.path(""), PermissionsExt::from_mode(0o777)).unwrap();
    }
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups", copy.to_str().unwrap()];
    let doorstep = Doorstep::through("setpriv", &user, arguments);
    doorstep.directory(&project.path("")).env("DATABASE_URL", FILE)
}

#[test]
fn a_place_that_this_user_may_not_read_or_write() {
    let project = shop().file("doorstep.toml", "").file("closed/x", "").file("shut/x", "");
    let mode = |path: &str, mode: u32| {
        std::fs::set_permissions(project.path(path), PermissionsExt::from_mode(mode)).unwrap();
    };
    mode("closed", 0o555);
    mode("shut", 0o000);
    let read = "next: let this user read it, and enter the folders above it";
    let write = "next: let this user write there (chmod, chown), or name another place";
    // Unreadable, a folder would look as if it were not there, and the service would start on a database without tables.
    for closed in ["prisma", "prisma/migrations", "prisma/migrations/1_carts/migration.sql", "doorstep.toml"] {
        let before = project.path(closed).metadata().unwrap().permissions().mode();
        mode(closed, 0o000);
        let output = as_nobody(&project, &["run", "--", "true"]).run();
        mode(closed, before);
        assert!(matches!(output.code, Some(65 | 78)), "{closed}: {}", output.stderr);
        output.stderr_has("cannot read").stderr_has(read);
    }
    as_nobody(&project, &["install", "closed"]).run().code(71).stderr_has(write);
    let created = as_nobody(&project, &["run", "--database-url", "file:closed/a.db"]).run().code(77);
    created.stderr_has("next: let this user read and write the file and its directory");
    as_nobody(&project, &["run", "--", "true"]).run().code(0);
}

#[test]
fn a_folder_of_another_kind() {
    let package = Project::bare().file("package.json", "{\"prisma\": {\"schema\": \"db/s.prisma\",,}}");
    let package =
        package.file("db/s.prisma", "datasource db {\n  provider = \"sqlite\"\n}\nmodel A {\n  id Int @id\n}\n");
    case(&["run"], 78, "repair it, or name the schema with --prisma-schema")
        .then(&["run", "--prisma-schema", "db/s.prisma"], 3)
        .check(&package, FILE);

    let sqitch = Project::bare().file("migrations/sqitch.plan", "");
    let sqitch = sqitch.file("migrations/deploy/a.sql", "SELECT 1;");
    let alone = "let that tool apply them (migrate_command = \"sqitch deploy\"), or leave them alone: --migrate off";
    holds(&sqitch, "CREATE TABLE any_table (id integer)");
    case(&["run"], 78, alone).then(&["run", "--migrate", "off"], 0).check(&sqitch, FILE);
    case(&["run"], 78, alone).then(&["run", "--migrate-command", "true"], 0).check(&sqitch, FILE);

    let notes = Project::bare().file("migrations/notes", "x").file("db/0001_a.sql", "CREATE TABLE a (b integer);");
    case(&["run", "--migration-format", "sql"], 78, "name the folder that holds them with --migrations")
        .then(&["run", "--migration-format", "sql", "--migrations", "db"], 0)
        .check(&notes, FILE);
    case(&["status", "--migrate-command", "true"], 78, "ask the tool itself; or, if it is a tool that doorstep reads")
        .check(&notes, FILE);
    // What the settings tell is told before the wait for a database that does not exist.
    for command in [&["status"][..], &["resolve", "--applied", "x"], &["baseline"]] {
        let none = Project::bare();
        let waits = none.doorstep(&format!("postgres://u@127.0.0.1:{}/d", free_port()), command).run().code(78);
        waits
            .stderr_has("no migrations folder was found")
            .stderr_has("next: start doorstep in the project's directory");
    }

    let lock = shop().file("prisma/migrations/migration_lock.toml", "provider\n");
    case(&["run"], 65, "restore the file; if the migrations are written for this database: provider = \"sqlite\"")
        .check(&lock, FILE);
    lock.write("prisma/migrations/migration_lock.toml", "provider = \"sqlite\"\n");
    lock.doorstep(FILE, &["run"]).run().code(0);

    let alembic = Project::bare().file("alembic.ini", "[alembic]\nscript_location = gone\n");
    let alembic = alembic.file("tool/versions/a.py", "revision = 'a'\ndown_revision = None\n");
    holds(&alembic, "CREATE TABLE any_table (id integer)");
    case(&["status"], 78, "check script_location, and that the image contains it; or name the folder that has env.py")
        .then(&["status", "--migration-format", "alembic", "--migrations", "tool"], 0)
        .check(&alembic, FILE);
}

#[test]
fn a_missing_sqlite_file() {
    for command in [&["status"][..], &["verify"], &["run", "--migrate", "off"]] {
        let create = "check its path, or create it: doorstep migrate; or give it longer with --wait-timeout";
        let project = shop();
        case(command, 69, create).then(&["migrate"], 0).check(&project, FILE);
        project.doorstep(FILE, command).run().code(0);
    }
}

#[test]
fn the_history_and_what_it_stands_for() {
    let project = shop().migration("2_lines", "CREATE TABLE lines (id integer);\n");
    holds(&project, "CREATE TABLE carts (id integer NOT NULL PRIMARY KEY)");
    let fewer =
        "if nothing of it and of later ones exists, adopt what is before it: doorstep baseline --through 1_carts";
    case(&["baseline"], 3, fewer).then(&["baseline", "--through", "1_carts"], 0).check(&project, FILE);
    case(&["resolve", "--applied", "1_carts"], 65, "doorstep status shows what is left to do")
        .then(&["status"], 0)
        .check(&project, FILE);
    case(&["baseline"], 65, "doorstep status shows it").then(&["run"], 0).check(&project, FILE);

    // The schema file finds the same, and its own advice, to migrate, leads back to baseline.
    let model = |name: &str| format!("model {name} {{\n  id Int @id\n}}\n");
    let schema = format!("datasource db {{\n  provider = \"sqlite\"\n}}\n{}{}", model("carts"), model("lines"));
    let project = shop().migration("2_lines", "CREATE TABLE lines (id integer NOT NULL PRIMARY KEY);\n");
    let project = project.file("prisma/schema.prisma", &schema);
    holds(&project, "CREATE TABLE carts (id integer NOT NULL PRIMARY KEY)");
    case(&["baseline"], 3, fewer).then(&["baseline", "--through", "1_carts"], 0).check(&project, FILE);
    project.doorstep(FILE, &["run"]).run().code(0);

    let first = shop();
    holds(&first, "CREATE TABLE others (id integer)");
    case(&["run"], 65, "if they are what prisma/migrations creates, adopt them: doorstep baseline")
        .then(&["baseline", "--empty"], 0)
        .check(&first, FILE);
    first.doorstep(FILE, &["run"]).run().code(0);
}

/// The statements that an error advises, which end with a semicolon each.
fn advised(stderr: &str, begin: &str) -> String {
    let line = stderr.lines().find(|line| line.contains("next: ")).unwrap_or_else(|| panic!("{stderr}"));
    let (_, rest) = line.split_once(begin).unwrap_or_else(|| panic!("{line}"));
    rest[..=rest.rfind(';').unwrap()].to_owned()
}

#[test]
fn the_statements_that_a_role_lacks_can_be_pasted() {
    let database = Database::fresh();
    let project = Project::with_two();
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let role = database.role("");
    let call = |arguments: &[&str]| project.doorstep(&database.url_as(&role), arguments).run();
    // Each refusal names what lets the next command pass.
    for (arguments, begin) in
        [(&["status"][..], "let its owner run: "), (&["replay"], "let an administrator run: "), (&["snapshot"], "")]
    {
        if !begin.is_empty() {
            let output = call(arguments).code(77).stderr_has(&format!("\"{role}\""));
            database.sql(&advised(&output.stderr, begin));
        }
        call(arguments).code(0);
    }
    let output = call(&["resolve", "--rolled-back", "3_more"]).code(65);
    output.stderr_has("next: give the whole name, as doorstep status shows it");
    project.write("prisma/migrations/3_more/migration.sql", "SELECT 1;\n");
    let output = call(&["resolve", "--applied", "3_more"]).code(77);
    database.sql(&advised(&output.stderr, "let its owner run: "));
    call(&["resolve", "--applied", "3_more"]).code(0);
}

#[test]
fn a_role_whose_limit_ends_statements_of_doorstep_is_told_how_to_raise_it() {
    let database = Database::fresh();
    let project = Project::with_two();
    let role = database.role("");
    database.sql(&format!("GRANT CREATE, USAGE ON SCHEMA public TO {role}"));
    project.doorstep(&database.url(), &["run"]).run().code(0);
    database.sql(&format!("GRANT SELECT ON _prisma_migrations TO {role}"));
    // In the database, where the setting comes before that of the role.
    let name = database.sql("SELECT current_database()");
    database.sql(&format!("ALTER ROLE {role} IN DATABASE \"{name}\" SET statement_timeout = '200ms'"));
    let holder = database.session("BEGIN; LOCK TABLE _prisma_migrations; SELECT pg_sleep(600)");
    until("the history is locked", || {
        let locks = "SELECT count(*) FROM pg_locks WHERE relation = '_prisma_migrations'::regclass AND granted";
        (database.sql(locks) != "0").then_some(())
    });
    let status = || project.doorstep(&database.url_as(&role), &["status"]);
    let output = status().run().code(69).stderr_has("could not read the history table").stderr_has("57014");
    let begin = "raise the limit, unless another session has cancelled the statement: ";
    database.sql(&advised(&output.stderr, begin));
    let mut waiting = status().spawn();
    until("it waits for longer than the limit", || {
        let waits = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}' AND wait_event_type = 'Lock' \
             AND query_start < clock_timestamp() - interval '300 ms'"
        );
        (database.sql(&waits) == "1").then_some(())
    });
    assert!(waiting.is_running());
    let holders =
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = '_prisma_migrations'::regclass AND granted";
    database.sql(holders);
    drop(holder);
    waiting.finish("doorstep status").code(0);
}

#[test]
fn a_folder_that_reaches_outside_is_proved_as_the_refusal_says() {
    let database = Database::fresh();
    let role = database.role("");
    let outside = format!("ALTER ROLE {role} SET work_mem = '5MB';\n");
    let project = Project::with_two().migration("3_outside", &outside);
    let output = project.doorstep(&database.url(), &["replay"]).run().code(65);
    output
        .stderr_has("next: prove the folder on a throw-away server")
        .stderr_has("doorstep migrate, then doorstep verify");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    project.doorstep(&database.url(), &["verify"]).run().code(0);
}

#[test]
fn two_urls_for_migrations_that_differ_are_named() {
    let schema = "datasource db {\n  provider = \"sqlite\"\n  url = env(\"DATABASE_URL\")\n  directUrl = env(\"PLAIN_URL\")\n}\n";
    let project = Project::bare().file("prisma/schema.prisma", schema);
    let run = |migrate: &str, direct: &str| {
        let doorstep = project.doorstep("file:./a.db", &["run"]).env("PLAIN_URL", direct);
        doorstep.env("DOORSTEP_MIGRATE_URL", migrate).run().code(0)
    };
    let output = run("file:./one.db", "file:./hunter2.db").stderr_lacks("hunter2");
    output.stderr_has(
        "doorstep uses migrate_url, but directUrl of the Prisma schema is PLAIN_URL, which has another value",
    );
    run("file:./one.db", "file:./one.db").stderr_lacks("two databases");
    assert!(!Path::new(&project.path("hunter2.db")).exists());
}
