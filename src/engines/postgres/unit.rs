//! One message: a script or a piece of one, and around it what makes it safe to repeat.
//!
//! A message of several statements is one implicit transaction (PostgreSQL manual 55.2.2.1), so the record
//! that is put after the script commits with it, and a client that dies leaves both or neither.

use sqlx::AssertSqlSafe;

use crate::base::fault::{Class, Fault, Place};
use crate::engines::postgres::fault::fault;
use crate::engines::postgres::{SQL, Session, is_true};
use crate::engines::session::{Conditions, Failure, Rollback, Unit};
use crate::sql::script::Statement;

/// Back to the session's own settings, whatever a script has set.
const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; UNLISTEN *; ";

/// What stands between a script and what is put after it.
pub(crate) const AFTER: &str = "\n;SET CONSTRAINTS ALL IMMEDIATE; ";

/// The session's own role until the end of the transaction.
const OWN_ROLE: &str = "SET LOCAL ROLE NONE; ";

impl Session {
    /// A script may have left any setting behind (`search_path` of a pg_dump baseline, `SET ROLE`, a
    /// read-only session) and may have dropped the lock; the next statement starts from the session's own
    /// settings. A message of its own, or a read-only transaction would cover what follows too.
    pub(crate) async fn settle(&mut self) -> Result<(), Fault> {
        self.conditions = None;
        self.send(RESET.to_owned() + &self.search_path()).await?;
        let Some(key) = self.lock else { return Ok(()) };
        // Taking it once more is harmless, and the only way to know.
        match is_true(&self.send(format!("SELECT pg_catalog.pg_try_advisory_lock({key})")).await?) {
            true => Ok(()),
            false => Err(Fault::new(
                Class::Statement,
                "the script dropped the migration lock, and another session has taken it",
            )),
        }
    }

    /// See [`crate::engines::session::Session::script`].
    pub(crate) async fn run_unit(&mut self, unit: &Unit<'_>) -> Result<(), Failure> {
        // Not put in order first: a piece of a file finds what the pieces before it have set, also when it is
        // tried again. What begins a file has put the session in order.
        self.unsettled = false;
        let setting = setting(unit.conditions);
        if self.conditions.as_ref() != Some(&setting) {
            self.send(setting.clone()).await.map_err(Failure::without_effect)?;
            self.conditions = Some(setting);
        }
        if let Some(announcement) = unit.announcement {
            let announced = self.send(OWN_ROLE.to_owned() + &self.recording(announcement)).await;
            announced.map_err(|fault| Failure::without_effect(explained(fault)))?;
        }
        let (record, joint) = match unit.record {
            Some(record) if !unit.alone => (Some(record), true),
            record => (record, false),
        };
        let after = record.filter(|_| joint).map(|record| {
            // Where the script's settings are to outlast the record, only the role is ours for a moment.
            let own = if unit.last { RESET.to_owned() + &self.search_path() } else { OWN_ROLE.to_owned() };
            // A new line, for a script that ends in a comment. What is deferred to the commit is the script's own.
            format!("{AFTER}{own}{}", self.recording(record))
        });
        self.send_script(unit, after.as_deref()).await?;
        // What a piece has set is no condition of ours any more.
        let text = unit.sql.to_ascii_lowercase();
        if ["discard", "reset", "lock_timeout", "application_name"].iter().any(|word| text.contains(word)) {
            self.conditions = None;
        }
        if unit.last && joint {
            // The message has reset the session already.
            self.conditions = None;
        } else {
            self.unsettled = unit.last;
        }
        let Some(record) = record.filter(|_| !joint) else { return Ok(()) };
        let recorded = self.record_after(unit, record).await;
        recorded.map_err(|fault| Failure { fault, kept: Rollback::Partial, of_record: true, repeatable: false })
    }

    async fn record_after(&mut self, unit: &Unit<'_>, record: &str) -> Result<(), Fault> {
        if unit.last {
            self.unsettled = false;
            self.settle().await?;
        }
        let own = if unit.last { "" } else { OWN_ROLE };
        self.send(own.to_owned() + &self.recording(record)).await.map(drop).map_err(explained)
    }

    /// The record, and two conditions without which it must not stand: the lock is ours, and exactly one row
    /// has changed. SQL has no other way to fail than to do something impossible.
    fn recording(&self, record: &str) -> String {
        let lock = self.lock.map_or_else(String::new, |key| {
            format!("SELECT 1 / pg_catalog.pg_try_advisory_lock({key})::pg_catalog.int4; ")
        });
        format!("{lock}WITH recorded AS ({record} RETURNING 1) SELECT 1 / pg_catalog.count(*) FROM recorded")
    }

    /// Sends the script, with what is put after it, and finds out what a failure means.
    async fn send_script(&mut self, unit: &Unit<'_>, after: Option<&str>) -> Result<(), Failure> {
        let sql = unit.sql;
        let message = sql.to_owned() + after.unwrap_or_default();
        self.wire.forget();
        let result = sqlx::raw_sql(AssertSqlSafe(message)).execute(&mut self.connection).await;
        let left_open = result.is_ok() && self.wire.seen().status != b'I';
        let mut fault = match result {
            Ok(_) if !left_open => return Ok(()),
            Ok(_) => Fault::new(
                Class::Statement,
                "the script leaves a transaction open (BEGIN without COMMIT), which would be lost; it was rolled back",
            ),
            Err(error) => fault(&error, &self.wire),
        };
        self.unsettled = true;
        // The driver stops reading at the error; an empty query brings the state up to date. Where that
        // fails the connection is gone, and nobody knows whether the last statement committed.
        let empty = AssertSqlSafe(String::new());
        if sqlx::raw_sql(empty).execute(&mut self.connection).await.is_err() {
            return Err(Failure { fault, kept: Rollback::Unknown, of_record: false, repeatable: false });
        }
        if self.wire.seen().status != b'I' {
            let rollback = AssertSqlSafe("ROLLBACK".to_owned());
            let _ = sqlx::raw_sql(rollback).execute(&mut self.connection).await;
        }
        let seen = self.wire.seen();
        // One tag for each statement that was completed; the first after the script checks what it deferred.
        let (done, count) = (seen.tags.len(), unit.statements.len());
        let of_script = done < count;
        let of_record = after.is_some() && done > count;
        fault.place = match fault.place {
            // What is wrong with the end of the script shows at what was put after it.
            Some(Place::Character(at)) => Some(Place::Character(at.min(sql.chars().count() + 1))),
            None if of_script => Some(Place::Statement(done)),
            place => place,
        };
        let committed = seen.tags.iter().any(|tag| tag.starts_with("COMMIT") || tag == "PREPARE TRANSACTION");
        // Only the server's own word counts: the driver may have stumbled over an answer to a success.
        let failed = seen.refused || left_open;
        let transactional = after.is_some() || is_transactional(unit.statements);
        let kept = if failed && !committed && transactional { Rollback::Complete } else { Rollback::Partial };
        let fault = if of_record { explained(fault) } else { fault };
        Err(Failure { fault, kept, of_record, repeatable: false })
    }
}

/// The statements that put a session in these conditions.
pub(crate) fn setting(conditions: Conditions<'_>) -> String {
    let timeout = match conditions.lock_timeout {
        Some(timeout) => format!("SET lock_timeout = {}", timeout.as_millis()),
        None => "RESET lock_timeout".to_owned(),
    };
    format!("SET application_name = {}; {timeout}", SQL.literal(conditions.label))
}

/// What a failure of [`Session::recording`] means.
fn explained(fault: Fault) -> Fault {
    match fault.code.as_deref() {
        Some("22012") => Fault::new(
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
