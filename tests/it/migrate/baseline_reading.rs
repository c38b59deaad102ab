//! What `baseline` reads from scripts: it accepts every database that the whole folder has made, and no other.

use crate::support::{Database, Project};

/// Applies these scripts, drops the history, and returns the database and the project.
fn applied(scripts: &[&str]) -> (Database, Project) {
    let database = Database::fresh();
    let migration = |project: Project, (number, sql): (usize, &&str)| project.migration(&format!("{number}_m"), sql);
    let project = scripts.iter().enumerate().fold(Project::new(), migration);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    database.sql("DROP TABLE _prisma_migrations");
    (database, project)
}

#[test]
fn what_the_whole_folder_has_made_is_adopted() {
    let long = "a_column_whose_name_is_longer_than_the_sixty_three_bytes_that_are_kept_of_it";
    let names_over_63_bytes =
        format!("CREATE TABLE long (id int, \"{long}\" int);\nALTER TABLE long ADD COLUMN \"{long}_too\" int;\n");
    let names_over_63_bytes = names_over_63_bytes.replace(&format!("\"{long}\" int"), "x int");
    for scripts in [
        &["CREATE TABLE t (id int, v int);\n", "ALTER TABLE t DROP COLUMN v, ADD COLUMN v text;\n"][..],
        &[
            "CREATE TABLE t (id int);\nALTER TABLE t ADD COLUMN v int;\n",
            "ALTER TABLE t ADD COLUMN v text, DROP COLUMN v;\n",
        ],
        &[
            "CREATE TABLE t (id int);\nALTER TABLE t ADD COLUMN v int;\n",
            "ALTER TABLE t DROP COLUMN v;\nALTER TABLE t ADD COLUMN v text;\n",
            "ALTER TABLE t RENAME COLUMN v TO w;\nALTER TABLE t RENAME w TO v;\n",
        ],
        &[
            "CREATE TABLE t (id int, a int, CONSTRAINT c CHECK (a > 0));\n",
            "ALTER TABLE t DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (a > 1);\n",
        ],
        &[
            "CREATE TABLE t (id int, a int);\nALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);\nCREATE INDEX i ON t (a);\n",
            "ALTER TABLE t DROP COLUMN a;\n",
        ],
        &[
            "CREATE VIEW v AS SELECT 1 AS a;\n",
            "DROP VIEW IF EXISTS v;\nCREATE OR REPLACE VIEW v AS SELECT 2 AS a;\nCREATE TABLE t ();\n",
        ],
        &["CREATE TABLE a ();\n", "ALTER TABLE a RENAME TO b;\n", "ALTER TABLE b RENAME TO a;\n"],
        &[
            "CREATE TABLE p (k int) PARTITION BY LIST (k);\nCREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);\n",
            "DROP TABLE p;\nCREATE TABLE q ();\n",
        ],
        &[
            "CREATE SEQUENCE s;\nCREATE TABLE t (a int DEFAULT nextval('s'));\nALTER SEQUENCE s OWNED BY t.a;\n",
            "DROP TABLE t;\n",
        ],
        &[
            "CREATE TABLE t (a int);\nCREATE UNIQUE INDEX i ON t (a);\nALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i;\n",
        ],
        &["CREATE SCHEMA s;\nCREATE TABLE s.t (a int);\nALTER TABLE s.t ADD b int;\n", "ALTER SCHEMA s RENAME TO r;\n"],
        &[names_over_63_bytes.as_str()],
    ] {
        let (database, project) = applied(scripts);
        let output = project.doorstep(&database.url(), &["baseline"]).run();
        assert_eq!(output.code, Some(0), "{scripts:?}\n{}", output.stderr);
    }
}

#[test]
fn what_one_of_its_migrations_has_not_made_is_refused() {
    let added = "ALTER TABLE t ADD COLUMN v text, DROP COLUMN v;\n";
    for (scripts, undo, missed) in [
        (&["CREATE TABLE t (id int, v int);\n", added][..], "ALTER TABLE t DROP COLUMN v", "column t.v"),
        (&["CREATE TABLE a ();\n", "ALTER TABLE a RENAME TO b;\n"], "ALTER TABLE b RENAME TO a", "table b"),
        (&["CREATE TABLE t (a int);\n", "ALTER TABLE t RENAME a TO b;\n"], "ALTER TABLE t RENAME b TO a", "column t.b"),
    ] {
        let (database, project) = applied(scripts);
        database.sql(undo);
        project.doorstep(&database.url(), &["baseline"]).run().code(3).stderr_has(missed);
    }
}
