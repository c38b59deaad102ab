//! The formats whose migrations doorstep applies itself beside Prisma's and plain SQL: how the same few migrations look in
//! each. What all of them must do is tested once, for each entry of [`NATIVE`].

use crate::support::ground::Engine;
use crate::support::{Doorstep, Project};

/// A migration that is of no format yet.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Its place: from 1 to 99.
    pub(crate) number: u32,
    pub(crate) slug: &'static str,
    pub(crate) sql: String,
    /// It asks for no transaction around it.
    pub(crate) alone: bool,
}

impl Step {
    pub(crate) fn new(number: u32, slug: &'static str, sql: &str) -> Self {
        Self { number, slug, sql: sql.to_owned(), alone: false }
    }

    /// With the mark that its tool has for a file outside a transaction.
    pub(crate) fn alone(self) -> Self {
        Self { alone: true, ..self }
    }
}

/// A format, as the tests need it.
#[derive(Debug)]
pub(crate) struct Native {
    /// The value of `migration_format`; after a blank, which of its layouts this is.
    pub(crate) name: &'static str,
    /// Path and text of every file of a project with these migrations, in the tool's usual places.
    pub(crate) files: fn(&[Step]) -> Vec<(String, String)>,
    /// How doorstep calls a migration.
    pub(crate) migration: fn(&Step) -> String,
    /// Where its row is once it is applied: `table WHERE condition`.
    pub(crate) row: fn(&Step) -> String,
    /// The tables of its history: `table`, or `schema.table`.
    pub(crate) history: &'static [&'static str],
    /// A file can ask for no transaction around it.
    pub(crate) has_mark: bool,
    /// The engines that the tool knows, as far as doorstep runs its folders there.
    pub(crate) engines: &'static [Engine],
}

impl Native {
    /// The value of `migration_format`.
    pub(crate) fn setting(&self) -> &'static str {
        self.name.split(' ').next().unwrap()
    }

    /// Writes all files of a project.
    pub(crate) fn write(&self, project: &Project, steps: &[Step]) {
        for (path, text) in (self.files)(steps) {
            project.write(&path, &text);
        }
    }

    /// A project with these migrations.
    pub(crate) fn project(&self, steps: &[Step]) -> Project {
        let project = Project::bare();
        self.write(&project, steps);
        project
    }

    /// doorstep with the format named.
    pub(crate) fn doorstep(&self, project: &Project, url: &str, arguments: &[&str]) -> Doorstep {
        project.doorstep(url, arguments).env("DOORSTEP_MIGRATION_FORMAT", self.setting())
    }

    /// `count(*)` of the rows that say that a migration is applied.
    pub(crate) fn count(&self, step: &Step) -> String {
        format!("SELECT count(*) FROM {}", (self.row)(step))
    }

    /// The same on this engine: names in quotes are those of the engine.
    pub(crate) fn count_on(&self, engine: Engine, step: &Step) -> String {
        on(engine, &self.count(step))
    }

    /// doorstep runs its folders on this engine.
    pub(crate) fn knows(&self, engine: Engine) -> bool {
        self.engines.contains(&engine)
    }
}

/// PostgreSQL, SQLite, MySQL and MariaDB.
const ALL: &[Engine] = &[Engine::Postgres, Engine::Sqlite, Engine::Mysql];

/// PostgreSQL, MySQL and MariaDB.
const SERVERS: &[Engine] = &[Engine::Postgres, Engine::Mysql];

/// All of them.
pub(crate) const NATIVE: &[Native] = &[
    Native {
        name: "dbmate",
        files: |steps| {
            let file = |step: &Step| {
                let option = if step.alone { " transaction:false" } else { "" };
                let text = format!("-- migrate:up{option}\n{}\n-- migrate:down\nDROP TABLE nothing;\n", step.sql);
                (format!("db/migrations/{}.sql", dated(step)), text)
            };
            steps.iter().map(file).collect()
        },
        migration: dated,
        row: |step| format!("schema_migrations WHERE version = '202401010000{:02}'", step.number),
        history: &["schema_migrations"],
        has_mark: true,
        engines: ALL,
    },
    Native {
        name: "sqlx",
        files: |steps| {
            let file = |step: &Step| {
                let mark = if step.alone { "-- no-transaction\n" } else { "" };
                (format!("migrations/{}.sql", numbered(step)), format!("{mark}{}\n", step.sql))
            };
            steps.iter().map(file).collect()
        },
        migration: numbered,
        row: |step| format!("_sqlx_migrations WHERE success AND version = {}", step.number),
        history: &["_sqlx_migrations"],
        has_mark: true,
        engines: ALL,
    },
    Native {
        name: "drizzle",
        files: |steps| {
            let entry = |step: &Step| {
                format!("{{\"when\": {}, \"tag\": \"{}\", \"breakpoints\": true}}", time(step), numbered(step))
            };
            let entries = steps.iter().map(entry).collect::<Vec<_>>().join(", ");
            let journal = ("drizzle/meta/_journal.json".to_owned(), format!("{{\"entries\": [{entries}]}}"));
            let file = |step: &Step| (format!("drizzle/{}.sql", numbered(step)), pieces(step));
            steps.iter().map(file).chain([journal]).collect()
        },
        migration: numbered,
        row: |step| format!("drizzle.__drizzle_migrations WHERE created_at = {}", time(step)),
        history: &["drizzle.__drizzle_migrations", "__drizzle_migrations"],
        has_mark: false,
        engines: SERVERS,
    },
    Native {
        name: "drizzle 1.0",
        files: |steps| {
            let file = |step: &Step| (format!("drizzle/{}/migration.sql", dated(step)), pieces(step));
            steps.iter().map(file).collect()
        },
        migration: dated,
        row: |step| format!("drizzle.__drizzle_migrations WHERE name = '{}'", dated(step)),
        history: &["drizzle.__drizzle_migrations", "__drizzle_migrations"],
        has_mark: false,
        engines: SERVERS,
    },
    Native {
        name: "diesel",
        files: |steps| {
            let files = |step: &Step| {
                let path = format!("migrations/{}", numbered(step));
                let metadata = (format!("{path}/metadata.toml"), format!("run_in_transaction = {}\n", !step.alone));
                let down = (format!("{path}/down.sql"), "DROP TABLE nothing;\n".to_owned());
                // diesel stops at a file without a statement.
                let sql = if step.sql.trim().is_empty() { "SELECT 1;" } else { &step.sql };
                [(format!("{path}/up.sql"), format!("{sql}\n")), down, metadata]
            };
            steps.iter().flat_map(files).collect()
        },
        migration: numbered,
        row: |step| format!("__diesel_schema_migrations WHERE version = '{:02}'", step.number),
        history: &["__diesel_schema_migrations"],
        has_mark: true,
        engines: ALL,
    },
    Native {
        name: "golang-migrate",
        files: |steps| {
            let file = |step: &Step, direction: &str, sql: &str| {
                (format!("migrations/{}.{direction}.sql", numbered(step)), format!("{sql}\n"))
            };
            let both = |step: &Step| [file(step, "up", &step.sql), file(step, "down", "DROP TABLE nothing;")];
            steps.iter().flat_map(both).collect()
        },
        migration: numbered,
        // The one row has the newest version.
        row: |step| format!("schema_migrations WHERE NOT dirty AND version >= {}", step.number),
        history: &["schema_migrations"],
        has_mark: false,
        engines: ALL,
    },
    Native {
        name: "flyway",
        files: |steps| {
            let files = |step: &Step| {
                let script = (format!("migrations/{}.sql", versioned(step)), format!("{}\n", step.sql));
                let own =
                    (format!("migrations/{}.sql.conf", versioned(step)), "executeInTransaction=false\n".to_owned());
                std::iter::once(script).chain(step.alone.then_some(own))
            };
            steps.iter().flat_map(files).collect()
        },
        migration: versioned,
        row: |step| format!("flyway_schema_history WHERE success AND version = '{}'", step.number),
        history: &["flyway_schema_history"],
        has_mark: true,
        engines: ALL,
    },
    Native {
        name: "goose",
        files: |steps| {
            let file = |step: &Step| {
                let mark = if step.alone { "-- +goose NO TRANSACTION\n" } else { "" };
                // As people write them: each statement in a block, so that no line cuts it.
                let up = format!("-- +goose StatementBegin\n{}\n-- +goose StatementEnd\n", step.sql);
                let text = format!("{mark}-- +goose Up\n{up}\n-- +goose Down\nDROP TABLE nothing;\n");
                (format!("migrations/{}.sql", numbered(step)), text)
            };
            steps.iter().map(file).collect()
        },
        migration: numbered,
        row: |step| format!("goose_db_version WHERE is_applied AND version_id = {}", step.number),
        history: &["goose_db_version"],
        has_mark: true,
        engines: ALL,
    },
    Native {
        name: "refinery",
        files: |steps| {
            let file = |step: &Step| (format!("migrations/{}.sql", versioned(step)), format!("{}\n", step.sql));
            steps.iter().map(file).collect()
        },
        migration: versioned,
        row: |step| format!("refinery_schema_history WHERE version = {}", step.number),
        history: &["refinery_schema_history"],
        has_mark: false,
        engines: ALL,
    },
    Native {
        name: "node-pg-migrate",
        files: |steps| {
            let file = |step: &Step| {
                let text = format!("-- Up Migration\n{}\n-- Down Migration\nDROP TABLE nothing;\n", step.sql);
                (format!("migrations/{}.sql", milliseconds(step)), text)
            };
            steps.iter().map(file).collect()
        },
        migration: milliseconds,
        row: |step| format!("pgmigrations WHERE name = '{}'", milliseconds(step)),
        history: &["pgmigrations"],
        has_mark: false,
        engines: &[Engine::Postgres],
    },
    Native {
        name: "umzug",
        files: |steps| {
            let both = |step: &Step| {
                let file = |ending: &str, sql: &str| {
                    (format!("migrations/{}.{ending}.sql", numbered(step)), format!("{sql}\n"))
                };
                [file("up", &step.sql), file("down", "DROP TABLE nothing;")]
            };
            steps.iter().flat_map(both).collect()
        },
        migration: |step| format!("{}.up.sql", numbered(step)),
        row: |step| format!("\"SequelizeMeta\" WHERE name = '{}.up.sql'", numbered(step)),
        history: &["SequelizeMeta"],
        has_mark: false,
        engines: ALL,
    },
    Native {
        name: "supabase",
        files: |steps| {
            let file = |step: &Step| (format!("supabase/migrations/{}.sql", dated(step)), step.sql.clone() + "\n");
            steps.iter().map(file).collect()
        },
        migration: dated,
        row: |step| format!("supabase_migrations.schema_migrations WHERE version = '202401010000{:02}'", step.number),
        history: &["supabase_migrations.schema_migrations"],
        // It needs none: the statement says it.
        has_mark: true,
        engines: &[Engine::Postgres],
    },
    Native {
        name: "tern",
        files: |steps| {
            let file = |step: &Step| {
                let mark = if step.alone { "---- tern: disable-tx ----\n" } else { "" };
                let down = "---- create above / drop below ----\nDROP TABLE nothing;\n";
                // tern stops at a file of which nothing goes up.
                let sql = if step.sql.trim().is_empty() { "SELECT 1;" } else { &step.sql };
                (format!("migrations/{}.sql", padded(step)), format!("{mark}{sql}\n{down}"))
            };
            steps.iter().map(file).collect()
        },
        migration: padded,
        // The one row has the newest version.
        row: |step| format!("public.schema_version WHERE version >= {}", step.number),
        history: &["schema_version"],
        has_mark: true,
        engines: &[Engine::Postgres],
    },
    Native {
        name: "liquibase",
        files: |steps| {
            let set = |step: &Step| {
                let option = if step.alone { " runInTransaction:false" } else { "" };
                // Liquibase refuses a change set without any text.
                let sql = if step.sql.trim().is_empty() { "-- nothing" } else { &step.sql };
                format!("--changeset ann:{} splitStatements:false{option}\n{sql}\n\n", numbered(step))
            };
            let sets: String = steps.iter().map(set).collect();
            let text = format!("--liquibase formatted sql\n\n{sets}");
            vec![
                ("changelog.sql".to_owned(), text),
                ("liquibase.properties".to_owned(), "changelogFile: changelog.sql\n".to_owned()),
            ]
        },
        migration: |step| format!("changelog.sql::{}::ann", numbered(step)),
        row: |step| format!("databasechangelog WHERE exectype = 'EXECUTED' AND id = '{}'", numbered(step)),
        history: &["databasechangelog", "databasechangeloglock", "DATABASECHANGELOG", "DATABASECHANGELOGLOCK"],
        has_mark: true,
        engines: ALL,
    },
];

/// A query about a history on this engine: names in quotes are those of the engine, and the tools' names are spelled as they spell
/// them there.
pub(crate) fn on(engine: Engine, query: &str) -> String {
    match engine {
        Engine::Mysql => {
            let plain = query.replace('"', "`").replace("drizzle.", "");
            plain.replace("databasechangelog", "DATABASECHANGELOG")
        }
        Engine::Postgres | Engine::Sqlite => query.to_owned(),
    }
}

/// The text of a file of Drizzle's, with a breakpoint between two statements. A server of MySQL refuses an empty one.
fn pieces(step: &Step) -> String {
    let sql = if step.sql.trim().is_empty() { "-- nothing" } else { &step.sql };
    let mut text = String::new();
    for line in sql.trim_end().split_inclusive('\n') {
        text += line;
        // Not within a body in dollar quotes, nor in a comment.
        let is_open =
            !text.matches('$').count().is_multiple_of(4) || text.matches("/*").count() != text.matches("*/").count();
        if line.ends_with(";\n") && !is_open {
            text += "--> statement-breakpoint\n";
        }
    }
    text + "\n"
}

/// `1700000000001_slug`
fn milliseconds(step: &Step) -> String {
    format!("17000000000{:02}_{}", step.number, step.slug)
}

/// `001_slug`
fn padded(step: &Step) -> String {
    format!("{:03}_{}", step.number, step.slug)
}

/// `V1__slug`
fn versioned(step: &Step) -> String {
    format!("V{}__{}", step.number, step.slug)
}

/// 2024-01-01, with the number as seconds, in milliseconds.
fn time(step: &Step) -> u64 {
    1_704_067_200_000 + 1000 * u64::from(step.number)
}

/// `20240101000001_slug`
fn dated(step: &Step) -> String {
    format!("202401010000{:02}_{}", step.number, step.slug)
}

/// `01_slug`
fn numbered(step: &Step) -> String {
    format!("{:02}_{}", step.number, step.slug)
}
