//! `SHOW CREATE TABLE`, as a value that differs wherever the definition of a table or view differs.
//!
//! It takes a tenth of the time of the rows of `information_schema` about the table (see `fingerprint`), and shows all of its
//! columns, indexes, constraints, partitions and options; no triggers.

use crate::engines::mysql::SQL;
use crate::sql::Row;

/// Whether the session's settings that alter how the server writes a definition are those with which it writes it by itself.
pub(crate) const IS_USUAL: &str = "SELECT @@SESSION.sql_quote_show_create = 1 AND @@SESSION.character_set_results <=> 'utf8mb4' AND \
     @@SESSION.sql_mode NOT REGEXP 'ANSI|BACKSLASH|OPTIONS|ORACLE|MSSQL|DB2|MAXDB|POSTGRESQL|MYSQL'";

/// See [`crate::engines::engine::Engine::definition`].
pub(crate) fn sql(name: &str) -> String {
    format!("SHOW CREATE TABLE {}", SQL.identifier(name))
}

/// Reads the rows of [`sql`]; `None` for a temporary table too, which hides the one that other sessions see.
pub(crate) fn read(rows: &[Row]) -> Option<String> {
    let definition = rows.first()?.get(1)?.as_deref()?;
    (!definition.starts_with("CREATE TEMPORARY")).then(|| without_counter(definition))
}

/// Without `AUTO_INCREMENT=n`, which every new row changes.
fn without_counter(definition: &str) -> String {
    let mut parts = definition.split(" AUTO_INCREMENT=");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start_matches(|letter: char| letter.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_counts_without_its_counter() {
        let rows = |definition: &str| vec![vec![Some("t".to_owned()), Some(definition.to_owned())]];
        let table =
            "CREATE TABLE `t` (\n  `id` int(11) NOT NULL AUTO_INCREMENT\n) ENGINE=InnoDB AUTO_INCREMENT=42 COMMENT='x'";
        let without = table.replace(" AUTO_INCREMENT=42", "");
        assert_eq!(read(&rows(table)), Some(without.clone()));
        assert_eq!(read(&rows(&without)), Some(without));
        assert_eq!(read(&rows("CREATE TEMPORARY TABLE `t` (`id` int)")), None);
        assert_eq!(read(&[]), None);
    }
}
