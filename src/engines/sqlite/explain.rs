//! `EXPLAIN QUERY PLAN` as plain data: `SEARCH t USING COVERING INDEX i (a=? AND b>?)` (sqlite.org/eqp.html).

use crate::engines::query_plan::{QueryPlan, Scan};
use crate::sql::Row;

/// The statement that asks for a plan; nothing is executed.
pub(crate) fn sql(query: &str) -> String {
    format!("EXPLAIN QUERY PLAN {query}")
}

/// A plan from its rows: id, parent, a column of no use, and the text.
pub(crate) fn read(rows: &[Row]) -> QueryPlan {
    let steps: Vec<&str> = rows.iter().filter_map(|row| row.get(3)?.as_deref()).collect();
    QueryPlan {
        scans: steps.iter().filter_map(|step| scan(step)).collect(),
        sorts: steps.iter().any(|step| step.starts_with("USE TEMP B-TREE FOR")),
        outline: steps.join(" > "),
    }
}

fn scan(step: &str) -> Option<Scan> {
    let rest = step.strip_prefix("SEARCH ").or_else(|| step.strip_prefix("SCAN "))?;
    let index = ["USING INDEX ", "USING COVERING INDEX "].iter().find_map(|words| rest.split_once(words));
    let Some((_, index)) = index else { return Some(Scan::default()) };
    let (name, condition) = index.rsplit_once(" (").unwrap_or((index, ""));
    let condition = condition.trim_end_matches(')').to_owned();
    Some(Scan { schema: None, index: Some(name.to_owned()), condition })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_read_from_the_text_of_a_step() {
        let row = |step: &str| vec![Some("1".into()), Some("0".into()), Some("0".into()), Some(step.to_owned())];
        let steps = [
            "SEARCH t USING COVERING INDEX odd name (a=? AND b>?)",
            "SCAN u USING INDEX i",
            "SCAN v",
            "SEARCH w USING AUTOMATIC COVERING INDEX (x=?)",
            "USE TEMP B-TREE FOR ORDER BY",
        ];
        let plan = read(&steps.map(row));
        let found: Vec<_> = plan.scans.iter().map(|scan| (scan.index.as_deref(), scan.condition.as_str())).collect();
        assert_eq!(found, [(Some("odd name"), "a=? AND b>?"), (Some("i"), ""), (None, ""), (None, "")]);
        assert!(plan.sorts && plan.outline.starts_with("SEARCH t"));
    }
}
