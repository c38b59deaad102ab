//! Single statements that create or drop an index, for a person to read, or for a planner to judge.

use crate::catalog::Name;
use crate::sql::Dialect;

/// How an index is called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IndexName<'a> {
    /// As the server calls it where it can; built while others write, where it can.
    OfServer,
    /// The same, in a statement that hypopg understands.
    Hypothetical,
    /// This name.
    Given(&'a str),
}

/// The statement that creates an index on these columns, without a semicolon.
pub(crate) fn create_index(dialect: Dialect, table: &Name, columns: &[String], called: IndexName<'_>) -> String {
    let quoted: Vec<String> = columns.iter().map(|column| dialect.identifier(column)).collect();
    let (quoted, name) = (quoted.join(", "), dialect.identifier(&table.name));
    let place = match dialect {
        Dialect::Postgres => format!("{}.{name}", dialect.identifier(&table.schema)),
        _ => name,
    };
    let index = match (called, dialect) {
        (IndexName::OfServer, Dialect::Postgres) => "CONCURRENTLY ".to_owned(),
        (IndexName::Hypothetical, _) => String::new(),
        (IndexName::OfServer, _) => dialect.identifier(&format!("{}_{}_idx", table.name, columns.join("_"))) + " ",
        (IndexName::Given(name), _) => dialect.identifier(name) + " ",
    };
    format!("CREATE INDEX {index}ON {place} ({quoted})")
}

/// The statement that drops an index of this table.
pub(crate) fn drop_index(dialect: Dialect, table: &Name, index: &str) -> String {
    let name = dialect.identifier(index);
    match dialect {
        Dialect::Postgres => format!("DROP INDEX CONCURRENTLY {}.{name};", dialect.identifier(&table.schema)),
        Dialect::Mysql => format!("DROP INDEX {name} ON {};", dialect.identifier(&table.name)),
        Dialect::Sqlite => format!("DROP INDEX {name};"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_writes_its_own_statements() {
        let table = Name { schema: "shop".to_owned(), name: "orders".to_owned() };
        let columns = ["client_id".to_owned(), "at".to_owned()];
        for (dialect, called, expected) in [
            (
                Dialect::Postgres,
                IndexName::OfServer,
                "CREATE INDEX CONCURRENTLY ON \"shop\".\"orders\" (\"client_id\", \"at\")",
            ),
            (Dialect::Postgres, IndexName::Hypothetical, "CREATE INDEX ON \"shop\".\"orders\" (\"client_id\", \"at\")"),
            (
                Dialect::Sqlite,
                IndexName::OfServer,
                "CREATE INDEX \"orders_client_id_at_idx\" ON \"orders\" (\"client_id\", \"at\")",
            ),
            (Dialect::Sqlite, IndexName::Given("i"), "CREATE INDEX \"i\" ON \"orders\" (\"client_id\", \"at\")"),
        ] {
            assert_eq!(create_index(dialect, &table, &columns, called), expected);
        }
        let dropped = |dialect| drop_index(dialect, &table, "i");
        assert_eq!(dropped(Dialect::Postgres), "DROP INDEX CONCURRENTLY \"shop\".\"i\";");
        assert_eq!(dropped(Dialect::Mysql), "DROP INDEX `i` ON `orders`;");
        assert_eq!(dropped(Dialect::Sqlite), "DROP INDEX \"i\";");
    }
}
