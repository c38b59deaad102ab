//! What a failed migration says: what happened, where in the file, what of it was kept, and what to do next.

use crate::engine::{Dialect, Failure, Kept};
use crate::excerpt;
use crate::fault::Place;
use crate::migration::Migration;
use crate::transaction::Step;

/// The report, as it goes to the log, into the history and to the termination log. `steps` are the statements
/// done before and their number, for a file that runs statement by statement.
pub(crate) fn failure(
    migration: &Migration,
    failure: &Failure,
    steps: Option<(usize, usize)>,
    dialect: Dialect,
) -> String {
    let mut text = failure.fault.to_string();
    if failure.of_record {
        text = format!("the script ran, but its record could not be written: {text}");
    }
    if let (false, Some(place)) = (failure.of_record, failure.fault.place) {
        let (line, column) = excerpt::line_and_column(migration.sql(), place, dialect);
        let excerpt = excerpt::around(migration.sql(), line, column);
        text += &format!("\nat {}:{line}:{column}\n{excerpt}", migration.path.display());
    }
    let before = match steps {
        Some((1, count)) => format!("; the first of {count} statements was done before it, and stays"),
        Some((done @ 2.., count)) => format!("; statements 1 to {done} of {count} were done before it, and stay"),
        _ => String::new(),
    };
    text + &match failure.kept {
        Kept::Nothing if before.is_empty() => "\nnothing of it was kept: it was rolled back as a whole".to_owned(),
        Kept::Nothing => format!("\nnothing of this statement was kept{before}"),
        Kept::Maybe => format!("\nparts of it may have been kept: it does not run in one transaction{before}"),
        Kept::Unknown => "\nwhether it was kept is unknown: the connection was lost".to_owned(),
    }
}

/// The next command. `steps` as for [`failure`]; `again` where the next start tries once more by itself; `rehearsal` on a throwaway database.
pub(crate) fn next(name: &str, again: bool, rehearsal: bool, steps: Option<(usize, usize)>) -> String {
    if rehearsal {
        return "it cannot run from scratch\n\
                next: repair the file (where it is applied already, only its checksum changes)"
            .to_owned();
    }
    if again {
        return "next: start again when the other session is done".to_owned();
    }
    if let Some((done @ 1.., _)) = steps {
        return format!(
            "next: take the {done} statements that are done out of the file, or make them repeatable, and repair the \
             rest;\n      then doorstep resolve --rolled-back {name}, and start again: the file runs from its beginning"
        );
    }
    format!(
        "next: repair the file, then doorstep resolve --rolled-back {name}, and start again\n      \
         (doorstep resolve --applied {name} would record it as done: what is missing of it would never run)"
    )
}

/// A place in a step, as a place in the file.
pub(crate) fn in_file(sql: &str, step: &Step<'_>, place: Place) -> Place {
    let before = sql[..step.offset].chars().count();
    match place {
        Place::Character(at) => Place::Character(before + at),
        Place::Statement(_) => Place::Character(before + 1),
    }
}
