//! `[require]` of doorstep.toml, parsed: each requirement with its line. `verify::requirements` compares them with the catalog.

use crate::base::error::Error;
use crate::catalog::Origin;
use crate::config::requirement_form::{ColumnForm, ConstraintForm, EnumForm, IndexForm, RowForm};
use crate::sql::{Dialect, ObjectKind, ObjectRef, TableName, script};

/// A requirement, with its file and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<T> {
    /// What is required.
    pub what: T,
    /// Its file and line.
    pub origin: Origin,
}

/// All requirements of `[require]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Require {
    /// Tables and views, wherever the search path leads.
    pub tables: Vec<Line<TableName>>,
    /// Columns.
    pub columns: Vec<Line<ColumnForm>>,
    /// Indexes.
    pub indexes: Vec<Line<IndexForm>>,
    /// Enum types.
    pub enums: Vec<Line<EnumForm>>,
    /// Extensions.
    pub extensions: Vec<Line<String>>,
    /// Primary keys, unique and foreign keys, checks, exclusions.
    pub constraints: Vec<Line<ConstraintForm>>,
    /// At least one row each.
    pub rows: Vec<Line<RowForm>>,
    /// Objects that must not exist.
    pub absent: Vec<Line<ObjectRef>>,
}

impl Require {
    /// True if no requirement needs the catalog: tables and rows are checked by queries of their own.
    #[must_use]
    pub(crate) fn is_silent(&self) -> bool {
        self.columns.is_empty()
            && self.indexes.is_empty()
            && self.enums.is_empty()
            && self.extensions.is_empty()
            && self.constraints.is_empty()
            && self.absent.is_empty()
    }

    /// The schemas that requirements name: the catalog of each is read.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter().map(|line| &line.what.table);
        let indexes = self.indexes.iter().map(|line| match &line.what {
            IndexForm::Named(name) | IndexForm::On { table: name, .. } => name,
        });
        let enums = self.enums.iter().map(|line| &line.what.name);
        let constraints = self.constraints.iter().filter_map(|line| line.what.table.as_ref());
        let absent = self.absent.iter().filter_map(|line| line.what.schema.as_deref());
        let names = columns.chain(indexes).chain(enums).chain(constraints);
        names.filter_map(|name| name.schema.as_deref()).chain(absent)
    }

    /// Whether the engine can be asked all this, which is known before it is.
    ///
    /// # Errors
    /// [`Error::Settings`] with the line of what makes no sense.
    pub(crate) fn suits(&self, dialect: Dialect) -> Result<(), Error> {
        let refuse = |origin: &Origin, why: String| Err(settings_error(origin, &why));
        if dialect == Dialect::Sqlite {
            let absent = self.absent.iter().filter(|line| line.what.kind == ObjectKind::Enum);
            let enums = self.enums.iter().map(|line| &line.origin).chain(absent.map(|line| &line.origin));
            let extensions = self.extensions.iter().map(|line| (&line.origin, "extensions"));
            if let Some((origin, things)) = enums.map(|origin| (origin, "enums")).chain(extensions).next() {
                return refuse(origin, format!("{things} are required, but SQLite has none"));
            }
        }
        for Line { what, origin } in &self.rows {
            let Some(condition) = what.condition.as_deref() else { continue };
            // The condition becomes part of a query: with another line behind it, it must still be one statement.
            let followed = format!("{condition}\nx");
            let counts = [condition, followed.as_str()].map(|text| script::statements(text, dialect).len());
            if counts != [1, 1] || !script::is_complete(condition, dialect) {
                return refuse(origin, format!("`{}` does not end with one condition", what.text));
            }
        }
        Ok(())
    }
}

/// The error for a line of doorstep.toml.
pub(crate) fn settings_error(Origin { file, line }: &Origin, why: &str) -> Error {
    Error::Settings(format!("{file}:{line}: {why}"))
}
