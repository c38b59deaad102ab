//! The test environment: the real binary, real servers, and for each test a fresh database and an environment without
//! variables.

pub(crate) mod ground;
mod mysql;
pub(crate) mod native;
mod network;
mod postgres;
mod process;
mod project;
pub(crate) mod running_migration;
pub(crate) mod snapshots;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) use mysql::{MysqlDatabase, MysqlServer, is_mariadb, kill_session, mysql, mysql_refuses};
pub(crate) use network::{BlackHole, Listener, free_port};
pub(crate) use postgres::{Cluster, Database, as_postgres, pgbouncer, psql, session};
pub(crate) use process::{Doorstep, Output, Running, large_tool, real_tool};
pub(crate) use project::{Prisma, Project, Scripts, project_of_a_schema};

/// The time limit for each step of a test.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PASSWORD: &str = "doorstep";

/// The binary under test: the one that cargo has built with the tests, or the program that `scripts/test --artefact` names.
pub(crate) fn binary() -> &'static str {
    static BINARY: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("BINARY_UNDER_TEST").ok());
    BINARY.as_deref().unwrap_or(env!("CARGO_BIN_EXE_doorstep"))
}

/// The release build of doorstep, for tests that measure.
pub(crate) fn release_binary() -> String {
    variable("RELEASE_BINARY")
}

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with scripts/test"))
}

/// The directory of this run: template cluster and socket of the shared server.
pub(crate) fn work() -> PathBuf {
    variable("TEST_CLUSTER_WORK").into()
}

pub(crate) fn shared_port() -> u16 {
    variable("TEST_CLUSTER_PORT").parse().unwrap()
}

fn unique(prefix: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// Polls until `condition` returns a value.
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

/// A copy of the program at this place. Another program writes it: a test that starts a process at that moment would hand it
/// the open file, and then the copy cannot be started ("text file busy").
pub(crate) fn copy_of_binary(to: &Path) {
    run(Command::new("cp").arg(binary()).arg(to));
}

pub(crate) fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// Runs SQL on an SQLite file with sqlx, which is a dependency anyway; returns rows as `a|b` lines.
pub(crate) fn sqlite(path: &Path, sql: &str) -> String {
    use sqlx::{Connection as _, Row as _};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let rows = sqlx::raw_sql(sql).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let cell = |row: &sqlx::sqlite::SqliteRow, index| {
            let value = sqlx::Row::try_get_raw(row, index).unwrap();
            <String as sqlx::Decode<sqlx::Sqlite>>::decode(value).unwrap_or_default()
        };
        let line = |row: &sqlx::sqlite::SqliteRow| (0..row.len()).map(|i| cell(row, i)).collect::<Vec<_>>().join("|");
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}
