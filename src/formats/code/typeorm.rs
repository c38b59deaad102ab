//! TypeORM: classes in the files of a pattern, and the table `migrations` with their names.
//!
//! Sources: typeorm 1.1, `src/migration/MigrationExecutor.ts`, `src/util/ImportUtils.ts` and `DirectoryExportedClassesLoader.ts`;
//! and runs of it, which are in tests/cases/typeorm.jsonl.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::code::command::CommandForm;
use crate::formats::code::files::{Named, SourceFile};
use crate::formats::code::options::{Options, text_of};
use crate::formats::code::stated::{Configuration, Stated};
use crate::formats::code::typeorm_classes::{Class, classes};
use crate::formats::code::{Convention, FileRule, Missing, RowRule, glob};
use crate::formats::javascript::Object;
use crate::formats::tool::{Tool, ToolCommand};
use crate::formats::{Detection, FormatEntry, Partial, Surroundings};
use crate::sql::Dialect;

/// How it is found.
pub(crate) const ENTRY: FormatEntry =
    FormatEntry { name: MigrationFormat::Typeorm, detection: Detection::Code(&CONVENTION) };

const fn tool(arguments: &'static [&'static str]) -> Tool {
    Tool {
        name: "typeorm",
        authoring: "npx typeorm migration:create migrations/SLUG",
        writes_from_schema: false,
        by_hand: "the rows of migrations",
        command: Some(ToolCommand { programs: &["npx"], beside: "", arguments, inquiry: None }),
    }
}

/// Of TypeORM before 0.3, which finds ormconfig.json by itself.
static OLD: Tool = tool(&["typeorm", "migration:run"]);

static CONVENTION: Convention = Convention {
    usual: "data source of TypeORM (data-source.js)",
    find,
    configure,
    dialects: Dialect::ALL,
    folder: "migrations",
    files: FileRule { is_recursive: false, read, order: by_timestamp, refuses_duplicates: true },
    rows: RowRule { table: "migrations", key: "name", time: None, of_others: &[], normal: |key| key, locks_on: &[] },
    missing: Missing::Ignored,
    command: CommandForm {
        programs: &["typeorm", "typeorm-ts-node-commonjs", "typeorm-ts-node-esm", "cli.js"],
        applies: &["migration:run"],
        harmless: &["-t", "--transaction", "all", "each", "none", "--"],
        heeded: &["-d", "--dataSource"],
    },
    tool: tool_of,
};

/// The tool with the command for this data source: TypeScript needs another program than JavaScript.
fn tool_of(file: &Path, _: Option<&Path>) -> &'static Tool {
    if file.ends_with("ormconfig.json") || file.is_dir() {
        return &OLD;
    }
    let is_module = || text_of(Path::new("package.json")).is_some_and(|text| text.contains("\"type\": \"module\""));
    let program = match file.extension().is_some_and(|ending| ending == "ts") {
        true if is_module() => "typeorm-ts-node-esm",
        true => "typeorm-ts-node-commonjs",
        false => "typeorm",
    };
    // Once in a start, and needed to its end.
    let source: &'static str = Box::leak(file.display().to_string().into_boxed_str());
    let arguments: &'static [&'static str] = Box::leak(Box::new([program, "migration:run", "-d", source]));
    crate::formats::kept(tool(arguments))
}

/// Where a data source usually is: compiled files first, since an image mostly has only these.
const PLACES: &[&str] = &[
    "dist/",
    "dist/src/",
    "dist/database/",
    "build/",
    "lib/",
    "",
    "src/",
    "src/database/",
    "src/db/",
    "database/",
    "db/",
];

/// How it is usually called.
const NAMES: &[&str] =
    &["data-source", "datasource", "dataSource", "typeorm.config", "ormconfig", "typeorm-data-source"];

fn find(surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    let named = surroundings.command.and_then(|command| CommandForm::option(command, &["-d", "--dataSource"]));
    if let Some(file) = named.map(PathBuf::from).filter(|file| file.is_file()) {
        return Some(file);
    }
    let usual = PLACES.iter().flat_map(|place| {
        let of = move |name: &&str| {
            ["js", "ts", "cjs", "mjs"].map(|ending| PathBuf::from(format!("{place}{name}.{ending}")))
        };
        NAMES.iter().flat_map(of)
    });
    let json = PathBuf::from("ormconfig.json");
    // An application without migrations may have a data source, too.
    let has_migrations = |file: &PathBuf| text_of(file).is_some_and(|text| text.contains("migrations"));
    usual.chain([json]).find(|file| file.is_file() && has_migrations(file))
}

fn configure(file: &Path, _: &Surroundings<'_>) -> Result<Configuration, Error> {
    let text = text_of(file).unwrap_or_default();
    let options = match Object::constructed(&text, "DataSource") {
        None if file.file_stem().is_some_and(|stem| stem == "ormconfig") => Options::exported(file, &text),
        object => Options::of(file, &text, object),
    };
    if options.is_computed() {
        return Ok(Configuration::opaque(format!("{} computes the data source", file.display())));
    }
    // MysqlDriver has no schemas, and does not look at the option.
    let is_mysql = matches!(options.text("type"), Stated::Is(kind) if kind.contains("mysql") || kind == "mariadb");
    let mut configuration = Configuration {
        table: options.text("migrationsTableName"),
        schema: if is_mysql { Stated::Absent } else { options.text("schema") },
        ..Configuration::default()
    };
    match options.paths("migrations", Path::new("")) {
        Stated::Absent => configuration.folders = Stated::Is(Vec::new()),
        Stated::Is(patterns) => {
            let patterns: Vec<String> = patterns.iter().map(|path| path.display().to_string()).collect();
            match patterns.iter().find(|pattern| !glob::is_plain(pattern)) {
                // What `typeorm init` writes.
                None if patterns.is_empty() => configuration.folders = Stated::Is(Vec::new()),
                Some(pattern) => {
                    configuration.folders = Stated::Computed(format!("{} has the pattern {pattern}", file.display()));
                }
                None => find_files(&patterns, &mut configuration)?,
            }
        }
        Stated::Computed(why) => configuration.folders = Stated::Computed(why),
    }
    Ok(configuration)
}

/// A pattern without a file is what is left of files that were lost on the way to the image.
fn find_files(patterns: &[String], configuration: &mut Configuration) -> Result<(), Error> {
    let mut is_any = false;
    for pattern in patterns {
        is_any |= !glob::files(pattern)?.is_empty();
    }
    if !is_any {
        let why = format!("there is no file of {}", patterns.join(", "));
        configuration.doubt(Partial::lower_bound(why));
    }
    configuration.patterns = patterns.to_vec();
    Ok(())
}

/// The classes in a file of JavaScript or TypeScript.
fn read(file: &SourceFile<'_>, _: &Configuration) -> Vec<Named> {
    let endings = [".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"];
    if file.name.ends_with(".d.ts") || !endings.iter().any(|ending| file.name.ends_with(ending)) {
        return Vec::new();
    }
    let Some(text) = file.text() else { return vec![Named::Unknown("it is not text".to_owned())] };
    let named = |class: Class| match class {
        Class::Migration(name) if timestamp(&name).is_none_or(|number| number == 0) => Named::Refused(format!(
            "the class {name} has no timestamp at the end of its name (13 digits, milliseconds), and TypeORM stops at it"
        )),
        Class::Migration(name) => Named::key(&name),
        Class::Unknown(why) => Named::Unknown(why),
    };
    classes(text).into_iter().map(named).collect()
}

/// JavaScript's `parseInt` of the last 13 characters.
fn timestamp(name: &str) -> Option<u64> {
    let units: Vec<char> = name.chars().collect();
    let last: String = units[units.len().saturating_sub(13)..].iter().collect();
    let last = last.trim_start();
    last[..last.bytes().take_while(u8::is_ascii_digit).count()].parse().ok()
}

fn by_timestamp(one: &str, other: &str) -> Ordering {
    timestamp(one).cmp(&timestamp(other)).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_source(text: &str) -> Configuration {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data-source.ts");
        std::fs::write(&file, text).unwrap();
        std::fs::create_dir(folder.path().join("migrations")).unwrap();
        std::fs::write(folder.path().join("migrations/a.js"), "").unwrap();
        let environment = crate::base::environment::Environment::default();
        let surroundings = Surroundings::without_settings(&environment);
        configure(&file, &surroundings).unwrap()
    }

    #[test]
    fn a_data_source_is_read_as_far_as_it_is_written_in_literals() {
        let init = "import \"reflect-metadata\"\nimport { DataSource } from \"typeorm\"\nimport { User } from \"./entity/User\"\n\n\
                    export const AppDataSource = new DataSource({\n    type: \"postgres\",\n    synchronize: true,\n    \
                    entities: [User],\n    migrations: [],\n    subscribers: [],\n})\n";
        let configuration = read_source(init);
        assert_eq!((configuration.folders, configuration.partial), (Stated::Is(Vec::new()), None));
        let named = "const options: DataSourceOptions = {\n  type: 'postgres',\n  migrations: [`${__dirname}/migrations/*{.ts,.js}`],\n  \
                     migrationsTableName: 'done',\n  schema: 'ops',\n};\nexport default new DataSource(options);\n";
        let configuration = read_source(named);
        assert!(configuration.patterns[0].ends_with("/migrations/*{.ts,.js}"), "{:?}", configuration.patterns);
        assert_eq!(configuration.partial, None);
        assert_eq!((configuration.table, configuration.schema), (Stated::Is("done".into()), Stated::Is("ops".into())));
        let of_mysql = read_source("new DataSource({ type: 'mysql', schema: 'ops', migrations: ['migrations/*.js'] })");
        assert_eq!(of_mysql.schema, Stated::Absent);
        for computed in ["migrations: [First, Second]", "migrations: [dir + '/*.js']", "...base", "migrations"] {
            let configuration = read_source(&format!("new DataSource({{ {computed} }})"));
            assert!(configuration.folders.computed().is_some(), "{computed}");
        }
    }

    #[test]
    fn the_timestamp_is_what_javascript_reads() {
        for (name, expected) in [
            ("Apple1700000000000", Some(1_700_000_000_000)),
            ("Apple17000000000000", Some(7_000_000_000_000)),
            ("Apple1700000000000x", Some(700_000_000_000)),
            ("Apple170000000000", None),
            ("seed-1700000000000", Some(1_700_000_000_000)),
            ("Apple0000000000001", Some(1)),
            ("Apple", None),
        ] {
            assert_eq!(timestamp(name), expected, "{name}");
        }
    }
}
