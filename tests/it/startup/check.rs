//! `check`, as HEALTHCHECK and exec probes call it.

use std::time::{Duration, Instant};

use crate::support::{BlackHole, Database, Output, PASSWORD, Project, free_port, project_of_a_schema};

fn check(project: &Project, url: &str, more: &[&str]) -> Output {
    project.doorstep(url, &[&["check"], more].concat()).run()
}

/// One line on stdout, and nothing else.
#[track_caller]
fn says(output: Output, code: i32, line: &str) {
    let output = output.code(code).stdout_has(line);
    assert_eq!((output.stdout.lines().count(), output.stderr.as_str()), (1, ""));
}

#[test]
fn a_database_that_is_reachable_current_and_verified_is_healthy() {
    let (database, project) = (Database::fresh(), Project::with_two());
    says(check(&project, &database.url(), &[]), 1, "unhealthy: pending: 1_users and 1 more\n");
    project.doorstep(&database.url(), &["run"]).run().code(0);
    says(check(&project, &database.url(), &[]), 0, "healthy: 2 migrations, nothing to verify\n");
    says(check(&project, &database.url(), &["--verify", "off"]), 0, "healthy: 2 migrations\n");
    says(check(&project, &database.url(), &["--migrate", "off"]), 0, "healthy: nothing to verify\n");
    says(check(&project, &database.url(), &["--migrate", "off", "--verify", "off"]), 0, "healthy: reachable\n");

    let required = check(&project, &database.url(), &["--require-tables", "users", "--format", "json"]).code(0);
    let checked: serde_json::Value = serde_json::from_str(&required.stdout).unwrap();
    assert_eq!((&checked["verified"], &checked["message"]), (&true.into(), &"healthy: 2 migrations, verified".into()));
    let required = check(&project, &database.url(), &["--require-tables", "users,tags"]);
    says(required, 1, "unhealthy: table tags is missing (required by require_tables); no migration in");
    says(check(&project, &database.url(), &["--require-tables", "tags", "--verify", "report"]), 0, "healthy: ");

    let output = check(&project, &database.url(), &["--format", "json"]).code(0);
    let checked: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let expected = serde_json::json!({
        "ok": true, "reachable": true, "migrations": "current", "verified": null,
        "message": "healthy: 2 migrations, nothing to verify",
    });
    assert_eq!(checked, expected);
}

#[test]
fn an_old_replica_is_healthy_while_a_newer_one_migrates_or_fails() {
    let (database, project) = (Database::fresh(), Project::with_two());
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let newer = Project::with_two().migration("3_newer", "SELECT 1/0;");
    newer.doorstep(&database.url(), &["run"]).run().code(65);
    let line = "healthy: 2 migrations, and the database is ahead of this image, nothing to verify\n";
    says(check(&project, &database.url(), &[]), 0, line);
    says(check(&newer, &database.url(), &[]), 1, "unhealthy: migration 3_newer failed or was interrupted\n");
    // Each folder lacks a migration that the other has.
    database.sql("UPDATE _prisma_migrations SET finished_at = now() WHERE migration_name = '3_newer'");
    let other = Project::with_two().migration("4_other", "SELECT 1;");
    let line = "unhealthy: the history has diverged from the folder: pending 4_other, missing 3_newer\n";
    says(check(&other, &database.url(), &[]), 1, line);
}

#[test]
fn a_migration_under_way_is_told_from_a_failed_one() {
    let (database, project) = (Database::fresh(), Project::with_two());
    project.doorstep(&database.url(), &["run"]).run().code(0);
    database.sql("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '2_posts'");
    let _holder = database.hold_migration_lock("other");
    says(check(&project, &database.url(), &[]), 1, "unhealthy: 2_posts is being applied\n");
}

#[test]
fn the_first_finding_that_would_stop_a_start_is_the_reason() {
    let (database, project) = (Database::fresh(), project_of_a_schema());
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let output = check(&project, &database.url(), &["--format", "json"]).code(1);
    let checked: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((&checked["ok"], &checked["verified"]), (&false.into(), &false.into()));
    let message = checked["message"].as_str().unwrap();
    let first = "unhealthy: table public.SLAPolicy is missing (required by prisma/schema.prisma:11)";
    assert!(message.starts_with(first), "{message}");
}

#[test]
fn one_attempt_is_made_and_none_of_the_waits_applies() {
    let project = Project::with_two();
    let began = Instant::now();
    let refused = format!("postgres://u:{PASSWORD}@127.0.0.1:{}/d", free_port());
    let patient = ["--wait-timeout", "0", "--wait-attempts", "99", "--migrate", "await"];
    let output = check(&project, &refused, &patient);
    assert!(!output.stdout.contains(PASSWORD), "{}", output.stdout);
    says(output, 1, "connection refused");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // A firewall that drops connections.
    let hole = BlackHole::new("127.0.0.1");
    let swallowed = format!("postgres://u:{PASSWORD}@127.0.0.1:{}/d", hole.port);
    let began = Instant::now();
    says(check(&project, &swallowed, &[]), 1, "unhealthy: no answer within 5.0s\n");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    let database = Database::fresh();
    says(check(&project, &database.url(), &["--migrate", "await"]), 1, "unhealthy: pending: 1_users and 1 more\n");
}

#[test]
fn whatever_is_wrong_the_exit_code_is_one_and_nothing_is_written() {
    let database = Database::fresh();
    let project = Project::with_two().file("termination", "");
    let check = |url: &str, more: &[&str]| check(&project, url, more);
    says(check("nonsense", &[]), 1, "unhealthy: ");
    says(check("", &[]), 1, "unhealthy: no database is named next: set DATABASE_URL");
    says(check(&database.url().replace(PASSWORD, "wrong"), &[]), 1, "password authentication failed");
    says(check(&Database::absent().url(), &["--termination-log", "termination"]), 1, "does not exist");
    says(check(&database.url(), &["--verify-allow", "tabel:x"]), 1, "does not begin with a known kind");
    check(&database.url(), &["--no-such-flag"]).code(1).stderr_has("--no-such-flag");
    check(&database.url(), &["--help"]).code(0).stdout_has("HEALTHCHECK");
    let output = project.doorstep(&database.url(), &["--log", "debug", "check", "--format", "xml"]).run();
    output.code(1).stderr_has("xml");
    assert_eq!(database.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), "0");
    assert_eq!(std::fs::read_to_string(project.path("termination")).unwrap(), "");
}

#[test]
fn a_schema_file_that_cannot_be_read_is_one_line_too() {
    let (database, project) = (Database::fresh(), Project::new().migration("1_a", "SELECT 1;"));
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let wrong = "datasource db {\n  provider = \"postgresql\"\n}\nmodel A {\n  id Intt @id\n}\n";
    project.write("prisma/schema.prisma", wrong);
    let line = "unhealthy: the Prisma schema cannot be read: prisma/schema.prisma:5:";
    says(check(&project, &database.url(), &[]), 1, line);
}

#[test]
fn a_role_that_only_reads_may_check() {
    let (database, project) = (Database::fresh(), Project::with_two());
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let role = database.role("");
    database.sql(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"));
    says(check(&project, &database.url_as(&role), &[]), 0, "healthy: 2 migrations, nothing to verify\n");
}

#[test]
fn sqlite_is_checked_alike_and_never_created() {
    let project = Project::sqlite().migration("1_users", "CREATE TABLE users (id integer PRIMARY KEY);");
    let url = format!("file:{}", project.path("dev.db").display());
    says(check(&project, &url, &[]), 1, "unhealthy: ");
    assert!(!project.path("dev.db").exists());
    project.doorstep(&url, &["run"]).run().code(0);
    says(check(&project, &url, &["--require-tables", "users"]), 0, "healthy: 1 migration, verified\n");
}
