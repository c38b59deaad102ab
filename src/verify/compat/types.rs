//! Whether a column takes every value that it took: between types that the server converts.

use crate::catalog::Type;
use crate::finding::effect::Effect;

/// Texts without a limit of their own, each taking what those before it take.
const TEXTS: &[&str] = &["tinytext", "text", "mediumtext", "longtext"];

/// The same of bytes.
const BYTES: &[&str] = &["tinyblob", "blob", "mediumblob", "longblob"];

/// Integers; clients tell them apart, so that a wider one is not as the running release knows it.
const INTEGERS: &[&[&str]] = &[&["int2", "int4", "int8"], &["tinyint", "smallint", "mediumint", "int", "bigint"]];

/// What becomes of values that the running release writes and reads; `None` where nothing does.
pub(crate) fn effect(old: &Type, new: &Type) -> Option<Effect> {
    if let Some(is_wider) = is_wider_integer(old, new) {
        return Some(if is_wider { Effect::Converted } else { Effect::Narrowed });
    }
    match (takes(new, old), takes(old, new)) {
        (Some(true), _) => None,
        (Some(false), _) | (_, Some(true)) => Some(Effect::Narrowed),
        (None, _) => Some(Effect::Converted),
    }
}

/// Whether the new integer is the wider one; `None` where one of them is none, or both are the same.
fn is_wider_integer(old: &Type, new: &Type) -> Option<bool> {
    let (Type::Native(old, _), Type::Native(new, _)) = (old, new) else { return None };
    let place = |integers: &[&str], name: &str| integers.iter().position(|integer| *integer == name);
    let (old, new) = INTEGERS.iter().find_map(|integers| place(integers, old).zip(place(integers, new)))?;
    (old != new).then_some(new > old)
}

/// Whether a column of the `one` type takes every value of the `other`, as it is; `None` for types that differ in more.
fn takes(one: &Type, other: &Type) -> Option<bool> {
    let (Type::Native(one, limits), Type::Native(other, others)) = (one, other) else { return None };
    let place = |texts: &[&str], name: &str| texts.iter().position(|text| *text == name);
    match (&**one, &**other) {
        ("numeric" | "decimal", _) if one == other => {
            Some(digits(limits)? >= digits(others)? && scale(limits)? >= scale(others)?)
        }
        (one, other) if one == other => Some(match (limits.first(), others.first()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(limit), Some(of_other)) => limit >= of_other,
        }),
        (one, "varchar") if place(TEXTS, one).is_some() => Some(true),
        (one, "varbinary") if place(BYTES, one).is_some() => Some(true),
        (one, other) => {
            let texts =
                place(TEXTS, one).zip(place(TEXTS, other)).or_else(|| place(BYTES, one).zip(place(BYTES, other)));
            texts.map(|(one, other)| one >= other)
        }
    }
}

/// Digits before the point; without a precision there is no limit.
fn digits(limits: &[u32]) -> Option<u32> {
    match limits {
        [] => Some(u32::MAX),
        [precision] => Some(*precision),
        [precision, scale, ..] => Some(precision.saturating_sub(*scale)),
    }
}

/// Digits behind the point.
fn scale(limits: &[u32]) -> Option<u32> {
    match limits {
        [] => Some(u32::MAX),
        [_] => Some(0),
        [_, scale, ..] => Some(*scale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &'static str, limits: &[u32]) -> Type {
        Type::Native(name.into(), limits.to_vec())
    }

    #[test]
    fn wider_narrower_and_other() {
        let narrowed = Some(Effect::Narrowed);
        for (old, new, expected) in [
            (of("varchar", &[20]), of("varchar", &[50]), None),
            (of("varchar", &[20]), of("text", &[]), None),
            (of("varchar", &[20]), of("varchar", &[]), None),
            (of("varchar", &[50]), of("varchar", &[20]), narrowed),
            (of("text", &[]), of("varchar", &[20]), narrowed),
            (of("numeric", &[10, 2]), of("numeric", &[12, 2]), None),
            (of("numeric", &[10, 2]), of("numeric", &[12, 4]), None),
            (of("numeric", &[10, 2]), of("numeric", &[10, 4]), narrowed),
            (of("numeric", &[10]), of("numeric", &[]), None),
            (of("numeric", &[]), of("numeric", &[10, 2]), narrowed),
            (of("text", &[]), of("longtext", &[]), None),
            (of("longtext", &[]), of("text", &[]), narrowed),
            (of("varbinary", &[9]), of("blob", &[]), None),
            (of("int4", &[]), of("int8", &[]), Some(Effect::Converted)),
            (of("int8", &[]), of("int4", &[]), narrowed),
            (of("timestamp", &[]), of("timestamptz", &[]), Some(Effect::Converted)),
            (of("bpchar", &[3]), of("text", &[]), Some(Effect::Converted)),
        ] {
            assert_eq!(effect(&old, &new), expected, "{old:?} {new:?}");
        }
    }
}
