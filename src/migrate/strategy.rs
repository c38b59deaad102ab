//! How a script goes to the database: as one transaction together with its record, whole as it is, or
//! statement by statement. A pure function of its text.

use std::borrow::Cow;

use crate::sql::Dialect;
use crate::sql::script::{self, Statement};

/// The way in which a script runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way<'a> {
    /// Script and record in one transaction: both are kept, or neither. As Prisma runs it, in one message. The text
    /// is the script's, without the `BEGIN` and `COMMIT` that may stand around all of it: the message is a
    /// transaction anyway.
    Atomic(Cow<'a, str>),
    /// In one message, as Prisma runs it, and the record after it: the script has transaction control of its
    /// own, or may commit on the way.
    Whole,
    /// One message for each statement, and a record of how far it got: some refuse a transaction. Prisma runs
    /// such a file only if it holds nothing else.
    Steps(Vec<Step<'a>>),
}

/// One statement of a script that runs statement by statement; or what stands between BEGIN and COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// Where in the script it begins, in bytes.
    pub offset: usize,
    /// Its text.
    pub text: &'a str,
    /// It refuses a transaction, so that its record can only follow it.
    pub alone: bool,
}

/// Decides by the script's text.
#[must_use]
pub fn way(script: &str, dialect: Dialect) -> Way<'_> {
    let statements = script::statements(script, dialect);
    // What is put after an unclosed quote would become part of it: let the server refuse it.
    if !script::is_complete(script, dialect) {
        return Way::Whole;
    }
    let controls = statements.iter().any(Statement::controls_transaction);
    match dialect {
        Dialect::Postgres => {
            let commits_alone = statements.len() == 1 && statements[0].may_commit_inside();
            let refused = statements.iter().any(Statement::refuses_transaction);
            let steps = refused.then(|| steps(script, dialect)).flatten();
            match steps {
                Some(steps) => Way::Steps(steps),
                None if is_one_transaction(&statements) => {
                    let around = [&statements[0], &statements[statements.len() - 1]];
                    Way::Atomic(script::without(script, &around).into())
                }
                None if controls || commits_alone || script::mentions_commit(script, dialect) => Way::Whole,
                None => Way::Atomic(script.into()),
            }
        }
        // Pragmas have no effect in a transaction, and Prisma's own scripts turn foreign keys off with one.
        Dialect::Sqlite => {
            let refuses = ["PRAGMA", "VACUUM", "ATTACH", "DETACH"];
            let refused = |statement: &Statement<'_>| refuses.iter().any(|word| statement.starts(&[word]));
            if controls || statements.iter().any(refused) { Way::Whole } else { Way::Atomic(script.into()) }
        }
    }
}

/// The script cut into statements, and into what stands between BEGIN and COMMIT; `None` where its transaction
/// control is more than that.
#[must_use]
pub fn steps(script: &str, dialect: Dialect) -> Option<Vec<Step<'_>>> {
    let statements = script::statements(script, dialect);
    let mut steps = Vec::new();
    let mut rest = statements.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if begins(first) {
            let end = after.iter().position(Statement::controls_transaction).filter(|end| commits(&after[*end]))?;
            if let (Some(from), Some(to)) = (after[..end].first(), after[..end].last()) {
                let text = &script[from.offset..to.offset + to.text.len()];
                steps.push(Step { offset: from.offset, text, alone: false });
            }
            rest = &after[end + 1..];
        } else if first.controls_transaction() {
            return None;
        } else {
            steps.push(Step { offset: first.offset, text: first.text, alone: first.refuses_transaction() });
            rest = after;
        }
    }
    Some(steps)
}

/// True for a step that changes nothing but the session: `SET …`, `RESET …`, `SELECT set_config(…)`.
#[must_use]
pub fn only_sets(step: &Step<'_>, dialect: Dialect) -> bool {
    let sets = |statement: &Statement<'_>| {
        let plain = statement.starts(&["SELECT", "SET_CONFIG"]);
        let configures = plain || statement.starts(&["SELECT", "PG_CATALOG", "SET_CONFIG"]);
        let is_local = statement.starts(&["SET", "LOCAL"]);
        configures || statement.starts(&["RESET"]) || (statement.starts(&["SET"]) && !is_local)
    };
    script::statements(step.text, dialect).iter().all(sets)
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

    fn name(script: &str, dialect: Dialect) -> &'static str {
        match way(script, dialect) {
            Way::Atomic(_) => "atomic",
            Way::Whole => "whole",
            Way::Steps(_) => "steps",
        }
    }

    #[test]
    fn the_way_of_each_kind_of_script() {
        for (script, expected) in [
            ("", "atomic"),
            ("CREATE TABLE a (); INSERT INTO a DEFAULT VALUES;", "atomic"),
            ("DO $$ BEGIN PERFORM 1; END $$", "atomic"),
            ("ALTER TYPE e ADD VALUE 'x'", "atomic"),
            ("CALL p(); SELECT 1", "atomic"),
            ("CALL p()", "whole"),
            ("DO $$ BEGIN COMMIT; END $$", "whole"),
            ("BEGIN; CREATE TABLE a (); COMMIT;", "atomic"),
            ("BEGIN; a; COMMIT; b", "whole"),
            ("BEGIN; a; SAVEPOINT s; COMMIT", "whole"),
            ("SELECT 1; -- here somebody wrote commit;\rSELECT 2", "whole"),
            ("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$", "atomic"),
            ("SELECT 'x", "whole"),
            ("CREATE INDEX CONCURRENTLY i ON t (a)", "steps"),
            ("CREATE TABLE t (); VACUUM t", "steps"),
            ("BEGIN; a; COMMIT; CREATE INDEX CONCURRENTLY i ON t (a)", "steps"),
            ("BEGIN; a; ROLLBACK; CREATE INDEX CONCURRENTLY i ON t (a)", "whole"),
        ] {
            assert_eq!(name(script, Dialect::Postgres), expected, "{script}");
        }
        for (script, expected) in [("CREATE TABLE a (x)", "atomic"), ("PRAGMA foreign_keys=OFF; DROP TABLE a", "whole")]
        {
            assert_eq!(name(script, Dialect::Sqlite), expected, "{script}");
        }
    }

    #[test]
    fn a_transaction_around_everything_is_the_messages_own() {
        let script = "BEGIN;\nCREATE TABLE a ();\nCOMMIT;";
        let Way::Atomic(text) = way(script, Dialect::Postgres) else { panic!("not atomic") };
        assert_eq!(text, "     ;\nCREATE TABLE a ();\n      ;");
    }

    #[test]
    fn statements_that_refuse_a_transaction_stand_alone_and_a_block_stays_whole() {
        let script = "BEGIN; CREATE TABLE t (a int); SELECT 1; COMMIT; VACUUM t";
        let steps = steps(script, Dialect::Postgres).unwrap();
        let shown: Vec<_> = steps.iter().map(|step| (step.text, step.alone)).collect();
        assert_eq!(shown, [("CREATE TABLE t (a int); SELECT 1", false), ("VACUUM t", true)]);
        assert_eq!(steps[1].offset, script.find("VACUUM").unwrap());
    }
}
