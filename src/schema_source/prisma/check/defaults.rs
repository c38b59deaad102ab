//! `@default(…)`: the part of it that the database has. Defaults that Prisma's client makes up (`uuid()`, `cuid()`) are
//! no default of the column.
//!
//! Prisma: `psl/parser-database/src/attributes/default.rs`, and `default_value.rs` in validations.

use crate::catalog::{Arity, Default};
use crate::schema_source::prisma::check::Checker;
use crate::schema_source::prisma::check::attributes::{Arguments, Level, Signature};
use crate::schema_source::prisma::check::enums::EnumLabels;
use crate::schema_source::prisma::schema::{FieldType, Scalar};
use crate::schema_source::prisma::syntax::{Argument, Attribute, Expression, ExpressionKind};

impl Checker<'_> {
    /// The default of a column.
    ///
    /// Prisma: `visit_model_field_default`: a list's default is a list or a function; a list is no other field's default.
    pub(super) fn default(&mut self, attribute: &Attribute, kind: &FieldType, arity: Arity) -> Default {
        let signature = Signature::first_positional(&["value", "map"]);
        let arguments = Arguments::of_attribute(attribute, Level::Field, signature, &mut self.problems);
        let Some(value) = arguments.get("value") else {
            arguments.report_missing("value", &mut self.problems);
            return Default::None;
        };
        match (&value.kind, arity) {
            (ExpressionKind::Call(name, arguments), _) => match function(name, arguments, kind) {
                Ok(default) => return default,
                Err(message) => self.report(value.position, message),
            },
            (ExpressionKind::List(items), Arity::List) => {
                return Default::List(items.iter().filter_map(|item| self.literal(item, kind)).collect());
            }
            (ExpressionKind::List(_), _) => self.report(value.position, "a list is a default for lists only"),
            (_, Arity::List) => {
                self.report(value.position, "the default of a list is a list, as in `@default([])`");
            }
            _ => return self.literal(value, kind).map_or(Default::None, Default::Value),
        }
        Default::None
    }

    /// A literal in the form of [`Default::Value`]; reports one that does not suit the field's type.
    fn literal(&mut self, value: &Expression, kind: &FieldType) -> Option<String> {
        let literal = match kind {
            FieldType::Scalar(scalar, _) => scalar_literal(*scalar, value),
            FieldType::Enum(at) => label(value, &self.enums[*at]),
            FieldType::Unsupported(_) => {
                Err("a field that is Unsupported takes no default but dbgenerated(\"…\")".to_owned())
            }
        };
        literal.map_err(|message| self.report(value.position, message)).ok()
    }
}

/// A default that is a function call; or why it does not suit the type.
///
/// Prisma: `validate_model_builtin_scalar_type_default` in `attributes/default.rs`: which function suits which type.
fn function(name: &str, arguments: &[Argument], kind: &FieldType) -> Result<Default, String> {
    let scalar = match kind {
        FieldType::Scalar(scalar, _) => Some(*scalar),
        _ => None,
    };
    let suits = |suitable: &[Scalar], default| match scalar {
        Some(scalar) if suitable.contains(&scalar) => Ok(default),
        _ => Err(format!(
            "{name}() is a default for {} only",
            suitable.iter().map(|scalar| format!("{scalar:?}")).collect::<Vec<_>>().join(" and ")
        )),
    };
    match name {
        "autoincrement" | "now" if !arguments.is_empty() => Err(format!("{name}() takes no argument")),
        "autoincrement" => suits(&[Scalar::Int, Scalar::BigInt], Default::Sequence),
        "now" => suits(&[Scalar::DateTime], Default::Now),
        // The client generates these; the column has no default.
        "cuid" | "uuid" | "ulid" | "nanoid" => suits(&[Scalar::String], Default::None),
        "dbgenerated" => match arguments {
            [] => Ok(Default::Any),
            [Argument { value: Expression { kind: ExpressionKind::Text(text), .. }, .. }] if !text.is_empty() => {
                Ok(Default::Expression(text.to_string()))
            }
            _ => Err("dbgenerated() takes one string that is not empty, or nothing".to_owned()),
        },
        _ => Err(format!(
            "`{name}()` is no default here; there are autoincrement, now, dbgenerated, uuid, cuid, ulid and nanoid"
        )),
    }
}

/// A scalar in the form of [`Default::Value`]; or why it does not suit the type.
fn scalar_literal(scalar: Scalar, value: &Expression) -> Result<String, String> {
    match (scalar, &value.kind) {
        (Scalar::String, ExpressionKind::Text(text)) => Ok(text.to_string()),
        (Scalar::DateTime, ExpressionKind::Text(text)) => match is_time(text) {
            true => Ok(text.to_string()),
            false => Err(format!("{text:?} is not a time; write it as in \"2030-01-31T10:00:00Z\"")),
        },
        (Scalar::Boolean, ExpressionKind::Constant(text)) if text == "true" || text == "false" => Ok(text.to_string()),
        (Scalar::Int | Scalar::BigInt, ExpressionKind::Number(text)) => {
            let number: Result<i64, _> = text.parse();
            number.map(|number| number.to_string()).map_err(|_| format!("{text} is not a whole number of 64 bits"))
        }
        (Scalar::Float | Scalar::Decimal, ExpressionKind::Number(text)) => Ok(plain(text)),
        (Scalar::Decimal, ExpressionKind::Text(text)) if is_number(text) => Ok(plain(text)),
        (Scalar::Json, ExpressionKind::Text(text)) => {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(text);
            parsed.map(|value| value.to_string()).map_err(|error| format!("this default is not JSON: {error}"))
        }
        (Scalar::Bytes, ExpressionKind::Text(text)) => match base64(text) {
            Some(bytes) => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            None => Err("the default of Bytes is written in base64".to_owned()),
        },
        _ => Err(format!("this is no default for a field of the type {scalar:?}")),
    }
}

/// An enum's value is given by its name in the schema; the default is what the database calls it.
fn label(value: &Expression, of: &EnumLabels<'_>) -> Result<String, String> {
    let ExpressionKind::Constant(name) = &value.kind else {
        return Err(format!("the default of the enum `{}` is one of its values, without quotes", of.name));
    };
    let found = of.labels.get(name.as_ref()).cloned();
    found.ok_or_else(|| format!("the enum `{}` has no value `{name}`", of.name))
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    digits(whole) && digits(fraction)
}

/// Whether the text has the shape of an RFC 3339 time. Its value is never compared, so it is not parsed.
fn is_time(text: &str) -> bool {
    let shape = b"0000-00-00T00:00:00";
    let same = |(shape, byte): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        _ => shape == byte,
    };
    text.len() > shape.len() && shape.iter().zip(text.as_bytes()).all(same)
}

/// A decimal number without superfluous zeros or a negative zero.
fn plain(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    match fraction {
        "" if whole == "0" => "0".to_owned(),
        "" => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

/// Decodes base64 as of RFC 4648.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 || !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::new();
    let (mut held, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((held >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_plain() {
        for (written, expected) in
            [("1.0", "1"), ("-0.50", "-0.5"), ("-0.0", "0"), ("007", "7"), ("100", "100"), ("0.00", "0")]
        {
            assert_eq!(plain(written), expected);
        }
    }

    #[test]
    fn base64_is_decoded() {
        assert_eq!(base64("aGVsbG8=").unwrap(), b"hello");
        assert_eq!(base64("aGVsbG8gdw==").unwrap(), b"hello w");
        assert_eq!(base64("").unwrap(), b"");
        assert_eq!(base64("a"), None);
        assert_eq!(base64("a b="), None);
    }
}
