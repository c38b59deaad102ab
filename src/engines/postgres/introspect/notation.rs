//! How a catalog writes lists of numbers, actions and oids.

use std::str::FromStr;

use crate::catalog::Action;

/// Whether the oid that the line begins with is lower. Compared as text, because most lines are passed over so.
pub(super) fn is_below(line: &str, first: &str) -> bool {
    let oid = line.as_bytes().iter().position(|byte| !byte.is_ascii_digit()).map_or(line, |end| &line[..end]);
    (oid.len(), oid) < (first.len(), first)
}

/// The numbers of an int2vector (`1 2`) or an array (`{1,2}`).
pub(super) fn numbers(text: &str) -> Vec<i16> {
    let text = text.trim_matches(['{', '}']);
    text.split([' ', ',']).filter_map(|number| number.parse().ok()).collect()
}

/// The number at a place of an int2vector or an oidvector.
pub(super) fn nth<T: FromStr>(vector: &str, place: usize) -> Option<T> {
    vector.split(' ').nth(place)?.parse().ok()
}

/// What a foreign key does (`confdeltype`, `confupdtype`).
pub(super) fn action(code: &str) -> Option<Action> {
    Some(match code {
        "a" => Action::NoAction,
        "r" => Action::Restrict,
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_begin_with_low_numbers() {
        let of = |line: &str| is_below(line, "16384");
        assert!(of("9\tx") && of("16383\tx") && !of("16384\tx") && !of("20000\t") && !of("100000\tx"));
    }
}
