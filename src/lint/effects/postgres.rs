//! PostgreSQL 13 to 18.

use crate::lint::effects::TableLock::{
    AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share, ShareRowExclusive, ShareUpdateExclusive,
};
use crate::lint::effects::defaults::{self, DefaultValue};
use crate::lint::effects::{
    Effect, Known, Lock, Reach, TableLock, Work, is_quiet, is_relation, itself, rows, types, unknown,
};
use crate::sql::actions::column::{Generated, NewColumn};
use crate::sql::actions::constraint::{ConstraintKind, NewConstraint};
use crate::sql::actions::{Action, ActionKind, Attachment, ColumnSetting, NewTable, RowChange, TableSetting, Upkeep};
use crate::sql::{ObjectKind, ObjectRef};

/// What an action does to relations.
pub(crate) fn effects(action: &Action, known: &Known) -> Vec<Effect> {
    if is_quiet(&action.kind) {
        return Vec::new();
    }
    match &action.object {
        Some(object) if object.table.is_some() && object.kind != ObjectKind::Index => of_part(action, object, known),
        Some(object) => of_whole(action, object, known),
        None => of_nothing(&action.kind),
    }
}

/// Of a statement that names no relation.
fn of_nothing(kind: &ActionKind) -> Vec<Effect> {
    let any = |lock, work| vec![Effect { object: None, reach: Reach::Connected, lock: Lock::Table(lock), work }];
    match kind {
        // All tables of a schema or of the database, one after the other.
        ActionKind::Reindex { concurrently: true } => any(ShareUpdateExclusive, Work::IndexBuild),
        ActionKind::Reindex { concurrently: false } => any(AccessExclusive, Work::IndexBuild),
        ActionKind::Upkeep(Upkeep::Light) => any(ShareUpdateExclusive, Work::Scan),
        ActionKind::Upkeep(Upkeep::Rewrites) => any(AccessExclusive, Work::Rewrite),
        _ => vec![unknown(None)],
    }
}

fn on(object: &ObjectRef, lock: TableLock, work: Work) -> Effect {
    itself(object, Lock::Table(lock), work)
}

fn connected(object: &ObjectRef, lock: TableLock) -> Effect {
    Effect { object: Some(object.clone()), reach: Reach::Connected, lock: Lock::Table(lock), work: Work::None }
}

/// Of an action on a table, an index or a view.
fn of_whole(action: &Action, object: &ObjectRef, known: &Known) -> Vec<Effect> {
    match &action.kind {
        ActionKind::CreateTable(table) => created(object, table),
        // CREATE INDEX: SHARE on the table. CONCURRENTLY: SHARE UPDATE EXCLUSIVE, and waits for open transactions.
        ActionKind::CreateIndex(index) => {
            let lock = if index.concurrently { ShareUpdateExclusive } else { Share };
            let table = object.of_table();
            // And on its partitions.
            vec![on(&table, lock, Work::IndexBuild), Effect { work: Work::IndexBuild, ..connected(&table, lock) }]
        }
        ActionKind::Drop { concurrently, cascade } => dropped(object, (*concurrently, *cascade), known),
        // ALTER INDEX … RENAME needs less since version 12 (manual, ALTER INDEX).
        ActionKind::Rename(_) if object.kind == ObjectKind::Index => {
            vec![on(object, ShareUpdateExclusive, Work::None)]
        }
        ActionKind::Rename(_) | ActionKind::Move(_) if !is_relation(object) => Vec::new(),
        ActionKind::Rename(_) | ActionKind::Move(_) => vec![on(object, AccessExclusive, Work::None)],
        // ALTER TABLE … ATTACH PARTITION: SHARE UPDATE EXCLUSIVE on the parent; ACCESS EXCLUSIVE on the table, whose rows are read
        // unless a CHECK says as much, and on the default partition.
        ActionKind::AttachPartition(parent) => vec![
            on(object, AccessExclusive, Work::Scan),
            on(parent, ShareUpdateExclusive, Work::None),
            connected(parent, AccessExclusive),
        ],
        ActionKind::DetachPartition { from, concurrently } => {
            let lock = if *concurrently { ShareUpdateExclusive } else { AccessExclusive };
            // Version 13 takes the weaker lock on the partition, and has no CONCURRENTLY.
            let own = if known.postgres == Some(13) { ShareUpdateExclusive } else { AccessExclusive };
            vec![on(object, own, Work::None), on(from, lock, Work::None), connected(from, AccessExclusive)]
        }
        ActionKind::SetTable(setting) => set(object, *setting),
        ActionKind::Rows(change) => written(object, change, known),
        // TRUNCATE gives the table a new file, independent of its size.
        ActionKind::Truncate => vec![on(object, AccessExclusive, Work::None), connected(object, AccessExclusive)],
        ActionKind::LockTable(mode) => match TableLock::named(mode) {
            Some(lock) => vec![on(object, lock, Work::None)],
            None => vec![unknown(Some(object.clone()))],
        },
        ActionKind::Reindex { concurrently } => reindexed(object, *concurrently, known),
        ActionKind::Upkeep(Upkeep::Light) => vec![on(object, ShareUpdateExclusive, Work::Scan)],
        ActionKind::Upkeep(Upkeep::Rewrites) => vec![on(object, AccessExclusive, Work::Rewrite)],
        // CREATE TRIGGER: SHARE ROW EXCLUSIVE.
        ActionKind::Attach(Attachment::Trigger) => vec![on(object, ShareRowExclusive, Work::None)],
        ActionKind::Attach(Attachment::Rule) => vec![on(object, AccessExclusive, Work::None)],
        ActionKind::Attach(Attachment::Note) => vec![on(object, ShareUpdateExclusive, Work::None)],
        ActionKind::CreateView { materialized, replace } => viewed(object, *materialized, *replace),
        // REFRESH: ACCESS EXCLUSIVE; CONCURRENTLY: EXCLUSIVE. Either runs the query and writes the rows.
        ActionKind::RefreshView { concurrently } => {
            let lock = if *concurrently { Exclusive } else { AccessExclusive };
            vec![on(object, lock, Work::Rewrite), connected(object, AccessShare)]
        }
        _ => vec![unknown(Some(object.clone()))],
    }
}

/// CREATE VIEW: ACCESS SHARE on what the query reads; a materialised view runs it.
fn viewed(object: &ObjectRef, materialized: bool, replace: bool) -> Vec<Effect> {
    let work = if materialized { Work::Unknown } else { Work::None };
    let reach = if replace { Reach::Itself } else { Reach::New };
    let own = Effect { reach, ..on(object, AccessExclusive, Work::None) };
    vec![own, Effect { work, ..connected(object, AccessShare) }]
}

/// CREATE TABLE. Other sessions see the table after the commit only; the tables that it refers to are in use.
fn created(object: &ObjectRef, table: &NewTable) -> Vec<Effect> {
    let own = Effect { reach: Reach::New, ..on(object, AccessExclusive, Work::None) };
    let mut found = vec![own];
    // ADD FOREIGN KEY: SHARE ROW EXCLUSIVE on the referenced table, too.
    found.extend(table.references().filter(|of| *of != object).map(|of| on(of, ShareRowExclusive, Work::None)));
    if let Some(parent) = &table.partition_of {
        // CREATE TABLE … PARTITION OF: ACCESS EXCLUSIVE on the parent; a default partition is read.
        found.push(on(parent, AccessExclusive, Work::None));
        found.push(Effect { work: Work::Unknown, ..connected(parent, AccessExclusive) });
    }
    if table.from_query || table.names_others {
        found.push(Effect { work: Work::Unknown, ..connected(object, ShareUpdateExclusive) });
    }
    found
}

/// DROP: ACCESS EXCLUSIVE on the object, on the table of an index, and on the other end of each foreign key.
fn dropped(object: &ObjectRef, (concurrently, cascade): (bool, bool), known: &Known) -> Vec<Effect> {
    if object.kind == ObjectKind::Index {
        let lock = if concurrently { ShareUpdateExclusive } else { AccessExclusive };
        let table = match known.table_of_index(object) {
            Some(table) => on(table, lock, Work::None),
            None => connected(object, lock),
        };
        return vec![on(object, lock, Work::None), table];
    }
    if !is_relation(object) {
        // A type or a schema without CASCADE is dropped only where nothing is in it.
        return if cascade { vec![unknown(Some(object.clone()))] } else { Vec::new() };
    }
    let mut found = vec![on(object, AccessExclusive, Work::None)];
    match known.references(object).filter(|_| !cascade) {
        Some(others) => found.extend(others.iter().map(|other| on(other, AccessExclusive, Work::None))),
        None => found.push(connected(object, AccessExclusive)),
    }
    found
}

/// REINDEX: of a table SHARE on it, of an index SHARE on its table; in both cases ACCESS EXCLUSIVE on the index.
fn reindexed(object: &ObjectRef, concurrently: bool, known: &Known) -> Vec<Effect> {
    let (table, index) =
        if concurrently { (ShareUpdateExclusive, ShareUpdateExclusive) } else { (Share, AccessExclusive) };
    if object.kind != ObjectKind::Index {
        return vec![on(object, table, Work::IndexBuild), connected(object, index)];
    }
    let of_table = match known.table_of_index(object) {
        Some(of) => on(of, table, Work::IndexBuild),
        None => Effect { work: Work::IndexBuild, ..connected(object, table) },
    };
    vec![on(object, index, Work::IndexBuild), of_table]
}

/// INSERT, UPDATE, DELETE: ROW EXCLUSIVE; what they check and cascade to is locked likewise.
fn written(object: &ObjectRef, change: &RowChange, known: &Known) -> Vec<Effect> {
    vec![on(object, RowExclusive, rows(change, object, known)), connected(object, RowExclusive)]
}

/// A setting of the table (`AlterTableGetLockLevel`).
fn set(table: &ObjectRef, setting: TableSetting) -> Vec<Effect> {
    match setting {
        TableSetting::Parameters | TableSetting::ClusterOn => vec![on(table, ShareUpdateExclusive, Work::None)],
        TableSetting::Triggers => vec![on(table, ShareRowExclusive, Work::None)],
        TableSetting::Catalog => vec![on(table, AccessExclusive, Work::None), connected(table, ShareUpdateExclusive)],
        TableSetting::Rewrites => vec![on(table, AccessExclusive, Work::Rewrite)],
        TableSetting::Noted | TableSetting::Rebuilds | TableSetting::Copies | TableSetting::Unread => {
            vec![unknown(Some(table.clone()))]
        }
    }
}

/// Of an action of ALTER TABLE on a column or a constraint.
fn of_part(action: &Action, part: &ObjectRef, known: &Known) -> Vec<Effect> {
    let table = part.of_table();
    let own = |lock, work| vec![on(&table, lock, work)];
    match &action.kind {
        ActionKind::AddColumn(column) => added(&table, column, known),
        // The foreign keys of the column go with it, and the other end of each is locked.
        ActionKind::DropColumn => {
            let mut found = own(AccessExclusive, Work::None);
            match known.references(&table) {
                Some([]) => {}
                _ => found.push(connected(&table, AccessExclusive)),
            }
            found
        }
        ActionKind::RenameColumn(_) | ActionKind::RenameConstraint(_) => own(AccessExclusive, Work::None),
        ActionKind::SetType { type_name, collates, using } => {
            let is_cast = using.as_ref().is_none_or(|using| is_plain_cast(using, &part.name, type_name));
            let work = if is_cast { types::change(known.type_of(part), type_name) } else { Work::Rewrite };
            // Another collation builds the indexes of the column anew, and writes no row.
            let work = if *collates { work.max(Work::Unknown) } else { work };
            let mut found = own(AccessExclusive, work);
            found.push(connected(&table, AccessExclusive));
            found
        }
        // SET NOT NULL reads all rows, unless a valid CHECK proves that none is NULL (since version 12).
        ActionKind::SetNotNull if known.is_never_null(part) => own(AccessExclusive, Work::None),
        ActionKind::SetNotNull => own(AccessExclusive, Work::Scan),
        ActionKind::SetColumn(setting) => match setting {
            // SET EXPRESSION of a stored column (version 17) writes all rows.
            ColumnSetting::Expression => own(AccessExclusive, Work::Rewrite),
            ColumnSetting::Statistics => own(ShareUpdateExclusive, Work::None),
            ColumnSetting::Unread => vec![unknown(Some(table))],
            _ => own(AccessExclusive, Work::None),
        },
        ActionKind::AddConstraint(constraint) => constrained(&table, constraint),
        // VALIDATE CONSTRAINT: SHARE UPDATE EXCLUSIVE, and ROW SHARE on the referenced table.
        ActionKind::ValidateConstraint => {
            let mut found = own(ShareUpdateExclusive, Work::Scan);
            found.extend(other_end(part, (RowShare, Work::Scan), known));
            found
        }
        // Dropping a foreign key removes triggers of the referenced table, too.
        ActionKind::DropConstraint => {
            let mut found = own(AccessExclusive, Work::None);
            found.extend(other_end(part, (AccessExclusive, Work::None), known));
            found
        }
        ActionKind::AlterConstraint => {
            vec![on(&table, AccessExclusive, Work::None), connected(&table, AccessExclusive)]
        }
        ActionKind::Attach(_) => own(ShareUpdateExclusive, Work::None),
        // Values of an enum, and what names no table.
        _ if part.kind == ObjectKind::EnumValue => Vec::new(),
        _ => vec![unknown(Some(table))],
    }
}

/// The effect on the table that a constraint refers to, if it is a foreign key.
fn other_end(constraint: &ObjectRef, (lock, work): (TableLock, Work), known: &Known) -> Option<Effect> {
    match known.other_end(constraint) {
        Some(other) => other.map(|other| on(other, lock, work)),
        None => Some(connected(&constraint.of_table(), lock)),
    }
}

/// `a::bigint`, as an expression after USING: what the server does without it.
fn is_plain_cast(using: &str, column: &str, type_name: &str) -> bool {
    let plain =
        |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '"').collect::<String>().to_lowercase();
    let column = plain(column);
    let using = plain(using);
    let using = using
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .filter(|it| !it.contains('('))
        .unwrap_or(&using);
    using == column || using == format!("{column}::{}", plain(type_name))
}

/// ADD COLUMN: ACCESS EXCLUSIVE; without a default, or with one that is the same for all rows (since version 11), no row is read.
fn added(table: &ObjectRef, column: &NewColumn, known: &Known) -> Vec<Effect> {
    let is_plain = types::is_built_in(&column.type_name) || known.is_enum(&column.type_name);
    let default = defaults::value(column.default.as_deref());
    let by_value = match (column.generated, default) {
        (Some(Generated::Numbered | Generated::Stored), _) => Work::Rewrite,
        // Virtual since version 18, an error before.
        (Some(Generated::Virtual | Generated::Unstated), _) => Work::None,
        (None, DefaultValue::Volatile) => Work::Rewrite,
        (None, DefaultValue::Unknown) => Work::Unknown,
        // A type that is not known may be a domain, whose constraints are checked row by row.
        (None, DefaultValue::Stable | DefaultValue::Null) if is_plain => Work::None,
        (None, DefaultValue::Stable | DefaultValue::Null) => Work::Unknown,
    };
    let by_parts = [
        (column.indexed, Work::IndexBuild),
        (column.checked, Work::Scan),
        // Without a default all rows have NULL, and the key is taken for valid (transformFKConstraints, skipValidation).
        (column.references.is_some() && default != DefaultValue::Null, Work::Scan),
        // Without a default and with a row, it fails.
        (column.not_null && default == DefaultValue::Null && column.generated.is_none(), Work::Scan),
    ];
    let by_parts = by_parts.into_iter().filter(|(is, _)| *is).map(|(_, work)| work);
    let work = by_parts.fold(by_value, Work::max);
    let mut found = vec![on(table, AccessExclusive, work)];
    // The check joins both tables.
    let read = if default == DefaultValue::Null { Work::None } else { Work::Scan };
    found.extend(column.references.iter().filter(|of| *of != table).map(|of| on(of, ShareRowExclusive, read)));
    found
}

/// ADD table_constraint: ACCESS EXCLUSIVE; of a foreign key SHARE ROW EXCLUSIVE on both tables.
fn constrained(table: &ObjectRef, constraint: &NewConstraint) -> Vec<Effect> {
    let check = if constraint.not_valid { Work::None } else { Work::Scan };
    match constraint.kind {
        ConstraintKind::ForeignKey => {
            let mut found = vec![on(table, ShareRowExclusive, check)];
            let other = constraint.references.iter().filter(|of| *of != table);
            // The check joins both tables.
            found.extend(other.map(|of| on(of, ShareRowExclusive, check)));
            found
        }
        ConstraintKind::Check | ConstraintKind::NotNull => vec![on(table, AccessExclusive, check)],
        ConstraintKind::Unique if constraint.using_index => vec![on(table, AccessExclusive, Work::None)],
        // Columns that may be NULL are read (manual, PRIMARY KEY USING INDEX).
        ConstraintKind::PrimaryKey if constraint.using_index => vec![on(table, AccessExclusive, Work::Unknown)],
        ConstraintKind::Unique | ConstraintKind::PrimaryKey | ConstraintKind::Exclude => {
            vec![on(table, AccessExclusive, Work::IndexBuild)]
        }
        ConstraintKind::Other => vec![unknown(Some(table.clone()))],
    }
}
