//! Asks what a migration wants to know of the database before it runs (Liquibase's preconditions), and decides.

use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::formats::guard::{Guard, OnFailure, Question};
use crate::formats::migration::Migration;
use crate::migrate::apply::MigrationRun;
use crate::sql::script;

/// How the questions were answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    AsExpected,
    /// One was answered otherwise, or could not be asked; with the reason.
    Unexpected(String),
    Failed(String),
}

impl MigrationRun<'_> {
    /// Whether the migration is to run. One that is only to be recorded is recorded here.
    ///
    /// # Errors
    /// [`Error::History`] where the answers stop the start.
    pub(super) async fn passes_guard(&mut self, migration: &Migration) -> Result<bool, Error> {
        let Some(guard) = self.ledger.guard(migration) else { return Ok(true) };
        let answer = self.answer(&guard, &migration.name).await?;
        let name = &migration.name;
        let (outcome, why) = match outcome(&guard, answer) {
            None => return Ok(true),
            Some(decided) => decided,
        };
        match outcome {
            OnFailure::Halt => Err(Error::History(format!(
                "{name} was not run: its precondition is not met ({why})\n\
                 next: make it true, or change the precondition; what came before {name} is applied"
            ))),
            OnFailure::Run => {
                tracing::warn!(
                    phase = "migrate",
                    event = "precondition",
                    migration = name,
                    "{name} runs although {why}"
                );
                Ok(true)
            }
            OnFailure::Record => {
                let id = self.ledger.new_id(None);
                if let Some(sql) = self.ledger.pass_over(self.row(&id), migration) {
                    let recorded = self.migrator.session.execute(sql).await;
                    recorded.map_err(Error::statement(format!("record that {name} does not run")))?;
                }
                tracing::warn!(
                    phase = "migrate",
                    event = "passed_over",
                    migration = name,
                    "{name} is recorded and does not run, as its precondition says: {why}"
                );
                Ok(false)
            }
        }
    }

    async fn answer(&mut self, guard: &Guard, name: &str) -> Result<Answer, Error> {
        for Question { sql, expected } in &guard.questions {
            // Without its texts in quotes: they may contain a secret.
            let shown = script::summary(sql, self.migrator.history.dialect);
            match self.migrator.session.query(sql.clone()).await {
                Err(fault) if fault.class.is_transient() => {
                    return Err(Error::Lost { doing: format!("asking what {name} wants to know"), fault });
                }
                Err(Fault { message, .. }) => return Ok(Answer::Failed(format!("{shown}: {message}"))),
                Ok(rows) => {
                    let found = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
                    let found = found.unwrap_or_default();
                    if found.trim() != expected {
                        return Ok(Answer::Unexpected(format!("{shown} gives {found}, and {expected} is expected")));
                    }
                }
            }
        }
        Ok(Answer::AsExpected)
    }
}

/// What becomes of the migration, and why; `None`: it runs.
fn outcome(guard: &Guard, answer: Answer) -> Option<(OnFailure, String)> {
    match answer {
        Answer::AsExpected => None,
        Answer::Unexpected(why) => Some((guard.on_fail, why)),
        Answer::Failed(why) => Some((guard.on_error, why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_and_a_failure_have_their_own_outcomes() {
        let guard = Guard { questions: Vec::new(), on_fail: OnFailure::Record, on_error: OnFailure::Halt };
        assert_eq!(outcome(&guard, Answer::AsExpected), None);
        assert_eq!(outcome(&guard, Answer::Unexpected("x".to_owned())), Some((OnFailure::Record, "x".to_owned())));
        assert_eq!(outcome(&guard, Answer::Failed("y".to_owned())), Some((OnFailure::Halt, "y".to_owned())));
    }
}
