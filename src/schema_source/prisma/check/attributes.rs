//! The arguments of attributes (`@map("x")`) and of functions (`uuidOssp(map: "x")`): which of them exist, and of what
//! kind each is. What an argument means is up to the caller.
//!
//! Prisma does the same in `psl/parser-database`: `context/attributes.rs` finds the arguments, `coerce_expression.rs`
//! checks their kind. Its "argument without a name" rule is the one here: only the first argument may omit its name.

use crate::schema_source::prisma::check::{Problems, report};
use crate::schema_source::prisma::syntax::{Argument, Attribute, Expression, ExpressionKind};
use crate::schema_source::prisma::{LONGEST_NAME, Position};

/// Where an attribute is written, which decides its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// `@name`, on the line of a field or of an enum's value.
    Field,
    /// `@@name`, on a line of its own.
    Block,
}

impl Level {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Field => "@",
            Self::Block => "@@",
        }
    }
}

/// The arguments that an attribute or a function takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature<'n> {
    names: &'n [&'static str],
    /// The first of the names may be omitted: `@map("x")` is `@map(name: "x")`.
    first_is_positional: bool,
}

impl<'n> Signature<'n> {
    pub(crate) const fn named(names: &'n [&'static str]) -> Self {
        Self { names, first_is_positional: false }
    }

    pub(crate) const fn first_positional(names: &'n [&'static str]) -> Self {
        Self { names, first_is_positional: true }
    }
}

/// What messages call an attribute or a function, in three parts: `@@`, `index` and nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Title<'a>(pub(crate) &'static str, pub(crate) &'a str, pub(crate) &'static str);

impl std::fmt::Display for Title<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{}", self.0, self.1, self.2)
    }
}

/// The arguments that were given, by name.
pub(crate) struct Arguments<'a> {
    title: Title<'a>,
    position: Position,
    found: Vec<(&'static str, &'a Expression<'a>)>,
}

impl<'a> Arguments<'a> {
    /// Reads the arguments of an attribute.
    pub(crate) fn of_attribute(
        attribute: &'a Attribute,
        level: Level,
        signature: Signature<'_>,
        problems: &mut Problems,
    ) -> Self {
        let title = Title(level.sign(), &attribute.name.text, "");
        let arguments = Self { title, position: attribute.name.position, found: Vec::new() };
        arguments.filled(&attribute.arguments, signature, problems)
    }

    /// Reads the arguments of a function, or of a field in an index: `email(sort: Desc)`.
    pub(crate) fn of_call(
        title: Title<'a>,
        position: Position,
        given: &'a [Argument],
        signature: Signature<'_>,
        problems: &mut Problems,
    ) -> Self {
        Self { title, position, found: Vec::new() }.filled(given, signature, problems)
    }

    fn filled(mut self, given: &'a [Argument], signature: Signature<'_>, problems: &mut Problems) -> Self {
        let title = &self.title;
        for argument in given {
            let (name, at) = match &argument.name {
                Some(name) => (name.text.as_ref(), name.position),
                None if signature.first_is_positional => (signature.names[0], argument.value.position),
                None => {
                    report(problems, argument.value.position, format!("{title} takes no argument without a name"));
                    continue;
                }
            };
            match signature.names.iter().find(|known| **known == name) {
                None => report(problems, at, format!("{title} has no argument `{name}` here")),
                Some(_) if self.found.iter().any(|(known, _)| *known == name) => {
                    report(problems, at, format!("{title} has the argument `{name}` twice"));
                }
                Some(name) => self.found.push((name, &argument.value)),
            }
        }
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Expression<'a>> {
        self.found.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// A name in double quotes. After a problem it is the empty string, so that the caller does not also report the
    /// argument as missing.
    pub(crate) fn text(&self, name: &str, problems: &mut Problems) -> Option<String> {
        let value = self.get(name)?;
        match &value.kind {
            ExpressionKind::Text(text) if text.len() > LONGEST_NAME => {
                let message = format!("`{name}` of {} has more than {LONGEST_NAME} bytes", self.title);
                report(problems, value.position, message);
                Some(String::new())
            }
            ExpressionKind::Text(text) => Some(text.to_string()),
            _ => {
                report(problems, value.position, format!("`{name}` of {} is a string, in double quotes", self.title));
                Some(String::new())
            }
        }
    }

    /// The same, for an argument that must be given.
    pub(crate) fn required_text(&self, name: &str, problems: &mut Problems) -> Option<String> {
        let text = self.text(name, problems);
        if text.is_none() {
            self.report_missing(name, problems);
        }
        text
    }

    /// One of the known constants, such as `Cascade`.
    pub(crate) fn one_of<T: Copy>(&self, name: &str, known: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let value = self.get(name)?;
        let found = match &value.kind {
            ExpressionKind::Constant(text) => known.iter().find(|(name, _)| name == text),
            _ => None,
        };
        if found.is_none() {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            report(problems, value.position, format!("`{name}` of {} is one of {}", self.title, names.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    /// A list of fields without arguments of their own: `[a, b]`, or `a` alone.
    pub(crate) fn fields(&self, name: &str, problems: &mut Problems) -> Option<Vec<(&'a str, Position)>> {
        let value = self.get(name)?;
        let items = match &value.kind {
            ExpressionKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        };
        let mut fields = Vec::new();
        for item in items {
            match &item.kind {
                ExpressionKind::Constant(text) => fields.push((text.as_ref(), item.position)),
                _ => report(problems, item.position, format!("`{name}` of {} is a list of fields", self.title)),
            }
        }
        Some(fields)
    }

    pub(crate) fn report_missing(&self, name: &str, problems: &mut Problems) {
        report(problems, self.position, format!("{} needs the argument `{name}`", self.title));
    }
}
