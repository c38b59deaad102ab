//! No secret comes out anywhere: log at `trace` as text and JSON, stdout, termination log, history table, health port. Each
//! case has a word that must not be found, in whatever spelling.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{Database, Doorstep, Listener, Project, free_port, sqlite};

/// The word that must not come out.
const CANARY: &str = "KanariEnvogel";

/// Runs it in both forms of log at `trace`, and looks for the word in all that comes out.
fn keeps_quiet(what: &str, codes: &[i32], build: impl Fn(&Project) -> Doorstep) -> String {
    let mut seen = String::new();
    for format in ["text", "json"] {
        let project = Project::with_two().file("termination", "");
        let doorstep = build(&project).env("DOORSTEP_LOG", "trace").env("DOORSTEP_LOG_FORMAT", format);
        let output = doorstep.env("DOORSTEP_TERMINATION_LOG", "termination").run();
        let note = std::fs::read_to_string(project.path("termination")).unwrap();
        for text in [&output.stderr, &output.stdout, &note] {
            if let Some(at) = text.find(CANARY) {
                let around =
                    &text[text.floor_char_boundary(at.saturating_sub(200))..text.floor_char_boundary(at + 100)];
                panic!("{what}: …{around}…");
            }
        }
        assert!(output.code.is_some_and(|code| codes.contains(&code)), "{what}: {:?}\n{}", output.code, output.stderr);
        seen += &output.stderr;
    }
    seen
}

/// URLs that the password or a slip has cut at the wrong place; S stands for the word, P for a closed port.
const MALFORMED: &[&str] = &[
    // A slash, a colon or the scheme is forgotten.
    "postgres:/u:S@127.0.0.1/db?x=1",
    "postgres:u:S@127.0.0.1/db?x=1",
    "postgres//u:S@127.0.0.1/db?x=1",
    "u:S@127.0.0.1/db?x=1",
    "//u:S@127.0.0.1/db?x=1",
    "u:S@127.0.0.1:5432/db",
    "S@127.0.0.1/db?x=1",
    "postgres:///u:S@127.0.0.1/db",
    "postgres:////u:S@127.0.0.1/db?x",
    "postgres://postgres://u:S@127.0.0.1/db",
    "http://u:S@127.0.0.1/db?x=1",
    "://u:S@h/db?x=1",
    "DATABASE_URL=postgres://u:S@127.0.0.1/db",
    "export DATABASE_URL=postgres://u:S@127.0.0.1/db",
    "psql postgres://u:S@h/db?x=1",
    // The password holds a character that ends a part.
    "postgres://u:1/S@127.0.0.1:P/db",
    "postgres://u:1?S@127.0.0.1:P/db",
    "postgres://u:12?S=1@127.0.0.1:P/db",
    "postgres://u:12/S?x@h/db",
    "postgres://u:a@b/S@127.0.0.1:P/db",
    "postgres://u:a@b?S@127.0.0.1:P/db",
    "postgres://u:a@b?S=1@127.0.0.1:P/db",
    "postgres://u:a/@S@h/db",
    "postgres://u:S/a@127.0.0.1:P/db",
    "postgres://u:S?a@127.0.0.1:P/db",
    "postgres://u:S%@127.0.0.1:P/db",
    "postgres://u:p@127.0.0.1:S/db",
    "postgres://u:1/a/S@127.0.0.1:P/db",
    "postgres://u:1?a&S@127.0.0.1:P/db",
    "postgres://u:1?a=b&S=c@127.0.0.1:P/db",
    // Separators of other tools.
    "postgres://u@127.0.0.1:P/db;password=S",
    "postgres://u@127.0.0.1:P/db?x=1;password=S",
    "postgres://u;password=S@127.0.0.1:P/db",
    "postgres://127.0.0.1;password=S/db",
    "postgres://127.0.0.1:P;password=S/db",
    "Host=127.0.0.1;Port=P;Username=u;Password=S;Database=d",
    "Server=127.0.0.1;User Id=u;Password=S;",
    "host=127.0.0.1;password=S",
    "host=127.0.0.1,password=S",
    "host=127.0.0.1&password=S",
    "jdbc:postgresql://127.0.0.1:P/db?user=u;password=S",
    "jdbc:sqlserver://127.0.0.1;user=u;password=S",
    "user=u/S@127.0.0.1 host=x",
    // In the query.
    "postgres://u@127.0.0.1:P/db?password=a&S",
    "postgres://u@127.0.0.1:P/db?password=a&S=1",
    "postgres://u@127.0.0.1:P/db?password=a&b&S=1",
    "postgres://u@127.0.0.1:P/db?password=a#S",
    "postgres://u@127.0.0.1:P/db?password=S%",
    "postgres://u@127.0.0.1:P/db?S",
    "postgres://u@127.0.0.1:P/db?u:S=1",
    "postgres://u@127.0.0.1:P/db?sslmode=S",
    "postgres://u@127.0.0.1:P/db?require_auth=S",
    "postgres://u@127.0.0.1:P/db?connect_timeout=S",
    "postgres://u@127.0.0.1:P/db?sslmode=verify-ca&sslrootcert=/x;S",
    "postgres://u:S@127.0.0.1:P/db?S=1",
    "postgres://u:aSb@127.0.0.1:P/db?S=1",
    "postgres://u:x@127.0.0.1:P/db?pass%20S=1",
    "postgres://u:x@127.0.0.1:P/db?target_session_attrs=S",
    "postgres://u@127.0.0.1:P/db?password=S&port=x",
    "postgres://u@127.0.0.1:P/db?sslnegotiation=S",
    "postgres://u@127.0.0.1:P/db?channel_binding=S",
    "postgres://u@127.0.0.1:P/db?hostaddr=S",
    // White space and quotes.
    "postgres://u:S@127.0.0.1:P/db x",
    "postgres://u:a S@127.0.0.1:P/db",
    "postgres://u:a\u{a0}S@127.0.0.1/db",
    "postgres://u@127.0.0.1:P/db # S",
    "'postgres://u:S@127.0.0.1:P/db'",
    "postgres://u:a\n S@127.0.0.1/db",
    "\u{feff}postgres://u:S@127.0.0.1/db",
    // The keyword form.
    "host=127.0.0.1 port=P user=u password='S",
    "host=127.0.0.1 port=P user=u password=a S",
    "host=127.0.0.1 port=P user=u password=a S=b",
    "host=127.0.0.1 port=P user=u pass=S",
    "host=127.0.0.1 port=P password S",
    "host=127.0.0.1 sslmode=S user=u",
    "host=127.0.0.1 port=S user=u",
    // Encoded, so that they are names: taken, and not shown.
    "postgres://u:p@127.0.0.1:P/u%3AS%40h",
    "postgres://u%3BS:p@127.0.0.1:P/db",
    "postgres://u:p@127.0.0.1:P/x%3Bpassword%3DS",
    "postgres://u:p@%2Fu%3AS%40h/db",
    "postgres://u:p@h%3DS:P/db",
    // Other engines.
    "sqlite://u:S@h/x.db",
    "sqlite:///u:S@h/x.db",
    "sqlite:u:S@h/x.db",
    "file:u:S@h/x.db;y",
    "sqlite:///x.db;password=S",
    "file://u:S@h/x.db?x=1",
    "mysql://u:S@h/d",
    "mysql:u:S@h/d",
    "prisma+postgres://S",
    "prisma://x?api_key=S",
    "S://x",
    "S",
    "nonsense:S",
];

#[test]
fn a_malformed_url_is_not_printed() {
    let port = free_port().to_string();
    for url in MALFORMED {
        let url = url.replace('S', CANARY).replace(&format!("{CANARY}erver="), "Server=").replace('P', &port);
        let url = url.replace(&format!("{port}assword"), "Password").replace(&format!("{port}ort="), "Port=");
        keeps_quiet(&url, &[0, 65, 69, 77, 78], |project| project.doorstep(&url, &["run", "--wait-timeout", "50ms"]));
        keeps_quiet(&url, &[0, 65, 69, 77, 78], |project| project.doorstep(&url, &["doctor", "--timeout", "50ms"]));
    }
}

#[test]
fn a_url_in_the_place_of_another_value_is_not_printed() {
    let url = format!("postgres://u:{CANARY}@127.0.0.1:{}/db", free_port());
    for name in [
        "WAIT_TIMEOUT",
        "WAIT_ATTEMPTS",
        "MIGRATE",
        "VERIFY",
        "HEALTH_ADDR",
        "INIT",
        "REQUIRE_TABLES",
        "VERIFY_ALLOW",
        "SCHEMAS",
        "MIGRATIONS",
        "PRISMA_SCHEMA",
        "SNAPSHOT",
        "CONFIG",
        "DATABASE_URL_FILE",
        "MIGRATION_FORMAT",
        "LOG_LEVEL",
    ] {
        keeps_quiet(name, &[64, 69, 71, 78, 127], |project| {
            project
                .doorstep("", &["run", "--wait-timeout", "50ms"])
                .env("PGHOST", "127.0.0.1")
                .env("PGPORT", "1")
                .env("PGUSER", "u")
                .env(&format!("DOORSTEP_{name}"), &url)
        });
        let flag = format!("--{}", name.to_lowercase().replace('_', "-"));
        keeps_quiet(&flag, &[64, 69, 71, 78, 127], |project| {
            project.doorstep("postgres://u@127.0.0.1:1/d", &["run", &flag, &url]).env("DOORSTEP_WAIT_TIMEOUT", "50ms")
        });
        let toml = format!("{} = \"{url}\"\nwait_timeout = \"50ms\"\n", name.to_lowercase());
        keeps_quiet(&toml, &[64, 69, 71, 78, 127], |project| {
            project.write("doorstep.toml", &toml);
            project.doorstep("postgres://u@127.0.0.1:1/d", &["run"])
        });
    }
    keeps_quiet("a command", &[64], |project| project.doorstep("", &[&url]));
    keeps_quiet("a flag", &[64], |project| project.doorstep("", &["run", &format!("--databse-url={url}")]));
    keeps_quiet("a passfile", &[69, 77, 78], |project| {
        let doorstep = project.doorstep("postgres://u@127.0.0.1:1/d", &["run", "--wait-timeout", "50ms"]);
        doorstep.env("PGPASSFILE", &url).env("PGSSLROOTCERT", &url).env("PGSSLMODE", "verify-ca")
    });
    keeps_quiet("a file of the password", &[78], |project| {
        project.doorstep("postgres://u@127.0.0.1:1/d", &["run"]).env("PGPASSWORD_FILE", &url)
    });
}

/// Variables of the environment.
type Variables<'a> = Vec<(&'a str, String)>;

/// What a tool may print of a password.
fn spellings(password: &str) -> Vec<String> {
    let percent: String = password
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let json = serde_json::to_string(password).unwrap();
    let json = json.trim_matches('"').to_owned();
    let ascii =
        json.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) }).collect();
    vec![
        password.to_owned(),
        percent.clone(),
        percent.to_lowercase().replace(&CANARY.to_lowercase(), CANARY),
        json.replace('/', "\\/"),
        json,
        ascii,
        percent.replace('%', "%%"),
    ]
}

#[test]
fn the_output_of_a_tool_is_masked_in_every_spelling_and_from_every_source() {
    let database = Database::fresh();
    let password = format!("ö\"{CANARY} /@%x");
    let role = database.role("SUPERUSER");
    database.sql(&format!("ALTER ROLE {role} PASSWORD '{password}'"));
    let percent = &spellings(&password)[1];
    let (port, name) = (database.port, &database.name);
    let host = "127.0.0.1";
    let quoted = password.replace('\\', "\\\\").replace('\'', "\\'");
    let sources: [(&str, String, Variables<'_>); 7] = [
        ("user info", format!("postgres://{role}:{percent}@{host}:{port}/{name}"), vec![]),
        ("query", format!("postgres://{role}@{host}:{port}/{name}?password={percent}"), vec![]),
        ("keywords", format!("host={host} port={port} user={role} dbname={name} password='{quoted}'"), vec![]),
        ("PGPASSWORD", format!("postgres://{role}@{host}:{port}/{name}"), vec![("PGPASSWORD", password.clone())]),
        (
            "PGPASSWORD_FILE",
            format!("postgres://{role}@{host}:{port}/{name}"),
            vec![("PGPASSWORD_FILE", "password".to_owned())],
        ),
        ("PGPASSFILE", format!("postgres://{role}@{host}:{port}/{name}"), vec![("PGPASSFILE", "passfile".to_owned())]),
        (
            "variables",
            String::new(),
            vec![
                ("PGHOST", host.to_owned()),
                ("PGPORT", port.to_string()),
                ("PGUSER", role.clone()),
                ("PGDATABASE", name.clone()),
                ("PGPASSWORD", password.clone()),
            ],
        ),
    ];
    let mut said = String::new();
    for spelling in spellings(&password) {
        said +=
            &format!("a {spelling} b\n{}{spelling}{}\n", "x".repeat(8192 - spelling.len() / 2 - 3), "y".repeat(9000));
    }
    for (source, url, variables) in &sources {
        for code in [0, 3] {
            let seen = keeps_quiet(source, &[if code == 0 { 0 } else { 65 }], |project| {
                let project = prepare(project, &said, &password, &format!("{host}:{port}:{name}:{role}"));
                let command =
                    format!("sh -c 'cat said; printf \"%s\\n\" \"$DATABASE_URL\" \"$PGPASSWORD\"; exit {code}'");
                let doorstep = project.doorstep(url, &["run", "--migrate-command", &command]);
                variables.iter().fold(doorstep, |doorstep, (name, value)| doorstep.env(name, value))
            });
            let masked = seen.matches("a *** b").count();
            assert!(masked >= 14, "{source}: {masked} lines");
        }
    }
    let history = database.sql("SELECT count(*) FROM pg_tables WHERE tablename LIKE '\\_%migrations'");
    assert_eq!(history, "0");
}

fn prepare<'a>(project: &'a Project, said: &str, password: &str, entry: &str) -> &'a Project {
    let _ = std::fs::remove_dir_all(project.path("prisma"));
    project.write("said", said);
    project.write("password", password);
    project.write("passfile", &format!("{entry}:{}\n", password.replace('\\', "\\\\").replace(':', "\\:")));
    for file in ["password", "passfile"] {
        crate::support::run(std::process::Command::new("chmod").arg("0600").arg(project.path(file)));
    }
    project
}

#[test]
fn the_history_and_the_health_port_have_no_secret() {
    let database = Database::fresh();
    let role = database.role("SUPERUSER");
    database.sql(&format!("ALTER ROLE {role} PASSWORD '{CANARY}'"));
    let url = format!("postgres://{role}:{CANARY}@127.0.0.1:{}/{}?application_name=x", database.port, database.name);
    let project = Project::with_two().migration("3_fails", "SELECT 1/0;");
    project.doorstep(&url, &["run", "--log", "trace"]).run().code(65).stderr_lacks(CANARY);
    let history = database.sql("SELECT string_agg(m::text, ' ') FROM _prisma_migrations m");
    assert!(!history.contains(CANARY) && history.contains("3_fails"), "{history}");
    let listener = Listener::answering(drop);
    let url = format!("postgres://u:{CANARY}@127.0.0.1:{}/x%3Bpassword%3D{CANARY}", listener.port);
    let mut doorstep =
        Project::bare().doorstep(&url, &["run", "--log", "trace"]).env("DOORSTEP_HEALTH_ADDR", "127.0.0.1:0").spawn();
    let mut log = doorstep.until_stderr("serving the progress at http://");
    let port: u16 = log.rsplit_once("/ready").unwrap().0.rsplit_once(':').unwrap().1.parse().unwrap();
    log += &doorstep.until_stderr("waiting for the database");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"cause\"") && !answer.contains(CANARY) && !log.contains(CANARY), "{answer}\n{log}");
}

#[test]
fn a_name_that_is_not_shown_is_used_all_the_same() {
    let project = Project::sqlite().migration("1_a", "CREATE TABLE a (id integer);");
    project.doorstep(&format!("file:./{CANARY}@home.db"), &["run"]).run().code(0).stderr_lacks(CANARY);
    let file = project.path(&format!("prisma/{CANARY}@home.db"));
    let file = if file.exists() { file } else { project.path(&format!("{CANARY}@home.db")) };
    assert_eq!(sqlite(&file, "SELECT count(*) FROM a"), "0");
}

#[test]
fn a_password_in_the_command_of_a_tool_is_not_printed() {
    let database = Database::fresh();
    let role = database.role("SUPERUSER");
    database.sql(&format!("ALTER ROLE {role} PASSWORD '{CANARY}'"));
    let url = format!("postgres://{role}:{CANARY}@127.0.0.1:{}/{}", database.port, database.name);
    for (command, code) in [("sh -c 'exit 3' tool", 65), ("no-such-tool", 127), ("true", 0)] {
        for setting in ["--migrate-command", "--before-migrate"] {
            let command = format!("{command} --url {url} --password={CANARY}");
            keeps_quiet(&command, &[code], |project| project.doorstep(&url, &["run", setting, &command]));
            let _ = database.sql("DROP TABLE IF EXISTS _prisma_migrations, users, posts");
        }
    }
}
