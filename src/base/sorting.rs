//! Sorts lists of any type by one copy of the standard library's sort. A copy for each type takes 4 KB of the binary, for lists that are
//! short. Lists that a start has thousands of (rows of a catalog) are sorted by their own copies.

use std::cmp::Ordering;

/// Sorts the list in this order of its elements. Equal ones stay as they are.
pub(crate) fn sort_by<T>(list: &mut Vec<T>, mut compare: impl FnMut(&T, &T) -> Ordering) {
    let mut places: Vec<usize> = (0..list.len()).collect();
    sort_places(&mut places, &mut |one, other| compare(&list[one], &list[other]));
    let mut taken: Vec<Option<T>> = std::mem::take(list).into_iter().map(Some).collect();
    list.extend(places.into_iter().filter_map(|place| taken[place].take()));
}

/// The same by a key of each element.
pub(crate) fn sort_by_key<T, K: Ord>(list: &mut Vec<T>, key: impl Fn(&T) -> K) {
    sort_by(list, |one, other| key(one).cmp(&key(other)));
}

fn sort_places(places: &mut [usize], compare: &mut dyn FnMut(usize, usize) -> Ordering) {
    places.sort_by(|one, other| compare(*one, *other));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_elements_keep_their_order() {
        let mut list: Vec<(u8, String)> =
            [3, 1, 2, 1, 3, 1].iter().zip('a'..).map(|(n, c)| (*n, c.to_string())).collect();
        sort_by_key(&mut list, |(number, _)| *number);
        let sorted: Vec<String> = list.iter().map(|(number, letter)| format!("{number}{letter}")).collect();
        assert_eq!(sorted, ["1b", "1d", "1f", "2c", "3a", "3e"]);
        sort_by(&mut list, |one, other| other.1.cmp(&one.1));
        assert_eq!(list[0].1, "f");
        sort_by_key(&mut Vec::<u8>::new(), |number| *number);
    }
}
