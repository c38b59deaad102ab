//! Decides whether an interrupted statement was done, on an engine whose DDL commits and is all or nothing for each statement
//! (MySQL 8, MariaDB 10.6). Pure functions of evidence.

use crate::migrate::committing;
use crate::migrate::intent::Intent;
use crate::migrate::recovery::Conclusion;
use crate::migrate::strategy::{self, ScriptStep};
use crate::sql::script::{self, Call, Statement};
use crate::sql::subjects::{Subjects, subjects};

/// What tells how far a script got on such an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DdlEvidence {
    /// What the row says of the statement that had begun.
    pub(crate) intent: Option<Intent>,
    /// The fingerprint of what that statement changes, now.
    pub(crate) now: Option<String>,
}

/// Where a script changes the database with USE for the first time, in bytes.
pub(crate) fn first_use<'a>(statements: impl IntoIterator<Item = &'a Statement<'a>>) -> Option<usize> {
    statements.into_iter().find(|statement| statement.starts(&["USE"])).map(|statement| statement.offset)
}

/// What the statement of a step changes, as far as the catalog shows it. Another database that USE has chosen before it is not
/// looked into.
pub(crate) fn subjects_of(step: &ScriptStep<'_>, first_use: Option<usize>) -> Option<Subjects> {
    match step.statements.as_slice() {
        [one] if step.alone && first_use.is_none_or(|offset| offset >= step.offset) => subjects(one),
        _ => None,
    }
}

/// Whether the step has to be announced: it commits by itself, and cannot simply run again.
pub(crate) fn needs_intent(step: &ScriptStep<'_>) -> bool {
    step.alone && !repeats_without_harm(step)
}

/// Whether the next start can tell whether the interrupted step was done, or run it again.
pub(crate) fn is_decidable(step: &ScriptStep<'_>, first_use: Option<usize>) -> bool {
    !needs_intent(step) || subjects_of(step, first_use).is_some_and(|of| !of.is_divisible && !of.exchanges)
}

/// Concludes where the script goes on; so many of its statements are recorded as done.
pub(crate) fn resume(steps: &[ScriptStep<'_>], done: usize, evidence: &DdlEvidence) -> Conclusion {
    let Some(step) = steps.get(done) else {
        return Conclusion::Committed("each of its statements is recorded as done".to_owned());
    };
    let unclear = |why: String| {
        Conclusion::Unclear(vec![format!("{done} of its {} statements are done for certain", steps.len()), why])
    };
    let shown = script::summary_of(&step.statements);
    if let Some(gone) = gone_with_session(steps, done) {
        let gone = script::summary_of(&gone.statements);
        return unclear(format!("what a statement of it made went with its session: {gone}"));
    }
    // A statement is sent after its announcement is committed.
    let Some(intent) = evidence.intent.as_ref().filter(|intent| intent.step == done) else {
        return Conclusion::Resume(done);
    };
    if !needs_intent(step) {
        return Conclusion::Resume(done);
    }
    let first_use = first_use(steps.iter().flat_map(|step| &step.statements));
    let (Some(of), Some(before), Some(now)) = (subjects_of(step, first_use), &intent.before, &evidence.now) else {
        return unclear(format!("the next may be done or not, and the catalog does not show which: {shown}"));
    };
    let names = of.names.join(", ");
    let fact = format!("before {shown}, {names} had the fingerprint {before}, and has {now} now");
    match before == now {
        true if of.exchanges => {
            unclear(format!("it exchanges names, and the catalog looks the same before and after: {shown}"))
        }
        true => Conclusion::Proved { step: done, why: format!("{fact}: it had no effect") },
        false if of.is_divisible => {
            unclear(format!("the next may be done in part, look which of {names} are left: {shown}"))
        }
        false => Conclusion::Proved { step: done + 1, why: format!("{fact}: it was done") },
    }
}

/// A statement that may simply run again, whether it was done or not.
fn repeats_without_harm(step: &ScriptStep<'_>) -> bool {
    let verbs = ["PREPARE", "DEALLOCATE", "ANALYZE", "OPTIMIZE", "CHECK", "FLUSH", "UNLOCK"];
    let is_repeatable = |statement: &Statement<'_>| verbs.iter().any(|verb| statement.starts(&[verb]));
    strategy::only_sets(step) || step.statements.iter().all(is_repeatable)
}

/// A step that is done and whose effect the rest needs, although it went with the session: a temporary table, a prepared
/// statement, a variable whose value cannot be computed again.
pub(super) fn gone_with_session<'a, 's>(steps: &'a [ScriptStep<'s>], done: usize) -> Option<&'a ScriptStep<'s>> {
    let rest = &steps[done..];
    steps[..done]
        .iter()
        .enumerate()
        .find(|(at, step)| {
            let later = &steps[at + 1..done];
            step.statements.iter().any(|statement| {
                let is_prepared = statement.starts(&["PREPARE"]) && !has(later, |it| it.starts(&["DEALLOCATE"]));
                let is_temporary = statement.starts(&["CREATE"])
                    && statement.has("TEMPORARY")
                    && !has(later, |it| it.starts(&["DROP"]) && it.has("TEMPORARY"));
                let executes = || has(rest, |it| it.starts(&["EXECUTE"]));
                is_temporary || (is_prepared && executes()) || loses_variable(statement, later, rest)
            })
        })
        .map(|(_, step)| step)
        .or_else(|| gives_id(&steps[..done], rest))
}

/// It gives the session's last id, and with an argument it sets it.
const LAST_ID: &str = "LAST_INSERT_ID";

/// The step that is done whose row has an id that the rest asks for (LAST_INSERT_ID), or for whose row an id was set: only the session
/// knew it.
fn gives_id<'a, 's>(done: &'a [ScriptStep<'s>], rest: &[ScriptStep<'_>]) -> Option<&'a ScriptStep<'s>> {
    // Directly, or behind SET STATEMENT … FOR.
    let verbs = ["INSERT", "REPLACE", "LOAD", "CALL"];
    let begins = |it: &Statement<'_>, verb| it.starts(&[verb]) || (it.starts(&["SET"]) && it.has_pair("FOR", verb));
    let gives = |it: &Statement<'_>| {
        verbs.iter().any(|verb| begins(it, verb)) || script::call(it, LAST_ID) == Some(Call::WithArguments)
    };
    let asks = |it: &&Statement<'_>| {
        let asked = script::call(it, LAST_ID) == Some(Call::Empty) || (it.has("IDENTITY") && it.text.contains("@@"));
        asked && !it.starts(&["CREATE"]) && !committing::only_shows(it)
    };
    let statements = || rest.iter().flat_map(|step| &step.statements);
    let needs = statements()
        .find(asks)
        .is_some_and(|it| statements().take_while(|other| other.offset < it.offset).all(|it| !gives(it)));
    let sets_id = |it: &Statement<'_>| it.starts(&["SET"]) && it.has("INSERT_ID");
    done.iter().rfind(|step| step.statements.iter().any(|it| sets_id(it) || (needs && gives(it))))
}

fn has(steps: &[ScriptStep<'_>], is: impl Fn(&Statement<'_>) -> bool) -> bool {
    steps.iter().any(|step| step.statements.iter().any(&is))
}

/// Whether the statement gives a variable a value that only its session had, and the rest reads variables. A SET of plain values
/// is repeated; so is one that computes, unless something else was done since.
fn loses_variable(statement: &Statement<'_>, later: &[ScriptStep<'_>], rest: &[ScriptStep<'_>]) -> bool {
    let reads = |it: &Statement<'_>| variables(it) > 0;
    let assigns = variables(statement) > 0
        && (statement.has("INTO") || statement.text.contains(":=") || statement.starts(&["SET"]));
    if !assigns || !has(rest, reads) {
        return false;
    }
    let of_session = ["LAST_INSERT_ID", "IDENTITY", "ROW_COUNT", "FOUND_ROWS", "UUID", "RAND", "NOW"]
        .iter()
        .any(|word| statement.has(word));
    let computes = statement.text.contains('(');
    let was_followed = later.iter().any(|step| !strategy::only_sets(step) && !repeats_without_harm(step));
    !committing::sets(statement) || of_session || (computes && was_followed)
}

/// How many variables of the session's own the statement names.
fn variables(statement: &Statement<'_>) -> usize {
    let tokens: Vec<_> = statement.tokens().collect();
    let is_own = |at: usize| {
        let (before, after) =
            (at.checked_sub(1).map(|before| tokens[before].text), tokens.get(at + 1).map(|after| after.text));
        tokens[at].text == "@"
            && before != Some("@")
            && after != Some("@")
            && !before.is_some_and(|before| before.ends_with(['`', '\'']))
    };
    (0..tokens.len()).filter(|at| is_own(*at)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;
    use crate::sql::script::Script;

    fn of(text: &str, done: usize, before: Option<Option<&str>>, now: Option<&str>) -> String {
        let script = Script::new(text.to_owned(), Dialect::Mysql);
        let steps = strategy::steps(&script).unwrap();
        let intent = before.map(|before| Intent { step: done, count: steps.len(), before: before.map(str::to_owned) });
        match resume(&steps, done, &DdlEvidence { intent, now: now.map(str::to_owned) }) {
            Conclusion::Resume(step) => format!("resume {step}"),
            Conclusion::Proved { step, .. } => format!("proved {step}"),
            Conclusion::Unclear(_) => "unclear".to_owned(),
            Conclusion::Committed(_) => "committed".to_owned(),
            Conclusion::RolledBack(_) => "rolled back".to_owned(),
        }
    }

    #[test]
    fn an_interrupted_statement_is_judged_by_what_it_changes() {
        let (a, b) = (Some("1:a"), Some("2:b"));
        for (text, done, before, now, expected) in [
            ("CREATE TABLE t (a INT); CREATE TABLE u (a INT)", 0, Some(a), a, "proved 0"),
            ("CREATE TABLE t (a INT); CREATE TABLE u (a INT)", 0, Some(a), b, "proved 1"),
            ("CREATE TABLE t (a INT); CREATE TABLE u (a INT)", 1, Some(a), b, "proved 2"),
            // Announced is what is sent.
            ("CREATE TABLE t (a INT); CREATE TABLE u (a INT)", 1, None, b, "resume 1"),
            ("CREATE TABLE t (a INT)", 1, None, None, "committed"),
            ("INSERT INTO t VALUES (1); CREATE TABLE t (a INT)", 0, None, None, "resume 0"),
            ("SET sql_mode = ''; CREATE TABLE t (a INT)", 0, None, None, "resume 0"),
            ("OPTIMIZE TABLE t; CREATE TABLE t (a INT)", 0, None, None, "resume 0"),
            // The catalog does not show these.
            ("CALL p()", 0, Some(None), None, "unclear"),
            ("GRANT SELECT ON t TO u", 0, Some(None), None, "unclear"),
            ("TRUNCATE t", 0, Some(None), None, "unclear"),
            ("USE other; CREATE TABLE t (a INT)", 1, Some(a), b, "unclear"),
            ("CREATE TABLE t (a INT)", 0, Some(a), None, "unclear"),
            // MariaDB drops one after the other.
            ("DROP TABLE a, b", 0, Some(a), a, "proved 0"),
            ("DROP TABLE a, b", 0, Some(a), b, "unclear"),
            ("RENAME TABLE a TO x, b TO a, x TO b", 0, Some(a), a, "unclear"),
            ("RENAME TABLE a TO x, b TO a, x TO b", 0, Some(a), b, "proved 1"),
        ] {
            assert_eq!(of(text, done, before, now), expected, "{text} {done}");
        }
    }

    #[test]
    fn what_went_with_the_session_settles_nothing() {
        for (text, done, expected) in [
            ("CREATE TEMPORARY TABLE t (a INT); INSERT INTO u SELECT * FROM t", 1, "unclear"),
            ("CREATE TEMPORARY TABLE t (a INT); DROP TEMPORARY TABLE t; CREATE TABLE u (a INT)", 2, "resume 2"),
            ("SET @a = 1; CREATE TABLE t (a INT); INSERT INTO t VALUES (@a)", 2, "resume 2"),
            ("INSERT INTO t VALUES (1); SET @a = LAST_INSERT_ID(); INSERT INTO u VALUES (@a)", 2, "unclear"),
            ("SELECT 1 INTO @a; CREATE TABLE t (a INT); INSERT INTO t VALUES (@a)", 2, "unclear"),
            ("SET @a = (SELECT 1); CREATE TABLE t (a INT); INSERT INTO t VALUES (@a)", 2, "unclear"),
            ("SET @s = IF((SELECT 1), 'a', 'b'); PREPARE s FROM @s; EXECUTE s", 1, "resume 1"),
            ("SET @s = 'a'; PREPARE s FROM @s; EXECUTE s", 2, "unclear"),
            ("SET @s = 'a'; PREPARE s FROM @s; EXECUTE s; DEALLOCATE PREPARE s; CREATE TABLE t (a INT)", 4, "resume 4"),
            ("INSERT INTO t VALUES (1); CREATE TABLE u (a INT); INSERT INTO u VALUES (LAST_INSERT_ID())", 2, "unclear"),
            ("INSERT INTO t VALUES (1); CREATE TABLE u (a INT); SET @a = @@identity", 2, "unclear"),
            ("CREATE TABLE u (a INT); INSERT INTO u VALUES (LAST_INSERT_ID())", 1, "resume 1"),
            (
                "INSERT INTO t VALUES (1); CREATE TABLE u (a INT); INSERT INTO t VALUES (2); DO LAST_INSERT_ID()",
                2,
                "resume 2",
            ),
            ("INSERT INTO t VALUES (1); CREATE TABLE u (a INT); SELECT LAST_INSERT_ID()", 2, "resume 2"),
            ("UPDATE s SET n = LAST_INSERT_ID(n + 1); CREATE TABLE u (a INT); DO LAST_INSERT_ID()", 2, "unclear"),
            (
                "INSERT INTO t VALUES (1); CREATE TABLE u (a INT); UPDATE s SET n = LAST_INSERT_ID(n + 1); DO LAST_INSERT_ID()",
                2,
                "resume 2",
            ),
            (
                "SET STATEMENT a = 1 FOR INSERT INTO t VALUES (1); CREATE TABLE u (a INT); DO LAST_INSERT_ID()",
                2,
                "unclear",
            ),
            ("SET INSERT_ID = 7; INSERT INTO t VALUES (1); CREATE TABLE u (a INT)", 2, "unclear"),
            (
                "SET STATEMENT max_statement_time = 1 FOR INSERT INTO t VALUES (1); CREATE TABLE u (a INT)",
                1,
                "resume 1",
            ),
            ("CREATE DEFINER=`a`@`b` VIEW v AS SELECT 1; CREATE TABLE t (a INT)", 1, "resume 1"),
        ] {
            assert_eq!(of(text, done, None, None), expected, "{text} {done}");
        }
    }
}
