//! Migration folders of each format, and the parsers of their files.

mod adversarial_input;
mod alembic;
mod code_projects;
mod code_recorded;
mod code_tools;
mod django;
mod external_tools;
mod foreign_folders;
mod generated_folders;
mod interchange;
mod named_projects;
mod native;
mod native_dbmate;
mod native_diesel;
mod native_golang_migrate;
mod native_goose;
mod native_liquibase;
mod native_refinery;
mod native_sqlx;
mod native_supabase;
pub(crate) mod parser_properties;
mod prisma_migrate;
mod prisma_schema;
mod recorded;
mod sql_folder;
mod sql_marks;
mod unknown_state;
