//! CREATE and DROP.

use crate::sql::actions::column::declared;
use crate::sql::actions::constraint::constraint;
use crate::sql::actions::{Action, ActionKind, Attachment, NewIndex, NewTable, read};
use crate::sql::cursor::{Cursor, bare};
use crate::sql::{ObjectKind, ObjectRef};

/// Kinds of objects that are no relation, and hang on none.
const QUIET: [&str; 19] = [
    "FUNCTION",
    "PROCEDURE",
    "AGGREGATE",
    "SCHEMA",
    "EXTENSION",
    "ROLE",
    "USER",
    "DATABASE",
    "SEQUENCE",
    "CAST",
    "COLLATION",
    "OPERATOR",
    "LANGUAGE",
    "PUBLICATION",
    "SUBSCRIPTION",
    "SERVER",
    "EVENT",
    "CONVERSION",
    "ROUTINE",
];

/// What follows CREATE.
pub(crate) fn created(reader: &mut Cursor<'_>) -> Vec<Action> {
    let (mut table, mut index) = (NewTable::default(), NewIndex::default());
    let (mut materialized, mut replace) = (false, false);
    loop {
        match () {
            () if reader.take("TEMP") || reader.take("TEMPORARY") => table.temporary = true,
            () if reader.take("UNIQUE") => index.unique = true,
            () if reader.take("FULLTEXT") || reader.take("SPATIAL") => index.special = true,
            () if reader.take("MATERIALIZED") => materialized = true,
            () if reader.take("REPLACE") => replace = true,
            () => {
                let others = ["OR", "UNLOGGED", "RECURSIVE", "FOREIGN", "VIRTUAL", "GLOBAL", "LOCAL"];
                let ahead = ["CONSTRAINT", "TRUSTED", "PROCEDURAL", "DEFAULT", "EVENT"];
                if !others.iter().chain(&ahead).any(|word| reader.take(word)) {
                    break;
                }
            }
        }
    }
    match () {
        () if reader.take("TABLE") => created_table(reader, table).into_iter().collect(),
        () if reader.take("INDEX") => created_index(reader, index).into_iter().collect(),
        () if reader.take("VIEW") => {
            reader.take_all(&["IF", "NOT", "EXISTS"]);
            let view = read(reader, ObjectKind::View);
            vec![Action::on(view, ActionKind::CreateView { materialized, replace })]
        }
        () if reader.take("TYPE") || reader.is_at("DOMAIN") => {
            reader.take("DOMAIN");
            let of = read(reader, ObjectKind::Type);
            vec![Action::on(of, ActionKind::CreateType { is_enum: reader.take_all(&["AS", "ENUM"]) })]
        }
        () if reader.take("TRIGGER") => vec![on_table(reader, Attachment::Trigger)],
        () if reader.take("POLICY") || reader.take("RULE") => vec![on_table(reader, Attachment::Rule)],
        () if reader.take("STATISTICS") => vec![statistics(reader)],
        () => vec![Action::on(None, quiet(reader))],
    }
}

/// Quiet, if the kind that is next, or that a DEFINER precedes, is a relation of nothing.
fn quiet(reader: &mut Cursor<'_>) -> ActionKind {
    // `CREATE DEFINER = a@b SQL SECURITY INVOKER PROCEDURE p …`.
    const HEAD: usize = 20;
    for _ in 0..HEAD {
        if QUIET.iter().chain(&["TRANSFORM", "ACCESS", "TEXT", "TABLESPACE"]).any(|word| reader.take(word)) {
            return ActionKind::Quiet;
        }
        if !(reader.is_at("DEFINER") || reader.is_at("ALGORITHM") || reader.is_at("SQL")) {
            return ActionKind::Unread;
        }
        reader.step();
        while !reader.is_at_end() && !QUIET.iter().any(|word| reader.is_at(word)) {
            reader.step();
        }
    }
    ActionKind::Unread
}

fn created_table(reader: &mut Cursor<'_>, mut table: NewTable) -> Option<Action> {
    table.lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
    let name = read(reader, ObjectKind::Table)?;
    if reader.take_all(&["PARTITION", "OF"]) {
        table.partition_of = read(reader, ObjectKind::Table);
    }
    if reader.take_mark("(") {
        body(reader, &mut table);
    }
    while !reader.is_at_end() {
        match () {
            () if reader.take("LIKE") || reader.take("INHERITS") => table.names_others = true,
            () if reader.take("SELECT") || reader.take("EXECUTE") => table.from_query = true,
            () if reader.take_all(&["PARTITION", "BY"]) => table.partitioned = true,
            () => drop(reader.step()),
        }
    }
    Some(Action::on(Some(name), ActionKind::CreateTable(table)))
}

/// What stands between the parentheses of CREATE TABLE.
fn body(reader: &mut Cursor<'_>, table: &mut NewTable) {
    loop {
        if reader.take("LIKE") {
            table.names_others = true;
        } else if reader.take("SELECT") {
            table.from_query = true;
        } else if let Some(constraint) = constraint(reader) {
            table.constraints.push(constraint);
        } else if !is_at_index(reader)
            && let Some(name) = reader.name()
        {
            table.columns.push((bare(&name), declared(reader)));
        }
        if !reader.skip_to_next_item() {
            return;
        }
    }
}

/// Before an index in the body of a table of MySQL, where INDEX and KEY are no names of columns.
fn is_at_index(reader: &Cursor<'_>) -> bool {
    let words = ["INDEX", "KEY", "FULLTEXT", "SPATIAL"];
    reader.dialect().rules().keeps_indexes_in_tables && words.iter().any(|word| reader.is_at(word))
}

fn created_index(reader: &mut Cursor<'_>, mut index: NewIndex) -> Option<Action> {
    index.concurrently = reader.take("CONCURRENTLY");
    index.lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
    let name = if reader.is_at("ON") { String::new() } else { bare(&reader.name()?) };
    // MySQL has the kind of index before the table.
    if reader.take("USING") {
        reader.skip();
    }
    if !reader.take("ON") {
        return None;
    }
    index.only = reader.take("ONLY");
    let table = read(reader, ObjectKind::Table)?;
    Some(Action::on(Some(table.part(ObjectKind::Index, name)), ActionKind::CreateIndex(index)))
}

/// What hangs on the table after the next ON.
pub(crate) fn on_table(reader: &mut Cursor<'_>, attachment: Attachment) -> Action {
    while !reader.is_at_end() && !reader.take("ON") {
        reader.step();
    }
    // `CREATE RULE r AS ON INSERT TO t`.
    let verbs = ["INSERT", "UPDATE", "DELETE", "SELECT"];
    if verbs.iter().any(|verb| reader.take(verb)) {
        reader.take("TO");
    }
    match read(reader, ObjectKind::Table) {
        Some(table) => Action::on(Some(table), ActionKind::Attach(attachment)),
        None => Action::on(None, ActionKind::Unread),
    }
}

/// `CREATE STATISTICS s ON a, b FROM t`.
fn statistics(reader: &mut Cursor<'_>) -> Action {
    while !reader.is_at_end() && !reader.take("FROM") {
        reader.step();
    }
    Action::on(read(reader, ObjectKind::Table), ActionKind::Attach(Attachment::Note))
}

/// What follows DROP.
pub(crate) fn dropped(reader: &mut Cursor<'_>) -> Vec<Action> {
    let _ = reader.take("MATERIALIZED") || reader.take("FOREIGN") || reader.take("TEMPORARY");
    let kinds = [
        ("TABLE", ObjectKind::Table),
        ("INDEX", ObjectKind::Index),
        ("VIEW", ObjectKind::View),
        ("TYPE", ObjectKind::Type),
        ("DOMAIN", ObjectKind::Type),
        ("SCHEMA", ObjectKind::Schema),
    ];
    let Some((_, kind)) = kinds.into_iter().find(|(word, _)| reader.take(word)) else {
        if ["TRIGGER", "POLICY", "RULE"].iter().any(|word| reader.take(word)) {
            return vec![on_table(reader, Attachment::Rule)];
        }
        let is_quiet = QUIET.iter().chain(&["STATISTICS", "TABLESPACE", "TRANSFORM"]).any(|word| reader.take(word));
        return vec![Action::on(None, if is_quiet { ActionKind::Quiet } else { ActionKind::Unread })];
    };
    let concurrently = reader.take("CONCURRENTLY");
    reader.take_all(&["IF", "EXISTS"]);
    let mut found = Vec::new();
    loop {
        let offset = if found.is_empty() { 0 } else { reader.offset() };
        let Some(object) = read(reader, kind) else { return found };
        let on = if kind == ObjectKind::Index && reader.take("ON") { read(reader, ObjectKind::Table) } else { None };
        let object: ObjectRef = on.map_or(object.clone(), |table| table.part(ObjectKind::Index, object.name));
        let cascade = reader.take("CASCADE");
        found.push(Action { offset, object: Some(object), kind: ActionKind::Drop { concurrently, cascade } });
        if !reader.skip_past_comma() {
            break;
        }
    }
    // It stands behind the last one, and concerns all of them.
    let all = matches!(found.last().map(|last| &last.kind), Some(ActionKind::Drop { cascade: true, .. }));
    for action in &mut found {
        action.kind = ActionKind::Drop { concurrently, cascade: all };
    }
    found
}
