//! `@default(…)`: what the database has of it.

use crate::catalog::{Arity, Default};
use crate::schema_source::prisma::check::attributes::Arguments;
use crate::schema_source::prisma::check::{Context, Problems, Values, wrong};
use crate::schema_source::prisma::schema::{FieldType, Scalar};
use crate::schema_source::prisma::syntax::{Argument, Attribute, Value, ValueKind};

/// The default of a field of this type.
pub(crate) fn read(
    attribute: &Attribute,
    kind: &FieldType,
    arity: Arity,
    context: &Context,
    problems: &mut Problems,
) -> Default {
    let arguments = Arguments::read(attribute, "@", &["value", "map"], 1, problems);
    let Some(value) = arguments.get("value") else {
        arguments.lacks("value", problems);
        return Default::None;
    };
    match (&value.kind, arity) {
        (ValueKind::Call(name, arguments), _) => match call(name, arguments, kind) {
            Ok(default) => default,
            Err(message) => {
                wrong(problems, value.place, message);
                Default::None
            }
        },
        (ValueKind::List(items), Arity::List) => {
            Default::List(items.iter().filter_map(|item| noted(item, kind, context, problems)).collect())
        }
        (ValueKind::List(_), _) => {
            wrong(problems, value.place, "a list is a default for lists only");
            Default::None
        }
        (_, Arity::List) => {
            wrong(problems, value.place, "the default of a list is a list, as in `@default([])`");
            Default::None
        }
        _ => noted(value, kind, context, problems).map_or(Default::None, Default::Value),
    }
}

fn noted(value: &Value, kind: &FieldType, context: &Context, problems: &mut Problems) -> Option<String> {
    match literal(value, kind, context) {
        Ok(text) => Some(text),
        Err(message) => {
            wrong(problems, value.place, message);
            None
        }
    }
}

fn call(name: &str, arguments: &[Argument], kind: &FieldType) -> Result<Default, String> {
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
        // The client makes these up; the database knows nothing of them.
        "cuid" | "uuid" | "ulid" | "nanoid" => suits(&[Scalar::String], Default::None),
        "dbgenerated" => match arguments {
            [] => Ok(Default::Any),
            [Argument { value: Value { kind: ValueKind::Text(text), .. }, .. }] if !text.is_empty() => {
                Ok(Default::Expression(text.clone()))
            }
            _ => Err("dbgenerated() takes one string that is not empty, or nothing".to_owned()),
        },
        _ => Err(format!(
            "`{name}()` is no default here; there are autoincrement, now, dbgenerated, uuid, cuid, ulid and nanoid"
        )),
    }
}

/// A literal, normalised; or why it does not suit the type.
fn literal(value: &Value, kind: &FieldType, context: &Context) -> Result<String, String> {
    let scalar = match kind {
        FieldType::Scalar(scalar, _) => *scalar,
        FieldType::Enum(at) => return label(value, &context.enums[*at]),
        FieldType::Unsupported(_) => {
            return Err("a field that is Unsupported takes no default but dbgenerated(\"…\")".to_owned());
        }
    };
    match (scalar, &value.kind) {
        (Scalar::String, ValueKind::Text(text)) => Ok(text.clone()),
        (Scalar::DateTime, ValueKind::Text(text)) => match is_time(text) {
            true => Ok(text.clone()),
            false => Err(format!("{text:?} is no time; write it as in \"2030-01-31T10:00:00Z\"")),
        },
        (Scalar::Boolean, ValueKind::Constant(text)) if text == "true" || text == "false" => Ok(text.clone()),
        (Scalar::Int | Scalar::BigInt, ValueKind::Number(text)) => {
            let number: Result<i64, _> = text.parse();
            number.map(|number| number.to_string()).map_err(|_| format!("{text} is no whole number of 64 bits"))
        }
        (Scalar::Float | Scalar::Decimal, ValueKind::Number(text)) => Ok(plain(text)),
        (Scalar::Decimal, ValueKind::Text(text)) if is_number(text) => Ok(plain(text)),
        (Scalar::Json, ValueKind::Text(text)) => {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(text);
            parsed.map(|value| value.to_string()).map_err(|error| format!("this default is no JSON: {error}"))
        }
        (Scalar::Bytes, ValueKind::Text(text)) => match base64(text) {
            Some(bytes) => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            None => Err("the default of Bytes is written in base64".to_owned()),
        },
        _ => Err(format!("this is no default for a field of the type {scalar:?}")),
    }
}

/// An enum's value: by its name in the schema, as the database has it.
fn label(value: &Value, of: &Values<'_>) -> Result<String, String> {
    let ValueKind::Constant(name) = &value.kind else {
        return Err(format!("the default of the enum `{}` is one of its values, without quotes", of.name));
    };
    let found = of.labels.get(name.as_str()).map(|label| (*label).to_owned());
    found.ok_or_else(|| format!("the enum `{}` has no value `{name}`", of.name))
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    digits(whole) && digits(fraction)
}

/// Whether the text has the shape of an RFC 3339 time. Nothing compares its value.
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
