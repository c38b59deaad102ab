//! Scalars and native types, and the types of the engines that they become.
//!
//! Prisma: `native_types.rs` in the folders of `psl/psl-core/src/builtin_connectors` has the native types and their
//! arguments; the connector beside it has the default native type of each scalar.

use std::borrow::Cow;

use crate::catalog::Type;
use crate::schema_source::prisma::schema::{Provider, Scalar};

impl Scalar {
    /// The scalar with this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "String" => Self::String,
            "Boolean" => Self::Boolean,
            "Int" => Self::Int,
            "BigInt" => Self::BigInt,
            "Float" => Self::Float,
            "Decimal" => Self::Decimal,
            "DateTime" => Self::DateTime,
            "Json" => Self::Json,
            "Bytes" => Self::Bytes,
            _ => return None,
        })
    }
}

impl Provider {
    /// The provider with this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "postgresql" | "postgres" => Self::Postgres,
            "sqlite" => Self::Sqlite,
            "mysql" => Self::MySql,
            _ => return None,
        })
    }

    /// The engine's name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
            Self::MySql => "MySQL",
        }
    }
}

/// How many arguments a native type takes.
#[derive(Clone, Copy)]
enum NativeArguments {
    None,
    /// An optional length or precision, up to this. Prisma does not check lengths for PostgreSQL: `u32::MAX`.
    Optional(u32),
    /// A required length, up to this.
    One(u32),
    /// Precision and scale, or neither; up to these.
    Two(u32, u32),
}

use NativeArguments::{None as No, One, Optional, Two};

/// A native type: scalar, name after `@db.`, name in the engine's catalog, arguments.
type NativeType = (Scalar, &'static str, &'static str, NativeArguments);

/// PostgreSQL's, by `pg_type.typname`.
const POSTGRES: &[NativeType] = &[
    (Scalar::String, "Text", "text", No),
    (Scalar::String, "VarChar", "varchar", Optional(u32::MAX)),
    (Scalar::String, "Char", "bpchar", Optional(u32::MAX)),
    (Scalar::String, "Bit", "bit", Optional(u32::MAX)),
    (Scalar::String, "VarBit", "varbit", Optional(u32::MAX)),
    (Scalar::String, "Uuid", "uuid", No),
    (Scalar::String, "Xml", "xml", No),
    (Scalar::String, "Inet", "inet", No),
    (Scalar::String, "Citext", "citext", No),
    (Scalar::Boolean, "Boolean", "bool", No),
    (Scalar::Int, "Integer", "int4", No),
    (Scalar::Int, "SmallInt", "int2", No),
    (Scalar::Int, "Oid", "oid", No),
    (Scalar::BigInt, "BigInt", "int8", No),
    (Scalar::Float, "DoublePrecision", "float8", No),
    (Scalar::Float, "Real", "float4", No),
    (Scalar::Decimal, "Decimal", "numeric", Two(1000, 1000)),
    (Scalar::Decimal, "Money", "money", No),
    (Scalar::DateTime, "Timestamp", "timestamp", Optional(6)),
    (Scalar::DateTime, "Timestamptz", "timestamptz", Optional(6)),
    (Scalar::DateTime, "Date", "date", No),
    (Scalar::DateTime, "Time", "time", Optional(6)),
    (Scalar::DateTime, "Timetz", "timetz", Optional(6)),
    (Scalar::Json, "Json", "json", No),
    (Scalar::Json, "JsonB", "jsonb", No),
    (Scalar::Bytes, "ByteA", "bytea", No),
];

/// MySQL's, by the declared type without its arguments.
const MYSQL: &[NativeType] = &[
    (Scalar::String, "VarChar", "varchar", One(65_535)),
    (Scalar::String, "Char", "char", One(255)),
    (Scalar::String, "TinyText", "tinytext", No),
    (Scalar::String, "Text", "text", No),
    (Scalar::String, "MediumText", "mediumtext", No),
    (Scalar::String, "LongText", "longtext", No),
    (Scalar::Boolean, "TinyInt", "tinyint", No),
    (Scalar::Boolean, "UnsignedTinyInt", "tinyint unsigned", No),
    (Scalar::Boolean, "Bit", "bit", One(1)),
    (Scalar::Int, "Int", "int", No),
    (Scalar::Int, "UnsignedInt", "int unsigned", No),
    (Scalar::Int, "SmallInt", "smallint", No),
    (Scalar::Int, "UnsignedSmallInt", "smallint unsigned", No),
    (Scalar::Int, "TinyInt", "tinyint", Optional(255)),
    (Scalar::Int, "UnsignedTinyInt", "tinyint unsigned", No),
    (Scalar::Int, "MediumInt", "mediumint", No),
    (Scalar::Int, "UnsignedMediumInt", "mediumint unsigned", No),
    (Scalar::Int, "Year", "year", No),
    (Scalar::BigInt, "BigInt", "bigint", No),
    (Scalar::BigInt, "UnsignedBigInt", "bigint unsigned", No),
    (Scalar::Float, "Float", "float", No),
    (Scalar::Float, "Double", "double", No),
    (Scalar::Decimal, "Decimal", "decimal", Two(65, 30)),
    (Scalar::DateTime, "Date", "date", No),
    (Scalar::DateTime, "Time", "time", Optional(u32::MAX)),
    (Scalar::DateTime, "DateTime", "datetime", Optional(u32::MAX)),
    (Scalar::DateTime, "Timestamp", "timestamp", Optional(u32::MAX)),
    (Scalar::Json, "Json", "json", No),
    (Scalar::Bytes, "Bit", "bit", One(64)),
    (Scalar::Bytes, "Binary", "binary", One(u32::MAX)),
    (Scalar::Bytes, "VarBinary", "varbinary", One(65_535)),
    (Scalar::Bytes, "TinyBlob", "tinyblob", No),
    (Scalar::Bytes, "Blob", "blob", No),
    (Scalar::Bytes, "MediumBlob", "mediumblob", No),
    (Scalar::Bytes, "LongBlob", "longblob", No),
];

fn native_types(provider: Provider) -> &'static [NativeType] {
    match provider {
        Provider::Postgres => POSTGRES,
        Provider::MySql => MYSQL,
        Provider::Sqlite => &[],
    }
}

/// Whether the native type exists, suits the scalar, and takes these arguments; if not, why.
pub(crate) fn check(provider: Provider, scalar: Scalar, name: &str, arguments: &[u32]) -> Result<(), String> {
    let engine = provider.name();
    let all = native_types(provider);
    let Some((.., takes)) = all.iter().find(|(of, native, ..)| *of == scalar && *native == name) else {
        if provider == Provider::Sqlite {
            return Err("SQLite has no native types in Prisma; leave the attribute out".to_owned());
        }
        let suitable: Vec<_> =
            all.iter().filter(|(of, ..)| *of == scalar).map(|(_, native, ..)| format!("`{native}`")).collect();
        return Err(match all.iter().any(|(_, native, ..)| *native == name) {
            true => format!("the native type `{name}` does not suit {scalar:?}, which takes {}", suitable.join(", ")),
            false => format!(
                "{engine} has no native type `{name}` in Prisma; for {scalar:?} there are {}",
                suitable.join(", ")
            ),
        });
    };
    match (takes, arguments) {
        (No | Optional(_) | Two(..), []) => Ok(()),
        (Optional(limit) | One(limit), [length]) if length <= limit => Ok(()),
        (Two(limit, most), [precision, scale]) if precision <= limit && scale <= most && scale <= precision => Ok(()),
        (No, _) => Err(format!("`{name}` takes no arguments")),
        (Optional(u32::MAX), _) => Err(format!("`{name}` takes one number, or none")),
        (Optional(limit), _) => Err(format!("`{name}` takes one number, at most {limit}, or none")),
        (One(limit), _) => Err(format!("`{name}` takes one number, at most {limit}")),
        (Two(limit, most), _) => {
            Err(format!("`{name}` takes a precision, at most {limit}, and a scale, at most {most} and the precision"))
        }
    }
}

/// The column's type in the engine's catalog.
pub(crate) fn lower(provider: Provider, scalar: Scalar, native: Option<&(String, Vec<u32>)>) -> Type {
    if let Some((name, arguments)) = native {
        let found = native_types(provider).iter().find(|(of, native, ..)| *of == scalar && native == name);
        let lowered = found.map_or_else(|| Cow::Owned(name.clone()), |(_, _, lowered, _)| Cow::Borrowed(*lowered));
        let arguments = match (&*lowered, arguments.as_slice()) {
            // CHAR is CHAR(1), BIT is BIT(1), and BINARY is BINARY(1).
            ("bpchar" | "bit" | "binary", []) => vec![1],
            _ => arguments.clone(),
        };
        return Type::Native(lowered, arguments);
    }
    let (name, arguments): (_, &[u32]) = match provider {
        Provider::Postgres => match scalar {
            Scalar::String => ("text", &[]),
            Scalar::Boolean => ("bool", &[]),
            Scalar::Int => ("int4", &[]),
            Scalar::BigInt => ("int8", &[]),
            Scalar::Float => ("float8", &[]),
            Scalar::Decimal => ("numeric", &[65, 30]),
            Scalar::DateTime => ("timestamp", &[3]),
            Scalar::Json => ("jsonb", &[]),
            Scalar::Bytes => ("bytea", &[]),
        },
        Provider::Sqlite => match scalar {
            Scalar::String => ("text", &[]),
            Scalar::Boolean => ("boolean", &[]),
            Scalar::Int => ("integer", &[]),
            Scalar::BigInt => ("bigint", &[]),
            Scalar::Float => ("real", &[]),
            Scalar::Decimal => ("decimal", &[]),
            Scalar::DateTime => ("datetime", &[]),
            Scalar::Json => ("jsonb", &[]),
            Scalar::Bytes => ("blob", &[]),
        },
        Provider::MySql => match scalar {
            Scalar::String => ("varchar", &[191]),
            Scalar::Boolean => ("tinyint", &[1]),
            Scalar::Int => ("int", &[]),
            Scalar::BigInt => ("bigint", &[]),
            Scalar::Float => ("double", &[]),
            Scalar::Decimal => ("decimal", &[65, 30]),
            Scalar::DateTime => ("datetime", &[3]),
            Scalar::Json => ("json", &[]),
            Scalar::Bytes => ("longblob", &[]),
        },
    };
    Type::Native(name.into(), arguments.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_types_suit_their_scalar() {
        let check = |scalar, name, arguments: &[u32]| check(Provider::Postgres, scalar, name, arguments);
        assert!(check(Scalar::String, "VarChar", &[]).is_ok());
        assert!(check(Scalar::String, "VarChar", &[30]).is_ok());
        assert!(check(Scalar::String, "VarChar", &[30, 1]).is_err());
        assert!(check(Scalar::Int, "VarChar", &[]).is_err());
        assert!(check(Scalar::Int, "Foo", &[]).is_err());
        assert!(check(Scalar::Decimal, "Decimal", &[10]).is_err());
        assert!(check(Scalar::Decimal, "Decimal", &[10, 11]).is_err());
        assert!(check(Scalar::DateTime, "Time", &[7]).is_err());
        assert!(super::check(Provider::Sqlite, Scalar::String, "Text", &[]).is_err());
        assert!(super::check(Provider::MySql, Scalar::String, "VarChar", &[]).is_err());
    }

    #[test]
    fn what_is_left_out_is_one() {
        let char = ("Char".to_owned(), Vec::new());
        assert_eq!(lower(Provider::Postgres, Scalar::String, Some(&char)), Type::Native("bpchar".into(), vec![1]));
    }
}
