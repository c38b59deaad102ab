//! Constraints: which rows are checked under which lock.

use crate::config::LintRule;
use crate::finding::Severity;
use crate::lint::effects::defaults::{self, DefaultValue};
use crate::lint::hazard::Why;
use crate::lint::rules::{Found, Scene};
use crate::sql::Dialect;
use crate::sql::actions::ActionKind;
use crate::sql::actions::constraint::ConstraintKind;

/// A primary key or a unique constraint that builds its index under the table's lock.
pub(crate) fn unique(scene: &Scene<'_>) -> Option<Found> {
    let builds = match &scene.of.action.kind {
        ActionKind::AddConstraint(added) => {
            matches!(added.kind, ConstraintKind::Unique | ConstraintKind::PrimaryKey) && !added.using_index
        }
        ActionKind::AddColumn(column) => column.indexed,
        _ => false,
    };
    let is_hazard = builds && scene.dialect() == Dialect::Postgres && scene.is_on_existing_table();
    is_hazard.then(|| Found::new(LintRule::UniqueWithoutIndex, Severity::Warning, Why::BuildsUnique))
}

/// A foreign key or a check that reads all rows under a lock.
pub(crate) fn checked(scene: &Scene<'_>) -> Option<Found> {
    let kind = match &scene.of.action.kind {
        ActionKind::AddConstraint(added) if !added.not_valid => match added.kind {
            ConstraintKind::ForeignKey | ConstraintKind::Check | ConstraintKind::NotNull => added.kind,
            _ => return None,
        },
        ActionKind::AddColumn(column) if column.checked => ConstraintKind::Check,
        // Without a default all rows have NULL, which refers to nothing.
        ActionKind::AddColumn(column)
            if column.references.is_some() && defaults::value(column.default.as_deref()) != DefaultValue::Null =>
        {
            ConstraintKind::ForeignKey
        }
        _ => return None,
    };
    let is_hazard = scene.dialect() == Dialect::Postgres && scene.is_on_existing_table();
    is_hazard.then(|| Found::new(LintRule::ConstraintWithoutNotValid, Severity::Warning, Why::ChecksRows(kind)))
}
