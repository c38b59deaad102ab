//! SQL and its reading for `advise`: indexes, foreign keys, statistics, slow statements, plans. Each question is a transaction that
//! cannot write; plans are made, never executed.

use serde_json::Value;

use crate::base::fault::{Class, Fault};
use crate::catalog::Name;
use crate::engines::advice_facts::{IndexFacts, KeyFacts, PlanFacts, PlanRead, StatementFacts, Statistics, TableFacts};
use crate::engines::engine::Query;
use crate::engines::postgres::explain::CONDITIONS;
use crate::engines::postgres::inspector::{asked, number};
use crate::engines::postgres::queries::{PINNED, array};
use crate::engines::postgres::table_state::of_tree;
use crate::engines::postgres::{SQL, explain};
use crate::engines::values::text;
use crate::sql::{Row, script};

/// A time, in RFC 3339.
const RFC_3339: &str = "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'";

pub(crate) fn statistics() -> Query<Statistics> {
    let extension = |name: &str| {
        format!(
            "(SELECT e.extnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_extension e WHERE e.extname = '{name}')"
        )
    };
    let sql = format!(
        "SELECT pg_catalog.to_char(d.stats_reset AT TIME ZONE 'UTC', {RFC_3339}), {}, {}, \
         pg_catalog.current_setting('server_version_num')::int >= 160000 \
         FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database()",
        extension("pg_stat_statements"),
        extension("hypopg")
    );
    asked(&sql, |rows| {
        let [since, statements, hypothetical, plans] = rows.first()?.as_slice() else { return None };
        Some(Statistics {
            since: since.clone(),
            statements: statements.clone(),
            hypothetical: hypothetical.clone(),
            plans_parameters: plans.as_deref() == Some("t"),
        })
    })
}

/// A partitioned table counts with all of its partitions. The exact sizes wait 100 ms for a lock.
pub(crate) fn tables(schemas: &[String], is_exact: bool) -> Query<Vec<TableFacts>> {
    let bytes = if is_exact { "pg_catalog.pg_relation_size(p.oid)" } else { "greatest(p.relpages, 0)::bigint * 8192" };
    let deleted = ("pg_catalog.pg_stat_get_tuples_deleted(p.oid)", "deletes");
    let updated = ("pg_catalog.pg_stat_get_tuples_updated(p.oid)", "updates");
    let sql = format!(
        "SET LOCAL lock_timeout = '100ms'; SELECT n.nspname, c.relname, s.* \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL {} \
         WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname = ANY ({}) ORDER BY 1, 2",
        of_tree(is_exact, &[(bytes, "bytes"), deleted, updated]),
        array(schemas)
    );
    asked(&sql, |rows| {
        let read = |row: &Row| TableFacts {
            table: Name { schema: text(row, 0), name: text(row, 1) },
            rows: number(row, 2),
            bytes: number(row, 3),
            deletes: number(row, 4),
            updates: number(row, 5),
        };
        Some(rows.iter().map(read).collect())
    })
}

/// Indexes of tables that are no partitions: those of partitions follow the one of the whole table.
pub(crate) fn indexes(schemas: &[String]) -> Query<Vec<IndexFacts>> {
    let sql = format!(
        "SELECT n.nspname, t.relname, x.relname, am.amname, i.indisunique, i.indisvalid, i.indisprimary OR i.indisexclusion \
         OR i.indisreplident OR EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conindid = x.oid), i.indnkeyatts, \
         (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(coalesce(a.attname, ''), \
         pg_catalog.pg_get_indexdef(x.oid, k, false), i.indclass[k - 1], i.indcollation[k - 1], i.indoption[k - 1]) ORDER BY k) \
         FROM pg_catalog.generate_series(1, i.indnatts::int) k LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid \
         AND a.attnum = i.indkey[k - 1] AND a.attnum > 0), pg_catalog.pg_get_expr(i.indpred, i.indrelid), \
         pg_catalog.pg_relation_size(x.oid), CASE WHEN x.relkind = 'i' THEN s.idx_scan END, \
         pg_catalog.jsonb_extract_path_text(pg_catalog.to_jsonb(s), 'last_idx_scan') \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid \
         JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace \
         JOIN pg_catalog.pg_am am ON am.oid = x.relam LEFT JOIN pg_catalog.pg_stat_all_indexes s ON s.indexrelid = x.oid \
         WHERE n.nspname = ANY ({}) AND NOT x.relispartition AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e') ORDER BY 1, 2, 3",
        array(schemas)
    );
    asked(&sql, |rows| rows.iter().map(index).collect())
}

fn index(row: &Row) -> Option<IndexFacts> {
    let columns: Vec<(String, String, Value, Value, Value)> = serde_json::from_str(row.get(8)?.as_deref()?).ok()?;
    let keys: usize = number(row, 7)?;
    let (keys, include) = columns.split_at(keys.min(columns.len()));
    let part = |(_, text, class, collation, option): &(String, String, Value, Value, Value)| {
        format!("{text} {class} {collation} {option}")
    };
    let is_true = |place: usize| text(row, place) == "t";
    Some(IndexFacts {
        table: Name { schema: text(row, 0), name: text(row, 1) },
        name: text(row, 2),
        columns: keys.iter().map(|(name, ..)| name.clone()).collect(),
        parts: keys.iter().map(part).collect(),
        include: include.iter().map(|(name, ..)| name.clone()).collect(),
        method: text(row, 3),
        predicate: row.get(9)?.clone(),
        is_unique: is_true(4),
        is_needed: is_true(6),
        is_valid: is_true(5),
        bytes: number(row, 10),
        scans: number(row, 11),
        last_scan: row.get(12)?.clone(),
    })
}

pub(crate) fn foreign_keys(schemas: &[String]) -> Query<Vec<KeyFacts>> {
    let sql = format!(
        "SELECT n.nspname, t.relname, c.conname, (SELECT pg_catalog.json_agg(a.attname ORDER BY k.place) \
         FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY k (number, place) JOIN pg_catalog.pg_attribute a \
         ON a.attrelid = t.oid AND a.attnum = k.number), fn.nspname, f.relname FROM pg_catalog.pg_constraint c \
         JOIN pg_catalog.pg_class t ON t.oid = c.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace \
         JOIN pg_catalog.pg_class f ON f.oid = c.confrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace \
         WHERE c.contype = 'f' AND c.conparentid = 0 AND n.nspname = ANY ({}) ORDER BY 1, 2, 3",
        array(schemas)
    );
    asked(&sql, |rows| {
        let read = |row: &Row| {
            Some(KeyFacts {
                table: Name { schema: text(row, 0), name: text(row, 1) },
                name: text(row, 2),
                columns: serde_json::from_str(row.get(3)?.as_deref()?).ok()?,
                target: Name { schema: text(row, 4), name: text(row, 5) },
            })
        };
        rows.iter().map(read).collect()
    })
}

/// The ten statements that took the most time in this database. Others than queries are left out: their texts keep what was
/// written into them, passwords too.
pub(crate) fn statements(schema: &str) -> Query<Vec<StatementFacts>> {
    let sql = format!(
        "SELECT s.query, s.calls, s.total_exec_time, s.mean_exec_time, s.rows FROM {schema}.pg_stat_statements s \
         WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
         AND s.query ~* '^\\s*(select|with|insert|update|delete|merge)\\M' ORDER BY s.total_exec_time DESC LIMIT 10"
    );
    asked(&sql, |rows| {
        let read = |row: &Row| {
            Some(StatementFacts {
                query: text(row, 0),
                calls: number(row, 1)?,
                total_ms: number(row, 2)?,
                mean_ms: number(row, 3)?,
                rows: number(row, 4)?,
            })
        };
        rows.iter().map(read).collect()
    })
}

/// How the server would run a statement now, for any values of its parameters, which servers before PostgreSQL 16 cannot say.
pub(crate) fn statement_plan(query: &str) -> Query<PlanFacts> {
    let generic = if script::parameters(query) > 0 { "GENERIC_PLAN, " } else { "" };
    Query::new(format!("{CONDITIONS}{PINNED}EXPLAIN ({generic}FORMAT JSON, VERBOSE) {query}"), |rows| plan(&rows))
}

/// The same, prepared, which older servers can do as well; without sequential scans if `searches`, and with a hypothetical index,
/// whose name is the first row. hypopg keeps it in the backend's memory: all of it is one message, as behind a pooler the next one
/// may go to another backend.
pub(crate) fn prepared_plan(
    query: &str,
    searches: bool,
    with: Option<(&str, &str)>,
) -> Query<(PlanFacts, Option<String>)> {
    let name = explain::prepared_name();
    let seqscan = if searches { "SET LOCAL enable_seqscan = off; " } else { "" };
    let (create, reset) = match with {
        None => (String::new(), String::new()),
        Some((schema, ddl)) => (
            format!("SELECT indexname FROM {schema}.hypopg_create_index({}); ", SQL.literal(ddl)),
            format!("SELECT NULL::text WHERE {schema}.hypopg_reset() IS NULL AND false; "),
        ),
    };
    let explain = explain::prepared(query, &name, "").concat();
    let sql = format!(
        "{CONDITIONS}{PINNED}SET LOCAL plan_cache_mode = force_generic_plan; {seqscan}{create}{explain}{reset}"
    );
    let is_hypothetical = with.is_some();
    let mut plan = Query::new(sql, move |mut rows| {
        let index =
            if is_hypothetical && !rows.is_empty() { rows.remove(0).into_iter().next().flatten() } else { None };
        Ok((plan(&rows)?, index))
    });
    // Neither is undone by a rollback. The index goes first: there may be nothing to deallocate.
    plan.cleanup = Some(format!("{reset}DEALLOCATE {name}"));
    plan
}

fn plan(rows: &[Row]) -> Result<PlanFacts, Fault> {
    let read = || {
        let json: Value = serde_json::from_str(rows.first()?.first()?.as_deref()?).ok()?;
        let root = json.get(0)?.get("Plan")?;
        let mut plan = PlanFacts { cost: root.get("Total Cost").and_then(Value::as_f64), ..PlanFacts::default() };
        let mut steps = Vec::new();
        node(root, None, &mut plan, &mut steps);
        plan.outline = steps.join(" > ");
        Some(plan)
    };
    read().ok_or_else(|| Fault::new(Class::Statement, "EXPLAIN gave no plan"))
}

/// One node and those below it; `around` is the table and the condition of the bitmap around it.
fn node(json: &Value, around: Option<(&Name, &str)>, plan: &mut PlanFacts, steps: &mut Vec<String>) {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let kind = text("Node Type").unwrap_or_default();
    let schema = text("Schema").unwrap_or_default();
    let own = text("Relation Name").map(|name| Name { schema: schema.to_owned(), name: name.to_owned() });
    let filter = text("Filter").unwrap_or_default();
    let around = own.as_ref().map(|own| (own, filter)).or(around);
    let mut step = kind.to_owned();
    if let Some(index) = text("Index Name") {
        step = format!("{step} using {index}");
    }
    if let Some(name) = text("Relation Name") {
        step = format!("{step} on {name}");
    }
    steps.push(step);
    let is_read = text("Index Name").is_some() || (own.is_some() && kind.ends_with("Seq Scan"));
    if let (true, Some((table, filter))) = (is_read, around) {
        plan.reads.push(PlanRead {
            table: table.clone(),
            index: text("Index Name").map(str::to_owned),
            is_search: text("Index Cond").is_some(),
            condition: text("Index Cond").unwrap_or_default().to_owned(),
            filter: filter.to_owned(),
        });
    }
    for child in json.get("Plans").and_then(Value::as_array).into_iter().flatten() {
        node(child, around, plan, steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walked_index_and_a_searched_one_are_told_apart() {
        let json = r#"[{"Plan": {"Node Type": "Nested Loop", "Total Cost": 12.5, "Plans": [
            {"Node Type": "Index Scan", "Relation Name": "t", "Schema": "s", "Index Name": "t_pkey", "Filter": "(t.a = $1)"},
            {"Node Type": "Bitmap Heap Scan", "Relation Name": "u", "Schema": "s", "Filter": "(u.c = 1)", "Plans": [
                {"Node Type": "Bitmap Index Scan", "Index Name": "u_b", "Index Cond": "(u.b = t.a)"}]}]}}]"#;
        let plan = plan(&[vec![Some(json.to_owned())]]).unwrap();
        assert_eq!(plan.cost, Some(12.5));
        let reads: Vec<(String, bool)> =
            plan.reads.iter().map(|read| (read.table.to_string(), read.is_search)).collect();
        assert_eq!(reads, [("s.t".to_owned(), false), ("s.u".to_owned(), true)]);
        assert_eq!((plan.reads[1].condition.as_str(), plan.reads[1].filter.as_str()), ("(u.b = t.a)", "(u.c = 1)"));
    }

    #[test]
    fn a_refused_plan_leaves_neither_an_index_nor_a_statement() {
        let plan = prepared_plan("SELECT 1/0", false, Some(("tools", "CREATE INDEX ON t (a)"))).map(|(plan, _)| plan);
        let cleanup = plan.cleanup.unwrap();
        assert!(cleanup.contains("tools.hypopg_reset()") && cleanup.contains("; DEALLOCATE doorstep_"), "{cleanup}");
    }

    #[test]
    fn parts_of_an_index_keep_what_makes_them_different() {
        let row = "s|t|t_a|btree|f|t|f|1|[[\"a\",\"a\",1994,100,0],[\"b\",\"b\",null,null,null]]|~|8192|0|~";
        let row: Row = row.split('|').map(|value| (value != "~").then(|| value.to_owned())).collect();
        let read = index(&row).unwrap();
        assert_eq!((read.columns, read.include), (vec!["a".to_owned()], vec!["b".to_owned()]));
        assert_eq!((read.parts, read.scans, read.last_scan), (vec!["a 1994 100 0".to_owned()], Some(0), None));
    }
}
