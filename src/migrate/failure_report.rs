//! Words the report of a failed migration, and of a history that forbids going on: what happened, where, what was rolled
//! back, and what to do next. Decides nothing: what was rolled back comes as data.

use std::fmt;

use crate::base::error::Error;
use crate::base::fault::{Fault, Limit, NEXT_AFTER_SHORTAGE, Place};
use crate::engines::session::{Failure, Setting};
use crate::formats::migration::{Migration, RunMode, rollback_line};
use crate::formats::signs::Claim;
use crate::formats::{Folder, ledgers};
use crate::migrate::committing::{self, Obstacle};
use crate::migrate::halted::Halt;
use crate::migrate::intent::Intent;
use crate::migrate::plan::{Entry, State};
use crate::migrate::strategy::Strategy;
use crate::sql::client_command::{self, ClientCommand};
use crate::sql::excerpt;
use crate::sql::script::{self, Statement};
use crate::sql::sql_mode::{self, Dependence, Modes};
use crate::sql::{Dialect, TableName};

/// The report, as it goes to the log, into the history and to the termination log. `steps` are the statements
/// done before and their number, for a file that runs statement by statement.
pub(crate) fn failure(migration: &Migration, failure: &Failure, steps: Option<(usize, usize)>) -> String {
    let mut text = failure.fault.to_string();
    if failure.of_record {
        text = format!("the script ran, but its record could not be written: {text}");
    }
    if let (false, Some(place)) = (failure.of_record, failure.fault.place) {
        let (sql, statements) = (migration.sql(), migration.script.statements());
        let (line, column) = excerpt::line_and_column(sql, place, &statements);
        let before = migration.script.lines_before();
        let excerpt = excerpt::around(sql, (line, column), before, &statements);
        text += &format!("\nat {}:{}:{column}\n{excerpt}", migration.path.display(), before + line);
    }
    let before = match steps {
        Some((1, count)) => format!("; the first of {count} statements was done before it, and stays"),
        Some((done @ 2.., count)) => format!("; statements 1 to {done} of {count} were done before it, and stay"),
        _ => String::new(),
    };
    format!("{text}\n{}{before}", rollback_line(failure.kept, !before.is_empty()))
}

/// A pending file that holds what only a client program reads, such as a dump: nothing of it can run.
pub(crate) fn client_command(migration: &Migration) -> Option<String> {
    let script = &migration.script;
    let (offset, command) = client_command::first(script)?;
    let line = script.line_at(offset);
    let (what, next) = match command {
        ClientCommand::Meta(word) if matches!(word, "restrict" | "unrestrict") => (
            format!("\\{word} is a command of psql, which pg_dump writes; a server does not know it"),
            "take the lines with \\restrict and \\unrestrict out of the file",
        ),
        ClientCommand::Meta(word) => (
            format!("\\{word} is a command of psql; a server does not know it"),
            "take it out of the file, or write it as SQL",
        ),
        ClientCommand::Copy => (
            "COPY … FROM stdin reads the rows that follow it through psql; a migration has no such input".to_owned(),
            "write INSERT statements instead; a dump has them with pg_dump --inserts, without its \\restrict and \
             \\unrestrict lines",
        ),
        ClientCommand::Mysql(word) => (
            format!("{word} is a command of the program mysql; a server does not know it"),
            "take it out of the file, or write the statements themselves",
        ),
        ClientCommand::Dot(word) => (
            format!(".{word} is a command of the program sqlite3; SQLite itself does not know it"),
            "take it out of the file, or write it as SQL",
        ),
    };
    Some(format!("{}:{line}: {what}\nnothing of the file has run\nnext: {next}", migration.path.display()))
}

/// A pending file whose transaction control would lose what it does, or its record.
pub(crate) fn transaction_control(migration: &Migration) -> Option<String> {
    let script = &migration.script;
    let Obstacle { offset, what, next, is_of_record } = committing::obstacle(script, migration.no_transaction)?;
    let statements = script.statements();
    let statement = statements.iter().find(|statement| statement.offset == offset);
    let shown = statement.map_or_else(String::new, |it| format!("{}: ", script::summary_of(std::slice::from_ref(it))));
    let (path, line) = (migration.path.display(), script.line_at(offset));
    let by_hand = match is_of_record {
        true => format!(
            "; where the file must not change, run it with the client of the server, then: doorstep resolve --applied {}",
            migration.name
        ),
        false => String::new(),
    };
    Some(format!("{path}:{line}: {shown}{what}\nnothing of the file has run\nnext: {next}{by_hand}"))
}

/// A pending file whose statements depend on a mode that doorstep does not read by.
pub(crate) fn sql_mode(migration: &Migration, session: Modes) -> Option<String> {
    let script = &migration.script;
    let Dependence { offset, mode, is_of_file } = sql_mode::dependence(script, session)?;
    let (path, line) = (migration.path.display(), script.line_at(offset));
    let whose = if is_of_file { "the file sets sql_mode, maybe to" } else { "the sql_mode of the session has" };
    let (what, rewrite) = match mode {
        "ORACLE" => ("which has another grammar for stored programs and blocks", ""),
        "ANSI_QUOTES" => (
            "in which no backslash escapes a double quote, so that the file is cut into other statements from here on",
            "write no backslash between double quotes, or ",
        ),
        _ => (
            "in which no backslash escapes a quote, so that the file is cut into other statements from here on",
            "write a quote within a text twice, and CHAR(92) for a backslash before a quote, or ",
        ),
    };
    let name = &migration.name;
    Some(format!(
        "{path}:{line}: {whose} {mode}, {what}\nnothing of the file has run\nnext: {rewrite}run the file with the client of the \
         server, then: doorstep resolve --applied {name}"
    ))
}

/// What to do about a lock that another session held to the end; the next start tries again by itself.
pub(crate) const NEXT_AFTER_A_LOCK: &str = "next: start again when the other session is done";

/// What to do about a server that lacked something to the end; the next start tries again by itself.
pub(crate) fn next_after_shortage() -> String {
    format!("next: {NEXT_AFTER_SHORTAGE}: the migration is not marked as failed, and runs again")
}

/// A limit that ended a script, and what the session knows about it.
#[derive(Debug)]
pub(crate) struct MetLimit {
    /// Which limit.
    pub limit: Limit,
    /// What the session has for it; `None` where that could not be read.
    pub setting: Option<Setting>,
    /// The file names the parameter itself.
    pub in_file: bool,
    /// The session's role, quoted.
    pub role: String,
    /// The database, quoted.
    pub database: String,
}

impl MetLimit {
    /// No limit is set, so another session has cancelled the statement.
    fn is_request(&self) -> bool {
        !self.in_file && self.limit == Limit::Statement && self.setting.as_ref().is_some_and(Setting::is_off)
    }

    /// The next command. `runs_again` where the file runs from its beginning, so that it may be changed.
    pub(crate) fn next(&self, runs_again: bool) -> String {
        let then = if runs_again { "the file runs again" } else { "it goes on with this statement" };
        let Some(parameter) = self.limit.parameter() else {
            return format!("next: raise the limit that the message names, and start again: {then}");
        };
        if self.is_request() {
            return format!("next: start again: {then}");
        }
        if self.in_file && runs_again {
            return format!("next: raise {parameter} in the file, and start again: {then}");
        }
        if self.setting.as_ref().is_some_and(|setting| setting.of_connection) {
            return format!(
                "next: raise {parameter} in the options of the URL (or PGOPTIONS), and start again: {then}"
            );
        }
        let Self { role, database, .. } = self;
        let alter = |value| format!("ALTER ROLE {role} IN DATABASE {database} SET {parameter} = {value};");
        match self.limit {
            Limit::TemporaryFiles => {
                format!("next: let a superuser run: {}\n      and start again: {then}", alter("-1"))
            }
            _ if runs_again => format!(
                "next: raise it for the role: {}\n      \
                 or for this file only, as its first statement: SET {parameter} = 0;\n      \
                 then start again: {then}",
                alter("0")
            ),
            _ => format!("next: raise it for the role: {}\n      then start again: {then}", alter("0")),
        }
    }
}

impl fmt::Display for MetLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parameter) = self.limit.parameter() else {
            return f.write_str("limit: a configured one, which the message names");
        };
        match &self.setting {
            _ if self.in_file => write!(f, "limit: {parameter}, which the file sets"),
            _ if self.is_request() => f.write_str(
                "limit: statement_timeout is not set, so another session has cancelled it (pg_cancel_backend)",
            ),
            Some(Setting { value, of_connection: true }) => {
                write!(f, "limit: {parameter} = {value}, in the options of the connection")
            }
            Some(Setting { value, .. }) => {
                write!(f, "limit: {parameter} = {value}, set for the role, the database or the server")
            }
            None => write!(f, "limit: {parameter}, set for the role, the database or the server"),
        }
    }
}

/// The next command after a script that failed. `steps` as for [`failure`]; `is_scratch` on a scratch database.
pub(crate) fn next(name: &str, is_scratch: bool, steps: Option<(usize, usize)>, halt: Option<&Halt>) -> String {
    if is_scratch {
        return "it cannot run from scratch\n\
                next: repair the file (where it is applied already, only its checksum changes)"
            .to_owned();
    }
    if let Some(halt) = halt {
        return format!("next: {}", halt.next(name));
    }
    if let Some((done @ 1.., _)) = steps {
        return format!(
            "next: repair the file, and make its first {done} statements, which are done, repeatable (IF NOT EXISTS);\n      \
             then doorstep resolve --rolled-back {name}, and start again: the file runs from its beginning"
        );
    }
    format!(
        "next: repair the file, then doorstep resolve --rolled-back {name}, and start again\n      \
         (doorstep resolve --applied {name} would record it as done: what is missing of it would never run)"
    )
}

/// The same, of a script that runs again when it has changed.
pub(crate) fn replacing(next: &str) -> String {
    format!(
        "it runs again whenever it changes, so it has to replace what an earlier run has made: CREATE OR REPLACE, or          DROP … IF EXISTS before CREATE, as a view needs whose columns change\n{next}"
    )
}

/// The next step after a script that failed and left nothing, neither in the database nor in the history.
pub(crate) fn next_without_trace() -> String {
    "next: repair the file, and start again: it runs again".to_owned()
}

/// A place among the statements that were sent, as a place in the file: BEGIN and COMMIT around them, or statements that
/// were left out, are in the file but not among those that the server counts.
pub(crate) fn of_sent(strategy: &Strategy<'_>, sent: &[Statement<'_>], place: Place) -> Place {
    let Place::Statement(index) = place else { return place };
    let offset = sent.get(index).map(|statement| statement.offset);
    offset.map_or(place, |offset| Place::Character(strategy.sql[..offset].chars().count() + 1))
}

/// A place in a piece that begins at this byte of the file, as a place in the file.
pub(crate) fn in_file(sql: &str, offset: usize, place: Place) -> Place {
    let before = sql[..offset].chars().count();
    match place {
        Place::Character(at) => Place::Character(before + at),
        Place::Statement(_) => Place::Character(before + 1),
    }
}

/// An unfinished row whose outcome the evidence does not prove.
pub(crate) fn unclear(evidence: &[String]) -> String {
    format!("interrupted, and the objects in the database do not show how it ended:\n{}", evidence.join("\n"))
}

/// Unfinished rows, and the ways out (Prisma's P3009).
pub(crate) fn failed(entries: &[Entry]) -> String {
    let mut text = "migrations that did not finish block all later ones:".to_owned();
    let (mut example, mut nothing_kept, mut halt) = ("", false, None);
    for entry in entries.iter().filter(|entry| entry.state == State::Failed) {
        let record = entry.record.as_ref();
        let started = record.and_then(|record| record.started_at.as_deref()).unwrap_or("unknown");
        let recorded = record.and_then(|record| record.message.as_deref());
        let message = recorded.filter(|message| Intent::read(message).is_none()).or(entry.note.as_deref());
        // Prisma's texts have the terminal's colours in them, and a stack trace after them.
        let message = console::strip_ansi_codes(message.unwrap_or("interrupted, or still running")).into_owned();
        let message: Vec<&str> = message.lines().filter(|line| !line.trim().is_empty()).take(14).collect();
        text += &format!("\n  {} (started {started})\n    {}", entry.name, message.join("\n    "));
        let steps = record.map_or(0, |record| record.steps);
        halt = recorded.and_then(Halt::read);
        if let (Some(_), Some(note)) = (&halt, &entry.note) {
            text += &format!("\n    {}", note.replace('\n', "\n    "));
            halt = None;
        } else if halt.is_none() && steps > 0 && record.is_some_and(|record| record.ran(RunMode::Steps)) {
            text += &format!("\n    its first {steps} statements are done, and stay");
        }
        nothing_kept = record.is_some_and(|record| record.failed_without_effect());
        example = &entry.name;
    }
    if let Some(halt) = halt {
        return text + &format!("\nnext: {}", halt.next(example));
    }
    if nothing_kept {
        return text
            + &format!("\nnext: repair the file, then doorstep resolve --rolled-back {example}, and start again");
    }
    text + &format!(
        "\nnext: check which parts of it exist, then one of\n  \
         doorstep resolve --rolled-back {example}   to run it again (repair the file first)\n  \
         doorstep resolve --applied {example}       if all of it exists, or was done by hand"
    )
}

/// Folder and history each have what the other lacks.
pub(crate) fn diverged(entries: &[Entry]) -> String {
    let list = |states: &[State]| {
        let listed = entries.iter().filter(|entry| states.contains(&entry.state) && !entry.superseded);
        listed.map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    format!(
        "folder and history have diverged\n  applied, but not in the folder: {}\n  in the folder, but not applied: {}\n\
         next: merge the branches that the two come from, so that one folder holds both;\n      \
         if a new migration stands for the missing ones (a squash): doorstep resolve --applied ITS_NAME",
        list(&[State::Missing]),
        list(&[State::Pending, State::RolledBack])
    )
}

/// Pending migrations that are older than applied ones, which a setting refuses.
pub(crate) fn out_of_order(late: &[&str]) -> String {
    format!(
        "older than what is applied already: {}; the setting out_of_order = refuse stops at them\n\
         next: give them names after the applied ones, or run them as they are with --out-of-order apply",
        late.join(", ")
    )
}

/// Tables, but no history: the database belongs to another project or was migrated by another tool (Prisma's P3005).
pub(crate) fn not_empty(tables: &[String], folder: &Folder) -> String {
    let shown: Vec<&str> = tables.iter().take(5).map(String::as_str).collect();
    let more = if tables.len() > shown.len() { ", …" } else { "" };
    let foreign = foreign_history(tables);
    format!(
        "the database has tables but no {}: {}{more}{}\n\
         next: if they are what {} creates, adopt them: doorstep baseline;\n      \
         if they are of others, begin a history beside them: doorstep baseline --empty;\n      \
         otherwise point the URL at the right database",
        folder.format.ledger.table(),
        shown.join(", "),
        foreign.unwrap_or_default(),
        folder.path.display()
    )
}

/// The first history of another tool among these tables.
fn foreign_history(tables: &[String]) -> Option<String> {
    tables.iter().find_map(|name| {
        let tool = ledgers::tool_of(name)?;
        Some(format!("\n{name} is the history of {tool}, which has migrated it so far"))
    })
}

/// No history, and tables or another tool's history in schemas that are not the service's.
pub(crate) fn not_empty_elsewhere(tables: &[String], folder: &Folder) -> String {
    let shown: Vec<&str> = tables.iter().take(5).map(String::as_str).collect();
    let more = if tables.len() > shown.len() { ", …" } else { "" };
    format!(
        "the database has no {}, but tables in other schemas: {}{more}{}\n\
         next: if they are what {} creates, adopt them: doorstep baseline, with their schema in the URL (?schema=NAME); \
         if they are another service's, give this service a schema of its own in the same way",
        folder.format.ledger.table(),
        shown.join(", "),
        foreign_history(tables).unwrap_or_default(),
        folder.path.display()
    )
}

/// A folder that looks like another tool's, in a database in which its format has no history.
pub(crate) fn claimed(claim: &Claim, folder: &Folder) -> String {
    let Folder { path, format, .. } = folder;
    format!(
        "the migrations in {} look like those of {}, and the database has no {}, so it is not certain that doorstep is to \
         apply them as {}\n\
         next: say so with migration_format = {}{}, or let the tool apply them (migrate_command = \"{}\")",
        path.display(),
        claim.tools(),
        format.ledger.table(),
        if format.tool.name == "sql" { "plain SQL" } else { format.tool.name },
        format.tool.name,
        claim.formats(format.tool.name).iter().map(|name| format!(" or {name}")).collect::<String>(),
        claim.command()
    )
}

/// A folder whose files say one format, and the history another.
pub(crate) fn two_formats(rival: &str, folder: &Folder) -> String {
    let Folder { path, format, .. } = folder;
    let (table, tool) = (format.ledger.table(), format.tool.name);
    format!(
        "the migrations in {} are of the format {tool} by their files, but the database has no {table}, and {rival}, \
         which is the history of plain SQL\n\
         next: say which it is: migration_format = sql goes on with {rival}, migration_format = {tool} begins {table} \
         (adopt what is applied with doorstep baseline)",
        path.display()
    )
}

/// The tool would have unqualified names looked up in another schema than this session.
pub(crate) fn other_schema(demanded: &str, current: &str, (folder, dialect): (&Folder, Dialect)) -> String {
    // Where no schema is the home of unqualified names, the database of the session is.
    let next = match dialect.home() {
        "" => format!("name the database {demanded} in the URL (or in migrate_url)"),
        _ => format!("add ?schema={demanded} to the URL (or to migrate_url)"),
    };
    format!(
        "the configuration of {} says that unqualified names belong to the schema {demanded}, but the session looks in {current}\n\
         next: {next}",
        folder.format.tool.name
    )
}

/// A history that is not in the schema in which its tool has it unless told otherwise.
pub(crate) fn history_elsewhere(table: &TableName, usual: Option<&str>) -> String {
    format!(
        "the database has {table}, and the schema {} has no such table, so it is not certain which history the folder has\n\
         next: if it is {table}: --history-table {table}; if not, rename that table",
        usual.unwrap_or_default()
    )
}

/// A table of the history's name that belongs to another tool.
pub(crate) fn history_of_another(why: &str, folder: &Folder) -> String {
    let Folder { path, format, .. } = folder;
    let (table, tool) = (format.ledger.table(), format.tool.name);
    format!(
        "the migrations in {} are of the format {tool}, but {table} in the database is no history of {tool}: {why}\n\
         next: name another table with history_table, another folder with --migrations, or the format with \
         migration_format",
        path.display()
    )
}

/// A signal between two statements of a file that runs statement by statement. `steps` as for [`failure`].
pub(crate) fn stopped_between(name: &str, steps: Option<(usize, usize)>, signal: u8) -> Error {
    let (done, count) = steps.unwrap_or_default();
    let note = format!("{done} of {count} statements of {name} are done; the next start goes on there");
    Error::Stopped { signal, note }
}

/// A migration that a signal cancelled; `certain` if it is rolled back, and recorded so.
pub(crate) fn cancelled(name: &str, signal: u8, certain: bool) -> Error {
    let note = match certain {
        true => format!("{name} was cancelled and rolled back; the next start runs it again"),
        false => format!(
            "{name} was cancelled, but parts of it may have been kept\n\
             next: check which parts of it exist, then mark it: doorstep resolve --rolled-back {name}"
        ),
    };
    Error::Stopped { signal, note }
}

/// A migration that succeeded, but whose end could not be written to the history.
pub(crate) fn unrecorded(name: &str, fault: Fault) -> Error {
    if fault.class.is_transient() {
        return Error::Lost { doing: format!("recording the end of {name}"), fault };
    }
    let report = format!("migration {name} ran, and its effects exist, but that could not be recorded");
    Error::Unrecorded { report, next: format!("doorstep resolve --applied {name}"), fault }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;
    use crate::sql::script::Script;

    #[test]
    fn statements_that_were_not_sent_do_not_move_the_place_of_an_error() {
        let script = Script::new("BEGIN;\nSELECT 1;\nSELECT 2;\nCOMMIT;".to_owned(), Dialect::Postgres);
        let strategy = Strategy::of(&script);
        let place = of_sent(&strategy, &strategy.statements, Place::Statement(1));
        let all = script.statements();
        assert_eq!(excerpt::line_and_column(script.text(), place, &all), (3, 1));
        let place = of_sent(&strategy, &strategy.statements[1..], Place::Statement(0));
        assert_eq!(excerpt::line_and_column(script.text(), place, &all), (3, 1));
        assert_eq!(of_sent(&strategy, &strategy.statements, Place::Character(9)), Place::Character(9));
    }
}
