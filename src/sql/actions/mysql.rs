//! The actions of MySQL's and MariaDB's ALTER TABLE.

use crate::sql::actions::column::{NewColumn, declared};
use crate::sql::actions::constraint::constraint;
use crate::sql::actions::{Action, ActionKind, ColumnSetting, NewIndex, TableSetting};
use crate::sql::cursor::{Cursor, bare};
use crate::sql::table_parts::{self, PartOp};
use crate::sql::{ObjectKind, ObjectRef};

/// What the next action does. `ADD COLUMN (a INT, b INT)` is several.
pub(crate) fn actions(reader: &mut Cursor<'_>, table: &ObjectRef) -> Vec<Action> {
    let unread = || vec![Action::on(Some(table.clone()), ActionKind::Unread)];
    if reader.take("ADD") {
        return added(reader, table).unwrap_or_else(unread);
    }
    for (word, changes_name) in [("MODIFY", false), ("CHANGE", true)] {
        if reader.take(word) {
            return redeclared(reader, table, changes_name).map_or_else(unread, |action| vec![action]);
        }
    }
    if reader.take("ALTER") {
        return vec![altered(reader, table).unwrap_or_else(|| Action::on(Some(table.clone()), ActionKind::Unread))];
    }
    if reader.is_at("DROP") || reader.is_at("RENAME") {
        return parted(reader, table);
    }
    // How the statement itself is carried out.
    if ["ALGORITHM", "LOCK", "WAIT", "NOWAIT"].iter().any(|word| reader.take(word)) {
        return Vec::new();
    }
    vec![Action::on(Some(table.clone()), ActionKind::SetTable(option(reader)))]
}

/// What follows ADD.
fn added(reader: &mut Cursor<'_>, table: &ObjectRef) -> Option<Vec<Action>> {
    if let Some(index) = index(reader) {
        let name = index_name(reader);
        return Some(vec![Action::on(Some(table.part(ObjectKind::Index, name)), ActionKind::CreateIndex(index))]);
    }
    if reader.is_at("PARTITION") || reader.is_at("PERIOD") || reader.is_at("SYSTEM") {
        return None;
    }
    if !reader.is_at("COLUMN")
        && let Some(added) = constraint(reader)
    {
        let name = added.name.clone().unwrap_or_default();
        return Some(vec![Action::on(
            Some(table.part(ObjectKind::Constraint, name)),
            ActionKind::AddConstraint(added),
        )]);
    }
    reader.take("COLUMN");
    let lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
    if !reader.take_mark("(") {
        return Some(vec![column(reader, table, lenient)?]);
    }
    let mut columns = Vec::new();
    loop {
        columns.push(column(reader, table, lenient)?);
        if !reader.skip_to_next_item() {
            break;
        }
    }
    reader.take_mark(")");
    Some(columns)
}

fn column(reader: &mut Cursor<'_>, table: &ObjectRef, lenient: bool) -> Option<Action> {
    let column = table.part(ObjectKind::Column, bare(&reader.name()?));
    Some(Action::on(Some(column), ActionKind::AddColumn(NewColumn { lenient, ..declared(reader) })))
}

/// The kind of index that is next, if one is, without a UNIQUE that is a constraint's.
fn index(reader: &mut Cursor<'_>) -> Option<NewIndex> {
    let special = reader.take("FULLTEXT") || reader.take("SPATIAL");
    (reader.take("INDEX") || reader.take("KEY") || special).then(|| {
        let _ = reader.take("INDEX") || reader.take("KEY");
        let lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
        NewIndex { special, lenient, ..NewIndex::default() }
    })
}

/// The name of an index; empty where the server makes one.
fn index_name(reader: &mut Cursor<'_>) -> String {
    let has_name = !reader.is_at("(") && !reader.is_at("USING");
    has_name.then(|| reader.name()).flatten().map(|name| bare(&name)).unwrap_or_default()
}

/// What follows MODIFY and CHANGE.
fn redeclared(reader: &mut Cursor<'_>, table: &ObjectRef, changes_name: bool) -> Option<Action> {
    reader.take("COLUMN");
    reader.take_all(&["IF", "EXISTS"]);
    let old = bare(&reader.name()?);
    let new = if changes_name { Some(bare(&reader.name()?)) } else { None };
    let new_name = new.filter(|new| *new != old);
    let column = NewColumn { new_name, ..declared(reader) };
    Some(Action::on(Some(table.part(ObjectKind::Column, old)), ActionKind::Redeclare(column)))
}

/// What follows ALTER: `ALTER a SET DEFAULT 1`, `ALTER INDEX i INVISIBLE`.
fn altered(reader: &mut Cursor<'_>, table: &ObjectRef) -> Option<Action> {
    if reader.take("INDEX") || reader.take("KEY") {
        return Some(Action::on(Some(table.clone()), ActionKind::SetTable(TableSetting::Noted)));
    }
    if reader.take("CHECK") || reader.take("CONSTRAINT") {
        return Some(Action::on(Some(table.clone()), ActionKind::AlterConstraint));
    }
    reader.take("COLUMN");
    let column = table.part(ObjectKind::Column, bare(&reader.name()?));
    let _ = reader.take("SET") || reader.take("DROP");
    let is_known = reader.take("DEFAULT") || reader.take("VISIBLE") || reader.take("INVISIBLE");
    let setting = if is_known { ColumnSetting::Default } else { ColumnSetting::Unread };
    Some(Action::on(Some(column), ActionKind::SetColumn(setting)))
}

/// DROP and RENAME of a part, or of the table.
fn parted(reader: &mut Cursor<'_>, table: &ObjectRef) -> Vec<Action> {
    let is_primary = reader.take_all(&["DROP", "PRIMARY", "KEY"]);
    if is_primary {
        return vec![Action::on(Some(table.part(ObjectKind::PrimaryKey, "")), ActionKind::DropConstraint)];
    }
    let found = table_parts::action(reader);
    let told = found.into_iter().map(|change| {
        let kind = match (change.op, change.kind) {
            (PartOp::Renames(new), ObjectKind::Column) => ActionKind::RenameColumn(new),
            (PartOp::Renames(new), kind) => ActionKind::Rename(table.part(kind, new)),
            (PartOp::Drops, ObjectKind::Column) => ActionKind::DropColumn,
            (PartOp::Drops, ObjectKind::Constraint) => ActionKind::DropConstraint,
            (PartOp::Drops, _) => ActionKind::Drop { concurrently: false, cascade: false },
            (PartOp::Adds { .. }, _) => ActionKind::Unread,
        };
        Action::on(Some(table.part(change.kind, change.name)), kind)
    });
    let told: Vec<Action> = told.collect();
    if !told.is_empty() {
        return told;
    }
    let renames = reader.take("RENAME") && (reader.take("TO") || reader.take("AS") || !reader.is_at_end());
    let new = if renames { reader.name() } else { None };
    let kind = new.map_or(ActionKind::Unread, |new| ActionKind::Rename(table.renamed(&new, reader.dialect())));
    vec![Action::on(Some(table.clone()), kind)]
}

/// An option of the table (MySQL manual 17.12.1, "Table Operations").
fn option(reader: &mut Cursor<'_>) -> TableSetting {
    let noted = ["COMMENT", "AUTO_INCREMENT", "STATS_PERSISTENT", "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES"];
    let rebuilds = ["ENGINE", "ROW_FORMAT", "KEY_BLOCK_SIZE", "FORCE"];
    match () {
        () if noted.iter().any(|word| reader.take(word)) => TableSetting::Noted,
        () if rebuilds.iter().any(|word| reader.take(word)) => TableSetting::Rebuilds,
        () if reader.take("CONVERT") => TableSetting::Copies,
        // The default of columns that come later.
        () if reader.take("DEFAULT") || reader.take("CHARSET") || reader.take("COLLATE") => TableSetting::Noted,
        () if reader.take_all(&["CHARACTER", "SET"]) => TableSetting::Noted,
        () => TableSetting::Unread,
    }
}
