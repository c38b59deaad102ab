//! A statement that inserts a row, or changes the row that has its key already.

/// The parts of such a statement. Every text is SQL already.
pub(crate) struct Upsert<'a> {
    /// The table.
    pub(crate) table: &'a str,
    /// The column of the key, and its value.
    pub(crate) key: (&'a str, &'a str),
    /// The other columns, and their values.
    pub(crate) values: &'a [(&'a str, &'a str)],
    /// What must hold of the row that is there, for it to be changed; KNOWN. stands before each of its columns. Where one
    /// assignment sees what those before it have set (MySQL), its columns must be the last of `values`.
    pub(crate) condition: &'a str,
}

impl Upsert<'_> {
    fn insert(&self, alias: &str) -> String {
        let columns: Vec<&str> = self.values.iter().map(|(column, _)| *column).collect();
        let values: Vec<&str> = self.values.iter().map(|(_, value)| *value).collect();
        let (key, value) = self.key;
        format!(
            "INSERT INTO {}{alias} ({key}, {}) VALUES ({value}, {})",
            self.table,
            columns.join(", "),
            values.join(", ")
        )
    }

    fn changes(&self, change: impl Fn(&str) -> String) -> String {
        self.values.iter().map(|(column, _)| change(column)).collect::<Vec<_>>().join(", ")
    }
}

/// PostgreSQL and SQLite: `ON CONFLICT … DO UPDATE … WHERE`.
pub(crate) fn on_conflict(upsert: &Upsert<'_>) -> String {
    let changes = upsert.changes(|column| format!("{column} = excluded.{column}"));
    format!(
        "{} ON CONFLICT ({}) DO UPDATE SET {changes} WHERE {}",
        upsert.insert(" AS known"),
        upsert.key.0,
        upsert.condition.replace("KNOWN.", "known.")
    )
}

/// MySQL and MariaDB: `ON DUPLICATE KEY UPDATE`, which has no WHERE, so that each assignment has the condition. They are
/// made from left to right, and a later one sees what an earlier one has set (MySQL manual 15.2.7.2).
pub(crate) fn on_duplicate_key(upsert: &Upsert<'_>) -> String {
    let condition = upsert.condition.replace("KNOWN.", "");
    let changes = upsert.changes(|column| format!("{column} = IF({condition}, VALUES({column}), {column})"));
    format!("{} ON DUPLICATE KEY UPDATE {changes}", upsert.insert(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_has_its_own_form() {
        let upsert =
            Upsert { table: "t", key: ("k", "1"), values: &[("a", "2"), ("b", "NULL")], condition: "KNOWN.b IS NULL" };
        assert_eq!(
            on_conflict(&upsert),
            "INSERT INTO t AS known (k, a, b) VALUES (1, 2, NULL) ON CONFLICT (k) DO UPDATE SET a = excluded.a, \
             b = excluded.b WHERE known.b IS NULL"
        );
        assert_eq!(
            on_duplicate_key(&upsert),
            "INSERT INTO t (k, a, b) VALUES (1, 2, NULL) ON DUPLICATE KEY UPDATE a = IF(b IS NULL, VALUES(a), a), \
             b = IF(b IS NULL, VALUES(b), b)"
        );
    }
}
