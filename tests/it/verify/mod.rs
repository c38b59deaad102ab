//! Comparing a database with what the service expects of it.

mod ddl;
mod diagnosis;
mod diff;
mod prisma_drift;
mod prisma_schema_at_start;
mod report_formats;
mod required_tables;
mod requirements;
mod snapshot;

use crate::support::Database;

/// The main number of the server's version.
fn server_version(database: &Database) -> u32 {
    database.sql("SELECT current_setting('server_version_num')::integer / 10000").parse().unwrap()
}

/// The oldest server that can run this SQL of a case: these operator classes of BRIN came with PostgreSQL 14.
fn oldest_server(sql: &str) -> u32 {
    if sql.contains("_bloom_ops") || sql.contains("_minmax_multi_ops") { 14 } else { 13 }
}
