//! Columns: there at all, of a type that the service can use, with the NULLs and the default that it counts on.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::catalog::value::{self, Family, family};
use crate::catalog::{Arity, CatalogSource, Column, Default, Table, Type, mysql_types};
use crate::differ::{Compared, Names, folded, mysql};
use crate::finding::{Detail, Difference, DifferenceKind, Severity};
use crate::sql::script::Aspect;
use crate::sql::{Dialect, ObjectKind, ObjectRef};

/// What each expected column is called in the database; missing ones are not there.
#[derive(Debug, Default)]
pub(crate) struct Columns<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Columns<'a> {
    /// The name in the database of the expected column `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(expected, _)| *expected == name).map(|(_, there)| *there)
    }
}

/// What each column of the expected table is called in the actual one.
pub(crate) fn counterparts<'a>(expected: &'a Table, actual: &'a Table, dialect: Dialect) -> Columns<'a> {
    let compared = Compared { names: Names(dialect), source: &CatalogSource::Live };
    compare(expected, actual, compared, &mut Vec::new())
}

/// Whether the server compares values of the two types with each other, as a foreign key must.
pub(crate) fn is_comparable(one: &Type, other: &Type, dialect: Dialect) -> bool {
    if dialect.rules().declares_by_column {
        return mysql::may_refer(one, other);
    }
    types(one, other, dialect) != Some(Severity::Error)
}

/// For each of the wanted columns the column that is there under its name.
fn same_names<'a>(wanted: &[Column], there: &'a [Column], dialect: Dialect) -> Vec<Option<usize>> {
    let mut by_name: Option<HashMap<Cow<'a, str>, usize>> = None;
    let mut next = 0;
    let mut place = |column: &Column| {
        // Most tables have their columns in the order in which the source lists them.
        let is_next = there.get(next).is_some_and(|other| dialect.is_same_name(&other.name, &column.name));
        let place = if is_next {
            Some(next)
        } else {
            let names =
                || there.iter().enumerate().map(|(place, other)| (dialect.folded(&other.name), place)).collect();
            by_name.get_or_insert_with(names).get(&dialect.folded(&column.name)).copied()
        };
        next = place.map_or(next, |place| place + 1);
        place
    };
    wanted.iter().map(&mut place).collect()
}

pub(crate) fn compare<'a>(
    expected: &'a Table,
    actual: &'a Table,
    compared: Compared<'_>,
    findings: &mut Vec<Difference>,
) -> Columns<'a> {
    let names = compared.names;
    let places = same_names(&expected.columns, &actual.columns, names.0);
    let mut is_wanted = vec![false; actual.columns.len()];
    places.iter().flatten().for_each(|place| is_wanted[*place] = true);
    let columns = actual.columns.iter().zip(&is_wanted);
    let mut spare: Vec<&Column> = columns.filter(|(_, wanted)| !**wanted).map(|(column, _)| column).collect();
    let mut columns = Columns(Vec::with_capacity(expected.columns.len()));
    let object_of = |column: &Column| ObjectRef::part_of(&expected.name, ObjectKind::Column, &column.name);
    for (column, place) in expected.columns.iter().zip(places) {
        if let Some(other) = place.map(|place| &actual.columns[place]) {
            columns.0.push((&column.name, &other.name));
            if names.are_spelled_apart(&column.name, &other.name) {
                let spelled = compared.found(
                    Severity::Notice,
                    DifferenceKind::Renamed,
                    object_of(column),
                    column.origin.as_ref(),
                );
                findings.push(spelled.instead(ObjectRef::part_of(&actual.name, ObjectKind::Column, &other.name)));
            }
            findings.extend(differences(column, other, &|| object_of(column), compared, actual.may_fill));
            continue;
        }
        let error = |kind| compared.found(Severity::Error, kind, object_of(column), column.origin.as_ref());
        match spare.iter().position(|other| folded(&other.name) == folded(&column.name)) {
            Some(place) => {
                let other = spare.remove(place);
                columns.0.push((&column.name, &other.name));
                let there = ObjectRef::part_of(&actual.name, ObjectKind::Column, &other.name);
                findings.push(error(DifferenceKind::Renamed).instead(there));
            }
            None => findings.push(error(DifferenceKind::Missing)),
        }
    }
    for other in spare {
        let is_in_the_way = other.arity == Arity::Required && other.default == Default::None;
        findings.push(match (is_in_the_way, actual.may_fill) {
            // The service does not know that it has to fill it.
            (true, false) => compared
                .found(Severity::Error, DifferenceKind::Extra, object_of(other), None)
                .but("NOT NULL without a default, so that no row can be inserted without it"),
            (true, true) => compared
                .found(Severity::Notice, DifferenceKind::Uncompared, object_of(other), None)
                .but("NOT NULL without a default, which a trigger BEFORE INSERT or a rule of the table may fill"),
            (false, _) => compared.found(Severity::Notice, DifferenceKind::Extra, object_of(other), None),
        });
    }
    columns
}

/// In what a column differs that is there. With `may_fill`, something else than a default may fill the column.
fn differences(
    expected: &Column,
    actual: &Column,
    object: &dyn Fn() -> ObjectRef,
    compared: Compared<'_>,
    may_fill: bool,
) -> Vec<Difference> {
    let found = |severity, kind, aspect| {
        compared.found(severity, kind, object(), expected.origin.as_ref()).with(Detail::Aspect(aspect))
    };
    let differs = |severity, aspect| found(severity, DifferenceKind::Different, aspect);
    let dialect = compared.names.0;
    let mut findings = Vec::new();
    let is_list = actual.arity == Arity::List;
    if is_list != (expected.arity == Arity::List) {
        findings.push(differs(Severity::Error, Aspect::Type).between(type_of(expected), type_of(actual)));
        return findings;
    }
    if let Some(severity) = types(&expected.kind, &actual.kind, dialect) {
        findings.push(differs(severity, Aspect::Type).between(type_of(expected), type_of(actual)));
        if severity == Severity::Error {
            // The default of another type is another.
            return findings;
        }
    }
    match (expected.arity, actual.arity) {
        // MySQL makes such a column NOT NULL.
        (Arity::Optional, Arity::Required)
            if dialect.rules().declares_by_column && actual.default == Default::Sequence => {}
        (Arity::Optional, Arity::Required) => {
            findings.push(differs(Severity::Error, Aspect::Null).between("NULL allowed", "NOT NULL"));
        }
        (Arity::Required, Arity::Optional) => {
            findings.push(differs(Severity::Warning, Aspect::Null).between("NOT NULL", "NULL allowed"));
        }
        _ => {}
    }
    let finding = match defaults(expected, actual, dialect) {
        DefaultComparison::Same => None,
        DefaultComparison::Different(Severity::Error) if may_fill => {
            Some((Severity::Notice, DifferenceKind::Uncompared))
        }
        DefaultComparison::Different(severity) => Some((severity, DifferenceKind::Different)),
        DefaultComparison::Uncompared => Some((Severity::Notice, DifferenceKind::Uncompared)),
    };
    if let Some((severity, kind)) = finding {
        let found = found(severity, kind, Aspect::Default);
        findings.push(found.between(default_of(&expected.default), default_of(&actual.default)));
    }
    findings
}

/// How bad it is that the type is another; `None` where it is the same.
fn types(expected: &Type, actual: &Type, dialect: Dialect) -> Option<Severity> {
    if expected == actual {
        return None;
    }
    if !dialect.rules().enforces_types {
        // Nothing is enforced; what matters is how a value is read.
        let plain = |kind| match family(kind) {
            Family::Enum => Family::Text,
            Family::Other if matches!(kind, Type::Native(..)) => Family::Other,
            family => family,
        };
        return match (plain(expected), plain(actual)) {
            (one, other) if one == other => (!has_prismas_name(expected, actual)).then_some(Severity::Notice),
            _ if matches!(expected, Type::Other(_)) => None,
            (Family::Json, Family::Text | Family::Bytes) | (Family::Text, Family::Json) => Some(Severity::Warning),
            _ => Some(Severity::Error),
        };
    }
    if dialect.rules().declares_by_column {
        return mysql::types(expected, actual);
    }
    match (expected, actual) {
        (Type::Other(one), Type::Other(other)) => (bare(one) != bare(other)).then_some(Severity::Notice),
        // Nothing that a client of Prisma touches.
        (Type::Other(one), Type::Native(other, _)) if bare(one) == *other || bare(one) == spoken(other) => {
            Some(Severity::Notice)
        }
        (Type::Other(_), _) => Some(Severity::Warning),
        (Type::Enum(one), Type::Enum(other)) => (one != other).then_some(Severity::Error),
        (Type::Native(one, arguments), Type::Native(other, others)) if one == other => {
            (!are_same_arguments(one, arguments, others)).then_some(Severity::Warning)
        }
        (Type::Native(one, arguments), Type::Native(other, _)) => match (&**one, &**other) {
            // "char", which Prisma takes for CHAR.
            ("bpchar", "char") if matches!(arguments.as_slice(), [] | [1]) => None,
            _ if are_related(one, other) => Some(Severity::Warning),
            _ => Some(Severity::Error),
        },
        _ => Some(Severity::Error),
    }
}

/// Whether Prisma knows SQLite's type under this name; any that sounds like it is stored and read alike.
fn has_prismas_name(expected: &Type, actual: &Type) -> bool {
    let (Type::Native(expected, _), Type::Native(actual, _)) = (expected, actual) else { return true };
    match (&**expected, &**actual) {
        ("text", name) => name == "text" || name.contains("char"),
        ("decimal", name) => name == "decimal" || name.contains("numeric"),
        ("integer", name) => matches!(name, "integer" | "int" | "serial"),
        ("real", name) => matches!(name, "real" | "double" | "float"),
        ("datetime", name) => matches!(name, "datetime" | "date" | "timestamp"),
        ("blob", name) => matches!(name, "blob" | "binary"),
        (expected, name) => expected == name,
    }
}

/// Types between which the server converts in any query, with other limits or other rounding.
fn are_related(one: &str, other: &str) -> bool {
    const RELATED: &[&[&str]] = &[
        &["text", "varchar", "bpchar", "char", "citext"],
        &["int2", "int4", "int8"],
        &["float4", "float8"],
        &["timestamp", "timestamptz"],
        &["time", "timetz"],
        &["json", "jsonb"],
        &["bit", "varbit"],
    ];
    RELATED.iter().any(|related| related.contains(&one) && related.contains(&other))
}

fn are_same_arguments(name: &str, expected: &[u32], actual: &[u32]) -> bool {
    let without_default = |arguments: &[u32]| match (name, arguments) {
        ("bpchar" | "bit", []) => vec![1],
        ("numeric", [precision]) => vec![*precision, 0],
        _ => arguments.to_vec(),
    };
    match name {
        // Without a precision any will do.
        "timestamp" | "timestamptz" | "time" | "timetz" if expected.is_empty() || actual.is_empty() => true,
        _ => without_default(expected) == without_default(actual),
    }
}

/// The name in `"public"."vector"(512)`.
pub(crate) fn bare(name: &str) -> String {
    let name = name.split('(').next().unwrap_or_default().trim_end_matches("[]").trim();
    name.rsplit('.').next().unwrap_or_default().trim_matches('"').to_lowercase()
}

/// Two defaults of one column.
enum DefaultComparison {
    Same,
    Different(Severity),
    /// Only the server could tell: it rewrites expressions, and the notation of values whose type is not known here.
    Uncompared,
}

impl DefaultComparison {
    fn of_values(one: &str, other: &str, family: Family) -> Self {
        // A document that cannot be read is not compared.
        let is_document = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
        match family {
            _ if value::same(one, other, family) => Self::Same,
            Family::Json if !(is_document(one) && is_document(other)) => Self::Same,
            Family::Other => Self::Uncompared,
            _ => Self::Different(Severity::Warning),
        }
    }

    /// The first that is not the same decides.
    fn of_lists(one: &[String], other: &[String], family: Family) -> Self {
        if one.len() != other.len() {
            return Self::Different(Severity::Warning);
        }
        let each = one.iter().zip(other).map(|(one, other)| Self::of_values(one, other, family));
        each.into_iter().find(|it| !matches!(it, Self::Same)).unwrap_or(Self::Same)
    }

    /// Calls of two functions differ, if nothing else is called or computed; of other expressions nothing is known.
    fn of_expressions(one: &str, other: &str) -> Self {
        match (value::function(one), value::function(other)) {
            _ if value::simplified(one) == value::simplified(other) => Self::Same,
            (Some(one), Some(other)) if one != other => Self::Different(Severity::Warning),
            _ => Self::Uncompared,
        }
    }
}

/// Compares the default of a column with the expected one.
fn defaults(expected: &Column, actual: &Column, dialect: Dialect) -> DefaultComparison {
    use DefaultComparison::{Different, Same, Uncompared};
    if (&expected.default, &actual.default) == (&Default::None, &Default::None) {
        return Same;
    }
    let is_list = expected.arity == Arity::List;
    let is_mysql = dialect.rules().declares_by_column;
    let family = if is_mysql { mysql_types::family(&expected.kind) } else { family(&expected.kind) };
    let is_moment = matches!(family, Family::Moment | Family::Time);
    // `dbgenerated("now()")` is now() in other words.
    let wanted = match &expected.default {
        Default::Expression(text) => &value::read(text, &expected.kind, is_list),
        other => other,
    };
    if is_mysql && let Some(severity) = mysql::defaults(expected, actual, family) {
        return severity.map_or(Same, Different);
    }
    match (wanted, &actual.default) {
        (Default::Any, _) | (Default::None, Default::None) => Same,
        // SQLite numbers an INTEGER PRIMARY KEY by itself, also without a default.
        (_, Default::Sequence) if dialect.rules().numbers_integer_keys => Same,
        // Nothing that the service counts on.
        (Default::None, _) => Different(Severity::Notice),
        // Prisma expects a number of any key, and creates a BIGINT that has none.
        (Default::Sequence, Default::None) if dialect.rules().numbers_integer_keys => Different(Severity::Notice),
        // These the database alone can fill in.
        (Default::Sequence | Default::Expression(_), Default::None) if expected.arity == Arity::Required => {
            Different(Severity::Error)
        }
        (Default::Value(_) | Default::List(_), Default::None) => Different(Severity::Warning),
        (Default::Value(_) | Default::List(_), _) if is_moment => Same,
        (Default::Now, Default::Value(_) | Default::List(_)) if is_moment => Same,
        (Default::Value(one), Default::Value(other)) => DefaultComparison::of_values(one, other, family),
        (Default::List(one), Default::List(other)) => DefaultComparison::of_lists(one, other, family),
        (Default::Expression(one), Default::Expression(other)) => DefaultComparison::of_expressions(one, other),
        (one, other) if one == other => Same,
        (Default::Expression(_), Default::Value(_) | Default::List(_) | Default::Now)
        | (Default::Value(_) | Default::List(_) | Default::Now, Default::Expression(_)) => Uncompared,
        _ => Different(Severity::Warning),
    }
}

/// The type as people know it.
pub(crate) fn type_of(column: &Column) -> String {
    let name = match &column.kind {
        Type::Native(name, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(u32::to_string).collect();
            let name = spoken(name);
            if arguments.is_empty() { name.to_owned() } else { format!("{name}({})", arguments.join(", ")) }
        }
        Type::Enum(name) => format!("enum {name}"),
        Type::Other(name) => name.clone(),
    };
    if column.arity == Arity::List { format!("{name}[]") } else { name }
}

/// The name that people know a type by.
fn spoken(name: &str) -> &str {
    match name {
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "bool" => "boolean",
        "bpchar" => "char",
        "char" => "\"char\"",
        name => name,
    }
}

fn default_of(default: &Default) -> String {
    match default {
        Default::None => "no default".to_owned(),
        Default::Value(value) => format!("default '{value}'"),
        Default::List(values) => format!("default {{{}}}", values.join(",")),
        Default::Now => "default now()".to_owned(),
        Default::Sequence => "a sequence".to_owned(),
        Default::Expression(text) => format!("default {text}"),
        Default::Any => "any default".to_owned(),
    }
}
