//! Statements that write rows: which table, and which of its rows.

use crate::sql::ObjectKind;
use crate::sql::actions::{Action, ActionKind, Extent, RowChange, RowVerb, read};
use crate::sql::cursor::{Cursor, bare};

/// What INSERT, UPDATE, DELETE and their kind do; `None` for another statement.
pub(crate) fn changed(reader: &mut Cursor<'_>) -> Option<Vec<Action>> {
    if reader.take("WITH") {
        return Some(with(reader));
    }
    statement(reader)
}

/// The statement that is next, if it writes rows.
fn statement(reader: &mut Cursor<'_>) -> Option<Vec<Action>> {
    match () {
        () if reader.take("INSERT") || reader.take("REPLACE") => Some(inserted(reader)),
        () if reader.take("UPDATE") => Some(updated(reader)),
        () if reader.take("DELETE") => Some(deleted(reader)),
        () if reader.take("MERGE") => {
            reader.take("INTO");
            reader.take("ONLY");
            Some(vec![on(reader, RowVerb::Insert, Extent::Condition)])
        }
        () if reader.take("COPY") => {
            let table = read(reader, ObjectKind::Table);
            while !reader.is_at_end() && !reader.is_at("FROM") && !reader.is_at("TO") {
                reader.skip();
            }
            let kind = match reader.take("FROM") && table.is_some() {
                true => ActionKind::Rows(RowChange { verb: RowVerb::Insert, extent: Extent::Condition }),
                false => ActionKind::Quiet,
            };
            Some(vec![Action::on(table, kind)])
        }
        () => None,
    }
}

fn on(reader: &mut Cursor<'_>, verb: RowVerb, extent: Extent) -> Action {
    match read(reader, ObjectKind::Table) {
        Some(table) => Action::on(Some(table), ActionKind::Rows(RowChange { verb, extent })),
        None => Action::on(None, ActionKind::Unread),
    }
}

/// The queries before a statement: each may write, too.
fn with(reader: &mut Cursor<'_>) -> Vec<Action> {
    reader.take("RECURSIVE");
    loop {
        // A name, its columns, AS, and the query in parentheses, whose writing is not followed.
        while !reader.is_at_end() && !reader.take("AS") {
            reader.skip();
        }
        let _ = reader.take_all(&["NOT", "MATERIALIZED"]) || reader.take("MATERIALIZED");
        let begin = reader.offset();
        reader.skip();
        if writes(&mut Cursor::new(reader.since(begin), reader.dialect())) {
            return vec![Action::on(None, ActionKind::Unread)];
        }
        if !reader.take_mark(",") {
            break;
        }
    }
    // Which rows the queries before it give is not read.
    let found = statement(reader).unwrap_or_else(|| vec![Action::on(None, ActionKind::Code)]);
    let widened = found.into_iter().map(|action| match action.kind {
        ActionKind::Rows(RowChange { verb, .. }) => {
            Action { kind: ActionKind::Rows(RowChange { verb, extent: Extent::Condition }), ..action }
        }
        _ => action,
    });
    widened.collect()
}

/// Whether a query in parentheses begins with a verb that writes, be it behind queries of its own (`WITH`). A verb elsewhere is a
/// function, or part of FOR UPDATE.
fn writes(query: &mut Cursor<'_>) -> bool {
    let mut may_begin = query.take_mark("(");
    while !query.is_at_end() {
        if may_begin && ["INSERT", "UPDATE", "DELETE", "MERGE"].iter().any(|verb| query.take(verb)) {
            return true;
        }
        may_begin = query.is_at("(");
        query.skip();
    }
    false
}

fn inserted(reader: &mut Cursor<'_>) -> Vec<Action> {
    while ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"].iter().any(|word| reader.take(word)) {}
    // SQLite's `INSERT OR IGNORE INTO`.
    if reader.take("OR") {
        reader.step();
        reader.take("INTO");
    }
    let Some(table) = read(reader, ObjectKind::Table) else { return Vec::new() };
    let mut extent = Extent::Condition;
    while !reader.is_at_end() {
        if reader.take("VALUES")
            || reader.take("VALUE")
            || reader.take_all(&["DEFAULT", "VALUES"])
            || reader.take("SET")
        {
            extent = Extent::Listed;
            break;
        }
        if reader.take("SELECT") {
            // `SELECT 1, 'a'` without FROM gives one row.
            while !reader.is_at_end() && !reader.is_at("FROM") {
                reader.skip();
            }
            extent = if reader.is_at("FROM") { Extent::Condition } else { Extent::Listed };
            break;
        }
        reader.skip();
    }
    vec![Action::on(Some(table), ActionKind::Rows(RowChange { verb: RowVerb::Insert, extent }))]
}

fn updated(reader: &mut Cursor<'_>) -> Vec<Action> {
    while ["LOW_PRIORITY", "IGNORE", "ONLY"].iter().any(|word| reader.take(word)) {}
    if reader.take("OR") {
        reader.step();
    }
    let Some(table) = read(reader, ObjectKind::Table) else { return Vec::new() };
    let extent = condition(reader);
    vec![Action::on(Some(table), ActionKind::Rows(RowChange { verb: RowVerb::Update, extent }))]
}

fn deleted(reader: &mut Cursor<'_>) -> Vec<Action> {
    while ["LOW_PRIORITY", "QUICK", "IGNORE", "FROM", "ONLY"].iter().any(|word| reader.take(word)) {}
    let Some(table) = read(reader, ObjectKind::Table) else { return Vec::new() };
    let extent = condition(reader);
    vec![Action::on(Some(table), ActionKind::Rows(RowChange { verb: RowVerb::Delete, extent }))]
}

/// Which rows the condition of the statement gives.
fn condition(reader: &mut Cursor<'_>) -> Extent {
    while !reader.is_at_end() && !reader.is_at("WHERE") {
        // `LIMIT` bounds it on MySQL and SQLite.
        if reader.take("LIMIT") {
            return Extent::Listed;
        }
        reader.skip();
    }
    if !reader.take("WHERE") {
        return Extent::All;
    }
    listed(reader)
}

/// `a = 1 AND b IN ('x', 'y')`: the columns that are compared with values which the statement lists. An OR, a NOT and anything
/// else beside them may give any rows.
fn listed(reader: &mut Cursor<'_>) -> Extent {
    let mut columns = Vec::new();
    loop {
        let column = reader.name().map(|name| bare(&name));
        columns.extend(column.filter(|_| pinned(reader)));
        while !reader.is_at_end() && !reader.is_at("AND") && !reader.is_at("LIMIT") {
            if reader.is_at("OR") {
                return Extent::Condition;
            }
            reader.skip();
        }
        if reader.take("LIMIT") {
            return Extent::Listed;
        }
        if !reader.take("AND") {
            return if columns.is_empty() { Extent::Condition } else { Extent::Equal(columns) };
        }
    }
}

/// `= value` or `IN (value, …)`.
fn pinned(reader: &mut Cursor<'_>) -> bool {
    if reader.take_mark("=") {
        return reader.take_value();
    }
    if !reader.take("IN") || !reader.take_mark("(") {
        return false;
    }
    loop {
        if !reader.take_value() {
            return false;
        }
        if !reader.skip_to_next_item() {
            return true;
        }
    }
}
