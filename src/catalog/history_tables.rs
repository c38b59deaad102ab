//! The history tables of all known migration tools, in one list: for everything that has to recognise such a table.
//!
//! It feeds the message about a database that another tool has migrated, and what the engines leave out of a catalog.

/// The history table of a tool.
#[derive(Debug)]
pub(crate) struct HistoryTable {
    /// Its usual name.
    pub name: &'static str,
    /// The tool, or the tools that share the name.
    pub tool: &'static str,
    /// It is never part of a catalog. Only true for the histories that doorstep writes: `prisma db pull` leaves them out
    /// of schema.prisma, but declares those of other tools as models, which must then be found.
    pub is_hidden: bool,
}

/// All of them.
pub(crate) const HISTORY_TABLES: &[HistoryTable] = &[
    hidden("_prisma_migrations", "Prisma"),
    hidden("_doorstep_migrations", "a folder of plain SQL"),
    shown("_sqlx_migrations", "sqlx"),
    shown("__diesel_schema_migrations", "diesel"),
    shown("goose_db_version", "goose"),
    shown("schema_migrations", "golang-migrate, dbmate or Rails"),
    shown("flyway_schema_history", "Flyway"),
    shown("refinery_schema_history", "refinery"),
    shown("pgmigrations", "node-pg-migrate"),
    shown("knex_migrations", "knex"),
    shown("alembic_version", "Alembic"),
    shown("django_migrations", "Django"),
];

/// An object of doorstep's own, a table on SQLite: as long as it exists, migrations may have been applied after which the
/// hook `after_migrate` has not succeeded.
pub(crate) const AFTER_MIGRATE: &str = "_doorstep_after_migrate";

/// Names of the tables that are never part of a catalog.
pub(crate) fn hidden_names() -> impl Iterator<Item = &'static str> {
    HISTORY_TABLES.iter().filter(|table| table.is_hidden).map(|table| table.name).chain([AFTER_MIGRATE])
}

const fn hidden(name: &'static str, tool: &'static str) -> HistoryTable {
    HistoryTable { name, tool, is_hidden: true }
}

const fn shown(name: &'static str, tool: &'static str) -> HistoryTable {
    HistoryTable { name, tool, is_hidden: false }
}
