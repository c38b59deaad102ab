//! What stands in the files, before anybody asks what it means.

use super::Place;

/// `keyword name { … }`
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) kind: Kind,
    pub(super) name: Word,
    /// Fields of a model, values of an enum.
    pub(super) fields: Vec<Field>,
    /// `@@name(…)`
    pub(super) attributes: Vec<Attribute>,
    /// `key = value` of a datasource or generator.
    pub(super) settings: Vec<(Word, Option<Value>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    View,
    Type,
    Enum,
    Datasource,
    Generator,
}

impl Kind {
    pub(super) fn of(keyword: &str) -> Option<Self> {
        Some(match keyword {
            "model" => Self::Model,
            "view" => Self::View,
            "type" => Self::Type,
            "enum" => Self::Enum,
            "datasource" => Self::Datasource,
            "generator" => Self::Generator,
            _ => return None,
        })
    }

    /// Whether the block holds `key = value`.
    pub(super) fn has_settings(self) -> bool {
        matches!(self, Self::Datasource | Self::Generator)
    }
}

/// A name, and where it stands.
#[derive(Debug, Clone)]
pub(in crate::format::prisma) struct Word {
    pub(super) text: String,
    pub(super) place: Place,
}

/// A field of a model, or a value of an enum (which has no type).
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: Word,
    pub(super) kind: Option<TypeName>,
    pub(super) attributes: Vec<Attribute>,
}

/// A field's type as written.
#[derive(Debug, Clone)]
pub(super) struct TypeName {
    pub(super) name: Word,
    /// The text in `Unsupported("…")`.
    pub(super) unsupported: Option<String>,
    pub(super) arity: crate::catalog::Arity,
}

/// `@name(…)` or `@@name(…)`; a native type is `@db.Name(…)`.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub(super) name: Word,
    pub(super) arguments: Vec<Argument>,
}

/// An argument, named or not.
#[derive(Debug, Clone)]
pub(in crate::format::prisma) struct Argument {
    pub(in crate::format::prisma) name: Option<Word>,
    pub(in crate::format::prisma) value: Value,
}

/// An expression, and where it begins.
#[derive(Debug, Clone)]
pub(in crate::format::prisma) struct Value {
    pub(in crate::format::prisma) place: Place,
    pub(in crate::format::prisma) kind: ValueKind,
}

#[derive(Debug, Clone)]
pub(in crate::format::prisma) enum ValueKind {
    Text(String),
    Number(String),
    /// `true`, `Cascade`, `email`
    Constant(String),
    List(Vec<Value>),
    /// `now()`, and a field with arguments: `email(sort: Desc)`
    Call(String, Vec<Argument>),
    /// `{ a: 1 }`
    Object(Vec<(Word, Value)>),
}
