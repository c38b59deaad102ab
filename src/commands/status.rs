//! `status`: every migration with its state, and one verdict, as text or JSON.

use serde::Serialize;

use crate::base::log::LogFormat;
use crate::formats::migration::Writer;
use crate::migrate::history::History;
use crate::migrate::plan::{Entry, State, Verdict};

/// The JSON of `status`; keys are only ever added (contract).
#[derive(Serialize)]
struct Status<'a> {
    verdict: Verdict,
    migrations: Vec<Line<'a>>,
    /// Why all of this may be otherwise: only the tool itself can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    uncertain: Option<&'a str>,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    state: State,
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

impl<'a> Line<'a> {
    fn of(entry: &'a Entry, tool: &'a str) -> Self {
        let record = entry.record.as_ref();
        Self {
            by: record.map(|record| match record.writer {
                Writer::Atomic | Writer::Steps | Writer::Whole => "doorstep",
                Writer::Resolve => "resolve",
                Writer::Other => tool,
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

/// The whole answer, ready to print.
#[must_use]
pub(crate) fn render(history: &History, address: &str, format: LogFormat) -> String {
    let tool = history.format.tool();
    let migrations: Vec<Line<'_>> = history.entries.iter().map(|entry| Line::of(entry, tool)).collect();
    let status = Status { verdict: history.verdict(), migrations, uncertain: history.uncertainty() };
    match format {
        LogFormat::Json => serde_json::to_string_pretty(&status).unwrap_or_default() + "\n",
        LogFormat::Text => text(&status, address),
    }
}

fn text(status: &Status<'_>, address: &str) -> String {
    let width = status.migrations.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for line in &status.migrations {
        let state = match line.state {
            State::Applied => "applied",
            State::Pending => "pending",
            State::Failed => "failed",
            State::Edited => "edited",
            State::Missing => "missing",
            State::RolledBack => "rolled back",
            State::Running => "running",
        };
        let when = line.finished_at.or(line.started_at).unwrap_or_default();
        let by = line.by.map(|by| format!("by {by}")).unwrap_or_default();
        let order = if line.out_of_order { "out of order" } else { "" };
        let row = format!("{:<width$}  {state:<11}  {when:<27}  {by:<11}  {order}", line.name);
        out += row.trim_end();
        out.push('\n');
        let cause = line.message.filter(|_| line.state == State::Failed);
        for text in cause.into_iter().chain(line.note) {
            let text = console::strip_ansi_codes(text);
            out += &format!("    {}\n", text.trim_end().replace('\n', "\n    "));
        }
    }
    let failed = status.migrations.iter().rev().find(|line| line.state == State::Failed).map(|line| line.name);
    if let Some(name) = failed {
        out += &format!(
            "next: doorstep resolve --rolled-back {name} to run it again, or --applied {name} if all of it is there\n"
        );
    }
    if let Some(why) = status.uncertain {
        out += &format!("only the tool itself can tell for certain: {why}\n");
    }
    let count = match status.migrations.len() {
        1 => "1 migration".to_owned(),
        count => format!("{count} migrations"),
    };
    let meaning = match status.verdict {
        Verdict::Current => "folder and history agree",
        Verdict::Behind => "the folder has pending migrations",
        Verdict::Ahead => "the database has migrations that the folder lacks",
        Verdict::Diverged => "folder and history each have what the other lacks",
        Verdict::Failed => "a migration failed or was interrupted",
    };
    out + &format!("{address}: {} ({meaning}; {count})\n", status.verdict)
}
