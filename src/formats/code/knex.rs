//! knex: `migrations/*.js`, and the table `knex_migrations` with the names of the files that ran.
//!
//! Sources: knex 3.3, `lib/migrations/migrate/` (`sources/fs-migrations.js`, `migration-list-resolver.js`, `table-creator.js`)
//! and `bin/cli.js`; and runs of it, which are in tests/cases/knex.jsonl.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::code::command::CommandForm;
use crate::formats::code::files::{Named, SourceFile};
use crate::formats::code::options::{Options, text_of};
use crate::formats::code::stated::{Configuration, Stated};
use crate::formats::code::{Convention, FileRule, Missing, RowRule, by_code_units};
use crate::formats::tool::{Tool, ToolCommand};
use crate::formats::{Detection, FormatEntry, Partial, Surroundings};
use crate::sql::Dialect;

/// How it is found.
pub(crate) const ENTRY: FormatEntry =
    FormatEntry { name: MigrationFormat::Knex, detection: Detection::Code(&CONVENTION) };

static TOOL: Tool = Tool {
    name: "knex",
    authoring: "npx knex migrate:make SLUG",
    writes_from_schema: false,
    by_hand: "the rows of knex_migrations",
    command: Some(ToolCommand {
        programs: &["npx"],
        beside: "",
        arguments: &["knex", "migrate:latest"],
        inquiry: None,
    }),
};

static CONVENTION: Convention = Convention {
    usual: "knexfile.js",
    find,
    configure,
    dialects: Dialect::ALL,
    folder: "migrations",
    files: FileRule { is_recursive: false, read, order: by_code_units, refuses_duplicates: false },
    rows: RowRule {
        table: "knex_migrations",
        key: "name",
        // A timestamp on every engine.
        time: Some(("migration_time", Dialect::timestamp_as_text)),
        of_others: &[],
        normal: |key| key,
        locks_on: Dialect::ALL,
    },
    missing: Missing::Refused,
    command: CommandForm {
        programs: &["knex"],
        applies: &["migrate:latest"],
        harmless: &["--verbose", "--debug", "--color", "--no-color", "--esm", "--"],
        heeded: &["--knexfile"],
    },
    tool: |_, _| &TOOL,
};

/// Endings of the files that knex loads unless `loadExtensions` says otherwise.
const ENDINGS: &[&str] = &[".co", ".coffee", ".eg", ".iced", ".js", ".cjs", ".litcoffee", ".ls", ".ts"];

fn find(surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    let named = surroundings.command.and_then(|command| CommandForm::option(command, &["--knexfile"]));
    let endings = ["js", "cjs", "mjs", "ts", "cts", "mts", "coffee", "ls"];
    let usual = || endings.iter().map(|ending| PathBuf::from(format!("knexfile.{ending}"))).find(|file| file.is_file());
    named.map(PathBuf::from).filter(|file| file.is_file()).or_else(usual)
}

/// knex takes the part of the configuration that NODE_ENV names, or the whole where there is none.
fn configure(file: &Path, surroundings: &Surroundings<'_>) -> Result<Configuration, Error> {
    let text = text_of(file).unwrap_or_default();
    let whole = Options::exported(file, &text);
    let environment = surroundings.environment.get("NODE_ENV").unwrap_or("development");
    if whole.is_computed() {
        return Ok(Configuration::opaque(format!("{} computes the migrations", file.display())));
    }
    let options = match whole.has(environment) {
        Stated::Is(()) => whole.within(environment),
        Stated::Absent => whole,
        Stated::Computed(why) => return Ok(Configuration::opaque(why)),
    };
    let migrations = options.within("migrations");
    if options.is_computed() || migrations.is_computed() {
        return Ok(Configuration::opaque(format!("{} computes the migrations", file.display())));
    }
    let directory = file.parent().unwrap_or(Path::new(""));
    let unless_named = match migrations.paths("directory", directory) {
        Stated::Absent => Stated::Is(vec![directory.join("migrations")]),
        stated => stated,
    };
    let mut configuration = Configuration {
        folders: unless_named,
        table: migrations.text("tableName"),
        schema: migrations.text("schemaName"),
        ..Configuration::default()
    };
    match migrations.texts("loadExtensions") {
        Stated::Absent => {}
        Stated::Is(endings) => configuration.endings = Some(endings),
        Stated::Computed(why) => configuration.doubt(Partial::nothing_certain(why)),
    }
    match migrations.flag("disableMigrationsListValidation") {
        Stated::Absent => {}
        Stated::Is(flag) => configuration.tolerates_missing = flag,
        Stated::Computed(_) => configuration.tolerates_missing = true,
    }
    if migrations.has("migrationSource") != Stated::Absent {
        let why = format!("{} has a migrationSource of its own", file.display());
        configuration.doubt(Partial::nothing_certain(why));
    }
    Ok(configuration)
}

fn read(file: &SourceFile<'_>, configuration: &Configuration) -> Vec<Named> {
    // As Node's path.extname: from the last dot, which is not the first character.
    let ending = file.name.rfind('.').filter(|at| *at > 0).map_or("", |at| &file.name[at..]);
    let is_loaded = match &configuration.endings {
        Some(endings) => endings.iter().any(|known| known == ending),
        None => ENDINGS.contains(&ending),
    };
    if is_loaded { vec![Named::key(file.name)] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::environment::Environment;

    fn read_config(text: &str, environment: &[(&str, &str)]) -> Configuration {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("knexfile.js");
        std::fs::write(&file, text).unwrap();
        let environment =
            Environment::from_pairs(environment.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let surroundings = Surroundings::without_settings(&environment);
        let mut configuration = configure(&file, &surroundings).unwrap();
        if let Stated::Is(folders) = &mut configuration.folders {
            folders.iter_mut().for_each(|path| *path = path.strip_prefix(folder.path()).unwrap_or(path).to_owned());
        }
        configuration
    }

    fn folders(configuration: &Configuration) -> Vec<String> {
        match &configuration.folders {
            Stated::Is(folders) => folders.iter().map(|folder| folder.display().to_string()).collect(),
            other => vec![format!("{other:?}")],
        }
    }

    #[test]
    fn the_part_of_the_environment_counts_or_the_whole() {
        let text = "module.exports = {\n  development: { client: 'pg', migrations: { directory: './dev' } },\n  \
                    production: { migrations: { directory: ['./db/a', `db/b`], tableName: 'done', schemaName: \"ops\" } },\n};\n";
        let configuration = read_config(text, &[("NODE_ENV", "production")]);
        assert_eq!(folders(&configuration), ["db/a", "db/b"]);
        assert_eq!((configuration.table, configuration.schema), (Stated::Is("done".into()), Stated::Is("ops".into())));
        assert_eq!(folders(&read_config(text, &[])), ["dev"]);
        let flat = "export default { client: 'pg', migrations: { extension: 'ts', loadExtensions: ['.mjs'] } };";
        let configuration = read_config(flat, &[("NODE_ENV", "production")]);
        assert_eq!(folders(&configuration), ["migrations"]);
        assert_eq!(configuration.endings, Some(vec![".mjs".to_owned()]));
        assert_eq!(configuration.partial, None);
    }

    #[test]
    fn a_configuration_in_typescript_is_read_as_knex_init_writes_it() {
        let text = "import type { Knex } from \"knex\";\n\n// Update with your config settings.\n\nconst config: { [key: string]: Knex.Config } = {\n  \
                    development: {\n    client: \"sqlite3\",\n    connection: { filename: \"./dev.sqlite3\" }\n  },\n  production: {\n    \
                    client: \"postgresql\",\n    pool: { min: 2, max: 10 },\n    migrations: {\n      tableName: \"knex_migrations\"\n    }\n  }\n\n};\n\nmodule.exports = config;\n";
        let configuration = read_config(text, &[("NODE_ENV", "production")]);
        assert_eq!(configuration.table, Stated::Is("knex_migrations".to_owned()));
        assert_eq!((folders(&configuration), configuration.partial), (vec!["migrations".to_owned()], None));
    }

    #[test]
    fn what_is_computed_leaves_nothing_certain() {
        for text in [
            "module.exports = makeConfig();",
            "module.exports = { migrations: shared };",
            "module.exports = { ...base };",
            "module.exports = { migrations: { migrationSource: new Source() } };",
            "module.exports = { migrations: { ...shared, migrationSource } };",
            "module.exports = { [env]: { migrations: {} } };",
            "module.exports = { migrations: { loadExtensions: endings } };",
            "module.exports = async () => ({});",
        ] {
            let configuration = read_config(text, &[]);
            assert!(configuration.partial.is_some_and(|partial| !partial.is_lower_bound), "{text}");
        }
        let configuration =
            read_config("module.exports = { migrations: { directory: process.env.DIR, tableName: t() } };", &[]);
        assert!(configuration.folders.computed().is_some() && configuration.table.computed().is_some());
    }

    #[test]
    fn files_are_known_by_their_ending() {
        for (name, expected) in [
            ("a.js", true),
            ("b.cjs", true),
            ("c.JS", false),
            ("l.co", true),
            ("m.txt", false),
            ("x.d.ts", true),
            (".js", false),
            ("i j.js", true),
            ("k.mjs", false),
        ] {
            let file = SourceFile::with(name, "");
            assert_eq!(read(&file, &Configuration::default()).len(), usize::from(expected), "{name}");
        }
    }
}
