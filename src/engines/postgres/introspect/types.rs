//! Types: what a column's type is behind arrays and domains.

use std::borrow::Cow;

use crate::catalog::{Enum, Name, Type};
use crate::engines::postgres::introspect::builtin;
use crate::engines::postgres::introspect::oids::OidMap;
use crate::engines::values::Values;

/// The types that are not the server's own, by oid.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// `pg_type` is read, or its rows are those that come next.
    is_read: bool,
    described: OidMap<u32, Described>,
    /// What the arrays of them are made of.
    arrays: OidMap<u32, u32>,
    /// The labels of enums, each with its place.
    labels: OidMap<u32, Vec<(f32, String)>>,
    /// The types of columns so far, by oid and modifier: most columns have one of a few.
    resolved: OidMap<(u32, i32), Resolved>,
}

#[derive(Debug)]
struct Described {
    schema: u32,
    name: String,
    kind: char,
    /// What a domain is made of.
    of: u32,
    modifier: Option<i32>,
    not_null: bool,
    /// The default of a domain.
    default: Option<String>,
}

/// A column's type.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) kind: Type,
    pub(super) is_list: bool,
    /// A domain forbids NULL.
    pub(super) is_required: bool,
}

impl Types {
    /// The rows of `pg_type` come.
    pub(super) fn begin(&mut self) {
        self.is_read = true;
    }

    /// There are enums, and `pg_type` is not read.
    pub(super) fn lacks_enums(&self) -> bool {
        !self.is_read && !self.labels.is_empty()
    }

    /// A row of `pg_type`. Arrays and the row types of tables are passed over.
    pub(super) fn described(&mut self, row: Values<'_>) -> Option<()> {
        let oid = row.oid(0)?;
        let kind = row.text(3)?.chars().next()?;
        let is_own = matches!(kind, 'b' | 'e' | 'm' | 'r') && row.text(4) != Some("A");
        if kind != 'd' && !is_own {
            return Some(());
        }
        self.arrays.insert(row.oid(5)?, oid);
        let described = Described {
            schema: row.oid(2)?,
            name: row.owned(1)?,
            kind,
            of: row.oid(6)?,
            modifier: row.number(7).filter(|modifier| *modifier != -1),
            not_null: row.is_true(8),
            default: if kind == 'd' { row.owned(9) } else { None },
        };
        self.described.insert(oid, described);
        Some(())
    }

    /// A row of `pg_enum`.
    pub(super) fn label(&mut self, row: Values<'_>) -> Option<()> {
        self.labels.entry(row.oid(0)?).or_default().push((row.number(1)?, row.owned(2)?));
        Some(())
    }

    /// The enums of the schemas of which `name_of` has a name, by name.
    pub(super) fn enums<'a>(&mut self, name_of: impl Fn(u32) -> Option<&'a str>) -> Vec<Enum> {
        let mut labels = std::mem::take(&mut self.labels);
        let mut enums: Vec<Enum> = Vec::new();
        for (oid, described) in self.described.iter().filter(|(_, described)| described.kind == 'e') {
            let Some(schema) = name_of(described.schema) else { continue };
            let mut values = labels.remove(oid).unwrap_or_default();
            values.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            let name = Name { schema: schema.to_owned(), name: described.name.clone() };
            enums.push(Enum { name, values: values.into_iter().map(|(_, label)| label).collect(), origin: None });
        }
        enums.sort_by(|one, other| one.name.cmp(&other.name));
        enums
    }

    /// The default that a domain gives to columns without one of their own (CREATE DOMAIN in the manual).
    pub(super) fn domain_default(&self, oid: u32) -> Option<&str> {
        self.described.get(&oid).filter(|described| described.kind == 'd')?.default.as_deref()
    }

    /// The type behind domains and arrays; `None` where `pg_type` has to be read for it. `schema_name` has the names of all schemas.
    pub(super) fn resolve<'a>(
        &mut self,
        oid: u32,
        modifier: Option<i32>,
        schema_name: impl Fn(u32) -> Option<&'a str>,
    ) -> Option<Resolved> {
        let key = (oid, modifier.unwrap_or(-1));
        if let Some(known) = self.resolved.get(&key) {
            return Some(known.clone());
        }
        if !self.is_read && builtin::name(oid).is_none() {
            return None;
        }
        let resolved = self.look_up(oid, modifier, schema_name);
        self.resolved.insert(key, resolved.clone());
        Some(resolved)
    }

    fn look_up<'a>(&self, oid: u32, modifier: Option<i32>, schema_name: impl Fn(u32) -> Option<&'a str>) -> Resolved {
        let (mut oid, mut modifier) = (oid, modifier);
        let (mut is_list, mut is_required) = (false, false);
        let kind = loop {
            if let Some((name, is_array)) = builtin::name(oid) {
                is_list |= is_array;
                break native(name.into(), modifier, is_list);
            }
            if let Some(of) = self.arrays.get(&oid) {
                (oid, is_list) = (*of, true);
            }
            match self.described.get(&oid) {
                // Made between two of the statements.
                None => break Type::Other(format!("type {oid}")),
                Some(domain) if domain.kind == 'd' => {
                    is_required |= domain.not_null && !is_list;
                    modifier = modifier.or(domain.modifier);
                    oid = domain.of;
                }
                Some(Described { kind: 'e', schema, name, .. }) => {
                    let schema = schema_name(*schema).unwrap_or_default().to_owned();
                    break Type::Enum(Name { schema, name: name.clone() });
                }
                Some(base) => break native(base.name.clone().into(), modifier, is_list),
            }
        };
        Resolved { kind, is_list, is_required }
    }
}

/// A base type with its modifier read as arguments (src/backend/utils/adt: varchar.c, numeric.c, timestamp.c).
fn native(name: Cow<'static, str>, modifier: Option<i32>, is_list: bool) -> Type {
    let whole = |number: i32| u32::try_from(number).ok();
    let length = || modifier.and_then(|modifier| whole(modifier - 4)).into_iter().collect();
    let arguments: Vec<u32> = match &*name {
        "varchar" | "bpchar" => length(),
        "bit" | "varbit" => modifier.and_then(whole).into_iter().collect(),
        "numeric" => {
            let packed = modifier.map(|modifier| modifier - 4);
            packed.map_or(Vec::new(), |packed| {
                [whole(packed >> 16 & 0xffff), whole(packed & 0x7ff)].into_iter().flatten().collect()
            })
        }
        "timestamp" | "timestamptz" | "time" | "timetz" => match modifier.and_then(whole) {
            Some(precision) => vec![precision],
            // The server rounds to microseconds; Prisma does not read the precision of an array's elements.
            None if is_list => Vec::new(),
            None => vec![6],
        },
        "text" | "char" | "citext" | "uuid" | "xml" | "inet" | "bool" | "int2" | "int4" | "int8" | "oid" | "float4"
        | "float8" | "money" | "date" | "json" | "jsonb" | "bytea" => Vec::new(),
        _ => return Type::Other(name.into_owned()),
    };
    Type::Native(name, arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_become_arguments() {
        let of = |name: &'static str, modifier, is_list| match native(name.into(), modifier, is_list) {
            Type::Native(_, arguments) => arguments,
            other => panic!("{other:?}"),
        };
        assert_eq!(of("numeric", Some((65 << 16 | 30) + 4), false), [65, 30]);
        assert_eq!(of("numeric", None, false), [] as [u32; 0]);
        assert_eq!(of("bpchar", Some(5), false), [1]);
        assert_eq!(of("bit", Some(1), false), [1]);
        assert_eq!(of("timestamptz", None, false), [6]);
        assert_eq!(of("timestamp", None, true), [] as [u32; 0]);
        assert_eq!(native("tsvector".into(), None, false), Type::Other("tsvector".into()));
    }
}
