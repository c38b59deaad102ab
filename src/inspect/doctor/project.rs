//! Judges the project against the database: folder, history, what is pending, drift. Pure.

use crate::base::error::Code;
use crate::inspect::doctor::facts::{DriftFacts, Facts, FolderFacts, HistoryFacts, Problem};
use crate::inspect::doctor::server::answered;
use crate::inspect::doctor::{Line, Stage};
use crate::migrate::plan::Verdict;

/// How many pending migrations are named.
const NAMED: usize = 3;

/// The lines about the project.
pub(crate) fn lines(facts: &Facts) -> Vec<Line> {
    let folder = match &facts.folder {
        Ok(folder) => of_folder(folder),
        Err(problem) => broken(Stage::Folder, problem),
    };
    let history = answered(Stage::History, &facts.history, |history| match history {
        Ok(history) => of_history(history),
        Err(problem) => broken(Stage::History, problem),
    });
    let pending = answered(Stage::Pending, &facts.history, |history| match history {
        Ok(history) => pending(history),
        Err(_) => Line::skipped(Stage::Pending, "needs the history"),
    });
    let drift = answered(Stage::Drift, &facts.drift, |drift| match drift {
        Ok(drift) => of_drift(drift),
        Err(problem) => broken(Stage::Drift, problem),
    });
    [Some(folder), history, pending, drift].into_iter().flatten().collect()
}

fn broken(stage: Stage, problem: &Problem) -> Line {
    Line::broken(stage, &problem.text, problem.code)
}

fn of_folder(folder: &FolderFacts) -> Line {
    let FolderFacts { path, tool, migrations, command } = folder;
    let line = match (path, tool, command) {
        (Some(path), Some(tool), _) => {
            let count = match migrations {
                None => String::new(),
                Some(1) => ", 1 migration".to_owned(),
                Some(count) => format!(", {count} migrations"),
            };
            Line::ok(Stage::Folder, format!("{path}: {tool}{count}"))
        }
        (_, _, Some(command)) => Line::ok(Stage::Folder, format!("unknown: {command} applies the migrations")),
        _ => Line::ok(Stage::Folder, "none: nothing is migrated"),
    };
    line.fact("path", path.as_deref()).fact("tool", tool.as_deref()).fact("migrations", *migrations)
}

fn of_history(history: &HistoryFacts) -> Line {
    let HistoryFacts { verdict, applied, refused, uncertain, running, .. } = history;
    let line = match (refused, verdict) {
        (Some(problem), _) => broken(Stage::History, problem),
        (None, _) if running.is_some() => {
            Line::odd(Stage::History, format!("{} is being applied", running.as_deref().unwrap_or_default()))
                .next("wait for its end; doorstep status shows who does it")
        }
        (None, Verdict::Current) => Line::ok(Stage::History, format!("current: {applied} applied, as in the folder")),
        (None, Verdict::Behind) => Line::ok(Stage::History, format!("behind: {applied} applied, the folder has more")),
        (None, Verdict::Ahead) => Line::odd(
            Stage::History,
            format!("ahead: {applied} of the folder applied, and the database has more: this image is older"),
        )
        .next("doorstep status names them"),
        (None, Verdict::Unknown) => {
            let why = uncertain.as_deref().unwrap_or("the files alone do not tell");
            Line::unknown(Stage::History, why).next("ask the tool itself")
        }
        (None, Verdict::Failed | Verdict::Diverged) => {
            Line::broken(Stage::History, verdict.to_string(), Code::Migration as u8).next("doorstep status shows it")
        }
    };
    line.fact("verdict", verdict.to_string()).fact("applied", *applied)
}

fn pending(history: &HistoryFacts) -> Line {
    let Some(names) = &history.pending else {
        let why = history.uncertain.as_deref().unwrap_or("only the tool can tell");
        return Line::unknown(Stage::Pending, why).fact("count", None::<usize>);
    };
    let named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let line = match names.len() {
        0 => Line::ok(Stage::Pending, "nothing"),
        count => Line::odd(Stage::Pending, format!("{count}: {}{more}", named.join(", ")))
            .next(format!("the next start applies them, or {}", history.applied_by)),
    };
    line.fact("count", names.len())
}

fn of_drift(drift: &DriftFacts) -> Line {
    let DriftFacts { errors, warnings, notices, stopping } = drift;
    let counted = [(errors, "error"), (warnings, "warning"), (notices, "notice")];
    let counted = counted.into_iter().filter(|(count, _)| **count > 0);
    let texts: Vec<String> =
        counted.map(|(count, name)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" })).collect();
    let next = "doorstep verify lists them, with causes and remedies";
    let line = match (stopping, errors + warnings) {
        (0, 0) if *notices > 0 => Line::ok(Stage::Drift, format!("{}, which affect no query", texts.join(", "))),
        (0, 0) => Line::ok(Stage::Drift, "none"),
        (0, _) => Line::odd(Stage::Drift, texts.join(", ")).next(next),
        _ => Line::broken(Stage::Drift, texts.join(", "), Code::Differences as u8).next(next),
    };
    line.fact("errors", *errors).fact("warnings", *warnings).fact("notices", *notices).fact("stopping", *stopping)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::doctor::State;

    fn history(verdict: Verdict) -> HistoryFacts {
        HistoryFacts {
            verdict,
            applied: 2,
            pending: Some(Vec::new()),
            uncertain: None,
            refused: None,
            applied_by: "doorstep migrate".to_owned(),
            running: None,
        }
    }

    #[test]
    fn a_history_that_a_start_refuses_is_broken_with_its_exit_code() {
        let of = |verdict| of_history(&history(verdict)).state;
        assert_eq!(of(Verdict::Current), State::Ok);
        assert_eq!(of(Verdict::Behind), State::Ok);
        assert_eq!(of(Verdict::Ahead), State::Odd);
        assert_eq!(of(Verdict::Unknown), State::Unknown);
        assert_eq!(of(Verdict::Failed), State::Broken);
        let refused = Some(Problem { text: "diverged".to_owned(), code: 65 });
        let line = of_history(&HistoryFacts { refused, ..history(Verdict::Diverged) });
        assert_eq!((line.state, line.code, line.message.as_str()), (State::Broken, 65, "diverged"));
        let running = HistoryFacts { running: Some("3_c".to_owned()), ..history(Verdict::Behind) };
        assert_eq!(of_history(&running).state, State::Odd);
    }

    #[test]
    fn what_is_pending_is_counted_and_the_first_are_named() {
        let with = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            pending(&HistoryFacts { pending: Some(names), ..history(Verdict::Behind) })
        };
        assert_eq!(with(&[]).state, State::Ok);
        assert_eq!(with(&["a", "b"]).message, "2: a, b");
        assert_eq!(with(&["a", "b", "c", "d", "e"]).message, "5: a, b, c and 2 more");
        let unknown = pending(&HistoryFacts { pending: None, ..history(Verdict::Unknown) });
        assert_eq!((unknown.state, &unknown.facts["count"]), (State::Unknown, &serde_json::Value::Null));
    }

    #[test]
    fn only_drift_that_stops_a_start_is_broken() {
        let of = |errors, warnings, notices, stopping| {
            let line = of_drift(&DriftFacts { errors, warnings, notices, stopping });
            (line.state, line.code, line.message)
        };
        assert_eq!(of(0, 0, 0, 0), (State::Ok, 0, "none".to_owned()));
        assert_eq!(of(0, 0, 2, 0), (State::Ok, 0, "2 notices, which affect no query".to_owned()));
        assert_eq!(of(0, 1, 0, 0), (State::Odd, 0, "1 warning".to_owned()));
        assert_eq!(of(2, 1, 0, 2), (State::Broken, 3, "2 errors, 1 warning".to_owned()));
    }
}
