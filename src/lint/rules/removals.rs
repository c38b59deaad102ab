//! Names that a running release knows, and rows that do not come back.

use crate::config::LintRule;
use crate::finding::Severity;
use crate::lint::hazard::Why;
use crate::lint::reading::ReadStatement;
use crate::lint::rules::{Found, Scene};
use crate::sql::actions::ActionKind;
use crate::sql::{ObjectKind, ObjectRef};

/// A table, a view, a column or an enum's value gets another name, or another schema.
pub(crate) fn renamed(scene: &Scene<'_>) -> Option<Found> {
    let object = scene.existing()?;
    let to = match &scene.of.action.kind {
        ActionKind::Rename(to) if to == object => return None,
        ActionKind::Rename(to) if to.schema == object.schema => to.name.clone(),
        ActionKind::Rename(to) => to.qualified_name(),
        ActionKind::Move(to) => format!("{to}.{}", object.name),
        ActionKind::Redeclare(column) => column.new_name.clone().filter(|to| *to != object.name)?,
        ActionKind::RenameColumn(to) | ActionKind::RenameValue(to) if *to != object.name => to.clone(),
        _ => return None,
    };
    let is_value = matches!(scene.of.action.kind, ActionKind::RenameValue(_));
    let is_used = is_value || matches!(object.kind, ObjectKind::Table | ObjectKind::View | ObjectKind::Column);
    if !is_used || is_made_again(object, scene.later(), true) {
        return None;
    }
    Some(Found::new(LintRule::Rename, Severity::Error, Why::Renames { to }))
}

/// A table, a view, a column or a schema is dropped.
pub(crate) fn dropped(scene: &Scene<'_>) -> Option<Found> {
    if !matches!(scene.of.action.kind, ActionKind::Drop { .. } | ActionKind::DropColumn) {
        return None;
    }
    let object = scene.existing()?;
    let (severity, creation_counts) = match object.kind {
        ObjectKind::Table | ObjectKind::Schema | ObjectKind::Column => (Severity::Error, false),
        ObjectKind::View => (Severity::Warning, true),
        _ => return None,
    };
    if scene.statement().drops_nothing || is_made_again(object, scene.later(), creation_counts) {
        return None;
    }
    Some(Found::new(LintRule::Drop, severity, Why::Drops))
}

/// All rows of a table are removed.
pub(crate) fn emptied(scene: &Scene<'_>) -> Option<Found> {
    let is_emptied = scene.of.action.kind == ActionKind::Truncate && scene.existing().is_some();
    is_emptied.then(|| Found::new(LintRule::Truncate, Severity::Error, Why::Empties))
}

/// Whether later statements of the script put something in the place of `object`: a table or view with the rows of the old one
/// that gets its name; where `creation_counts`, also a view or a table that is created.
fn is_made_again(object: &ObjectRef, later: &[ReadStatement<'_>], creation_counts: bool) -> bool {
    let is_whole = matches!(object.kind, ObjectKind::Table | ObjectKind::View);
    later.iter().flat_map(|statement| &statement.actions).any(|of| match (&of.action.kind, &of.action.object) {
        (ActionKind::Rename(to), Some(other)) => is_whole && to.shares_name(object) && other.kind == object.kind,
        (ActionKind::CreateView { .. }, Some(view)) => is_whole && view.name == object.name,
        (ActionKind::CreateTable(_), Some(table)) => creation_counts && is_whole && table.name == object.name,
        _ => false,
    })
}
