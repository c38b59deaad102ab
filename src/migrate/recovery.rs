//! Decides what an unfinished row of the history means. A pure function over evidence, without any I/O.
//!
//! A client that dies leaves a row without an end, and its server may have gone on and committed. Prisma stops at such a
//! row for ever (P3009). doorstep concludes what the evidence proves, and reports the rest to a person.

use crate::engines::peer::Peer;
use crate::engines::session::ObjectState;
use crate::formats::migration::{Record, RecordedBy, RunMode};
use crate::migrate::continued;
use crate::migrate::interrupted_ddl::{self, DdlEvidence};
use crate::migrate::strategy::{ScriptStep, Strategy};
use crate::sql::script::{self, Leaves, Statement};
use crate::sql::{ObjectKind, ObjectRef, unnamed_build};

/// What is known about an unfinished migration.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    /// Its row.
    pub record: &'a Record,
    /// How its script, as it is in the folder now, would run.
    pub strategy: &'a Strategy<'a>,
    /// That script is the one the row was written for.
    pub same_script: bool,
    /// The engine runs a script of the original tool in one message: all of it was kept, or nothing.
    pub one_message: bool,
    /// What its script creates, whether the script skips it if it exists, and its state.
    pub object_states: Vec<(ObjectRef, bool, ObjectState)>,
    /// What tells how far it got, where each DDL statement commits.
    pub ddl: Option<DdlEvidence>,
    /// Another session that is running it now, or may be.
    pub running_session: Option<Peer>,
}

/// The objects whose existence tells how far an unfinished migration got, and whether its script skips them if they exist.
#[must_use]
pub(crate) fn created_objects(strategy: &Strategy<'_>, record: &Record) -> Vec<(ObjectRef, bool)> {
    let statements = match strategy.mode {
        RunMode::Steps => strategy.steps.get(record.steps).map(|step| step.statements.as_slice()).unwrap_or_default(),
        RunMode::Atomic | RunMode::Whole => strategy.statements.as_slice(),
    };
    let mut objects = script::created(statements);
    let is_drop = |it: &&Statement<'_>| it.starts(&["DROP", "INDEX", "CONCURRENTLY"]);
    let drops: Vec<Statement<'_>> = statements.iter().filter(is_drop).cloned().collect();
    objects.extend(script::removed(&drops).into_iter().map(|object| (object, true)));
    objects
}

/// What follows from the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// Nothing of it was kept; why that is certain.
    RolledBack(String),
    /// All of it was kept; why that is certain.
    Committed(String),
    /// It goes on with this statement, counted from 0.
    Resume(usize),
    /// The same, by what the catalog shows; why that is certain.
    Proved {
        /// The statement, from 0.
        step: usize,
        /// What was there before it, and what is now.
        why: String,
    },
    /// A person must look; the evidence, one line each.
    Unclear(Vec<String>),
}

/// Concludes.
#[must_use]
pub(crate) fn conclude(evidence: &Evidence<'_>) -> Conclusion {
    let Evidence { record, strategy, same_script, one_message, object_states, ddl, running_session } = evidence;
    if record.ran(RunMode::Atomic) {
        return Conclusion::RolledBack("its script and its record commit together".to_owned());
    }
    if let Some(peer) = running_session {
        return Conclusion::Unclear(vec![format!("a session is, or may be, still running it: {peer}")]);
    }
    // Prisma counts the step once the script has succeeded, just before it notes the end.
    if record.by == RecordedBy::Tool && record.steps > 0 {
        return Conclusion::Committed("its tool had counted it as done already".to_owned());
    }
    if !same_script {
        return Conclusion::Unclear(vec!["the file has changed since it began".to_owned()]);
    }
    let steps = strategy.steps.as_slice();
    if let (Some(ddl), RunMode::Steps, true) = (ddl, strategy.mode, record.ran(RunMode::Steps)) {
        return interrupted_ddl::resume(steps, record.steps, ddl);
    }
    match strategy.mode {
        RunMode::Steps if record.ran(RunMode::Steps) => resume(steps, record.steps, object_states),
        RunMode::Steps if ddl.is_some() => Conclusion::Unclear(vec!["it was begun by another program".to_owned()]),
        // Alone in its file, it is the one statement that may have been done.
        RunMode::Steps if steps.len() == 1 && steps[0].alone => resume(steps, 0, object_states),
        RunMode::Atomic if *one_message => by_objects(object_states, script::leaves(&strategy.statements)),
        RunMode::Steps | RunMode::Atomic | RunMode::Whole => Conclusion::Unclear(lines(object_states)),
    }
}

/// Judges a script that was one transaction by its objects. None exists, and the script drops none of them: it was
/// rolled back. It creates nothing else, and one transaction created them all after the row was written: it committed.
fn by_objects(object_states: &[(ObjectRef, bool, ObjectState)], leaves: Leaves) -> Conclusion {
    // An IF NOT EXISTS object proves nothing: it may predate the script.
    let (lenient, strict): (Vec<_>, Vec<_>) = object_states.iter().partition(|(_, lenient, _)| *lenient);
    let maker = |(_, _, trace): &&(ObjectRef, bool, ObjectState)| match trace {
        ObjectState::Newer(transaction) => Some(transaction.clone()),
        _ => None,
    };
    let Some((object, ..)) = strict.first() else { return Conclusion::Unclear(lines(object_states)) };
    if leaves != Leaves::Unknown && strict.iter().all(|(_, _, trace)| *trace == ObjectState::Absent) {
        return Conclusion::RolledBack(format!("it is one transaction, and none of its objects exist: no {object}"));
    }
    let is_table = object.kind == ObjectKind::Table;
    let first = strict.first().and_then(maker);
    let complete = lenient.iter().all(|(_, _, trace)| *trace != ObjectState::Absent);
    match &first {
        Some(transaction)
            if leaves == Leaves::Objects
                && complete
                && (strict.len() > 1 || is_table)
                && strict.iter().all(|trace| maker(trace) == first) =>
        {
            Conclusion::Committed(format!("all it creates was made by one transaction ({transaction}) after it began"))
        }
        _ => Conclusion::Unclear(lines(object_states)),
    }
}

/// Judges by the number of statements that are recorded as done. A statement that commits with its record is certain;
/// one that refuses a transaction may be done without a record.
fn resume(steps: &[ScriptStep<'_>], done: usize, object_states: &[(ObjectRef, bool, ObjectState)]) -> Conclusion {
    let Some(step) = steps.get(done) else {
        return Conclusion::Committed("each of its statements is recorded as done".to_owned());
    };
    let unclear = |why: String| {
        Conclusion::Unclear(vec![format!("{done} of its {} statements are done for certain", steps.len()), why])
    };
    if let Some(gone) = continued::gone(steps, done) {
        let summary = script::summary_of(&gone.statements);
        return unclear(format!("what a statement of it made went with its session: {summary}"));
    }
    if !step.alone {
        return Conclusion::Resume(done);
    }
    let Some(statement) = step.statements.first() else { return Conclusion::Resume(done) };
    if builds_index(statement) && !object_states.is_empty() {
        // An INVALID one is dropped and built again; an older one is not the one that was to be built.
        let is_built = object_states.iter().any(|(_, _, trace)| matches!(trace, ObjectState::Newer(_)));
        return Conclusion::Resume(done + usize::from(is_built));
    }
    if statement.starts(&["DROP", "INDEX"]) {
        let is_gone = object_states.iter().all(|(_, _, trace)| *trace == ObjectState::Absent);
        return Conclusion::Resume(done + usize::from(is_gone));
    }
    // Whether an index without a name is built is decided where the statement would run again.
    if repeats_without_harm(statement) || unnamed_build::unnamed(statement).is_some() {
        return Conclusion::Resume(done);
    }
    unclear(format!("the next may be done or not: {}", script::summary_of(&step.statements)))
}

/// Statements that may simply run again after they were interrupted or done.
fn repeats_without_harm(statement: &Statement<'_>) -> bool {
    let repeatable = ["VACUUM", "REINDEX", "CLUSTER", "DISCARD"].iter().any(|word| statement.starts(&[word]));
    repeatable || statement.starts(&["ALTER", "SYSTEM"])
}

/// Whether a statement that refuses a transaction can be tried again after the server has refused it: what it may have
/// left is an INVALID index, which is dropped before.
#[must_use]
pub(crate) fn is_repeatable(step: &ScriptStep<'_>) -> bool {
    let is_repeatable = |statement: &Statement<'_>| {
        builds_index(statement) || statement.starts(&["DROP", "INDEX"]) || repeats_without_harm(statement)
    };
    step.statements.iter().all(is_repeatable)
}

/// `CREATE INDEX CONCURRENTLY`, which leaves an INVALID index behind when it is interrupted.
#[must_use]
pub(crate) fn builds_index(statement: &Statement<'_>) -> bool {
    let creates = statement.starts(&["CREATE", "INDEX"]) || statement.starts(&["CREATE", "UNIQUE", "INDEX"]);
    creates && statement.has("CONCURRENTLY")
}

fn lines(object_states: &[(ObjectRef, bool, ObjectState)]) -> Vec<String> {
    let line = |(object, _, trace): &(ObjectRef, bool, ObjectState)| {
        let what = match trace {
            ObjectState::Absent => "does not exist".to_owned(),
            ObjectState::Older => "exists, and did before the migration began".to_owned(),
            ObjectState::Newer(transaction) => {
                format!("exists, made or altered since the migration began (transaction {transaction})")
            }
            ObjectState::Present => "exists".to_owned(),
            ObjectState::Invalid => "exists, but INVALID: its build was interrupted".to_owned(),
        };
        format!("{object}: {what}")
    };
    match object_states.is_empty() {
        true => vec!["it creates nothing that could be looked for".to_owned()],
        false => object_states.iter().map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;
    use crate::sql::script::Script;

    fn newer(transaction: &str) -> ObjectState {
        ObjectState::Newer(transaction.to_owned())
    }

    /// The conclusion for a script, with these states of what it creates.
    fn of(script: &str, record: &Record, found: &[ObjectState]) -> Conclusion {
        let script = Script::new(script.to_owned(), Dialect::Postgres);
        let strategy = Strategy::of(&script);
        let objects = created_objects(&strategy, record);
        let object_states =
            objects.into_iter().zip(found).map(|((object, lenient), state)| (object, lenient, state.clone()));
        let evidence = Evidence {
            record,
            strategy: &strategy,
            same_script: true,
            one_message: true,
            object_states: object_states.collect(),
            ddl: None,
            running_session: None,
        };
        conclude(&evidence)
    }

    fn kind(conclusion: &Conclusion) -> &'static str {
        match conclusion {
            Conclusion::RolledBack(_) => "rolled back",
            Conclusion::Committed(_) => "committed",
            Conclusion::Resume(_) | Conclusion::Proved { .. } => "resume",
            Conclusion::Unclear(_) => "unclear",
        }
    }

    #[test]
    fn one_transaction_is_judged_by_what_it_creates() {
        let two = "CREATE TABLE a (); CREATE INDEX i ON a (x);";
        for (found, expected) in [
            ([ObjectState::Absent, ObjectState::Absent], "rolled back"),
            ([newer("7"), newer("7")], "committed"),
            ([newer("7"), newer("8")], "unclear"),
            ([newer("7"), ObjectState::Absent], "unclear"),
            ([ObjectState::Older, ObjectState::Absent], "unclear"),
            ([newer("7"), ObjectState::Older], "unclear"),
            ([ObjectState::Present, newer("7")], "unclear"),
        ] {
            assert_eq!(kind(&of(two, &Record::default(), &found)), expected, "{found:?}");
        }
        for (script, found, expected) in [
            ("CREATE TABLE IF NOT EXISTS a (); CREATE INDEX i ON a (x);", vec![newer("7"), newer("7")], "unclear"),
            ("CREATE SCHEMA IF NOT EXISTS s; CREATE TABLE a ()", vec![ObjectState::Older, newer("7")], "committed"),
            (
                "CREATE SCHEMA IF NOT EXISTS s; CREATE TABLE a ()",
                vec![ObjectState::Older, ObjectState::Absent],
                "rolled back",
            ),
            ("CREATE SCHEMA IF NOT EXISTS s; CREATE TABLE a ()", vec![ObjectState::Absent, newer("7")], "unclear"),
            ("CREATE TABLE a (); INSERT INTO b VALUES (1)", vec![newer("7")], "unclear"),
            ("CREATE TABLE a (); INSERT INTO b VALUES (1)", vec![ObjectState::Absent], "rolled back"),
            ("CREATE TABLE a (); DO $$ BEGIN END $$", vec![ObjectState::Absent], "unclear"),
            ("CREATE INDEX i ON a (x)", vec![newer("7")], "unclear"),
            ("CREATE TABLE a ()", vec![newer("7")], "committed"),
            ("UPDATE a SET x = 1", vec![], "unclear"),
        ] {
            assert_eq!(kind(&of(script, &Record::default(), &found)), expected, "{script}");
        }
        let counted = Record { steps: 1, ..Record::default() };
        assert_eq!(kind(&of("UPDATE a SET x = 1", &counted, &[])), "committed");
    }

    #[test]
    fn statements_that_are_recorded_are_not_repeated() {
        let script = "SELECT 1; CREATE INDEX CONCURRENTLY i ON a (x); SELECT 2; CREATE DATABASE d";
        let at = |steps| Record { steps, by: RecordedBy::Doorstep(RunMode::Steps), ..Record::default() };
        assert_eq!(of(script, &at(0), &[]), Conclusion::Resume(0));
        assert_eq!(of(script, &at(1), &[ObjectState::Absent]), Conclusion::Resume(1));
        assert_eq!(of(script, &at(1), &[ObjectState::Invalid]), Conclusion::Resume(1));
        assert_eq!(of(script, &at(1), &[ObjectState::Older]), Conclusion::Resume(1));
        assert_eq!(of(script, &at(1), &[newer("9")]), Conclusion::Resume(2));
        assert_eq!(of(script, &at(2), &[]), Conclusion::Resume(2));
        assert_eq!(kind(&of(script, &at(3), &[])), "unclear");
        assert_eq!(kind(&of(script, &at(4), &[])), "committed");
        // The original tool counts no statements.
        assert_eq!(kind(&of(script, &Record::default(), &[])), "unclear");
        let lone = "CREATE INDEX CONCURRENTLY i ON a (x)";
        assert_eq!(of(lone, &Record::default(), &[ObjectState::Invalid]), Conclusion::Resume(0));
        let drop = "DROP INDEX CONCURRENTLY i";
        assert_eq!(of(drop, &at(0), &[ObjectState::Invalid]), Conclusion::Resume(0));
        assert_eq!(of(drop, &at(0), &[ObjectState::Absent]), Conclusion::Resume(1));
        assert_eq!(of("CREATE INDEX CONCURRENTLY ON a (x)", &at(0), &[]), Conclusion::Resume(0));
        assert_eq!(kind(&of("CREATE TEMP TABLE a (); VACUUM b; SELECT 1", &at(2), &[])), "unclear");
    }

    #[test]
    fn a_changed_file_and_a_living_session_settle_nothing() {
        let record = Record::default();
        let script = Script::new("CREATE SCHEMA s".to_owned(), Dialect::Postgres);
        let strategy = Strategy::of(&script);
        let base = |same_script, running_session| Evidence {
            record: &record,
            strategy: &strategy,
            same_script,
            one_message: true,
            object_states: vec![(ObjectRef::new(ObjectKind::Schema, None, "s"), false, ObjectState::Absent)],
            ddl: None,
            running_session,
        };
        assert_eq!(kind(&conclude(&base(true, None))), "rolled back");
        assert_eq!(kind(&conclude(&base(false, None))), "unclear");
        assert_eq!(kind(&conclude(&base(true, Some(Peer::default())))), "unclear");
        let atomic = Record { by: RecordedBy::Doorstep(RunMode::Atomic), ..Record::default() };
        assert_eq!(kind(&conclude(&Evidence { record: &atomic, ..base(false, None) })), "rolled back");
    }
}
