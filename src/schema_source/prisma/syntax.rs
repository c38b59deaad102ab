//! The syntax tree: blocks, fields, attributes and expressions as written, in parts of the text. `check` finds out what they
//! mean.

use std::borrow::Cow;

use crate::schema_source::prisma::Position;

/// `keyword name { … }`
#[derive(Debug, Clone)]
pub(crate) struct Block<'a> {
    pub(crate) kind: BlockKind,
    pub(crate) name: Identifier<'a>,
    /// Fields of a model, values of an enum.
    pub(crate) fields: Vec<FieldSyntax<'a>>,
    /// `@@name(…)`
    pub(crate) attributes: Vec<Attribute<'a>>,
    /// `key = value` of a datasource or generator.
    pub(crate) settings: Vec<(Identifier<'a>, Option<Expression<'a>>)>,
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
pub(crate) struct Identifier<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) position: Position,
}

/// A field of a model, or a value of an enum (which has no type).
#[derive(Debug, Clone)]
pub(crate) struct FieldSyntax<'a> {
    pub(crate) name: Identifier<'a>,
    pub(crate) kind: Option<TypeName<'a>>,
    pub(crate) attributes: Vec<Attribute<'a>>,
}

/// A field's type as written.
#[derive(Debug, Clone)]
pub(crate) struct TypeName<'a> {
    pub(crate) name: Identifier<'a>,
    /// The text in `Unsupported("…")`.
    pub(crate) unsupported: Option<Cow<'a, str>>,
    pub(crate) arity: crate::catalog::Arity,
}

/// `@name(…)` or `@@name(…)`; a native type is `@db.Name(…)`.
#[derive(Debug, Clone)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: Identifier<'a>,
    pub(crate) arguments: Vec<Argument<'a>>,
}

/// An argument, named or not.
#[derive(Debug, Clone)]
pub(crate) struct Argument<'a> {
    pub(crate) name: Option<Identifier<'a>>,
    pub(crate) value: Expression<'a>,
}

/// An expression and the position of its first character.
#[derive(Debug, Clone)]
pub(crate) struct Expression<'a> {
    pub(crate) position: Position,
    pub(crate) kind: ExpressionKind<'a>,
}

#[derive(Debug, Clone)]
pub(crate) enum ExpressionKind<'a> {
    Text(Cow<'a, str>),
    Number(&'a str),
    /// `true`, `Cascade`, `email`
    Constant(Cow<'a, str>),
    List(Vec<Expression<'a>>),
    /// `now()`, and a field with arguments: `email(sort: Desc)`
    Call(Cow<'a, str>, Vec<Argument<'a>>),
    /// `{ a: 1 }`
    Object(Vec<(Identifier<'a>, Expression<'a>)>),
}
