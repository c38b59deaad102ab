//! The meaning of a Prisma schema: names are resolved, arguments are read, and what concerns only Prisma's client is left
//! out. `check` makes it of the syntax tree, `lower` turns it into a catalog. Fields, models and enums point at each other by
//! index.

use smol_str::SmolStr;

use crate::catalog::{Action, Arity, Extension};
use crate::schema_source::prisma::Position;

/// A Prisma schema, from all of its files.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// The files' names, as they were given.
    pub files: Vec<String>,
    /// The datasource. Without one, the desired catalog is empty.
    pub datasource: Option<DatasourceBlock>,
    /// The models, in the order of the files.
    pub models: Vec<Model>,
    /// The enums.
    pub enums: Vec<Enumeration>,
    /// The views.
    pub views: Vec<View>,
    /// The join tables of implicit many-to-many relations.
    pub joins: Vec<Join>,
}

/// An engine that a Prisma schema can be lowered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// `postgresql`, `postgres`
    Postgres,
    /// `sqlite`
    Sqlite,
    /// `mysql`
    MySql,
}

/// The `datasource` block, as far as objects in the database depend on it.
#[derive(Debug, Clone)]
pub struct DatasourceBlock {
    /// The engine.
    pub provider: Provider,
    /// `schemas = […]`; empty without it.
    pub schemas: Vec<String>,
    /// `extensions = […]`, by the database's names.
    pub extensions: Vec<Extension>,
    /// Relations are foreign keys: not with `relationMode = "prisma"`.
    pub foreign_keys: bool,
    /// Its position in the files.
    pub position: Position,
}

/// A model.
#[derive(Debug, Clone)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// The table's name.
    pub table: String,
    /// `@@schema`
    pub schema: Option<String>,
    /// Its columns.
    pub fields: Vec<Field>,
    /// Its primary key.
    pub id: Option<Id>,
    /// Its unique and other indexes.
    pub indexes: Vec<ModelIndex>,
    /// The relations that have their columns here.
    pub relations: Vec<Relation>,
    /// Its position in the files.
    pub position: Position,
}

/// A field that is a column.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: SmolStr,
    /// The column's name, if `@map` gives one.
    pub map: Option<SmolStr>,
    /// Its type.
    pub kind: FieldType,
    /// Required, optional or list.
    pub arity: Arity,
    /// The column's default in the database, which a default of Prisma's client is not.
    pub default: crate::catalog::Default,
    /// Its position in the files.
    pub position: Position,
}

impl Field {
    /// The column's name.
    #[must_use]
    pub fn column(&self) -> &str {
        self.map.as_deref().unwrap_or(&self.name)
    }
}

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// A scalar, and its native type: the name after `@db.`, and its arguments.
    Scalar(Scalar, Option<(String, Vec<u32>)>),
    /// An enum, by its index in [`Schema::enums`].
    Enum(usize),
    /// `Unsupported("…")`
    Unsupported(String),
}

/// Prisma's scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// `String`
    String,
    /// `Boolean`
    Boolean,
    /// `Int`
    Int,
    /// `BigInt`
    BigInt,
    /// `Float`
    Float,
    /// `Decimal`
    Decimal,
    /// `DateTime`
    DateTime,
    /// `Json`
    Json,
    /// `Bytes`
    Bytes,
}

/// A primary key.
#[derive(Debug, Clone)]
pub struct Id {
    /// Its fields, by their index in [`Model::fields`].
    pub fields: Vec<usize>,
    /// `length` of each field.
    pub lengths: Vec<Option<u32>>,
    /// `map`
    pub map: Option<String>,
    /// Its position in the files.
    pub position: Position,
}

/// A unique or other index.
#[derive(Debug, Clone)]
pub struct ModelIndex {
    /// Its fields, in their order.
    pub fields: Vec<IndexField>,
    /// Unique, ordinary or full-text.
    pub kind: IndexKind,
    /// Its name in the database, if `map` gives one; otherwise Prisma generates it.
    pub map: Option<String>,
    /// `type`, lower case.
    pub method: Option<String>,
    /// `where`, as SQL.
    pub predicate: Option<String>,
    /// Its position in the files.
    pub position: Position,
}

/// The kinds of indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// `@unique`, `@@unique`
    Unique,
    /// `@@index`
    Normal,
    /// `@@fulltext`
    Fulltext,
}

/// A field of an index.
#[derive(Debug, Clone)]
pub struct IndexField {
    /// Its index in [`Model::fields`].
    pub field: usize,
    /// `sort: Desc`
    pub descending: bool,
    /// `length`, of the prefix that is indexed
    pub length: Option<u32>,
    /// `ops`, by the database's name.
    pub class: Option<SmolStr>,
}

/// The side of a relation that has columns: a foreign key, unless `relationMode = "prisma"`.
#[derive(Debug, Clone)]
pub struct Relation {
    /// The columns, by their index in [`Model::fields`].
    pub fields: Vec<usize>,
    /// The model it points to, by its index in [`Schema::models`].
    pub target: usize,
    /// The columns there, by their index among the target's fields.
    pub references: Vec<usize>,
    /// `onDelete`, or its default.
    pub on_delete: Action,
    /// `onUpdate`, or its default.
    pub on_update: Action,
    /// `map`
    pub map: Option<String>,
    /// Its position in the files.
    pub position: Position,
}

/// An enum.
#[derive(Debug, Clone)]
pub struct Enumeration {
    /// Its name.
    pub name: String,
    /// The type's name.
    pub type_name: String,
    /// `@@schema`
    pub schema: Option<String>,
    /// Its values: the name in the schema, and the name in the database.
    pub values: Vec<(String, String)>,
    /// Its position in the files.
    pub position: Position,
}

/// A view.
#[derive(Debug, Clone)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Its name in the database.
    pub view: String,
    /// `@@schema`
    pub schema: Option<String>,
    /// Its position in the files.
    pub position: Position,
}

/// The join table of an implicit many-to-many relation.
#[derive(Debug, Clone)]
pub struct Join {
    /// The table's name.
    pub table: String,
    /// The models that its columns `A` and `B` point to, and the field there, by their indexes.
    pub sides: [(usize, usize); 2],
    /// The position of the field of the first side.
    pub position: Position,
}
