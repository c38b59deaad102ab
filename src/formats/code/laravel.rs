//! Laravel: `database/migrations/*_*.php`, and the table `migrations` with the names of the files that ran.
//!
//! Sources: laravel/framework 8 to 11, `src/Illuminate/Database/Migrations/Migrator.php` and
//! `DatabaseMigrationRepository.php`, `Console/Migrations/MigrateCommand.php`; and runs of 8.83, which are in
//! tests/cases/laravel.jsonl.

use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::config::MigrationFormat;
use crate::formats::code::command::CommandForm;
use crate::formats::code::files::{Named, SourceFile, list, tree};
use crate::formats::code::stated::{Configuration, Stated};
use crate::formats::code::text::{Comments, after, literal, without_comments};
use crate::formats::code::{Convention, FileRule, Missing, RowRule};
use crate::formats::tool::{Tool, ToolCommand};
use crate::formats::{Detection, FormatEntry, Partial, Surroundings};
use crate::sql::Dialect;

/// How it is found.
pub(crate) const ENTRY: FormatEntry =
    FormatEntry { name: MigrationFormat::Laravel, detection: Detection::Code(&CONVENTION) };

static TOOL: Tool = Tool {
    name: "laravel",
    authoring: "php artisan make:migration SLUG",
    writes_from_schema: false,
    by_hand: "the rows of migrations",
    command: Some(ToolCommand {
        programs: &["php"],
        beside: "",
        arguments: &["artisan", "migrate", "--force"],
        inquiry: None,
    }),
};

static CONVENTION: Convention = Convention {
    usual: "artisan",
    find,
    configure,
    dialects: Dialect::ALL,
    folder: "database/migrations",
    files: FileRule { is_recursive: false, read, order: |one, other| one.cmp(other), refuses_duplicates: false },
    rows: RowRule {
        table: "migrations",
        key: "migration",
        time: None,
        of_others: &[],
        normal: |key| key,
        locks_on: &[],
    },
    missing: Missing::Ignored,
    command: CommandForm {
        programs: &["artisan"],
        applies: &["migrate"],
        harmless: &[
            "--force",
            "--isolated",
            "--no-interaction",
            "-n",
            "-q",
            "--quiet",
            "-v",
            "-vv",
            "-vvv",
            "--step",
            "--seed",
            "--graceful",
            "--ansi",
            "--no-ansi",
        ],
        heeded: &[],
    },
    tool: |_, _| &TOOL,
};

fn find(surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    let file = Path::new(CONVENTION.usual);
    let has_folder = surroundings.folder.is_some() || Path::new(CONVENTION.folder).is_dir();
    (file.is_file() && has_folder).then(|| file.to_owned())
}

fn configure(_: &Path, surroundings: &Surroundings<'_>) -> Result<Configuration, Error> {
    let mut configuration = Configuration { table: table(), ..Configuration::default() };
    let text = read_text(Path::new(DATABASE), FileKind::Source).unwrap_or_default();
    if has_prefix(&text, surroundings.environment) {
        configuration.table = Stated::Computed(format!("{DATABASE} puts a prefix before the names of tables"));
    }
    if let Some(why) = of_packages().or_else(of_own_code) {
        configuration.doubt(Partial::lower_bound(why));
    }
    let has_files = list(Path::new(CONVENTION.folder), false)?
        .iter()
        .any(|path| SourceFile::of(path).is_some_and(|file| is_migration(file.name)));
    if let Some(dump) = dump().filter(|_| !has_files) {
        // It is loaded where the table is empty, and no file shows that.
        configuration.doubt(Partial::lower_bound(format!("{} may have to be loaded", dump.display())));
    }
    Ok(configuration)
}

/// The file of the connections.
const DATABASE: &str = "config/database.php";

/// Whether a connection has a `prefix`, which precedes the name of every table: a literal, or `env('NAME', 'default')`.
fn has_prefix(text: &str, environment: &Environment) -> bool {
    let text = without_comments(text, Comments::Both);
    // Redis has one of its own.
    let connections = text.split("'redis'").next().unwrap_or_default();
    let value = |rest: &str| {
        let rest = rest.trim_start().strip_prefix("=>")?.trim_start();
        match rest.strip_prefix("env(") {
            None => literal(rest, ""),
            Some(arguments) => {
                let (name, default) = arguments.split(')').next()?.split_once(',').unwrap_or((arguments, "''"));
                let default = literal(default, "")?;
                let name = name.split(')').next().unwrap_or(name).trim().trim_matches(['\'', '"']);
                Some(environment.get(name).map_or(default, str::to_owned))
            }
        }
    };
    let mut values = connections.match_indices("'prefix'").map(|(at, key)| value(&connections[at + key.len()..]));
    values.any(|prefix| prefix.is_none_or(|prefix| !prefix.is_empty()))
}

/// `'migrations' => 'name'` of config/database.php, or `'migrations' => ['table' => 'name', …]` (Laravel 11).
fn table() -> Stated<String> {
    let file = Path::new(DATABASE);
    let Ok(text) = read_text(file, FileKind::Source) else { return Stated::Absent };
    let text = without_comments(&text, Comments::Both);
    let quoted = ["'migrations'", "\"migrations\""];
    let mut values = quoted.iter().flat_map(|key| {
        text.match_indices(key).filter_map(|(at, key)| text[at + key.len()..].trim_start().strip_prefix("=>"))
    });
    let computed = || Stated::Computed(format!("{} computes the table of the migrations", file.display()));
    match (values.next(), values.next()) {
        (None, _) => Stated::Absent,
        (Some(value), None) => {
            let value = value.trim_start();
            let within = value.strip_prefix('[').map(|inner| inner.split(']').next().unwrap_or_default());
            let named = match within {
                None => literal(value, ""),
                Some(inner) => match after(inner, "table").first() {
                    None => return Stated::Absent,
                    Some(rest) => literal(rest.trim_start_matches(['\'', '"']), "=>"),
                },
            };
            named.map_or_else(computed, Stated::Is)
        }
        _ => computed(),
    }
}

/// The squashed migrations (`php artisan schema:dump`).
fn dump() -> Option<PathBuf> {
    let files = list(Path::new("database/schema"), false).unwrap_or_default();
    files.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "sql" || ending == "dump"))
}

/// By these calls code adds folders at run time. The second one is of spatie/laravel-package-tools.
const ADDS: &[&str] = &[
    "loadMigrationsFrom",
    "runsMigrations",
    "discoversMigrations",
    "app('migrator')",
    "app(\"migrator\")",
    "['migrator']",
];

fn adds(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "php")
        && read_text(file, FileKind::Source).is_ok_and(|text| ADDS.iter().any(|call| text.contains(call)))
}

/// A package that Laravel discovers and whose code adds a folder of migrations; or that the packages are not here.
fn of_packages() -> Option<String> {
    let Ok(vendors) = std::fs::read_dir("vendor") else {
        return Some("vendor is not here, so the migrations of packages are unknown".to_owned());
    };
    let mut packages: Vec<PathBuf> = vendors
        .flatten()
        .flat_map(|vendor| std::fs::read_dir(vendor.path()).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|package| {
            // The framework defines these calls.
            let manifest = read_text(&package.join("composer.json"), FileKind::Configuration);
            !package.ends_with("laravel/framework") && manifest.is_ok_and(|text| text.contains("\"providers\""))
        })
        .collect();
    packages.sort();
    let adding = packages.into_iter().find(|package| {
        let files = tree(package, |name| ["tests", "vendor", "node_modules", "stubs"].contains(&name));
        files.unwrap_or_default().iter().any(|file| adds(file))
    })?;
    Some(format!(
        "the package {} adds its migrations at run time",
        adding.strip_prefix("vendor").unwrap_or(&adding).display()
    ))
}

/// The same of the application itself.
fn of_own_code() -> Option<String> {
    let mut files: Vec<PathBuf> = ["app", "bootstrap"]
        .iter()
        .flat_map(|folder| tree(Path::new(folder), |name| name == "cache").unwrap_or_default())
        .collect();
    files.extend(
        Path::new("Modules")
            .is_dir()
            .then(|| tree(Path::new("Modules"), |_| false).unwrap_or_default())
            .into_iter()
            .flatten(),
    );
    files.into_iter().find(|file| adds(file)).map(|file| format!("{} adds folders of migrations", file.display()))
}

/// `*_*.php`, as PHP's glob: no name that begins with a dot.
fn is_migration(name: &str) -> bool {
    !name.starts_with('.') && name.strip_suffix(".php").is_some_and(|stem| stem.contains('_'))
}

/// The key is the name without any `.php`.
fn read(file: &SourceFile<'_>, _: &Configuration) -> Vec<Named> {
    if is_migration(file.name) { vec![Named::key(&file.name.replace(".php", ""))] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_of_the_tables_is_seen_and_that_of_redis_is_not_one() {
        let has = |value: &str, environment: &[(&str, &str)]| {
            let pairs = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let text = format!(
                "<?php return ['connections' => ['mysql' => [\n  'prefix' => {value},\n  'prefix_indexes' => true,\n]], \
                 'redis' => ['options' => ['prefix' => env('REDIS_PREFIX', Str::slug('x'))]]];"
            );
            has_prefix(&text, &Environment::from_pairs(pairs))
        };
        for (value, expected) in [
            ("''", false),
            ("'wp_'", true),
            ("env('DB_PREFIX', '')", false),
            ("env('DB_PREFIX')", false),
            ("env('DB_PREFIX', 'wp_')", true),
            ("prefix()", true),
        ] {
            assert_eq!(has(value, &[]), expected, "{value}");
        }
        assert!(has("env('DB_PREFIX', '')", &[("DB_PREFIX", "wp_")]));
    }

    #[test]
    fn names_are_read_as_laravel_reads_them() {
        let read = |name: &str| read(&SourceFile::with(name, ""), &Configuration::default());
        for name in ["a.php", ".1_a.php", "1_a.PHP", "1_a.php.bak", "1-a.php"] {
            assert!(read(name).is_empty(), "{name}");
        }
        for (name, key) in [("1_a.php", "1_a"), ("_a.php", "_a"), ("1_a.inc.php", "1_a.inc")] {
            assert_eq!(read(name), [Named::key(key)], "{name}");
        }
    }
}
