//! Ecto: `priv/REPO/migrations/**/NUMBER_NAME.exs`, in a release `lib/APP-VERSION/priv/…`, and the table `schema_migrations`
//! with the numbers.
//!
//! Sources: ecto_sql 3, `lib/ecto/migrator.ex`, `lib/ecto/migration/schema_migration.ex`, `lib/mix/ecto_sql.ex`. Only their rules
//! were read: no package of the tool was at hand to run it.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::config::MigrationFormat;
use crate::formats::code::command::CommandForm;
use crate::formats::code::files::{Named, SourceFile};
use crate::formats::code::stated::{Configuration, Stated};
use crate::formats::code::text::{Comments, after, literal, without_comments};
use crate::formats::code::{Convention, FileRule, Missing, RowRule, by_number, normal_number};
use crate::formats::tool::{Tool, ToolCommand};
use crate::formats::{Detection, FormatEntry, Partial, Surroundings};
use crate::sql::Dialect;

/// How it is found.
pub(crate) const ENTRY: FormatEntry =
    FormatEntry { name: MigrationFormat::Ecto, detection: Detection::Code(&CONVENTION) };

/// The script that Phoenix writes for a release (`mix phx.gen.release`).
const RELEASE: &str = "bin/migrate";

static MIX: Tool = Tool {
    name: "ecto",
    authoring: "mix ecto.gen.migration SLUG",
    writes_from_schema: false,
    by_hand: "the rows of schema_migrations",
    command: Some(ToolCommand { programs: &["mix"], beside: "", arguments: &["ecto.migrate"], inquiry: None }),
};

/// A release with that script.
static OF_RELEASE: Tool = Tool {
    name: MIX.name,
    authoring: MIX.authoring,
    writes_from_schema: false,
    by_hand: MIX.by_hand,
    command: Some(ToolCommand { programs: &[RELEASE], beside: RELEASE, arguments: &[], inquiry: None }),
};

/// A release whose module for migrations is not known.
static WITHOUT_COMMAND: Tool =
    Tool { name: MIX.name, authoring: MIX.authoring, writes_from_schema: false, by_hand: MIX.by_hand, command: None };

static CONVENTION: Convention = Convention {
    usual: "mix.exs",
    find,
    configure,
    dialects: Dialect::ALL,
    folder: "priv/repo/migrations",
    files: FileRule { is_recursive: true, read, order: by_number, refuses_duplicates: true },
    rows: RowRule {
        table: "schema_migrations",
        key: "version",
        // In UTC, without a zone.
        time: Some(("inserted_at", Dialect::time_as_text)),
        of_others: &[("dirty", "golang-migrate")],
        normal: normal_number,
        // GET_LOCK('ecto_REPO', -1) takes no lock on MariaDB.
        locks_on: &[Dialect::Postgres],
    },
    missing: Missing::Ignored,
    command: CommandForm {
        programs: &["mix", RELEASE],
        applies: &["ecto.migrate", "ecto.create", "ecto.setup", "do", "+", "ecto.create,"],
        harmless: &[
            "--quiet",
            "--all",
            "--no-compile",
            "--no-deps-check",
            "--log-migrations-sql",
            "--log-migrator-sql",
        ],
        heeded: &[],
    },
    tool: |file, _| match (file.ends_with(CONVENTION.usual), Path::new(RELEASE).is_file()) {
        (true, _) => &MIX,
        (false, true) => &OF_RELEASE,
        (false, false) => &WITHOUT_COMMAND,
    },
};

/// mix.exs beside the migrations of a repository; or the file of a release.
fn find(surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    let files = [CONVENTION.usual, "releases/start_erl.data"].map(PathBuf::from);
    let file = files.into_iter().find(|file| file.is_file())?;
    (surroundings.folder.is_some() || !folders().is_empty()).then_some(file)
}

/// The folders of the migrations of each repository: of the project, of the applications under it, of a release.
fn folders() -> Vec<PathBuf> {
    let inner = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let privs = [PathBuf::from("priv")].into_iter();
    let privs =
        privs.chain(["apps", "lib"].iter().flat_map(|group| inner(Path::new(group))).map(|app| app.join("priv")));
    let mut folders: Vec<PathBuf> =
        privs.flat_map(|folder| inner(&folder)).map(|repo| repo.join("migrations")).filter(|it| it.is_dir()).collect();
    folders.sort();
    folders
}

fn configure(_: &Path, surroundings: &Surroundings<'_>) -> Result<Configuration, Error> {
    let mut configuration = Configuration::default();
    let mut found = folders();
    let known = found.clone();
    match found.len() {
        _ if surroundings.folder.is_some() => {}
        0 | 1 => configuration.folders = found.pop().map_or(Stated::Absent, |folder| Stated::Is(vec![folder])),
        _ => {
            let list: Vec<String> = found.iter().map(|folder| folder.display().to_string()).collect();
            configuration.folders = Stated::Computed(format!("there are several repositories: {}", list.join(", ")));
        }
    }
    let mut files: Vec<PathBuf> = ["config", "releases"]
        .iter()
        .flat_map(|folder| {
            crate::formats::code::files::list(Path::new(folder), *folder == "releases").unwrap_or_default()
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "exs" || ending == "config"))
        .collect();
    files.sort();
    for file in files {
        let Ok(text) = read_text(&file, FileKind::Source) else { continue };
        let (text, shown) = (without_comments(&text, Comments::Hash), file.display());
        for rest in after(&text, "migration_source") {
            let computed = || Stated::Computed(format!("{shown} computes migration_source"));
            let named = literal(rest, ":,").map_or_else(computed, Stated::Is);
            match &configuration.table {
                Stated::Absent => configuration.table = named,
                known if *known == named => {}
                _ => configuration.table = computed(),
            }
        }
        if !after(&text, "migration_default_prefix").is_empty() {
            configuration.schema = Stated::Computed(format!("{shown} sets migration_default_prefix"));
        }
        // `priv: "priv/other"` names another folder; Gettext has such a key, too. `migration_repo` names another database.
        let is_elsewhere = |rest: &&str| {
            literal(rest, ":").is_none_or(|folder| {
                let folder = Path::new(&folder).join("migrations");
                folder.is_dir() && !known.contains(&folder)
            })
        };
        let moves = after(&text, "priv").iter().filter(|rest| rest.starts_with(": ")).any(is_elsewhere);
        if (moves || !after(&text, "migration_repo").is_empty()) && surroundings.folder.is_none() {
            configuration.doubt(Partial::nothing_certain(format!("{shown} names another folder or repository")));
        }
    }
    Ok(configuration)
}

/// `NUMBER_NAME.exs`; other files are passed over.
fn read(file: &SourceFile<'_>, _: &Configuration) -> Vec<Named> {
    let Some(stem) = file.name.strip_suffix(".exs") else { return Vec::new() };
    let digits = stem.bytes().take_while(u8::is_ascii_digit).count();
    match digits > 0 && stem[digits..].starts_with('_') {
        true => vec![Named::Migration { key: normal_number(stem[..digits].to_owned()), name: stem.to_owned() }],
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_ecto_reads_them() {
        let read = |name: &str| match read(&SourceFile::with(name, ""), &Configuration::default()).as_slice() {
            [Named::Migration { key, name }] => format!("{key} {name}"),
            _ => "passed".to_owned(),
        };
        for (name, expected) in [
            ("20240101120000_create_users.exs", "20240101120000 20240101120000_create_users"),
            ("001_a.exs", "1 001_a"),
            ("1.exs", "passed"),
            ("1-a.exs", "passed"),
            ("a_1.exs", "passed"),
            ("1_a.ex", "passed"),
            (".formatter.exs", "passed"),
        ] {
            assert_eq!(read(name), expected, "{name}");
        }
    }
}
