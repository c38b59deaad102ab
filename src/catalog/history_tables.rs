//! The history tables of all known migration tools, in one list: for everything that has to recognise such a table.
//!
//! It feeds the message about a database that another tool has migrated, and what the engines leave out of a catalog.

// Only the engines read a catalog.
#![cfg_attr(not(any(feature = "postgres", feature = "sqlite")), allow(dead_code))]

/// The history table of a tool.
#[derive(Debug)]
pub(crate) struct HistoryTable {
    /// Its usual name.
    pub name: &'static str,
    /// The schema that the tool makes for it; `None` where it is along the search path.
    pub schema: Option<&'static str>,
    /// The tool, or the tools that share the name.
    pub tool: &'static str,
    /// It is never part of a catalog. Only true for the histories that doorstep writes: `prisma db pull` leaves them out
    /// of schema.prisma, but declares those of other tools as models, which must then be found.
    pub is_hidden: bool,
}

/// All of them. Of tables of one name the one with the schema counts. Tools whose table has a name that a service's table
/// may have, too (`migrations` of Laravel and TypeORM), are left out.
pub(crate) const HISTORY_TABLES: &[HistoryTable] = &[
    hidden("_prisma_migrations", "Prisma"),
    hidden("_doorstep_migrations", "a folder of plain SQL"),
    hidden("_doorstep_runs", "doorstep's notes"),
    within("drizzle", "__drizzle_migrations", "Drizzle"),
    within("supabase_migrations", "schema_migrations", "Supabase CLI"),
    within("graphile_migrate", "migrations", "graphile-migrate"),
    within("sqitch", "changes", "sqitch"),
    shown("__drizzle_migrations", "Drizzle"),
    shown("_sqlx_migrations", "sqlx"),
    shown("__diesel_schema_migrations", "diesel"),
    shown("goose_db_version", "goose"),
    shown("schema_migrations", "golang-migrate, dbmate, Rails or Ecto"),
    shown("flyway_schema_history", "Flyway"),
    shown("schema_version", "tern or an old Flyway"),
    shown("databasechangelog", "Liquibase"),
    shown("DATABASECHANGELOG", "Liquibase"),
    shown("refinery_schema_history", "refinery"),
    shown("pgmigrations", "node-pg-migrate"),
    shown("knex_migrations", "knex"),
    shown("SequelizeMeta", "sequelize-cli"),
    shown("mikro_orm_migrations", "MikroORM"),
    shown("gorp_migrations", "sql-migrate"),
    shown("micrate_db_version", "micrate"),
    shown("_yoyo_migration", "yoyo"),
    shown("atlas_schema_revisions", "Atlas"),
    shown("doctrine_migration_versions", "Doctrine"),
    shown("phinxlog", "Phinx"),
    shown("__EFMigrationsHistory", "EF Core"),
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
    HistoryTable { name, schema: None, tool, is_hidden: true }
}

const fn shown(name: &'static str, tool: &'static str) -> HistoryTable {
    HistoryTable { name, schema: None, tool, is_hidden: false }
}

const fn within(schema: &'static str, name: &'static str, tool: &'static str) -> HistoryTable {
    HistoryTable { name, schema: Some(schema), tool, is_hidden: false }
}
