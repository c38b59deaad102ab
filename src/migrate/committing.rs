//! How a script is cut for an engine whose DDL commits (MySQL, MariaDB): what only reads and writes rows runs in a transaction
//! with its record, everything else is a step of its own. Pure functions of statements.

use crate::migrate::strategy::{Role, commits_ddl};
use crate::sql::cursor::Cursor;
use crate::sql::script::{Script, Statement, call, statements};

/// What a statement does to the transaction it runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It reads or writes rows, or sets variables of the session's own: a rollback undoes it.
    Rows,
    /// It sets something of the session, and can be repeated.
    Session,
    /// It begins a transaction.
    Begins,
    /// It ends one.
    Commits,
    /// It does something else to transactions, or locks tables.
    Controls,
    /// It commits, or may commit.
    CommitsItself,
}

fn effect(statement: &Statement<'_>) -> Effect {
    let is = |words: &[&str]| statement.is(words);
    let starts = |words: &[&str]| statement.starts(words);
    let rows = [
        "INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH", "VALUES", "TABLE", "DO", "LOAD", "SHOW", "EXPLAIN",
        "DESCRIBE", "DESC",
    ];
    if rows.iter().any(|verb| starts(&[verb])) {
        return Effect::Rows;
    }
    if is(&["BEGIN"]) || is(&["BEGIN", "WORK"]) || is(&["START", "TRANSACTION"]) {
        return Effect::Begins;
    }
    if is(&["COMMIT"]) || is(&["COMMIT", "WORK"]) {
        return Effect::Commits;
    }
    if starts(&["SET", "STATEMENT"]) {
        return of_inner(statement);
    }
    if starts(&["SET"]) {
        return of_setting(statement);
    }
    let locks = ["TABLE", "TABLES", "INSTANCE"].iter().any(|what| starts(&["LOCK", what]));
    let holds = starts(&["FLUSH"]) && (statement.has_pair("READ", "LOCK") || statement.has_pair("FOR", "EXPORT"));
    let controls = ["START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA"];
    let is_program = starts(&["BEGIN", "NOT", "ATOMIC"]);
    let of_transactions = controls.iter().any(|verb| starts(&[verb])) || (starts(&["BEGIN"]) && !is_program);
    let of_replicas = ["SLAVE", "REPLICA", "GROUP_REPLICATION", "ALL"].iter().any(|what| starts(&["START", what]));
    match () {
        () if locks || holds || (of_transactions && !of_replicas) => Effect::Controls,
        () if starts(&["USE"]) => Effect::Session,
        () => Effect::CommitsItself,
    }
}

/// MariaDB's `SET STATEMENT … FOR …` does what the statement behind FOR does.
fn of_inner(statement: &Statement<'_>) -> Effect {
    let mut reader = Cursor::of(statement);
    while reader.step().is_some() {
        if reader.take("FOR") {
            let inner = statements(&statement.text[reader.offset()..], statement.dialect());
            return inner.first().map_or(Effect::CommitsItself, effect);
        }
    }
    Effect::CommitsItself
}

/// What a SET does: variables with one `@` are the session's own, in which a transaction does not matter.
fn of_setting(statement: &Statement<'_>) -> Effect {
    if ["PASSWORD", "DEFAULT", "RESOURCE"].iter().any(|what| statement.starts(&["SET", what])) {
        return Effect::CommitsItself;
    }
    let mut reader = Cursor::of(statement);
    reader.take("SET");
    let (mut all_own, mut begins) = (true, false);
    loop {
        let is_own = reader.take_mark("@") && !reader.take_mark("@");
        all_own &= is_own;
        while ["@", ".", "GLOBAL", "SESSION", "LOCAL", "PERSIST"]
            .iter()
            .any(|part| reader.take_mark(part) || reader.take(part))
        {}
        if !is_own && reader.take("AUTOCOMMIT") {
            let _ = reader.take_mark(":");
            reader.take_mark("=");
            begins |= !(reader.take("1") || reader.take("ON") || reader.take("TRUE"));
        }
        if !reader.skip_past_comma() {
            break;
        }
    }
    match (begins, all_own) {
        (true, _) => Effect::Controls,
        (_, true) => Effect::Rows,
        _ => Effect::Session,
    }
}

/// A SELECT whose result goes nowhere: into no table, and into no variable.
pub(super) fn only_shows(statement: &Statement<'_>) -> bool {
    statement.starts(&["SELECT"]) && !statement.has("INTO") && !statement.text.contains(":=")
}

/// Whether a transaction holds all that the statement does.
pub(super) fn only_rows(statement: &Statement<'_>) -> bool {
    effect(statement) == Effect::Rows
}

/// Whether the statement sets something of the session, so that it is repeated when a later session goes on.
pub(super) fn sets(statement: &Statement<'_>) -> bool {
    match effect(statement) {
        _ if statement.starts(&["SET", "STATEMENT"]) => false,
        Effect::Session => true,
        Effect::Rows => statement.starts(&["SET"]),
        _ => false,
    }
}

/// `BEGIN; …; COMMIT` around rows only.
pub(super) fn is_one_transaction(statements: &[Statement<'_>]) -> bool {
    let [first, inner @ .., last] = statements else { return false };
    effect(first) == Effect::Begins && effect(last) == Effect::Commits && inner.iter().all(only_rows)
}

/// What a statement is to the steps of a script.
pub(super) fn role(statement: &Statement<'_>) -> Role {
    match effect(statement) {
        Effect::Begins => Role::Begins,
        Effect::Commits => Role::Commits,
        Effect::Controls => Role::Controls,
        Effect::Rows => Role::Joint,
        Effect::Session | Effect::CommitsItself => Role::Alone,
    }
}

/// What of a script's transaction control forbids to run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// Where, in bytes.
    pub(crate) offset: usize,
    /// What is wrong with it.
    pub(crate) what: &'static str,
    /// What to do.
    pub(crate) next: &'static str,
    /// Only doorstep's record is in its way: the server's client runs the file as it is.
    pub(crate) is_of_record: bool,
}

/// The first obstacle. Other programs run such a file and lose what its open transaction holds, their own record with it.
pub(crate) fn obstacle(script: &Script, no_transaction: bool) -> Option<Obstacle> {
    if !commits_ddl(script.dialect()) {
        return None;
    }
    let statements = script.statements();
    let is_cut = no_transaction || !(statements.iter().all(only_rows) || is_one_transaction(&statements));
    let (mut open, mut is_first): (Option<usize>, bool) = (None, true);
    for (index, statement) in statements.iter().enumerate() {
        let effect = effect(statement);
        let begins_step = is_first || open.is_none();
        let found = |is_of_record, (what, next)| Obstacle { offset: statement.offset, what, next, is_of_record };
        let of_record = || {
            let of_count = || of_count(statement, is_cut && begins_step);
            of_transaction(statement, statements.get(index + 1)).or_else(of_count).map(|why| found(true, why))
        };
        let refused = refusal(statement, effect, open.is_some()).map(|why| found(false, why)).or_else(of_record);
        if refused.is_some() {
            return refused;
        }
        is_first = effect == Effect::Begins;
        match effect {
            Effect::Begins => open = Some(statement.offset),
            Effect::Commits => open = None,
            _ => {}
        }
    }
    open.map(|offset| Obstacle {
        offset,
        what: "BEGIN without COMMIT: what follows would be lost with the session",
        next: "end the transaction with COMMIT",
        is_of_record: false,
    })
}

/// What is wrong with a statement of this effect, and what to do about it; `is_open`: it is within BEGIN and COMMIT.
fn refusal(statement: &Statement<'_>, effect: Effect, is_open: bool) -> Option<(&'static str, &'static str)> {
    let starts = |words: &[&str]| statement.starts(words);
    match effect {
        Effect::Begins if is_open => {
            Some(("a second BEGIN commits the transaction that is open", "end the first one with COMMIT"))
        }
        Effect::Commits if !is_open => Some(("COMMIT ends no transaction of this file", "take it out")),
        Effect::Controls if starts(&["SET"]) => Some((
            "it would leave all that follows in an open transaction",
            "take it out, or write BEGIN and COMMIT around rows",
        )),
        Effect::Controls if starts(&["LOCK"]) || starts(&["FLUSH"]) => Some((
            "the history cannot be written while it locks tables",
            "take it and UNLOCK TABLES out: no other doorstep runs meanwhile",
        )),
        Effect::Controls => Some((
            "a file may only begin a transaction and commit it: its record is part of it",
            "take it out, or put what is to be undone into a file of its own",
        )),
        Effect::CommitsItself | Effect::Session if is_open => Some((
            "it is within BEGIN and COMMIT, but it commits by itself, or is no part of a transaction",
            "put it before BEGIN or after COMMIT",
        )),
        _ => None,
    }
}

/// The same for `SET TRANSACTION`, where it matters: the next transaction is the one of doorstep's record.
fn of_transaction(statement: &Statement<'_>, next: Option<&Statement<'_>>) -> Option<(&'static str, &'static str)> {
    let matters = statement.has_pair("READ", "ONLY")
        || next.map(effect).is_some_and(|next| matches!(next, Effect::Begins | Effect::Rows));
    (matters && statement.starts(&["SET", "TRANSACTION"])).then_some((
        "it is for the next transaction only, which is that of doorstep's record",
        "write SET SESSION TRANSACTION, which holds until the end of the file",
    ))
}

/// The same for a statement that counts the rows of the one before it, where doorstep writes a record between them.
fn of_count(statement: &Statement<'_>, follows_record: bool) -> Option<(&'static str, &'static str)> {
    let counts = ["ROW_COUNT", "FOUND_ROWS"].iter().any(|function| call(statement, function).is_some());
    (follows_record && counts && only_rows(statement) && !only_shows(statement)).then_some((
        "it would count the rows of a statement of doorstep's own, which records what is done",
        "put it and the statement whose rows it counts between BEGIN and COMMIT",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::migration::RunMode;
    use crate::migrate::strategy::{self, Strategy};
    use crate::sql::Dialect;

    fn script(text: &str) -> Script {
        Script::new(text.to_owned(), Dialect::Mysql)
    }

    #[test]
    fn rows_run_in_one_transaction_and_the_rest_in_steps() {
        use RunMode::{Atomic, Steps};
        for (text, expected) in [
            ("", Atomic),
            ("-- nothing\n/* at all */", Atomic),
            ("INSERT INTO t VALUES (1); UPDATE t SET a = 2; (SELECT 1); REPLACE INTO t VALUES (3)", Atomic),
            ("SET @a = 1, @b := (SELECT 2); INSERT INTO t VALUES (@a)", Atomic),
            ("BEGIN; INSERT INTO t VALUES (1); COMMIT;", Atomic),
            ("START TRANSACTION; COMMIT", Atomic),
            ("CREATE TABLE t (a INT)", Steps),
            ("INSERT INTO t VALUES (1); CREATE TABLE u (a INT)", Steps),
            ("SET sql_mode = ''; INSERT INTO t VALUES (1)", Steps),
            ("SET @a = 1, sql_mode = ''", Steps),
            ("CALL p()", Steps),
            ("INSERT INTO t VALUES ('open", Steps),
            ("BEGIN; INSERT INTO t VALUES (1); COMMIT; CREATE TABLE u (a INT)", Steps),
            ("BEGIN NOT ATOMIC SELECT 1; COMMIT; END", Steps),
            ("SET STATEMENT max_statement_time = 60 FOR INSERT INTO t VALUES (1)", Atomic),
            ("SET STATEMENT max_statement_time = 60, sql_mode = '' FOR ALTER TABLE t ADD b INT", Steps),
            ("SET SESSION TRANSACTION READ ONLY", Steps),
            ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED; CREATE TABLE t (a INT)", Steps),
            ("UPDATE t SET a = 1; SET @n = ROW_COUNT(); INSERT INTO u VALUES (@n)", Atomic),
            ("CREATE TABLE t (a INT); BEGIN; UPDATE t SET a = 1; SET @n = ROW_COUNT(); COMMIT", Steps),
            ("CREATE TABLE t (row_count INT); INSERT INTO t (row_count) VALUES (1); SELECT ROW_COUNT()", Steps),
        ] {
            let script = script(text);
            let strategy = Strategy::of(&script);
            assert_eq!(strategy.mode, expected, "{text}");
            assert_eq!(obstacle(&script, false), None, "{text}");
        }
    }

    #[test]
    fn each_statement_is_a_step_and_rows_commit_with_their_record() {
        let script = script(
            "SET NAMES utf8; INSERT INTO t VALUES (1); BEGIN; DELETE FROM t; SELECT 1; COMMIT; DROP TABLE t; SET @a = 1; \
             SET STATEMENT a = 1 FOR DELETE FROM t",
        );
        let steps = strategy::steps(&script).unwrap();
        let shown: Vec<_> = steps.iter().map(|step| (step.text, step.alone, strategy::only_sets(step))).collect();
        assert_eq!(
            shown,
            [
                ("SET NAMES utf8", true, true),
                ("INSERT INTO t VALUES (1)", false, false),
                ("DELETE FROM t; SELECT 1", false, false),
                ("DROP TABLE t", true, false),
                ("SET @a = 1", false, true),
                ("SET STATEMENT a = 1 FOR DELETE FROM t", false, false),
            ]
        );
    }

    #[test]
    fn what_would_leave_a_transaction_open_is_refused_with_its_place() {
        for (text, offset) in [
            ("INSERT INTO t VALUES (1); BEGIN; UPDATE t SET a = 1", 26),
            ("a; SET autocommit = 0; INSERT INTO t VALUES (1)", 3),
            ("SET @x = 1, SESSION autocommit = OFF", 0),
            ("SET @@autocommit=0", 0),
            ("SET @@session.autocommit := 0", 0),
            ("BEGIN; CREATE TABLE t (a INT); COMMIT", 7),
            ("BEGIN; SET sql_mode = ''; COMMIT", 7),
            ("BEGIN; BEGIN; COMMIT", 7),
            ("BEGIN; INSERT INTO t VALUES (1); ROLLBACK", 33),
            ("INSERT INTO t VALUES (1); COMMIT", 26),
            ("BEGIN; SAVEPOINT a; COMMIT", 7),
            ("START TRANSACTION READ ONLY; COMMIT", 0),
            ("XA START 'a'", 0),
            ("LOCK TABLES t WRITE; INSERT INTO t VALUES (1); UNLOCK TABLES", 0),
            ("FLUSH TABLES WITH READ LOCK", 0),
            ("SELECT 1; SET TRANSACTION READ ONLY", 10),
            ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; BEGIN; DELETE FROM t; COMMIT", 0),
            ("CREATE TABLE t (a INT); SELECT 1; SET @n = FOUND_ROWS()", 34),
            ("CREATE TABLE t (a INT); UPDATE t SET a = 1; SET @n = ROW_COUNT()", 44),
            ("CREATE TABLE t (a INT); BEGIN; SELECT row_count () INTO @n; COMMIT", 31),
        ] {
            let script = script(text);
            assert_eq!(obstacle(&script, false).map(|obstacle| obstacle.offset), Some(offset), "{text}");
        }
        for fine in
            ["SET autocommit = 1; INSERT INTO t VALUES (1)", "START REPLICA", "UNLOCK TABLES", "SELECT 'ROLLBACK'"]
        {
            assert_eq!(obstacle(&script(fine), false), None, "{fine}");
        }
        assert_eq!(obstacle(&Script::new("BEGIN; a".to_owned(), Dialect::Postgres), false), None);
    }
}
