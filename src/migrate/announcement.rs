//! Announces a statement that commits by itself, with the fingerprint of what it changes; and looks what became of it.

use crate::base::fault::Fault;
use crate::engines::session::{Failure, Session};
use crate::formats::Outcome;
use crate::formats::migration::Record;
use crate::migrate::apply::{Current, MigrationRun};
use crate::migrate::intent::Intent;
use crate::migrate::interrupted_ddl::{DdlEvidence, first_use, is_decidable, needs_intent, subjects_of};
use crate::migrate::strategy::{self, ScriptStep, Strategy};

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
        let before = match subjects_of(step, current.script.first_use) {
            Some(of) => self.migrator.session.fingerprint(&of.names).await.map_err(Failure::without_effect)?,
            None => None,
        };
        let intent = Intent { step: index, count, before };
        Ok(self.record(current, &Outcome::Failed(&intent.to_string())))
    }

    /// Whether the next start can tell what became of the step.
    pub(super) fn is_decidable(current: &Current<'_>, step: &ScriptStep<'_>) -> bool {
        is_decidable(step, current.script.first_use)
    }
}

/// What the row and the catalog tell of a statement that had begun, on an engine whose DDL commits.
pub(super) async fn ddl_evidence(
    session: &mut dyn Session,
    strategy: &Strategy<'_>,
    record: &Record,
) -> Result<Option<DdlEvidence>, Fault> {
    if !strategy::commits_ddl(session.dialect()) {
        return Ok(None);
    }
    let intent = record.message.as_deref().and_then(Intent::read);
    let step = strategy.steps.get(record.steps).filter(|_| intent.is_some());
    let subjects = step.and_then(|step| subjects_of(step, first_use(&strategy.statements)));
    let now = match subjects {
        Some(subjects) => session.fingerprint(&subjects.names).await?,
        None => None,
    };
    Ok(Some(DdlEvidence { intent, now }))
}
