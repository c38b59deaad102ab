//! What every engine must do alike, from an empty database to a failed migration.

use crate::support::{Database, Project, Scripts};

/// `look` runs a query on the side and gives its rows.
fn suite(format: Scripts, project: Project, url: &str, look: impl Fn(&str) -> String) {
    let look = |sql: &str| look(&format.query(sql));
    let write = |name: &str, script: &str| project.write(&format.file(name), script);
    write("1_users", "CREATE TABLE users (id integer PRIMARY KEY);\n");
    write("2_posts", "-- only a comment; with a semicolon\n");
    let names = "SELECT migration_name FROM _prisma_migrations ORDER BY started_at, migration_name";

    // Status of an empty database writes nothing, and says what is pending. (SQLite: no file yet.)
    // Apply.
    let output = project.doorstep(url, &["run", "--require-tables", "users", "--", "sh", "-c", "echo up"]).run();
    output.code(0).stdout_is("up").stderr_has("applied 1_users in").stderr_has("(2 applied)");
    assert_eq!(look(names), "1_users\n2_posts");
    let row = "SELECT length(id), length(checksum), finished_at IS NOT NULL, finished_at >= started_at, \
               logs IS NULL, rolled_back_at IS NULL, applied_steps_count FROM _prisma_migrations LIMIT 1";
    // Only Prisma counts a script as one step.
    let steps = u8::from(format == Scripts::Prisma);
    assert_eq!(look(row).replace('t', "1"), format!("36|64|1|1|1|1|{steps}"));

    // Skip: the second start writes nothing.
    project.doorstep(url, &["run"]).run().code(0).stderr_has("(0 applied)");

    // Resume: a migration that comes later is applied alone.
    write("3_tags", "CREATE TABLE tags (id integer PRIMARY KEY);\n");
    project.doorstep(url, &["migrate"]).run().code(0).stderr_has("(1 applied)");

    // Status, both forms.
    let output = project.doorstep(url, &["status"]).run().code(0);
    output.stdout_has("3_tags   applied").stdout_has(": current (");
    let output = project.doorstep(url, &["status", "--format", "json"]).run().code(0);
    let status: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(status["verdict"], "current");
    assert_eq!(status["migrations"][0]["name"], "1_users");
    assert_eq!(status["migrations"][0]["state"], "applied");
    assert_eq!(status["migrations"][0]["checksum_matches"], true);

    // Edited, missing, out of order are told and stop nobody.
    write("1_users", "-- edited\n");
    std::fs::remove_file(project.path(&format.file("2_posts"))).unwrap();
    let _ = std::fs::remove_dir(project.path("prisma/migrations/2_posts"));
    let output = project.doorstep(url, &["run"]).run().code(0);
    output
        .stderr_has("ahead of this image: applied, but not in the folder: 2_posts")
        .stderr_has("changed since they were applied: 1_users");
    let output = project.doorstep(url, &["status"]).run().code(0);
    output.stdout_has("edited").stdout_has("missing").stdout_has(": ahead (");
    write("2_posts", "-- only a comment; with a semicolon\n");

    // Fail: the row keeps the cause, the error the place, and the next start stops before it.
    let broken = "CREATE TABLE fine (id integer);\nINSERT INTO nowhere\n  VALUES (1);\n";
    write("4_broken", broken);
    write("5_later", "CREATE TABLE later (id integer);\n");
    let output = project.doorstep(url, &["run", "--", "echo", "never"]).run().code(65).stdout_is("");
    let output = output.stderr_has("migration 4_broken failed").stderr_has(&format!("{}:2:", format.file("4_broken")));
    output.stderr_has("    2 | INSERT INTO nowhere").stderr_has("next: repair the file");
    let row = "SELECT finished_at IS NULL, rolled_back_at IS NULL, applied_steps_count, logs LIKE '%nowhere%' \
               FROM _prisma_migrations WHERE migration_name = '4_broken'";
    assert_eq!(look(row).replace('t', "1"), "1|1|0|1");
    let output = project.doorstep(url, &["run", "--", "echo", "never"]).run().code(65).stdout_is("");
    output.stderr_has("4_broken (started ").stderr_has("nowhere").stderr_has("resolve --rolled-back 4_broken");
    let output = project.doorstep(url, &["status"]).run().code(0);
    output.stdout_has("4_broken  failed").stdout_has("5_later   pending").stdout_has(": failed (");

    // Repaired and marked rolled back: it runs again (with Prisma in a second row), and the rest follows.
    write("4_broken", "CREATE TABLE repaired (id integer);\n");
    look("UPDATE _prisma_migrations SET rolled_back_at = started_at WHERE migration_name = '4_broken'");
    project.doorstep(url, &["run", "--require-tables", "repaired,later"]).run().code(0).stderr_has("(2 applied)");
    let rows = if format == Scripts::Prisma { "2" } else { "1" };
    assert_eq!(look("SELECT count(*) FROM _prisma_migrations WHERE migration_name = '4_broken'"), rows);

    // A table that the history counts as created, but is gone.
    look("DROP TABLE tags");
    let output = project.doorstep(url, &["run", "--require-tables", "users,tags,Users2", "--", "echo", "never"]).run();
    output.code(3).stdout_is("").stderr_has("table tags is missing").stderr_has("table Users2 is missing");
}

#[test]
fn postgres_meets_the_contract() {
    for (format, project) in [(Scripts::Prisma, Project::new()), (Scripts::Sql, Project::bare())] {
        let database = Database::fresh();
        suite(format, project, &database.url(), |sql| database.sql(sql));
    }
}

#[test]
fn postgres_behind_a_schema_parameter_meets_the_contract() {
    for (format, project) in [(Scripts::Prisma, Project::new()), (Scripts::Sql, Project::bare())] {
        let database = Database::fresh();
        let url = format!("{}?schema=app&connection_limit=1", database.url());
        suite(format, project, &url, |sql| database.sql(&format!("SET search_path = app; {sql}")));
        assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    }
}

#[test]
fn sqlite_meets_the_contract() {
    for (format, project) in [(Scripts::Prisma, Project::sqlite()), (Scripts::Sql, Project::bare())] {
        let path = project.path("data/dev.db");
        let url = format!("file:{}", path.display());
        // No sqlite3 on the machine: doorstep's own driver looks.
        let look = |sql: &str| crate::support::sqlite(&path, sql);
        suite(format, project, &url, look);
    }
}
