//! Comparing a database with what the service expects of it.

mod compat;
mod ddl;
mod diagnosis;
mod diff;
mod external;
mod false_alarms;
mod mysql;
mod mysql_program;
mod mysql_rights;
mod prisma_drift;
mod prisma_schema_at_start;
mod report_formats;
mod required_tables;
mod requirements;
mod snapshot;

use crate::support::{Database, Project};

/// The main number of the server's version.
fn server_version(database: &Database) -> u32 {
    database.sql("SELECT current_setting('server_version_num')::integer / 10000").parse().unwrap()
}

/// The oldest server that can run this SQL of a case, by the release notes of PostgreSQL.
fn oldest_server(sql: &str) -> u32 {
    const SINCE: [(&str, u32); 4] =
        [("_bloom_ops", 14), ("_minmax_multi_ops", 14), ("SET NULL (", 15), ("NULLS NOT DISTINCT", 15)];
    SINCE.iter().filter(|(text, _)| sql.contains(text)).map(|(_, version)| *version).max().unwrap_or(13)
}

/// `severity kind object` of each finding of `verify`.
fn findings(project: &Project, database: &Database) -> Vec<String> {
    let output = project.doorstep(&database.url(), &["verify", "--format", "json"]).run();
    let report: serde_json::Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr));
    let word = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let line = |finding| ["severity", "kind", "object"].map(|key| word(finding, key)).join(" ");
    report["findings"].as_array().unwrap().iter().map(line).collect()
}
