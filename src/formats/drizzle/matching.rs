//! Which row of the history belongs to which file. Pure functions over both lists.
//!
//! Source: drizzle-orm 0.45, `dialect.migrate`: the newest `created_at` decides, and the hash is stored and never compared;
//! drizzle-orm 1.0.0-rc.4, `up-migrations`: how rows without names get theirs.

/// A row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HistoryRow {
    /// By what it is found in the table.
    pub key: String,
    /// SHA-256 of the file.
    pub hash: String,
    /// The time of the file, in milliseconds.
    pub created_at: Option<i64>,
    /// The folder; of Drizzle 1.0.
    pub name: Option<String>,
    /// When it was applied; of Drizzle 1.0.
    pub applied_at: Option<String>,
}

/// A migration of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Its name.
    pub name: String,
    /// SHA-256 of its text.
    pub hash: String,
    /// Its time, in milliseconds; `None` where its name has none.
    pub time: Option<i64>,
}

/// The time up to which Drizzle 0.x takes everything for applied.
pub(crate) fn newest(rows: &[HistoryRow]) -> Option<i64> {
    rows.iter().filter_map(|row| row.created_at).max()
}

/// For each row, the index of its file in a journal of Drizzle 0.x: the one of its time, with its hash if several have it. A
/// row of another time belongs to the file with its hash, if Drizzle would not run that any more.
pub(crate) fn by_time(rows: &[HistoryRow], files: &[File]) -> Vec<Option<usize>> {
    let newest = newest(rows);
    let is_over = |file: &File| file.time <= newest;
    let same_time = |row: &HistoryRow, file: &File| row.created_at.is_some() && file.time == row.created_at;
    let same_hash = |row: &HistoryRow, file: &File| file.hash == row.hash;
    let mut found: Vec<Option<usize>> = vec![None; rows.len()];
    let mut taken = vec![false; files.len()];
    let mut pass = |fits: &dyn Fn(&HistoryRow, &File) -> bool, again: bool| {
        for (row, found) in rows.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            let free = files.iter().zip(&taken).position(|(file, taken)| !taken && fits(row, file));
            // Two processes that ran at once have left two rows.
            *found = free.or_else(|| files.iter().position(|file| again && fits(row, file)));
            if let Some(index) = *found {
                taken[index] = true;
            }
        }
    };
    pass(&|row, file| same_time(row, file) && same_hash(row, file), true);
    pass(&same_time, false);
    pass(&|row, file| same_hash(row, file) && is_over(file), false);
    found
}

/// The index of the file in folders of Drizzle 1.0 that a row without a name belongs to: the one of its second, with its hash
/// if several have it; without one, the last with its hash.
pub(crate) fn by_second(row: &HistoryRow, files: &[File]) -> Option<usize> {
    let second = row.created_at.map(|time| time.div_euclid(1000));
    let of_second = |file: &File| second.is_some() && file.time.map(|time| time.div_euclid(1000)) == second;
    let same: Vec<usize> = (0..files.len()).filter(|index| of_second(&files[*index])).collect();
    match same.as_slice() {
        [one] => Some(*one),
        [] => files.iter().rposition(|file| file.hash == row.hash),
        several => several.iter().copied().find(|index| files[*index].hash == row.hash),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(list: &[(&str, i64)]) -> Vec<HistoryRow> {
        let row = |(hash, time): &(&str, i64)| HistoryRow {
            hash: (*hash).to_owned(),
            created_at: Some(*time),
            ..HistoryRow::default()
        };
        list.iter().map(row).collect()
    }

    fn files(list: &[(&str, i64)]) -> Vec<File> {
        let file =
            |(hash, time): &(&str, i64)| File { name: String::new(), hash: (*hash).to_owned(), time: Some(*time) };
        list.iter().map(file).collect()
    }

    #[test]
    fn a_row_belongs_to_the_file_of_its_time() {
        for (of_rows, of_files, expected) in [
            (&[("a", 1), ("b", 2)][..], &[("a", 1), ("b", 2)][..], &[Some(0), Some(1)][..]),
            // Edited.
            (&[("a", 1)], &[("x", 1)], &[Some(0)]),
            // Two files of one time: the hash tells, or the order.
            (&[("b", 1)], &[("a", 1), ("b", 1)], &[Some(1)]),
            (&[("x", 1)], &[("a", 1), ("b", 1)], &[Some(0)]),
            // The time was changed to an older one, which Drizzle would not run; to a newer one, which it would.
            (&[("a", 5)], &[("a", 3)], &[Some(0)]),
            (&[("a", 5)], &[("a", 7)], &[None]),
            // Files that are alike, of which one was applied.
            (&[("a", 1)], &[("a", 1), ("a", 0)], &[Some(0)]),
            // Applied twice by two processes at once.
            (&[("a", 1), ("a", 1)], &[("a", 1)], &[Some(0), Some(0)]),
            (&[("a", 1)], &[], &[None]),
        ] {
            assert_eq!(by_time(&rows(of_rows), &files(of_files)), expected, "{of_rows:?} {of_files:?}");
        }
        assert_eq!((newest(&rows(&[("a", 3), ("b", 2)])), newest(&[])), (Some(3), None));
    }

    #[test]
    fn a_row_without_a_name_belongs_to_the_folder_of_its_second() {
        for (row, of_files, expected) in [
            (("x", 1_123), &[("a", 1_000), ("b", 2_000)][..], Some(0)),
            (("b", 1_999), &[("a", 1_000), ("b", 1_000)], Some(1)),
            (("x", 1_999), &[("a", 1_000), ("b", 1_000)], None),
            (("b", 9_000), &[("a", 1_000), ("b", 2_000)], Some(1)),
            (("x", 9_000), &[("a", 1_000)], None),
        ] {
            assert_eq!(by_second(&rows(&[row])[0], &files(of_files)), expected, "{row:?} {of_files:?}");
        }
    }
}
