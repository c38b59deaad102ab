//! Types and defaults of columns, from the spelling of either server: MariaDB renders a default as SQL, MySQL as the bare value
//! with DEFAULT_GENERATED in `extra` where it is an expression.

use crate::catalog::mysql_types;
use crate::catalog::value::{self, Family};
use crate::catalog::{Default, Type};

/// A column's default as the catalog writes it.
pub(crate) struct Written<'a> {
    /// `column_default`
    pub(crate) default: Option<&'a str>,
    /// `extra`
    pub(crate) extra: &'a str,
    /// `generation_expression`
    pub(crate) generation: &'a str,
    /// `default` is SQL text, not a value (MariaDB).
    pub(crate) is_sql: bool,
}

/// A type from `column_type`: `int(10) unsigned` is `int unsigned`, of display widths only that of `tinyint(1)` is kept. An enum
/// keeps its text, since its values are part of the column.
pub(crate) fn kind(text: &str) -> Type {
    let other = || Type::Other(text.to_owned());
    let (name, arguments, after) = match text.split_once('(') {
        None => {
            let (name, after) = text.split_once(' ').unwrap_or((text, ""));
            (name, "", after)
        }
        Some((name, rest)) => match rest.split_once(')') {
            Some((arguments, after)) => (name, arguments, after),
            None => return other(),
        },
    };
    let after = after.trim();
    let Some(name) = NATIVE.iter().copied().find(|native| *native == name) else { return other() };
    if !matches!(after, "" | "unsigned" | "unsigned zerofill") {
        return other();
    }
    let arguments = match name {
        "tinyint" if arguments != "1" => Vec::new(),
        "smallint" | "mediumint" | "int" | "bigint" | "year" => Vec::new(),
        _ => arguments.split(',').filter_map(|argument| argument.trim().parse().ok()).collect(),
    };
    let name = if after.is_empty() { name.into() } else { format!("{name} {after}").into() };
    Type::Native(name, arguments)
}

/// The types that Prisma has a native type for.
const NATIVE: &[&str] = &[
    "tinyint",
    "smallint",
    "mediumint",
    "int",
    "bigint",
    "year",
    "float",
    "double",
    "decimal",
    "bit",
    "char",
    "varchar",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "binary",
    "varbinary",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
    "date",
    "time",
    "datetime",
    "timestamp",
    "json",
];

/// The default that a column has. A generated column has its expression.
pub(crate) fn default(written: &Written<'_>, kind: &Type) -> Default {
    let mut is_expression = false;
    if !written.extra.is_empty() {
        let extra = written.extra.to_ascii_lowercase();
        is_expression = extra.contains("default_generated");
        if extra.contains("auto_increment") {
            return Default::Sequence;
        }
        if extra.contains("generated") && !is_expression || extra.contains("persistent") {
            return Default::Expression(written.generation.to_owned());
        }
    }
    let Some(text) = written.default else { return Default::None };
    if written.is_sql && text.eq_ignore_ascii_case("null") {
        return Default::None;
    }
    let family = mysql_types::family(kind);
    match written.is_sql {
        _ if (written.is_sql || is_expression || family == Family::Moment) && is_now(text) => Default::Now,
        true => literal(text).map_or_else(
            || Default::Expression(text.to_owned()),
            |literal| Default::Value(literal.value(kind, family)),
        ),
        false if is_expression => Default::Expression(text.to_owned()),
        false => Default::Value(bare(text).value(kind, family)),
    }
}

/// `current_timestamp()`, `now(3)`, `LOCALTIMESTAMP`: synonyms (MySQL manual 14.7).
pub(crate) fn is_now(text: &str) -> bool {
    let (name, arguments) = text.trim().split_once('(').unwrap_or((text.trim(), ")"));
    let digits = arguments.strip_suffix(')').unwrap_or("x");
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && ["current_timestamp", "now", "localtimestamp", "localtime"]
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word))
}

/// A literal's meaning.
enum Literal {
    Text(String),
    Number(String),
    /// Hexadecimal digits.
    Bytes(String),
    /// Binary digits.
    Bits(String),
}

impl Literal {
    fn value(self, kind: &Type, family: Family) -> String {
        let is_bytes = family == Family::Bytes;
        match self {
            Self::Text(text) if is_bytes => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            Self::Bits(digits) => u64::from_str_radix(&digits, 2).map_or(digits, |number| number.to_string()),
            Self::Bytes(digits) => digits.to_ascii_lowercase(),
            Self::Text(text) | Self::Number(text) => match kind {
                Type::Other(_) => text,
                _ => value::normalised(&text, family),
            },
        }
    }
}

/// MySQL's bare value: `b'1'` and `0x616263` keep their prefix.
fn bare(text: &str) -> Literal {
    prefixed(text).unwrap_or_else(|| Literal::Text(text.to_owned()))
}

fn prefixed(text: &str) -> Option<Literal> {
    let quoted = |prefix: &str| text.strip_prefix(prefix)?.strip_suffix('\'').map(str::to_owned);
    let hexadecimal = text.strip_prefix("0x").map(str::to_owned).or_else(|| quoted("x'")).or_else(|| quoted("X'"));
    let is_digits = |digits: &String| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    hexadecimal.filter(is_digits).map(Literal::Bytes).or_else(|| quoted("b'").map(Literal::Bits))
}

/// A literal as MariaDB renders it; `None` for an expression.
fn literal(text: &str) -> Option<Literal> {
    if let Some(literal) = prefixed(text) {
        return Some(literal);
    }
    if let Some(body) = text.strip_prefix('\'') {
        return mysql_types::quoted(body).filter(|(_, rest)| rest.is_empty()).map(|(text, _)| Literal::Text(text));
    }
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite) && !text.contains(|c: char| c.is_whitespace());
    is_number.then(|| Literal::Number(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_lose_their_display_width() {
        let native = |name: &str, arguments: &[u32]| Type::Native(name.to_owned().into(), arguments.to_vec());
        for (text, expected) in [
            ("int(10) unsigned", native("int unsigned", &[])),
            ("int unsigned", native("int unsigned", &[])),
            ("int(5) unsigned zerofill", native("int unsigned zerofill", &[])),
            ("tinyint(1)", native("tinyint", &[1])),
            ("tinyint(4)", native("tinyint", &[])),
            ("decimal(10,2)", native("decimal", &[10, 2])),
            ("datetime(3)", native("datetime", &[3])),
            ("year(4)", native("year", &[])),
            ("enum('A (b)','C')", Type::Other("enum('A (b)','C')".to_owned())),
            ("varchar(9) /*M!100301 COMPRESSED*/", Type::Other("varchar(9) /*M!100301 COMPRESSED*/".to_owned())),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn both_servers_say_the_same_default() {
        let read = |default, extra, is_sql, of: &str| {
            let written = Written { default, extra, generation: "", is_sql };
            super::default(&written, &kind(of))
        };
        let value = |text: &str| Default::Value(text.to_owned());
        assert_eq!(read(Some("NULL"), "", true, "int(11)"), Default::None);
        assert_eq!(read(Some("NULL"), "", false, "varchar(9)"), value("NULL"));
        assert_eq!(read(Some("'it''s \\\\'"), "", true, "varchar(9)"), value("it's \\"));
        assert_eq!(read(Some("it's \\"), "", false, "varchar(9)"), value("it's \\"));
        assert_eq!(
            read(Some("current_timestamp(3)"), "on update current_timestamp(3)", true, "datetime(3)"),
            Default::Now
        );
        assert_eq!(read(Some("CURRENT_TIMESTAMP(3)"), "DEFAULT_GENERATED", false, "datetime(3)"), Default::Now);
        assert_eq!(read(Some("b'1'"), "", true, "bit(1)"), value("1"));
        assert_eq!(read(Some("'abc'"), "", true, "binary(3)"), value("616263"));
        assert_eq!(read(Some("0x616263"), "", false, "binary(3)"), value("616263"));
        assert_eq!(read(Some("0.50"), "", true, "decimal(5,2)"), value("0.5"));
        assert_eq!(read(Some("(3 + 4)"), "", true, "int(11)"), Default::Expression("(3 + 4)".to_owned()));
        assert_eq!(
            read(Some("uuid()"), "DEFAULT_GENERATED", false, "varchar(9)"),
            Default::Expression("uuid()".to_owned())
        );
        assert_eq!(read(None, "STORED GENERATED", false, "int"), Default::Expression(String::new()));
    }
}
