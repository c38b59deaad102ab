//! Plain SQL: a folder of numbered files, `0001_create_users.sql`, and doorstep's own table `_doorstep_migrations`.
//! docs/sql-format.md describes it for users.
//!
//! A file is a migration if its name begins with a number. Names that other tools give to such files are understood if
//! they mean only a number, and rejected if they mean more: a file that is skipped in silence is a table that is missing
//! later.

use std::cmp::Ordering;
use std::path::Path;

use crate::base::directory::Directory;
use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::migration::{Migration, Record, RecordedBy, RunMode};
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, Format, FormatEntry, Layout, Ledger, LedgerWriter, Lineage, Outcome, Resolved, RowKey, rfc3339,
};
use crate::sql::script::Script;
use crate::sql::{Dialect, Row, TableName};

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Sql,
    detection: Detection::Folder { owns, example: "plain SQL: 0001_NAME.sql", format: FORMAT },
};

const FORMAT: Format = Format { layout: &Sql, ledger: &Sql, writer: Some(&Sql), tool: &TOOL };

static TOOL: Tool = Tool {
    name: "sql",
    authoring: "the next numbered file, NUMBER_SLUG.sql",
    by_hand: "",
    writes_from_schema: false,
    command: None,
};

#[derive(Debug)]
struct Sql;

/// Lines that begin the part of a file that is to run, and the part that takes it back: of dbmate, goose, sql-migrate
/// and node-pg-migrate. Compared without case and by their beginning: dbmate writes options after them.
const SECTIONS: [(&str, &str); 4] = [
    ("-- migrate:up", "-- migrate:down"),
    ("-- +goose up", "-- +goose down"),
    ("-- +migrate up", "-- +migrate down"),
    ("-- up migration", "-- down migration"),
];

/// True for a folder with a numbered .sql file.
fn owns(folder: &Path) -> Result<bool, Error> {
    Ok(files(folder)?.iter().any(|file| matches!(role(file), Role::Migration { .. } | Role::Unclear(_))))
}

/// Names of the .sql files in the folder itself. Symbolic links are followed: a Kubernetes ConfigMap is made of them.
fn files(folder: &Path) -> Result<Vec<String>, Error> {
    let unreadable = |error: std::io::Error| unreadable(folder, &error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let is_sql = Path::new(&entry.file_name()).extension().is_some_and(|it| it.eq_ignore_ascii_case("sql"));
        // A link that leads nowhere is a migration that cannot be read, not none.
        if !is_sql || entry.path().is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().map_err(|name| {
            let text = format!("the migration {} has a name that is not UTF-8", name.display());
            Error::History(format!("{text}\nnext: rename the file"))
        })?;
        names.push(name);
    }
    names.sort_unstable();
    Ok(names)
}

fn unreadable(folder: &Path, error: &std::io::Error) -> Error {
    Error::Settings(format!("cannot read {}: {error}", folder.display()))
}

/// What a file is, by its name.
#[derive(Debug, PartialEq, Eq)]
enum Role<'a> {
    /// To be applied: its number, and its name without the endings.
    Migration { number: &'a str, name: &'a str },
    /// Takes a migration back: never run.
    Undo,
    /// Without a number: no migration.
    Other,
    /// Meant as a migration, but the name says more than a number; why.
    Unclear(&'static str),
}

fn role(file: &str) -> Role<'_> {
    let stem = &file[..file.len() - ".sql".len()];
    if stem.ends_with(".down") || stem.ends_with(".undo") {
        return Role::Undo;
    }
    let stem = stem.strip_suffix(".up").unwrap_or(stem);
    // Flyway's names begin with a letter, and have two underscores after the number.
    let (letter, rest) = match stem.split_at_checked(1) {
        Some((letter @ ("V" | "U" | "R"), rest)) => (letter, rest),
        _ => ("", stem),
    };
    let (number, rest) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
    match letter {
        "R" if number.is_empty() && rest.starts_with("__") => {
            Role::Unclear("it is a repeatable migration of Flyway, which has no place in the order: give it a number")
        }
        "V" | "U" if number.is_empty() => Role::Other,
        "V" if rest.starts_with(['.', '_']) && !rest.starts_with("__") => {
            Role::Unclear("its number has several parts: give it a whole number")
        }
        "V" if rest.starts_with("__") => Role::Migration { number, name: stem },
        "U" if rest.starts_with(['.', '_']) => Role::Undo,
        "" if number.is_empty() => Role::Other,
        "" if rest.is_empty() || rest.starts_with(['_', '-']) => Role::Migration { number, name: stem },
        "" => Role::Unclear("after the number it needs _ or -"),
        _ => Role::Other,
    }
}

/// Numbers of any length, by their value: `9` before `0010`, dates after both.
fn by_value(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

impl Layout for Sql {
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let files = files(folder)?;
        let (mut migrations, mut passed_over, mut undo) = (Vec::new(), Vec::new(), 0_usize);
        for file in &files {
            match role(file) {
                Role::Migration { number, name } => migrations.push((number, name, file)),
                Role::Undo => undo += 1,
                Role::Other => passed_over.push(file.as_str()),
                Role::Unclear(why) => {
                    return Err(Error::History(format!(
                        "{} is no migration by its name: {why}\n\
                         next: rename it (0001_create_users.sql), or move it out of the folder",
                        folder.join(file).display()
                    )));
                }
            }
        }
        migrations.sort_by(|a, b| by_value(a.0, b.0));
        if let Some([a, b]) = migrations.windows(2).find(|pair| by_value(pair[0].0, pair[1].0).is_eq()) {
            return Err(Error::History(format!(
                "two migrations in {} have the number {}: {} and {}\n\
                 next: give the later one the next number, unless it is applied somewhere already",
                folder.display(),
                b.0,
                a.2,
                b.2
            )));
        }
        let undo = (undo > 0).then(|| format!("{undo} that take migrations back (.down.sql, .undo.sql, U…)"));
        let passed_over: Vec<String> = passed_over.into_iter().map(str::to_owned).chain(undo).collect();
        let warning = format!("never run from {}: {}", folder.display(), passed_over.join(", "));
        let mut opened = Directory::open(folder).map_err(|error| unreadable(folder, &error))?;
        let read_all =
            migrations.into_iter().map(|(_, name, file)| read(&mut opened, &folder.join(file), name, dialect));
        Ok(Resolved {
            migrations: read_all.collect(),
            warnings: if passed_over.is_empty() { Vec::new() } else { vec![warning] },
            ..Resolved::default()
        })
    }
}

impl Ledger for Sql {
    fn fits(&self, migration: &Migration, checksum: &str) -> bool {
        migration.checksum == checksum || migration.unreadable.is_some()
    }

    fn table(&self) -> &'static str {
        "_doorstep_migrations"
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let time = |column: &str| dialect.time_as_text(column);
        format!(
            "SELECT run, checksum, name, {}, {}, {}, message, steps, way FROM {} AS history \
             ORDER BY history.started_at, history.name",
            time("started_at"),
            time("finished_at"),
            time("rolled_back_at"),
            dialect.table(table)
        )
    }

    fn records(&self, rows: &[Row], _lineage: &Lineage) -> Vec<Record> {
        rows.iter().map(record).collect()
    }
}

impl LedgerWriter for Sql {
    /// One row for each migration, about its last run, with the types that every engine has, but for the times.
    fn create(&self, dialect: Dialect, table: &TableName) -> String {
        let time = dialect.rules().timestamp_type;
        format!(
            "CREATE TABLE {} (
    name            text PRIMARY KEY NOT NULL,
    checksum        text NOT NULL,
    started_at      {time} NOT NULL,
    finished_at     {time},
    rolled_back_at  {time},
    message         text,
    way             text NOT NULL,
    steps           integer NOT NULL DEFAULT 0,
    run             text NOT NULL,
    doorstep        text NOT NULL
)",
            dialect.table(table)
        )
    }

    fn new_id(&self, _mode: Option<RunMode>) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    fn begin(&self, row: RowKey<'_>, mode: RunMode, migration: &Migration) -> String {
        put(row, migration, way(Some(mode)), "NULL")
    }

    fn end(&self, row: RowKey<'_>, outcome: &Outcome<'_>) -> String {
        let (dialect, now) = (row.dialect, row.dialect.rules().now);
        let change = match outcome {
            Outcome::Succeeded => format!("message = NULL, finished_at = {now}"),
            Outcome::Progress(steps) => format!("message = NULL, steps = {steps}"),
            Outcome::Failed(message) => format!("message = {}", dialect.literal(message)),
            Outcome::RolledBack(message) => {
                format!("message = {}, steps = 0, rolled_back_at = {now}", dialect.literal(message))
            }
            Outcome::GivenUp => format!("rolled_back_at = {now}"),
        };
        format!(
            "UPDATE {} SET {change} WHERE run = {} AND finished_at IS NULL AND rolled_back_at IS NULL",
            row.table(),
            row.id()
        )
    }

    fn adopt(&self, row: RowKey<'_>, migration: &Migration) -> String {
        put(row, migration, way(None), row.dialect.rules().now)
    }

    fn locate(&self, row: RowKey<'_>) -> String {
        format!("{} WHERE run = {}", row.table(), row.id())
    }
}

/// One row of the history.
fn record(row: &Row) -> Record {
    let value = |index: usize| row.get(index).cloned().flatten();
    let text = |index| value(index).unwrap_or_default();
    Record {
        by: recorded_by(&text(8)),
        id: text(0),
        checksum: text(1),
        name: text(2),
        started_at: value(3).map(rfc3339),
        finished_at: value(4).map(rfc3339),
        rolled_back_at: value(5).map(rfc3339),
        message: value(6),
        steps: text(7).parse().unwrap_or(0),
    }
}

/// Writes the row of a migration anew, unless it is applied already. Then the run that this row begins finds no row of
/// its own at its end, and is rolled back.
fn put(row: RowKey<'_>, migration: &Migration, way: &str, finished: &str) -> String {
    let columns =
        ["checksum", "started_at", "finished_at", "rolled_back_at", "message", "way", "steps", "run", "doorstep"];
    let changes: Vec<String> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    let literal = |text: &str| row.dialect.literal(text);
    format!(
        "INSERT INTO {} AS known (name, {}) VALUES ({}, {}, {}, {finished}, NULL, NULL, {}, 0, {}, {}) \
         ON CONFLICT (name) DO UPDATE SET {} WHERE known.finished_at IS NULL OR known.rolled_back_at IS NOT NULL",
        row.table(),
        columns.join(", "),
        literal(&migration.name),
        literal(&migration.checksum),
        row.dialect.rules().now,
        literal(way),
        row.id(),
        literal(env!("CARGO_PKG_VERSION")),
        changes.join(", ")
    )
}

/// How the column `way` spells a mode; `None` for a migration that a person recorded as applied.
fn way(mode: Option<RunMode>) -> &'static str {
    match mode {
        Some(RunMode::Atomic) => "atomic",
        Some(RunMode::Steps) => "steps",
        Some(RunMode::Whole) => "whole",
        None => "resolve",
    }
}

fn recorded_by(way: &str) -> RecordedBy {
    match way {
        "atomic" => RecordedBy::Doorstep(RunMode::Atomic),
        "steps" => RecordedBy::Doorstep(RunMode::Steps),
        "whole" => RecordedBy::Doorstep(RunMode::Whole),
        "resolve" => RecordedBy::Person,
        _ => RecordedBy::Tool,
    }
}

/// Reads one file. One that cannot be run is noted and stops nothing yet: it may be applied already.
fn read(folder: &mut Directory, path: &Path, name: &str, dialect: Dialect) -> Migration {
    let shown = path.display();
    let text = match folder.read(Path::new(path.file_name().unwrap_or_default())) {
        Ok(bytes) if bytes.contains(&0) => Err(format!("{shown} holds a NUL byte (it may be UTF-16)")),
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8")),
        Err(error) => Err(format!("cannot read {shown}: {error}")),
    };
    let (text, unreadable) = match text {
        Ok(text) => (text, None),
        Err(why) => (String::new(), Some(format!("{why}\nnext: save it as UTF-8, and let everybody read it"))),
    };
    // What `sha256sum` says of the file, wherever git has put its line ends.
    let checksum = crate::formats::migration::sha256(&text.replace("\r\n", "\n"));
    let script = Script::new(without_undo(text), dialect);
    Migration { name: name.to_owned(), path: path.to_owned(), script, checksum, unreadable }
}

/// The script with its sections that take it back left empty: every line stays where it is, for the error messages.
fn without_undo(text: String) -> String {
    let marks = |line: &str, marker: &str| {
        let beginning = line.trim_start_matches('\u{feff}').get(..marker.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(marker))
    };
    let Some((up, down)) = SECTIONS.into_iter().find(|(_, down)| text.lines().any(|line| marks(line, down))) else {
        return text;
    };
    let (mut script, mut runs) = (String::with_capacity(text.len()), true);
    for line in text.split_inclusive('\n') {
        runs = if marks(line, down) { false } else { runs || marks(line, up) };
        match runs {
            true => script += line,
            false => script.extend(line.ends_with('\n').then_some('\n')),
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_name_says() {
        let migration = |number, name| Role::Migration { number, name };
        for (file, expected) in [
            ("0001_create_users.sql", migration("0001", "0001_create_users")),
            ("001-init.sql", migration("001", "001-init")),
            ("20240101120000_x.SQL", migration("20240101120000", "20240101120000_x")),
            ("V1__x.sql", migration("1", "V1__x")),
            ("7__x.sql", migration("7", "7__x")),
            ("7.sql", migration("7", "7")),
            ("1_x.up.sql", migration("1", "1_x")),
            ("1_x.down.sql", Role::Undo),
            ("1_x.undo.sql", Role::Undo),
            ("U1__x.sql", Role::Undo),
            ("seed.sql", Role::Other),
            ("Views.sql", Role::Other),
            ("Reports.sql", Role::Other),
            (".sql", Role::Other),
        ] {
            assert_eq!(role(file), expected, "{file}");
        }
        for unclear in ["R__views.sql", "V1.2__x.sql", "V1_2__x.sql", "1.do.x.sql", "2a_x.sql"] {
            assert!(matches!(role(unclear), Role::Unclear(_)), "{unclear}");
        }
    }

    #[test]
    fn the_order_is_that_of_the_numbers() {
        let mut numbers = ["20240101", "10", "0009", "1", "20240101120000", "011"];
        numbers.sort_by(|a, b| by_value(a, b));
        assert_eq!(numbers, ["1", "0009", "10", "011", "20240101", "20240101120000"]);
        assert!(by_value("0001", "1").is_eq());
    }

    #[test]
    fn only_what_goes_up_runs_and_every_line_stays_where_it_is() {
        let run = |text: &str| without_undo(text.to_owned());
        assert_eq!(run("-- migrate:up\na;\n-- migrate:down\nb;\nc;"), "-- migrate:up\na;\n\n\n");
        let twice = "-- migrate:up transaction:false\na;\n-- migrate:down\nb;\n-- migrate:up\nc;\n";
        assert_eq!(run(twice), "-- migrate:up transaction:false\na;\n\n\n-- migrate:up\nc;\n");
        assert_eq!(run("-- +goose Up\na;\n-- +goose Down\nb;\n"), "-- +goose Up\na;\n\n\n");
        assert_eq!(run("-- Up Migration\r\na;\r\n-- Down Migration\r\nb;\r\n"), "-- Up Migration\r\na;\r\n\n\n");
        assert_eq!(run("a;\n--migrate down\nb;"), "a;\n--migrate down\nb;");
        assert_eq!(run("-- migrate:down\nDROP TABLE a;\n"), "\n\n");
    }
}
