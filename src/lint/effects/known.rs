//! What is known of the database from the scripts that ran before: the types of columns, keys, what an index is on. It makes
//! effects exact where the text of a statement alone does not; nothing is concluded from what is not known.

use std::collections::{HashMap, HashSet};

use crate::lint::by_name::ByName;
use crate::sql::actions::column::NewColumn;
use crate::sql::actions::constraint::{ConstraintKind, NewConstraint};
use crate::sql::actions::{Action, ActionKind, ColumnSetting, NewTable};
use crate::sql::names::names;
use crate::sql::{Dialect, ObjectKind, ObjectRef};

/// What is known of a database.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// The major version of a PostgreSQL server, if it was asked.
    pub(crate) postgres: Option<u32>,
    /// The scripts are all that ever ran.
    pub(crate) is_complete: bool,
    tables: ByName<String, KnownTable>,
    /// By index, its table.
    indexes: ByName<String, ObjectRef>,
    enums: ByName<String, ()>,
    views: ByName<String, ()>,
}

/// What is known of a table.
#[derive(Debug, Clone, Default)]
struct KnownTable {
    /// By column, its type as it was declared.
    types: HashMap<String, String>,
    /// Columns that may not be NULL.
    not_null: HashSet<String>,
    /// Columns that are a key by themselves.
    keys: HashSet<String>,
    constraints: HashMap<String, KnownConstraint>,
    is_partitioned: bool,
    /// Its creation is known, hence all of its foreign keys.
    is_whole: bool,
    /// The tables that its foreign keys refer to, those of columns included.
    references: Vec<ObjectRef>,
}

/// What is known of a constraint that has a name.
#[derive(Debug, Clone)]
struct KnownConstraint {
    kind: ConstraintKind,
    /// All rows were checked.
    is_valid: bool,
    text: String,
    references: Option<ObjectRef>,
}

/// The name of the table of a part; of a table, its own.
fn table_name(object: &ObjectRef) -> &str {
    object.table.as_deref().unwrap_or(&object.name)
}

impl Known {
    /// Nothing, of a PostgreSQL server of this major version.
    pub(crate) fn of_server(postgres: Option<u32>) -> Self {
        Self { postgres, ..Self::default() }
    }

    /// Nothing, before scripts that are all that ever ran.
    pub(crate) fn of_scripts(is_complete: bool) -> Self {
        Self { is_complete, ..Self::default() }
    }

    /// Takes in what a statement did.
    pub(crate) fn learn(&mut self, action: &Action, dialect: Dialect) {
        let Some(object) = &action.object else { return };
        let (schema, name) = (object.schema.as_deref(), table_name(object));
        match &action.kind {
            ActionKind::CreateTable(table) => self.created(object, table, dialect),
            ActionKind::CreateType { is_enum: true } => self.enums.insert(schema, object.name.clone(), ()),
            ActionKind::CreateIndex(_) => self.indexes.insert(schema, object.name.clone(), object.of_table()),
            ActionKind::CreateView { .. } => self.views.insert(schema, name.to_owned(), ()),
            ActionKind::Drop { .. } if object.kind == ObjectKind::Table => drop(self.tables.remove(schema, name)),
            ActionKind::Drop { .. } => drop(self.indexes.remove(schema, &object.name)),
            ActionKind::Rename(new) if object.kind == ObjectKind::Table => {
                self.tables.rename((schema, name), (new.schema.as_deref(), new.name.clone()));
            }
            ActionKind::Rename(new) if object.kind == ObjectKind::Index => {
                self.indexes.rename((schema, &object.name), (new.schema.as_deref(), new.name.clone()));
            }
            ActionKind::Rename(new) if object.kind == ObjectKind::Schema => {
                self.tables.rename_schema(&object.name, &new.name);
                self.indexes.rename_schema(&object.name, &new.name);
                self.enums.rename_schema(&object.name, &new.name);
                self.views.rename_schema(&object.name, &new.name);
            }
            ActionKind::Move(to) if object.kind == ObjectKind::Table => {
                self.tables.move_to(schema, name.to_owned(), to)
            }
            kind => {
                // Only tables whose creation is known are followed.
                if let Some(table) = self.tables.get_mut(schema, name) {
                    table.learn(object, kind, dialect);
                }
            }
        }
    }

    fn created(&mut self, object: &ObjectRef, new: &NewTable, dialect: Dialect) {
        if new.lenient && self.table_of(object).is_some() {
            return;
        }
        let is_whole = !new.names_others && !new.from_query && new.partition_of.is_none();
        let mut table = KnownTable { is_whole, is_partitioned: new.partitioned, ..KnownTable::default() };
        for (column, declared) in &new.columns {
            table.declare(column, declared);
        }
        for constraint in &new.constraints {
            table.constrain(constraint, dialect);
        }
        self.tables.insert(object.schema.as_deref(), object.name.clone(), table);
    }

    /// The table, or that of a part.
    fn table_of(&self, object: &ObjectRef) -> Option<&KnownTable> {
        self.tables.get(object.schema.as_deref(), table_name(object))
    }

    /// The type of a column, as it was declared.
    pub(crate) fn type_of(&self, column: &ObjectRef) -> Option<&str> {
        self.table_of(column)?.types.get(&column.name).map(String::as_str)
    }

    /// Whether a type is an enum that the scripts create.
    pub(crate) fn is_enum(&self, type_name: &str) -> bool {
        let name = ObjectRef::written(ObjectKind::Type, type_name.trim_end_matches("[]"));
        self.enums.has(name.schema.as_deref(), &name.name)
    }

    /// Whether its creation is known, or that of its table.
    pub(crate) fn has(&self, object: &ObjectRef) -> bool {
        let schema = object.schema.as_deref();
        match object.kind {
            ObjectKind::View => self.views.has(schema, &object.name),
            ObjectKind::Index if object.table.is_none() => self.indexes.has(schema, &object.name),
            ObjectKind::Type | ObjectKind::Schema => true,
            _ => self.table_of(object).is_some(),
        }
    }

    /// Whether the table of an object is known to be partitioned.
    pub(crate) fn is_partitioned(&self, object: &ObjectRef) -> bool {
        self.table_of(object).is_some_and(|table| table.is_partitioned)
    }

    /// Whether a column is a key of the table by itself. Where the table is not known, `id` is taken for one.
    pub(crate) fn is_key(&self, table: &ObjectRef, column: &str) -> bool {
        match self.table_of(table) {
            Some(table) => table.keys.contains(column),
            None => column.eq_ignore_ascii_case("id"),
        }
    }

    /// Whether no row can have NULL in the column, as the server itself knows: it may not, or a valid CHECK says so
    /// (PostgreSQL manual, ALTER TABLE, SET NOT NULL).
    pub(crate) fn is_never_null(&self, column: &ObjectRef) -> bool {
        let Some(table) = self.table_of(column) else { return false };
        let says_so = |constraint: &KnownConstraint| {
            constraint.kind == ConstraintKind::Check
                && constraint.is_valid
                && is_not_null_check(&constraint.text, &column.name)
        };
        table.not_null.contains(&column.name) || table.constraints.values().any(says_so)
    }

    /// The table of an index.
    pub(crate) fn table_of_index(&self, index: &ObjectRef) -> Option<&ObjectRef> {
        self.indexes.get(index.schema.as_deref(), &index.name)
    }

    /// The tables that foreign keys of a table refer to; `None` where they are not known.
    pub(crate) fn references(&self, table: &ObjectRef) -> Option<&[ObjectRef]> {
        self.table_of(table).filter(|table| table.is_whole).map(|table| table.references.as_slice())
    }

    /// The other end of a constraint: `None` where the constraint is not known, `Some(None)` where it has none.
    pub(crate) fn other_end(&self, constraint: &ObjectRef) -> Option<Option<&ObjectRef>> {
        let known = self.table_of(constraint)?.constraints.get(&constraint.name)?;
        Some(known.references.as_ref())
    }
}

impl KnownTable {
    fn declare(&mut self, column: &str, declared: &NewColumn) {
        self.types.insert(column.to_owned(), declared.type_name.clone());
        if declared.not_null {
            self.not_null.insert(column.to_owned());
        }
        if declared.indexed {
            self.keys.insert(column.to_owned());
        }
        self.references.extend(declared.references.clone());
    }

    fn constrain(&mut self, constraint: &NewConstraint, dialect: Dialect) {
        let columns = names(&constraint.text, dialect);
        let is_key = matches!(constraint.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique);
        if let ([column], true) = (columns.as_slice(), is_key) {
            self.keys.insert(column.clone());
        }
        if constraint.kind == ConstraintKind::PrimaryKey {
            self.not_null.extend(columns);
        }
        self.references.extend(constraint.references.clone());
        if let Some(name) = constraint.name.clone() {
            let known = KnownConstraint {
                kind: constraint.kind,
                is_valid: !constraint.not_valid,
                text: constraint.text.clone(),
                references: constraint.references.clone(),
            };
            self.constraints.insert(name, known);
        }
    }

    fn learn(&mut self, object: &ObjectRef, kind: &ActionKind, dialect: Dialect) {
        let name = &object.name;
        match kind {
            ActionKind::AddColumn(column) => self.declare(name, column),
            ActionKind::Redeclare(column) => {
                self.forget(name);
                let new = column.new_name.as_ref().unwrap_or(name);
                self.declare(new, column);
            }
            ActionKind::DropColumn => self.forget(name),
            ActionKind::RenameColumn(new) => {
                if let Some(of) = self.types.remove(name) {
                    self.types.insert(new.clone(), of);
                }
                for set in [&mut self.not_null, &mut self.keys] {
                    if set.remove(name) {
                        set.insert(new.clone());
                    }
                }
            }
            ActionKind::SetType { type_name, .. } => drop(self.types.insert(name.clone(), type_name.clone())),
            ActionKind::SetNotNull => drop(self.not_null.insert(name.clone())),
            ActionKind::SetColumn(ColumnSetting::DropNotNull) => drop(self.not_null.remove(name)),
            ActionKind::AddConstraint(constraint) => self.constrain(constraint, dialect),
            ActionKind::ValidateConstraint => {
                if let Some(constraint) = self.constraints.get_mut(name) {
                    constraint.is_valid = true;
                }
            }
            ActionKind::DropConstraint => drop(self.constraints.remove(name)),
            ActionKind::RenameConstraint(new) => {
                if let Some(constraint) = self.constraints.remove(name) {
                    self.constraints.insert(new.clone(), constraint);
                }
            }
            ActionKind::Unread => self.is_whole = false,
            _ => {}
        }
    }

    fn forget(&mut self, column: &str) {
        self.types.remove(column);
        self.not_null.remove(column);
        self.keys.remove(column);
    }
}

/// `(a IS NOT NULL)`.
fn is_not_null_check(text: &str, column: &str) -> bool {
    let inner = text.trim().trim_start_matches('(').trim_end_matches(')').trim();
    let words: Vec<&str> = inner.split_whitespace().collect();
    let [name, is, not, null] = words.as_slice() else { return false };
    let says = [is, not, null].iter().zip(["IS", "NOT", "NULL"]).all(|(word, is)| word.eq_ignore_ascii_case(is));
    says && crate::sql::cursor::bare(name) == column
}
