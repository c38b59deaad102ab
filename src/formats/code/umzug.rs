//! Programs that use umzug with migrations in JavaScript or TypeScript. Which files are migrations, what they are called in the
//! history and where it is, the program decides: only it can tell what is pending. doorstep applies folders of SQL files itself
//! (`formats/umzug`).

use std::path::{Path, PathBuf};

use crate::formats::code::command::CommandForm;
use crate::formats::code::files::{Named, SourceFile};
use crate::formats::code::node_pg_migrate::has_programs;
use crate::formats::code::options::depends_on;
use crate::formats::code::stated::Configuration;
use crate::formats::code::{Convention, FileRule, Missing, RowRule, by_code_units, is_script};
use crate::formats::tool::Tool;
use crate::formats::{Partial, Surroundings};
use crate::sql::Dialect;

static TOOL: Tool = Tool {
    name: "umzug",
    authoring: "node migrate.js create --name SLUG.js",
    writes_from_schema: false,
    by_hand: "the rows of SequelizeMeta",
    // The program has no usual name.
    command: None,
};

pub(crate) static CONVENTION: Convention = Convention {
    usual: "package.json with umzug",
    find,
    configure: |_, _| {
        let mut configuration = Configuration::default();
        let why = "the program that uses umzug decides which files are migrations, and where their history is";
        configuration.doubt(Partial::nothing_certain(why.to_owned()));
        Ok(configuration)
    },
    dialects: Dialect::ALL,
    folder: "migrations",
    files: FileRule { is_recursive: false, read, order: by_code_units, refuses_duplicates: false },
    rows: RowRule { table: "SequelizeMeta", key: "name", time: None, of_others: &[], normal: |key| key, locks_on: &[] },
    missing: Missing::Ignored,
    command: CommandForm { programs: &[], applies: &[], harmless: &[], heeded: &[] },
    tool: |_, _| &TOOL,
};

fn find(surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    let folder = surroundings.folder.unwrap_or(Path::new(CONVENTION.folder));
    (has_programs(folder) && depends_on("umzug")).then(|| PathBuf::from("package.json"))
}

fn read(file: &SourceFile<'_>, _: &Configuration) -> Vec<Named> {
    let is_migration = !file.name.starts_with('.') && (is_script(file.name) || file.name.ends_with(".sql"));
    if is_migration { vec![Named::key(file.name)] } else { Vec::new() }
}
