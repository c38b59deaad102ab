//! SQLite: each write locks the whole database against other writers until the transaction ends.

use crate::lint::effects::{Effect, Known, Lock, Reach, Work, is_quiet, itself, rows, unknown};
use crate::sql::actions::{Action, ActionKind, Upkeep};

/// What an action does.
pub(crate) fn effects(action: &Action, known: &Known) -> Vec<Effect> {
    if is_quiet(&action.kind) {
        return Vec::new();
    }
    let Some(object) = &action.object else {
        return match action.kind {
            ActionKind::Upkeep(Upkeep::Rewrites) => {
                vec![Effect { object: None, reach: Reach::Connected, lock: Lock::Database, work: Work::Rewrite }]
            }
            ActionKind::Upkeep(Upkeep::Light) | ActionKind::Reindex { .. } => {
                vec![Effect { object: None, reach: Reach::Connected, lock: Lock::Database, work: Work::IndexBuild }]
            }
            _ => vec![unknown(None)],
        };
    };
    let of = |work| vec![itself(&object.of_table(), Lock::Database, work)];
    match &action.kind {
        ActionKind::CreateTable(table) => {
            let work = if table.from_query { Work::Unknown } else { Work::None };
            vec![Effect { reach: Reach::New, ..itself(object, Lock::Database, work) }]
        }
        ActionKind::CreateIndex(_) | ActionKind::Reindex { .. } => of(Work::IndexBuild),
        // "ALTER TABLE": adding and renaming change the schema's text; with a CHECK or NOT NULL the rows are tested.
        ActionKind::AddColumn(column) if column.checked || column.not_null => of(Work::Scan),
        ActionKind::AddColumn(_) | ActionKind::RenameColumn(_) | ActionKind::Rename(_) => of(Work::None),
        // DROP COLUMN writes the rows anew, DROP TABLE frees each page.
        ActionKind::DropColumn => of(Work::Rewrite),
        ActionKind::Drop { .. } => of(Work::Scan),
        ActionKind::Rows(change) => of(rows(change, object, known)),
        ActionKind::Upkeep(_) => of(Work::Scan),
        ActionKind::Attach(_) | ActionKind::CreateView { .. } => of(Work::None),
        _ => vec![unknown(Some(object.of_table()))],
    }
}
