//! What the checked scripts create themselves: no running release uses it, so nothing that happens to it is a hazard.

use std::collections::HashSet;

use crate::lint::effects::ActionEffects;
use crate::sql::actions::ActionKind;
use crate::sql::{ObjectKind, ObjectRef};

/// Objects that are new.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    /// Tables, views, indexes and types, by kind and name without a schema.
    objects: HashSet<(ObjectKind, String)>,
    /// Columns of other tables, by table and name.
    columns: HashSet<(String, String)>,
}

impl Fresh {
    /// Takes in what a statement did.
    pub(crate) fn learn(&mut self, of: &ActionEffects) {
        let Some(object) = &of.action.object else { return };
        match &of.action.kind {
            ActionKind::CreateTable(_) | ActionKind::CreateIndex(_) | ActionKind::CreateType { .. } => {
                self.objects.insert(key(object));
            }
            ActionKind::CreateView { replace: false, .. } => drop(self.objects.insert(key(object))),
            ActionKind::AddColumn(_) => drop(self.columns.insert(column(object))),
            ActionKind::Rename(new) if self.objects.remove(&key(object)) => {
                self.objects.insert((class(object), new.clone()));
            }
            ActionKind::RenameColumn(new) => {
                let (table, name) = column(object);
                if self.columns.remove(&(table.clone(), name)) {
                    self.columns.insert((table, new.clone()));
                }
            }
            ActionKind::Drop { .. } => drop(self.objects.remove(&key(object))),
            ActionKind::DropColumn => drop(self.columns.remove(&column(object))),
            _ => {}
        }
    }

    /// Whether this object, or the table that it is a part of, is new.
    pub(crate) fn has(&self, object: &ObjectRef) -> bool {
        let table = object.of_table();
        let is_new = |object: &ObjectRef| self.objects.contains(&key(object));
        let is_column = object.kind == ObjectKind::Column && self.columns.contains(&column(object));
        is_column || is_new(&table) || is_new(object)
    }
}

/// Tables and views share their names.
fn class(object: &ObjectRef) -> ObjectKind {
    if object.kind == ObjectKind::View { ObjectKind::Table } else { object.kind }
}

fn key(object: &ObjectRef) -> (ObjectKind, String) {
    (class(object), object.name.clone())
}

fn column(object: &ObjectRef) -> (String, String) {
    (object.table.clone().unwrap_or_default(), object.name.clone())
}
