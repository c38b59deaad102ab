//! Columns: new ones, other types, NOT NULL.

use crate::config::LintRule;
use crate::finding::Severity;
use crate::lint::effects::Work;
use crate::lint::effects::defaults::{self, DefaultValue};
use crate::lint::hazard::{RowValues, Why};
use crate::lint::rules::{Found, Scene};
use crate::sql::Dialect;
use crate::sql::actions::column::Generated;
use crate::sql::actions::{ActionKind, Extent, RowVerb};

/// SET NOT NULL reads all rows, unless a valid CHECK says as much.
pub(crate) fn not_null(scene: &Scene<'_>) -> Option<Found> {
    let is_read = scene.of.effects.iter().any(|effect| effect.work == Work::Scan);
    let is_set = scene.of.action.kind == ActionKind::SetNotNull && is_read && scene.is_on_existing_table();
    is_set.then(|| Found::new(LintRule::SetNotNull, Severity::Warning, Why::ReadsForNotNull))
}

/// ADD COLUMN with a value of its own for each row.
pub(crate) fn added(scene: &Scene<'_>) -> Option<Found> {
    let ActionKind::AddColumn(column) = &scene.of.action.kind else { return None };
    if scene.dialect() != Dialect::Postgres || !scene.is_on_existing_table() {
        return None;
    }
    let (values, severity) = match (column.generated, defaults::value(column.default.as_deref())) {
        (Some(Generated::Numbered), _) => (RowValues::Numbered, Severity::Warning),
        (Some(Generated::Stored), _) => (RowValues::Stored, Severity::Warning),
        (None, DefaultValue::Volatile) => (RowValues::Volatile, Severity::Warning),
        // That it builds an index is certain, and worse.
        (None, DefaultValue::Unknown) if !column.indexed => (RowValues::Unknown, Severity::Notice),
        _ => return None,
    };
    Some(Found::new(LintRule::VolatileDefault, severity, Why::ValuesDiffer(values)))
}

/// ADD COLUMN … NOT NULL without a value for the rows that are there.
pub(crate) fn without_value(scene: &Scene<'_>) -> Option<Found> {
    let ActionKind::AddColumn(column) = &scene.of.action.kind else { return None };
    let has_value = column.generated.is_some() || defaults::value(column.default.as_deref()) != DefaultValue::Null;
    if !column.not_null || has_value || !scene.is_on_existing_table() || is_emptied_before(scene) {
        return None;
    }
    Some(match scene.dialect() {
        // The rows get the type's zero value (manual 13.6, "implicit defaults").
        Dialect::Mysql => Found::new(LintRule::NotNullWithoutDefault, Severity::Warning, Why::NoValueFromRelease),
        Dialect::Postgres | Dialect::Sqlite => {
            Found::new(LintRule::NotNullWithoutDefault, Severity::Error, Why::NoValueForRows)
        }
    })
}

/// Whether the script removes all rows of the table before.
fn is_emptied_before(scene: &Scene<'_>) -> bool {
    let table = scene.object().map(crate::sql::ObjectRef::of_table);
    scene.statements[..scene.at].iter().flat_map(|statement| &statement.actions).any(|of| {
        let empties = match &of.action.kind {
            ActionKind::Truncate => true,
            ActionKind::Rows(change) => change.verb == RowVerb::Delete && change.extent == Extent::All,
            _ => false,
        };
        empties && of.action.object == table
    })
}

/// A type for which all rows are written anew.
pub(crate) fn retyped(scene: &Scene<'_>) -> Option<Found> {
    let ActionKind::SetType { type_name, .. } = &scene.of.action.kind else { return None };
    if !scene.is_on_existing_table() {
        return None;
    }
    let works = || scene.of.effects.iter().map(|effect| effect.work);
    let (certain, severity) = match () {
        () if works().any(|work| work == Work::Rewrite) => (true, Severity::Warning),
        () if works().any(|work| work == Work::Unknown) => (false, Severity::Notice),
        () => return None,
    };
    Some(Found::new(LintRule::TypeChange, severity, Why::ChangesType { certain, to: type_name.clone() }))
}
