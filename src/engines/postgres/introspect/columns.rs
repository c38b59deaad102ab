//! What the row of a column says of its type, of NULL and of its default.

use crate::catalog::{Arity, Default, Type, value};
use crate::engines::postgres::introspect::types::{Resolved, Types};
use crate::engines::values::Values;

/// What a row says, before it is known what the type is.
#[derive(Debug)]
pub(super) struct Declared {
    type_oid: u32,
    modifier: Option<i32>,
    is_required: bool,
    default: Written,
}

/// A default, before it is known of which type its value is.
#[derive(Debug)]
enum Written {
    /// Any type has the same.
    Certain(Default),
    /// An expression, as the server shows it.
    Text(String),
    /// None of the column's own.
    Nothing,
}

/// The same of a known type.
pub(super) struct Typed {
    pub(super) kind: Type,
    pub(super) arity: Arity,
    pub(super) default: Default,
}

/// A column that waits for the types: where its table stands in the catalog, its number, and what its row says.
pub(super) type Waiting = (usize, i16, Declared);

impl Declared {
    /// A row of [`Part::Columns`](super::texts::Part::Columns).
    pub(super) fn of(row: Values<'_>) -> Option<Self> {
        let text = row.text(8);
        let default = match (row.text(6)?, row.text(7)?) {
            ("", "") => text.map_or(Written::Nothing, |text| Written::Text(text.to_owned())),
            ("", _) => Written::Certain(Default::Expression(text.unwrap_or_default().to_owned())),
            _ => Written::Certain(Default::Sequence),
        };
        Some(Self {
            type_oid: row.oid(3)?,
            modifier: row.number(4).filter(|modifier| *modifier != -1),
            is_required: row.is_true(5),
            default,
        })
    }

    /// What that means, or the row again where its type is not known yet. `schema_name` has the names of all schemas.
    pub(super) fn typed<'a>(
        self,
        types: &mut Types,
        schema_name: impl Fn(u32) -> Option<&'a str>,
    ) -> Result<Typed, Self> {
        let Some(resolved) = types.resolve(self.type_oid, self.modifier, schema_name) else { return Err(self) };
        let Resolved { kind, is_list, is_required } = resolved;
        let read = |text: &str| value::read(text, &kind, is_list);
        let default = match self.default {
            Written::Certain(default) => default,
            Written::Text(text) => read(&text),
            Written::Nothing => types.domain_default(self.type_oid).map_or(Default::None, read),
        };
        let arity = match (is_list, self.is_required || is_required) {
            (true, _) => Arity::List,
            (false, true) => Arity::Required,
            (false, false) => Arity::Optional,
        };
        Ok(Typed { kind, arity, default })
    }
}
