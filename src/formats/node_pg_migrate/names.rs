//! What the files of a folder are, and their order (node-pg-migrate 9.0.0, `migration.ts`, `fileNameUtils.ts` and
//! `comparators.ts`). A pure function over the names.

use std::cmp::Ordering;

/// The endings of migrations that are programs.
const CODE: &[&str] = &["js", "ts", "cjs", "mjs", "cts", "mts"];

/// Why node-pg-migrate does not run a folder, or doorstep cannot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misfit<'a> {
    /// A migration in JavaScript or TypeScript.
    Code(&'a str),
    /// A file at which the tool stops; why.
    File(&'a str, &'static str),
    /// Two files whose order, or whose name in the history, is not certain; why.
    Pair(&'a str, &'a str, &'static str),
}

/// The files that are migrations, in their order: the name without the ending, and the file.
///
/// # Errors
/// The first [`Misfit`].
pub(crate) fn arranged(files: &[String]) -> Result<Vec<(&str, &str)>, Misfit<'_>> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for file in files.iter().map(String::as_str).filter(|file| !file.starts_with('.')) {
        match file.rsplit_once('.') {
            Some((name, ending)) if ending.eq_ignore_ascii_case("sql") => found.push((name, file)),
            Some((_, ending)) if CODE.iter().any(|code| ending.eq_ignore_ascii_case(code)) => {
                return Err(Misfit::Code(file));
            }
            _ => return Err(Misfit::File(file, "node-pg-migrate stops at a file that is neither SQL nor a program")),
        }
    }
    // A single file is compared with no other.
    if found.len() > 1 {
        let numbered = found.into_iter().map(|(name, file)| Ok((prefix(file)?, (name, file))));
        found = sorted(numbered.collect::<Result<Vec<_>, Misfit<'_>>>()?)?;
    }
    match found.iter().enumerate().find_map(|(at, one)| Some((one, found[..at].iter().find(|other| other.0 == one.0)?)))
    {
        Some(((_, file), (_, other))) => Err(Misfit::Pair(other, file, "both have one name in the history")),
        None => Ok(found),
    }
}

/// Sorts by the numbers, and those of one number by the names.
fn sorted<'a>(mut files: Vec<(f64, (&'a str, &'a str))>) -> Result<Vec<(&'a str, &'a str)>, Misfit<'a>> {
    files.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.1.cmp(other.1.1)));
    let mut found = Vec::with_capacity(files.len());
    for group in files.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        // The place of each is the number of those before it: no sort with a comparison that may not decide.
        let mut places = vec![0; group.len()];
        for (at, (_, (_, one))) in group.iter().enumerate() {
            for (other_at, (_, (_, other))) in group.iter().enumerate().skip(at + 1) {
                match by_name(one, other) {
                    Some(Ordering::Less) => places[other_at] += 1,
                    Some(Ordering::Greater) => places[at] += 1,
                    _ => {
                        let why = "their numbers are equal, and their order is not certain";
                        return Err(Misfit::Pair(one, other, why));
                    }
                }
            }
        }
        let mut placed: Vec<(usize, (&str, &str))> =
            places.into_iter().zip(group.iter().map(|(_, file)| *file)).collect();
        placed.sort_by_key(|(place, _)| *place);
        found.extend(placed.into_iter().map(|(_, file)| file));
    }
    Ok(found)
}

/// The number that a name begins with: a double, as in JavaScript. One of 17 digits is a time in UTC, in milliseconds.
fn prefix(file: &str) -> Result<f64, Misfit<'_>> {
    let digits = &file[..file.bytes().take_while(u8::is_ascii_digit).count()];
    match digits.len() {
        0 => Err(Misfit::File(file, "node-pg-migrate stops at a name that does not begin with a number")),
        17 => milliseconds(digits)
            .ok_or(Misfit::File(file, "its 17 digits are no time, so that its order is not certain")),
        _ => digits.parse().map_err(|_| Misfit::File(file, "its number is not certain")),
    }
}

/// `YYYYMMDDhhmmssSSS` in milliseconds since the epoch, as `Date` reads it: the last days of a short month are the first ones of
/// the next.
#[expect(clippy::cast_precision_loss, reason = "the milliseconds of four digits of years fit a double")]
fn milliseconds(digits: &str) -> Option<f64> {
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hour, minute, second, milli) = (number(8..10)?, number(10..12)?, number(12..14)?, number(14..17)?);
    let is_midnight = hour == 24 && (minute, second, milli) == (0, 0, 0);
    let is_time = (hour < 24 || is_midnight) && minute < 60 && second < 60;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !is_time {
        return None;
    }
    // Days since 1970-01-01, by Hinnant's algorithm; years begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) as f64 * 1000.0 + milli as f64)
}

/// A piece of a name, as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    /// Digits, without zeros before them.
    Number(&'a str),
    Letter(char),
    /// Only the tables of Unicode, or of the language, tell where it sorts.
    Unknown(char),
}

impl Piece<'_> {
    fn lower(self) -> Self {
        if let Self::Letter(c) = self { Self::Letter(c.to_ascii_lowercase()) } else { self }
    }
}

/// `localeCompare` with `numeric` and `ignorePunctuation`, for names of ASCII letters, digits and punctuation; `None` where two
/// different names are equal to it, or other characters decide.
fn by_name(one: &str, other: &str) -> Option<Ordering> {
    let (first, second) = (pieces(one), pieces(other));
    for (a, b) in first.iter().zip(&second) {
        let ordering = match (a.lower(), b.lower()) {
            (a, b) if a == b => continue,
            (Piece::Number(a), Piece::Number(b)) => a.len().cmp(&b.len()).then(a.cmp(b)),
            (Piece::Number(_), Piece::Letter(_)) => Ordering::Less,
            (Piece::Letter(_), Piece::Number(_)) => Ordering::Greater,
            (Piece::Letter(a), Piece::Letter(b)) => a.cmp(&b),
            _ => return None,
        };
        return Some(ordering);
    }
    let rest = &first[second.len().min(first.len())..];
    let other_rest = &second[first.len().min(second.len())..];
    if rest.iter().chain(other_rest).any(|piece| matches!(piece, Piece::Unknown(_))) {
        return None;
    }
    // Of equal letters the small ones come first.
    let by_case = || {
        first.iter().zip(&second).find(|(a, b)| a != b).map(|(a, b)| match (a, b) {
            (Piece::Letter(a), Piece::Letter(b)) => b.cmp(a),
            _ => Ordering::Equal,
        })
    };
    match first.len().cmp(&second.len()) {
        Ordering::Equal => by_case().filter(|ordering| ordering.is_ne()),
        ordering => Some(ordering),
    }
}

fn pieces(name: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), name);
    while let Some(c) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (piece, length) = match c {
            _ if digits > 0 => (Some(Piece::Number(rest[..digits].trim_start_matches('0'))), digits),
            _ if c.is_ascii_alphabetic() => (Some(Piece::Letter(c)), 1),
            // Symbols sort before digits, by tables of their own.
            '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' => (Some(Piece::Unknown(c)), 1),
            _ if c.is_ascii_punctuation() || c == ' ' => (None, 1),
            _ => (Some(Piece::Unknown(c)), c.len_utf8()),
        };
        pieces.extend(piece);
        rest = &rest[length..];
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(files: &[&str]) -> Result<Vec<String>, String> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let found = arranged(&files).map_err(|misfit| format!("{misfit:?}"))?;
        Ok(found.into_iter().map(|(_, file)| file.to_owned()).collect())
    }

    #[test]
    fn files_are_ordered_as_node_pg_migrate_orders_them() {
        // Each list is what the functions of node-pg-migrate 9.0.0 made of it in Node 20.
        for files in [
            vec![
                "1_a.sql",
                "002_b.sql",
                "3.sql",
                "4-d.sql",
                "5 e.sql",
                "10_j.sql",
                "1700000000000_m.sql",
                "20240101000000_k.sql",
            ],
            vec!["1704067199999_a.sql", "20240101000000000_b.sql", "1704067200001_c.sql"],
            vec!["1_A.sql", "1_b.sql"],
            vec!["1_a.sql", "1_A.sql"],
            vec!["1_aB.sql", "1_Ab.sql"],
            vec!["1_a9.sql", "1_a10.sql"],
            vec!["1_aa.sql", "1_a.sql"],
            vec!["1_2_0.sql", "1_10.sql"],
            vec!["1_a.sql", "1.sql"],
            vec!["01_a.sql", "1_b.sql"],
            vec!["1_a.sql", "1_a.up.sql"],
        ] {
            let mut reversed = files.clone();
            reversed.reverse();
            assert_eq!(order(&reversed).unwrap(), files);
        }
        assert_eq!(order(&["R__n.sql"]).unwrap(), ["R__n.sql"]);
        assert_eq!(order(&[".hidden.txt", "1_a.SQL"]).unwrap(), ["1_a.SQL"]);
        assert_eq!(milliseconds("20240230000000000"), Some(1_709_251_200_000.0));
        assert_eq!(milliseconds("00000101000000000"), Some(-62_167_219_200_000.0));
        assert_eq!(milliseconds("20240101240000000"), Some(1_704_153_600_000.0));
    }

    #[test]
    fn what_is_not_certain_or_stops_the_tool_stops() {
        for files in [
            &["1_a.sql", "c.sql"][..],
            &["8_h.txt"],
            &["11_p.sql.bak"],
            &["README.md"],
            &["1_a.sql", "1-a.sql"],
            &["001_a.sql", "1_a.sql"],
            &["1_é.sql", "1_ea.sql"],
            &["1_a$.sql", "1_a1.sql"],
            &["1_a.SQL", "1_a.sql"],
            &["20241301000000000_a.sql", "1_b.sql"],
            &["20240101240000001_a.sql", "1_b.sql"],
        ] {
            assert!(order(files).is_err(), "{files:?}");
        }
        for code in ["1_a.js", "1_a.ts", "1_a.CJS", "1_a.mts"] {
            assert_eq!(arranged(&[code.to_owned()]), Err(Misfit::Code(code)));
        }
    }
}
