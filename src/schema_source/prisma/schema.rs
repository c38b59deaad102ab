//! What the files mean: names resolved, arguments understood, everything that the database is concerned with.

use crate::catalog::{Action, Arity, Extension};
use crate::schema_source::prisma::Position;

/// A Prisma schema, from all of its files.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// The files' names, as they were given.
    pub files: Vec<String>,
    /// The datasource. Without one there is nothing to expect of a database.
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

/// An engine that Prisma's schema can be lowered for.
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
    /// Where it stands.
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
    pub indexes: Vec<Index>,
    /// The relations that have their columns here.
    pub relations: Vec<Relation>,
    /// Where it stands.
    pub position: Position,
}

/// A field that is a column.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The column's name.
    pub column: String,
    /// Its type.
    pub kind: FieldType,
    /// Required, optional or list.
    pub arity: Arity,
    /// Its default, as the database has it.
    pub default: crate::catalog::Default,
    /// Where it stands.
    pub position: Position,
}

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// A scalar, and its native type: the name after `@db.`, and its arguments.
    Scalar(Scalar, Option<(String, Vec<u32>)>),
    /// An enum, by its position in [`Schema::enums`].
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
    /// Its fields, by their position in [`Model::fields`].
    pub fields: Vec<usize>,
    /// `map`
    pub map: Option<String>,
    /// Where it stands.
    pub position: Position,
}

/// A unique or other index.
#[derive(Debug, Clone)]
pub struct Index {
    /// Its fields, in their order.
    pub fields: Vec<IndexField>,
    /// Unique, ordinary or full-text.
    pub kind: IndexKind,
    /// Its name in the database, where it is not the usual one.
    pub map: Option<String>,
    /// `type`, lower case.
    pub method: Option<String>,
    /// `where`, as SQL.
    pub predicate: Option<String>,
    /// Where it stands.
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
    /// Its position in [`Model::fields`].
    pub field: usize,
    /// `sort: Desc`
    pub descending: bool,
    /// `ops`, by the database's name.
    pub class: Option<String>,
}

/// A relation with columns of its own: a foreign key, if the schema has such.
#[derive(Debug, Clone)]
pub struct Relation {
    /// The columns, by their position in [`Model::fields`].
    pub fields: Vec<usize>,
    /// The model it points to, by its position in [`Schema::models`].
    pub target: usize,
    /// The columns there, by their position among the target's fields.
    pub references: Vec<usize>,
    /// `onDelete`, or its default.
    pub on_delete: Action,
    /// `onUpdate`, or its default.
    pub on_update: Action,
    /// `map`
    pub map: Option<String>,
    /// Where it stands.
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
    /// Its values: what the schema calls them, and what the database does.
    pub values: Vec<(String, String)>,
    /// Where it stands.
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
    /// Where it stands.
    pub position: Position,
}

/// The join table of an implicit many-to-many relation.
#[derive(Debug, Clone)]
pub struct Join {
    /// The table's name.
    pub table: String,
    /// The models that its columns `A` and `B` point to, and the field there, by their positions.
    pub sides: [(usize, usize); 2],
    /// Where the field of the first side stands.
    pub position: Position,
}
