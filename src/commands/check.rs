//! `check`: one attempt to connect, one comparison, one line. For HEALTHCHECK and exec probes.
//!
//! Exit code 0 or 1 for every outcome. Writes nothing, does not wait, and logs nothing but errors.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::base::error::{Code, Error};
use crate::base::log::{self, LogFormat, LogLevel, seconds};
use crate::base::schema_failures::first_line;
use crate::commands::invocation::{Invocation, Next, block_on};
use crate::commands::{output, status_many};
use crate::config::{OnUnknown, Patience, SchemasFrom, Strictness, Words};
use crate::finding::Severity;
use crate::formats::inquiry::Answer;
use crate::migrate::history::History;
use crate::migrate::plan::{self, Entry, Reach, State, Verdict};
use crate::report::summary::summary;
use crate::startup::ask::ask;
use crate::startup::follow;
use crate::startup::settle;
use crate::startup::setup::Setup;
use crate::startup::start::{Report, Start};
use crate::startup::tenants;
use crate::startup::tenants::survey::{Detail, Standing, survey};
use crate::verify;
use crate::verify::ahead::ReadAhead;
use crate::verify::desired::DesiredState;

/// How long a check may take: less than the timeouts of those who run it (Docker's default is 30 s).
const LIMIT: Duration = Duration::from_secs(5);

/// What of it is kept for the answer itself, when a tool is asked.
const MARGIN: Duration = Duration::from_millis(300);

/// Arguments of `check`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: LogFormat,
}

/// Checks, and prints the result. Every error before it is a result, too.
///
/// # Errors
/// [`Error::Os`] where the result cannot be printed.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let checked = checked(invocation).unwrap_or_else(|error| Checked::of(&error));
    output::show(&checked, args.format)?;
    Ok(Next::Exit(if checked.ok { 0 } else { Code::Unhealthy as u8 }))
}

fn checked(invocation: &Invocation<'_>) -> Result<Checked, Error> {
    let settings = invocation.load()?;
    log::start(LogLevel::Error, settings.log_format);
    let mut setup = Setup::new(settings, invocation.environment)?;
    block_on(invocation.stop, async {
        let began = Instant::now();
        let once = Patience { timeout: Some(LIMIT / 2), fixed: Some((1, LIMIT / 2)) };
        // What is wrong with the database is found again by the check, and is its answer.
        let _ = settle::settle(&mut setup, once, false).await;
        let mut checked = Checked { deadline: Some(began + LIMIT - MARGIN), ..Checked::default() };
        let late = || Err(format!("no answer within {}", seconds(LIMIT)));
        let result =
            tokio::time::timeout(LIMIT.saturating_sub(began.elapsed()), checked.connect(&setup, invocation)).await;
        checked.conclude(result.unwrap_or_else(|_| late()));
        Ok(checked)
    })
}

/// The result. Keys of its JSON are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Checked {
    /// Everything that was checked is as it should be.
    ok: bool,
    /// The login succeeded.
    reachable: bool,
    /// The verdict on folder and history; `None` where migrations are off, or an earlier check failed.
    migrations: Option<Verdict>,
    /// No finding would stop a start; `None` where verify is off or has nothing to compare with, or an
    /// earlier check failed.
    verified: Option<bool>,
    /// One line: what was checked, or the first failure.
    message: String,
    /// When the tool that migrates must have answered.
    #[serde(skip)]
    deadline: Option<Instant>,
}

impl Checked {
    /// The result where an error prevented every check.
    fn of(reason: &dyn fmt::Display) -> Self {
        let mut checked = Self::default();
        checked.conclude(Err(reason.to_string()));
        checked
    }

    /// Tries to connect once, and checks in that session.
    async fn connect(&mut self, setup: &Setup, invocation: &Invocation<'_>) -> Result<String, String> {
        let target = setup.database.target().map_err(said)?;
        let opened = target.open(&setup.probe_request()).await;
        let (session, probe) = opened.map_err(|fault| format!("{}: {fault}", target.address()))?;
        self.reachable = true;
        let (stop, report) = (invocation.stop, Report::default());
        // Nothing is read ahead: where there is no history yet, each probe would leave an error in the server's log.
        let ahead = ReadAhead::default();
        let mut start = Start { setup, stop, session, probe, history: None, pending: None, ahead, report };
        let result = self.check(&mut start).await;
        start.session.close().await;
        result
    }

    /// The same for many schemas: all histories, then all of the desired state.
    async fn check_many(&mut self, start: &mut Start<'_>, from: &SchemasFrom) -> Result<String, String> {
        let setup = start.setup;
        let mut history = setup.read_folder_if_on().await.map_err(said)?;
        let names = tenants::names::find(start.session.as_mut(), from).await.map_err(said)?;
        let (count, session) = (names.len(), start.session.as_mut());
        let mut well = vec![tenants::schemas_text(count)];
        if history.is_some() {
            let found = survey((setup, &start.probe), session, history.as_mut(), &names, Detail::Entries).await;
            let (mut verdicts, mut wrong) = (Vec::new(), Vec::new());
            for Standing { schema, state } in found.map_err(said)? {
                let (verdict, told) = match state {
                    Ok(reading) => judged(&reading.open, Reach::Complete),
                    Err(error) => (Verdict::Unknown, Err(first_line(&error))),
                };
                verdicts.push(verdict);
                wrong.extend(told.err().map(|why| (schema, why)));
            }
            self.migrations = Some(status_many::worst(verdicts.into_iter()));
            if !wrong.is_empty() {
                return Err(status_many::unwell(&wrong, count));
            }
            well.push("all migrated".to_owned());
        }
        if setup.settings.strictness != Strictness::Off {
            let mut desired = setup.read_desired().await.map_err(said)?;
            if desired.is_empty() {
                well.push(desired.hollow().unwrap_or_else(|| "nothing to verify".to_owned()));
            } else {
                let expected = (&mut desired, history.as_mut());
                let failed = tenants::verify::step((setup, &start.probe), session, expected, &names).await;
                let wrong =
                    failed.map_err(said)?.into_iter().map(|(at, error)| (names[at].clone(), first_line(&error)));
                let wrong: Vec<(String, String)> = wrong.collect();
                self.verified = Some(wrong.is_empty());
                if !wrong.is_empty() {
                    return Err(status_many::unwell(&wrong, count));
                }
                well.push("verified".to_owned());
            }
        }
        Ok(well.join(", "))
    }

    /// Migrations first, then the desired state; stops at the first failure.
    async fn check(&mut self, start: &mut Start<'_>) -> Result<String, String> {
        if let Some(from) = start.setup.tenants() {
            return self.check_many(start, from).await;
        }
        let mut well = Vec::new();
        start.history = start.setup.read_folder_if_on().await.map_err(said)?;
        start.read_history_and_running().await.map_err(said)?;
        if let Some(history) = &start.history {
            let (verdict, result) = migrations(history);
            self.migrations = Some(verdict);
            if verdict != Verdict::Unknown {
                well.push(result?);
            }
        } else if start.setup.unknown_tool().is_some() {
            self.migrations = Some(Verdict::Unknown);
        }
        if start.setup.settings.strictness != Strictness::Off {
            let desired = start.setup.read_desired().await.map_err(said)?;
            if desired.is_empty() {
                well.push(desired.hollow().unwrap_or_else(|| "nothing to verify".to_owned()));
            } else {
                well.push(self.verify(start, &desired).await?);
            }
        }
        // Last, since it takes longest.
        if self.migrations == Some(Verdict::Unknown) {
            well.insert(0, self.ask(start).await?);
        }
        Ok(if well.is_empty() { "reachable".to_owned() } else { well.join(", ") })
    }

    /// Compares; [`Err`] with the first finding that would stop a start.
    async fn verify(&mut self, start: &mut Start<'_>, desired: &DesiredState) -> Result<String, String> {
        let strictness = start.setup.settings.strictness;
        let mut findings = start.compare(desired, Severity::Warning).await.map_err(said)?.findings;
        findings.retain(|finding| verify::stops(finding, strictness));
        self.verified = Some(findings.is_empty());
        match summary(&findings).lines.first() {
            Some(first) => Err(first.clone()),
            None => Ok("verified".to_owned()),
        }
    }

    /// Asks the tool that migrates, where the files do not tell; [`Err`] unless nothing is pending.
    async fn ask(&mut self, start: &Start<'_>) -> Result<String, String> {
        let setup = start.setup;
        let left = self.deadline.map_or(LIMIT, |deadline| deadline.saturating_duration_since(Instant::now()));
        let (tool, why) = match (&start.history, setup.unknown_tool()) {
            (Some(history), _) => match ask(setup, history, left).await {
                Ok(answer) => {
                    self.migrations = Some(verdict_of(&answer));
                    return told(history.format.tool.name, &answer);
                }
                Err(why) => (history.format.tool.name.to_owned(), follow::unknown(history, &why)),
            },
            (None, command) => {
                let command = command.map(Words::to_string).unwrap_or_default();
                let command = setup.hook_commands.masked(&command);
                let why = format!("doorstep knows neither the files nor the history of {command}");
                (command, why)
            }
        };
        match setup.settings.unknown {
            OnUnknown::Accept => Ok(format!("migrations of {tool} unknown (accepted)")),
            OnUnknown::Refuse => Err(format!("{why} (the setting unknown = accept passes over this)")),
        }
    }

    /// Puts the outcome into words, on one line.
    fn conclude(&mut self, result: Result<String, String>) {
        self.ok = result.is_ok();
        let (word, text) = match result {
            Ok(text) => ("healthy", text),
            Err(text) => ("unhealthy", text),
        };
        self.message = format!("{word}: {}", text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.message)
    }
}

fn verdict_of(answer: &Answer) -> Verdict {
    match answer {
        Answer::Applied => Verdict::Current,
        Answer::Pending(_) => Verdict::Behind,
    }
}

/// An answer of the tool, in words.
fn told(tool: &str, answer: &Answer) -> Result<String, String> {
    match answer {
        Answer::Applied => Ok(format!("nothing is pending for {tool}")),
        Answer::Pending(names) => Err(format!("pending: {}", shortened(names))),
    }
}

/// The first name, and how many more there are.
fn shortened<T: AsRef<str>>(names: &[T]) -> String {
    match names {
        [] => String::new(),
        [name] => name.as_ref().to_owned(),
        [name, rest @ ..] => format!("{} and {} more", name.as_ref(), rest.len()),
    }
}

fn said(error: Error) -> String {
    error.to_string()
}

/// The verdict on the migrations, and its wording; [`Err`] where it makes this image unhealthy.
///
/// Migrations that the folder does not have are no failure, finished or not: an old replica keeps serving while a newer
/// image migrates.
fn migrations(history: &History) -> (Verdict, Result<String, String>) {
    judged(&history.entries, history.reach)
}

fn judged(entries: &[Entry], reach: Reach) -> (Verdict, Result<String, String>) {
    let ours = |entry: &Entry| match entry.migration {
        Some(_) => entry.clone(),
        None => Entry { state: State::Missing, ..entry.clone() },
    };
    let entries: Vec<Entry> = entries.iter().map(ours).collect();
    let named = |states: &[State]| {
        let names: Vec<&str> =
            entries.iter().filter(|entry| states.contains(&entry.state)).map(|entry| entry.name.as_str()).collect();
        shortened(&names)
    };
    let verdict = plan::verdict(&entries, reach);
    let applied = entries.iter().filter(|entry| matches!(entry.state, State::Applied | State::Edited)).count();
    let applied = format!("{applied} migration{}", if applied == 1 { "" } else { "s" });
    let running = named(&[State::Running]);
    let result = match verdict {
        Verdict::Current => Ok(applied),
        Verdict::Unknown => Err("whether migrations are pending is unknown".to_owned()),
        Verdict::Ahead => Ok(format!("{applied}, and the database is ahead of this image")),
        Verdict::Failed => Err(format!("migration {} failed or was interrupted", named(&[State::Failed]))),
        Verdict::Behind | Verdict::Diverged if !running.is_empty() => Err(format!("{running} is being applied")),
        Verdict::Behind => Err(format!("pending: {}", named(&[State::Pending, State::RolledBack]))),
        Verdict::Diverged => Err(format!(
            "the history has diverged from the folder: pending {}, missing {}",
            named(&[State::Pending, State::RolledBack]),
            named(&[State::Missing])
        )),
    };
    (verdict, result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(entries: &[(&str, State)], known: &[&str]) -> (Verdict, Result<String, String>) {
        let entry = |(name, state): &(&str, State)| Entry {
            name: (*name).to_owned(),
            migration: known.iter().position(|known| known == name),
            state: *state,
            record: None,
            out_of_order: false,
            superseded: false,
            resume: None,
            note: None,
        };
        let entries: Vec<Entry> = entries.iter().map(entry).collect();
        judged(&entries, Reach::Complete)
    }

    #[test]
    fn a_newer_image_that_migrates_or_fails_leaves_an_old_one_healthy() {
        for state in [State::Missing, State::Running, State::Failed] {
            let (verdict, told) = judge(&[("1", State::Applied), ("2", state)], &["1"]);
            assert_eq!(verdict, Verdict::Ahead);
            assert_eq!(told.unwrap(), "1 migration, and the database is ahead of this image");
        }
    }

    #[test]
    fn what_the_image_itself_lacks_is_named() {
        let told = |entries: &[(&str, State)]| judge(entries, &["1", "2", "3"]).1.unwrap_err();
        assert_eq!(
            told(&[("1", State::Applied), ("2", State::Pending), ("3", State::Pending)]),
            "pending: 2 and 1 more"
        );
        assert_eq!(told(&[("1", State::Running), ("2", State::Pending)]), "1 is being applied");
        assert_eq!(told(&[("1", State::Failed)]), "migration 1 failed or was interrupted");
        assert!(told(&[("1", State::Pending), ("9", State::Missing)]).ends_with("pending 1, missing 9"));
    }

    #[test]
    fn an_answer_is_one_line() {
        let checked = Checked::of(&"no database is named\nnext: set DATABASE_URL");
        assert_eq!(checked.to_string(), "unhealthy: no database is named next: set DATABASE_URL\n");
        assert!(!checked.ok);
    }
}
