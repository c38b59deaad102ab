//! The plan for people.

use std::fmt::Write as _;
use std::time::Duration;

use crate::base::log::{number, seconds, size};
use crate::commands::plan::view::{
    Afterwards, Backup, DUMP_RATE, Migration, Mode, Plan, Run, Statement, TableView, WaitView, Why,
};
use crate::verify::forecast::{Forecast, Touched};

/// The whole plan: what is pending, what would be in its way, and what verify would find.
pub(super) fn render(plan: &Plan) -> String {
    let mut out = headline(plan) + "\n";
    let mut line = |text: String| _ = writeln!(out, "{text}");
    if plan.place.as_ref().is_some_and(|place| place.server.is_none()) {
        line("a start would create the database".to_owned());
    }
    if !plan.schemas.is_empty() {
        line(format!("a start would create the schemas {}", plan.schemas.join(", ")));
    }
    if let Some(why) = &plan.uncertain {
        line(format!("only the tool itself can tell for certain what is pending: {why}"));
    }
    line_of_mode(plan).into_iter().for_each(&mut line);
    if let Some(command) = plan.command.as_ref().filter(|_| !plan.migrations.is_empty()) {
        line(format!("applied by: {command}"));
    }
    for migration in &plan.migrations {
        line(String::new());
        line(self::migration(migration));
    }
    if !plan.migrations.is_empty() {
        line(String::new());
        if plan.place.as_ref().is_some_and(|place| place.server.is_some()) {
            line(in_the_way(plan.waits.as_deref()));
        }
        plan.hooks.iter().for_each(|hook| line(format!("{hook} (only if something is pending)")));
        plan.backup.iter().for_each(|it| line(backup(it)));
    }
    if let Some(verify) = &plan.verify {
        line(afterwards(verify));
    }
    if let Some(why) = &plan.blocked {
        line(format!("a start would stop before the first migration: {why}"));
    }
    out
}

/// Who applies the migrations, where this start does not.
pub(super) fn line_of_mode(plan: &Plan) -> Option<String> {
    let text = match plan.migrate {
        _ if plan.migrations.is_empty() => return None,
        "await" => "migrate = await: a start applies none of them, and waits until another process has",
        "off" => "migrate = off: a start applies none of them",
        _ => return None,
    };
    Some(text.to_owned())
}

/// The database, and how many migrations are pending.
pub(super) fn headline(plan: &Plan) -> String {
    let place = plan.place.as_ref().map_or_else(
        || "no database is named, as on an empty one".to_owned(),
        |place| format!("{} ({})", place.address, place.server.as_deref().unwrap_or("does not exist")),
    );
    let (pending, total, folder) = (plan.migrations.len(), plan.total, &plan.folder);
    let count = match pending {
        0 => format!("no migration of {folder} is pending"),
        1 => format!("1 of {total} migrations of {folder} is pending"),
        _ => format!("{pending} of {total} migrations of {folder} are pending"),
    };
    format!("{place}: {count}")
}

/// Its name, how it runs, and each statement that touches a table that exists.
fn migration(migration: &Migration) -> String {
    let order = if migration.is_out_of_order { ", older than what is applied already" } else { "" };
    let mut out = format!("{}  {}{order}", migration.name, mode(&migration.mode));
    if let Some(resumes) = migration.resumes_at {
        out += &format!("\n    goes on with its statement {}: the ones before it are done", resumes + 1);
    }
    let told: Vec<&Statement> = migration.statements.iter().filter(|statement| statement.is_told()).collect();
    for statement in &told {
        out += &format!("\n    {}:{}  {}", migration.file, statement.line, statement.sql);
        for table in &statement.tables {
            out += &format!("\n        {}", touch(table));
        }
        if statement.is_opaque {
            out += "\n        which tables it touches is unknown: it is code, or not understood";
        }
    }
    if told.is_empty() && migration.mode.run != Run::Tool {
        out += "\n    touches no table that exists";
    }
    out
}

/// How a migration runs, and why.
pub(super) fn mode(mode: &Mode) -> String {
    let line = mode.reason_line.map(|line| format!(" (line {line})")).unwrap_or_default();
    let why = mode.reason.map(|why| match why {
        Why::OwnTransaction => "its BEGIN and COMMIT are that transaction",
        Why::RefusesTransaction => "a statement refuses a transaction",
        Why::CommitsItself => "a statement commits by itself",
        Why::ControlsTransaction => "it controls transactions itself",
        Why::MayCommit => "its code may commit",
        Why::MentionsCommit => "it has the word COMMIT where that may be a statement",
        Why::Incomplete => "a quote or a comment is not closed",
        Why::Asked => "its file asks for no transaction",
        Why::Recorded => "an earlier start found that the server refuses it in one transaction",
    });
    let why = why.map(|why| format!("; {why}{line}")).unwrap_or_default();
    match mode.run {
        Run::Atomic => format!("in one transaction with its record{why}"),
        Run::Steps if mode.transactions == 1 => format!("by itself, its record after it{why}"),
        Run::Steps => format!("in {} steps, each recorded{why}", mode.transactions),
        Run::Whole => format!("as the file has it, its record after it{why}"),
        Run::Tool => "by its tool: doorstep does not read its code".to_owned(),
    }
}

/// A table, its lock, what waits for it, and for how long.
pub(super) fn touch(table: &TableView) -> String {
    let blocks = match (table.blocks_reads, table.blocks_writes) {
        (Some(true), _) => "reads and writes wait",
        (_, Some(true)) => "writes wait",
        (Some(false), Some(false)) => "nothing waits",
        _ => "what waits is unknown",
    };
    let during = match (table.work, table.held_work) {
        (_, Some(held)) => {
            let line = table.held_line.unwrap_or_default();
            match held {
                "rows" => format!("until line {line} has written its rows"),
                "scan" => format!("until line {line} has read every row"),
                held => format!("until the {held} of line {line} is done"),
            }
        }
        ("none", None) => "briefly".to_owned(),
        ("unknown", None) => "for a time that the script does not tell".to_owned(),
        ("rows", None) => "while rows are written".to_owned(),
        ("scan", None) => "while every row is read".to_owned(),
        (work, None) => format!("during the {work}"),
    };
    format!("{}{}: {}, {blocks} {during}", table.table, extent(table), table.lock)
}

/// Rows and size, in parentheses; empty where the server tells neither.
fn extent(table: &TableView) -> String {
    let rows = table.rows.map(|rows| format!("about {} rows", number(usize::try_from(rows).unwrap_or(usize::MAX))));
    let parts: Vec<String> = rows.into_iter().chain(table.bytes.map(size)).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn in_the_way(waits: Option<&[WaitView]>) -> String {
    match waits {
        None => "which sessions are in the way is unknown: the server does not tell".to_owned(),
        Some([]) => "no session is in the way now".to_owned(),
        Some(waits) => waits.iter().map(wait).collect::<Vec<_>>().join("\n"),
    }
}

/// One session that is in the way.
pub(super) fn wait(wait: &WaitView) -> String {
    let since = wait.seconds.map(|open| format!(", its transaction open for {}", seconds(Duration::from_secs(open))));
    format!(
        "in the way now: {} needs {} on {} (line {}), and {} has {}{}",
        wait.migration,
        wait.needs,
        wait.table,
        wait.line,
        wait.session,
        wait.has,
        since.unwrap_or_default()
    )
}

fn afterwards(verify: &Afterwards) -> String {
    let forecast = &verify.forecast;
    let mut lines = vec![format!("verify afterwards, as far as the scripts tell: {}", verdict(verify))];
    lines.extend(
        forecast.remaining.iter().map(|finding| format!("    {} {}", finding.difference.severity, finding.sentence())),
    );
    lines.extend(prospects(forecast).map(|prospect| format!("    {prospect}")));
    lines.join("\n")
}

/// What the pending migrations take away or change that the service needs, a sentence each.
pub(super) fn prospects(forecast: &Forecast) -> impl Iterator<Item = String> {
    let broken = forecast.broken.iter().map(|it| format!("{} is taken away by {}", needed(it), site(it)));
    broken.chain(forecast.unclear.iter().map(|it| format!("{} is changed by {}", needed(it), site(it))))
}

/// What a backup has to read, and about how long that takes.
pub(super) fn backup(backup: &Backup) -> String {
    let time = humantime::format_duration(Duration::from_secs(backup.seconds));
    format!("backup: a dump reads {}; about {time} at {}/s", size(backup.bytes), size(DUMP_RATE))
}

/// How many findings end, stay, come, and are unclear.
pub(super) fn verdict(verify: &Afterwards) -> String {
    let forecast = &verify.forecast;
    let counts = [
        (forecast.closed.len(), "closed"),
        (forecast.remaining.len(), "left"),
        (forecast.broken.len(), "new"),
        (forecast.unclear.len(), "unclear"),
    ];
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let word = match verify.ok {
        Some(true) => "the service can start",
        Some(false) => "the service would not start",
        None => "unknown",
    };
    if told.is_empty() { word.to_owned() } else { format!("{word} ({})", told.join(", ")) }
}

/// What is needed, and who needs it.
fn needed(touched: &Touched) -> String {
    match touched.source.to_string() {
        source if source.is_empty() => touched.object.to_string(),
        source => format!("{} (required by {source})", touched.object),
    }
}

/// The migration and its line.
fn site(touched: &Touched) -> String {
    let line = touched.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{} ({}{line})", touched.migration, touched.file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_its_lock_and_how_long_others_wait() {
        let table = |work, held: Option<(usize, &'static str)>| TableView {
            table: "public.a".to_owned(),
            rows: Some(8_000_000),
            bytes: None,
            lock: "SHARE",
            blocks_reads: Some(false),
            blocks_writes: Some(true),
            work,
            held_line: held.map(|held| held.0),
            held_work: held.map(|held| held.1),
        };
        let told = |work, held| touch(&table(work, held));
        let begin = "public.a (about 8,000,000 rows): SHARE, writes wait";
        assert_eq!(told("none", None), format!("{begin} briefly"));
        assert_eq!(told("index build", None), format!("{begin} during the index build"));
        assert_eq!(told("none", Some((7, "scan"))), format!("{begin} until line 7 has read every row"));
        assert_eq!(told("unknown", None), format!("{begin} for a time that the script does not tell"));
    }
}
