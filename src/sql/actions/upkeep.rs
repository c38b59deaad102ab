//! Statements that define nothing and write no row: upkeep of tables, locks, settings, code, transactions.

use crate::sql::ObjectKind;
use crate::sql::actions::{Action, ActionKind, Attachment, Upkeep, create, read};
use crate::sql::cursor::{Cursor, bare};
use crate::sql::script::Statement;

/// First words of statements that touch no table.
const QUIET: [&str; 27] = [
    "GRANT",
    "REVOKE",
    "BEGIN",
    "START",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
    "RESET",
    "DISCARD",
    "PRAGMA",
    "USE",
    "PREPARE",
    "DEALLOCATE",
    "NOTIFY",
    "LISTEN",
    "UNLISTEN",
    "CHECKPOINT",
    "EXPLAIN",
    "SHOW",
    "DELIMITER",
    "UNLOCK",
    "ATTACH",
    "DETACH",
    "VALUES",
];

/// What such a statement does.
pub(crate) fn action(statement: &Statement<'_>, reader: &mut Cursor<'_>) -> Action {
    let quiet = Action::on(None, ActionKind::Quiet);
    match () {
        () if reader.take("SET") => setting(reader),
        () if reader.take("TRUNCATE") => {
            let _ = reader.take("TABLE");
            reader.take("ONLY");
            Action::on(read(reader, ObjectKind::Table), ActionKind::Truncate)
        }
        () if reader.take("LOCK") => locked(reader),
        () if reader.take("REINDEX") => reindexed(statement, reader),
        () if reader.take("VACUUM") => {
            let full = statement.has("FULL") || statement.dialect().rules().refuses_transaction.contains(&"VACUUM");
            upkept(reader, if full { Upkeep::Rewrites } else { Upkeep::Light })
        }
        () if reader.take("ANALYZE") || reader.take("ANALYSE") => upkept(reader, Upkeep::Light),
        () if reader.take("CLUSTER") || reader.take("OPTIMIZE") => upkept(reader, Upkeep::Rewrites),
        () if reader.take("REFRESH") => {
            reader.take("MATERIALIZED");
            reader.take("VIEW");
            let concurrently = reader.take("CONCURRENTLY");
            Action::on(read(reader, ObjectKind::View), ActionKind::RefreshView { concurrently })
        }
        () if reader.take("COMMENT") => commented(reader),
        () if reader.take("SELECT") => selected(statement),
        () if ["DO", "CALL", "EXECUTE"].iter().any(|word| reader.take(word)) => Action::on(None, ActionKind::Code),
        () if QUIET.iter().any(|word| reader.take(word)) => quiet,
        () => Action::on(None, ActionKind::Unread),
    }
}

/// `[LOCAL] name = value`, `name TO value`.
fn setting(reader: &mut Cursor<'_>) -> Action {
    let local = reader.take("LOCAL");
    let _ = reader.take("SESSION") || reader.take("GLOBAL");
    let quiet = Action::on(None, ActionKind::Quiet);
    let Some(name) = reader.name() else { return quiet };
    if !(reader.take_mark("=") || reader.take("TO")) {
        return quiet;
    }
    let begin = reader.offset();
    while reader.step().is_some() {}
    let value = reader.since(begin).to_owned();
    Action::on(None, ActionKind::Set { name: bare(&name).to_ascii_lowercase(), value, local })
}

/// `LOCK TABLE a IN SHARE MODE`; without a mode it is ACCESS EXCLUSIVE (PostgreSQL manual, LOCK).
fn locked(reader: &mut Cursor<'_>) -> Action {
    let _ = reader.take("TABLE") || reader.take("TABLES");
    reader.take("ONLY");
    let table = read(reader, ObjectKind::Table);
    while !reader.is_at_end() && !reader.take("IN") {
        reader.step();
    }
    let begin = reader.offset();
    while !reader.is_at_end() && !reader.is_at("MODE") {
        reader.step();
    }
    let mode = reader.since(begin).split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase();
    let mode = if mode.is_empty() { "ACCESS EXCLUSIVE".to_owned() } else { mode };
    Action::on(table, ActionKind::LockTable(mode))
}

fn reindexed(statement: &Statement<'_>, reader: &mut Cursor<'_>) -> Action {
    let concurrently = statement.has("CONCURRENTLY");
    if reader.take_mark("(") {
        while reader.skip_to_next_item() {}
        reader.take_mark(")");
    }
    let kinds = [("INDEX", ObjectKind::Index), ("TABLE", ObjectKind::Table)];
    let kind = kinds.into_iter().find(|(word, _)| reader.take(word)).map(|(_, kind)| kind);
    reader.take("CONCURRENTLY");
    Action::on(kind.and_then(|kind| read(reader, kind)), ActionKind::Reindex { concurrently })
}

/// The first table after the options.
fn upkept(reader: &mut Cursor<'_>, upkeep: Upkeep) -> Action {
    if reader.take_mark("(") {
        while reader.skip_to_next_item() {}
        reader.take_mark(")");
    }
    while ["FULL", "FREEZE", "VERBOSE", "ANALYZE", "TABLE", "LOCAL"].iter().any(|word| reader.take(word)) {}
    Action::on(read(reader, ObjectKind::Table), ActionKind::Upkeep(upkeep))
}

fn commented(reader: &mut Cursor<'_>) -> Action {
    reader.take("ON");
    if reader.take("TABLE") {
        return Action::on(read(reader, ObjectKind::Table), ActionKind::Attach(Attachment::Note));
    }
    if reader.take("COLUMN") {
        let column = reader.name().unwrap_or_default();
        let mut parts = crate::sql::cursor::parts(&column);
        let name = parts.pop().map(bare).unwrap_or_default();
        let table = crate::sql::ObjectRef::written(ObjectKind::Table, &parts.join("."));
        return Action::on(Some(table.part(ObjectKind::Column, name)), ActionKind::Attach(Attachment::Note));
    }
    if reader.take("TRIGGER") || reader.take("CONSTRAINT") || reader.take("POLICY") || reader.take("RULE") {
        return create::on_table(reader, Attachment::Note);
    }
    Action::on(None, ActionKind::Quiet)
}

/// A query runs code only where it calls a function: `SELECT set_config('lock_timeout', '1s', false)` is a setting.
fn selected(statement: &Statement<'_>) -> Action {
    let mut reader = Cursor::of(statement);
    reader.take("SELECT");
    let _ = reader.take("PG_CATALOG") && reader.take_mark(".");
    if reader.take("SET_CONFIG") && reader.take_mark("(") {
        let name = reader.literal();
        reader.take_mark(",");
        let value = reader.literal();
        reader.take_mark(",");
        if let (Some(name), Some(value)) = (name, value) {
            let local = reader.is_at("TRUE");
            return Action::on(None, ActionKind::Set { name: name.to_ascii_lowercase(), value, local });
        }
    }
    let has_call = statement.text.contains('(');
    Action::on(None, if has_call { ActionKind::Code } else { ActionKind::Quiet })
}
