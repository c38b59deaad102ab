//! What the checked scripts create themselves: no running release uses it, so nothing that happens to it is a hazard.

use crate::lint::by_name::ByName;
use crate::lint::effects::ActionEffects;
use crate::sql::actions::ActionKind;
use crate::sql::{ObjectKind, ObjectRef};

/// Objects that are new.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    /// Tables, views, indexes and types.
    objects: ByName<(ObjectKind, String), ()>,
    /// Columns of other tables, by table and name.
    columns: ByName<(String, String), ()>,
}

impl Fresh {
    /// Takes in what a statement did.
    pub(crate) fn learn(&mut self, of: &ActionEffects) {
        let Some(object) = &of.action.object else { return };
        let schema = object.schema.as_deref();
        match &of.action.kind {
            ActionKind::CreateTable(_)
            | ActionKind::CreateIndex(_)
            | ActionKind::CreateType { .. }
            | ActionKind::CreateView { replace: false, .. } => self.objects.insert(schema, key(object), ()),
            ActionKind::AddColumn(_) => self.columns.insert(schema, column(object), ()),
            ActionKind::Rename(new) if object.kind == ObjectKind::Schema => {
                self.objects.rename_schema(&object.name, &new.name);
                self.columns.rename_schema(&object.name, &new.name);
            }
            ActionKind::Rename(new) => self.objects.rename((schema, &key(object)), (new.schema.as_deref(), key(new))),
            ActionKind::Move(to) => self.objects.move_to(schema, key(object), to),
            ActionKind::RenameColumn(new) => {
                let (table, name) = column(object);
                self.columns.rename((schema, &(table.clone(), name)), (schema, (table, new.clone())));
            }
            ActionKind::Drop { .. } => drop(self.objects.remove(schema, &key(object))),
            ActionKind::DropColumn => drop(self.columns.remove(schema, &column(object))),
            _ => {}
        }
    }

    /// Whether this object, or the table that it is a part of, is new.
    pub(crate) fn has(&self, object: &ObjectRef) -> bool {
        let (table, schema) = (object.of_table(), object.schema.as_deref());
        let is_new = |object: &ObjectRef| self.objects.has(schema, &key(object));
        let is_column = object.kind == ObjectKind::Column && self.columns.has(schema, &column(object));
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
