//! `CREATE EXTENSION` of an extension that makes its own schema: the start must not create that schema before.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Database, Project};

/// Puts an extension into the server's directory, as a package would, and takes it away again.
struct Extension {
    files: [PathBuf; 2],
}

impl Extension {
    /// `None` where this user may not write there.
    fn installed(name: &str, control: &str, script: &str) -> Option<Self> {
        let shared = Command::new("pg_config").arg("--sharedir").output().ok()?;
        let directory = PathBuf::from(String::from_utf8(shared.stdout).ok()?.trim()).join("extension");
        let files = [directory.join(format!("{name}.control")), directory.join(format!("{name}--1.sql"))];
        std::fs::write(&files[0], format!("default_version = '1'\n{control}\n")).ok()?;
        std::fs::write(&files[1], script).ok()?;
        Some(Self { files })
    }
}

impl Drop for Extension {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

#[test]
fn a_schema_that_an_extension_makes_is_not_made_before_it() {
    let scripted = "CREATE SCHEMA doorstep_demo_cron; CREATE TABLE doorstep_demo_cron.job (id int);";
    let scripted = Extension::installed("doorstep_demo_cron", "relocatable = false\nschema = pg_catalog", scripted);
    let owned = "CREATE TABLE doorstep_demo_mq.queue (id int);";
    let owned = Extension::installed("doorstep_demo_queue", "schema = doorstep_demo_mq", owned);
    let needs = Extension::installed("doorstep_demo_top", "requires = 'doorstep_demo_queue'", "");
    let (Some(_scripted), Some(_owned), Some(_needs)) = (scripted, owned, needs) else { return };
    let block = "DO $$ BEGIN IF current_setting('server_version_num')::int > 1 THEN \
                 EXECUTE 'CREATE EXTENSION doorstep_demo_cron'; END IF; END $$;\nCREATE TABLE late.t (id int);\n";
    for (script, schemas) in [
        ("CREATE EXTENSION doorstep_demo_cron;\n", "doorstep_demo_cron"),
        ("CREATE EXTENSION IF NOT EXISTS \"doorstep_demo_queue\";\n", "doorstep_demo_mq"),
        ("CREATE EXTENSION doorstep_demo_top CASCADE;\n", "doorstep_demo_mq"),
        (block, "late,doorstep_demo_cron"),
        // It does not make this one, and the statement names another.
        ("CREATE EXTENSION pg_trgm SCHEMA named;\n", "named,unused"),
        ("DO $$ BEGIN EXECUTE 'CREATE SCHEMA code'; END $$;\n", "code"),
        ("DO $$ BEGIN IF false THEN CREATE SCHEMA maybe; END IF; END $$;\n", "maybe"),
    ] {
        let database = Database::fresh();
        let project = Project::new().migration("1_extension", script);
        let output = project.doorstep(&database.url(), &["run", "--schemas", schemas]).run().code(0);
        output.stderr_lacks("created the schema doorstep_demo");
        let count =
            format!("SELECT count(*) FROM pg_namespace WHERE nspname = ANY (string_to_array('{schemas}', ','))");
        assert_eq!(database.sql(&count), schemas.split(',').count().to_string(), "{script}");
    }
}
