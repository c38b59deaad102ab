//! The syntax tree: blocks, fields, attributes and expressions as written. `check` finds out what they mean.

use crate::schema_source::prisma::Position;

/// `keyword name { … }`
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) kind: BlockKind,
    pub(crate) name: Identifier,
    /// Fields of a model, values of an enum.
    pub(crate) fields: Vec<FieldSyntax>,
    /// `@@name(…)`
    pub(crate) attributes: Vec<Attribute>,
    /// `key = value` of a datasource or generator.
    pub(crate) settings: Vec<(Identifier, Option<Expression>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockKind {
    Model,
    View,
    Type,
    Enum,
    Datasource,
    Generator,
}

impl BlockKind {
    pub(crate) fn of(keyword: &str) -> Option<Self> {
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
    pub(crate) fn has_settings(self) -> bool {
        matches!(self, Self::Datasource | Self::Generator)
    }
}

/// A name and its position.
#[derive(Debug, Clone)]
pub(crate) struct Identifier {
    pub(crate) text: String,
    pub(crate) position: Position,
}

/// A field of a model, or a value of an enum (which has no type).
#[derive(Debug, Clone)]
pub(crate) struct FieldSyntax {
    pub(crate) name: Identifier,
    pub(crate) kind: Option<TypeName>,
    pub(crate) attributes: Vec<Attribute>,
}

/// A field's type as written.
#[derive(Debug, Clone)]
pub(crate) struct TypeName {
    pub(crate) name: Identifier,
    /// The text in `Unsupported("…")`.
    pub(crate) unsupported: Option<String>,
    pub(crate) arity: crate::catalog::Arity,
}

/// `@name(…)` or `@@name(…)`; a native type is `@db.Name(…)`.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) name: Identifier,
    pub(crate) arguments: Vec<Argument>,
}

/// An argument, named or not.
#[derive(Debug, Clone)]
pub(crate) struct Argument {
    pub(crate) name: Option<Identifier>,
    pub(crate) value: Expression,
}

/// An expression and the position of its first character.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    pub(crate) position: Position,
    pub(crate) kind: ExpressionKind,
}

#[derive(Debug, Clone)]
pub(crate) enum ExpressionKind {
    Text(String),
    Number(String),
    /// `true`, `Cascade`, `email`
    Constant(String),
    List(Vec<Expression>),
    /// `now()`, and a field with arguments: `email(sort: Desc)`
    Call(String, Vec<Argument>),
    /// `{ a: 1 }`
    Object(Vec<(Identifier, Expression)>),
}
