//! The recipes of docs/backups.md, as they stand there.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{
    Database, Listener, MysqlDatabase, Output, Project, Running, free_port, run, sqlite, until, variable,
};

/// The code block of docs/backups.md that follows this text.
fn block(after: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/backups.md")).unwrap();
    let (_, section) = page.split_once(after).unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// A project that runs this recipe before it migrates.
struct Recipe {
    project: Project,
    url: String,
    variables: Vec<(&'static str, String)>,
}

impl Recipe {
    fn new(project: Project, url: String, script: &str) -> Self {
        project.write("backup.sh", script);
        std::fs::set_permissions(project.path("backup.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        project.write("doorstep.toml", "before_migrate = \"./backup.sh\"\n");
        std::fs::create_dir(project.path("backups")).unwrap();
        let variables = vec![("BACKUP_DIR", project.path("backups").to_str().unwrap().to_owned())];
        Self { project, url, variables }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn migrate(&self) -> Output {
        let doorstep = self.project.doorstep(&self.url, &["migrate"]);
        self.variables.iter().fold(doorstep, |doorstep, (name, value)| doorstep.env(name, value)).run()
    }

    /// What the recipe has saved, the only file.
    fn saved(&self) -> PathBuf {
        let mut files = std::fs::read_dir(self.project.path("backups")).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "one file");
        file
    }
}

/// A database with one user, whose table the pending migration destroys, and a start that runs this recipe before it.
fn before_a_slip(script: &str) -> (Database, Recipe) {
    let (database, project) = (Database::fresh(), Project::with_two());
    // With a parameter that pg_dump would refuse.
    let url = format!("{}?schema=public", database.url());
    project.doorstep(&url, &["migrate"]).run().code(0);
    database.sql("INSERT INTO users VALUES (7)");
    let slip = "DROP TABLE users;\nCREATE TABLE accounts (id integer);\n";
    project.write("prisma/migrations/3_slip/migration.sql", slip);
    (database, Recipe::new(project, url, script))
}

/// Restores the dump as the page says, with the file and the server's URL in their places.
fn restore(database: &Database, dump: &Path) {
    let server = database.url().rsplit_once('/').unwrap().0.to_owned();
    let text = block("## To bring it back");
    run(Command::new("sh").args(["-euc", &text]).env("SERVER_URL", server).env("DUMP", dump));
    assert_eq!(database.sql("SELECT id FROM users"), "7");
    assert_eq!(database.sql("SELECT to_regclass('accounts') IS NULL"), "t");
}

#[test]
fn a_dump_before_migrating_brings_back_what_was_there() {
    let (database, recipe) = before_a_slip(&block("## To a file"));
    recipe.migrate().code(0).stderr_has("before: 3_slip").stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT to_regclass('users') IS NULL"), "t");
    recipe.migrate().code(0);
    let dump = recipe.saved();
    restore(&database, &dump);
    let status = recipe.project.doorstep(&recipe.url, &["status"]).run();
    status.code(0).stdout_has("3_slip").stdout_has("behind");
    // A dump that fails stops the start before anything is migrated.
    std::fs::remove_dir_all(recipe.project.path("backups")).unwrap();
    recipe.migrate().code(65).stderr_has("before_migrate failed");
    assert_eq!(database.sql("SELECT id FROM users"), "7");
}

#[test]
fn a_dump_of_mariadb_brings_back_what_was_there() {
    let database = MysqlDatabase::fresh();
    let project = Project::bare();
    project.write("migrations/1_users.sql", "CREATE TABLE users (id integer);\n");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    database.sql("INSERT INTO users VALUES (7)");
    project.write("migrations/2_slip.sql", "DROP TABLE users;\nCREATE TABLE accounts (id integer);\n");
    let recipe = Recipe::new(project, database.url(), &block("For MySQL and MariaDB"));
    recipe.migrate().code(0).stderr_has("before: 2_slip").stderr_has("(1 applied)");
    let dump = std::fs::read_to_string(recipe.saved()).unwrap();
    let restored = MysqlDatabase::fresh();
    restored.sql(&dump);
    assert_eq!(restored.sql("SELECT id FROM users"), "7");
    assert_eq!(restored.sql("SHOW TABLES LIKE 'accounts'"), "");
}

#[test]
fn a_copy_of_a_sqlite_file_has_what_was_there() {
    let project = Project::bare();
    project.write("app.db", "");
    let file = project.path("app.db");
    let url = format!("file:{}", file.display());
    project.write("migrations/1_users.sql", "CREATE TABLE users (id integer);\n");
    project.doorstep(&url, &["migrate"]).run().code(0);
    sqlite(&file, "INSERT INTO users VALUES (7)");
    project.write("migrations/2_slip.sql", "DROP TABLE users;\n");
    let recipe = Recipe::new(project, url, &block("## SQLite"));
    recipe.migrate().code(0).stderr_has("(1 applied)");
    assert_eq!(sqlite(&recipe.saved(), "SELECT id FROM users"), "7");
}

/// s3rver, an implementation of S3's API, with one bucket.
struct Store {
    _server: Running,
    folder: tempfile::TempDir,
    url: String,
}

impl Store {
    fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let program = format!("{}/node_modules/s3rver/bin/s3rver.js", variable("REAL_TOOLS"));
        let mut server = Command::new("node");
        server.arg(program).arg("-d").arg(folder.path()).args(["-a", "127.0.0.1", "-p", &port.to_string()]);
        server.args(["--silent", "--configure-bucket", "backups"]);
        let server = Running::from(server.stdout(Stdio::null()).spawn().unwrap());
        until("s3rver listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { _server: server, folder, url: format!("http://127.0.0.1:{port}/backups") }
    }

    /// The only object of the bucket.
    fn object(&self) -> Option<PathBuf> {
        let files = std::fs::read_dir(self.folder.path().join("backups")).unwrap();
        files.map(|file| file.unwrap().path()).find(|path| path.to_string_lossy().ends_with("_object"))
    }
}

#[test]
fn a_dump_in_a_bucket_brings_back_what_was_there() {
    let store = Store::start();
    let (database, recipe) = before_a_slip(&block("## To a bucket"));
    let recipe = recipe.with("AWS_ACCESS_KEY_ID", "S3RVER").with("AWS_SECRET_ACCESS_KEY", "S3RVER");
    // A bucket that does not exist: nothing is migrated.
    let recipe = recipe.with("BUCKET_URL", store.url.replace("backups", "elsewhere"));
    recipe.migrate().code(65).stderr_has("before_migrate failed");
    assert_eq!(store.object(), None);
    let recipe = recipe.with("BUCKET_URL", store.url.as_str());
    recipe.migrate().code(0).stderr_has("before: 3_slip").stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT to_regclass('users') IS NULL"), "t");
    restore(&database, &store.object().unwrap());
}

/// An API of snapshots: the second look at one finds `last`. Each request's first line is kept.
fn api(last: &'static str) -> (Listener, std::sync::Arc<Mutex<Vec<String>>>) {
    let requests = std::sync::Arc::new(Mutex::new(Vec::new()));
    let (kept, looks) = (requests.clone(), AtomicUsize::new(0));
    let listener = Listener::answering(move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let request = lines.next().unwrap_or_default();
        let has_token = lines.take_while(|line| !line.is_empty()).any(|line| line == "Authorization: Bearer t0ken");
        let (status, body) = match request.split(' ').next() {
            _ if !has_token => ("401 Unauthorized", "{}".to_owned()),
            Some("POST") => ("201 Created", r#"{"id": "snap-7"}"#.to_owned()),
            _ => {
                let state = if looks.fetch_add(1, Ordering::Relaxed) == 0 { "creating" } else { last };
                ("200 OK", format!(r#"{{"status": "{state}"}}"#))
            }
        };
        kept.lock().unwrap().push(request);
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream.write_all((head + &body).as_bytes());
        let _ = stream.read(&mut [0]);
    });
    (listener, requests)
}

#[test]
fn a_snapshot_is_complete_before_anything_is_migrated() {
    for (last, token, code) in [("available", "t0ken", 0), ("failed", "t0ken", 65), ("available", "wrong", 65)] {
        let (listener, requests) = api(last);
        let (database, recipe) = before_a_slip(&block("## A snapshot by an API"));
        let url = format!("http://127.0.0.1:{}/snapshots", listener.port);
        let recipe = recipe.with("SNAPSHOT_API", url).with("SNAPSHOT_TOKEN", token).with("SNAPSHOT_POLL", "0");
        let output = recipe.migrate().code(code);
        if code == 0 {
            output.stderr_has("snapshot snap-7 before: 3_slip");
        }
        assert_eq!(database.sql("SELECT to_regclass('users') IS NULL"), if code == 0 { "t" } else { "f" });
        let looks = ["GET /snapshots/snap-7 HTTP/1.1"; 2];
        let expected = if token == "wrong" { &[][..] } else { &looks };
        let requests = requests.lock().unwrap();
        assert_eq!(requests[0], "POST /snapshots HTTP/1.1");
        assert_eq!(&requests[1..], expected, "{last} {token}");
    }
}
