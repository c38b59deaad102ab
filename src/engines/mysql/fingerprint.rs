//! One value over the rows of `information_schema` about some names: it differs wherever their definitions differ.
//!
//! The server computes it. Left out is what changes by itself (numbers of rows, AUTO_INCREMENT, times, statistics), and what only
//! some versions have. Each name is asked for by `=`: MariaDB opens every table of a database for any other condition.

use crate::engines::engine::{Query, first_column};
use crate::engines::mysql::SQL;

/// A view of `information_schema`: the column of the name, the column of its database, further columns.
struct Source {
    view: &'static str,
    name: &'static str,
    schema: &'static str,
    columns: &'static [&'static str],
}

const fn source(
    view: &'static str,
    (schema, name): (&'static str, &'static str),
    columns: &'static [&'static str],
) -> Source {
    Source { view, name, schema, columns }
}

/// The views, and what of them a statement changes.
const SOURCES: [Source; 14] = [
    source(
        "tables",
        ("table_schema", "table_name"),
        &["table_type", "engine", "table_collation", "table_comment", "create_options"],
    ),
    source(
        "columns",
        ("table_schema", "table_name"),
        &[
            "column_name",
            "ordinal_position",
            "column_default",
            "is_nullable",
            "column_type",
            "collation_name",
            "extra",
            "column_comment",
            "generation_expression",
        ],
    ),
    source(
        "statistics",
        ("table_schema", "table_name"),
        &[
            "index_name",
            "non_unique",
            "seq_in_index",
            "column_name",
            "collation",
            "sub_part",
            "index_type",
            "index_comment",
        ],
    ),
    source("table_constraints", ("table_schema", "table_name"), &["constraint_name", "constraint_type"]),
    source(
        "key_column_usage",
        ("table_schema", "table_name"),
        &["constraint_name", "column_name", "referenced_table_name", "referenced_column_name"],
    ),
    source(
        "referential_constraints",
        ("constraint_schema", "table_name"),
        &["constraint_name", "update_rule", "delete_rule"],
    ),
    source(
        "partitions",
        ("table_schema", "table_name"),
        &["partition_name", "partition_method", "partition_expression", "partition_description"],
    ),
    source("triggers", ("event_object_schema", "event_object_table"), TRIGGER),
    source("triggers", ("trigger_schema", "trigger_name"), TRIGGER),
    source(
        "routines",
        ("routine_schema", "routine_name"),
        &[
            "routine_type",
            "dtd_identifier",
            "routine_definition",
            "is_deterministic",
            "sql_data_access",
            "security_type",
            "routine_comment",
        ],
    ),
    source(
        "parameters",
        ("specific_schema", "specific_name"),
        &["ordinal_position", "parameter_mode", "parameter_name", "dtd_identifier"],
    ),
    source(
        "events",
        ("event_schema", "event_name"),
        &["event_definition", "interval_value", "interval_field", "on_completion", "event_comment"],
    ),
    source(
        "views",
        ("table_schema", "table_name"),
        &["view_definition", "check_option", "is_updatable", "security_type"],
    ),
    source("schemata", ("schema_name", "schema_name"), &["default_collation_name"]),
];

const TRIGGER: &[&str] =
    &["trigger_name", "event_object_table", "event_manipulation", "action_timing", "action_order", "action_statement"];

/// See [`crate::engines::engine::Engine::fingerprint`].
pub(crate) fn fingerprint(names: &[String]) -> Query<Option<String>> {
    let mut names: Vec<&String> = names.iter().collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Query::known(None);
    }
    let of_names = names.iter().flat_map(|name| SOURCES.iter().enumerate().map(move |(at, it)| it.rows(at, name)));
    let rows = of_names.collect::<Vec<_>>().join(" UNION ALL ");
    // SHA2, because MySQL 9 has no MD5. The sum of parts of the rows' hashes does not depend on their order, and no variable limits
    // its length. Quotes in definitions are shown as sql_mode says, which a migration may have set.
    let sql = format!(
        "/*M! SET STATEMENT sql_mode = '' FOR */ SELECT /*+ SET_VAR(sql_mode = '') */ \
         CONCAT(COUNT(*), ':', COALESCE(SUM(CAST(CONV(LEFT(hash, 15), 16, 10) AS UNSIGNED)), 0)) FROM ({rows}) AS catalog_rows"
    );
    Query::new(sql, |rows| Ok(first_column(rows).pop()))
}

impl Source {
    /// A query for the hashes of the rows about this name.
    fn rows(&self, at: usize, name: &str) -> String {
        let Self { view, name: column, schema, columns } = self;
        let values: Vec<String> = columns.iter().map(|column| format!("COALESCE({column}, '\u{1}')")).collect();
        let name = SQL.literal(name);
        // The database is its own row's name.
        let of_schema = if schema == column { String::new() } else { format!("{schema} = DATABASE() AND ") };
        format!(
            "SELECT SHA2(CONVERT(CONCAT_WS('\u{2}', {at}, {name}, {}) USING utf8mb4), 256) AS hash FROM information_schema.{view} \
             WHERE {of_schema}{column} = {name}",
            values.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_asked_for_in_every_view_once() {
        let query = fingerprint(&["t".to_owned(), "it's".to_owned(), "t".to_owned()]);
        let sql = query.sql.unwrap();
        assert_eq!(sql.matches("table_name = 't'").count(), 8, "{sql}");
        assert_eq!(sql.matches("event_name = 'it''s'").count(), 1, "{sql}");
        assert!(fingerprint(&[]).sql.is_none());
    }
}
