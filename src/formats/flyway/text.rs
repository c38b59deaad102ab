//! The text of Flyway's files: the checksum, and the placeholders.

use std::collections::BTreeMap;

use crate::base::crc32::Crc32;

/// CRC-32 of the lines without their ends, the first one without a byte order mark, as a signed number (`ChecksumCalculator`).
pub(crate) fn checksum(text: &str) -> i32 {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut crc = Crc32::new();
    text.split(['\n', '\r']).for_each(|line| crc.update(line.as_bytes()));
    crc.sum().cast_signed()
}

/// The values of placeholders, by their names in small letters.
pub(crate) type Placeholders = BTreeMap<String, String>;

/// The text with the values in it: `${name}` anywhere, also in strings and comments, names without case.
///
/// # Errors
/// The line, from 1, and why a placeholder cannot be replaced.
pub(crate) fn replaced(text: &str, values: &Placeholders) -> Result<String, (usize, String)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out += &rest[..at];
        let line = text[..text.len() - rest.len() + at].bytes().filter(|byte| *byte == b'\n').count() + 1;
        let fails = |why: String| Err((line, why));
        let Some(end) = rest[at..].find('}') else { return fails("a placeholder ${ has no end".to_owned()) };
        let name = &rest[at + 2..at + end];
        match values.get(&name.to_lowercase()) {
            Some(value) => out += value,
            None if name.to_lowercase().starts_with("flyway:") => {
                return fails(format!(
                    "Flyway knows the placeholder ${{{name}}} only when it runs, and doorstep does not replace it"
                ));
            }
            None => {
                return fails(format!(
                    "no literal in flyway.toml or flyway.conf is the value of the placeholder ${{{name}}} (a variable \
                     FLYWAY_PLACEHOLDERS_… counts if migration_variables names it)"
                ));
            }
        }
        rest = &rest[at + end + 1..];
    }
    Ok(out + rest)
}

/// Java's `String.hashCode`.
pub(crate) fn hash_code(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_lines() {
        for (text, expected) in [
            ("CREATE TABLE t (id int);\n", 92_137_680),
            ("SELECT 1;", 78_787_420),
            ("\u{feff}SELECT 1;\n", 78_787_420),
            ("CREATE TABLE t (id int);\r\nSELECT 1;", -1_645_056_791),
            ("", 0),
        ] {
            assert_eq!(checksum(text), expected, "{text}");
        }
        assert_eq!(hash_code("\"public\".\"flyway_schema_history\""), 2_125_624_436);
    }

    #[test]
    fn placeholders_are_replaced_everywhere_and_unknown_ones_stop() {
        let values = Placeholders::from([("schema".to_owned(), "app".to_owned())]);
        let text = "CREATE TABLE ${Schema}.t (); -- ${SCHEMA}\nSELECT '${schema}', $1, $$x$$;";
        assert_eq!(replaced(text, &values), Ok("CREATE TABLE app.t (); -- app\nSELECT 'app', $1, $$x$$;".to_owned()));
        for (text, line, why) in
            [("a\n${other}", 2, "${other}"), ("${flyway:user}", 1, "only when it runs"), ("a\nb ${x", 2, "no end")]
        {
            let (at, told) = replaced(text, &values).unwrap_err();
            assert!(at == line && told.contains(why), "{text}: {told}");
        }
    }
}
