//! The values of the setting `migration_format`. What a format means is in `formats`.

use clap::ValueEnum;
use serde::Deserialize;

/// A known format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationFormat {
    /// Prisma 2 to 7: NAME/migration.sql and _prisma_migrations
    Prisma,
    /// Numbered files: 0001_NAME.sql and _doorstep_migrations
    Sql,
    /// dbmate's files, NUMBER_NAME.sql with -- migrate:up, and schema_migrations
    Dbmate,
    /// sqlx's files, NUMBER_NAME.sql or .up.sql, and _sqlx_migrations
    Sqlx,
    /// diesel's folders, VERSION_NAME/up.sql, and __diesel_schema_migrations
    Diesel,
    /// Drizzle 0.x (meta/_journal.json) and 1.0 (TIME_NAME/migration.sql), and drizzle.__drizzle_migrations
    Drizzle,
    /// Supabase CLI: supabase/migrations/NUMBER_NAME.sql and supabase_migrations.schema_migrations
    Supabase,
    /// golang-migrate's files, NUMBER_NAME.up.sql, and schema_migrations
    GolangMigrate,
    /// goose's files, VERSION_NAME.sql with -- +goose Up, and goose_db_version
    Goose,
    /// refinery's files, V1__NAME.sql and U1__NAME.sql, and refinery_schema_history
    Refinery,
    /// Flyway's files, V1__NAME.sql, R__NAME.sql and B1__NAME.sql, and flyway_schema_history
    Flyway,
    /// Liquibase: changelogs in formatted SQL and databasechangelog
    Liquibase,
    /// node-pg-migrate's SQL files, 1700000000000_NAME.sql with -- Up Migration, and pgmigrations
    NodePgMigrate,
    /// umzug's SQL files, NAME.sql or NAME.up.sql, and SequelizeMeta
    Umzug,
    /// tern's files, 001_NAME.sql with ---- create above / drop below ----, and schema_version
    Tern,
    /// Alembic applies them: versions/*.py and alembic_version
    Alembic,
    /// Django applies them: APP/migrations/*.py and django_migrations
    Django,
    /// TypeORM applies them: classes in *.js or *.ts, and migrations
    Typeorm,
    /// knex applies them: migrations/*.js and knex_migrations
    Knex,
    /// sequelize-cli applies them: migrations/*.js and SequelizeMeta
    Sequelize,
    /// Rails applies them: db/migrate/*.rb and schema_migrations
    Rails,
    /// Ecto applies them: priv/REPO/migrations/*.exs and schema_migrations
    Ecto,
    /// Laravel applies them: database/migrations/*.php and migrations
    Laravel,
    /// EF Core applies them: Migrations/*.cs and __EFMigrationsHistory
    Efcore,
}

impl MigrationFormat {
    /// The value of the setting.
    #[must_use]
    pub fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}
