//! sequelize-cli: `migrations/*.js`, and the table `SequelizeMeta` with the names of the files that ran.
//!
//! Sources: sequelize-cli 6.6, `src/core/migrator.js`, `src/helpers/config-helper.js`, `path-helper.js` and
//! `umzug-helper.js`; and runs of it, which are in tests/cases/sequelize-cli.jsonl.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::code::command::CommandForm;
use crate::formats::code::files::{Named, SourceFile};
use crate::formats::code::options::{Options, depends_on, text_of};
use crate::formats::code::stated::{Configuration, Stated};
use crate::formats::code::{Convention, FileRule, Missing, RowRule, by_code_units};
use crate::formats::tool::{Tool, ToolCommand};
use crate::formats::{Detection, FormatEntry, Partial, Surroundings};
use crate::sql::Dialect;

/// How it is found.
pub(crate) const ENTRY: FormatEntry =
    FormatEntry { name: MigrationFormat::Sequelize, detection: Detection::Code(&CONVENTION) };

/// The file of the paths.
const PATHS: &str = ".sequelizerc";

static TOOL: Tool = Tool {
    name: "sequelize",
    authoring: "npx sequelize-cli migration:generate --name SLUG",
    writes_from_schema: false,
    by_hand: "the rows of SequelizeMeta",
    command: Some(ToolCommand {
        programs: &["npx"],
        beside: "",
        arguments: &["sequelize-cli", "db:migrate"],
        inquiry: None,
    }),
};

static CONVENTION: Convention = Convention {
    usual: PATHS,
    find,
    configure,
    dialects: Dialect::ALL,
    folder: "migrations",
    files: FileRule { is_recursive: false, read, order: by_code_units, refuses_duplicates: false },
    rows: RowRule { table: "SequelizeMeta", key: "name", time: None, of_others: &[], normal: |key| key, locks_on: &[] },
    missing: Missing::Ignored,
    command: CommandForm {
        programs: &["sequelize-cli", "sequelize"],
        applies: &["db:migrate"],
        harmless: &["--debug", "--"],
        // The URL is doorstep's business, and is not looked at.
        heeded: &["--url"],
    },
    tool: |_, _| &TOOL,
};

/// The file of the paths; or a package.json with sequelize-cli, where its folder has such files.
fn find(_: &Surroundings<'_>) -> Option<PathBuf> {
    let paths = Path::new(PATHS);
    if paths.is_file() {
        return Some(paths.to_owned());
    }
    let is_migration = |entry: std::fs::DirEntry| entry.file_name().to_str().is_some_and(is_migration);
    let mut files = std::fs::read_dir(CONVENTION.folder).ok()?.flatten();
    (files.any(is_migration) && depends_on("sequelize-cli")).then(|| PathBuf::from("package.json"))
}

fn configure(file: &Path, surroundings: &Surroundings<'_>) -> Result<Configuration, Error> {
    let is_paths = file.ends_with(PATHS);
    let text = if is_paths { text_of(file).unwrap_or_default() } else { "{}".to_owned() };
    let paths = Options::exported(file, &text);
    if paths.is_computed() {
        return Ok(Configuration::opaque(format!("{} computes the paths", file.display())));
    }
    let mut configuration =
        Configuration { folders: paths.paths("migrations-path", Path::new("")), ..Configuration::default() };
    let config = match paths.paths("config", Path::new("")) {
        Stated::Absent => {
            ["config/config.json", "config/config.js"].map(PathBuf::from).into_iter().find(|it| it.is_file())
        }
        Stated::Is(files) => files.into_iter().next(),
        Stated::Computed(why) => {
            configuration.table = Stated::Computed(why);
            return Ok(configuration);
        }
    };
    if let Some(config) = config {
        read_config(&config, surroundings, &mut configuration);
    }
    if is_paths && paths.has("env") != Stated::Absent {
        configuration.doubt(Partial::nothing_certain(format!("{PATHS} sets env")));
    }
    Ok(configuration)
}

/// Sequelize's dialects without schemas: there the schema and a dot are the beginning of the table's name.
const WITHOUT_SCHEMAS: &[&str] = &["mysql", "mariadb", "sqlite"];

/// The name of the table, in the part of the configuration that NODE_ENV names.
fn read_config(config: &Path, surroundings: &Surroundings<'_>, configuration: &mut Configuration) {
    let text = text_of(config).unwrap_or_default();
    let whole = Options::exported(config, &text);
    let environment = surroundings.environment.get("NODE_ENV").unwrap_or("development");
    let options = match whole.has(environment) {
        Stated::Absent => whole,
        Stated::Is(()) | Stated::Computed(_) => whole.within(environment),
    };
    if options.is_computed() {
        configuration.table = Stated::Computed(format!("{} computes the options", config.display()));
        return;
    }
    configuration.table = options.text("migrationStorageTableName");
    configuration.schema = options.text("migrationStorageTableSchema");
    let is_flat = matches!(options.text("dialect"), Stated::Is(dialect) if WITHOUT_SCHEMAS.contains(&dialect.as_str()));
    if let (true, Stated::Is(schema)) = (is_flat, &configuration.schema) {
        let named = |table: &str| format!("{schema}.{table}");
        match &configuration.table {
            Stated::Absent => configuration.table = Stated::Is(named(CONVENTION.rows.table)),
            Stated::Is(table) => configuration.table = Stated::Is(named(table)),
            Stated::Computed(_) => {}
        }
        configuration.schema = Stated::Absent;
    }
    match options.text("migrationStorage") {
        Stated::Absent => {}
        Stated::Is(storage) if storage == "sequelize" => {}
        Stated::Is(storage) => {
            let why = format!("{} keeps the history in another place than the database ({storage})", config.display());
            configuration.doubt(Partial::nothing_certain(why));
        }
        Stated::Computed(why) => configuration.doubt(Partial::nothing_certain(why)),
    }
}

/// `/^(?!.*\.d\.ts$).*\.(cjs|js|cts|ts)$/`
fn is_migration(name: &str) -> bool {
    let endings = [".cjs", ".js", ".cts", ".ts"];
    !name.ends_with(".d.ts") && endings.iter().any(|ending| name.ends_with(ending))
}

fn read(file: &SourceFile<'_>, _: &Configuration) -> Vec<Named> {
    if is_migration(file.name) { vec![Named::key(file.name)] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_sequelize_knows_no_schemas_the_schema_is_a_part_of_the_name() {
        let read = |options: &str| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("config.js");
            std::fs::write(&file, format!("module.exports = {{ {options} }};\n")).unwrap();
            let environment = crate::base::environment::Environment::default();
            let surroundings = Surroundings::without_settings(&environment);
            let mut configuration = Configuration::default();
            read_config(&file, &surroundings, &mut configuration);
            (configuration.schema, configuration.table)
        };
        let is = |text: &str| Stated::Is(text.to_owned());
        let schema = "migrationStorageTableSchema: 'ops'";
        assert_eq!(read(&format!("dialect: 'mysql', {schema}")), (Stated::Absent, is("ops.SequelizeMeta")));
        let both = format!("dialect: 'mariadb', {schema}, migrationStorageTableName: 'done'");
        assert_eq!(read(&both), (Stated::Absent, is("ops.done")));
        assert_eq!(read(&format!("dialect: 'postgres', {schema}")), (is("ops"), Stated::Absent));
    }

    #[test]
    fn files_are_known_by_their_ending() {
        for (name, expected) in [
            ("a.js", true),
            (".a.js", true),
            ("a.cjs", true),
            ("a.ts", true),
            ("i.d.ts", false),
            ("k.mjs", false),
            ("j.sql", false),
            ("e.js.bak", false),
            ("é.js", true),
        ] {
            assert_eq!(is_migration(name), expected, "{name}");
        }
    }
}
