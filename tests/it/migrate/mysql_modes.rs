//! `sql_mode`: a file is run where every mode that may be in force cuts it alike, and refused where it is not.

use crate::support::{MysqlServer, Output, Project};

/// A migration of one file, on a server with this `sql_mode`.
struct Trial {
    server: MysqlServer,
    project: Project,
    database: &'static str,
}

impl Trial {
    fn new(server: MysqlServer, database: &'static str, sql_mode: &str, script: &str) -> Self {
        server.sql(&format!("SET GLOBAL sql_mode = '{sql_mode}'"));
        Self { server, project: Project::mysql().migration("1_file", script), database }
    }

    fn doorstep(&self, words: &[&str]) -> Output {
        self.project.doorstep(&self.server.url(self.database), words).run()
    }

    fn rows(&self, sql: &str) -> String {
        self.server.sql(&format!("SET sql_mode = ''; USE {}; {sql}", self.database))
    }
}

#[test]
fn a_file_that_every_mode_cuts_alike_is_applied() {
    let mut server = MysqlServer::started(&[]);
    for (database, sql_mode) in [
        ("ansi", "ANSI"),
        ("no_escapes", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES"),
        ("oracle", "ORACLE"),
        ("strict", "TRADITIONAL,PAD_CHAR_TO_FULL_LENGTH,EMPTY_STRING_IS_NULL"),
    ] {
        let quote = if database == "strict" { "`" } else { "\"" };
        let script = "CREATE TABLE \"order\" (\"id\" INT PRIMARY KEY, \"te;xt\" VARCHAR(20));\n\
                      ALTER TABLE \"order\" ADD COLUMN \"b\" INT; -- it's \\'\n\
                      INSERT INTO \"order\" VALUES (1, 'it''s; C:\\dir', 2);\n"
            .replace('"', quote);
        let trial = Trial::new(server, database, sql_mode, &script);
        trial.doorstep(&["run"]).code(0);
        let expected = if database == "no_escapes" { "it's; C:\\dir|2" } else { "it's; C:dir|2" };
        assert_eq!(trial.rows("SELECT `te;xt`, b FROM `order`"), expected, "{sql_mode}");
        // Nothing of doorstep's own depends on the mode.
        trial.project.write("doorstep.toml", "require_tables = [\"order\"]\n");
        trial.doorstep(&["check"]).code(0);
        trial.project.write("doorstep.toml", "require_tables = [\"nothing\"]\n");
        trial.doorstep(&["verify"]).code(3);
        trial.project.write("doorstep.toml", "require_tables = [\"order\"]\n");
        trial.doorstep(&["status"]).code(0).stdout_has("current");
        trial.doorstep(&["replay"]).code(0).stdout_has("runs from scratch: 1 migrations");
        server = trial.server;
    }
}

#[test]
fn a_file_that_another_mode_cuts_differently_is_refused_before_anything_runs() {
    let mut server = MysqlServer::started(&[]);
    for (database, sql_mode, script, expected) in [
        (
            "no_escapes",
            "NO_BACKSLASH_ESCAPES",
            "CREATE TABLE t (a TEXT);\nINSERT INTO t VALUES ('\\'), ('');\n",
            "1_file/migration.sql:2: the sql_mode of the session has NO_BACKSLASH_ESCAPES",
        ),
        (
            "ansi",
            "ANSI_QUOTES",
            "CREATE TABLE t (\n\"a\\\" INT, \"b\" INT);\n",
            "1_file/migration.sql:2: the sql_mode of the session has ANSI_QUOTES",
        ),
        (
            "oracle",
            "ORACLE",
            "CREATE TABLE t (a INT);\nCREATE PROCEDURE p AS BEGIN NULL; END;\n",
            "1_file/migration.sql:2: the sql_mode of the session has ORACLE",
        ),
        (
            "own",
            "",
            "SET sql_mode = 'NO_BACKSLASH_ESCAPES';\nCREATE TABLE t (a TEXT);\nINSERT INTO t VALUES ('\\');\n",
            "1_file/migration.sql:3: the file sets sql_mode, maybe to NO_BACKSLASH_ESCAPES",
        ),
    ] {
        let trial = Trial::new(server, database, sql_mode, script);
        let output = trial.doorstep(&["migrate"]).code(65);
        output.stderr_has(expected).stderr_has("nothing of the file has run").stderr_has("--applied 1_file");
        assert_eq!(trial.rows("SHOW TABLES LIKE 't'"), "", "{sql_mode}");
        server = trial.server;
    }
}
