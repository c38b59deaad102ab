//! Indexes: how they are built and dropped.

use crate::config::LintRule;
use crate::finding::Severity;
use crate::lint::effects::ActionEffects;
use crate::lint::hazard::Why;
use crate::lint::rules::{Found, Scene};
use crate::sql::actions::ActionKind;
use crate::sql::{Dialect, ObjectKind};

/// CREATE INDEX on a table that others write to.
pub(crate) fn built(scene: &Scene<'_>) -> Option<Found> {
    let ActionKind::CreateIndex(index) = &scene.of.action.kind else { return None };
    if scene.dialect() != Dialect::Postgres || index.concurrently || index.only || !scene.is_on_existing_table() {
        return None;
    }
    let why = Why::IndexBlocksWrites { partitioned: scene.statement().is_on_partitioned };
    Some(Found::new(LintRule::IndexWithoutConcurrently, Severity::Warning, why))
}

/// DROP INDEX, for which all others wait.
pub(crate) fn dropped(scene: &Scene<'_>) -> Option<Found> {
    let ActionKind::Drop { concurrently: false, .. } = scene.of.action.kind else { return None };
    let index = scene.existing().filter(|object| object.kind == ObjectKind::Index)?;
    let is_of_new_table =
        scene.of.effects.iter().filter_map(|effect| effect.object.as_ref()).any(|it| scene.fresh.has(it));
    if scene.dialect() != Dialect::Postgres
        || index.table.is_some()
        || is_of_new_table
        || scene.statement().drops_nothing
    {
        return None;
    }
    Some(Found::new(LintRule::DropIndexWithoutConcurrently, Severity::Notice, Why::DropsIndex))
}

/// CREATE INDEX CONCURRENTLY IF NOT EXISTS: one that failed leaves an INVALID index of that name.
pub(crate) fn hides_invalid(scene: &Scene<'_>) -> Option<Found> {
    let ActionKind::CreateIndex(index) = &scene.of.action.kind else { return None };
    let is_dropped = |of: &ActionEffects| {
        let object = of.action.object.as_ref();
        matches!(of.action.kind, ActionKind::Drop { .. })
            && object.map(|it| &it.name) == scene.object().map(|it| &it.name)
    };
    let before = scene.statements[..scene.at].iter().flat_map(|statement| &statement.actions);
    let is_hiding = index.concurrently && index.lenient && !before.into_iter().any(is_dropped);
    is_hiding.then(|| Found::new(LintRule::IfNotExistsHidesInvalid, Severity::Notice, Why::HidesInvalid))
}

/// A statement that refuses a transaction, where the folder's tool would send several statements as one.
pub(crate) fn concurrently(scene: &Scene<'_>) -> Option<Found> {
    let statement = scene.statement();
    let runner = &scene.circumstances.runner;
    let tool = runner.tool.filter(|_| runner.sends_one_message)?;
    let is_first = std::ptr::eq(scene.of, statement.actions.first()?);
    let is_wrapped = scene.statements.len() > 1 && statement.statement.refuses_transaction();
    (is_first && is_wrapped && scene.dialect() == Dialect::Postgres && scene.script.unreadable.is_none()).then(|| {
        Found::new(LintRule::ConcurrentlyInTransaction, Severity::Notice, Why::ToolWraps { tool: tool.to_owned() })
    })
}
