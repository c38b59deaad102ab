//! The actions of ALTER TABLE of PostgreSQL and SQLite; those of MySQL are `mysql`'s.

use crate::sql::actions::column::{declared, type_name};
use crate::sql::actions::constraint::constraint;
use crate::sql::actions::{Action, ActionKind, ColumnSetting, TableSetting, mysql, read};
use crate::sql::cursor::{Cursor, bare};
use crate::sql::{ObjectKind, ObjectRef};

/// What follows ALTER TABLE.
pub(crate) fn altered(reader: &mut Cursor<'_>) -> Vec<Action> {
    reader.take_all(&["IF", "EXISTS"]);
    // `ALTER TABLE ALL IN TABLESPACE` moves tables that it does not name.
    if reader.take_all(&["ALL", "IN", "TABLESPACE"]) {
        return Vec::new();
    }
    reader.take("ONLY");
    let Some(table) = read(reader, ObjectKind::Table) else { return Vec::new() };
    reader.take_mark("*");
    let of_table = if reader.dialect().rules().keeps_indexes_in_tables { mysql::actions } else { actions };
    let mut found = Vec::new();
    loop {
        let offset = reader.offset();
        let of_item = of_table(reader, &table);
        found.extend(of_item.into_iter().map(|action| Action { offset, ..action }));
        if !reader.skip_past_comma() {
            return found;
        }
    }
}

/// What the next action does.
fn actions(reader: &mut Cursor<'_>, table: &ObjectRef) -> Vec<Action> {
    vec![action(reader, table).unwrap_or_else(|| Action::on(Some(table.clone()), ActionKind::Unread))]
}

fn action(reader: &mut Cursor<'_>, table: &ObjectRef) -> Option<Action> {
    let on_table = |kind| Some(Action::on(Some(table.clone()), kind));
    match () {
        () if reader.take("ADD") => added(reader, table),
        () if reader.take("DROP") => {
            let is_constraint = reader.take("CONSTRAINT");
            reader.take("COLUMN");
            reader.take_all(&["IF", "EXISTS"]);
            Some(match is_constraint {
                true => part(reader, table, ObjectKind::Constraint, ActionKind::DropConstraint)?,
                false => part(reader, table, ObjectKind::Column, ActionKind::DropColumn)?,
            })
        }
        () if reader.take("ALTER") => {
            if reader.take("CONSTRAINT") {
                return part(reader, table, ObjectKind::Constraint, ActionKind::AlterConstraint);
            }
            reader.take("COLUMN");
            let column = table.part(ObjectKind::Column, bare(&reader.name()?));
            Some(Action::on(Some(column), of_column(reader)))
        }
        () if reader.take_all(&["RENAME", "TO"]) => {
            let name = reader.name()?;
            on_table(ActionKind::Rename(table.renamed(&name, reader.dialect())))
        }
        () if reader.take_all(&["RENAME", "CONSTRAINT"]) => {
            renamed(reader, table, ObjectKind::Constraint, ActionKind::RenameConstraint)
        }
        () if reader.take("RENAME") => {
            reader.take("COLUMN");
            renamed(reader, table, ObjectKind::Column, ActionKind::RenameColumn)
        }
        () if reader.take_all(&["SET", "SCHEMA"]) => {
            let name = reader.name()?;
            on_table(ActionKind::Move(bare(&name)))
        }
        () if reader.take_all(&["VALIDATE", "CONSTRAINT"]) => {
            part(reader, table, ObjectKind::Constraint, ActionKind::ValidateConstraint)
        }
        () if reader.take_all(&["ATTACH", "PARTITION"]) => {
            let partition = read(reader, ObjectKind::Table)?;
            Some(Action::on(Some(partition), ActionKind::AttachPartition(table.clone())))
        }
        () if reader.take_all(&["DETACH", "PARTITION"]) => {
            let partition = read(reader, ObjectKind::Table)?;
            let concurrently = reader.take("CONCURRENTLY") || reader.take("FINALIZE");
            Some(Action::on(Some(partition), ActionKind::DetachPartition { from: table.clone(), concurrently }))
        }
        () => on_table(ActionKind::SetTable(setting(reader))),
    }
}

/// What follows ADD.
fn added(reader: &mut Cursor<'_>, table: &ObjectRef) -> Option<Action> {
    if !reader.is_at("COLUMN")
        && let Some(added) = constraint(reader)
    {
        let name = added.name.clone().unwrap_or_default();
        return Some(Action::on(Some(table.part(ObjectKind::Constraint, name)), ActionKind::AddConstraint(added)));
    }
    reader.take("COLUMN");
    let lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
    let column = table.part(ObjectKind::Column, bare(&reader.name()?));
    let declared = declared(reader);
    Some(Action::on(
        Some(column),
        ActionKind::AddColumn(crate::sql::actions::column::NewColumn { lenient, ..declared }),
    ))
}

/// The part whose name is next.
fn part(reader: &mut Cursor<'_>, table: &ObjectRef, kind: ObjectKind, action: ActionKind) -> Option<Action> {
    let name = reader.name()?;
    Some(Action::on(Some(table.part(kind, bare(&name))), action))
}

/// `a TO b`.
fn renamed(
    reader: &mut Cursor<'_>,
    table: &ObjectRef,
    kind: ObjectKind,
    action: fn(String) -> ActionKind,
) -> Option<Action> {
    let old = bare(&reader.name()?);
    reader.take("TO");
    let new = bare(&reader.name()?);
    Some(Action::on(Some(table.part(kind, old)), action(new)))
}

/// What follows ALTER COLUMN and its name.
fn of_column(reader: &mut Cursor<'_>) -> ActionKind {
    let set = reader.take("SET");
    let drop = !set && reader.take("DROP");
    if set && reader.take_all(&["NOT", "NULL"]) {
        return ActionKind::SetNotNull;
    }
    if !drop && (reader.take("TYPE") || reader.take_all(&["DATA", "TYPE"])) {
        let type_name = type_name(reader);
        let collates = reader.is_at("COLLATE");
        while !reader.is_at_end_of_item() && !reader.is_at("USING") {
            reader.skip();
        }
        let using = reader.take("USING").then(|| {
            let begin = reader.offset();
            while !reader.is_at_end_of_item() {
                reader.skip();
            }
            reader.since(begin).to_owned()
        });
        return ActionKind::SetType { type_name, collates, using };
    }
    ActionKind::SetColumn(match () {
        () if reader.take("DEFAULT") => ColumnSetting::Default,
        () if drop && reader.take_all(&["NOT", "NULL"]) => ColumnSetting::DropNotNull,
        () if drop && reader.take("EXPRESSION") => ColumnSetting::DropExpression,
        () if drop && reader.take("IDENTITY") => ColumnSetting::Identity,
        () if set && reader.take("EXPRESSION") => ColumnSetting::Expression,
        () if set && (reader.take("STATISTICS") || reader.is_at("(")) => ColumnSetting::Statistics,
        () if set && (reader.take("STORAGE") || reader.take("COMPRESSION")) => ColumnSetting::Storage,
        () if reader.take("RESET") => ColumnSetting::Statistics,
        () if set || reader.take("ADD") || reader.take("RESTART") => ColumnSetting::Identity,
        () => ColumnSetting::Unread,
    })
}

/// A setting of the table.
fn setting(reader: &mut Cursor<'_>) -> TableSetting {
    let set = reader.take("SET");
    match () {
        () if set && reader.is_at("(") => TableSetting::Parameters,
        () if reader.take("RESET") => TableSetting::Parameters,
        () if set && ["LOGGED", "UNLOGGED", "TABLESPACE"].iter().any(|word| reader.take(word)) => {
            TableSetting::Rewrites
        }
        () if set && reader.take_all(&["ACCESS", "METHOD"]) => TableSetting::Rewrites,
        () if set && reader.take_all(&["WITHOUT", "CLUSTER"]) => TableSetting::ClusterOn,
        () if reader.take_all(&["CLUSTER", "ON"]) => TableSetting::ClusterOn,
        () if reader.take("ENABLE") || reader.take("DISABLE") => {
            let _ = reader.take("REPLICA") || reader.take("ALWAYS");
            if reader.take("TRIGGER") { TableSetting::Triggers } else { TableSetting::Catalog }
        }
        () if ["OWNER", "FORCE", "REPLICA", "INHERIT", "NO", "OF", "NOT"].iter().any(|word| reader.take(word)) => {
            TableSetting::Catalog
        }
        () => TableSetting::Unread,
    }
}
