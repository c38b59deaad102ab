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
