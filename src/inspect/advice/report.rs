//! The result of `advise`: numbers, and the SQL that would change them.

use std::fmt;

use serde::Serialize;

use crate::base::log::{seconds, size};
use crate::base::neutral;
use crate::catalog::Name;
use crate::differ::ddl::index::{IndexName, create_index, drop_index};
use crate::engines::advice_facts::{IndexFacts, PlanFacts, TableFacts};
use crate::inspect::advice::facts::{Facts, MissingIndex, Proof, QueryFacts};
use crate::inspect::advice::{LARGE, judge};
use crate::sql::dialect::Accounts;
use crate::sql::script;

/// The result. Keys of its JSON are only ever added.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) address: String,
    pub(crate) server: String,
    /// Since when uses of indexes and changes of rows count (RFC 3339); `None`: since the database was made, or not counted.
    pub(crate) statistics_since: Option<String>,
    pub(crate) foreign_keys: Vec<KeyAdvice>,
    pub(crate) queries: Vec<QueryAdvice>,
    pub(crate) duplicates: Vec<DuplicateAdvice>,
    pub(crate) unused: Vec<UnusedAdvice>,
    pub(crate) slow: Vec<SlowAdvice>,
    /// What is not known, and why.
    pub(crate) notes: Vec<String>,
}

/// A foreign key without an index.
#[derive(Debug, Serialize)]
pub(crate) struct KeyAdvice {
    table: String,
    columns: Vec<String>,
    name: String,
    target: String,
    rows: Option<u64>,
    bytes: Option<u64>,
    target_deletes: Option<u64>,
    target_updates: Option<u64>,
    sql: String,
}

/// A table that a query of the service reads as a whole.
#[derive(Debug, Serialize)]
pub(crate) struct QueryAdvice {
    query: String,
    table: Option<String>,
    rows: Option<u64>,
    filter: Option<String>,
    /// What the server does now.
    plan: Option<String>,
    sql: Option<String>,
    /// `hypopg`, `scratch`, `refuted`; `None`: not tried.
    proof: Option<&'static str>,
    cost_before: Option<f64>,
    cost_after: Option<f64>,
    /// Why there is no plan, no index or no proof.
    why: Option<String>,
}

/// An index that another one can replace.
#[derive(Debug, Serialize)]
pub(crate) struct DuplicateAdvice {
    index: String,
    table: String,
    by: String,
    exact: bool,
    bytes: Option<u64>,
    sql: String,
}

/// An index that no query has used.
#[derive(Debug, Serialize)]
pub(crate) struct UnusedAdvice {
    index: String,
    table: String,
    columns: Vec<String>,
    scans: u64,
    bytes: Option<u64>,
    sql: String,
}

/// A statement that took much time.
#[derive(Debug, Serialize)]
pub(crate) struct SlowAdvice {
    query: String,
    calls: u64,
    total_ms: f64,
    mean_ms: f64,
    rows: u64,
    plan: Option<String>,
    /// The large tables that it reads as a whole, each with its rows.
    reads: Vec<(String, u64)>,
    /// Why there is no plan.
    why: Option<String>,
}

/// Judges the facts.
pub(crate) fn report(facts: Facts) -> Report {
    let sizes = |name: &Name| facts.tables.iter().find(|table| table.table == *name);
    let dialect = facts.dialect;
    let index_name = |index: &IndexFacts| match index.table.schema.as_str() {
        "" => index.name.clone(),
        schema => format!("{schema}.{}", index.name),
    };
    let keys = facts.keys.as_deref().unwrap_or_default();
    let foreign_keys = judge::keys_without_index(keys, &facts.indexes).into_iter().map(|key| {
        let (table, target) = (sizes(&key.table), sizes(&key.target));
        KeyAdvice {
            table: key.table.to_string(),
            columns: key.columns.clone(),
            name: key.name.clone(),
            target: key.target.to_string(),
            rows: table.and_then(|table| table.rows),
            bytes: table.and_then(|table| table.bytes),
            target_deletes: target.and_then(|table| table.deletes),
            target_updates: target.and_then(|table| table.updates),
            sql: create_index(dialect, &key.table, &key.columns, IndexName::OfServer) + ";",
        }
    });
    let duplicates = judge::duplicates(&facts.indexes).into_iter().map(|found| DuplicateAdvice {
        index: index_name(found.index),
        table: found.index.table.to_string(),
        by: index_name(found.by),
        exact: found.is_exact,
        bytes: found.index.bytes,
        sql: drop_index(dialect, &found.index.table, &found.index.name),
    });
    let unused = judge::unused(&facts.indexes).into_iter().map(|index| UnusedAdvice {
        index: index_name(index),
        table: index.table.to_string(),
        columns: index.columns.clone(),
        scans: index.scans.unwrap_or_default(),
        bytes: index.bytes,
        sql: drop_index(dialect, &index.table, &index.name),
    });
    let slow = facts.statements.iter().map(|(statement, plan)| SlowAdvice {
        query: script::summary(&statement.query, dialect),
        calls: statement.calls,
        total_ms: statement.total_ms,
        mean_ms: statement.mean_ms,
        rows: statement.rows,
        plan: plan.as_ref().ok().map(|plan| plan.outline.clone()),
        reads: plan.as_ref().map(|plan| large_reads(plan, &facts.tables)).unwrap_or_default(),
        why: plan.as_ref().err().cloned(),
    });
    Report {
        foreign_keys: foreign_keys.collect(),
        queries: facts.queries.iter().flat_map(|query| of_query(query, &facts)).collect(),
        duplicates: duplicates.collect(),
        unused: unused.collect(),
        slow: slow.collect(),
        statistics_since: facts.statistics.as_ref().and_then(|statistics| statistics.since.clone()),
        notes: notes(&facts),
        address: facts.address,
        server: facts.server,
    }
}

/// What was not asked, besides what was refused.
fn notes(facts: &Facts) -> Vec<String> {
    let mut notes = facts.notes.clone();
    if facts.keys.is_none() && facts.dialect.rules().accounts == Accounts::Hosts {
        notes.push("foreign keys are not looked at: the server makes an index for each".to_owned());
    }
    if facts.statistics.is_none() {
        let product = facts.dialect.product();
        notes.push(format!(
            "unused indexes and slow statements are not looked at: doorstep does not read what {product} counts"
        ));
    }
    notes
}

fn of_query(query: &QueryFacts, facts: &Facts) -> Vec<QueryAdvice> {
    let empty = |why: Option<String>| QueryAdvice {
        query: query.name.clone(),
        table: None,
        rows: None,
        filter: None,
        plan: None,
        sql: None,
        proof: None,
        cost_before: None,
        cost_after: None,
        why,
    };
    let plans = match &query.plans {
        Ok(plans) => plans,
        Err(why) => return vec![empty(Some(why.clone()))],
    };
    let advice = |missing: &MissingIndex| {
        let MissingIndex { table, columns, filter, proof } = missing;
        let (proof, cost_before, cost_after, why) = match proof {
            Proof::Hypothetical(before, after) => (Some("hypopg"), *before, *after, None),
            Proof::Scratch => (Some("scratch"), None, None, None),
            Proof::Refuted => (Some("refuted"), plans.now.cost, None, None),
            Proof::Untried(why) => (None, plans.now.cost, None, Some(why.clone())),
        };
        let has_columns = !columns.is_empty();
        QueryAdvice {
            table: Some(table.to_string()),
            rows: facts.tables.iter().find(|known| known.table == *table).and_then(|known| known.rows),
            filter: Some(filter.clone()).filter(|filter| !filter.is_empty()),
            plan: Some(plans.now.outline.clone()),
            sql: has_columns.then(|| create_index(facts.dialect, table, columns, IndexName::OfServer) + ";"),
            proof,
            cost_before,
            cost_after,
            ..empty(why)
        }
    };
    plans.missing.iter().map(advice).collect()
}

/// The large tables that a plan reads as a whole.
fn large_reads(plan: &PlanFacts, tables: &[TableFacts]) -> Vec<(String, u64)> {
    let whole = plan.reads.iter().filter(|read| read.index.is_none());
    let large = whole.filter_map(|read| {
        let rows = tables.iter().find(|table| table.table == read.table)?.rows?;
        (rows >= LARGE).then(|| (read.table.to_string(), rows))
    });
    large.collect()
}

impl Report {
    fn count(&self) -> usize {
        let queries = self.queries.iter().filter(|query| query.table.is_some()).count();
        self.foreign_keys.len() + queries + self.duplicates.len() + self.unused.len()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        section(f, "foreign keys without an index", &self.foreign_keys)?;
        section(f, "queries without an index, or without a plan", &self.queries)?;
        section(f, "indexes that another one can replace", &self.duplicates)?;
        let since = self.statistics_since.as_deref().unwrap_or("the database was made");
        section(
            f,
            &format!("indexes without a scan since {since} (on this server; replicas are not counted)"),
            &self.unused,
        )?;
        section(f, "slowest statements, by the time of all their calls", &self.slow)?;
        for note in &self.notes {
            writeln!(f, "note: {}", neutral::line(note))?;
        }
        let count = match self.count() {
            0 => "nothing to recommend".to_owned(),
            1 => "1 recommendation".to_owned(),
            count => format!("{count} recommendations"),
        };
        writeln!(f, "{} ({}): {count}", self.address, self.server)
    }
}

/// A heading and what stands under it; nothing where there is none.
fn section<T: fmt::Display>(f: &mut fmt::Formatter<'_>, heading: &str, items: &[T]) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "{heading}: {}", items.len())?;
    items.iter().try_for_each(|item| write!(f, "{item}"))?;
    writeln!(f)
}

impl fmt::Display for KeyAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { String::new() } else { format!(" ({})", self.name) };
        let Self { table, columns, target, .. } = self;
        writeln!(f, "  {table} ({}) -> {target}{name}", columns.join(", "))?;
        let of_table = [counted(self.rows, "rows"), self.bytes.map(size)];
        let of_target = [counted(self.target_deletes, "deleted"), counted(self.target_updates, "updated")];
        let of_target: Vec<String> = of_target.into_iter().flatten().collect();
        let mut facts: Vec<String> = of_table.into_iter().flatten().collect();
        if !of_target.is_empty() {
            facts.push(format!("rows of {target}: {}", of_target.join(", ")));
        }
        if !facts.is_empty() {
            writeln!(f, "    {}", facts.join(", "))?;
        }
        writeln!(f, "    {}", self.sql)
    }
}

impl fmt::Display for QueryAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(table) = &self.table else {
            return writeln!(f, "  {}: {}", self.query, self.why.as_deref().unwrap_or("not planned"));
        };
        let rows = counted(self.rows, "rows").map(|rows| format!(" ({rows})")).unwrap_or_default();
        let filter = self.filter.as_ref().map(|filter| format!(", for {filter}")).unwrap_or_default();
        writeln!(f, "  {}: {table}{rows}{filter}", self.query)?;
        if let Some(plan) = &self.plan {
            writeln!(f, "    now: {plan}")?;
        }
        if let Some(sql) = &self.sql {
            writeln!(f, "    {sql}")?;
        }
        match (self.proof, self.cost_before, self.cost_after) {
            (Some("hypopg"), Some(before), Some(after)) => {
                writeln!(f, "    proved with hypopg: the planner takes it, cost {before} -> {after}")
            }
            (Some("scratch"), ..) => writeln!(f, "    proved on a scratch database: the planner can search by it"),
            (Some(_), ..) => writeln!(f, "    refuted: the planner does not take it with the present rows"),
            (None, ..) => writeln!(f, "    not proved: {}", self.why.as_deref().unwrap_or_default()),
        }
    }
}

impl fmt::Display for DuplicateAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.exact { "is the same as" } else { "is the beginning of" };
        let size = self.bytes.map(|bytes| format!(", {}", size(bytes))).unwrap_or_default();
        writeln!(f, "  {} on {} {how} {}{size}\n    {}", self.index, self.table, self.by, self.sql)
    }
}

impl fmt::Display for UnusedAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.bytes.map(|bytes| format!(", {}", size(bytes))).unwrap_or_default();
        let Self { index, table, columns, scans, sql, .. } = self;
        writeln!(f, "  {index} on {table} ({}): {scans} scans{size}\n    {sql}", columns.join(", "))
    }
}

impl fmt::Display for SlowAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, rows, total_ms, mean_ms, query, plan, reads, why } = self;
        let total = seconds(std::time::Duration::from_secs_f64(total_ms.max(0.0) / 1000.0));
        writeln!(f, "  {total} in {calls} calls of {mean_ms:.1}ms, {rows} rows: {query}")?;
        for (table, rows) in reads {
            writeln!(f, "    reads {table} as a whole: {rows} rows")?;
        }
        match (plan, why) {
            (Some(plan), _) => writeln!(f, "    plan: {plan}"),
            (None, Some(why)) => writeln!(f, "    {}", neutral::line(why)),
            (None, None) => Ok(()),
        }
    }
}

fn counted(number: Option<u64>, what: &str) -> Option<String> {
    number.map(|number| format!("{number} {what}"))
}
