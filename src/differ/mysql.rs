//! What is peculiar to MySQL and MariaDB, as Prisma's engine for MySQL compares: types whose name has UNSIGNED in it, enums that
//! are part of a column, indexes that belong to a foreign key, names of tables without case.

use std::borrow::Cow;
use std::collections::HashMap;

use smol_str::SmolStr;

use crate::catalog::value::Family;
use crate::catalog::{Action, Catalog, Column, Default, ForeignKey, Index, Name, Table, Type, mysql_types};
use crate::differ::column::bare;
use crate::finding::Severity;

/// The expected catalog with the names of tables as the server spells them, where it takes two spellings for one
/// (lower_case_table_names): as Prisma, of ASCII letters only.
pub(crate) fn respelled<'a>(expected: &'a Catalog, actual: &Catalog) -> Cow<'a, Catalog> {
    if !actual.folds_table_names {
        return Cow::Borrowed(expected);
    }
    let key = |name: &Name| (name.schema.to_ascii_lowercase(), name.name.to_ascii_lowercase());
    let tables = actual.tables.iter().map(|table| &table.name).chain(&actual.views);
    let there: HashMap<(String, String), &Name> = tables.map(|name| (key(name), name)).collect();
    let mut expected = expected.clone();
    let respell = |name: &mut Name| {
        if let Some(there) = there.get(&key(name)) {
            (*there).clone_into(name);
        }
    };
    for table in &mut expected.tables {
        respell(&mut table.name);
        table.foreign_keys.iter_mut().for_each(|key| respell(&mut key.target));
    }
    expected.views.iter_mut().for_each(respell);
    for schema in &mut expected.schemas {
        if let Some(there) = actual.schemas.iter().find(|there| there.eq_ignore_ascii_case(schema)) {
            there.clone_into(schema);
        }
    }
    Cow::Owned(expected)
}

/// How bad it is that the type is another; `None` where it is the same.
pub(crate) fn types(expected: &Type, actual: &Type) -> Option<Severity> {
    match (mysql_types::enum_values(expected), mysql_types::enum_values(actual)) {
        (Some(one), Some(other)) if one == other => return None,
        // Extra values and a different order cannot break a query.
        (Some(one), Some(other)) => {
            let lacks = one.iter().any(|value| !other.contains(value));
            return Some(if lacks { Severity::Error } else { Severity::Notice });
        }
        (Some(_), None) | (None, Some(_)) => {
            let is_text = [expected, actual].iter().any(|kind| mysql_types::family(kind) == Family::Text);
            return Some(if is_text || is_set(actual) { Severity::Warning } else { Severity::Error });
        }
        (None, None) => {}
    }
    match (expected, actual) {
        // Prisma takes every type that it does not know for one, and for a String.
        (Type::Other(one), Type::Other(other)) => (bare(one) != bare(other)).then_some(Severity::Notice),
        (Type::Other(one), Type::Native(other, _)) if bare(one) == mysql_types::plain(other) => Some(Severity::Notice),
        (Type::Native(..), Type::Other(_)) if mysql_types::family(expected) == Family::Text => Some(Severity::Notice),
        (Type::Other(_), _) | (Type::Native(..), Type::Other(_)) => Some(Severity::Warning),
        (Type::Native(one, arguments), Type::Native(other, others)) => {
            let (one, other) = (mysql_types::plain(one), mysql_types::plain(other));
            match one == other {
                true => arguments_of(one, arguments, others),
                false => Some(related(one, other)),
            }
        }
        _ => Some(Severity::Error),
    }
}

/// Whether a foreign key may lead from the one to the other: texts of any length, else the same type (MySQL manual 15.1.20.5).
pub(crate) fn may_refer(one: &Type, other: &Type) -> bool {
    let is_text = |kind| matches!(mysql_types::family(kind), Family::Text | Family::Bytes);
    one == other || types(one, other).is_none() || is_text(one) && is_text(other)
}

fn is_set(kind: &Type) -> bool {
    matches!(kind, Type::Other(text) if bare(text) == "set")
}

/// Arguments of one type. The width of a TINYINT matters to its default only, FLOAT(M, D) to nothing.
fn arguments_of(name: &str, expected: &[u32], actual: &[u32]) -> Option<Severity> {
    let full = |arguments: &[u32]| match (name, arguments) {
        ("bit" | "char" | "binary", []) => vec![1],
        ("datetime" | "timestamp" | "time", []) => vec![0],
        ("decimal", [precision]) => vec![*precision, 0],
        _ => arguments.to_vec(),
    };
    match name {
        "float" | "double" | "tinyint" => None,
        "tinyint unsigned" => (expected != actual).then_some(Severity::Notice),
        // Prisma writes what is left out as nothing, and finds the server's number different for ever.
        "datetime" | "timestamp" | "time" | "decimal" if expected.is_empty() => None,
        _ => (full(expected) != full(actual)).then_some(Severity::Warning),
    }
}

/// How bad it is that a column has the one type instead of the other.
fn related(one: &str, other: &str) -> Severity {
    const RELATED: &[&[&str]] = &[
        &["tinytext", "text", "mediumtext", "longtext", "varchar", "char"],
        &["tinyblob", "blob", "mediumblob", "longblob", "varbinary", "binary"],
        &["float", "double", "decimal"],
        &["date", "datetime", "timestamp"],
        &["json", "text", "mediumtext", "longtext"],
        &["bit", "tinyint"],
    ];
    const INTEGERS: &[&str] = &["tinyint", "smallint", "mediumint", "int", "bigint", "year"];
    let is_integer = |name: &str| INTEGERS.contains(&name.trim_end_matches(" unsigned"));
    match (one, other) {
        // MariaDB's JSON is a LONGTEXT.
        ("json", "longtext") | ("longtext", "json") => Severity::Notice,
        _ if is_integer(one) && is_integer(other) => Severity::Warning,
        _ if RELATED.iter().any(|related| related.contains(&one) && related.contains(&other)) => Severity::Warning,
        _ => Severity::Error,
    }
}

/// Defaults that are compared otherwise than in PostgreSQL: `Some(None)` for the same, `None` where the usual rules hold.
pub(crate) fn defaults(expected: &Column, actual: &Column, family: Family) -> Option<Option<Severity>> {
    let is_number = |value: &str| matches!(value, "0" | "1");
    match (&expected.default, &actual.default) {
        // Prisma writes no default for a document, and looks at none.
        _ if family == Family::Json => Some(None),
        // Nor does it for bytes; the client fills them in.
        (Default::Value(_), Default::None) if family == Family::Bytes => Some(Some(Severity::Notice)),
        // The catalog is utf8mb3 and has a question mark for each of these.
        (Default::Value(text), Default::Value(_)) if text.chars().any(|c| c > '\u{ffff}') => Some(None),
        // To Prisma the default of TINYINT(1) is true or false, that of any other TINYINT a number.
        (Default::Value(one), Default::Value(other))
            if one == other && is_number(one) && is_tinyint(&expected.kind) && expected.kind != actual.kind =>
        {
            Some(Some(Severity::Notice))
        }
        _ => None,
    }
}

fn is_tinyint(kind: &Type) -> bool {
    matches!(kind, Type::Native(name, _) if name == "tinyint")
}

/// Whether the two do the same: InnoDB knows no NO ACTION but RESTRICT, and MariaDB has no SET DEFAULT (MySQL manual
/// 15.1.20.5).
pub(crate) fn act_alike(one: &ForeignKey, other: &ForeignKey) -> bool {
    let effect = |action| match action {
        Action::NoAction | Action::SetDefault => Action::Restrict,
        action => action,
    };
    (effect(one.on_delete), effect(one.on_update)) == (effect(other.on_delete), effect(other.on_update))
}

/// An index over exactly the columns of a foreign key: the server makes one for the key.
pub(crate) fn is_of_foreign_key(index: &Index, table: &Table) -> bool {
    let is_plain =
        !index.unique && index.method == "btree" && index.columns.iter().all(|column| column.length.is_none());
    let columns: Vec<&SmolStr> = index.columns.iter().map(|column| &column.name).collect();
    is_plain && table.foreign_keys.iter().any(|key| key.columns.iter().eq(columns.iter().copied()))
}
