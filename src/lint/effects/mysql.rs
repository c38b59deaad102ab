//! MySQL 8 and MariaDB, on InnoDB: at most what the tables of the manual say (17.12.1; MariaDB, "InnoDB Online DDL"). Where the two
//! servers, or their versions, differ, it is the slower way.

use crate::lint::effects::OnlineDdl::{Copy, Exclusive, Inplace, InplaceShared, Instant, Rows};
use crate::lint::effects::{Effect, Known, Lock, OnlineDdl, Reach, Work, is_quiet, is_relation, itself, rows, unknown};
use crate::sql::actions::column::{Generated, NewColumn};
use crate::sql::actions::constraint::{ConstraintKind, NewConstraint};
use crate::sql::actions::{Action, ActionKind, Attachment, ColumnSetting, TableSetting, Upkeep};
use crate::sql::{ObjectKind, ObjectRef};

/// What an action does to tables.
pub(crate) fn effects(action: &Action, known: &Known) -> Vec<Effect> {
    if is_quiet(&action.kind) {
        return Vec::new();
    }
    let Some(object) = &action.object else { return vec![unknown(None)] };
    let table = object.of_table();
    let own = |ddl: OnlineDdl, work: Work| vec![itself(&table, Lock::Metadata(ddl), work)];
    match &action.kind {
        ActionKind::CreateTable(new) => {
            let mut found = vec![Effect { reach: Reach::New, ..itself(object, Lock::Metadata(Instant), Work::None) }];
            let others = new.references().filter(|of| *of != object);
            found.extend(others.map(|of| itself(of, Lock::Metadata(Instant), Work::None)));
            if new.from_query || new.names_others {
                found.push(unknown(None));
            }
            found
        }
        // "Creating or adding a secondary index": in place, others write meanwhile. FULLTEXT and SPATIAL: they do not.
        ActionKind::CreateIndex(index) if index.special => own(InplaceShared, Work::IndexBuild),
        ActionKind::CreateIndex(_) => own(Inplace, Work::IndexBuild),
        ActionKind::Drop { .. } if object.kind == ObjectKind::Index => own(Inplace, Work::None),
        ActionKind::Drop { .. } | ActionKind::Truncate if is_relation(object) => own(Instant, Work::None),
        ActionKind::Rename(_) | ActionKind::RenameConstraint(_) => own(Instant, Work::None),
        // "Renaming a column": in place, the definition alone.
        ActionKind::RenameColumn(_) => own(Inplace, Work::None),
        ActionKind::AddColumn(column) => own_column(&table, column),
        // "Dropping a column": instant since 8.0.29, in place with a rebuild before; others write meanwhile.
        ActionKind::DropColumn => own(Inplace, Work::Rewrite),
        ActionKind::Redeclare(column) => redeclared(&table, object, column, known),
        ActionKind::SetColumn(ColumnSetting::Default) => own(Instant, Work::None),
        ActionKind::AddConstraint(constraint) => constrained(&table, constraint),
        // "Dropping a primary key" copies the table; a foreign key and a check go in place.
        ActionKind::DropConstraint if object.kind == ObjectKind::PrimaryKey => own(Copy, Work::Rewrite),
        ActionKind::DropConstraint => own(Inplace, Work::None),
        ActionKind::SetTable(setting) => match setting {
            TableSetting::Noted => own(Inplace, Work::None),
            TableSetting::Rebuilds => own(Inplace, Work::Rewrite),
            TableSetting::Copies => own(Copy, Work::Rewrite),
            _ => vec![unknown(Some(table))],
        },
        ActionKind::Rows(change) => own(Rows, rows(change, object, known)),
        ActionKind::LockTable(_) => own(Exclusive, Work::None),
        ActionKind::Upkeep(Upkeep::Light) => own(Rows, Work::None),
        ActionKind::Upkeep(Upkeep::Rewrites) => own(Inplace, Work::Rewrite),
        ActionKind::Attach(Attachment::Trigger | Attachment::Rule | Attachment::Note) => own(Instant, Work::None),
        ActionKind::CreateView { .. } => Vec::new(),
        _ => vec![unknown(Some(table))],
    }
}

/// "Adding a column": instant, since 8.0.29 (MariaDB 10.4) also between others; with AUTO_INCREMENT in place and without writers;
/// a stored one copies the table; a key builds an index.
fn own_column(table: &ObjectRef, column: &NewColumn) -> Vec<Effect> {
    let (ddl, work) = match column.generated {
        Some(Generated::Numbered) => (InplaceShared, Work::Rewrite),
        Some(Generated::Stored) => (Copy, Work::Rewrite),
        _ if column.checked => (Copy, Work::Rewrite),
        _ if column.indexed => (Inplace, Work::IndexBuild),
        _ if column.placed => (Inplace, Work::Rewrite),
        // A default that is an expression: MySQL evaluates it row by row.
        _ if column.default.as_deref().is_some_and(|default| default.trim_start().starts_with('(')) => {
            (Copy, Work::Rewrite)
        }
        _ => (Instant, Work::None),
    };
    vec![itself(table, Lock::Metadata(ddl), work)]
}

/// MODIFY and CHANGE: "changing the column data type" copies the table; NULL and NOT NULL rebuild it in place; a longer VARCHAR, a
/// value at the end of an ENUM and another default change the definition alone.
fn redeclared(table: &ObjectRef, part: &ObjectRef, column: &NewColumn, known: &Known) -> Vec<Effect> {
    let of = |ddl, work| vec![itself(table, Lock::Metadata(ddl), work)];
    let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let Some(old) = known.type_of(part) else {
        return vec![itself(table, Lock::Unknown, Work::Unknown)];
    };
    let (old, new) = (plain(old), plain(&column.type_name));
    match () {
        () if matches!(column.generated, Some(Generated::Stored | Generated::Virtual)) => of(Copy, Work::Rewrite),
        () if old == new && column.placed => of(Inplace, Work::Rewrite),
        () if old == new && known.is_never_null(part) == column.not_null => of(Inplace, Work::None),
        () if old == new => of(Inplace, Work::Rewrite),
        () if is_longer_varchar(&old, &new) => of(Inplace, Work::None),
        () if is_longer_list(&old, &new) => of(Instant, Work::None),
        () => of(Copy, Work::Rewrite),
    }
}

/// The manual's "Extending VARCHAR column size": the length needs one byte before and after, or two before and after. With up to
/// four bytes for a character, that is certain up to 63 characters and from 256 on.
fn is_longer_varchar(old: &str, new: &str) -> bool {
    let length = |text: &str| text.strip_prefix("varchar(")?.strip_suffix(')')?.parse::<u32>().ok();
    match (length(old), length(new)) {
        (Some(old), Some(new)) => old <= new && (new < 64 || old > 255),
        _ => false,
    }
}

/// `enum('a')` to `enum('a','b')`.
fn is_longer_list(old: &str, new: &str) -> bool {
    let is_list = old.starts_with("enum(") || old.starts_with("set(");
    is_list && old.strip_suffix(')').is_some_and(|begin| new.starts_with(begin) && new[begin.len()..].starts_with(','))
}

/// "Adding a primary key" rebuilds in place; a unique key builds an index; a foreign key copies the table while
/// `foreign_key_checks` is on, and a CHECK does.
fn constrained(table: &ObjectRef, constraint: &NewConstraint) -> Vec<Effect> {
    let of = |ddl, work| vec![itself(table, Lock::Metadata(ddl), work)];
    match constraint.kind {
        ConstraintKind::PrimaryKey => of(Inplace, Work::Rewrite),
        ConstraintKind::Unique => of(Inplace, Work::IndexBuild),
        ConstraintKind::ForeignKey => {
            let mut found = of(Copy, Work::Rewrite);
            let other = constraint.references.iter().filter(|of| *of != table);
            found.extend(other.map(|of| itself(of, Lock::Metadata(Instant), Work::None)));
            found
        }
        ConstraintKind::Check => of(Copy, Work::Rewrite),
        ConstraintKind::Exclude | ConstraintKind::NotNull | ConstraintKind::Other => {
            vec![unknown(Some(table.clone()))]
        }
    }
}
