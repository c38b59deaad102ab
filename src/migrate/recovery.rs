//! What an unfinished row of the history means: a verdict over evidence, without any I/O.
//!
//! A client that dies leaves a row without an end, and its server may have gone on and committed. Prisma stops
//! there for ever (P3009). Here it is found out what is certain; what is not is put before a person.

use crate::engines::peer::Peer;
use crate::engines::session::ObjectState;
use crate::formats::migration::{Record, Writer};
use crate::migrate::strategy::{Step, Way};
use crate::sql::script::{self, Leaves, Statement};
use crate::sql::{Dialect, ObjectKind, ObjectRef};

/// What is known about an unfinished migration.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    /// Its row.
    pub record: &'a Record,
    /// How its script, as it is in the folder now, would run.
    pub way: &'a Way<'a>,
    /// That script is the one the row was written for.
    pub same_script: bool,
    /// The engine runs a script of the original tool in one message: all of it was kept, or nothing.
    pub one_message: bool,
    /// What its statements leave behind.
    pub leaves: Leaves,
    /// What its script creates, whether it would pass over what exists, and what is there.
    pub object_states: Vec<(ObjectRef, bool, ObjectState)>,
    /// Another session that is running it in this moment, or may be.
    pub running_session: Option<Peer>,
}

/// The objects that tell how far an unfinished migration got, and whether its script would pass over them.
#[must_use]
pub(crate) fn witnesses(script: &str, way: &Way<'_>, record: &Record, dialect: Dialect) -> Vec<(ObjectRef, bool)> {
    let created = |text: &str| {
        let statements = script::statements(text, dialect);
        let mut objects = script::created(&statements, dialect);
        let drops: Vec<Statement<'_>> =
            statements.into_iter().filter(|it| it.starts(&["DROP", "INDEX", "CONCURRENTLY"])).collect();
        objects.extend(script::removed(&drops, dialect).into_iter().map(|object| (object, true)));
        objects
    };
    match way {
        Way::Steps(steps) => steps.get(record.steps).map(|step| created(step.text)).unwrap_or_default(),
        Way::Atomic(_) | Way::Whole => created(script),
    }
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
    /// A person must look; the evidence, one line each.
    Unclear(Vec<String>),
}

/// Concludes.
#[must_use]
pub(crate) fn conclude(evidence: &Evidence<'_>) -> Conclusion {
    let Evidence { record, way, same_script, one_message, leaves, object_states, running_session } = evidence;
    if record.writer == Writer::Atomic {
        return Conclusion::RolledBack("its script and its record commit together".to_owned());
    }
    if let Some(peer) = running_session {
        return Conclusion::Unclear(vec![format!("a session is, or may be, still running it: {peer}")]);
    }
    // Prisma counts the step once the script has succeeded, just before it notes the end.
    if record.writer == Writer::Other && record.steps > 0 {
        return Conclusion::Committed("its tool had counted it as done already".to_owned());
    }
    if !same_script {
        return Conclusion::Unclear(vec!["the file has changed since it began".to_owned()]);
    }
    match way {
        Way::Steps(steps) if record.writer == Writer::Steps => resume(steps, record.steps, object_states),
        // Alone in its file, it is the one statement that may have been done.
        Way::Steps(steps) if steps.len() == 1 && steps[0].alone => resume(steps, 0, object_states),
        Way::Atomic(_) if *one_message => by_objects(object_states, *leaves),
        Way::Steps(_) | Way::Atomic(_) | Way::Whole => Conclusion::Unclear(lines(object_states)),
    }
}

/// By the objects of a script that was one transaction: none is there, and it takes none of them back; or it does
/// nothing else, and one transaction has made them all, each in one go, after the row was written.
fn by_objects(object_states: &[(ObjectRef, bool, ObjectState)], leaves: Leaves) -> Conclusion {
    // What the script would have passed over proves nothing by being there.
    let (lenient, strict): (Vec<_>, Vec<_>) = object_states.iter().partition(|(_, lenient, _)| *lenient);
    let maker = |(_, _, trace): &&(ObjectRef, bool, ObjectState)| match trace {
        ObjectState::Newer(transaction) => Some(transaction.clone()),
        _ => None,
    };
    let Some((object, ..)) = strict.first() else { return Conclusion::Unclear(lines(object_states)) };
    if leaves != Leaves::Unknown && strict.iter().all(|(_, _, trace)| *trace == ObjectState::Absent) {
        return Conclusion::RolledBack(format!("it is one transaction, and nothing of it is there: no {object}"));
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

/// By the number of statements that are recorded as done. One that commits with its record is certain; one
/// that stands alone may have been done without it.
fn resume(steps: &[Step<'_>], done: usize, object_states: &[(ObjectRef, bool, ObjectState)]) -> Conclusion {
    let Some(step) = steps.get(done) else {
        return Conclusion::Committed("each of its statements is recorded as done".to_owned());
    };
    let unclear = |why: String| {
        Conclusion::Unclear(vec![format!("{done} of its {} statements are done for certain", steps.len()), why])
    };
    let of_session = ["TEMP", "TEMPORARY", "PG_TEMP", "PREPARE", "LISTEN", "DECLARE"];
    let needs_session = |step: &&Step<'_>| {
        let statements = script::statements(step.text, Dialect::Postgres);
        statements.iter().any(|statement| of_session.iter().any(|word| statement.has(word)))
    };
    if let Some(gone) = steps[..done].iter().find(needs_session) {
        let summary = script::summary(gone.text, Dialect::Postgres);
        return unclear(format!("what a statement of it made went with its session: {summary}"));
    }
    if !step.alone {
        return Conclusion::Resume(done);
    }
    let statements = script::statements(step.text, Dialect::Postgres);
    let Some(statement) = statements.first() else { return Conclusion::Resume(done) };
    if builds_index(statement) && !object_states.is_empty() {
        // An INVALID one is dropped and built again; an older one is not the one that was to be built.
        let is_built = object_states.iter().any(|(_, _, trace)| matches!(trace, ObjectState::Newer(_)));
        return Conclusion::Resume(done + usize::from(is_built));
    }
    if statement.starts(&["DROP", "INDEX"]) {
        let is_gone = object_states.iter().all(|(_, _, trace)| *trace == ObjectState::Absent);
        return Conclusion::Resume(done + usize::from(is_gone));
    }
    let repeatable = ["VACUUM", "REINDEX", "CLUSTER", "DISCARD"].iter().any(|word| statement.starts(&[word]));
    if repeatable || statement.starts(&["ALTER", "SYSTEM"]) {
        return Conclusion::Resume(done);
    }
    let summary = script::summary(step.text, Dialect::Postgres);
    match builds_index(statement) {
        true => unclear(format!("the next builds an index without a name, which may be there, or INVALID: {summary}")),
        false => unclear(format!("the next may be done or not: {summary}")),
    }
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
    use crate::migrate::strategy::way;

    fn newer(transaction: &str) -> ObjectState {
        ObjectState::Newer(transaction.to_owned())
    }

    /// Of a script, with these object_states of what it creates.
    fn of(script: &str, record: &Record, found: &[ObjectState]) -> Conclusion {
        let statements = script::statements(script, Dialect::Postgres);
        let way = way(script, Dialect::Postgres);
        let objects = witnesses(script, &way, record, Dialect::Postgres);
        let object_states =
            objects.into_iter().zip(found).map(|((object, lenient), trace)| (object, lenient, trace.clone()));
        let evidence = Evidence {
            record,
            way: &way,
            same_script: true,
            one_message: true,
            leaves: script::leaves(&statements, Dialect::Postgres),
            object_states: object_states.collect(),
            running_session: None,
        };
        conclude(&evidence)
    }

    fn kind(conclusion: &Conclusion) -> &'static str {
        match conclusion {
            Conclusion::RolledBack(_) => "rolled back",
            Conclusion::Committed(_) => "committed",
            Conclusion::Resume(_) => "resume",
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
        let at = |steps| Record { steps, writer: Writer::Steps, ..Record::default() };
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
        assert_eq!(kind(&of("CREATE INDEX CONCURRENTLY ON a (x)", &at(0), &[])), "unclear");
        assert_eq!(kind(&of("CREATE TEMP TABLE a (); VACUUM b; SELECT 1", &at(2), &[])), "unclear");
    }

    #[test]
    fn a_changed_file_and_a_living_session_settle_nothing() {
        let record = Record::default();
        let way = Way::Atomic("".into());
        let base = |same_script, running_session| Evidence {
            record: &record,
            way: &way,
            same_script,
            one_message: true,
            leaves: Leaves::Objects,
            object_states: vec![(ObjectRef::new(ObjectKind::Schema, None, "s"), false, ObjectState::Absent)],
            running_session,
        };
        assert_eq!(kind(&conclude(&base(true, None))), "rolled back");
        assert_eq!(kind(&conclude(&base(false, None))), "unclear");
        assert_eq!(kind(&conclude(&base(true, Some(Peer::default())))), "unclear");
        let atomic = Record { writer: Writer::Atomic, ..Record::default() };
        assert_eq!(kind(&conclude(&Evidence { record: &atomic, ..base(false, None) })), "rolled back");
    }
}
