//! One message with a statement of a script and what doorstep writes before and after it: one round trip instead of four.
//!
//! The server runs the statements of a message in their order and stops at the first that fails. A message whose client is dead
//! runs to its end: the statement is then done and recorded, as if the client had lived.

use crate::base::fault::Fault;
use crate::engines::mysql::client::{Answer, Answers};
use crate::engines::mysql::lock::is_one;
use crate::sql::script::Statement;

/// What a message holds besides the statement.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around<'a> {
    /// A statement that must change one row before the script's is run.
    pub(crate) announcement: Option<&'a str>,
    /// A statement that must change one row afterwards.
    pub(crate) record: Option<&'a str>,
    /// Queries that the caller asks next.
    pub(crate) read_ahead: Option<&'a str>,
}

/// How a message ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The announcement could not be written; the script's statement was not run.
    NotAnnounced(Fault),
    /// The announcement changed no row, or the session has lost a lock; the script's statement was not run.
    NotHeld,
    /// The script's statement failed.
    Failed(Fault),
    /// It is done, but its record could not be written.
    NotRecorded(Fault),
    /// All is done; what the record found, where there is one, and the rows of the queries that come next, or their error.
    Done {
        /// The row of the history was the only one that changed, and the session has its locks.
        recorded: Option<Recorded>,
        /// `None` where nothing is read ahead.
        ahead: Option<Result<Vec<crate::sql::Row>, Fault>>,
    },
}

/// What writing the record found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// How many rows it found to change.
    pub(crate) rows: u64,
    /// The session has its locks.
    pub(crate) holds: bool,
}

/// DDL of tables and indexes that changes nothing of the session, and whose end both the lexer and the server see at the same
/// place. It calls no function or trigger, which could.
pub(crate) fn is_plain(statement: &Statement<'_>) -> bool {
    let verbs = ["CREATE", "ALTER", "DROP", "RENAME"];
    let is_ddl = verbs.iter().any(|verb| ["TABLE", "INDEX"].iter().any(|kind| statement.starts(&[verb, kind])))
        || statement.starts(&["CREATE", "UNIQUE", "INDEX"])
        || statement.starts(&["CREATE", "FULLTEXT", "INDEX"]);
    let may_call = ["SELECT", "VALUES", "WITH"].iter().any(|word| statement.has(word));
    let is_for_some_versions = statement.text.contains("/*!") || statement.text.contains("/*M!");
    is_ddl && !may_call && !is_for_some_versions && !statement.tokens().any(|token| token.is_open)
}

impl Around<'_> {
    /// The text of the message. `holding` is the condition that the session has its locks.
    pub(crate) fn message(&self, statement: &str, holding: &str) -> String {
        let mut parts = Vec::new();
        if let Some(announcement) = self.announcement {
            // A subquery of two rows is an error (1242), which ends the message before the statement.
            let guard = format!("SELECT IF(ROW_COUNT() = 1 AND {holding}, 1, (SELECT 1 UNION SELECT 2))");
            parts.extend([announcement.to_owned(), guard]);
        }
        // A line of its own ends a comment that the statement ends with.
        parts.push(format!("{statement}\n"));
        if let Some(record) = self.record {
            parts.extend([format!("SELECT {holding}"), record.to_owned()]);
        }
        parts.extend(self.read_ahead.map(str::to_owned));
        parts.join("; ")
    }

    /// What the answers to it mean.
    pub(crate) fn end(&self, answers: Answers) -> End {
        let Answers { mut done, fault } = answers;
        let statement = if self.announcement.is_some() { 2 } else { 0 };
        let record = statement + 1;
        let ahead = record + if self.record.is_some() { 2 } else { 0 };
        match fault {
            Some(fault) if done.len() < statement => {
                if done.is_empty() {
                    End::NotAnnounced(fault)
                } else {
                    End::NotHeld
                }
            }
            Some(fault) if done.len() == statement => End::Failed(fault),
            Some(fault) if done.len() < ahead => End::NotRecorded(fault),
            fault => {
                let rows = done.split_off(ahead.min(done.len())).into_iter().flat_map(|answer| answer.rows).collect();
                let recorded = self.record.and_then(|_| recorded(&done[record..]));
                End::Done { recorded, ahead: self.read_ahead.map(|_| fault.map_or(Ok(rows), Err)) }
            }
        }
    }
}

fn recorded(answers: &[Answer]) -> Option<Recorded> {
    let [holding, record] = answers else { return None };
    Some(Recorded { rows: record.affected, holds: is_one(holding.rows.first()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fault::Class;
    use crate::engines::mysql::SQL;
    use crate::sql::script;

    #[test]
    fn plain_is_what_changes_nothing_of_the_session() {
        for (sql, expected) in [
            ("CREATE TABLE t (a INT) -- x", true),
            ("ALTER TABLE t ADD a INT", true),
            ("create unique index i on t (a)", true),
            ("DROP TABLE t, u", true),
            ("CREATE TABLE t (a INT) SELECT f() AS a", false),
            ("CREATE TEMPORARY TABLE t (a INT)", false),
            ("CREATE VIEW v AS SELECT 1", false),
            ("CREATE TABLE t (a INT) /*!50100 PARTITION BY KEY (a) */", false),
            ("CREATE TABLE t (a INT) COMMENT 'open", false),
            ("INSERT INTO t VALUES (1)", false),
            ("SET foreign_key_checks = 0", false),
        ] {
            assert_eq!(is_plain(&script::statements(sql, SQL)[0]), expected, "{sql}");
        }
    }

    /// What is said when so many statements are done before one fails.
    fn ended(around: &Around<'_>, done: usize, fails: bool) -> &'static str {
        let answer = |at: usize| Answer { rows: vec![vec![Some("1".to_owned())]], affected: at as u64 };
        let fault = fails.then(|| Fault::new(Class::Statement, "x"));
        match around.end(Answers { done: (0..done).map(answer).collect(), fault }) {
            End::NotAnnounced(_) => "not announced",
            End::NotHeld => "not held",
            End::Failed(_) => "failed",
            End::NotRecorded(_) => "not recorded",
            End::Done { recorded: Some(Recorded { holds: true, .. }), ahead: Some(Ok(_)) } => "all done",
            End::Done { ahead: Some(Err(_)), .. } => "done, ahead failed",
            End::Done { recorded: None, ahead: None } => "done",
            End::Done { .. } => "other",
        }
    }

    #[test]
    fn the_number_of_answers_tells_which_statement_failed() {
        let whole = Around { announcement: Some("a"), record: Some("r"), read_ahead: Some("q; q") };
        let said: Vec<&str> = (0..7).map(|done| ended(&whole, done, true)).collect();
        let expected = [
            "not announced",
            "not held",
            "failed",
            "not recorded",
            "not recorded",
            "done, ahead failed",
            "done, ahead failed",
        ];
        assert_eq!(said, expected);
        assert_eq!(ended(&whole, 7, false), "all done");
        assert_eq!([ended(&Around::default(), 0, true), ended(&Around::default(), 1, false)], ["failed", "done"]);
        assert_eq!(whole.message("s -- x", "h").matches("; ").count(), 6);
    }
}
