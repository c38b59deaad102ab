//! Announces a statement that commits by itself, with the fingerprint of what it changes.

use crate::engines::session::Failure;
use crate::formats::Outcome;
use crate::migrate::apply::{Current, MigrationRun};
use crate::migrate::intent::Intent;
use crate::migrate::interrupted_ddl::{is_decidable, needs_intent, subjects_of};
use crate::migrate::strategy::{self, ScriptStep};

impl MigrationRun<'_> {
    /// The statement that announces one of `count` steps in the history; `None` where a rollback or another try settles what
    /// became of it.
    pub(super) async fn intent(
        &mut self,
        current: &Current<'_>,
        step: &ScriptStep<'_>,
        (index, count): (usize, usize),
    ) -> Result<Option<String>, Failure> {
        if !strategy::commits_ddl(self.migrator.history.dialect) || !needs_intent(step) {
            return Ok(None);
        }
        let before = match subjects_of(step, &current.migration.script.statements()) {
            Some(of) => self.migrator.session.fingerprint(&of.names).await.map_err(Failure::without_effect)?,
            None => None,
        };
        let intent = Intent { step: index, count, before };
        Ok(self.record(current, &Outcome::Failed(&intent.to_string())))
    }

    /// Whether the next start can tell what became of the step.
    pub(super) fn is_decidable(current: &Current<'_>, step: &ScriptStep<'_>) -> bool {
        is_decidable(step, &current.migration.script.statements())
    }
}
