//! node-pg-migrate's folders with migrations in JavaScript or TypeScript, which only the tool can run. doorstep applies folders
//! of SQL files itself (`formats/node_pg_migrate`).
//!
//! Sources: node-pg-migrate 9.0.0 (`migration.ts`, `runner.ts`, `bin/node-pg-migrate.ts`); and runs of it, which are in
//! tests/cases/node-pg-migrate.jsonl.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::formats::code::command::CommandForm;
use crate::formats::code::files::{Named, SourceFile, list};
use crate::formats::code::options::depends_on;
use crate::formats::code::stated::{Configuration, Stated};
use crate::formats::code::{Convention, FileRule, Missing, RowRule, by_code_units, by_number, is_script};
use crate::formats::tool::{Tool, ToolCommand};
use crate::formats::{Partial, Surroundings};
use crate::sql::Dialect;

const fn tool(arguments: &'static [&'static str]) -> Tool {
    Tool {
        name: "node-pg-migrate",
        authoring: "npx node-pg-migrate create SLUG",
        writes_from_schema: false,
        by_hand: "the rows of pgmigrations",
        command: Some(ToolCommand { programs: &["npx"], beside: "", arguments, inquiry: None }),
    }
}

static TOOL: Tool = tool(&["node-pg-migrate", "up"]);

/// The tool, with the folder that the settings name among its arguments.
fn tool_of(folder: Option<&Path>) -> &'static Tool {
    match folder.filter(|folder| *folder != Path::new(CONVENTION.folder)) {
        None => &TOOL,
        Some(folder) => {
            // Once in a start, and needed to its end.
            let folder: &'static str = Box::leak(folder.display().to_string().into_boxed_str());
            crate::formats::kept(tool(Box::leak(Box::new(["node-pg-migrate", "up", "-m", folder]))))
        }
    }
}

pub(crate) static CONVENTION: Convention = Convention {
    usual: "package.json with node-pg-migrate",
    find,
    configure,
    dialects: &[Dialect::Postgres],
    folder: "migrations",
    files: FileRule { is_recursive: false, read, order: by_prefix, refuses_duplicates: true },
    rows: RowRule {
        table: "pgmigrations",
        key: "name",
        time: Some(("run_on", Dialect::time_as_text)),
        of_others: &[],
        normal: |key| key,
        locks_on: &[Dialect::Postgres],
    },
    missing: Missing::Ignored,
    command: CommandForm {
        programs: &["node-pg-migrate"],
        applies: &["up"],
        harmless: &[
            "--verbose",
            "--no-verbose",
            "--no-lock",
            "--lock",
            "--single-transaction",
            "--no-single-transaction",
            "--",
        ],
        heeded: &[
            "-m",
            "--migrations-dir",
            "-t",
            "--migrations-table",
            "--migrations-schema",
            "-d",
            "--database-url-var",
        ],
    },
    tool: |_, folder| tool_of(folder),
};

/// package.json with the tool, where its folder has programs.
fn find(surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    let of_command = surroundings.command.and_then(|command| CommandForm::option(command, &["-m", "--migrations-dir"]));
    let folder = surroundings.folder.map(Path::to_owned).or(of_command.map(PathBuf::from));
    let folder = folder.unwrap_or_else(|| PathBuf::from(CONVENTION.folder));
    (has_programs(&folder) && depends_on("node-pg-migrate")).then(|| PathBuf::from("package.json"))
}

/// Whether a folder has migrations in code.
pub(crate) fn has_programs(folder: &Path) -> bool {
    let files = list(folder, false).unwrap_or_default();
    files.iter().filter_map(|path| path.file_name()?.to_str()).any(|name| !name.starts_with('.') && is_script(name))
}

/// Folder and table are options of the command; node-config may have them, too.
fn configure(_: &Path, surroundings: &Surroundings<'_>) -> Result<Configuration, Error> {
    let option = |names| match surroundings.command.and_then(|command| CommandForm::option(command, names)) {
        Some(value) => Stated::Is(value),
        None => Stated::Absent,
    };
    let folders = match option(&["-m", "--migrations-dir"]) {
        Stated::Is(folder) => Stated::Is(vec![PathBuf::from(folder)]),
        Stated::Absent | Stated::Computed(_) => Stated::Absent,
    };
    let mut configuration = Configuration {
        folders,
        table: option(&["-t", "--migrations-table"]),
        schema: option(&["--migrations-schema"]),
        ..Configuration::default()
    };
    let files = list(Path::new("config"), false).unwrap_or_default();
    let sets = |path: &&PathBuf| read_text(path, FileKind::Source).is_ok_and(|text| text.contains("migrations-"));
    if let Some(file) = files.iter().find(sets) {
        configuration.doubt(Partial::nothing_certain(format!("{} sets options of the migrations", file.display())));
    }
    Ok(configuration)
}

/// The name without its ending. The tool stops at other files.
fn read(file: &SourceFile<'_>, _: &Configuration) -> Vec<Named> {
    if file.name.starts_with('.') {
        return Vec::new();
    }
    let parts = file.name.rsplit_once('.');
    let endings = ["sql", "js", "ts", "cjs", "mjs", "cts", "mts"];
    vec![match parts.filter(|(_, ending)| endings.iter().any(|known| ending.eq_ignore_ascii_case(known))) {
        Some((name, _)) => Named::key(name),
        None => Named::Refused("node-pg-migrate stops at a file that is neither SQL nor a program".to_owned()),
    }]
}

fn by_prefix(one: &str, other: &str) -> Ordering {
    let digits = |name: &str| name[..name.bytes().take_while(u8::is_ascii_digit).count()].to_owned();
    by_number(&digits(one), &digits(other)).then_with(|| by_code_units(one, other))
}
