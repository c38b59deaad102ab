//! `status`: every migration with its state, and one verdict, as text or JSON.

use std::time::SystemTime;

use serde::Serialize;

use crate::base::error::Error;
use crate::base::log::LogFormat;
use crate::base::neutral;
use crate::base::time;
use crate::commands::invocation::{Invocation, Next};
use crate::commands::{output, status_many};
use crate::formats::migration::RecordedBy;
use crate::migrate::halted::Halt;
use crate::migrate::history::History;
use crate::migrate::plan::{Entry, State, Verdict};
use crate::startup::start::Start;

/// Arguments of `status`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: LogFormat,
}

/// Prints the history as it is, including what an interrupted migration left.
///
/// # Errors
/// [`Error::Settings`] without a migrations folder; those of the wait and of reading.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let setup = invocation.settled_setup()?;
    setup.demand_folder()?;
    if let Some(from) = setup.tenants() {
        return status_many::print(args.format, invocation, (&setup, from));
    }
    let history = invocation.in_session(&setup, false, setup.read_folder(), read)?;
    let tool = history.format.tool.name;
    let status = Status {
        verdict: history.verdict(),
        migrations: history.entries.iter().map(|entry| StatusLine::of(entry, tool)).collect(),
        uncertain: history.uncertainty(),
    };
    output::print(&match args.format {
        LogFormat::Json => output::json(&status),
        LogFormat::Text => {
            let now = output::is_terminal().then(SystemTime::now);
            neutral::text(&text(&status, &setup.database.target()?.address(), now)).into_owned()
        }
    })?;
    Ok(Next::Done)
}

/// Reads the history, and finds out about unfinished rows what it can.
async fn read(start: &mut Start<'_>) -> Result<History, Error> {
    start.read_history_and_running().await?;
    let mut history = start.history.take().ok_or_else(|| start.setup.no_folder())?;
    history.explain(start.session.as_mut()).await?;
    Ok(history)
}

/// The JSON of `status`; keys are only ever added (contract).
#[derive(Serialize)]
struct Status<'a> {
    verdict: Verdict,
    migrations: Vec<StatusLine<'a>>,
    /// Why all of this may be otherwise: only the tool itself can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    uncertain: Option<&'a str>,
}

/// One migration.
#[derive(Serialize)]
pub(super) struct StatusLine<'a> {
    pub(super) name: &'a str,
    pub(super) state: State,
    started_at: Option<&'a str>,
    finished_at: Option<&'a str>,
    checksum_matches: Option<bool>,
    message: Option<&'a str>,
    out_of_order: bool,
    /// Who wrote the row: `doorstep`, `resolve` (a person; nothing ran), or the tool of the format.
    by: Option<&'a str>,
    /// What was found out about it, beyond its record.
    note: Option<&'a str>,
}

impl<'a> StatusLine<'a> {
    pub(super) fn of(entry: &'a Entry, tool: &'a str) -> Self {
        let record = entry.record.as_ref();
        Self {
            by: record.map(|record| match record.by {
                RecordedBy::Doorstep(_) => "doorstep",
                RecordedBy::Person => "resolve",
                RecordedBy::Tool => tool,
            }),
            note: entry.note.as_deref(),
            name: &entry.name,
            state: entry.state,
            started_at: record.and_then(|record| record.started_at.as_deref()),
            // Some tools note no times.
            finished_at: record.and_then(|record| record.finished_at.as_deref()).filter(|at| !at.is_empty()),
            checksum_matches: match entry.state {
                State::Applied if record.is_none_or(|record| record.checksum.is_empty()) => None,
                State::Applied => Some(true),
                State::Edited => Some(false),
                _ => None,
            },
            message: record.and_then(|record| record.message.as_deref()),
            out_of_order: entry.out_of_order,
        }
    }
}

/// A line per migration, what to do about a failure, and the verdict. With `now`, times are written for a person at a
/// terminal, otherwise as in the history.
fn text(status: &Status<'_>, address: &str, now: Option<SystemTime>) -> String {
    let when = |line: &StatusLine<'_>| {
        let at = line.finished_at.or(line.started_at).unwrap_or_default();
        now.and_then(|now| time::for_people(at, now)).unwrap_or_else(|| at.to_owned())
    };
    let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let width = longest(&mut status.migrations.iter().map(|line| line.name.chars().count()));
    let times = longest(&mut status.migrations.iter().map(|line| when(line).chars().count())).max(27);
    let mut out = String::new();
    for line in &status.migrations {
        let by = line.by.map(|by| format!("by {by}")).unwrap_or_default();
        let order = if line.out_of_order { "out of order" } else { "" };
        let state = word(line.state);
        let row = format!("{:<width$}  {state:<11}  {:<times$}  {by:<11}  {order}", line.name, when(line));
        out += row.trim_end();
        out.push('\n');
        let cause = line.message.filter(|_| line.state == State::Failed).map(str::to_owned);
        let note = line.note.map(|note| now.map_or(note.to_owned(), |now| time::in_text(note, now)));
        for text in cause.into_iter().chain(note) {
            let text = console::strip_ansi_codes(&text);
            out += &format!("    {}\n", text.trim_end().replace('\n', "\n    "));
        }
    }
    if let Some(StatusLine { name, message, .. }) =
        status.migrations.iter().rev().find(|line| line.state == State::Failed)
    {
        out += &match message.and_then(Halt::read) {
            Some(halt) => format!("next: {}\n", halt.next(name)),
            None => format!(
                "next: doorstep resolve --rolled-back {name} to run it again, or --applied {name} if all of it exists\n"
            ),
        };
    }
    if let Some(why) = status.uncertain {
        out += &format!("only the tool itself can tell for certain: {why}\n");
    }
    let count = match status.migrations.len() {
        1 => "1 migration".to_owned(),
        count => format!("{count} migrations"),
    };
    out + &format!("{address}: {} ({}; {count})\n", status.verdict, meaning(status.verdict))
}

/// A state in words.
pub(super) fn word(state: State) -> &'static str {
    match state {
        State::Applied => "applied",
        State::Pending => "pending",
        State::Failed => "failed",
        State::Edited => "edited",
        State::Missing => "missing",
        State::RolledBack => "rolled back",
        State::Running => "running",
    }
}

/// What a verdict means.
pub(super) fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Current => "folder and history agree",
        Verdict::Behind => "the folder has pending migrations",
        Verdict::Ahead => "the database has migrations that the folder lacks",
        Verdict::Diverged => "folder and history each have what the other lacks",
        Verdict::Failed => "a migration failed or was interrupted",
        Verdict::Unknown => "the files alone do not tell",
    }
}
