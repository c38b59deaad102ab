//! `doctor` on SQLite.

use super::{doctor, is, line, states};
use crate::support::{Project, sqlite};

fn two() -> Project {
    Project::sqlite()
        .migration("1_users", "CREATE TABLE users (id integer PRIMARY KEY);\n")
        .migration("2_posts", "CREATE TABLE posts (id integer PRIMARY KEY);\n")
}

#[test]
fn a_file_is_looked_at_before_it_is_opened() {
    let project = two();
    let report = doctor(&project, "file:app.db", &[], 69);
    is(&report, "file", "broken", "does not exist");
    is(&report, "login", "skipped", "needs file");
    assert!(!project.path("app.db").exists() && !project.path("prisma/app.db").exists());
    project.doorstep("file:app.db", &["run"]).run().code(0);
    let report = doctor(&project, "file:app.db", &["--require-tables", "users"], 0);
    let expected = "settings ok, file ok, login ok, server ok, writes ok, journal ok, locks ok, folder ok, history ok, \
                    pending ok, drift ok";
    assert_eq!(states(&report), expected, "{report:#}");
    is(&report, "journal", "ok", "delete");
    std::fs::create_dir(project.path("folder.db")).unwrap();
    let report = doctor(&project, "file:folder.db", &[], 78);
    is(&report, "file", "broken", "cannot be a database");
}

/// A connection that has written in a transaction and has not ended it.
struct Writer {
    runtime: tokio::runtime::Runtime,
    connection: sqlx::SqliteConnection,
}

impl Writer {
    fn begin(path: &std::path::Path, sql: &'static str) -> Self {
        use sqlx::Connection as _;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(async {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection
        });
        Self { runtime, connection }
    }

    /// Waits until the file is closed: a connection that is dropped closes it later, in its own thread.
    fn close(self) {
        use sqlx::Connection as _;
        self.runtime.block_on(self.connection.close()).unwrap();
    }
}

#[test]
fn a_process_that_writes_is_named_in_either_journal_mode() {
    let project = two();
    project.doorstep("sqlite:app.db", &["run"]).run().code(0);
    let path = project.path("app.db");
    for mode in ["delete", "wal"] {
        sqlite(&path, &format!("PRAGMA journal_mode = {mode}"));
        let held = Writer::begin(&path, "BEGIN IMMEDIATE; INSERT INTO users DEFAULT VALUES");
        let report = doctor(&project, "sqlite:app.db", &[], 0);
        is(&report, "locks", "odd", &format!("process {} is writing", std::process::id()));
        is(&report, "journal", "ok", mode);
        is(&report, "history", "ok", "current: 2 applied");
        held.close();
        let report = doctor(&project, "sqlite:app.db", &[], 0);
        assert_eq!(line(&report, "locks")["state"], "ok", "{report:#}");
    }
}
