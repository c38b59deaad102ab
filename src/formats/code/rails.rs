//! Rails (ActiveRecord): `db/migrate/**/NUMBER_NAME.rb`, and the table `schema_migrations` with the numbers.
//!
//! Sources: activerecord 6.1 to 8, `lib/active_record/migration.rb`, `schema_migration.rb`, `tasks/database_tasks.rb`; and runs
//! of 6.1, which are in tests/cases/rails.jsonl.

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
    FormatEntry { name: MigrationFormat::Rails, detection: Detection::Code(&CONVENTION) };

static TOOL: Tool = Tool {
    name: "rails",
    authoring: "bin/rails generate migration SLUG",
    writes_from_schema: false,
    by_hand: "the rows of schema_migrations",
    command: Some(ToolCommand {
        programs: &["bin/rails"],
        beside: "bin/rails",
        arguments: &["db:migrate"],
        inquiry: None,
    }),
};

static CONVENTION: Convention = Convention {
    usual: "config/application.rb",
    find,
    configure,
    dialects: Dialect::ALL,
    folder: "db/migrate",
    files: FileRule { is_recursive: true, read, order: by_number, refuses_duplicates: true },
    rows: RowRule {
        table: "schema_migrations",
        key: "version",
        time: None,
        of_others: &[("dirty", "golang-migrate"), ("inserted_at", "Ecto")],
        normal: normal_number,
        locks_on: &[Dialect::Postgres, Dialect::Mysql],
    },
    missing: Missing::Ignored,
    command: CommandForm {
        programs: &["rails", "rake"],
        applies: &["db:migrate", "db:prepare", "db:migrate:with_data"],
        harmless: &["--trace", "-t", "--"],
        heeded: &[],
    },
    tool: |_, _| &TOOL,
};

fn find(surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    let file = Path::new(CONVENTION.usual);
    let has_folder = surroundings.folder.is_some() || Path::new(CONVENTION.folder).is_dir();
    (file.is_file() && Path::new("bin/rails").is_file() && has_folder).then(|| file.to_owned())
}

/// The files of the configuration in which an application changes what is read here.
fn sources() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("config/application.rb"), PathBuf::from("config/environment.rb")];
    for folder in ["config/environments", "config/initializers"] {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        files.extend(entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "rb")));
    }
    files.sort();
    files
}

fn configure(_: &Path, surroundings: &Surroundings<'_>) -> Result<Configuration, Error> {
    let mut configuration = Configuration::default();
    for file in sources() {
        let Ok(text) = read_text(&file, FileKind::Source) else { continue };
        let text = without_comments(&text, Comments::Hash);
        let shown = file.display();
        for rest in after(&text, "schema_migrations_table_name") {
            let computed = || Stated::Computed(format!("{shown} computes schema_migrations_table_name"));
            let named = literal(rest, "=").map_or_else(computed, Stated::Is);
            configuration.table = if configuration.table == Stated::Absent { named } else { computed() };
        }
        let affixes = ["table_name_prefix", "table_name_suffix"];
        if let Some(word) = affixes.iter().find(|word| !after(&text, word).is_empty()) {
            configuration.table = Stated::Computed(format!("{shown} sets {word}"));
        }
        let moves = text.contains("db/migrate") || !after(&text, "migrations_paths").is_empty();
        if moves && surroundings.folder.is_none() {
            configuration.doubt(Partial::nothing_certain(format!("{shown} changes the folders of the migrations")));
        }
    }
    of_database_yml(&mut configuration);
    if let Some(folder) = of_engines().filter(|_| surroundings.folder.is_none()) {
        let why = format!("the engine in {} may add its migrations", folder.display());
        configuration.doubt(Partial::lower_bound(why));
    }
    Ok(configuration)
}

/// `migrations_paths` of config/database.yml. More than one belongs to several databases, and which of them is this one only
/// Rails knows.
fn of_database_yml(configuration: &mut Configuration) {
    let Ok(text) = read_text(Path::new("config/database.yml"), FileKind::Configuration) else { return };
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    let is_plain = |value: &str| !value.is_empty() && !value.contains(['<', '[', '*', '&', '#']);
    let mut named: Vec<&str> =
        lines.clone().filter_map(|line| line.strip_prefix("migrations_paths:")).map(str::trim).collect();
    named.dedup();
    match named.as_slice() {
        [] => {}
        [one] if is_plain(one) && lines.clone().filter(|line| line.starts_with("migrations_paths:")).count() == 1 => {
            // Where one database names its folder, another one has the usual one.
            let why = format!("config/database.yml names {one} for one of its databases");
            configuration.doubt(Partial::nothing_certain(why));
        }
        _ => configuration.doubt(Partial::nothing_certain("config/database.yml has migrations_paths".to_owned())),
    }
}

/// An engine in the project that has migrations.
fn of_engines() -> Option<PathBuf> {
    let groups = ["engines", "components", "packs", "gems"];
    let inner = groups.iter().flat_map(|group| std::fs::read_dir(group).into_iter().flatten().flatten());
    let mut folders: Vec<PathBuf> = inner.map(|entry| entry.path().join(CONVENTION.folder)).collect();
    folders.sort();
    folders.into_iter().find(|folder| folder.is_dir())
}

/// Files that fit `[0-9]*_*.rb` must have the form `NUMBER_NAME[.SCOPE].rb`, with lower-case letters, digits and `_` in the name.
fn read(file: &SourceFile<'_>, _: &Configuration) -> Vec<Named> {
    let Some(stem) = file.name.strip_suffix(".rb").filter(|stem| stem.starts_with(|c: char| c.is_ascii_digit())) else {
        return Vec::new();
    };
    if !stem.contains('_') {
        return Vec::new();
    }
    let is_slug = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let parts = stem.split_once('_').filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    let fits = parts.filter(|(_, rest)| {
        let (name, scope) = rest.split_once('.').unwrap_or((rest, ""));
        is_slug(name) && is_slug(scope)
    });
    vec![match fits {
        Some((number, _)) => Named::Migration { key: normal_number(number.to_owned()), name: stem.to_owned() },
        None => {
            Named::Refused("Rails stops at this name (only lower-case letters, digits and _ are allowed)".to_owned())
        }
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_rails_reads_them() {
        let read = |name: &str| match read(&SourceFile::with(name, ""), &Configuration::default()).as_slice() {
            [] => "passed".to_owned(),
            [Named::Migration { key, .. }] => key.clone(),
            [Named::Refused(_)] => "refused".to_owned(),
            other => format!("{other:?}"),
        };
        for (name, expected) in [
            ("1_a.rb", "1"),
            ("007_a.rb", "7"),
            ("a.rb", "passed"),
            ("1_A.rb", "refused"),
            ("1-a.rb", "passed"),
            ("1-a_b.rb", "refused"),
            ("1_a.b.rb", "1"),
            ("1_a.b.c.rb", "refused"),
            ("1_.rb", "1"),
            ("1_é.rb", "refused"),
            ("_1_a.rb", "passed"),
            ("1_a.RB", "passed"),
            ("1_a.rb.bak", "passed"),
            ("99999999999999999999_a.rb", "99999999999999999999"),
        ] {
            assert_eq!(read(name), expected, "{name}");
        }
    }
}
