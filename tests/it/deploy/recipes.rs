//! The recipes of docs/docker.md, as they stand there.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{Database, Project, run};

/// The code block that follows this line of docs/docker.md.
fn block(heading: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/docker.md")).unwrap();
    let (_, section) = page.split_once(heading).unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn a_dump_before_migrating_brings_back_what_was_there() {
    let database = Database::fresh();
    let project = Project::with_two();
    // With a parameter that pg_dump would refuse.
    let url = format!("{}?schema=public", database.url());
    project.doorstep(&url, &["migrate"]).run().code(0);
    database.sql("INSERT INTO users VALUES (7)");
    project.write("backup.sh", &block("`backup.sh`"));
    std::fs::set_permissions(project.path("backup.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    project.write("doorstep.toml", "before_migrate = \"./backup.sh\"\n");
    let backups = project.path("backups");
    std::fs::create_dir(&backups).unwrap();
    let migrate = || project.doorstep(&url, &["migrate"]).env("BACKUP_DIR", backups.to_str().unwrap()).run();
    migrate().code(0);
    assert_eq!(std::fs::read_dir(&backups).unwrap().count(), 0, "nothing was pending");
    project.write("prisma/migrations/3_slip/migration.sql", "DROP TABLE users;\nCREATE TABLE accounts (id integer);\n");
    migrate().code(0).stderr_has("before: 3_slip").stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT to_regclass('users') IS NULL"), "t");
    let dump = std::fs::read_dir(&backups).unwrap().next().unwrap().unwrap().path();
    // As the page says it, with the file and the server's URL in their places.
    let restore = block("To restore it");
    let server = database.url().rsplit_once('/').unwrap().0.to_owned();
    run(Command::new("sh").args(["-euc", &restore]).env("SERVER_URL", server).env("DUMP", &dump));
    assert_eq!(database.sql("SELECT id FROM users"), "7");
    assert_eq!(database.sql("SELECT to_regclass('accounts') IS NULL"), "t");
    project.doorstep(&url, &["status"]).run().code(0).stdout_has("3_slip").stdout_has("behind");
    // A dump that fails stops the start before anything is migrated.
    std::fs::remove_dir_all(&backups).unwrap();
    migrate().code(65).stderr_has("before_migrate failed");
    assert_eq!(database.sql("SELECT id FROM users"), "7");
}
