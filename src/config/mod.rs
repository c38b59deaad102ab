//! Settings. Each is declared once, in [`Layer`]; that declaration is its flag, its environment variable and its key in
//! doorstep.toml. Precedence: flag > environment > file > default.
//!
//! Two types, as in ripgrep: [`Layer`] is what the user wrote, all of it optional; [`Settings`] is checked and has every
//! default. Nothing here connects to the database or looks for the project's files.

pub(crate) mod env_file;
pub(crate) mod environment;
pub(crate) mod file;
pub(crate) mod flags;
pub(crate) mod lint_rule;
pub(crate) mod migration_format;
pub(crate) mod query;
pub(crate) mod requirement_form;
pub(crate) mod requirements;
pub(crate) mod requirements_file;
pub(crate) mod tenants;
pub(crate) mod toml_switch;
pub(crate) mod url_origin;
pub(crate) mod value;
pub(crate) mod wait_for;
pub(crate) mod words;

pub(crate) use lint_rule::{LintAllow, LintRule};
pub(crate) use migration_format::MigrationFormat;
pub(crate) use query::ServiceQuery;
pub(crate) use requirements::{Line, Require};
pub(crate) use url_origin::{Origins, UrlOrigin};

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::base::environment::Environment;
use crate::base::likeness::nearest;
use crate::base::log::{LogFormat, LogLevel};
use crate::base::secret::{Secret, SecretSource};
use crate::config::file::File;
pub(crate) use crate::config::tenants::{Jobs, OnFailure, SchemasFrom, Tenancy};
pub(crate) use crate::config::value::{
    Allow, DurationSetting, List, Listen, Mode, OnUnknown, OutOfOrder, SchemaName, Strictness, Switch, TableSetting,
};
pub(crate) use crate::config::wait_for::{Dependency, DependencyKind};
pub(crate) use crate::config::words::Words;
use crate::sql::TableName;

use crate::base::error::Error;

/// Declares the settings; the doc comment of a field is its help text.
macro_rules! layer {
    ($(
        $(#[doc = $doc:literal])+
        $(#[serde($form:ident = $reader:literal)])?
        [$heading:literal, $value:literal $(, $key:ident = $set:expr)*] $name:ident: $type:ty,
    )*) => {
        /// One source of settings: the flags, the environment or doorstep.toml. All of it optional.
        #[derive(clap::Args, Deserialize, Debug, Default, Clone)]
        pub struct Layer {
            $(
                $(#[doc = $doc])+
                #[arg(long, global = true, help_heading = $heading, value_name = $value $(, $key = $set)*)]
                #[serde(default $(, $form = $reader)?)]
                pub $name: Option<$type>,
            )*
        }

        impl Layer {
            /// Every setting's name, as doorstep.toml spells it.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// This layer, with its gaps filled from a weaker one.
            fn or(self, weaker: Self) -> Self {
                Self { $( $name: self.$name.or(weaker.$name), )* }
            }
        }
    };
}

layer! {
    /// Read more variables from this file of KEY=VALUE lines, e.g. .env; only if it is named
    ///
    /// For doorstep itself: DATABASE_URL and DOORSTEP_*. Neither the service nor a hook gets them. What the environment sets wins, and
    /// nothing is interpolated.
    [ "Settings", "FILE" ] env_file: PathBuf,
    /// The service's database; also DATABASE_URL or PG*
    ///
    /// Without a setting it is DATABASE_URL, the url of the Prisma schema, or what libpq's PG* variables name.
    /// postgres://, postgresql:// (driver suffixes such as +asyncpg and Prisma's parameters are
    /// understood), libpq's keyword form, file:./dev.db or sqlite://dev.db.
    [ "Database", "URL" ] database_url: Secret,
    /// Read the database URL from this file, again at every connect
    [ "Database", "FILE" ] database_url_file: PathBuf,
    /// Another URL or role for doorstep's own work
    ///
    /// The service never sees it. Prisma's directUrl. Use it to migrate with an owner's role, or past a pooler. [default: database_url]
    [ "Database", "URL" ] migrate_url: Secret,
    /// Read migrate_url from this file, again at every connect
    [ "Database", "FILE" ] migrate_url_file: PathBuf,
    /// Run this at every login, without a shell: what it prints is the password
    ///
    /// For tokens of IAM and leases of Vault. One newline at its end is removed. It may take as long as command_timeout says, else 30 s.
    [ "Database", "COMMAND" ] password_command: Words,
    /// PostgreSQL: the role that owns what doorstep creates; the login must be a member of it
    ///
    /// All sessions of doorstep's own act as it, as after SET ROLE, so that objects have the same owner under short-lived logins.
    [ "Database", "ROLE" ] migrate_role: SchemaName,
    /// How long to wait; 0 = no limit [default: 2m]
    [ "Wait", "DURATION" ] wait_timeout: DurationSetting,
    /// Try this many times at a fixed interval instead of backing off
    [ "Wait", "N" ] wait_attempts: u32,
    /// The fixed interval of wait_attempts [default: 2s]
    [ "Wait", "DURATION" ] wait_interval: DurationSetting,
    /// Also wait for this: tcp://host:port, http(s)://host/path, file:/path, exec:command
    ///
    /// May be repeated, or comma-separated. All are asked at the same time as the database, until wait_timeout. http: 2xx or 3xx is
    /// ready, redirects are not followed. exec: exit code 0 is ready, and no shell runs the command.
    #[serde(deserialize_with = "wait_for::entries")]
    [ "Wait", "WHAT", action = clap::ArgAction::Append ] wait_for: Vec<wait_for::Entries>,
    /// How long the whole start may take, until the service runs; 0 = no limit [default: 0]
    ///
    /// Then it is stopped as by SIGTERM. Exit code 69, or 75 while another session holds the migration lock.
    [ "Wait", "DURATION" ] start_timeout: DurationSetting,
    /// Schemas to create when absent, comma-separated
    ///
    /// [default: those named by `schemas = […]` of the Prisma schema and by ?schema= of the URL]
    [ "Schemas", "NAMES" ] schemas: List,
    /// Apply the folder to each of these schemas: names, or a query that returns them
    ///
    /// Each has a history of its own, and is created when absent. Names are comma-separated. A query begins with SELECT, WITH, VALUES or
    /// TABLE, returns one column, and runs read-only. PostgreSQL only.
    [ "Schemas", "NAMES|QUERY" ] schemas_from: SchemasFrom,
    /// How many schemas of schemas_from to migrate at a time, each over its own connection [default: 4]
    [ "Schemas", "N" ] tenant_jobs: Jobs,
    /// Whether the other schemas are migrated when one has failed [default: continue]
    [ "Schemas", "WHAT" ] tenant_failure: OnFailure,
    /// Schemas behind each of schemas_from in the search path, e.g. public for its extensions [default: none]
    [ "Schemas", "NAMES" ] tenant_path: List,
    /// What to do about migrations [default: apply]
    [ "Migrate", "MODE" ] migrate: Mode,
    /// The migrations folder [default: found by convention]
    ///
    /// By convention it is prisma/migrations, or migrations; of dbmate also db/migrations, of sqlx what sqlx.toml names.
    [ "Migrate", "DIR" ] migrations: PathBuf,
    /// Which tool's folder and history table it is [default: detected]
    [ "Migrate", "FORMAT" ] migration_format: crate::config::MigrationFormat,
    /// Name of the history table, with its schema if need be, e.g. app.migrations [default: the tool's]
    [ "Migrate", "TABLE" ] history_table: TableSetting,
    /// Let this tool apply the migrations, under doorstep's lock and without a shell [default: alembic, manage.py by their files]
    ///
    /// e.g. alembic upgrade head. Where Alembic's or Django's files tell that nothing is pending, it is not started.
    [ "Migrate", "COMMAND" ] migrate_command: Words,
    /// Run this before anything is migrated, under the lock and without a shell: a backup
    [ "Migrate", "COMMAND" ] before_migrate: Words,
    /// Run this after something was migrated, under the lock and without a shell
    [ "Migrate", "COMMAND" ] after_migrate: Words,
    /// How long migrate_command and each hook may take; 0 = no limit [default: 0]
    ///
    /// Then it gets SIGTERM, after 7 s SIGKILL, with all its processes. Exit code 69.
    [ "Migrate", "DURATION" ] command_timeout: DurationSetting,
    /// What check and await make of migrations whose state neither the files nor the tool tell [default: refuse]
    [ "Migrate", "WHAT" ] unknown: OnUnknown,
    /// What to do about a pending migration that is older than an applied one [default: as the tool does]
    ///
    /// Where the tool would skip it for ever, a start stops without this setting.
    [ "Migrate", "WHAT" ] out_of_order: OutOfOrder,
    /// Variables of the environment that may land in statements: goose's ENVSUB
    ///
    /// Comma-separated names. A file that asks for another one is refused.
    [ "Migrate", "NAMES" ] migration_variables: List,
    /// The Prisma schema, file or folder [default: found by convention: schema.prisma, prisma/schema.prisma, prisma/schema]
    [ "Migrate", "PATH" ] prisma_schema: PathBuf,
    /// How long to queue for another replica's migration; 0 = no limit [default: 5m]
    [ "Migrate", "DURATION" ] migration_lock_timeout: DurationSetting,
    /// PostgreSQL's lock_timeout while migrating, retried while migration_lock_timeout allows; 0 = none [default: 5s]
    [ "Migrate", "DURATION" ] statement_lock_timeout: DurationSetting,
    /// Tables that must exist, e.g. users,app.invoices
    [ "Verify", "TABLES" ] require_tables: List,
    /// A file of `doorstep snapshot` to compare the database with [default: ./doorstep.snapshot.json, if it exists]
    [ "Verify", "FILE" ] snapshot: PathBuf,
    /// Least severity that stops the start [default: error]
    [ "Verify", "SEVERITY" ] verify: Strictness,
    /// Findings to accept, by object, comma-separated, e.g. table:public.legacy_*
    [ "Verify", "PATTERNS" ] verify_allow: List,
    /// Rules that lint does not report, comma-separated, e.g. drop or rename:migrations/2024*
    [ "Lint", "RULES" ] lint_allow: List,
    /// Stay beside the service: pass signals on, reap orphans, end with its exit code [default: false]
    [ "Service", "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true" ] init: Switch,
    /// Tell the phase over HTTP until the service starts: /live and /ready, e.g. at :8080
    [ "Service", "ADDRESS" ] health_addr: Listen,
    /// Where to leave the reason of a failure, if the file exists [default: /dev/termination-log]
    [ "Logs", "FILE" ] termination_log: PathBuf,
    /// How much to log [default: info; warn for commands that print an answer]
    [ "Logs", "LEVEL" ] log: LogLevel,
    /// Form of the log lines [default: text]
    [ "Logs", "FORMAT" ] log_format: LogFormat,
}

/// How long to wait for the database, and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Give up after this time; `None` waits forever.
    pub timeout: Option<Duration>,
    /// Number of attempts and the fixed interval between them, instead of backing off.
    pub fixed: Option<(u32, Duration)>,
}

/// Checked settings. Every default of the contract is filled in.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The environment with what `env_file` adds to it; `None` where no file is named.
    pub environment: Option<Environment>,
    /// The service's database. `None`: the Prisma schema or the PG* variables name it.
    pub database: Option<SecretSource>,
    /// The URL for doorstep's own work, if it is not the service's.
    pub migrate_database: Option<SecretSource>,
    /// What named these two.
    pub origins: Origins,
    /// The role that doorstep's own sessions act as.
    pub migrate_role: Option<String>,
    /// The command that prints the password of a login.
    pub password_command: Option<Words>,
    /// Deadline and intervals of the wait.
    pub patience: Patience,
    /// How long a whole start may take; `None` has no end.
    pub start_timeout: Option<Duration>,
    /// How long a command under the lock may take; `None` has no end.
    pub command_timeout: Option<Duration>,
    /// What else to wait for.
    pub wait_for: Vec<Dependency>,
    /// Schemas to create, if named.
    pub schemas: Option<Vec<String>>,
    /// The schemas that the folder is applied to one by one.
    pub tenancy: Tenancy,
    /// Apply, await or leave migrations.
    pub mode: Mode,
    /// The migrations folder, if named.
    pub migrations: Option<PathBuf>,
    /// Its format, if named.
    pub format: Option<crate::config::MigrationFormat>,
    /// The history table, if named.
    pub history_table: Option<TableName>,
    /// The command of the tool that applies migrations instead of doorstep, if named.
    pub migrate_command: Option<Words>,
    /// The command to run before migrations.
    pub before_migrate: Option<Words>,
    /// The command to run after migrations.
    pub after_migrate: Option<Words>,
    /// What `check` and `await` make of a state that is not known.
    pub unknown: OnUnknown,
    /// What to do about pending migrations that are older than applied ones; `None`: as the tool does.
    pub out_of_order: Option<OutOfOrder>,
    /// Variables that may land in statements.
    pub migration_variables: Vec<String>,
    /// The Prisma schema, if named.
    pub prisma_schema: Option<PathBuf>,
    /// How long to wait for the migration lock; `None` waits forever.
    pub lock_timeout: Option<Duration>,
    /// `lock_timeout` of statements while migrating; `None` keeps the server's setting.
    pub statement_lock_timeout: Option<Duration>,
    /// The snapshot to compare the database with, if named.
    pub snapshot: Option<PathBuf>,
    /// Tables that must exist.
    pub require_tables: Vec<TableName>,
    /// `[require]`: other objects and rows that must exist, or must not.
    pub require: Require,
    /// Queries that must be able to use their indexes.
    pub queries: Vec<ServiceQuery>,
    /// Which findings stop the start.
    pub strictness: Strictness,
    /// Findings to ignore.
    pub allow: Vec<Allow>,
    /// What `lint` does not report.
    pub lint_allow: Vec<LintAllow>,
    /// Stay beside the service instead of becoming it.
    pub init: bool,
    /// Where to serve the phase over HTTP.
    pub health_addr: Option<Listen>,
    /// Where to write the reason of a failure; `None` is /dev/termination-log.
    pub termination_log: Option<PathBuf>,
    /// Log level, if named; the default depends on the command.
    pub log: Option<LogLevel>,
    /// Log format.
    pub log_format: LogFormat,
}

impl Settings {
    /// Merges the three layers and checks the result.
    ///
    /// # Errors
    /// [`Error::Settings`] for an unknown name, a value that does not parse, or two forms of one secret.
    pub(crate) fn load(flags: Layer, config: Option<PathBuf>, environment: &Environment) -> Result<Self, Error> {
        let variables = environment.layer()?;
        let File { layer: file, require, queries } =
            file::read(config.or_else(|| environment.path("DOORSTEP_CONFIG")))?;
        let named = flags.env_file.as_ref().or(variables.env_file.as_ref()).or(file.env_file.as_ref());
        let wider = named.map(|path| env_file::beneath(environment, path)).transpose()?;
        let environment = wider.as_ref().unwrap_or(environment);
        let variables = if wider.is_some() { environment.layer()? } else { variables };
        let layers = [&flags, &variables, &file];

        let database = match secret(&layers, "database_url", |l| (&l.database_url, &l.database_url_file))? {
            Some(source) => Some(source),
            None => environment.database_url()?,
        };
        let origins = Origins::of(&layers, database.as_ref());
        let migrate_database = secret(&layers, "migrate_url", |l| (&l.migrate_url, &l.migrate_url_file))?;

        let merged = flags.or(variables).or(file);
        let patience = patience(&merged)?;
        let dependencies: Vec<String> = merged.wait_for.into_iter().flatten().flat_map(|entries| entries.0).collect();
        Ok(Self {
            environment: wider,
            database,
            migrate_database,
            origins,
            migrate_role: merged.migrate_role.map(|role| role.0),
            password_command: merged.password_command,
            patience,
            start_timeout: limit(merged.start_timeout, Duration::ZERO),
            command_timeout: limit(merged.command_timeout, Duration::ZERO),
            wait_for: parse_all(&dependencies, "wait_for")?,
            schemas: merged.schemas.map(|list| schemas(&list, "schemas")).transpose()?,
            tenancy: tenancy((merged.schemas_from, merged.tenant_path), merged.tenant_jobs, merged.tenant_failure)?,
            mode: merged.migrate.unwrap_or(Mode::Apply),
            migrations: merged.migrations,
            format: merged.migration_format,
            history_table: merged.history_table.map(|table| table.0),
            migrate_command: merged.migrate_command,
            before_migrate: merged.before_migrate,
            after_migrate: merged.after_migrate,
            unknown: merged.unknown.unwrap_or(OnUnknown::Refuse),
            out_of_order: merged.out_of_order,
            migration_variables: merged.migration_variables.unwrap_or_default().0,
            prisma_schema: merged.prisma_schema,
            lock_timeout: limit(merged.migration_lock_timeout, Duration::from_secs(300)),
            statement_lock_timeout: limit(merged.statement_lock_timeout, Duration::from_secs(5)),
            snapshot: merged.snapshot,
            require_tables: parse_all(&merged.require_tables.unwrap_or_default().0, "require_tables")?,
            require,
            queries,
            strictness: merged.verify.unwrap_or(Strictness::Error),
            allow: parse_all(&merged.verify_allow.unwrap_or_default().0, "verify_allow")?,
            lint_allow: parse_all(&merged.lint_allow.unwrap_or_default().0, "lint_allow")?,
            init: merged.init.is_some_and(|switch| switch.0),
            health_addr: merged.health_addr,
            termination_log: merged.termination_log,
            log: merged.log,
            log_format: merged.log_format.unwrap_or(LogFormat::Text),
        })
    }
}

/// Deadline and intervals of the wait. With `wait_attempts` the number of attempts ends it, so the default deadline does
/// not apply.
fn patience(layer: &Layer) -> Result<Patience, Error> {
    let interval = layer.wait_interval.map_or(Duration::from_secs(2), |span| span.0);
    let fixed = match layer.wait_attempts {
        Some(0) => return Err(Error::Settings("wait_attempts must be at least 1".to_owned())),
        Some(attempts) => Some((attempts, interval)),
        None if layer.wait_interval.is_some() => Some((u32::MAX, interval)),
        None => None,
    };
    let default = match layer.wait_attempts {
        Some(_) => Duration::ZERO,
        None => Duration::from_secs(120),
    };
    Ok(Patience { timeout: limit(layer.wait_timeout, default), fixed })
}

fn tenancy(
    (from, path): (Option<SchemasFrom>, Option<List>),
    jobs: Option<Jobs>,
    on_failure: Option<OnFailure>,
) -> Result<Tenancy, Error> {
    let (jobs, on_failure) = (jobs.map_or(4, |jobs| jobs.0), on_failure.unwrap_or(OnFailure::Continue));
    Ok(Tenancy { from, jobs, on_failure, path: schemas(&path.unwrap_or_default(), "tenant_path")? })
}

fn schemas(list: &List, setting: &str) -> Result<Vec<String>, Error> {
    Ok(parse_all::<SchemaName>(&list.0, setting)?.into_iter().map(|name| name.0).collect())
}

/// `0` means no limit, in every setting that is a deadline.
fn limit(span: Option<DurationSetting>, default: Duration) -> Option<Duration> {
    let duration = span.map_or(default, |span| span.0);
    (duration > Duration::ZERO).then_some(duration)
}

fn parse_all<T>(items: &[String], setting: &str) -> Result<Vec<T>, Error>
where
    T: std::str::FromStr<Err = String>,
{
    let parse = |item: &String| item.parse().map_err(|why| Error::Settings(format!("{setting}: {why}")));
    items.iter().map(parse).collect()
}

/// The first layer that gives the secret, as text or as a file, decides. Both forms in one layer are an error.
fn secret<'a>(
    layers: &[&'a Layer],
    name: &str,
    forms: fn(&'a Layer) -> (&'a Option<Secret>, &'a Option<PathBuf>),
) -> Result<Option<SecretSource>, Error> {
    for layer in layers {
        match forms(layer) {
            (Some(_), Some(_)) => return Err(both_forms(name)),
            // `--database-url "$URL"` with $URL unset: a weaker layer must not silently name another database.
            (Some(text), None) if text.expose().trim().is_empty() => {
                return Err(Error::Settings(format!("{name} is empty\nnext: give a URL, or leave it out")));
            }
            (Some(text), None) => return Ok(Some(SecretSource::Text(text.clone()))),
            (None, Some(path)) => return Ok(Some(SecretSource::File(path.clone()))),
            (None, None) => {}
        }
    }
    Ok(None)
}

fn both_forms(name: &str) -> Error {
    let file = if name.chars().any(|c| c.is_ascii_uppercase()) { "_FILE" } else { "_file" };
    Error::Settings(format!("both {name} and {name}{file} are set\nnext: keep one of them"))
}

/// The error for an unknown name. Suggests the most similar known name, if the similarity is above 0.6: a likely typing
/// error. Prefix and case are left out of the comparison, because all names share them.
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>, written: fn(&str) -> String) -> Error {
    let bare = name.to_ascii_lowercase();
    let bare = bare.strip_prefix("doorstep_").unwrap_or(&bare);
    let hint = match nearest(bare, known) {
        Some(known) => format!("did you mean {}?", written(known)),
        None => "`doorstep run --help` lists every setting".to_owned(),
    };
    Error::Settings(format!("unknown {what} {name}\nnext: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::from_pairs(variables.iter().map(|(k, v)| ((*k).into(), (*v).into())))
    }

    fn load(flags: Layer, variables: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::load(flags, None, &environment(variables))
    }

    #[test]
    fn a_flag_is_stronger_than_a_variable() {
        let flags = Layer { wait_timeout: Some(DurationSetting(Duration::from_secs(1))), ..Layer::default() };
        let settings = load(flags, &[("DOORSTEP_WAIT_TIMEOUT", "9s")]).unwrap();
        assert_eq!(settings.patience.timeout, Some(Duration::from_secs(1)));
    }

    #[test]
    fn attempts_and_interval_replace_the_default_deadline() {
        let settings = load(Layer::default(), &[("DOORSTEP_WAIT_ATTEMPTS", "60")]).unwrap();
        let fixed = Some((60, Duration::from_secs(2)));
        assert_eq!(settings.patience, Patience { timeout: None, fixed });
    }

    #[test]
    fn zero_is_no_limit() {
        let settings = load(Layer::default(), &[("DOORSTEP_WAIT_TIMEOUT", "0")]).unwrap();
        assert_eq!(settings.patience.timeout, None);
    }

    #[test]
    fn both_forms_of_a_secret_in_one_layer_are_an_error() {
        let both = [("DOORSTEP_MIGRATE_URL", "x"), ("DOORSTEP_MIGRATE_URL_FILE", "/y")];
        let error = load(Layer::default(), &both).unwrap_err().to_string();
        assert!(error.contains("both migrate_url and migrate_url_file are set"), "{error}");
        let both = [("DATABASE_URL", "x"), ("DATABASE_URL_FILE", "/y")];
        let error = load(Layer::default(), &both).unwrap_err().to_string();
        assert!(error.contains("both DATABASE_URL and DATABASE_URL_FILE"), "{error}");
    }

    #[test]
    fn a_stronger_layer_overrides_either_form() {
        let flags = Layer { database_url: Some(Secret::new("file:a.db")), ..Layer::default() };
        let settings = load(flags, &[("DOORSTEP_DATABASE_URL_FILE", "/y")]).unwrap();
        assert!(matches!(settings.database, Some(SecretSource::Text(_))));
    }
}
