//! Announces a statement that commits by itself, with the fingerprint of what it changes; and looks what became of it.

use std::fmt::Write as _;

use crate::base::fault::Fault;
use crate::engines::session::{Failure, Session};
use crate::formats::Outcome;
use crate::formats::migration::{Record, sha256};
use crate::migrate::apply::{Current, MigrationRun};
use crate::migrate::intent::Intent;
use crate::migrate::interrupted_ddl::{DdlEvidence, first_use, is_decidable, needs_intent, subjects_of};
use crate::migrate::strategy::{self, ScriptStep, Strategy};
use crate::sql::subjects::Subjects;

/// How a fingerprint of definitions begins; one of the catalog's rows begins with their number.
const OF_DEFINITIONS: &str = "sha256:";

impl MigrationRun<'_> {
    /// The statement that announces one of `count` steps in the history, and counts those before it; `None` where a rollback or
    /// another try settles what became of the step.
    pub(super) async fn intent(
        &mut self,
        current: &Current<'_>,
        step: &ScriptStep<'_>,
        (index, count): (usize, usize),
    ) -> Result<Option<String>, Failure> {
        let is_announced = index == 0 && current.is_announced;
        if is_announced || !strategy::commits_ddl(self.migrator.history.dialect) || !needs_intent(step) {
            return Ok(None);
        }
        let before = match subjects_of(step, current.script.first_use) {
            Some(of) => fingerprint(self.migrator.session, &of, None).await.map_err(Failure::without_effect)?,
            None => None,
        };
        let intent = Intent { step: index, count, before };
        Ok(self.record(current, &Outcome::At(index, &intent.to_string())))
    }

    /// The query with which [`Self::intent`] will look at what a step changes, where one is enough.
    pub(super) fn look_ahead(&self, current: &Current<'_>, step: Option<&ScriptStep<'_>>) -> Option<String> {
        let session = &self.migrator.session;
        let step = step.filter(|step| strategy::commits_ddl(session.dialect()) && needs_intent(step))?;
        match subjects_of(step, current.script.first_use)? {
            Subjects { names, are_tables: true, .. } if names.len() == 1 => session.engine().definition(&names[0]).sql,
            _ => None,
        }
    }

    /// The statement that records one of `count` steps when it is done. `None` where the count waits for what comes next, which
    /// is one transaction less: the announcement of the next step, or rows that commit with their count. Until then the
    /// step's own announcement proves that it was done.
    pub(super) fn record_of_step(
        &self,
        current: &Current<'_>,
        step: &ScriptStep<'_>,
        (index, count): (usize, usize),
    ) -> Option<String> {
        let commits_ddl = strategy::commits_ddl(self.migrator.history.dialect);
        match index + 1 == count {
            true => self.record(current, &Outcome::Succeeded),
            false if commits_ddl && step.alone && Self::is_decidable(current, step) => None,
            false => self.record(current, &Outcome::Progress(index + 1)),
        }
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
        Some(subjects) => {
            let before = intent.as_ref().and_then(|intent| intent.before.as_deref());
            fingerprint(session, &subjects, before).await?
        }
        None => None,
    };
    Ok(Some(DdlEvidence { intent, now }))
}

/// The fingerprint of what a statement changes: of the definitions of tables and views; of the catalog's rows for anything else, and
/// where the session's settings alter how definitions are written. `before` is an earlier one, to which it is to be compared.
async fn fingerprint(session: &mut dyn Session, of: &Subjects, before: Option<&str>) -> Result<Option<String>, Fault> {
    let is_wanted = |is_of_definitions| before.is_none_or(|it| it.starts_with(OF_DEFINITIONS) == is_of_definitions);
    if of.are_tables
        && is_wanted(true)
        && let Some(texts) = definitions(session, &of.names).await?
    {
        return Ok(Some(format!("{OF_DEFINITIONS}{}", sha256(&texts))));
    }
    if is_wanted(false) { session.fingerprint(&of.names).await } else { Ok(None) }
}

/// The definitions of these tables, one after the other; `None` where one cannot be told.
async fn definitions(session: &mut dyn Session, names: &[String]) -> Result<Option<String>, Fault> {
    if !session.shows_definitions().await? {
        return Ok(None);
    }
    let mut texts = String::new();
    for name in names {
        let Some(definition) = session.definition(name).await? else { return Ok(None) };
        let _ = writeln!(texts, "{name} {} {definition}", definition.len());
    }
    Ok(Some(texts))
}
