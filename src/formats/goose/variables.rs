//! goose's substitution of variables (`-- +goose ENVSUB ON`): `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`,
//! `${NAME:?message}`, `${NAME?message}` and `$$`. A value lands in SQL, so only the variables that a setting names are read,
//! and what is rarer is refused.

use std::collections::BTreeMap;

/// The variables that the settings allow, with their values, where they are set.
#[derive(Debug, Clone, Default)]
pub struct Variables(pub BTreeMap<String, Option<String>>);

/// The line with the values in it.
///
/// # Errors
/// Why a variable cannot be replaced.
pub(crate) fn expanded(line: &str, variables: &Variables) -> Result<String, String> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        if rest[..at].ends_with('\\') {
            return Err("doorstep does not follow goose's \\$; write $$ for a $".to_owned());
        }
        out += &rest[..at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('{') {
            let end = inner.find('}').ok_or("a ${ is not closed in its line")?;
            out += braced(&inner[..end], variables)?;
            rest = &inner[end + 1..];
        } else {
            let length = name_length(rest);
            if length == 0 {
                return Err("a $ has no name behind it; write $$ for a $".to_owned());
            }
            let name = &rest[..length];
            out += value(name, variables)?.ok_or_else(|| unset(name))?;
            rest = &rest[length..];
        }
    }
    Ok(out + rest)
}

/// What stands between braces.
fn braced<'a>(text: &'a str, variables: &'a Variables) -> Result<&'a str, String> {
    let (name, operator) = text.split_at(name_length(text));
    if name.is_empty() {
        return Err(format!("${{{text}}} has no name of a variable"));
    }
    let value = value(name, variables)?;
    let filled = value.filter(|value| !value.is_empty());
    let of = |found: Option<&'a str>, rest: &str| found.ok_or_else(|| format!("{name} is not set: {rest}"));
    match operator {
        "" => value.ok_or_else(|| unset(name)),
        _ if operator.contains('$') => Err(format!("doorstep does not follow variables within ${{{text}}}")),
        _ if operator.starts_with(":-") => Ok(filled.unwrap_or(&operator[2..])),
        _ if operator.starts_with(":?") => of(filled, &operator[2..]),
        _ if operator.starts_with('-') => Ok(value.unwrap_or(&operator[1..])),
        _ if operator.starts_with('?') => of(value, &operator[1..]),
        _ => Err(format!("doorstep does not follow {operator} in ${{{text}}}")),
    }
}

/// The value, if the variable is set.
fn value<'a>(name: &str, variables: &'a Variables) -> Result<Option<&'a str>, String> {
    match variables.0.get(name) {
        Some(value) => Ok(value.as_deref()),
        None => Err(format!(
            "ENVSUB puts the variable {name} into the statement, which no setting allows: name it with \
             --migration-variables {name}"
        )),
    }
}

fn unset(name: &str) -> String {
    format!("the variable {name} is not set; goose would put nothing in its place")
}

/// Letters, digits and `_`, no digit first.
fn name_length(text: &str) -> usize {
    let length = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    if text.starts_with(|first: char| first.is_ascii_digit()) { 0 } else { length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_a_shell_does() {
        let pairs = [("A", Some("x")), ("E", Some("")), ("U", None)];
        let variables = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        let variables = Variables(variables.collect());
        for (line, expected) in [
            ("plain", "plain"),
            ("a $A b${A}c", "a x bxc"),
            ("$A_", ""),
            ("${A:-d} ${E:-d} ${U:-d e}", "x d d e"),
            ("${E-d}.${U-d}", ".d"),
            ("${A:?no}${A?no}$$A", "xx$A"),
        ] {
            match expected {
                "" => assert!(expanded(line, &variables).unwrap_err().contains("--migration-variables A_")),
                _ => assert_eq!(expanded(line, &variables), Ok(expected.to_owned()), "{line}"),
            }
        }
        for (line, why) in [
            ("$B", "--migration-variables B"),
            ("$U", "U is not set"),
            ("${U:?give it}", "give it"),
            ("${E:?give it}", "give it"),
            ("${A", "not closed"),
            ("$1", "no name"),
            ("a $", "no name"),
            ("${A:+b}", ":+b"),
            ("${A:1:2}", ":1:2"),
            ("${A:-$A}", "within"),
            ("\\$A", "$$"),
        ] {
            assert!(expanded(line, &variables).unwrap_err().contains(why), "{line}");
        }
    }
}
