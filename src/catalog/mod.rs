//! The model of a database's schema: tables, columns, indexes, keys, types. One type for the desired and the actual
//! state: read from a live database (`engines`), lowered from a Prisma schema or read from a snapshot (`schema_source`).
//! Plain data; `differ` compares two of them.

pub(crate) mod history_tables;
mod key;
pub(crate) mod mysql_types;
pub(crate) mod spelling;
mod split;
pub(crate) mod text;
pub mod value;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use crate::catalog::key::Key;

/// Where an desired stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Origin {
    /// The file, as the user would write its path; one text for all objects of a file.
    pub file: Arc<str>,
    /// Its line, from 1.
    pub line: usize,
}

/// A database, or the schemas of it that were read. Serialized for snapshots, without what a database does not have (the
/// origin in a file) and what differs between environments (the rights of a role).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// The source of a desired catalog, for findings about objects without a line of their own.
    #[serde(skip)]
    pub source: CatalogSource,
    /// Schemas (namespaces) by name.
    pub schemas: Vec<String>,
    /// Tables, ordinary and partitioned.
    pub tables: Vec<Table>,
    /// Enum types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enums: Vec<Enum>,
    /// Views, materialised views and foreign tables, by name: queries can use them like tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<Name>,
    /// Those views with their columns, as far as they are in the schemas which were read. What they say of NULL and defaults
    /// is not that of the tables behind them.
    #[serde(skip)]
    pub view_columns: Vec<Table>,
    /// Extensions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// INVALID indexes of a live database, also those that no source names. Not part of a snapshot.
    #[serde(skip)]
    pub broken: Vec<BrokenIndex>,
    /// The server takes table names that differ only in the case of letters for one (MySQL, lower_case_table_names).
    #[serde(skip)]
    pub folds_table_names: bool,
}

impl Catalog {
    /// Moves everything of one schema to another.
    pub(crate) fn move_schema(&mut self, from: &str, to: &str) {
        let moved = |schema: &mut String| {
            if *schema == from {
                to.clone_into(schema);
            }
        };
        let renamed = |name: &mut Name| moved(&mut name.schema);
        self.schemas.iter_mut().for_each(moved);
        self.views.iter_mut().for_each(renamed);
        self.enums.iter_mut().for_each(|of| renamed(&mut of.name));
        for table in self.tables.iter_mut().chain(&mut self.view_columns) {
            renamed(&mut table.name);
            table.foreign_keys.iter_mut().for_each(|key| renamed(&mut key.target));
            for column in &mut table.columns {
                if let Type::Enum(name) = &mut column.kind {
                    renamed(name);
                }
            }
        }
    }
}

/// An index whose build was interrupted, or is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenIndex {
    /// The index; that of a TOAST table is in `pg_toast`.
    pub index: Name,
    /// Its table, or the table whose long values the TOAST table keeps.
    pub table: Name,
}

impl BrokenIndex {
    /// Left by `REINDEX … CONCURRENTLY` (`_ccnew` before the exchange, `_ccold` after it): the index that it was to
    /// replace is there as well.
    #[must_use]
    pub fn is_leftover(name: &str) -> bool {
        let stem = name.trim_end_matches(|character: char| character.is_ascii_digit());
        stem.ends_with("_ccnew") || stem.ends_with("_ccold")
    }
}

/// Where a catalog comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CatalogSource {
    /// A database.
    #[default]
    Live,
    /// `schema.prisma`, in one or several files.
    PrismaSchema,
    /// A file of this path: a snapshot, or doorstep.toml.
    File(String),
}

/// An extension.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// The schema that its objects are in; `None` accepts any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Its version; `None` accepts any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A qualified name. The schema is always known: `schema_source` puts unqualified names into the home schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Name {
    /// The schema; `main` in SQLite.
    pub schema: String,
    /// The name in it, as the database stores it.
    pub name: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: Name,
    /// The Prisma model; `None` for a table read from a database, or a join table.
    #[serde(skip)]
    pub model: Option<String>,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// Its primary key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_key: Option<Key>,
    /// Unique constraints, unique indexes and other indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
    /// Its foreign keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<ForeignKey>,
    /// Its other named constraints: checks and exclusions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// The rights of the service's role on it.
    #[serde(skip)]
    pub access: Access,
    /// A trigger BEFORE INSERT, or a rule, may fill columns that have no default.
    #[serde(skip)]
    pub may_fill: bool,
    /// It belongs to an extension, which created it.
    #[serde(skip)]
    pub of_extension: bool,
    /// Join table of an implicit many-to-many relation: Prisma 5 gave it a unique index, Prisma 6 gives a primary key.
    #[serde(skip)]
    pub is_join: bool,
    /// File and line of a desired object.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

impl Table {
    /// All indexes, with that of the primary key.
    pub(crate) fn every_index(&self) -> impl Iterator<Item = Cow<'_, Index>> {
        let key = self.primary_key.iter().map(|key| Cow::Owned(key.index()));
        self.indexes.iter().map(Cow::Borrowed).chain(key)
    }

    /// The index, or the primary key, whose name matches.
    pub(crate) fn index(&self, matches: impl Fn(&str) -> bool) -> Option<Cow<'_, Index>> {
        let key = || self.primary_key.as_ref().filter(|key| matches(&key.name));
        let index = self.indexes.iter().find(|index| matches(&index.name)).map(Cow::Borrowed);
        index.or_else(|| key().map(|key| Cow::Owned(key.index())))
    }
}

/// What a role may do with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Access {
    /// Read it; also the default for engines without rights.
    #[default]
    Granted,
    /// Nothing: it lacks USAGE on the schema.
    NoSchema,
    /// Nothing.
    Nothing,
    /// Write it, but not read it.
    WriteOnly,
    /// Read some of its columns.
    SomeColumns,
    /// Read it, but see no row: row security is on, and no policy applies to the role.
    NoRows,
}

/// A constraint that is neither a key nor a foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Constraint {
    /// Its name.
    pub name: SmolStr,
    /// What the server guarantees.
    #[serde(flatten)]
    pub guarantee: Guarantee,
    /// The columns that it is about; empty where the engine does not tell. Not part of a snapshot.
    #[serde(skip)]
    pub columns: Vec<SmolStr>,
}

/// What the server guarantees of a constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarantee {
    /// False for `NOT VALID`: rows from before are unchecked.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub valid: bool,
    /// False for `NOT ENFORCED` (PostgreSQL 18): no row is checked, as the author of the constraint asked for.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub enforced: bool,
}

impl std::default::Default for Guarantee {
    /// Every row satisfies the constraint.
    fn default() -> Self {
        Self { valid: true, enforced: true }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: SmolStr,
    /// The Prisma field.
    #[serde(skip)]
    pub field: Option<SmolStr>,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Required, optional or list.
    pub arity: Arity,
    /// Its default.
    #[serde(default, skip_serializing_if = "Default::is_none")]
    pub default: Default,
    /// File and line of a desired object.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

/// How many values a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arity {
    /// NOT NULL.
    Required,
    /// NULL allowed.
    Optional,
    /// An array. Whether it may be NULL is not compared: Prisma does not say.
    List,
}

/// A column's type, or that of a list's elements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Type {
    /// A type of the engine's own: lower-case name as the engine's catalog has it (PostgreSQL: `pg_type.typname`, so
    /// `int4`, `varchar`, `timestamptz`; SQLite and MySQL: the declared type without its arguments), and its
    /// arguments: length, or precision and scale; empty where none is declared.
    Native(Cow<'static, str>, Vec<u32>),
    /// An enum type.
    Enum(Name),
    /// Any other type, as the schema file or the server writes it.
    Other(String),
}

/// A column's default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Default {
    /// None.
    #[default]
    None,
    /// A value, normalised: numbers in plain decimal, booleans `true`/`false`, texts without quotes, JSON compact, bytes
    /// in lower-case hex.
    Value(String),
    /// A list of values.
    List(Vec<String>),
    /// The time of the transaction: `now()`, `CURRENT_TIMESTAMP`.
    Now,
    /// A sequence, an identity column, AUTO_INCREMENT.
    Sequence,
    /// Any other expression, as written, or as the server renders it.
    Expression(String),
    /// Any default matches: `dbgenerated()` without an expression.
    Any,
}

impl Default {
    /// Whether there is none.
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: SmolStr,
    /// Its key columns, in their order.
    pub columns: Vec<IndexColumn>,
    /// Whether it is unique.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unique: bool,
    /// Access method, lower case: `btree`, `hash`, `gin`, `gist`, `spgist`, `brin`, `fulltext`, `spatial`.
    #[serde(default = "btree", skip_serializing_if = "is_btree")]
    pub method: SmolStr,
    /// Predicate of a partial index, as written or as the server renders it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate: Option<String>,
    /// Columns that it only includes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<SmolStr>,
    /// It indexes an expression; `columns` has only the plain columns.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_expression: bool,
    /// False after an interrupted `CREATE INDEX CONCURRENTLY`.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub valid: bool,
    /// File and line of a desired object.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

/// A column of an index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IndexColumn {
    /// The column.
    pub name: SmolStr,
    /// `DESC`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub descending: bool,
    /// The length of the prefix that is indexed, where it is not the whole column (MySQL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// Operator class, if it is given or was read: `gin_trgm_ops`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<SmolStr>,
    /// The class is the server's default for this type and method.
    #[serde(skip)]
    pub usual: bool,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Its name; empty where the engine has none.
    pub name: SmolStr,
    /// Its columns, in their order.
    pub columns: Vec<SmolStr>,
    /// The table it points to.
    pub target: Name,
    /// The columns there, in the same order.
    pub target_columns: Vec<SmolStr>,
    /// What happens when the target is deleted.
    pub on_delete: Action,
    /// What happens when the target's key changes.
    pub on_update: Action,
    /// What the server guarantees.
    #[serde(flatten)]
    pub guarantee: Guarantee,
    /// File and line of a desired object.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

/// A referential action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(clippy::enum_variant_names, reason = "the SQL keywords")]
pub enum Action {
    /// `NO ACTION`
    NoAction,
    /// `RESTRICT`
    Restrict,
    /// `CASCADE`
    Cascade,
    /// `SET NULL`
    SetNull,
    /// `SET DEFAULT`
    SetDefault,
}

impl std::fmt::Display for Action {
    /// As SQL has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        })
    }
}

/// An enum type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Enum {
    /// Its name.
    pub name: Name,
    /// Its values, as the database stores them.
    pub values: Vec<String>,
    /// File and line of a desired object.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

fn btree() -> SmolStr {
    SmolStr::new_static("btree")
}

fn is_btree(method: &str) -> bool {
    method == "btree"
}
