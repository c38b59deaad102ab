//! How large tables are, and which sessions hold them: for `plan`, which says what a migration would lock.

use std::time::Duration;

use crate::catalog::Name;
use crate::engines::peer::Peer;
use crate::sql::Row;

/// A table as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// The table; of an index that was asked for, its table.
    pub table: Name,
    /// How many rows it has, as the statistics say; `None` where they say nothing.
    pub rows: Option<u64>,
    /// Bytes on disk with its indexes and long values, those of its partitions included; `None` where the engine does not tell.
    pub bytes: Option<u64>,
}

/// A lock that another session holds on a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableHold {
    /// The table.
    pub table: Name,
    /// The mode, as the server calls it: `AccessShareLock`.
    pub mode: String,
    /// Who holds it.
    pub peer: Peer,
    /// How long its transaction has been open; `None` where this role may not see it.
    pub since: Option<Duration>,
}

/// Reads rows of a number, a schema, a name, rows and bytes: one answer for each of so many tables.
pub(crate) fn read_sizes(rows: &[Row], count: usize) -> Vec<Option<TableSize>> {
    let mut sizes = vec![None; count];
    for row in rows {
        let [Some(index), Some(schema), Some(name), rows, bytes] = row.as_slice() else { continue };
        let number = |text: &Option<String>| text.as_ref()?.parse().ok();
        let table = Name { schema: schema.clone(), name: name.clone() };
        if let Some(place) = index.parse().ok().and_then(|index: usize| sizes.get_mut(index)) {
            *place = Some(TableSize { table, rows: number(rows), bytes: number(bytes) });
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_by_number_and_what_is_not_there_has_none() {
        let row = |values: &str| -> Row { values.split('|').map(|it| (it != "~").then(|| it.to_owned())).collect() };
        let rows = [row("2|public|orders|8000000|1048576"), row("0|app|new|~|0")];
        let sizes = read_sizes(&rows, 3);
        let [Some(new), None, Some(orders)] = sizes.as_slice() else { panic!("{sizes:?}") };
        assert_eq!((new.table.to_string(), new.rows, new.bytes), ("app.new".to_owned(), None, Some(0)));
        assert_eq!((orders.rows, orders.bytes), (Some(8_000_000), Some(1_048_576)));
    }
}
