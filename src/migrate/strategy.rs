//! Decides how a script goes to the database: as one transaction together with its record, whole as it is, or
//! statement by statement. A pure function of the script; nothing here talks to a database.

use std::borrow::Cow;

use crate::formats::migration::{Migration, RecordedBy, RunMode};
use crate::migrate::committing;
use crate::sql::Dialect;
use crate::sql::script::{self, Script, Statement};

/// How one script runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strategy<'s> {
    /// The mode, which the history records.
    pub mode: RunMode,
    /// Why it is this one.
    pub reason: Reason,
    /// The text that is sent where it goes in one message. In [`RunMode::Atomic`] without the `BEGIN` and `COMMIT` that
    /// may enclose all of it, because the message is a transaction anyway.
    pub sql: Cow<'s, str>,
    /// The statements of that text.
    pub statements: Vec<Statement<'s>>,
    /// In [`RunMode::Steps`] its pieces, in their order; otherwise none.
    pub steps: Vec<ScriptStep<'s>>,
}

/// Why a script runs in its mode. Offsets are bytes of the script's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing in it asks for anything but one transaction.
    Plain,
    /// `BEGIN … COMMIT` around all of it: that becomes the transaction.
    OwnTransaction,
    /// The statement at this offset refuses a transaction.
    Refuses(usize),
    /// The statement at this offset commits by itself, as each DDL statement of this engine does.
    CommitsItself(usize),
    /// The statement at this offset begins or ends a transaction that is not one around all of it.
    Controls(usize),
    /// It is a call or a block whose code may commit.
    MayCommit,
    /// It has the word COMMIT in a place where that may be a statement or none.
    MentionsCommit,
    /// A quote or a comment is not closed, so the server gets it as it is, and rejects it.
    Incomplete,
    /// Its file asks for no transaction.
    Asked,
    /// An earlier start found out that the server refuses it in one transaction.
    Recorded,
}

/// One statement of a script that runs statement by statement; or all statements between BEGIN and COMMIT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptStep<'s> {
    /// Where in the script it begins, in bytes.
    pub offset: usize,
    /// Its text.
    pub text: &'s str,
    /// Its statements.
    pub statements: Vec<Statement<'s>>,
    /// It refuses a transaction, so that its record can only follow it.
    pub alone: bool,
}

impl<'s> Strategy<'s> {
    /// The mode that the text of the script asks for.
    #[must_use]
    pub fn of(script: &'s Script) -> Self {
        let statements = script.statements();
        if commits_ddl(script.dialect()) {
            return Self::of_committing(script, statements);
        }
        // What is appended after an unclosed quote would become part of it: let the server reject the script as it is.
        if !script.is_complete() {
            return Self::unchanged((RunMode::Whole, Reason::Incomplete), script, statements);
        }
        let rules = script.dialect().rules();
        if rules.sends_one_message {
            return Self::of_one_message(script, statements);
        }
        let refuses =
            |statement: &Statement<'_>| rules.refuses_transaction.iter().any(|word| statement.starts(&[word]));
        let controls = find(&statements, Statement::controls_transaction).map(Reason::Controls);
        let how = match controls.or_else(|| find(&statements, refuses).map(Reason::Refuses)) {
            Some(reason) => (RunMode::Whole, reason),
            None => (RunMode::Atomic, Reason::Plain),
        };
        Self::unchanged(how, script, statements)
    }

    /// For an engine that runs a message of several statements as one transaction.
    fn of_one_message(script: &'s Script, statements: Vec<Statement<'s>>) -> Self {
        if let Some(at) = find(&statements, Statement::refuses_transaction)
            && let Some(steps) = steps(script)
        {
            return Self::in_steps(script, Reason::Refuses(at), steps);
        }
        if is_one_transaction(&statements) {
            return Self::within(script, &statements);
        }
        let commits_alone = statements.len() == 1 && statements[0].may_commit_inside();
        let how = match find(&statements, Statement::controls_transaction) {
            Some(at) => (RunMode::Whole, Reason::Controls(at)),
            None if commits_alone => (RunMode::Whole, Reason::MayCommit),
            None if script.mentions_commit() => (RunMode::Whole, Reason::MentionsCommit),
            None => (RunMode::Atomic, Reason::Plain),
        };
        Self::unchanged(how, script, statements)
    }

    /// For an engine where each DDL statement commits: a transaction around it would promise more than it keeps.
    fn of_committing(script: &'s Script, statements: Vec<Statement<'s>>) -> Self {
        if script.is_complete() && committing::is_one_transaction(&statements) {
            return Self::within(script, &statements);
        }
        let commits = find(&statements, |statement| !committing::only_rows(statement));
        if script.is_complete() && commits.is_none() {
            return Self::unchanged((RunMode::Atomic, Reason::Plain), script, statements);
        }
        let reason = commits.map_or(Reason::Incomplete, Reason::CommitsItself);
        match steps(script).filter(|steps| !steps.is_empty()) {
            Some(steps) => Self::in_steps(script, reason, steps),
            None => Self::unchanged((RunMode::Whole, reason), script, statements),
        }
    }

    /// What stands between BEGIN and COMMIT, which are all statements' first and last.
    fn within(script: &'s Script, statements: &[Statement<'s>]) -> Self {
        let around = [&statements[0], &statements[statements.len() - 1]];
        let sql = Cow::Owned(script::without(script.text(), &around));
        // Blanks replace characters, not bytes: what follows a BEGIN with a comment like `/* é */` moves.
        let moved = statements[0].text.len() - statements[0].text.chars().count();
        let mut inner = statements[1..statements.len() - 1].to_vec();
        inner.iter_mut().for_each(|statement| statement.offset -= moved);
        Self { mode: RunMode::Atomic, reason: Reason::OwnTransaction, sql, statements: inner, steps: Vec::new() }
    }

    /// For a file that asks for no transaction: statement by statement where the engine would run a message as one
    /// transaction, unless the script's own transactions are more than `BEGIN … COMMIT`.
    #[must_use]
    pub fn without_transaction(script: &'s Script) -> Self {
        let is_split =
            (script.is_complete() && script.dialect().rules().sends_one_message) || commits_ddl(script.dialect());
        match is_split.then(|| steps(script)).flatten().filter(|steps| !steps.is_empty()) {
            Some(steps) => Self::in_steps(script, Reason::Asked, steps),
            None => Self::unchanged((RunMode::Whole, Reason::Asked), script, script.statements()),
        }
    }

    /// Statement by statement, regardless of the text.
    #[must_use]
    pub fn in_steps(script: &'s Script, reason: Reason, steps: Vec<ScriptStep<'s>>) -> Self {
        Self { steps, ..Self::unchanged((RunMode::Steps, reason), script, script.statements()) }
    }

    /// The script's text as it is.
    fn unchanged((mode, reason): (RunMode, Reason), script: &'s Script, statements: Vec<Statement<'s>>) -> Self {
        Self { mode, reason, sql: script.text().into(), statements, steps: Vec::new() }
    }
}

/// How the script of a migration runs: as its text says, unless its file asks for no transaction, or an earlier start
/// found out that the server refuses it in one. The row of that start says so.
#[must_use]
pub(crate) fn strategy_of(migration: &Migration, by: RecordedBy) -> Strategy<'_> {
    if migration.no_transaction {
        return Strategy::without_transaction(&migration.script);
    }
    let recorded_steps = by == RecordedBy::Doorstep(RunMode::Steps);
    match recorded_steps.then(|| steps(&migration.script)).flatten() {
        Some(steps) => Strategy::in_steps(&migration.script, Reason::Recorded, steps),
        None => Strategy::of(&migration.script),
    }
}

/// Where the first of these statements begins.
fn find<'s>(statements: &[Statement<'s>], is_meant: impl Fn(&Statement<'s>) -> bool) -> Option<usize> {
    statements.iter().find(|statement| is_meant(statement)).map(|statement| statement.offset)
}

/// What a statement is to the steps that a script is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It begins a transaction.
    Begins,
    /// It commits one.
    Commits,
    /// It does something else to transactions: such a script is not cut.
    Controls,
    /// It commits with its record.
    Joint,
    /// It refuses a transaction, or commits by itself.
    Alone,
}

/// The script cut into statements, with those between BEGIN and COMMIT as one step; `None` where its transaction
/// control is more than that, or a statement that commits by itself is within them.
#[must_use]
pub fn steps(script: &Script) -> Option<Vec<ScriptStep<'_>>> {
    let commits_ddl = commits_ddl(script.dialect());
    let role = if commits_ddl { committing::role } else { role };
    let is_inner = |role| role == Role::Joint || (role == Role::Alone && !commits_ddl);
    let (text, statements) = (script.text(), script.statements());
    let mut steps = Vec::new();
    let mut rest = statements.as_slice();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match role(first) {
            Role::Begins => {
                let end = after.iter().position(|statement| !is_inner(role(statement)))?;
                if role(&after[end]) != Role::Commits {
                    return None;
                }
                let inner = &after[..end];
                if let (Some(from), Some(to)) = (inner.first(), inner.last()) {
                    let text = &text[from.offset..to.offset + to.text.len()];
                    steps.push(ScriptStep { offset: from.offset, text, statements: inner.to_vec(), alone: false });
                }
                rest = &after[end + 1..];
            }
            Role::Commits | Role::Controls => return None,
            role => {
                let (offset, text, alone) = (first.offset, first.text, role == Role::Alone);
                steps.push(ScriptStep { offset, text, statements: vec![first.clone()], alone });
            }
        }
    }
    Some(steps)
}

/// What a statement is to the steps of a script on an engine that rolls DDL back.
fn role(statement: &Statement<'_>) -> Role {
    match () {
        () if begins(statement) => Role::Begins,
        () if commits(statement) => Role::Commits,
        () if statement.controls_transaction() => Role::Controls,
        () if statement.refuses_transaction() => Role::Alone,
        () => Role::Joint,
    }
}

/// True for a step that changes nothing but the session, on an engine where each DDL statement commits.
#[must_use]
pub fn only_sets(step: &ScriptStep<'_>) -> bool {
    step.statements.iter().all(committing::sets)
}

/// Each DDL statement of the engine commits, and a message is one statement.
pub(super) fn commits_ddl(dialect: Dialect) -> bool {
    let rules = dialect.rules();
    !rules.has_transactional_ddl && !rules.sends_one_message
}

fn begins(statement: &Statement<'_>) -> bool {
    let plain = [&["BEGIN"][..], &["BEGIN", "TRANSACTION"], &["BEGIN", "WORK"], &["START", "TRANSACTION"]];
    plain.iter().any(|words| statement.is(words))
}

fn commits(statement: &Statement<'_>) -> bool {
    let plain = [&["COMMIT"][..], &["COMMIT", "TRANSACTION"], &["COMMIT", "WORK"], &["END"], &["END", "TRANSACTION"]];
    plain.iter().any(|words| statement.is(words))
}

/// `BEGIN; …; COMMIT` around everything, and no other control inside.
fn is_one_transaction(statements: &[Statement<'_>]) -> bool {
    let [first, inner @ .., last] = statements else { return false };
    begins(first) && commits(last) && !inner.iter().any(Statement::controls_transaction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        Script::new(text.to_owned(), Dialect::Postgres)
    }

    #[test]
    fn each_kind_of_script_has_its_mode_and_its_reason() {
        use Reason::{Controls, Incomplete, MayCommit, MentionsCommit, OwnTransaction, Plain, Refuses};
        use RunMode::{Atomic, Steps, Whole};
        for (text, expected, reason) in [
            ("", Atomic, Plain),
            ("CREATE TABLE a (); INSERT INTO a DEFAULT VALUES;", Atomic, Plain),
            ("DO $$ BEGIN PERFORM 1; END $$", Atomic, Plain),
            ("ALTER TYPE e ADD VALUE 'x'", Atomic, Plain),
            ("CALL p(); SELECT 1", Atomic, Plain),
            ("CALL p()", Whole, MayCommit),
            ("DO $$ BEGIN COMMIT; END $$", Whole, MayCommit),
            ("BEGIN; CREATE TABLE a (); COMMIT;", Atomic, OwnTransaction),
            ("BEGIN; a; COMMIT; b", Whole, Controls(0)),
            ("BEGIN; a; SAVEPOINT s; COMMIT", Whole, Controls(0)),
            ("SELECT 1; -- here somebody wrote commit;\rSELECT 2", Whole, MentionsCommit),
            ("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$", Atomic, Plain),
            ("SELECT 'x", Whole, Incomplete),
            ("CREATE INDEX CONCURRENTLY i ON t (a)", Steps, Refuses(0)),
            ("CREATE TABLE t (); VACUUM t", Steps, Refuses(19)),
            ("BEGIN; a; COMMIT; CREATE INDEX CONCURRENTLY i ON t (a)", Steps, Refuses(18)),
            ("BEGIN; a; ROLLBACK; CREATE INDEX CONCURRENTLY i ON t (a)", Whole, Controls(0)),
        ] {
            let script = script(text);
            let strategy = Strategy::of(&script);
            assert_eq!((strategy.mode, strategy.reason), (expected, reason), "{text}");
            assert_eq!(strategy.steps.is_empty(), expected != Steps, "{text}");
        }
        for (text, expected) in [
            ("CREATE TABLE a (x)", (Atomic, Plain)),
            ("PRAGMA foreign_keys=OFF; DROP TABLE a", (Whole, Refuses(0))),
            ("CREATE TABLE a (x); BEGIN; COMMIT", (Whole, Controls(20))),
        ] {
            let script = Script::new(text.to_owned(), Dialect::Sqlite);
            let strategy = Strategy::of(&script);
            assert_eq!((strategy.mode, strategy.reason), expected, "{text}");
        }
        for (text, expected) in [
            ("INSERT INTO a VALUES (1)", (Atomic, Plain)),
            ("BEGIN; INSERT INTO a VALUES (1); COMMIT", (Atomic, OwnTransaction)),
            ("INSERT INTO a VALUES (1); ALTER TABLE a ADD b int", (Steps, Reason::CommitsItself(26))),
            ("INSERT INTO a VALUES ('1", (Steps, Incomplete)),
        ] {
            let script = Script::new(text.to_owned(), Dialect::Mysql);
            let strategy = Strategy::of(&script);
            assert_eq!((strategy.mode, strategy.reason), expected, "{text}");
        }
    }

    #[test]
    fn a_file_that_asks_for_no_transaction_gets_none() {
        use RunMode::{Steps, Whole};
        for (text, expected, count) in
            [("a; b", Steps, 2), ("BEGIN; a; COMMIT; b", Steps, 2), ("", Whole, 0), ("BEGIN; a", Whole, 0)]
        {
            let script = script(text);
            let strategy = Strategy::without_transaction(&script);
            assert_eq!((strategy.mode, strategy.steps.len()), (expected, count), "{text}");
        }
        let script = Script::new("VACUUM; a".to_owned(), Dialect::Sqlite);
        assert_eq!(Strategy::without_transaction(&script).mode, Whole);
    }

    #[test]
    fn a_transaction_around_everything_is_the_messages_own() {
        let script = script("BEGIN;\nCREATE TABLE a ();\nCOMMIT;");
        let strategy = Strategy::of(&script);
        assert_eq!(strategy.mode, RunMode::Atomic);
        assert_eq!(strategy.sql, "     ;\nCREATE TABLE a ();\n      ;");
        assert_eq!(strategy.statements.len(), 1);
        let script = self::script("BEGIN /* é */ WORK; SELECT 1; COMMIT");
        let strategy = Strategy::of(&script);
        let [one] = strategy.statements.as_slice() else { panic!("{strategy:?}") };
        assert_eq!(&strategy.sql[one.offset..one.offset + one.text.len()], "SELECT 1");
    }

    #[test]
    fn statements_that_refuse_a_transaction_stand_alone_and_a_block_stays_whole() {
        let script = script("BEGIN; CREATE TABLE t (a int); SELECT 1; COMMIT; VACUUM t");
        let steps = steps(&script).unwrap();
        let shown: Vec<_> = steps.iter().map(|step| (step.text, step.statements.len(), step.alone)).collect();
        assert_eq!(shown, [("CREATE TABLE t (a int); SELECT 1", 2, false), ("VACUUM t", 1, true)]);
        assert_eq!(steps[1].offset, script.text().find("VACUUM").unwrap());
        assert_eq!(script::summary_of(&steps[0].statements), "CREATE TABLE t (a int); SELECT 1");
    }
}
