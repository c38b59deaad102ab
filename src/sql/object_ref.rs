//! [`ObjectRef`]: the one way to name a database object. Scripts, requirements, `verify_allow` and findings all use it.
//!
//! Names are as the database stores them: without quotes, unquoted ones folded. It holds no properties of the object
//! (that is `catalog`), and it does not say whether the object exists.

use std::fmt;

use crate::sql::cursor::{parts, stored};
use crate::sql::{Dialect, TableName};

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A schema (namespace).
    Schema,
    /// A table, partitioned and foreign ones included.
    Table,
    /// A column of a table.
    Column,
    /// The primary key of a table.
    PrimaryKey,
    /// A unique index or unique constraint.
    Unique,
    /// Any other index; in a script, an index of either sort.
    Index,
    /// A foreign key, known by its columns.
    ForeignKey,
    /// An enum type.
    Enum,
    /// An extension.
    Extension,
    /// A view, materialised views included.
    View,
    /// A constraint that is known by its name only.
    Constraint,
    /// A required row: its name is the text of the requirement.
    Row,
    /// A `[[query]]` of doorstep.toml.
    Query,
    /// A sequence.
    Sequence,
    /// A type or domain, as a script creates one: it may be an enum or not.
    Type,
    /// A value of an enum type.
    EnumValue,
}

impl ObjectKind {
    /// The kinds that findings of `verify` are about, hence those that `verify_allow` accepts.
    pub const REPORTED: [Self; 13] = [
        Self::Schema,
        Self::Table,
        Self::Column,
        Self::PrimaryKey,
        Self::Unique,
        Self::Index,
        Self::ForeignKey,
        Self::Enum,
        Self::Extension,
        Self::View,
        Self::Constraint,
        Self::Row,
        Self::Query,
    ];

    /// The word for it in results, in `verify_allow` and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Table => "table",
            Self::Column => "column",
            Self::PrimaryKey => "primary_key",
            Self::Unique => "unique",
            Self::Index => "index",
            Self::ForeignKey => "foreign_key",
            Self::Enum => "enum",
            Self::Extension => "extension",
            Self::View => "view",
            Self::Constraint => "constraint",
            Self::Row => "row",
            Self::Query => "query",
            Self::Sequence => "sequence",
            Self::Type => "type",
            Self::EnumValue => "value",
        }
    }
}

/// A database object by its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// What it is.
    pub kind: ObjectKind,
    /// Its schema, or that of its table; `None` where the name leaves it to the search path.
    pub schema: Option<String>,
    /// The table that it is a part of, where that is known; for a value, its enum.
    pub table: Option<String>,
    /// Its own name; empty for a primary key and a foreign key.
    pub name: String,
    /// The columns of a foreign key; empty for all else.
    pub columns: Vec<String>,
}

impl ObjectRef {
    /// An object that is no part of another one.
    #[must_use]
    pub fn new(kind: ObjectKind, schema: Option<String>, name: impl Into<String>) -> Self {
        Self { kind, schema, table: None, name: name.into(), columns: Vec::new() }
    }

    /// The object whose name a script writes so: `app."User"`.
    #[must_use]
    pub(crate) fn written(kind: ObjectKind, name: &str) -> Self {
        let mut parts = parts(name);
        let name = stored(parts.pop().unwrap_or_default());
        Self::new(kind, parts.pop().map(stored), name)
    }

    /// This whole once a statement has renamed it to what is written so. Where a schema is a database, a new name without one is
    /// in that of the session (MySQL manual 15.1.36); elsewhere a whole stays in its schema.
    #[must_use]
    pub(crate) fn renamed(&self, written: &str, dialect: Dialect) -> Self {
        let new = Self::written(self.kind, written);
        let schema = if dialect.home().is_empty() { new.schema } else { self.schema.clone() };
        Self { schema, name: new.name, ..self.clone() }
    }

    /// Whether both names may be of one object: they are the same, in one schema or in one that is not named.
    #[must_use]
    pub(crate) fn shares_name(&self, other: &Self) -> bool {
        self.name == other.name && are_in_one(self.schema.as_deref(), other.schema.as_deref())
    }

    /// A part of this table or enum.
    #[must_use]
    pub fn part(&self, kind: ObjectKind, name: impl Into<String>) -> Self {
        let (schema, table) = (self.schema.clone(), Some(self.name.clone()));
        Self { kind, schema, table, name: name.into(), columns: Vec::new() }
    }

    /// The table that this is a part of; itself where it is none.
    #[must_use]
    pub(crate) fn of_table(&self) -> Self {
        match &self.table {
            Some(table) => Self::new(ObjectKind::Table, self.schema.clone(), table),
            None => self.clone(),
        }
    }

    /// A foreign key of this table.
    #[must_use]
    pub fn foreign_key_over(&self, columns: Vec<String>) -> Self {
        Self { columns, ..self.part(ObjectKind::ForeignKey, "") }
    }

    /// The same object in this schema, unless its own name says in which it is.
    #[must_use]
    pub fn within(&self, schema: &str) -> Self {
        let has_schema = !matches!(self.kind, ObjectKind::Schema | ObjectKind::Extension);
        let schema = self.schema.clone().or_else(|| has_schema.then(|| schema.to_owned()));
        Self { schema, ..self.clone() }
    }

    /// The name without its kind: what `verify_allow` matches.
    #[must_use]
    pub fn qualified_name(&self) -> String {
        // An index is named in its schema, beside its table.
        let is_beside = matches!(self.kind, ObjectKind::Unique | ObjectKind::Index);
        let table = self.table.as_deref().filter(|_| !is_beside);
        let columns = (!self.columns.is_empty()).then(|| self.columns.join(","));
        let name = match (self.kind, &self.schema) {
            // Written as in a list of tables, where a dot or a comma separates.
            (ObjectKind::Table, None) => TableName { schema: None, name: self.name.clone() }.to_string(),
            _ => self.name.clone(),
        };
        let name = Some(name).filter(|name| !name.is_empty());
        let parts = [self.schema.clone(), table.map(str::to_owned), name, columns];
        parts.into_iter().flatten().collect::<Vec<_>>().join(".")
    }

    /// The quoted SQL name of the relation or type, or of the table that it is a part of.
    #[must_use]
    pub fn relation(&self, dialect: Dialect) -> String {
        let is_beside = matches!(self.kind, ObjectKind::Unique | ObjectKind::Index);
        let name = self.table.as_ref().filter(|_| !is_beside).unwrap_or(&self.name);
        dialect.table(&TableName { schema: self.schema.clone(), name: name.clone() })
    }
}

impl fmt::Display for ObjectRef {
    /// `column public.User.email`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.qualified_name())
    }
}

/// Whether two names may be in the same schema: one that is not named may be any.
pub(crate) fn are_in_one(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_written_with_its_kind_and_its_qualified_name() {
        let table = ObjectRef::new(ObjectKind::Table, Some("public".to_owned()), "User");
        for (object, expected) in [
            (table.clone(), "table public.User"),
            (table.part(ObjectKind::Column, "email"), "column public.User.email"),
            (table.part(ObjectKind::PrimaryKey, ""), "primary_key public.User"),
            (table.part(ObjectKind::Index, "i"), "index public.i"),
            (table.foreign_key_over(vec!["a".to_owned(), "b".to_owned()]), "foreign_key public.User.a,b"),
            (table.part(ObjectKind::Constraint, "c"), "constraint public.User.c"),
            (ObjectRef::new(ObjectKind::Constraint, Some("s".to_owned()), "c"), "constraint s.c"),
            (ObjectRef::new(ObjectKind::Extension, None, "pg_trgm"), "extension pg_trgm"),
            (ObjectRef::new(ObjectKind::Table, None, "odd.name"), "table \"odd.name\""),
        ] {
            assert_eq!(object.to_string(), expected);
        }
    }

    #[test]
    fn in_sql_a_part_gives_its_table_and_an_index_itself() {
        let table = ObjectRef::new(ObjectKind::Table, None, "User").within("app");
        assert_eq!(table.part(ObjectKind::Column, "x").relation(Dialect::Postgres), "\"app\".\"User\"");
        assert_eq!(table.part(ObjectKind::Index, "i").relation(Dialect::Postgres), "\"app\".\"i\"");
        assert_eq!(ObjectRef::new(ObjectKind::Schema, None, "s").within("app").schema, None);
    }
}
