//! What statements mean for each other within one transaction.

use crate::config::LintRule;
use crate::finding::Severity;
use crate::lint::effects::Work;
use crate::lint::hazard::Why;
use crate::lint::rules::{Found, Scene};
use crate::sql::actions::ActionKind;
use crate::sql::script::{Statement, TokenKind};
use crate::sql::{Dialect, ObjectRef};

/// A value of an enum is used in the transaction that adds it (PostgreSQL manual, ALTER TYPE, notes: error 55P04).
pub(crate) fn uses_new_value(scene: &Scene<'_>) -> Option<Found> {
    let statement = scene.statement();
    let transaction = statement.transaction?;
    let is_action = |index: usize| statement.actions.get(index).is_some_and(|of| std::ptr::eq(of, scene.of));
    if scene.dialect() != Dialect::Postgres || !is_action(0) || is_definition(&statement.statement) {
        return None;
    }
    let before = scene.statements[..scene.at].iter().filter(|other| other.transaction == Some(transaction));
    let added = before.flat_map(|other| other.actions.iter().map(move |of| (other, of)));
    let used = added.filter_map(|(other, of)| match (&of.action.kind, &of.action.object) {
        // The values of a type that the same transaction creates may be used.
        (ActionKind::AddValue(value), Some(of)) if !scene.fresh.has(of) && uses(&statement.statement, value) => {
            Some((value.clone(), scene.script.script.line_at(other.offset)))
        }
        _ => None,
    });
    let (value, added) = used.last()?;
    Some(Found::new(LintRule::EnumValueInTransaction, Severity::Error, Why::UsesNewValue { value, added }))
}

/// Statements that name a value without using it.
fn is_definition(statement: &Statement<'_>) -> bool {
    [&["ALTER", "TYPE"][..], &["COMMENT"], &["CREATE", "FUNCTION"], &["CREATE", "OR"], &["DO"]]
        .iter()
        .any(|words| statement.starts(words))
}

fn uses(statement: &Statement<'_>, value: &str) -> bool {
    let text = format!("'{}'", value.replace('\'', "''"));
    statement.tokens().any(|token| token.kind == TokenKind::Quoted && token.text == text)
}

/// Tables that were there before and that a transaction keeps locked against writers, each with the statement since which, by its
/// place in the script.
#[derive(Debug, Default)]
pub(crate) struct Locked {
    tables: Vec<(usize, ObjectRef, usize)>,
}

impl Locked {
    /// Rows without a bound, and a VALIDATE, while a table is locked: the lock lasts as long as they take.
    pub(crate) fn judge(&mut self, scene: &Scene<'_>) -> Option<Found> {
        let transaction = scene.statement().transaction?;
        if scene.dialect() != Dialect::Postgres {
            return None;
        }
        let held = self.tables.iter().find(|(other, ..)| *other == transaction);
        let found = held.and_then(|(_, locked, since)| {
            let why = || Why::RowsUnderLock { locked: locked.clone(), since: scene.script.script.line_at(*since) };
            // The server's own catalogs are small.
            let is_catalog = scene.object().is_some_and(|object| object.name.starts_with("pg_"));
            let writes = scene.of.effects.iter().any(|effect| effect.work == Work::Rows) && !is_catalog;
            match scene.of.action.kind {
                ActionKind::Rows(_) if writes => Some(Found::new(LintRule::RowsBesideDdl, Severity::Warning, why())),
                ActionKind::ValidateConstraint if scene.is_on_existing_table() => {
                    Some(Found::new(LintRule::ConstraintWithoutNotValid, Severity::Warning, why()))
                }
                _ => None,
            }
        });
        for (object, effect) in scene.on_existing() {
            if effect.lock.blocks_writes() == Some(true) {
                self.tables.push((transaction, object.clone(), scene.statement().offset));
            }
        }
        found
    }
}
