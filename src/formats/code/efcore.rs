//! Entity Framework Core: `Migrations/NUMBER_NAME.cs` with the attribute `[Migration("NUMBER_NAME")]`, and the table
//! `__EFMigrationsHistory`. An image mostly has only the compiled library, which doorstep does not read: then only the tool can
//! tell.
//!
//! Sources: EF Core 8 and 9, `src/EFCore.Relational/Migrations/` (`HistoryRepository.cs`, `MigrationsAssembly.cs`). Only their
//! rules were read: no package of the tool was at hand to run it.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::config::MigrationFormat;
use crate::formats::code::command::CommandForm;
use crate::formats::code::files::{Named, SourceFile, tree};
use crate::formats::code::stated::{Configuration, Stated};
use crate::formats::code::text::{Comments, after, literal, without_comments};
use crate::formats::code::{Convention, FileRule, Missing, RowRule};
use crate::formats::tool::{Tool, ToolCommand};
use crate::formats::{Detection, FormatEntry, Partial, Surroundings};
use crate::sql::Dialect;

/// How it is found.
pub(crate) const ENTRY: FormatEntry =
    FormatEntry { name: MigrationFormat::Efcore, detection: Detection::Code(&CONVENTION) };

/// The program into which `dotnet ef migrations bundle` compiles the migrations.
const BUNDLE: &str = "efbundle";

static TOOL: Tool = Tool {
    name: "efcore",
    authoring: "dotnet ef migrations add SLUG",
    writes_from_schema: false,
    by_hand: "the rows of __EFMigrationsHistory",
    command: Some(ToolCommand {
        programs: &["dotnet"],
        beside: "",
        arguments: &["ef", "database", "update"],
        inquiry: None,
    }),
};

static OF_BUNDLE: Tool = Tool {
    name: TOOL.name,
    authoring: TOOL.authoring,
    writes_from_schema: false,
    by_hand: TOOL.by_hand,
    command: Some(ToolCommand { programs: &["./efbundle"], beside: "./efbundle", arguments: &[], inquiry: None }),
};

static CONVENTION: Convention = Convention {
    usual: "project file (*.csproj) with Microsoft.EntityFrameworkCore",
    find,
    configure,
    dialects: Dialect::ALL,
    folder: "Migrations",
    files: FileRule { is_recursive: false, read, order: |one, other| one.cmp(other), refuses_duplicates: false },
    rows: RowRule {
        table: "__EFMigrationsHistory",
        key: "MigrationId",
        time: None,
        of_others: &[],
        normal: |key| key,
        locks_on: Dialect::ALL,
    },
    missing: Missing::Ignored,
    command: CommandForm {
        programs: &["dotnet-ef", "dotnet", BUNDLE],
        applies: &["ef", "database", "update"],
        harmless: &["--no-build", "-v", "--verbose", "--no-color"],
        heeded: &["--connection", "--configuration"],
    },
    tool: |_, _| if Path::new(BUNDLE).is_file() { &OF_BUNDLE } else { &TOOL },
};

/// Folders without sources of the project.
const WITHOUT_SOURCES: &[&str] = &["bin", "obj", "node_modules", "packages", "wwwroot"];

/// The project file, where there are sources of migrations; or the bundle; or, where a setting names the format, what a
/// published application lists its libraries in.
fn find(surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    let mut projects: Vec<PathBuf> = std::fs::read_dir(".")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| PathBuf::from(entry.file_name()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "csproj"))
        .collect();
    projects.sort();
    let project = projects
        .into_iter()
        .find(|file| read_text(file, FileKind::Source).is_ok_and(|text| text.contains("EntityFrameworkCore")));
    let bundle = || Some(PathBuf::from(BUNDLE)).filter(|file| file.is_file());
    let has_migrations = || surroundings.folder.is_some() || sources().iter().any(|path| is_dated(path));
    project.filter(|_| has_migrations()).or_else(bundle).or_else(|| surroundings.is_named.then(published).flatten())
}

/// `*.deps.json` of a published application.
fn published() -> Option<PathBuf> {
    let entries = std::fs::read_dir(".").into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|entry| PathBuf::from(entry.file_name())).collect();
    names.sort();
    names.into_iter().find(|path| path.to_string_lossy().ends_with(".deps.json"))
}

/// The files of C# in the project.
fn sources() -> Vec<PathBuf> {
    let mut files = tree(Path::new("."), |name| WITHOUT_SOURCES.contains(&name)).unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "cs"));
    files.into_iter().map(|path| path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)).collect()
}

/// Whether a file has a name like that of a migration.
fn is_dated(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(crate::formats::signs::forms::ef_core)
}

fn configure(file: &Path, surroundings: &Surroundings<'_>) -> Result<Configuration, Error> {
    let sources = sources();
    let mut folders: Vec<PathBuf> =
        sources.iter().filter(|path| is_dated(path)).filter_map(|path| path.parent()).map(Path::to_owned).collect();
    folders.dedup();
    if folders.is_empty() && surroundings.folder.is_none() {
        let why = format!("the migrations of {} are compiled, and their sources are not here", file.display());
        return Ok(Configuration { folders: Stated::Is(Vec::new()), ..Configuration::opaque(why) });
    }
    let mut configuration = Configuration::default();
    if surroundings.folder.is_none() {
        configuration.folders = Stated::Is(folders);
    }
    let mut contexts: Vec<String> = Vec::new();
    for path in &sources {
        let Ok(text) = read_text(path, FileKind::Source) else { continue };
        let (text, shown) = (without_comments(&text, Comments::Slashes), path.display());
        if is_dated(path) {
            contexts.extend(
                after(&text, "DbContext")
                    .into_iter()
                    .filter(|rest| rest.starts_with("(typeof("))
                    .map(|rest| rest.trim_start_matches("(typeof(").split(')').next().unwrap_or_default().to_owned()),
            );
        }
        for rest in after(&text, "MigrationsHistoryTable") {
            let arguments =
                rest.trim_start().strip_prefix('(').and_then(|rest| rest.split(')').next()).unwrap_or_default();
            let (name, schema) =
                arguments.split_once(',').map_or((arguments, None), |(name, schema)| (name, Some(schema)));
            let computed = || Stated::Computed(format!("{shown} computes the history table"));
            configuration.table = literal(name, "").map_or_else(computed, Stated::Is);
            configuration.schema = match schema {
                None => Stated::Absent,
                // Pomelo fails at it, leaves it out or makes it a part of the name (SchemaBehavior).
                Some(_) if text.contains("UseMySql(") || text.contains("UseMySQL(") => {
                    Stated::Computed(format!("{shown} names a schema for the history table, and MySQL has none"))
                }
                Some(schema) => literal(schema, "").map_or_else(computed, Stated::Is),
            };
        }
        let words = ["IHistoryRepository", "UseSnakeCaseNamingConvention", "UseLowerCaseNamingConvention"];
        if let Some(word) = words.iter().find(|word| !after(&text, word).is_empty()) {
            configuration.doubt(Partial::nothing_certain(format!("{shown} changes the history table ({word})")));
        }
    }
    contexts.sort();
    contexts.dedup();
    if contexts.len() > 1 {
        let why = format!("the migrations belong to several contexts: {}", contexts.join(", "));
        configuration.doubt(Partial::nothing_certain(why));
    }
    Ok(configuration)
}

/// The ids in the attributes `[Migration("…")]` of a file.
fn read(file: &SourceFile<'_>, _: &Configuration) -> Vec<Named> {
    if !file.name.ends_with(".cs") {
        return Vec::new();
    }
    let Some(text) = file.text() else { return vec![Named::Unknown("it is not text".to_owned())] };
    let text = without_comments(text, Comments::Slashes);
    let attributes = after(&text, "Migration").into_iter().filter(|rest| {
        let before = &text[..text.len() - rest.len() - "Migration".len()];
        rest.starts_with('(') && before.trim_end().ends_with(['[', ','])
    });
    attributes
        .map(|rest| match literal(rest, "(") {
            Some(id) => Named::key(&id),
            None => Named::Unknown("it computes the id of its migration".to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_stands_in_the_attribute() {
        let read =
            |text: &str| read(&SourceFile::with("20240101120000_Init.Designer.cs", text), &Configuration::default());
        let text = "namespace A {\n  [DbContext(typeof(Db))]\n  [Migration(\"20240101120000_Init\")]\n  partial class Init {}\n}";
        assert_eq!(read(text), [Named::key("20240101120000_Init")]);
        let both = "[DbContext(typeof(Db)), Migration(\"1_a\")] class A : Migration { Migration(); }";
        assert_eq!(read(both), [Named::key("1_a")]);
        assert!(read("// [Migration(\"1_a\")]\nclass Init : Migration {}").is_empty());
        assert!(matches!(read("[Migration(Id)]").as_slice(), [Named::Unknown(_)]));
    }
}
