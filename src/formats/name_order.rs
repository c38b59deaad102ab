//! The order of names that JavaScript's `localeCompare` gives, which is ICU's root collation: Prisma sorts its migrations
//! like this since 6.6 (before, by bytes), and Drizzle 1.0 does. Both give the same order for the usual names.

use std::cmp::Ordering;

/// ICU's root order of ASCII punctuation (CLDR root collation chart), before digits and letters.
const PUNCTUATION: &str = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

/// Compares as ICU's root collation does, for ASCII and Latin letters with a mark; other characters come after, by code
/// point.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    // What both begin with decides nothing, and most names of a folder begin alike.
    let alike = a.bytes().zip(b.bytes()).take_while(|(one, other)| one == other).count();
    let alike = a.floor_char_boundary(alike);
    let (a, b) = (&a[alike..], &b[alike..]);
    let by_letter = || a.chars().map(weight).cmp(b.chars().map(weight));
    // Names that differ in marks only: decided by the first difference; and then in case, lower case first.
    let by_mark = || a.chars().map(has_mark).cmp(b.chars().map(has_mark));
    let by_case = || a.chars().map(char::is_uppercase).cmp(b.chars().map(char::is_uppercase));
    by_letter().then_with(by_mark).then_with(by_case).then_with(|| a.cmp(b))
}

fn weight(character: char) -> (u8, u32) {
    let lower = base(character).unwrap_or(character).to_ascii_lowercase();
    match lower {
        '0'..='9' => (1, lower.into()),
        'a'..='z' => (2, lower.into()),
        _ => match PUNCTUATION.find(lower) {
            Some(at) => (0, u32::try_from(at).unwrap_or(u32::MAX)),
            None => (3, lower.into()),
        },
    }
}

fn has_mark(character: char) -> bool {
    base(character).is_some()
}

/// The letter under the mark of a Latin letter.
fn base(character: char) -> Option<char> {
    const BASES: &[(&str, char)] = &[
        ("àáâãäåÀÁÂÃÄÅ", 'a'),
        ("çÇ", 'c'),
        ("èéêëÈÉÊË", 'e'),
        ("ìíîïÌÍÎÏ", 'i'),
        ("ñÑ", 'n'),
        ("òóôõöÒÓÔÕÖ", 'o'),
        ("ùúûüÙÚÛÜ", 'u'),
        ("ýÿÝ", 'y'),
    ];
    // Nearly every character of a name is ASCII. Looking each of them up took a fifth of the instructions of a start.
    if character.is_ascii() {
        return None;
    }
    BASES.iter().find(|(marked, _)| marked.contains(character)).map(|(_, base)| *base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_begin_with_may_end_within_a_character() {
        assert_eq!(compare("1_ä", "1_ö"), compare("ä", "ö"));
        assert_eq!(compare("1_ä", "1_ö"), Ordering::Less);
        assert_eq!(compare("1_é", "1_e"), Ordering::Greater);
        assert_eq!(compare("1_", "1_a"), Ordering::Less);
        assert_eq!(compare("1_aB", "1_ab"), Ordering::Greater);
    }

    fn sorted(names: &[&'static str]) -> Vec<&'static str> {
        let mut names = names.to_vec();
        names.sort_by(|a, b| compare(a, b));
        names
    }

    /// Orders observed on Prisma 6.19 and 7.10.
    #[test]
    fn names_sort_as_prisma_sorts_them() {
        let dates = ["20240101", "20240101_init", "202401011200_y", "20240101120000_add", "20240102000000_x"];
        let mut shuffled = dates;
        shuffled.reverse();
        assert_eq!(sorted(&shuffled), dates);
        // Drizzle 1.0.0-rc.4 on Node 20.
        let of_one_second = ["_a", "_ä", "_a_", "_a-x", "_a1", "_b", "_C", "_z"];
        let mut shuffled = of_one_second;
        shuffled.reverse();
        assert_eq!(sorted(&shuffled), of_one_second);
        let others = [
            "_under",
            "-dash",
            "0_init",
            "1_a",
            "1_A",
            "1_a-b",
            "1_a.b",
            "10_b",
            "2_c",
            "20240101_x",
            "a_lower",
            "A_upper",
            "é_acc",
            "Z z space",
        ];
        let mut shuffled = others;
        shuffled.reverse();
        assert_eq!(sorted(&shuffled), others);
    }
}
