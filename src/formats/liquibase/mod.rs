//! Liquibase: changelogs in formatted SQL, and the tables `databasechangelog` and `databasechangeloglock`. A change set is
//! a migration: its name is `PATH::ID::AUTHOR`, as Liquibase shows it. Changelogs in XML, YAML and JSON are refused.
//!
//! Sources: runs of Liquibase 4.28, on PostgreSQL (tests/cases/liquibase.jsonl) and on MariaDB 10.11, and its documentation.

pub mod changelog;
pub(crate) mod comments;
pub(crate) mod conditions;
pub(crate) mod configuration;
pub(crate) mod delimiters;
pub(crate) mod expansion;
pub(crate) mod expression;
pub(crate) mod folder;
pub(crate) mod header;
pub(crate) mod parameters;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::guard::Guard;
use crate::formats::liquibase::configuration::Configuration;
use crate::formats::liquibase::folder::Changelogs;
use crate::formats::liquibase::header::Header;
use crate::formats::lock_row::LockRow;
use crate::formats::migration::{Migration, Record, RunMode, Unreadable};
use crate::formats::notes::Notes;
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FileMarks, FolderDetection, Format, FormatEntry, Ledger, LedgerWriter, Lineage, Opening, Outcome, Rerun,
    RowKey, applied_rows, kept, ledger_ddl, rfc3339,
};
use crate::sql::{Dialect, Row, TableName};

/// Why Liquibase stops at a changelog, or why its meaning is uncertain.
pub(crate) fn wrong(why: impl Into<String>) -> Unreadable {
    Unreadable::new(why, "correct the changelog")
}

/// What doorstep writes into the column for Liquibase's version.
const WRITER: &str = concat!("doorstep ", env!("CARGO_PKG_VERSION"));

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Liquibase,
    detection: Detection::Folder(FolderDetection {
        place: |environment| Ok(configuration::read(environment).ok().and_then(|it| it.changelog_file())),
        file: folder::is_changelog,
        marks: Some(FileMarks { is_migration: folder::is_sql, is_marked: |text| changelog::marked(text).is_some() }),
        ..FolderDetection::new("Liquibase: a file with --liquibase formatted sql", open)
    }),
};

static TOOL: Tool = Tool {
    name: "liquibase",
    authoring: "append a --changeset AUTHOR:SLUG to the changelog",
    by_hand: "",
    writes_from_schema: false,
    command: None,
};

/// Opens it, with what liquibase.properties and the variables say.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let configuration = configuration::read(opening.environment)?;
    let names = match opening.history_table {
        Some(TableName { schema, name }) => {
            Names { lock: configuration.lock_table.clone(), ..Names::exact(schema.clone(), name) }
        }
        None => Names::of(&configuration),
    };
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let ledger =
        kept(Liquibase { names, deployment: format!("{:010}", millis % 10_000_000_000), recorded: Mutex::default() });
    let is_allowed = |name: &str| opening.variables.iter().any(|allowed| allowed == name);
    let (allowed, refused): (Vec<_>, Vec<_>) = opening.environment.variables().partition(|(name, _)| is_allowed(name));
    // Liquibase looks there first.
    let allowed = allowed.into_iter().map(|(name, value)| (name.to_owned(), value.expose().to_owned()));
    let parameters = allowed.chain(configuration.parameters.iter().cloned()).collect();
    let configuration = Configuration { parameters, ..configuration };
    let environment = refused.into_iter().map(|(name, _)| name.to_owned()).collect();
    let layout = kept(Changelogs { configuration, environment });
    Ok(Format { layout, ledger, writer: Some(ledger), tool: &TOOL })
}

/// The names of Liquibase's tables, where they are not the usual ones.
#[derive(Debug, Clone, Default)]
struct Names {
    /// The schema, in the case of letters that engines fold names to, and as it is written.
    schema: Option<(String, String)>,
    /// The catalog.
    catalog: Option<String>,
    /// Likewise the history.
    table: Option<(String, String)>,
    /// The lock, as it is written.
    lock: Option<String>,
}

impl Names {
    /// As the configuration has them.
    fn of(configuration: &Configuration) -> Self {
        let both = |name: &String| (configuration::folded(name), name.clone());
        let (schema, table) = (configuration.schema.as_ref().map(both), configuration.table.as_ref().map(both));
        let Configuration { catalog, lock_table, .. } = configuration;
        Self { schema, catalog: catalog.clone(), table, lock: lock_table.clone() }
    }

    /// As the setting has them, which spells them like the catalog.
    fn exact(schema: Option<String>, table: &str) -> Self {
        let both = |name: String| (name.clone(), name);
        Self { schema: schema.map(both), table: Some(both(table.to_owned())), ..Self::default() }
    }
}

#[derive(Debug)]
struct Liquibase {
    names: Names,
    /// Liquibase's number of this run.
    deployment: String,
    /// Names of the change sets that have a row: one that runs again changes it. The table has no key, so that the
    /// statement that writes has to know it.
    recorded: Mutex<BTreeSet<String>>,
}

/// How a change set is called.
fn name_of(path: &str, id: &str, author: &str) -> String {
    format!("{path}::{id}::{author}")
}

/// The author and the id of a change set; those that Liquibase gives to a file without a `--changeset`.
fn author_and_id(header: Option<&Header>) -> (&str, &str) {
    header.map_or(("includeAll", "raw"), |it| (&it.author, &it.id))
}

/// What the change set says of itself: its text says the same as its file, which the folder has checked.
pub(crate) fn said(migration: &Migration) -> (Option<Header>, changelog::Notes) {
    changelog::notes(migration.sql()).unwrap_or_default()
}

/// The columns that Liquibase tells change sets apart by. They are those of the name, also if an id has `::`.
fn key_of(migration: &Migration) -> (String, String, String) {
    let (header, _) = said(migration);
    let (author, id) = author_and_id(header.as_ref());
    if let Some(path) = migration.name.strip_suffix(&format!("::{id}::{author}")) {
        return (path.to_owned(), id.to_owned(), author.to_owned());
    }
    let mut parts = migration.name.rsplitn(3, "::").map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    let (author, id) = (part(), part());
    (part(), id, author)
}

/// The condition that finds the row of a name.
fn condition(row: RowKey<'_>, name: &str) -> String {
    format!("{} = {}", ledger_ddl::liquibase::words(row.dialect).name, row.dialect.literal(name))
}

impl Ledger for Liquibase {
    fn table(&self) -> &str {
        self.names.table.as_ref().map_or(ledger_ddl::liquibase::TABLE, |(folded, _)| folded)
    }

    fn table_on(&self, dialect: Dialect) -> &str {
        let words = ledger_ddl::liquibase::words(dialect);
        match &self.names.table {
            None => words.tables[0],
            Some((folded, written)) => {
                if words.folds {
                    folded
                } else {
                    written
                }
            }
        }
    }

    fn schema(&self) -> Option<&str> {
        self.names.schema.as_ref().map(|(folded, _)| folded.as_str())
    }

    fn place(&self, dialect: Dialect) -> Option<&str> {
        let words = ledger_ddl::liquibase::words(dialect);
        let catalog = self.names.catalog.as_deref().filter(|_| words.has_catalogs);
        let schema = self.names.schema.as_ref();
        catalog.or(schema.map(|(folded, written)| if words.folds { folded.as_str() } else { written }))
    }

    fn begins_beside_others(&self) -> bool {
        true
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        format!(
            "SELECT filename, id, author, md5sum, exectype, {} FROM {} ORDER BY orderexecuted",
            dialect.time_as_text("dateexecuted"),
            dialect.table(table)
        )
    }

    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let mut records: Vec<Record> = rows.into_iter().map(record).collect();
        if let Ok(mut recorded) = self.recorded.lock() {
            *recorded = records.iter().map(|record| record.name.clone()).collect();
        }
        // A checksum of version 8 that fits says no more.
        for record in &mut records {
            if lineage.former.get(&record.name) == Some(&record.checksum) {
                record.checksum = FORMER.to_owned();
            }
        }
        // A change set that runs again is pending, also if its row says that it is applied.
        let runs_again = |record: &Record| match lineage.reruns.get(&record.name) {
            None => false,
            Some(Rerun::Always) => true,
            Some(Rerun::Changed(checksum)) => is_comparable(&record.checksum) && record.checksum != *checksum,
        };
        records.retain(|record| !runs_again(record));
        records
    }

    /// A row without a checksum fits, and so does one of an older version, whose way to compute it is another; so does one
    /// that the change set calls valid.
    fn fits(&self, migration: &Migration, checksum: &str) -> bool {
        if !is_comparable(checksum) || migration.checksum == checksum || migration.checksum.is_empty() {
            return true;
        }
        let (_, notes) = said(migration);
        let is_any = |sum: &str| sum.eq_ignore_ascii_case("any") || sum.eq_ignore_ascii_case("1:any");
        notes.valid.iter().any(|sum| is_any(sum) || sum == checksum)
    }
}

/// What stands for a checksum of version 8 that fits.
const FORMER: &str = "8";

/// A checksum of a version that doorstep computes: 9, or 8, of which only those are left that do not fit.
fn is_comparable(checksum: &str) -> bool {
    checksum.starts_with("9:") || checksum.starts_with("8:")
}

/// One row. An `exectype` that Liquibase writes for nothing that has run is for a person to explain.
fn record(row: Row) -> Record {
    let mut values = row.into_iter().map(Option::unwrap_or_default);
    let mut value = || values.next().unwrap_or_default();
    let [path, id, author, checksum, kind, executed] = std::array::from_fn(|_| value());
    let (name, at) = (name_of(&path, &id, &author), rfc3339(executed));
    let is_done = matches!(kind.as_str(), "EXECUTED" | "RERAN" | "MARK_RAN");
    Record {
        id: format!("{}{name}", applied_rows::ROW),
        name,
        checksum,
        started_at: Some(at.clone()),
        finished_at: is_done.then_some(at),
        message: (!is_done).then(|| format!("its row in databasechangelog has exectype {kind}")),
        ..Record::default()
    }
}

impl Liquibase {
    /// The statement that writes the row of a change set.
    fn write(&self, row: RowKey<'_>, migration: &Migration, kind: &str) -> String {
        let literal = |text: &str| row.dialect.literal(text);
        let words = ledger_ddl::liquibase::words(row.dialect);
        // MySQL does not read a table that it writes, unless it reads a derived one (error 1093).
        let order = format!(
            "(SELECT last.number FROM (SELECT coalesce(max(orderexecuted), 0) + 1 AS number FROM {}) AS last)",
            row.table()
        );
        if self.recorded.lock().is_ok_and(|recorded| recorded.contains(&migration.name)) {
            return format!(
                "UPDATE {} SET dateexecuted = {}, orderexecuted = {order}, exectype = 'RERAN', md5sum = {}, \
                 deployment_id = {} WHERE {}",
                row.table(),
                words.now,
                literal(&migration.checksum),
                literal(&self.deployment),
                condition(row, &migration.name)
            );
        }
        let (header, notes) = said(migration);
        let (path, id, author) = key_of(migration);
        let optional = |text: Option<String>| text.map_or_else(|| "NULL".to_owned(), |text| literal(&text));
        let context = header.as_ref().and_then(|header| header.context.as_deref()).map(expression::recorded);
        let values = [
            ("id", literal(&id)),
            ("author", literal(&author)),
            ("filename", literal(&path)),
            ("dateexecuted", words.now.to_owned()),
            ("orderexecuted", order),
            ("exectype", literal(kind)),
            ("md5sum", literal(&migration.checksum)),
            ("description", literal("sql")),
            ("comments", literal(notes.comment.as_deref().unwrap_or_default())),
            ("tag", "NULL".to_owned()),
            ("liquibase", literal(&WRITER[..WRITER.len().min(20)])),
            ("contexts", optional(context)),
            ("labels", optional(header.and_then(|header| header.labels))),
            ("deployment_id", literal(&self.deployment)),
        ];
        (words.insert)(&row.table(), &values)
    }
}

impl LedgerWriter for Liquibase {
    fn create(&self, dialect: Dialect, table: &TableName) -> String {
        format!("CREATE TABLE {} ({}\n)", dialect.table(table), ledger_ddl::liquibase::words(dialect).columns)
    }

    fn new_id(&self, mode: Option<RunMode>) -> String {
        applied_rows::new_id(mode)
    }

    fn begin(&self, row: RowKey<'_>, mode: RunMode, migration: &Migration) -> Option<String> {
        applied_rows::begin(row, mode, migration)
    }

    /// A row of an `exectype` that says nothing has run is removed where a person declares so.
    fn end(&self, row: RowKey<'_>, migration: Option<&Migration>, outcome: &Outcome<'_>) -> Option<String> {
        match outcome {
            Outcome::RolledBack(_) | Outcome::GivenUp if applied_rows::is_left(row) => {
                Some(format!("DELETE FROM {}", self.locate(row)))
            }
            _ => applied_rows::end(row, outcome, || migration.map(|migration| self.write(row, migration, "EXECUTED"))),
        }
    }

    fn adopt(&self, row: RowKey<'_>, migration: &Migration) -> String {
        self.write(row, migration, "EXECUTED")
    }

    fn locate(&self, row: RowKey<'_>) -> String {
        match row.id.strip_prefix(applied_rows::ROW) {
            Some(name) => format!("{} WHERE {}", row.table(), condition(row, name)),
            None => applied_rows::notes().locate(row),
        }
    }

    fn notes(&self) -> Option<&'static Notes> {
        Some(applied_rows::notes())
    }

    fn guard(&self, migration: &Migration) -> Option<Guard> {
        let (_, notes) = said(migration);
        conditions::read(&notes, migration.script.dialect()).ok().flatten()
    }

    fn pass_over(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        Some(self.write(row, migration, "MARK_RAN"))
    }

    /// Liquibase computes a checksum anew that `clear-checksums` has removed.
    fn refill(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        Some(format!(
            "UPDATE {} SET md5sum = {} WHERE md5sum IS NULL AND {}",
            row.table(),
            row.dialect.literal(&migration.checksum),
            condition(row, &migration.name)
        ))
    }

    fn lock_row(&self, dialect: Dialect, table: &TableName) -> Option<LockRow> {
        let words = ledger_ddl::liquibase::words(dialect);
        let name = match &self.names.lock {
            None => words.tables[1].to_owned(),
            Some(written) => {
                if words.folds {
                    configuration::folded(written)
                } else {
                    written.clone()
                }
            }
        };
        let name = TableName { schema: table.schema.clone(), name };
        let quoted = dialect.table(&name);
        Some(LockRow {
            create: format!("CREATE TABLE IF NOT EXISTS {quoted} ({}\n)", words.lock_columns),
            fill: format!(
                "INSERT INTO {quoted} (id, locked) SELECT 1, false{} WHERE NOT EXISTS (SELECT 1 FROM {quoted} WHERE id = 1)",
                words.from_nowhere
            ),
            take: format!(
                "UPDATE {quoted} SET locked = true, lockgranted = {}, lockedby = HOLDER \
                 WHERE id = 1 AND (NOT locked OR lockedby LIKE 'doorstep%'){}",
                words.now, words.returning
            ),
            steal: format!(
                "UPDATE {quoted} SET lockgranted = {}, lockedby = HOLDER \
                 WHERE id = 1 AND locked AND coalesce(lockedby, '') = FORMER{}",
                words.now, words.returning
            ),
            sessions: words.sessions,
            holder: format!(
                "SELECT coalesce(lockedby, ''), {} FROM {quoted} WHERE id = 1 AND locked",
                dialect.time_as_text("lockgranted")
            ),
            release: format!(
                "UPDATE {quoted} SET locked = false, lockgranted = NULL, lockedby = NULL WHERE id = 1 AND lockedby = HOLDER"
            ),
            table: name,
            remedy: "liquibase release-locks",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::Script;

    fn migration(name: &str, text: &str) -> Migration {
        Migration {
            name: name.to_owned(),
            path: "changelog.sql".into(),
            script: Script::new(text.to_owned(), Dialect::Postgres),
            checksum: "9:abc".to_owned(),
            unreadable: None,
            no_transaction: false,
        }
    }

    fn ledger() -> Liquibase {
        Liquibase { names: Names::default(), deployment: "1234567890".to_owned(), recorded: Mutex::default() }
    }

    #[test]
    fn the_key_is_read_back_from_the_change_set() {
        let of = |name: &str, text: &str| key_of(&migration(name, text));
        let key = |path: &str, id: &str, author: &str| (path.to_owned(), id.to_owned(), author.to_owned());
        assert_eq!(of("a/b.sql::1:2::ann", "--changeset ann:1:2\nx;"), key("a/b.sql", "1:2", "ann"));
        assert_eq!(of("a.sql::raw::includeAll", "x;"), key("a.sql", "raw", "includeAll"));
        // The name decides, also where the text has another one.
        assert_eq!(of("a.sql::1::ann", "--changeset ann:1\n--ignoreLines:start\nx;"), key("a.sql", "1", "ann"));
    }

    #[test]
    fn a_checksum_fits_where_liquibase_would_accept_it() {
        let with = |line: &str| migration("a.sql::1::ann", &format!("--changeset ann:1\n{line}\nx;"));
        for (line, checksum, expected) in [
            ("", "9:abc", true),
            ("", "9:other", false),
            ("", "", true),
            ("", "7:other", true),
            ("", "8:other", false),
            ("", FORMER, true),
            ("--validCheckSum: ANY", "9:other", true),
            ("--validCheckSum: 1:any", "9:other", true),
            ("--validCheckSum: 9:other", "9:other", true),
            ("--validCheckSum: 9:third", "9:other", false),
        ] {
            assert_eq!(ledger().fits(&with(line), checksum), expected, "{line} {checksum}");
        }
    }

    #[test]
    fn what_runs_again_is_pending_and_changes_its_row() {
        let row = |checksum: &str| {
            ["a.sql", "1", "ann", checksum, "EXECUTED", "2026-01-01 00:00:00"].map(|it| Some(it.to_owned()))
        };
        let mut lineage = Lineage::default();
        lineage.reruns.insert("a.sql::1::ann".to_owned(), Rerun::Changed("9:abc".to_owned()));
        let ledger = ledger();
        assert_eq!(ledger.records(vec![row("9:abc").to_vec()], &lineage).len(), 1);
        assert_eq!(ledger.records(vec![row("9:old").to_vec()], &lineage).len(), 0);
        let table = TableName { schema: None, name: ledger_ddl::liquibase::TABLE.to_owned() };
        let key = RowKey { dialect: Dialect::Postgres, table: &table, id: applied_rows::ROW };
        let sql = ledger.adopt(key, &migration("a.sql::1::ann", "--changeset ann:1\nx;"));
        assert!(sql.starts_with("UPDATE") && sql.contains("'RERAN'"), "{sql}");
    }
}
