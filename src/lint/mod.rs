//! Rules over the scripts of migrations: which statement would stop a running service, fail, or lose data, why, and how to
//! write it so that it does not. Reads scripts only; nothing here talks to a database.
//!
//! `effects` tells what a statement does, `reading` puts the statements of a script into their transactions, `rules` judge, and
//! `wording` writes it out for people.

mod by_name;
pub(crate) mod effects;
pub(crate) mod files;
pub(crate) mod fresh;
pub(crate) mod hazard;
pub(crate) mod preview;
pub(crate) mod reading;
pub(crate) mod rules;
pub(crate) mod suppression;
pub(crate) mod wording;

use crate::lint::effects::Known;
use crate::lint::fresh::Fresh;
use crate::lint::hazard::Hazard;
use crate::lint::reading::{LintScript, read};
use crate::sql::Dialect;

/// What scripts are judged by, besides their text.
pub(crate) struct Circumstances<'a> {
    /// The dialect of the scripts.
    pub(crate) dialect: Dialect,
    /// Who runs them.
    pub(crate) runner: Runner<'a>,
    /// The checked scripts reach a database together, so that what one of them creates is new to the others.
    pub(crate) together: bool,
    /// The scripts are all that ever ran on the database.
    pub(crate) is_complete: bool,
}

/// Who runs the scripts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runner<'a> {
    /// The tool that the folder belongs to, and that may run it beside doorstep; none for plain SQL.
    pub(crate) tool: Option<&'a str>,
    /// That tool sends a file as one message, which is one transaction if it has several statements.
    pub(crate) sends_one_message: bool,
    /// doorstep applies them, and sets a lock timeout.
    pub(crate) sets_lock_timeout: bool,
}

/// All hazards of the scripts that are checked, in their order, without those that their comments allow. The other scripts only tell
/// what is there before.
#[must_use]
pub(crate) fn lint(scripts: &[LintScript<'_>], circumstances: &Circumstances<'_>) -> Vec<Hazard> {
    let mut known = Known::of_scripts(circumstances.is_complete);
    let mut fresh = Fresh::default();
    let mut found = Vec::new();
    for script in scripts {
        if !circumstances.together {
            fresh = Fresh::default();
        }
        let statements = read(script, &mut known);
        if !script.is_checked {
            continue;
        }
        let hazards = rules::judge(script, &statements, &mut fresh, circumstances);
        found.extend(hazards.into_iter().filter(|hazard| !script.comments.accept(hazard)));
    }
    found
}

#[cfg(test)]
mod tests;
