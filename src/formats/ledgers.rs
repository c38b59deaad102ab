//! Which tool a history table belongs to. The list itself is plain data in the catalog, because the engines leave some of
//! these tables out of what they read.

use crate::catalog::history_tables::HISTORY_TABLES;

/// The tool, or tools, that keep their history in this table: `name`, or `schema.name`.
#[must_use]
pub(crate) fn tool_of(table: &str) -> Option<&'static str> {
    let (schema, name) = table.rsplit_once('.').map_or((None, table), |(schema, name)| (Some(schema), name));
    let in_its_schema =
        |known: &&crate::catalog::history_tables::HistoryTable| known.schema.is_some() && known.schema == schema;
    let mut named = HISTORY_TABLES.iter().filter(|known| known.name == name);
    let own = named.clone().find(in_its_schema);
    own.or_else(|| named.find(|known| known.schema.is_none())).map(|known| known.tool)
}

/// Whether a tool keeps its history in a schema of its own, and this table, `schema.name`, is that history.
#[must_use]
pub(crate) fn is_in_schema_of_tool(table: &str) -> bool {
    table.rsplit_once('.').is_some_and(|(schema, name)| {
        HISTORY_TABLES.iter().any(|known| known.name == name && known.schema == Some(schema))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_the_schema_of_a_tool_is_that_tools() {
        for (table, tool) in [
            ("public.schema_migrations", Some("golang-migrate, dbmate, Rails or Ecto")),
            ("supabase_migrations.schema_migrations", Some("Supabase CLI")),
            ("drizzle.__drizzle_migrations", Some("Drizzle")),
            ("app.__drizzle_migrations", Some("Drizzle")),
            ("goose_db_version", Some("goose")),
            ("sqitch.changes", Some("sqitch")),
            ("public.changes", None),
            ("public.migrations", None),
        ] {
            assert_eq!(tool_of(table), tool, "{table}");
        }
    }
}
