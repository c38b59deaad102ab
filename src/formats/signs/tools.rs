//! The table of signs.
//!
//! Sources: the documentation of each tool, and its source where that says more. Drizzle 1.0 does not need
//! `snapshot.json`, so a folder without it can only be told from Prisma's by what is around it.

use crate::config::MigrationFormat;
use crate::formats::signs::Sign::{
    All, AllFolders, Beside, Called, Files, Folder, Inside, Marked, Mentions, Named, Not, PrismasPlace, Under,
};
use crate::formats::signs::Strength::{Fair, Sure, Weak};
use crate::formats::signs::{KnownTool, Sign, Strength, forms};

const NUMBERED: Sign = Named(forms::numbered);
const UP_FILE: Sign = Named(forms::up_file);
const FLYWAY: Sign = Named(forms::flyway);
const BARE_NUMBER: Sign = Named(forms::bare_number);
const UMZUG: Sign = Named(forms::umzug);
const LOCK_FILE: Sign = Inside("migration_lock.toml");
const DATED_FOLDERS: Sign = AllFolders("migration.sql", forms::fourteen_digits);
const UP_FOLDER: Sign = Folder(&["up.sql"]);
const HASURA: Sign = AllFolders("up.sql", forms::hasura);
const PRISMAS: Sign = All(&[Folder(&["migration.sql"]), PrismasPlace]);

/// All known tools.
pub(crate) const TOOLS: &[KnownTool] = &[
    KnownTool {
        name: "Prisma",
        format: Some(MigrationFormat::Prisma),
        command: "npx prisma migrate deploy",
        signs: &[(Sure, LOCK_FILE), (Sure, PRISMAS), (Weak, Folder(&["migration.sql"]))],
    },
    KnownTool { name: "plain SQL", format: Some(MigrationFormat::Sql), command: "", signs: &[(Weak, NUMBERED)] },
    KnownTool {
        name: "Drizzle",
        format: Some(MigrationFormat::Drizzle),
        command: "npx drizzle-kit migrate",
        signs: &[(Sure, Inside("meta/_journal.json")), (Fair, All(&[NUMBERED, Called("drizzle")]))],
    },
    KnownTool {
        name: "Drizzle 1.0",
        format: Some(MigrationFormat::Drizzle),
        command: "npx drizzle-kit migrate",
        signs: &[
            (Sure, Folder(&["migration.sql", "snapshot.json"])),
            (Fair, All(&[DATED_FOLDERS, Not(&LOCK_FILE), Not(&PRISMAS), Beside("drizzle.config.ts")])),
            (Fair, All(&[DATED_FOLDERS, Not(&LOCK_FILE), Not(&PRISMAS), Beside("drizzle.config.js")])),
            (Fair, All(&[DATED_FOLDERS, Not(&LOCK_FILE), Not(&PRISMAS), Beside("drizzle.config.json")])),
            (Fair, All(&[DATED_FOLDERS, Not(&LOCK_FILE), Not(&PRISMAS), Called("drizzle")])),
            (Weak, All(&[DATED_FOLDERS, Not(&LOCK_FILE), Not(&PRISMAS)])),
        ],
    },
    KnownTool { name: "dbmate", format: Some(MigrationFormat::Dbmate), command: "dbmate up", signs: &[(Sure, Marked)] },
    KnownTool {
        name: "goose",
        format: Some(MigrationFormat::Goose),
        command: "goose up",
        signs: &[(Sure, Marked), (Fair, Named(forms::go_file))],
    },
    foreign("sql-migrate", "sql-migrate up", &[(Sure, Marked)]),
    KnownTool {
        name: "sqlx",
        format: Some(MigrationFormat::Sqlx),
        command: "sqlx migrate run",
        signs: &[
            (Sure, All(&[UP_FILE, Beside("sqlx.toml")])),
            (Sure, All(&[UP_FILE, Beside(".sqlx")])),
            (Sure, All(&[UP_FILE, Mentions("Cargo.toml", "\nsqlx")])),
            (Fair, UP_FILE),
            (Fair, All(&[NUMBERED, Beside("sqlx.toml")])),
            (Weak, All(&[NUMBERED, Beside(".sqlx")])),
            (Weak, All(&[NUMBERED, Mentions("Cargo.toml", "\nsqlx")])),
        ],
    },
    KnownTool {
        name: "golang-migrate",
        format: Some(MigrationFormat::GolangMigrate),
        command: "sh -c 'migrate -path migrations -database \"$DATABASE_URL\" up'",
        signs: &[(Sure, All(&[UP_FILE, Mentions("go.mod", "golang-migrate/migrate")])), (Fair, UP_FILE)],
    },
    KnownTool {
        name: "Flyway",
        format: Some(MigrationFormat::Flyway),
        command: "flyway migrate",
        signs: &[
            (Sure, All(&[FLYWAY, Beside("flyway.conf")])),
            (Sure, All(&[FLYWAY, Beside("flyway.toml")])),
            (Fair, All(&[FLYWAY, Not(&BARE_NUMBER)])),
        ],
    },
    KnownTool {
        name: "refinery",
        format: Some(MigrationFormat::Refinery),
        command: "refinery migrate",
        signs: &[
            (Sure, All(&[FLYWAY, Mentions("Cargo.toml", "\nrefinery")])),
            (Sure, All(&[FLYWAY, Beside("refinery.toml")])),
            (Sure, Files(forms::has_unversioned)),
            (Fair, Files(forms::may_be_refinery)),
        ],
    },
    KnownTool {
        name: "diesel",
        format: Some(MigrationFormat::Diesel),
        command: "diesel migration run",
        signs: &[(Sure, All(&[UP_FOLDER, Beside("diesel.toml")])), (Fair, UP_FOLDER)],
    },
    foreign(
        "Hasura",
        "hasura migrate apply --all-databases",
        &[
            (Sure, All(&[HASURA, Mentions("config.yaml", "\nmetadata_directory")])),
            (Sure, All(&[HASURA, Beside("hasura")])),
            (Fair, HASURA),
        ],
    ),
    KnownTool {
        name: "Supabase CLI",
        format: Some(MigrationFormat::Supabase),
        command: "npx supabase db push",
        signs: &[
            (Fair, All(&[NUMBERED, Under("supabase")])),
            (Weak, All(&[NUMBERED, Beside("supabase/config.toml")])),
            (Weak, All(&[NUMBERED, Beside("config.toml"), Mentions("config.toml", "\nproject_id")])),
        ],
    },
    KnownTool {
        name: "Liquibase",
        format: Some(MigrationFormat::Liquibase),
        command: "liquibase update",
        signs: &[(Sure, Marked), (Weak, All(&[NUMBERED, Beside("liquibase.properties")]))],
    },
    foreign("Liquibase", "liquibase update", &[(Fair, Named(forms::changelog))]),
    KnownTool {
        name: "tern",
        format: Some(MigrationFormat::Tern),
        command: "tern migrate",
        signs: &[(Sure, Marked), (Weak, All(&[NUMBERED, Beside("tern.conf")]))],
    },
    KnownTool {
        name: "node-pg-migrate",
        format: Some(MigrationFormat::NodePgMigrate),
        command: "npx node-pg-migrate up",
        signs: &[
            // `umzug create` writes such a mark.
            (Sure, All(&[Marked, Not(&UMZUG)])),
            (Weak, All(&[NUMBERED, Mentions("package.json", "\"node-pg-migrate\"")])),
        ],
    },
    // Its migrations in code.
    foreign("node-pg-migrate", "npx node-pg-migrate up", &[(Fair, Named(forms::node_pg_migrate))]),
    KnownTool {
        name: "umzug",
        format: Some(MigrationFormat::Umzug),
        command: "node migrate.js up",
        signs: &[(Fair, UMZUG), (Weak, All(&[NUMBERED, Mentions("package.json", "\"umzug\"")]))],
    },
    // Its migrations in code.
    foreign("umzug", "node migrate.js up", &[(Fair, All(&[Named(forms::umzug_code), Not(&UMZUG)]))]),
    foreign(
        "graphile-migrate",
        "npx graphile-migrate migrate",
        &[(Sure, Marked), (Fair, All(&[Inside("committed"), Inside("current.sql")])), (Fair, Inside("committed"))],
    ),
    foreign(
        "sqitch",
        "sqitch deploy",
        &[(Sure, Inside("sqitch.plan")), (Sure, All(&[Inside("revert"), Inside("deploy")]))],
    ),
    foreign(
        "MikroORM",
        "npx mikro-orm migration:up",
        &[(Fair, Named(forms::mikro_orm)), (Sure, Named(forms::mikro_orm_snapshot))],
    ),
    by_tool("TypeORM", MigrationFormat::Typeorm, "npx typeorm migration:run", &[(Fair, Named(forms::typeorm))]),
    by_tool("knex", MigrationFormat::Knex, "npx knex migrate:latest", &[(Fair, Named(forms::knex))]),
    by_tool(
        "sequelize-cli",
        MigrationFormat::Sequelize,
        "npx sequelize-cli db:migrate",
        &[(Fair, Named(forms::sequelize))],
    ),
    foreign("micrate", "micrate up", &[(Sure, Marked)]),
    foreign("rambler", "rambler apply --all", &[(Sure, Marked), (Weak, All(&[NUMBERED, Beside("rambler.json")]))]),
    foreign("MyBatis Migrations", "migrate up", &[(Sure, Marked)]),
    foreign("yoyo", "yoyo apply --batch", &[(Fair, Named(forms::rollback_file))]),
    foreign("Atlas", "atlas migrate apply", &[(Sure, Inside("atlas.sum"))]),
    by_tool("Rails", MigrationFormat::Rails, "bin/rails db:migrate", &[(Fair, Named(forms::rails))]),
    by_tool("Ecto", MigrationFormat::Ecto, "mix ecto.migrate", &[(Fair, Named(forms::ecto))]),
    by_tool("Laravel", MigrationFormat::Laravel, "php artisan migrate --force", &[(Fair, Named(forms::laravel))]),
    foreign("Doctrine", "php bin/console doctrine:migrations:migrate -n", &[(Fair, Named(forms::doctrine))]),
    foreign("Phinx", "vendor/bin/phinx migrate", &[(Fair, Named(forms::phinx))]),
    by_tool("EF Core", MigrationFormat::Efcore, "dotnet ef database update", &[(Fair, Named(forms::ef_core))]),
];

/// A tool whose folders doorstep only knows.
const fn foreign(name: &'static str, command: &'static str, signs: &'static [(Strength, Sign)]) -> KnownTool {
    KnownTool { name, format: None, command, signs }
}

/// A tool that applies its migrations itself, and whose project doorstep reads.
const fn by_tool(
    name: &'static str,
    format: MigrationFormat,
    command: &'static str,
    signs: &'static [(Strength, Sign)],
) -> KnownTool {
    KnownTool { name, format: Some(format), command, signs }
}
