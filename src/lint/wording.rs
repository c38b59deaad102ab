//! Hazards in words: why, and the safe way written out.

use crate::config::LintRule;
use crate::formats::migration::Unreadable;
use crate::lint::effects::Work;
use crate::lint::hazard::{Hazard, RowValues, Why};
use crate::report::annotation::Annotation;
use crate::sql::actions::constraint::ConstraintKind;
use crate::sql::{Dialect, ObjectKind, ObjectRef};

/// A hazard as the reports show it.
#[must_use]
pub(crate) fn annotation(hazard: &Hazard, dialect: Dialect) -> Annotation {
    Annotation {
        rule: hazard.rule.name(),
        severity: hazard.severity,
        file: hazard.place.file.clone(),
        line: hazard.place.line,
        column: hazard.place.column,
        object: hazard.object.as_ref().map(named),
        why: why(hazard),
        safe_way: safe_way(hazard, dialect),
    }
}

/// What an object is called in a report.
fn named(object: &ObjectRef) -> String {
    match object.name.is_empty() {
        true => object.of_table().to_string(),
        false => object.to_string(),
    }
}

/// What a rule is about, in one line.
#[must_use]
pub(crate) fn about(rule: LintRule) -> &'static str {
    match rule {
        LintRule::IndexWithoutConcurrently => "An index is built while writes to its table wait",
        LintRule::DropIndexWithoutConcurrently => "An index is dropped under a lock that all queries queue behind",
        LintRule::SetNotNull => "SET NOT NULL reads the table while all queries on it wait",
        LintRule::NotNullWithoutDefault => "A NOT NULL column has no value for the rows that are there",
        LintRule::ConstraintWithoutNotValid => "A constraint checks all rows under a lock",
        LintRule::UniqueWithoutIndex => "A key builds its index while all queries on the table wait",
        LintRule::TypeChange => "A column's new type writes the table anew",
        LintRule::VolatileDefault => "A new column's values write the table anew",
        LintRule::LongLock => "A table is locked for as long as its rows are read or written",
        LintRule::Rename => "A name that the running release uses is changed",
        LintRule::Drop => "Something that the running release may use is dropped",
        LintRule::Truncate => "All rows of a table are lost",
        LintRule::EnumValueInTransaction => "An enum value is used in the transaction that adds it",
        LintRule::ConcurrentlyInTransaction => "The folder's tool would run CONCURRENTLY in a transaction",
        LintRule::IfNotExistsHidesInvalid => "IF NOT EXISTS takes an invalid index for the one that is to be built",
        LintRule::MissingLockTimeout => "Nothing bounds how long a statement waits for its lock",
        LintRule::RowsBesideDdl => "Many rows are written while a table stays locked",
        LintRule::CannotRun => "The file cannot run as it is",
        LintRule::EditedAfterApplied => "A file was changed after it was applied",
        LintRule::OutOfOrder => "A file comes before one that is applied already",
    }
}

/// Why it is a hazard.
fn why(hazard: &Hazard) -> String {
    let table = hazard.object.as_ref().map(|object| plain(&object.of_table())).unwrap_or_default();
    match &hazard.why {
        Why::IndexBlocksWrites { .. } => format!(
            "the index is built under a SHARE lock: writes to {table} wait until it is complete, however many rows there are"
        ),
        Why::DropsIndex => "DROP INDEX takes an ACCESS EXCLUSIVE lock on the index and its table: it waits for all open \
                            transactions on the table, and every query queues behind it"
            .to_owned(),
        Why::ReadsForNotNull => {
            format!("SET NOT NULL reads all rows of {table} under an ACCESS EXCLUSIVE lock: all queries on it wait meanwhile")
        }
        Why::NoValueForRows => {
            format!("a NOT NULL column without a default fails if {table} has rows, and so does each INSERT of the running release")
        }
        Why::NoValueFromRelease => format!(
            "the running release inserts rows into {table} without this column, and they fail in strict mode; rows that are there get the \
             type's zero value"
        ),
        Why::ChecksRows(ConstraintKind::ForeignKey) => "the foreign key is checked for all rows under a SHARE ROW EXCLUSIVE lock on both tables: writes to either wait meanwhile".to_owned(),
        Why::ChecksRows(_) => {
            format!("the constraint is checked for all rows of {table} under an ACCESS EXCLUSIVE lock: all queries on it wait meanwhile")
        }
        Why::BuildsUnique => {
            format!("the index of the key is built under an ACCESS EXCLUSIVE lock: all queries on {table} wait meanwhile")
        }
        Why::ChangesType { certain: true, .. } => {
            format!("the new type writes {table} and its indexes anew under an ACCESS EXCLUSIVE lock: all queries on it wait meanwhile")
        }
        Why::ChangesType { certain: false, to } => format!(
            "unless {to} stores the values as the old type does, {table} or its indexes are written anew under an ACCESS EXCLUSIVE lock: the \
             files do not tell (timestamp to timestamptz is free where the session's time zone is UTC; another collation builds indexes anew)"
        ),
        Why::ValuesDiffer(values) => values_differ(*values, &table),
        Why::LongLock { work, blocks_reads, certain } => long_lock((*work, *blocks_reads, *certain), &table),
        Why::Renames { to } => format!("queries of the release that runs during the rollout fail: they use the old name, and {to} is the new one"),
        Why::Drops => match hazard.object.as_ref().map(|object| object.kind) {
            Some(ObjectKind::View) => "queries of the release that runs during the rollout fail if they use it".to_owned(),
            _ => "queries of the release that runs during the rollout fail if they use it, and its data is lost".to_owned(),
        },
        Why::Empties => format!("all rows of {table} are lost"),
        Why::UsesNewValue { value, added } => format!(
            "'{value}' is added in line {added} of the same transaction: PostgreSQL refuses its use before the commit (55P04)"
        ),
        Why::RowsUnderLock { locked, since } => {
            format!("{} is locked since line {since}, until the transaction ends: queries on it wait while these rows are written or read", plain(locked))
        }
        why => why_of_run(why),
    }
}

/// Why a file as a whole, or the way in which it is run, is a hazard.
fn why_of_run(why: &Why) -> String {
    match why {
        Why::ToolWraps { tool } => format!(
            "{tool} sends the file as one message, which is a transaction, and the statement fails there (25001); doorstep runs the file \
             statement by statement"
        ),
        Why::HidesInvalid => "a build that failed leaves an INVALID index of this name, which IF NOT EXISTS accepts: it slows down writes \
                              and serves no query. doorstep drops it before it builds again, other runners do not"
            .to_owned(),
        Why::NoLockTimeout { switched_off: true } => {
            "the script switches lock_timeout off: the statement waits for its lock without an end, and every query queues behind it".to_owned()
        }
        Why::NoLockTimeout { switched_off: false } => {
            "neither the script nor who runs it sets a lock timeout: the statement waits for its lock without an end, and every query \
             queues behind it"
                .to_owned()
        }
        Why::Refused(Unreadable { why, .. }) => why.clone(),
        Why::Edited { base: Some(base) } => {
            format!("{base} has the file with another content: where it was applied, the change never runs")
        }
        Why::Edited { base: None } => {
            "the database has applied the file with another content: the change never runs there".to_owned()
        }
        Why::Late { after, base: Some(base) } => {
            format!(
                "{base} has {after}, which comes after it: a database that has applied that one gets this one late, or never"
            )
        }
        Why::Late { after, base: None } => format!("the database has applied {after}, which comes after it"),
        _ => String::new(),
    }
}

fn values_differ(values: RowValues, table: &str) -> String {
    let reason = match values {
        RowValues::Volatile => "the default gives each row a value of its own",
        RowValues::Numbered => "each row gets a number",
        RowValues::Stored => "the value is computed and stored for each row",
        RowValues::Unknown => {
            return format!(
                "if the function in the default is volatile, as functions are unless they say otherwise, {table} is written anew under an ACCESS EXCLUSIVE lock"
            );
        }
    };
    format!(
        "{reason}, so that {table} is written anew under an ACCESS EXCLUSIVE lock: all queries on it wait meanwhile"
    )
}

fn long_lock((work, blocks_reads, certain): (Work, bool, bool), table: &str) -> String {
    let others = if blocks_reads { "all queries on it wait meanwhile" } else { "writes to it wait meanwhile" };
    let what = match work {
        Work::Scan => "all rows are read",
        Work::IndexBuild => "indexes are built",
        _ => "the table is written anew",
    };
    match certain {
        true => format!("{what} while {table} is locked: {others}"),
        false => {
            format!("if the column's type changes, {table} is copied: {others}; the files do not tell what it is now")
        }
    }
}

/// The name without its kind, as a sentence uses it.
fn plain(object: &ObjectRef) -> String {
    object.qualified_name()
}

/// A name in SQL, with quotes where it needs them.
fn sql(object: &ObjectRef, dialect: Dialect) -> String {
    let parts = object.schema.iter().chain([&object.name]).map(|part| word(part, dialect));
    parts.collect::<Vec<_>>().join(".")
}

fn word(name: &str, dialect: Dialect) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        true => name.to_owned(),
        false => dialect.identifier(name),
    }
}

/// The safe way: SQL where that is all, otherwise sentences.
fn safe_way(hazard: &Hazard, dialect: Dialect) -> String {
    let object = hazard.object.clone().unwrap_or_else(|| ObjectRef::new(ObjectKind::Table, None, ""));
    let table = sql(&object.of_table(), dialect);
    let name = word(&object.name, dialect);
    match &hazard.why {
        Why::IndexBlocksWrites { partitioned: true } => format!(
            "{}\n-- then, for each partition: CREATE INDEX CONCURRENTLY i ON partition (…);\n--                           ALTER INDEX {name} ATTACH PARTITION i;",
            terminated(&hazard.sql.replacen(" ON ", " ON ONLY ", 1))
        ),
        Why::IndexBlocksWrites { .. } => {
            format!("-- in a file of its own:\n{}", terminated(&with_concurrently(&hazard.sql)))
        }
        Why::DropsIndex => format!("-- in a file of its own:\nDROP INDEX CONCURRENTLY {};", sql(&object, dialect)),
        Why::ReadsForNotNull => {
            let check =
                word(&format!("{}_{}_not_null", object.table.clone().unwrap_or_default(), object.name), dialect);
            format!(
                "ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({name} IS NOT NULL) NOT VALID;\n-- in the next file:\n\
                 ALTER TABLE {table} VALIDATE CONSTRAINT {check};\nALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL;\n\
                 ALTER TABLE {table} DROP CONSTRAINT {check};"
            )
        }
        Why::NoValueForRows | Why::NoValueFromRelease => format!(
            "{} DEFAULT …;\n-- or without NOT NULL, which follows when all rows have a value and the release writes it",
            action(hazard, &table)
        ),
        Why::ChecksRows(_) if hazard.sql.to_ascii_uppercase().contains("ADD COLUMN") => {
            "add the column first, then the constraint with NOT VALID, and VALIDATE it in the next file".to_owned()
        }
        Why::ChecksRows(_) => {
            let name = if object.name.is_empty() { "NAME".to_owned() } else { name };
            format!(
                "{} NOT VALID;\n-- in the next file, while others read and write:\nALTER TABLE {table} VALIDATE CONSTRAINT {name};",
                action(hazard, &table)
            )
        }
        Why::BuildsUnique => format!(
            "-- in a file of its own:\nCREATE UNIQUE INDEX CONCURRENTLY i ON {table} (…);\n-- in the next file:\n\
             ALTER TABLE {table} ADD CONSTRAINT {} … USING INDEX i;",
            if object.name.is_empty() || object.kind == ObjectKind::Column { "NAME" } else { &name }
        ),
        Why::ChangesType { to, .. } => format!(
            "ALTER TABLE {table} ADD COLUMN {} {to};\n-- write both from the next release on, fill the new one in batches, read it from the \
             release after, then drop {name}",
            word(&format!("{}_new", object.name), dialect)
        ),
        Why::ValuesDiffer(RowValues::Numbered | RowValues::Stored) => {
            format!(
                "add a plain column to {table}, fill it in batches, and let a trigger or the release write it from then on"
            )
        }
        Why::ValuesDiffer(_) => format!(
            "-- add the column without the default, set the default, then fill the rows in batches:\nALTER TABLE {table} ADD COLUMN {name} …;\n\
             ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT …;"
        ),
        why => sentences(why, hazard, (&table, dialect)),
    }
}

/// The safe way where it is no SQL alone.
fn sentences(why: &Why, hazard: &Hazard, (table, dialect): (&str, Dialect)) -> String {
    match why {
        Why::LongLock { .. } if dialect == Dialect::Mysql => {
            "let the release be stopped meanwhile, or copy the table with gh-ost or pt-online-schema-change; ALGORITHM=INPLACE, LOCK=NONE makes \
             the server refuse what would copy"
                .to_owned()
        }
        Why::LongLock { .. } => match hazard.sql.to_ascii_uppercase().starts_with("RE") {
            true => format!("-- in a file of its own:\n{}", terminated(&with_concurrently(&hazard.sql))),
            false => format!("run it while the release is stopped, or build another table, fill it in batches, and exchange it with {table}"),
        },
        Why::Renames { .. } if hazard.object.as_ref().is_some_and(|object| object.kind == ObjectKind::Table) => {
            format!("rename it, and in the same file: CREATE VIEW {table} AS SELECT * FROM the new name; drop the view in a later release")
        }
        Why::Renames { .. } => "add the new name beside the old one, write both, read the new one from the next release on, then drop the old one".to_owned(),
        Why::Drops => "release first what no longer uses it; then drop it, with the comment -- doorstep:allow drop REASON".to_owned(),
        Why::Empties => "if that is meant: -- doorstep:allow truncate REASON".to_owned(),
        Why::UsesNewValue { .. } => "put the ALTER TYPE … ADD VALUE into a file before this one".to_owned(),
        Why::ToolWraps { .. } => "put the statement into a file of its own".to_owned(),
        Why::HidesInvalid => "leave IF NOT EXISTS out, or write DROP INDEX CONCURRENTLY IF EXISTS before it".to_owned(),
        Why::NoLockTimeout { .. } => match dialect {
            Dialect::Mysql => "SET SESSION lock_wait_timeout = 5;".to_owned(),
            Dialect::Postgres | Dialect::Sqlite => "SET lock_timeout = '5s';".to_owned(),
        },
        Why::RowsUnderLock { .. } => {
            "put these rows, or the VALIDATE, into the next file: the lock ends with the transaction".to_owned()
        }
        Why::Refused(Unreadable { next, .. }) => next.clone(),
        Why::Edited { .. } => "restore the file, and put the change into a new one".to_owned(),
        Why::Late { .. } => "give the file a name that comes last".to_owned(),
        _ => String::new(),
    }
}

/// The action as a statement of its own, without a semicolon.
fn action(hazard: &Hazard, table: &str) -> String {
    let text = hazard.sql.trim().trim_end_matches(';');
    match text.to_ascii_uppercase().starts_with("ADD") {
        true => format!("ALTER TABLE {table} {text}"),
        false => text.to_owned(),
    }
}

/// With CONCURRENTLY behind the kind of object.
fn with_concurrently(sql: &str) -> String {
    let upper = sql.to_ascii_uppercase();
    let kinds = ["MATERIALIZED VIEW", "INDEX", "TABLE"];
    let found = kinds.into_iter().find_map(|kind| Some(upper.find(kind)? + kind.len()));
    found.map_or_else(|| sql.to_owned(), |at| format!("{} CONCURRENTLY{}", &sql[..at], &sql[at..]))
}

fn terminated(sql: &str) -> String {
    format!("{};", sql.trim().trim_end_matches(';'))
}
