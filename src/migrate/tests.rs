//! A whole run on SQLite, in this process: how often its scripts are lexed.

use std::path::Path;

use crate::base::application_name::ApplicationName;
use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::progress::Tracker;
use crate::base::secret::Secret;
use crate::base::signal;
use crate::engines::connect::Target;
use crate::engines::session::ProbeRequest;
use crate::formats::{Folder, prisma};
use crate::migrate::apply::Migrator;
use crate::migrate::due;
use crate::migrate::history::History;
use crate::migrate::recovery;
use crate::migrate::strategy::strategy_of;
use crate::sql::Dialect;
use crate::sql::script::{self, Script, count};

/// Reads the folder, applies what is pending, and asks what a diagnosis asks afterwards.
async fn run(folder: &Path, database: &Path) -> Result<usize, Error> {
    let url = Secret::new(format!("file:{}", database.display()));
    let target = Target::parse(&url, &Environment::default(), Path::new("/"))?;
    let format = prisma::FORMAT;
    let request = ProbeRequest { history: Some(format.ledger.table().to_owned()), ..ProbeRequest::default() };
    let (mut session, probe) = target.open(&request).await.map_err(Error::statement("open"))?;
    let folder = Folder::of(Box::leak(folder.to_owned().into_boxed_path()), format);
    let resolved = format.layout.read(folder.path, Dialect::Sqlite)?;
    let mut history = History::of(&folder, Dialect::Sqlite, resolved);
    session.try_lock(format.ledger.lock_key()).await.map_err(Error::statement("lock"))?;
    let is_due = due::due(&mut history, session.as_mut(), &probe).await?;
    let _ = history.own_schemas(session.as_mut(), &[]).await?;
    let stop = signal::listen().map_err(|error| Error::Os(error.to_string()))?;
    let migrator = Migrator {
        history: &history,
        session: session.as_mut(),
        probe: &probe,
        stop: &stop,
        tracker: &Tracker::default(),
        application_name: &ApplicationName::of_process(&Environment::default()),
        statement_lock_timeout: None,
        lock_timeout: None,
        is_scratch: false,
    };
    let applied = if is_due { migrator.apply_pending().await } else { Ok(0) };
    for migration in &history.migrations {
        let _ = script::changes(&migration.script);
        let _ = script::created(&migration.script.statements());
    }
    session.close().await;
    applied
}

#[test]
fn a_run_lexes_each_script_at_most_once_and_a_start_without_work_none() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let folder = directory.path().join("migrations").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("migration.sql"), text).unwrap();
    };
    let (one, two) =
        ("CREATE TABLE lexed_a (id INTEGER);", "PRAGMA foreign_keys = OFF; CREATE TABLE lexed_b (id INTEGER);");
    let broken = "CREATE TABLE lexed_c (id INTEGER); NONSENSE;";
    write("1_one", one);
    write("2_two", two);
    let (folder, database) = (directory.path().join("migrations"), directory.path().join("app.db"));
    std::fs::write(&database, "").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = || runtime.block_on(run(&folder, &database));
    assert_eq!(run().unwrap(), 2);
    assert_eq!([one, two].map(count::of), [1, 1]);
    write("3_broken", broken);
    let Err(Error::Migration { report, .. }) = run() else { panic!("it does not fail") };
    assert!(report.contains("migration.sql:1:36"), "{report}");
    assert_eq!(count::of(broken), 1);
}

/// What a PostgreSQL script is asked for in a run: its strategy, its objects for recovery, its summary, its changes.
#[test]
fn strategy_recovery_and_diagnosis_share_one_pass() {
    let text = "BEGIN; CREATE TABLE lexed_d (id int); COMMIT; CREATE INDEX CONCURRENTLY i ON lexed_d (id);";
    let script = Script::new(text.to_owned(), Dialect::Postgres);
    assert_eq!(count::of(text), 0);
    let migration = crate::formats::migration::Migration {
        name: "1".to_owned(),
        path: "1".into(),
        script,
        checksum: String::new(),
        unreadable: None,
        no_transaction: false,
    };
    let record = crate::formats::migration::Record::default();
    let strategy = strategy_of(&migration, record.by);
    assert_eq!(recovery::created_objects(&strategy, &record).len(), 1);
    assert_eq!(strategy.steps.len(), 2);
    assert!(strategy.steps.iter().all(|step| !script::summary_of(&step.statements).is_empty()));
    assert_eq!(script::changes(&migration.script).len(), 3);
    assert_eq!(count::of(text), 1);
    assert!(strategy.steps.iter().all(|step| count::of(step.text) == 0));
}
