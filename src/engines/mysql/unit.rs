//! A script, or a piece of it, and its record: one statement of the script per message.
//!
//! A message of several statements runs to its end on the server when its client is killed, and DDL commits what was done
//! before it (MySQL manual 15.3.3). So a client that dies leaves at most the statement that was running, and only a script
//! without DDL commits together with its record. What doorstep writes before and after a statement goes with it in one message,
//! where the statement allows that ([`message`]).

use std::cell::Cell;
use std::sync::atomic::Ordering;

use crate::base::fault::{Class, Fault, Place};
use crate::engines::mysql::lock::is_one;
use crate::engines::mysql::message::{self, Around, End, Recorded};
use crate::engines::mysql::session::Session;
use crate::engines::mysql::{errors, queries};
use crate::engines::session::{Failure, Rollback, Unit};
use crate::sql::script::Statement;

/// "Transaction characteristics can't be changed while a transaction is in progress".
const IN_TRANSACTION: &str = "1568";

/// "Deadlock found": the server has rolled the whole transaction back.
const DEADLOCK: &str = "1213";

/// "Some non-transactional changed tables couldn't be rolled back".
const NOT_ROLLED_BACK: &str = "1196";

impl Session {
    /// See [`crate::engines::session::Session::run_unit`].
    pub(crate) async fn run_one(&mut self, unit: &Unit<'_>) -> Result<(), Failure> {
        self.cancelled.store(false, Ordering::SeqCst);
        let result = self.run_in_conditions(unit).await;
        if result.is_err() {
            self.unsettled = true;
        }
        let is_lost = self.client.is_lost();
        result.map_err(|failure| if is_lost { Failure { kept: Rollback::Unknown, ..failure } } else { failure })
    }

    async fn run_in_conditions(&mut self, unit: &Unit<'_>) -> Result<(), Failure> {
        // Not put in order first: a piece of a file finds what the pieces before it have set. What begins a file has put the
        // session in order.
        (self.unsettled, self.ahead) = (false, None);
        self.impose(unit.conditions).await.map_err(Failure::without_effect)?;
        let is_plain = unit.statements.iter().all(message::is_plain);
        if !is_plain {
            (self.has_touched, self.shows_definitions) = (true, None);
        }
        if let [statement] = unit.statements
            && is_plain
            && unit.alone
            && unit.clears.is_none()
            && !self.has_touched
            && let Some(result) = self.run_together(unit, statement).await
        {
            return result;
        }
        if let Some(announcement) = unit.announcement {
            self.record(None, announcement).await.map_err(Failure::without_effect)?;
        }
        let text = unit.sql.to_ascii_lowercase();
        self.sets_timeout |= text.contains("lock_wait_timeout");
        // A procedure that is called may set it, too.
        self.may_lack_autocommit |= text.contains("autocommit") || text.contains("call");
        match unit.record {
            Some(record) if !unit.alone => self.run_jointly(unit, record).await,
            record => self.run_apart(unit, record).await,
        }
    }

    /// The statement, its announcement and its record in one message; `None` where it was not run, because the history or a lock
    /// is not this session's any more.
    async fn run_together(&mut self, unit: &Unit<'_>, statement: &Statement<'_>) -> Option<Result<(), Failure>> {
        let &Unit { announcement, record, read_ahead, .. } = unit;
        let around = Around { announcement, record, read_ahead };
        if self.cancelled.load(Ordering::SeqCst) {
            return None;
        }
        let answers = self.client.send_all(around.message(statement.text, &self.holding()), &Cell::new(false)).await;
        let failed =
            |fault, kept, of_record| Some(Err(Failure { fault, kept, of_record, repeatable: false, of_next: false }));
        match around.end(answers) {
            End::NotHeld => None,
            End::NotAnnounced(fault) => Some(Err(Failure::without_effect(fault))),
            End::Failed(fault) => {
                let kept = kept(unit.statements, 0, &fault);
                failed(Fault { place: Some(Place::Statement(0)), ..fault }, kept, false)
            }
            End::NotRecorded(fault) => failed(fault, Rollback::Partial, true),
            End::Done { recorded, ahead } => {
                self.ahead = read_ahead.map(str::to_owned).zip(ahead);
                if let Some(recorded) = recorded
                    && let Err(fault) = self.confirm(recorded).await
                {
                    return failed(fault, Rollback::Partial, true);
                }
                Some(Ok(()))
            }
        }
    }

    /// The two conditions of a record that was written: exactly one row changed, and this session has the lock, which it takes again
    /// where a script has released it.
    async fn confirm(&mut self, recorded: Recorded) -> Result<(), Fault> {
        match recorded {
            Recorded { rows: 1, holds: true } => Ok(()),
            Recorded { rows: 1, holds: false } => self.retake().await,
            Recorded { .. } => Err(taken_over()),
        }
    }

    /// The piece and its record in one transaction, as far as its statements do not commit.
    async fn run_jointly(&mut self, unit: &Unit<'_>, record: &str) -> Result<(), Failure> {
        self.client.send("START TRANSACTION").await.map_err(Failure::without_effect)?;
        if let Err((fault, index)) = self.run_statements(unit.statements).await {
            let undone = self.undo(fault.code.as_deref()).await;
            let is_whole = undone && unit.statements[..=index].iter().all(is_rolled_back);
            let kept = if is_whole { Rollback::Complete } else { kept(unit.statements, index, &fault) };
            return Err(Failure { fault, kept, of_record: false, repeatable: false, of_next: false });
        }
        let is_whole = unit.statements.iter().all(is_rolled_back);
        if is_whole && unit.last && self.has_ended_transaction().await {
            // The script has committed: what follows is a transaction of the record alone.
            self.client.send("START TRANSACTION").await.map_err(partly)?;
        }
        if let Err(fault) = self.write_record(unit.clears, record).await {
            let undone = self.undo(fault.code.as_deref()).await;
            let kept = if undone && is_whole { Rollback::Complete } else { Rollback::Partial };
            return Err(Failure { fault, kept, of_record: true, repeatable: false, of_next: false });
        }
        if let Err(fault) = self.client.send("COMMIT").await {
            let undone = fault.code.as_deref() == Some(DEADLOCK) && is_whole;
            let kept = if undone { Rollback::Complete } else { Rollback::Partial };
            return Err(Failure { fault, kept, of_record: false, repeatable: false, of_next: false });
        }
        self.unsettled = unit.last && self.has_touched;
        Ok(())
    }

    /// The piece as it is, and its record after it.
    async fn run_apart(&mut self, unit: &Unit<'_>, record: Option<&str>) -> Result<(), Failure> {
        if let Err((fault, index)) = self.run_statements(unit.statements).await {
            let _ = self.client.send("ROLLBACK").await;
            let kept = kept(unit.statements, index, &fault);
            return Err(Failure { fault, kept, of_record: false, repeatable: false, of_next: false });
        }
        let ends_in_ddl = unit.statements.last().is_some_and(commits);
        let must_end = (unit.last || record.is_some()) && !ends_in_ddl;
        if must_end && !self.has_ended_transaction().await {
            let _ = self.client.send("ROLLBACK").await;
            let text = "the script leaves a transaction open (BEGIN without COMMIT, or autocommit = 0), which would be lost; it \
                        was rolled back";
            return Err(partly(Fault::new(Class::Statement, text)));
        }
        self.unsettled = unit.last && self.has_touched;
        let Some(record) = record else { return Ok(()) };
        let recorded = self.record(unit.clears, record).await;
        recorded.map_err(|fault| Failure { of_record: true, ..partly(fault) })
    }

    /// Sends the statements one by one; with an error, the number of the statement that failed.
    async fn run_statements(&mut self, statements: &[Statement<'_>]) -> Result<(), (Fault, usize)> {
        for (index, statement) in statements.iter().enumerate() {
            if self.cancelled.load(Ordering::SeqCst) {
                let fault = Fault::new(Class::Cancelled, "the statements from here on were not begun");
                return Err((Fault { place: Some(Place::Statement(index)), ..fault }, index));
            }
            if let Err(fault) = self.client.send(statement.text).await {
                return Err((Fault { place: Some(Place::Statement(index)), ..fault }, index));
            }
        }
        Ok(())
    }

    /// The record in a transaction of its own, in a session in order after the last piece of a file.
    async fn record(&mut self, clears: Option<&str>, record: &str) -> Result<(), Fault> {
        if std::mem::take(&mut self.unsettled) {
            self.settle().await?;
        }
        if clears.is_none() && !self.may_lack_autocommit {
            return self.write_record(None, record).await;
        }
        self.client.send("START TRANSACTION").await?;
        if let Err(fault) = self.write_record(clears, record).await {
            let _ = self.client.send("ROLLBACK").await;
            return Err(fault);
        }
        self.client.send("COMMIT").await.map(drop)
    }

    /// The record, with two conditions that must hold: this session has the lock, and exactly one row changes. The driver
    /// counts rows that are found, whether they differ or not.
    async fn write_record(&mut self, clears: Option<&str>, record: &str) -> Result<(), Fault> {
        let clears = clears.map(|clears| format!("{clears}; ")).unwrap_or_default();
        let answer = self.client.send(format!("SELECT {}; {clears}{record}", self.holding())).await?;
        self.confirm(Recorded { rows: answer.affected, holds: is_one(answer.rows.first()) }).await
    }

    /// Rolls back; whether everything since START TRANSACTION is certainly undone.
    async fn undo(&mut self, code: Option<&str>) -> bool {
        let was_open = !self.has_ended_transaction().await;
        if self.client.send("ROLLBACK").await.is_err() {
            return false;
        }
        let warnings = self.client.send("SHOW WARNINGS").await.map(|answer| answer.rows);
        let is_complete = warnings.is_ok_and(|rows| {
            !rows.iter().any(|row| row.get(1).cloned().flatten().as_deref() == Some(NOT_ROLLED_BACK))
        });
        is_complete && (was_open || code == Some(DEADLOCK))
    }

    /// Whether no transaction is open. The statement changes the next transaction only, and the server refuses it in one.
    async fn has_ended_transaction(&mut self) -> bool {
        match self.client.send("SET TRANSACTION READ WRITE").await {
            Err(fault) => fault.code.as_deref() != Some(IN_TRANSACTION),
            Ok(_) => true,
        }
    }

    /// A script may have left any setting behind, another database, locked tables, and may have dropped the lock. The next
    /// statement starts from the session's own settings.
    pub(crate) async fn settle(&mut self) -> Result<(), Fault> {
        if std::mem::take(&mut self.sets_timeout) {
            self.conditions = None;
        }
        (self.may_lack_autocommit, self.has_touched) = (false, false);
        let Some(own) = &self.own else { return self.ensure_locks().await };
        let sql = queries::settle(&self.target.database, &self.holding(), &own.values_sql());
        let row = self.client.send(sql).await?.rows.pop().unwrap_or_default();
        if let Some(restoring) = own.restoring(row.get(1..).unwrap_or_default()) {
            self.client.send(restoring).await?;
        }
        match is_one(Some(&row)) {
            true => Ok(()),
            false => self.retake().await,
        }
    }
}

/// The record changed no row, or several.
fn taken_over() -> Fault {
    Fault::new(Class::Statement, "the row in the history is not ours any more: another session has taken over")
}

/// A failure that may have left a part of the script.
fn partly(fault: Fault) -> Failure {
    Failure { fault, kept: Rollback::Partial, of_record: false, repeatable: false, of_next: false }
}

/// What a script has left whose statements commit, and of which this one failed.
fn kept(statements: &[Statement<'_>], failed: usize, fault: &Fault) -> Rollback {
    let nothing = statements.get(failed).is_some_and(leaves_nothing) || errors::did_nothing(fault.code.as_deref());
    if failed == 0 && nothing { Rollback::Complete } else { Rollback::Partial }
}

/// A statement that a transaction covers, where the tables' engine has transactions.
fn is_rolled_back(statement: &Statement<'_>) -> bool {
    ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "SET", "DO", "VALUES"]
        .iter()
        .any(|word| statement.starts(&[word]))
}

/// DDL, which commits what is open.
fn commits(statement: &Statement<'_>) -> bool {
    let is_ddl = ["CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"].iter().any(|word| statement.starts(&[word]));
    is_ddl && !statement.has("TEMPORARY")
}

/// A statement that is done as a whole or not at all: the DDL of both servers, except where it names several objects
/// (MariaDB drops the first ones).
fn leaves_nothing(statement: &Statement<'_>) -> bool {
    let is_list = |word: &str| statement.starts(&[word]) && statement.text.contains(',');
    let is_ddl = ["CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"].iter().any(|word| statement.starts(&[word]));
    let copies = statement.starts(&["CREATE"]) && statement.has("SELECT");
    let drops_all = statement.starts(&["DROP", "DATABASE"]) || statement.starts(&["DROP", "SCHEMA"]);
    is_ddl && !copies && !drops_all && !is_list("DROP") && !is_list("RENAME")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::mysql::SQL;
    use crate::sql::script;

    #[test]
    fn only_a_first_statement_that_is_all_or_nothing_leaves_nothing() {
        let kept = |sql: &str, failed, code: &str| {
            let fault = Fault { code: Some(code.to_owned()), ..Fault::new(Class::Statement, "x") };
            super::kept(&script::statements(sql, SQL), failed, &fault)
        };
        assert_eq!(kept("ALTER TABLE t ADD a int", 0, "1060"), Rollback::Complete);
        assert_eq!(kept("DROP TABLE a, b", 0, "1051"), Rollback::Partial);
        assert_eq!(kept("INSERT INTO myisam VALUES (1), (1)", 0, "1062"), Rollback::Partial);
        assert_eq!(kept("INSERT INTO nowhere VALUES (1)", 0, "1146"), Rollback::Complete);
        assert_eq!(kept("CREATE TABLE a (b int); ALTER TABLE a ADD b int", 1, "1060"), Rollback::Partial);
    }
}
