//! What concerns a file as a whole: it cannot run, was changed after it was applied, or comes too late.

use crate::config::LintRule;
use crate::finding::Severity;
use crate::formats::migration::Unreadable;
use crate::lint::hazard::{Hazard, Place, Why};
use crate::lint::reading::LintScript;

fn of_file(file: &str, (rule, severity): (LintRule, Severity), why: Why) -> Hazard {
    let place = Place { file: file.to_owned(), line: 1, column: 1, statement_line: 1 };
    Hazard { rule, severity, place, object: None, why, sql: String::new() }
}

/// doorstep does not run the file, and says why.
pub(crate) fn refused(script: &LintScript<'_>, why: &Unreadable) -> Hazard {
    of_file(&script.file, (LintRule::CannotRun, Severity::Error), Why::Refused(why.clone()))
}

/// A file that was changed after a database has applied it, or after it was merged into `base`.
pub(crate) fn edited(file: &str, base: Option<&str>) -> Hazard {
    let why = Why::Edited { base: base.map(str::to_owned) };
    of_file(file, (LintRule::EditedAfterApplied, Severity::Error), why)
}

/// A file that comes before one that a database has applied, or that `base` has.
pub(crate) fn late(file: &str, after: &str, base: Option<&str>) -> Hazard {
    let why = Why::Late { after: after.to_owned(), base: base.map(str::to_owned) };
    of_file(file, (LintRule::OutOfOrder, Severity::Warning), why)
}

/// What a file of a folder is to the branch that it is merged into, or to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is there, with the same content.
    Settled,
    /// It is there with another content.
    Changed,
    /// It is new.
    New,
}

/// The hazards of the files of a folder, in its order, by what each is to `base`.
pub(crate) fn of_folder(files: &[(&str, Standing)], base: Option<&str>) -> Vec<Hazard> {
    let last = files.iter().rposition(|(_, standing)| *standing != Standing::New);
    let found = files.iter().enumerate().filter_map(|(index, (file, standing))| match (standing, last) {
        (Standing::Changed, _) => Some(edited(file, base)),
        (Standing::New, Some(last)) if index < last => Some(late(file, files[last].0, base)),
        _ => None,
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_number_and_a_changed_file_are_told() {
        use Standing::{Changed, New, Settled};
        let told = |files: &[(&str, Standing)]| -> Vec<String> {
            let tell = |hazard: Hazard| format!("{} {}", hazard.place.file, hazard.rule.name());
            of_folder(files, Some("main")).into_iter().map(tell).collect()
        };
        assert_eq!(told(&[("1", Settled), ("2", New), ("3", Settled), ("4", New)]), ["2 out-of-order"]);
        assert_eq!(told(&[("1", Changed), ("2", New)]), ["1 edited-after-applied"]);
        assert_eq!(told(&[("1", New), ("2", New)]), [""; 0]);
        assert_eq!(told(&[]), [""; 0]);
    }
}
