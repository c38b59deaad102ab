//! EXPLAIN: which indexes a query could use (MySQL manual 10.8.2). Nothing is executed.
//!
//! On an empty table the server reads the whole of it, with any indexes, so the question is not which index it takes
//! (`key`) but which it could (`possible_keys`). Whether an index brings the order of a query is only seen where it is taken.

use crate::engines::engine::Batch;
use crate::engines::mysql::SQL;
use crate::engines::query_plan::{QueryPlan, Scan};
use crate::sql::{Row, script};

/// The plan of one query; several in one message could not be told apart.
pub(crate) fn plan(queries: &[&str]) -> Option<Batch<Vec<QueryPlan>>> {
    let [query] = queries else { return None };
    let has_order = script::names(query, SQL)
        .iter()
        .any(|word| ["ORDER", "GROUP", "DISTINCT"].iter().any(|ordering| word.eq_ignore_ascii_case(ordering)));
    let read = move |rows: Vec<Row>| vec![Ok(vec![read(&rows, has_order)])];
    let explain = format!("EXPLAIN FORMAT=TRADITIONAL {query}");
    let parameters = script::question_marks(query, SQL);
    if parameters == 0 {
        return Some(Batch { sql: explain, cleanup: None, offset: None, read: Box::new(read) });
    }
    // A number suits every type, and LIMIT.
    let values = vec!["@doorstep_value"; parameters].join(", ");
    let sql = format!(
        "SET @doorstep_query = {}, @doorstep_value = 1; PREPARE doorstep_query FROM @doorstep_query; \
         EXECUTE doorstep_query USING {values}; DEALLOCATE PREPARE doorstep_query",
        SQL.literal(&explain)
    );
    let cleanup = Some("DEALLOCATE PREPARE doorstep_query".to_owned());
    Some(Batch { sql, cleanup, offset: None, read: Box::new(read) })
}

/// Whether each query, which returns one number, returns 1; in a transaction that cannot write.
pub(crate) fn bools(queries: &[&str]) -> Batch<bool> {
    let count = queries.len();
    Batch {
        sql: format!("START TRANSACTION READ ONLY; {}; ROLLBACK", queries.join("; ")),
        cleanup: Some("ROLLBACK".to_owned()),
        offset: None,
        read: Box::new(move |rows| {
            let is_true = |row: &Row| row.first().is_some_and(|value| value.as_deref() == Some("1"));
            (0..count).map(|index| Ok(rows.get(index).is_some_and(is_true))).collect()
        }),
    }
}

/// A plan from the rows of EXPLAIN: MySQL has the columns `partitions` and `filtered` more than MariaDB.
fn read(rows: &[Row], has_order: bool) -> QueryPlan {
    let mut plan = QueryPlan::default();
    let mut steps = Vec::new();
    for row in rows {
        let text = |place: usize| row.get(place).and_then(|value| value.as_deref());
        let shift = usize::from(row.len() > COLUMNS);
        let Some(table) = text(2) else {
            // "Impossible WHERE noticed after reading const tables": the row of a unique key that is not there.
            steps.extend(text(row.len().saturating_sub(1)).map(str::to_owned));
            continue;
        };
        let (access, possible, taken) = (text(3 + shift), text(4 + shift), text(5 + shift));
        let mut indexes: Vec<&str> = possible.map_or(Vec::new(), |names| names.split(',').collect());
        // Walked as a whole: for the order, or only because it is smaller than the table.
        let is_useful = access != Some("index") || has_order;
        indexes.extend(taken.filter(|taken| is_useful && !indexes.contains(taken)));
        let key = taken.map_or(String::new(), |key| format!(" using {key}"));
        steps.push(format!("{}{key} on {table}", access.unwrap_or("no access")));
        match indexes.is_empty() {
            true => plan.scans.push(Scan::default()),
            false => plan.scans.extend(indexes.iter().map(|index| Scan {
                schema: None,
                index: Some((*index).to_owned()),
                condition: String::new(),
            })),
        }
    }
    plan.outline = steps.join(" > ");
    plan
}

/// How many columns MariaDB's EXPLAIN has.
const COLUMNS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        text.split('|').map(|value| (value != "~").then(|| value.to_owned())).collect()
    }

    #[test]
    fn possible_indexes_are_read_from_either_server() {
        let mariadb = read(&[row("1|SIMPLE|t|ALL|i_a,i_b|~|~|~|1|Using where")], false);
        let mysql = read(&[row("1|SIMPLE|t|~|ALL|i_a,i_b|~|~|~|1|100.00|Using where")], false);
        assert_eq!(mariadb, mysql);
        assert_eq!(
            mariadb.scans.iter().map(|scan| scan.index.as_deref()).collect::<Vec<_>>(),
            [Some("i_a"), Some("i_b")]
        );
        assert_eq!(mariadb.outline, "ALL on t");
    }

    #[test]
    fn an_index_that_is_walked_counts_for_its_order_only() {
        let walked = [row("1|SIMPLE|t|index|~|i_a|5|~|1|")];
        assert_eq!(read(&walked, false).scans, [Scan::default()]);
        assert_eq!(read(&walked, true).scans[0].index.as_deref(), Some("i_a"));
        let none = read(&[row("1|SIMPLE|~|~|~|~|~|~|~|Impossible WHERE noticed after reading const tables")], false);
        assert!(none.scans.is_empty() && none.outline.starts_with("Impossible WHERE"));
    }

    #[test]
    fn parameters_are_bound() {
        let sql = |query: &str| plan(&[query]).unwrap().sql;
        assert_eq!(sql("SELECT '?'"), "EXPLAIN FORMAT=TRADITIONAL SELECT '?'");
        assert!(sql("SELECT * FROM t WHERE a = ? LIMIT ?").contains("USING @doorstep_value, @doorstep_value"));
        assert!(plan(&["SELECT 1", "SELECT 2"]).is_none());
    }
}
