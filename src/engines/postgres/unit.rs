//! One message: a script or a piece of one, with the statements around it that make it safe to repeat.
//!
//! A message of several statements is one implicit transaction (PostgreSQL manual 55.2.2.1), so the record
//! that follows the script commits with it, and a client that dies leaves both or neither.

use std::borrow::Cow;

use crate::base::fault::{Class, Fault, Place};
use crate::engines::postgres::client::{Exchange, TransactionStatus};
use crate::engines::postgres::imposed::{self, Imposed};
use crate::engines::postgres::session::{Session, is_true};
use crate::engines::postgres::{SQL, sqlstate};
use crate::engines::session::{Failure, Next, Rollback, Unit};
use crate::sql::script::{Statement, statements};

/// Restores the session's own settings after a script.
const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; UNLISTEN *; ";

/// What separates a script from the statements that follow it.
pub(crate) const AFTER: &str = "\n;SET CONSTRAINTS ALL IMMEDIATE; ";

/// The session's own role until the end of the transaction: the one it began with, which `ALTER ROLE … SET role` may have
/// made another than that of the login.
const OWN_ROLE: &str = "SET LOCAL role TO DEFAULT; ";

/// The same in a file that may have become another user: that of the login, for whom `role` is then set.
const OWN_USER: &str = "SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL role TO DEFAULT; ";

impl Session {
    /// A script may have left any setting behind (`search_path` of a pg_dump baseline, `SET ROLE`, a
    /// read-only session) and may have dropped the lock; the next statement starts from the session's own
    /// settings. A message of its own, or a read-only transaction would cover what follows too.
    pub(crate) async fn settle(&mut self) -> Result<(), Fault> {
        (self.imposed, self.in_file) = (Imposed::default(), false);
        self.send(RESET.to_owned() + &self.search_path()).await?;
        // Taking them once more is harmless, and the only way to know.
        let tries: Vec<String> = self.locks.iter().map(Self::taking).collect();
        if tries.is_empty() || is_true(&self.send(format!("SELECT {}", tries.join(" AND "))).await?) {
            return Ok(());
        }
        let text = "the script dropped the migration lock, and another session has taken it";
        Err(Fault::new(Class::Statement, text))
    }

    /// See [`crate::engines::session::Session::run_unit`].
    pub(crate) async fn run_one(&mut self, unit: &Unit<'_>) -> Result<(), Failure> {
        let result = self.run_in_conditions(unit).await;
        // A script may also report a server of its own as unreachable, in a session that goes on.
        let is_lost = self.client.is_broken();
        result.map_err(|failure| match failure.fault.class {
            Class::Unreachable | Class::Starting if is_lost => Failure { kept: Rollback::Unknown, ..failure },
            _ => failure,
        })
    }

    async fn run_in_conditions(&mut self, unit: &Unit<'_>) -> Result<(), Failure> {
        // Not put in order first: a piece of a file finds what the pieces before it have set, also when it is
        // tried again. What begins a file has put the session in order.
        (self.unsettled, self.in_file) = (false, true);
        if let Some((statements, imposed)) = self.imposed.change(unit.conditions) {
            self.send(statements).await.map_err(Failure::without_effect)?;
            self.imposed = imposed;
        }
        if let Some(announcement) = unit.announcement {
            let announced = self.send(self.own_role(unit.sql).to_owned() + &self.recording(announcement)).await;
            announced.map_err(|fault| Failure::without_effect(explained(fault)))?;
        }
        let may_deallocate = mentions_deallocation(unit.sql);
        if may_deallocate {
            // Before it runs: what it deallocates stays so if it is rolled back.
            self.prepared.forget();
        }
        let (record, joint) = match unit.record {
            Some(record) if !unit.alone => (Some(record), true),
            record => (record, false),
        };
        self.send_with_record(unit, record.filter(|_| joint), !may_deallocate).await?;
        if !unit.last {
            self.imposed.pass(unit.sql);
        } else if joint {
            // The message has reset the session already, and has set what the next file needs.
            (self.imposed, self.in_file) = (Imposed::default(), false);
            if let Some(next) = unit.next {
                self.imposed = next_settings(next).1;
                self.prepare_due().await;
            }
        } else {
            self.unsettled = true;
        }
        let Some(record) = record.filter(|_| !joint) else { return Ok(()) };
        let recorded = self.record_after(unit, record).await;
        recorded.map_err(|fault| Failure {
            fault,
            kept: Rollback::Partial,
            of_record: true,
            repeatable: false,
            of_next: false,
        })
    }

    /// Sends the script, and with it the record, if one is given. The record is sent plainly, unless `may_execute`.
    async fn send_with_record(
        &mut self,
        unit: &Unit<'_>,
        record: Option<&str>,
        may_execute: bool,
    ) -> Result<(), Failure> {
        let mut tail = record.map(|record| self.tail(unit, record, may_execute));
        let mut sent = self.send_script(unit, tail.as_ref().map(|tail| tail.text.as_str())).await;
        if let (Err((failure, completed)), Some(executing), Some(record)) = (&sent, &tail, record)
            && executing.is_prepared
            && failure.kept == Rollback::Complete
            && *completed >= unit.statements.len() + count(&executing.text[..executing.own])
            && sqlstate::is_of_preparation(failure.fault.code.as_deref())
        {
            tracing::debug!(phase = "migrate", event = "unprepared", "{}: it is sent again, unprepared", failure.fault);
            self.prepared.give_up();
            self.unsettled = false;
            let plain = self.tail(unit, record, false);
            sent = self.send_script(unit, Some(&plain.text)).await;
            tail = Some(plain);
        }
        sent.map_err(|(failure, completed)| {
            let before_next = tail.and_then(|tail| tail.next.map(|at| count(&tail.text[..at])));
            let of_next = before_next.is_some_and(|count| completed >= unit.statements.len() + count);
            Failure { of_next, ..failure }
        })
    }

    /// What follows the script of this unit in its message.
    fn tail(&mut self, unit: &Unit<'_>, record: &str, may_execute: bool) -> Tail {
        // Between two pieces the script's settings stay; only the role is reset, until the end of the transaction.
        let own = if unit.last { RESET.to_owned() + &self.search_path() } else { self.own_role(unit.sql).to_owned() };
        // AFTER begins with a new line, for a script that ends in a comment, and checks deferred constraints, so that
        // their errors count as the script's.
        let mut text = format!("{AFTER}{own}");
        let (own, recording) = (text.len(), self.recording(record));
        // Only in the session's own settings, and where it has been found to have its backend for itself.
        let may_execute = may_execute && unit.last && self.is_own && self.backend.is_some();
        let mut is_prepared = false;
        let mut form = |statement| {
            let form = if may_execute { self.prepared.form(statement) } else { Cow::Borrowed(statement) };
            is_prepared |= matches!(form, Cow::Owned(_));
            form
        };
        if let Some(clears) = unit.clears {
            text.extend([&form(clears), "; "]);
        }
        text.push_str(&form(&recording));
        let next = unit.next.map(|next| {
            let at = text.len();
            if let Some(record) = next.record {
                text.extend(["; ", &form(record)]);
            }
            text.extend(["; ", &next_settings(next).0]);
            at
        });
        Tail { text, own, next, is_prepared }
    }

    /// The statements that make doorstep the user and the role that write its history, until the end of the transaction; `piece` is what
    /// ran last.
    pub(crate) fn own_role(&self, piece: &str) -> &'static str {
        let is_another = self.imposed.is_another_user || imposed::names_user(piece);
        if is_another { OWN_USER } else { OWN_ROLE }
    }

    /// Prepares what has been sent often. In a message of its own, since a refusal must not fail a migration, and when a message
    /// has put the session in order.
    async fn prepare_due(&mut self) {
        while let Some(sql) = self.prepared.due() {
            let exchange = self.client.exchange(&sql).await;
            let Some(fault) = exchange.map_or_else(Some, |exchange| exchange.error) else { continue };
            tracing::debug!(phase = "migrate", event = "unprepared", "PREPARE for the history: {fault}");
            self.prepared.refused();
        }
    }

    async fn record_after(&mut self, unit: &Unit<'_>, record: &str) -> Result<(), Fault> {
        if unit.last {
            self.unsettled = false;
            self.settle().await?;
        }
        let own = if unit.last { "" } else { self.own_role(unit.sql) };
        let clears = unit.clears.map(|clears| format!("{clears}; ")).unwrap_or_default();
        let sent = self.send(format!("{own}{clears}{}", self.recording(record))).await;
        sent.map(drop).map_err(explained)
    }

    /// The record, with two conditions that must hold: a row changes (its key makes it one), and this session has the lock. A
    /// division by zero is how plain SQL raises an error. Not by count(*), which takes 8 microseconds more.
    fn recording(&self, record: &str) -> String {
        let locks: String = self.locks.iter().map(|key| format!(" AND {}", Self::taking(key))).collect();
        format!(
            "WITH recorded AS ({record} RETURNING 1) SELECT 1 / (EXISTS (SELECT FROM recorded){locks})::pg_catalog.int4"
        )
    }

    /// Sends the script with what follows it, and works out what a failure means; gives with it how many statements of the
    /// message were completed.
    async fn send_script(&mut self, unit: &Unit<'_>, after: Option<&str>) -> Result<(), (Failure, usize)> {
        let message = unit.sql.to_owned() + after.unwrap_or_default();
        // Without an end of the answer, the last statement may have committed.
        let is_atomic = after.is_some() || is_transactional(unit.statements);
        let ended = |fault: Fault| {
            // The server ended the session in the transaction that the record belongs to, so it rolled both back.
            let is_certain = after.is_some() && matches!(fault.class, Class::Limit(_));
            let kept = if is_certain { Rollback::Complete } else { Rollback::Unknown };
            (Failure { fault, kept, of_record: false, repeatable: false, of_next: false }, 0)
        };
        let exchange = self.client.exchange(&message).await.map_err(ended)?;
        if exchange.error.is_none() && exchange.status == TransactionStatus::Idle {
            return Ok(());
        }
        self.unsettled = true;
        if exchange.status != TransactionStatus::Idle {
            let _ = self.send("ROLLBACK".to_owned()).await;
        }
        let completed = exchange.completed;
        Err((failure(exchange, unit, after.is_some(), is_atomic), completed))
    }
}

/// What a failed message has left behind; `recorded` if the record follows the script in the message, `is_atomic` if no
/// statement of it commits on its own.
fn failure(exchange: Exchange, unit: &Unit<'_>, recorded: bool, is_atomic: bool) -> Failure {
    let Exchange { completed, committed, error, .. } = exchange;
    let mut fault = error.unwrap_or_else(|| {
        Fault::new(
            Class::Statement,
            "the script leaves a transaction open (BEGIN without COMMIT), which would be lost; it was rolled back",
        )
    });
    // The first statement after the script checks what the script deferred.
    let count = unit.statements.len();
    let of_record = recorded && completed > count;
    fault.place = match fault.place {
        // An error at the end of the script is reported in the text that follows it.
        Some(Place::Character(at)) => Some(Place::Character(at.min(unit.sql.chars().count() + 1))),
        None if completed < count => Some(Place::Statement(completed)),
        place => place,
    };
    let kept = if !committed && is_atomic { Rollback::Complete } else { Rollback::Partial };
    let fault = if of_record { explained(fault) } else { fault };
    Failure { fault, kept, of_record, repeatable: false, of_next: false }
}

/// What follows a script in its message.
struct Tail {
    text: String,
    /// Where the statements for the history begin, in bytes.
    own: usize,
    /// Where those for the next file begin, in bytes.
    next: Option<usize>,
    /// Some of these statements are executed by the name they are prepared by.
    is_prepared: bool,
}

/// The statements that make the settings of the next file in a session that has been reset, and what is set after them.
fn next_settings(next: Next<'_>) -> (String, Imposed) {
    Imposed::default().change(next.conditions).unwrap_or_default()
}

/// How many statements a text has.
fn count(sql: &str) -> usize {
    statements(sql, SQL).len()
}

/// Whether what is prepared may be gone after a script: it has the word for it, also in a body or a comment.
fn mentions_deallocation(text: &str) -> bool {
    // The standard library's search is fast, also where this program is compiled for size.
    let text = text.to_ascii_lowercase();
    text.contains("discard") || text.contains("deallocate")
}

/// What a failure of [`Session::recording`] means.
fn explained(fault: Fault) -> Fault {
    match fault.code.as_deref() {
        Some(sqlstate::DIVISION_BY_ZERO) => Fault::new(
            Class::Statement,
            "the migration lock or the row in the history is not ours any more: another session has taken over",
        ),
        _ => Fault { place: None, ..fault },
    }
}

/// True unless a statement commits on its own: then a failure may leave something behind. A lone CALL or
/// DO may commit inside; among others it may not (they share an implicit transaction).
fn is_transactional(statements: &[Statement<'_>]) -> bool {
    let alone = statements.len() == 1;
    !statements.iter().any(|it| it.refuses_transaction() || (alone && it.may_commit_inside()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script;

    #[test]
    fn words_are_found_in_any_case_and_anywhere() {
        for (text, expected) in [
            ("DISCARD ALL", true),
            ("SELECT '€xDisCard'", true),
            ("EXECUTE 'Deallocate ALL'", true),
            ("deaDEALLOCATE", true),
            ("reset", false),
            ("", false),
            ("discar", false),
            ("DISC ARD", false),
        ] {
            assert_eq!(mentions_deallocation(text), expected, "{text}");
        }
    }

    fn is_transactional(sql: &str) -> bool {
        super::is_transactional(&script::statements(sql, SQL))
    }

    #[test]
    fn statements_outside_transactions_make_a_failure_uncertain() {
        assert!(is_transactional("CREATE TABLE a (id int); UPDATE a SET id = 1; DO $$ BEGIN COMMIT; END $$;"));
        assert!(is_transactional("DO $$ BEGIN PERFORM 1; END $$; SELECT 1; -- CONCURRENTLY"));
        assert!(!is_transactional("create unique index concurrently i on t (a)"));
        assert!(!is_transactional("DO $$ BEGIN CALL p(); END $$;"));
    }
}
