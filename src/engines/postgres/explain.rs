//! EXPLAIN: how the server could run a query. Nothing is executed, and nothing can be written.
//!
//! On an empty database every plan costs next to nothing, and the one that is chosen says little. So each query is
//! planned several times, with one or another way to run it turned off, and always without sequential scans. A query
//! with parameters is prepared and planned for any value (`plan_cache_mode`, since PostgreSQL 12; `EXPLAIN
//! (GENERIC_PLAN)` came with 16); a cached plan survives a change of settings, so that each is prepared anew.

use std::collections::HashMap;

use serde_json::Value;

use crate::base::fault::{Class, Fault};
use crate::engines::engine::Batch;
use crate::engines::postgres::queries::PINNED;
use crate::engines::query_plan::{QueryPlan, Scan};
use crate::sql::{Row, script};

/// Settings of a message that asks for plans or booleans.
pub(crate) const CONDITIONS: &str = "SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '5s'; ";

/// Indexes of partitions, and those of the tables at the top that they belong to: schema and name of each.
const OF_PARTITIONS: &str = "\
    WITH RECURSIVE up (leaf, top) AS (\
    SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i \
    JOIN pg_catalog.pg_class c ON c.oid = i.inhparent AND c.relkind = 'I' \
    UNION ALL SELECT u.leaf, i.inhparent FROM up u JOIN pg_catalog.pg_inherits i ON i.inhrelid = u.top) \
    SELECT ln.nspname, l.relname, tn.nspname, t.relname FROM up u \
    JOIN pg_catalog.pg_class l ON l.oid = u.leaf JOIN pg_catalog.pg_namespace ln ON ln.oid = l.relnamespace \
    JOIN pg_catalog.pg_class t ON t.oid = u.top AND NOT t.relispartition \
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace; ";

/// What is turned off for each of the plans.
const VARIANTS: &[&[&str]] = &[
    &[],
    // An index that can only be read in order, or only as a bitmap.
    &["bitmapscan"],
    &["bitmapscan", "sort"],
    &["indexscan", "indexonlyscan"],
    // One on the inner side of a join.
    &["bitmapscan", "hashjoin", "mergejoin"],
];

/// All that the variants turn off.
const SWITCHES: &[&str] = &["bitmapscan", "sort", "indexscan", "indexonlyscan", "hashjoin", "mergejoin"];

/// The plans of each query.
pub(crate) fn plans(queries: &[&str]) -> Batch<Vec<QueryPlan>> {
    let name = prepared_name();
    let start = format!(
        "{CONDITIONS}{PINNED}{OF_PARTITIONS}SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; "
    );
    let questions: Vec<Vec<String>> = queries.iter().map(|query| questions(query, &name)).collect();
    let offset = match questions.as_slice() {
        [one] => Some(start.chars().count() + one[0].chars().count()),
        _ => None,
    };
    Batch {
        sql: start + &questions.concat().concat(),
        // What is prepared outlives its transaction.
        cleanup: Some(format!("DEALLOCATE {name}")),
        offset,
        read: Box::new(|rows| {
            let (partitions, plans) = apart(rows);
            plans.chunks(VARIANTS.len()).map(|plans| read_all(plans, &partitions)).collect()
        }),
    }
}

/// Whether each query, which returns one boolean, returns true. Rows that row security would hide are an error.
pub(crate) fn bools(queries: &[&str]) -> Batch<bool> {
    let count = queries.len();
    Batch {
        sql: format!("{CONDITIONS}SET LOCAL row_security = off; {}", queries.join("; ")),
        cleanup: None,
        offset: None,
        read: Box::new(move |rows| {
            let is_true = |row: &Row| row.first().is_some_and(|value| value.as_deref() == Some("t"));
            (0..count).map(|index| Ok(rows.get(index).is_some_and(is_true))).collect()
        }),
    }
}

/// A name that no other session uses, also behind a pooler.
pub(crate) fn prepared_name() -> String {
    format!("doorstep_{}", uuid::Uuid::new_v4().simple())
}

/// Prepares a query, explains it for any values of its parameters, and forgets it; in two pieces, of which the second one begins
/// with the query.
pub(crate) fn prepared(query: &str, name: &str, options: &str) -> [String; 2] {
    let parameters = vec!["NULL"; script::parameters(query)].join(", ");
    let arguments = if parameters.is_empty() { parameters } else { format!("({parameters})") };
    [
        format!("PREPARE {name} AS "),
        format!("{query}\n; EXPLAIN ({options}FORMAT JSON, VERBOSE) EXECUTE {name}{arguments}; DEALLOCATE {name}; "),
    ]
}

/// One query under every variant, each with a plan as its only row. The first piece ends where the query begins.
fn questions(query: &str, name: &str) -> Vec<String> {
    let of_variant = |off: &&[&str]| {
        let switch = |name: &&str| {
            let value = if off.contains(name) { "off" } else { "on" };
            format!("SET LOCAL enable_{name} = {value}; ")
        };
        let switches: String = SWITCHES.iter().map(switch).collect();
        let [before, after] = prepared(query, name, "COSTS off, ");
        [switches + &before, after]
    };
    VARIANTS.iter().flat_map(of_variant).collect()
}

/// Schema and name of an index.
type IndexName = (Option<String>, Option<String>);

/// The rows of [`OF_PARTITIONS`], by the index of the partition, and those of the plans, which have one value each.
fn apart(rows: Vec<Row>) -> (HashMap<IndexName, IndexName>, Vec<Row>) {
    let (pairs, plans): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.len() == 4);
    let pair = |row: Row| {
        let [schema, name, top_schema, top] = <[Option<String>; 4]>::try_from(row).ok()?;
        Some(((schema, name), (top_schema, top)))
    };
    (pairs.into_iter().filter_map(pair).collect(), plans)
}

fn read_all(rows: &[Row], partitions: &HashMap<IndexName, IndexName>) -> Result<Vec<QueryPlan>, Fault> {
    let read_one = |row: &Row| {
        let text = row.first()?.as_deref()?;
        let mut plan = read(&serde_json::from_str(text).ok()?)?;
        for scan in &mut plan.scans {
            // The index of a partition is part of that of its table.
            if let Some((schema, top)) = partitions.get(&(scan.schema.clone(), scan.index.clone())) {
                (scan.schema, scan.index) = (schema.clone(), top.clone());
            }
        }
        Some(plan)
    };
    let plans: Option<Vec<QueryPlan>> = rows.iter().map(read_one).collect();
    plans.ok_or_else(|| Fault::new(Class::Statement, "EXPLAIN gave no plan"))
}

/// A plan from the JSON of EXPLAIN (PostgreSQL manual 14.1; explain.c in the server's source).
fn read(json: &Value) -> Option<QueryPlan> {
    let mut plan = QueryPlan::default();
    let mut steps = Vec::new();
    node(json.get(0)?.get("Plan")?, None, &mut plan, &mut steps);
    plan.outline = steps.join(" > ");
    Some(plan)
}

/// One node and those below it; `schema` is that of the table around a bitmap.
fn node(json: &Value, schema: Option<&str>, plan: &mut QueryPlan, steps: &mut Vec<String>) {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let kind = text("Node Type").unwrap_or_default();
    let schema = text("Schema").or(schema);
    let (index, table) = (text("Index Name"), text("Relation Name"));
    let mut step = kind.to_owned();
    if let Some(index) = index {
        step = format!("{step} using {index}");
    }
    if let Some(table) = table {
        step = format!("{step} on {table}");
    }
    steps.push(step);
    plan.sorts |= kind == "Sort" || kind == "Incremental Sort";
    if index.is_some() || (table.is_some() && kind.ends_with("Seq Scan")) {
        plan.scans.push(Scan {
            schema: schema.map(str::to_owned),
            index: index.map(str::to_owned),
            condition: text("Index Cond").unwrap_or_default().to_owned(),
        });
    }
    for child in json.get("Plans").and_then(Value::as_array).into_iter().flatten() {
        node(child, schema, plan, steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_from_json() {
        let json = serde_json::json!([{"Plan": {"Node Type": "Limit", "Plans": [{"Node Type": "Sort", "Plans": [
            {"Node Type": "Bitmap Heap Scan", "Relation Name": "t", "Schema": "s", "Plans": [
                {"Node Type": "Bitmap Index Scan", "Index Name": "i", "Index Cond": "(t.a = $1)"}]}]}]}}]);
        let plan = read(&json).unwrap();
        assert_eq!(plan.outline, "Limit > Sort > Bitmap Heap Scan on t > Bitmap Index Scan using i");
        assert!(plan.sorts);
        let scan = Scan { schema: Some("s".into()), index: Some("i".into()), condition: "(t.a = $1)".into() };
        assert_eq!(plan.scans, [scan]);
        assert_eq!(read(&serde_json::json!({})), None);
    }

    #[test]
    fn each_variant_has_as_many_nulls_as_there_are_parameters() {
        let questions = questions("SELECT $2", "n");
        assert_eq!(questions.len(), 2 * VARIANTS.len());
        assert!(questions[1].contains("EXECUTE n(NULL, NULL); DEALLOCATE n"), "{}", questions[1]);
    }
}
