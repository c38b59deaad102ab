//! What an unfinished row of the history means: a verdict over evidence, without any I/O.
//!
//! A client that dies leaves a row without an end, and its server may have gone on and committed. Prisma stops
//! there for ever (P3009). Here it is found out what is certain; what is not is put before a person.

use crate::engine::{Dialect, Peer, Trace};
use crate::migration::{Record, Writer};
use crate::script::{self, Object, Statement};
use crate::transaction::{Step, Way};

/// What is known about an unfinished migration.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// Its row.
    pub record: &'a Record,
    /// How its script, as it is in the folder now, would run.
    pub way: &'a Way<'a>,
    /// That script is the one the row was written for.
    pub same_script: bool,
    /// The engine runs a script of the original tool in one message: all of it is kept, or nothing.
    pub one_message: bool,
    /// What its script creates, whether it would pass over what exists, and what is there.
    pub traces: Vec<(Object, bool, Trace)>,
    /// Another session that is running it in this moment.
    pub runner: Option<Peer>,
}

/// The objects that tell how far an unfinished migration got, and whether its script would pass over them.
#[must_use]
pub fn witnesses(script: &str, way: &Way<'_>, record: &Record, dialect: Dialect) -> Vec<(Object, bool)> {
    let created = |text: &str| {
        let statements = script::statements(text, dialect);
        let dropped = statements.iter().filter_map(|statement| script::dropped_index(statement, dialect));
        let dropped: Vec<(Object, bool)> = dropped.map(|object| (object, true)).collect();
        let mut objects = script::created(&statements, dialect);
        objects.extend(dropped);
        objects
    };
    let mut objects = match way {
        Way::Steps(steps) => steps.get(record.steps).map(|step| created(step.text)).unwrap_or_default(),
        Way::Atomic | Way::Whole { .. } => created(script),
    };
    // Where the script moves the search path, a bare name leads elsewhere now.
    if script.contains("search_path") {
        objects.retain(|(object, _)| object.is_qualified());
    }
    objects
}

/// What follows from the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
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
pub fn conclude(evidence: &Evidence<'_>) -> Conclusion {
    let Evidence { record, way, same_script, one_message, traces, runner } = evidence;
    if record.writer == Writer::Atomic {
        return Conclusion::RolledBack("its script and its record commit together".to_owned());
    }
    if let Some(peer) = runner {
        return Conclusion::Unclear(vec![format!("a session is still running it: {peer}")]);
    }
    if !same_script {
        return Conclusion::Unclear(vec!["the file has changed since it began".to_owned()]);
    }
    match way {
        Way::Steps(steps) => resume(steps, record.steps, traces),
        Way::Atomic | Way::Whole { all_or_nothing: true } if *one_message => all_or_nothing(traces),
        Way::Atomic | Way::Whole { .. } => Conclusion::Unclear(lines(traces)),
    }
}

/// By the objects that all exist, or all do not, after a script that was one transaction.
fn all_or_nothing(traces: &[(Object, bool, Trace)]) -> Conclusion {
    let makers: Vec<&str> = traces
        .iter()
        .filter_map(
            |(_, _, trace)| if let Trace::Newer(transaction) = trace { Some(transaction.as_str()) } else { None },
        )
        .collect();
    let absent = traces.iter().filter(|(_, _, trace)| *trace == Trace::Absent).count();
    // What the script would have passed over proves nothing by being there.
    let strangers =
        traces.iter().filter(|(_, lenient, trace)| !matches!(trace, Trace::Absent | Trace::Newer(_)) && !lenient);
    let one_maker = makers.windows(2).all(|pair| pair[0] == pair[1]);
    match (absent, makers.len()) {
        (1.., 0) => {
            let (object, ..) = traces.iter().find(|(_, _, trace)| *trace == Trace::Absent).unwrap_or(&traces[0]);
            Conclusion::RolledBack(format!("it is one transaction, and its {object} does not exist"))
        }
        (0, 1..) if one_maker && strangers.count() == 0 => {
            Conclusion::Committed(format!("all it creates was made by one transaction ({}) after it began", makers[0]))
        }
        _ => Conclusion::Unclear(lines(traces)),
    }
}

/// By the number of statements that are recorded as done. One that commits with its record is certain; one
/// that stands alone may have been done without it.
fn resume(steps: &[Step<'_>], done: usize, traces: &[(Object, bool, Trace)]) -> Conclusion {
    let Some(step) = steps.get(done) else {
        return Conclusion::Committed("each of its statements is recorded as done".to_owned());
    };
    if !step.alone {
        return Conclusion::Resume(done);
    }
    let statements = script::statements(step.text, Dialect::Postgres);
    let Some(statement) = statements.first() else { return Conclusion::Resume(done) };
    if builds_index(statement) {
        // An INVALID one is dropped and built again; an older one is not the one that was to be built.
        let is_built = traces.iter().any(|(_, _, trace)| matches!(trace, Trace::Newer(_)));
        return Conclusion::Resume(done + usize::from(is_built));
    }
    if statement.starts(&["DROP", "INDEX"]) {
        let is_gone = traces.iter().all(|(_, _, trace)| *trace == Trace::Absent);
        return Conclusion::Resume(done + usize::from(is_gone));
    }
    let repeatable = ["VACUUM", "REINDEX", "CLUSTER", "DISCARD"].iter().any(|word| statement.starts(&[word]));
    if repeatable || statement.starts(&["ALTER", "SYSTEM"]) {
        return Conclusion::Resume(done);
    }
    Conclusion::Unclear(vec![
        format!("{done} of its {} statements are done for certain", steps.len()),
        format!("the next may be done or not: {}", script::summary(step.text, Dialect::Postgres)),
    ])
}

/// `CREATE INDEX CONCURRENTLY`, which leaves an INVALID index behind when it is interrupted.
#[must_use]
pub fn builds_index(statement: &Statement<'_>) -> bool {
    let creates = statement.starts(&["CREATE", "INDEX"]) || statement.starts(&["CREATE", "UNIQUE", "INDEX"]);
    creates && statement.has("CONCURRENTLY")
}

fn lines(traces: &[(Object, bool, Trace)]) -> Vec<String> {
    let line = |(object, _, trace): &(Object, bool, Trace)| {
        let what = match trace {
            Trace::Absent => "does not exist".to_owned(),
            Trace::Older => "exists, and did before the migration began".to_owned(),
            Trace::Newer(transaction) => {
                format!("exists, made or altered since the migration began (transaction {transaction})")
            }
            Trace::Present => "exists".to_owned(),
            Trace::Invalid => "exists, but INVALID: its build was interrupted".to_owned(),
        };
        format!("{object}: {what}")
    };
    match traces.is_empty() {
        true => vec!["it creates nothing that could be looked for".to_owned()],
        false => traces.iter().map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::way;

    fn newer(transaction: &str) -> Trace {
        Trace::Newer(transaction.to_owned())
    }

    /// Of a script by another tool, with these traces of what it creates.
    fn of(script: &str, record: &Record, found: &[Trace]) -> Conclusion {
        let statements = script::statements(script, Dialect::Postgres);
        let objects = script::created(&statements, Dialect::Postgres);
        let traces = objects.into_iter().zip(found).map(|((object, lenient), trace)| (object, lenient, trace.clone()));
        let evidence = Evidence {
            record,
            way: &way(script, Dialect::Postgres),
            same_script: true,
            one_message: true,
            traces: traces.collect(),
            runner: None,
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
            ([Trace::Absent, Trace::Absent], "rolled back"),
            ([newer("7"), newer("7")], "committed"),
            ([newer("7"), newer("8")], "unclear"),
            ([newer("7"), Trace::Absent], "unclear"),
            ([Trace::Older, Trace::Absent], "rolled back"),
            ([newer("7"), Trace::Older], "unclear"),
            ([Trace::Older, Trace::Older], "unclear"),
        ] {
            assert_eq!(kind(&of(two, &Record::default(), &found)), expected, "{found:?}");
        }
        let lenient = "CREATE TABLE IF NOT EXISTS a (); CREATE INDEX i ON a (x);";
        assert_eq!(kind(&of(lenient, &Record::default(), &[Trace::Older, newer("7")])), "committed");
        assert_eq!(kind(&of("UPDATE a SET x = 1", &Record::default(), &[])), "unclear");
        assert_eq!(kind(&of("BEGIN; CREATE TABLE a (); COMMIT", &Record::default(), &[newer("7")])), "committed");
        assert_eq!(kind(&of("BEGIN; CREATE TABLE a (); COMMIT; b", &Record::default(), &[newer("7")])), "unclear");
    }

    #[test]
    fn statements_that_are_recorded_are_not_repeated() {
        let script = "SELECT 1; CREATE INDEX CONCURRENTLY i ON a (x); SELECT 2; CREATE DATABASE d";
        let at = |steps| Record { steps, writer: Writer::Steps, ..Record::default() };
        assert_eq!(of(script, &at(0), &[]), Conclusion::Resume(0));
        assert_eq!(of(script, &at(1), &[Trace::Absent]), Conclusion::Resume(1));
        assert_eq!(of(script, &at(1), &[Trace::Invalid]), Conclusion::Resume(1));
        assert_eq!(of(script, &at(1), &[newer("9")]), Conclusion::Resume(2));
        assert_eq!(of(script, &at(2), &[newer("9")]), Conclusion::Resume(2));
        assert_eq!(kind(&of(script, &at(3), &[newer("9")])), "unclear");
        assert_eq!(kind(&of(script, &at(4), &[newer("9")])), "committed");
    }

    #[test]
    fn a_changed_file_and_a_living_session_settle_nothing() {
        let record = Record::default();
        let way = Way::Atomic;
        let base = |same_script, runner| Evidence {
            record: &record,
            way: &way,
            same_script,
            one_message: true,
            traces: vec![(Object::Schema("s".to_owned()), false, Trace::Absent)],
            runner,
        };
        assert_eq!(kind(&conclude(&base(true, None))), "rolled back");
        assert_eq!(kind(&conclude(&base(false, None))), "unclear");
        assert_eq!(kind(&conclude(&base(true, Some(Peer::default())))), "unclear");
        let atomic = Record { writer: Writer::Atomic, ..Record::default() };
        assert_eq!(kind(&conclude(&Evidence { record: &atomic, ..base(false, None) })), "rolled back");
    }
}
