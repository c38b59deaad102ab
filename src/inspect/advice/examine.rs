//! Asks for the facts, in a session that refuses to write. A question that is refused becomes a note: the others are asked all the same.

use std::time::Duration;

use crate::base::fault::Fault;
use crate::config::ServiceQuery;
use crate::differ::ddl::index::{IndexName, create_index};
use crate::engines::advice_facts::{IndexFacts, PlanFacts, PlanRead, StatementFacts, Statistics, TableFacts};
use crate::engines::engine::Query;
use crate::engines::session::Session;
use crate::inspect::advice::candidate;
use crate::inspect::advice::facts::{Facts, MissingIndex, Proof, QueryFacts, QueryPlans};
use crate::sql::{Dialect, script};

/// How long one question may take on the server.
const LIMIT: Duration = Duration::from_secs(10);

/// Why a plan with parameters is not shown.
const OLD: &str = "not planned: it has parameters, and only PostgreSQL 16 and later plan for any value of them";

/// Asks all of it.
pub(crate) async fn examine(
    session: &mut dyn Session,
    (address, server): (String, String),
    queries: &[ServiceQuery],
) -> Facts {
    let (dialect, inspector) = (session.dialect(), session.engine().inspector());
    let mut notes = Vec::new();
    if let Err(fault) = session.only_read(LIMIT).await {
        tracing::debug!(phase = "advise", event = "writable", "the session cannot be kept from writing: {fault}");
    }
    let schemas = session.schemas().await.unwrap_or_else(|fault| {
        notes.push(format!("the schemas are not known: {fault}"));
        Vec::new()
    });
    let mut asker = Asker { session, notes };
    let statistics = asker.ask("the statistics", inspector.statistics()).await;
    let tables = asker.tables(&schemas).await;
    let indexes = asker.ask("the indexes", inspector.indexes(&schemas)).await.unwrap_or_default();
    let keys = asker.ask("the foreign keys", inspector.foreign_keys(&schemas)).await;
    let statements = asker.statements(statistics.as_ref()).await;
    let mut planned = Vec::new();
    for query in queries {
        let plans = asker.plans(query.statement(dialect), (statistics.as_ref(), &indexes)).await;
        planned.push(QueryFacts { name: query.name.clone(), sql: query.statement(dialect).to_owned(), plans });
    }
    let notes = asker.notes;
    Facts { address, server, dialect, statistics, tables, indexes, keys, queries: planned, statements, notes }
}

/// A session, and what it could not answer.
struct Asker<'a> {
    session: &'a mut dyn Session,
    notes: Vec<String>,
}

impl Asker<'_> {
    async fn ask<T: 'static>(&mut self, what: &str, query: Option<Query<T>>) -> Option<T> {
        match self.session.ask(query?).await {
            Ok(told) => Some(told),
            Err(fault) => {
                self.notes.push(format!("{what} are not known: {fault}"));
                None
            }
        }
    }

    /// The tables; with sizes as the statistics say, where one of them stays locked.
    async fn tables(&mut self, schemas: &[String]) -> Vec<TableFacts> {
        let inspector = self.session.engine().inspector();
        let Some(exact) = inspector.tables(schemas, true) else { return Vec::new() };
        if let Ok(tables) = self.session.ask(exact).await {
            return tables;
        }
        self.ask("the tables", inspector.tables(schemas, false)).await.unwrap_or_default()
    }

    /// The slowest statements with their plans.
    async fn statements(
        &mut self,
        statistics: Option<&Statistics>,
    ) -> Vec<(StatementFacts, Result<PlanFacts, String>)> {
        let Some(statistics) = statistics else { return Vec::new() };
        let Some(schema) = &statistics.statements else {
            let why = "slow statements are not known: the extension pg_stat_statements is not in this database";
            self.notes.push(why.to_owned());
            return Vec::new();
        };
        let inspector = self.session.engine().inspector();
        let found = self.ask("slow statements", inspector.statements(schema)).await.unwrap_or_default();
        let mut planned = Vec::new();
        for statement in found {
            let plan = self.statement_plan(&statement.query, statistics.plans_parameters).await;
            planned.push((statement, plan));
        }
        planned
    }

    /// The text is the server's: only one that is a single statement is sent back to it.
    async fn statement_plan(&mut self, query: &str, plans_parameters: bool) -> Result<PlanFacts, String> {
        let dialect = self.session.dialect();
        if script::statements(query, dialect).len() != 1 || !script::is_complete(query, dialect) {
            return Err("not planned: its text is not complete".to_owned());
        }
        if script::parameters(query) > 0 && !plans_parameters {
            return Err(OLD.to_owned());
        }
        match self.session.engine().inspector().statement_plan(query) {
            Some(question) => self.session.ask(question).await.map_err(|fault| not_planned(&fault)),
            None => Err(OLD.to_owned()),
        }
    }

    /// The plans of a query of the service, and the indexes that would serve it.
    async fn plans(
        &mut self,
        sql: &str,
        (statistics, indexes): (Option<&Statistics>, &[IndexFacts]),
    ) -> Result<QueryPlans, String> {
        let inspector = self.session.engine().inspector();
        let (Some(now), Some(searching)) = (inspector.query_plan(sql, false), inspector.query_plan(sql, true)) else {
            return Err("not planned: doorstep does not read the plans of this engine".to_owned());
        };
        let now = self.session.ask(now).await.map_err(|fault| not_planned(&fault))?;
        let searching = self.session.ask(searching).await.map_err(|fault| not_planned(&fault))?;
        let mut missing: Vec<MissingIndex> = Vec::new();
        for read in unserved(&searching, sql, (indexes, self.session.dialect())) {
            let filter = condition_of(&read);
            if missing.iter().any(|known| known.table == read.table && known.filter == filter) {
                continue;
            }
            let columns = candidate::columns(&filter);
            let mut index = MissingIndex { proof: Proof::Untried(String::new()), table: read.table, columns, filter };
            index.proof = self.prove(sql, &index, (&now, statistics)).await;
            missing.push(index);
        }
        Ok(QueryPlans { now, missing })
    }

    /// Asks the planner, where hypopg is there, whether it would take the index.
    async fn prove(
        &mut self,
        sql: &str,
        index: &MissingIndex,
        (now, statistics): (&PlanFacts, Option<&Statistics>),
    ) -> Proof {
        if index.columns.is_empty() {
            return Proof::Untried("its condition shows no column that an index could be searched by".to_owned());
        }
        let Some(schema) = statistics.and_then(|statistics| statistics.hypothetical.as_ref()) else {
            return Proof::Untried(
                "the extension hypopg is not in this database; --scratch proves it on a scratch database".to_owned(),
            );
        };
        let ddl = create_index(self.session.dialect(), &index.table, &index.columns, IndexName::Hypothetical);
        let Some(question) = self.session.engine().inspector().hypothetical_plan(sql, (schema, &ddl)) else {
            return Proof::Untried("the engine has no hypothetical indexes".to_owned());
        };
        match self.session.ask(question).await {
            Ok((plan, Some(name))) => match plan.reads.iter().any(|read| read.index.as_ref() == Some(&name)) {
                true => Proof::Hypothetical(now.cost, plan.cost),
                false => Proof::Refuted,
            },
            Ok((_, None)) => Proof::Untried("hypopg made no index".to_owned()),
            Err(fault) => Proof::Untried(format!("hypopg refused: {fault}")),
        }
    }
}

/// The tables that are read as a whole even where the planner would rather search, although a condition leaves out rows. To walk
/// an index for a column behind its first one is no search.
fn unserved(plan: &PlanFacts, sql: &str, (indexes, dialect): (&[IndexFacts], Dialect)) -> Vec<PlanRead> {
    // SQLite's plans do not show conditions.
    let has_where = || script::names(sql, dialect).iter().any(|word| word.eq_ignore_ascii_case("WHERE"));
    let by_first = |read: &PlanRead| {
        let known = indexes.iter().find(|index| index.table == read.table && read.index.as_ref() == Some(&index.name));
        let first = known.and_then(|index| index.columns.first()).filter(|first| !first.is_empty());
        let is_named = |first: &String| script::names(&read.condition, dialect).iter().any(|name| name == first);
        read.condition.is_empty() || first.is_none_or(is_named)
    };
    let is_whole = |read: &&PlanRead| match read.is_search {
        true => !by_first(read),
        false => !read.filter.is_empty() || (plan.cost.is_none() && has_where()),
    };
    plan.reads.iter().filter(is_whole).cloned().collect()
}

/// All that leaves out rows of a reading.
fn condition_of(read: &PlanRead) -> String {
    match (read.condition.as_str(), read.filter.as_str()) {
        ("", filter) => filter.to_owned(),
        (condition, "") => condition.to_owned(),
        (condition, filter) => format!("({condition} AND {filter})"),
    }
}

fn not_planned(fault: &Fault) -> String {
    format!("not planned: {fault}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Name;

    fn read(index: Option<&str>, condition: &str, filter: &str) -> PlanRead {
        PlanRead {
            table: Name { schema: "public".to_owned(), name: "orders".to_owned() },
            index: index.map(str::to_owned),
            is_search: !condition.is_empty(),
            condition: condition.to_owned(),
            filter: filter.to_owned(),
        }
    }

    #[test]
    fn a_walk_for_a_later_column_is_no_search() {
        let index = IndexFacts {
            table: read(None, "", "").table,
            name: "i".to_owned(),
            columns: vec!["status".to_owned(), "total".to_owned()],
            ..IndexFacts::default()
        };
        let is_unserved = |read: PlanRead| {
            let plan = PlanFacts { cost: Some(1.0), reads: vec![read], ..PlanFacts::default() };
            !unserved(&plan, "SELECT 1", (std::slice::from_ref(&index), Dialect::Postgres)).is_empty()
        };
        assert!(is_unserved(read(None, "", "(orders.a = $1)")));
        assert!(is_unserved(read(Some("i"), "", "(orders.a = $1)")));
        assert!(is_unserved(read(Some("i"), "(orders.total > $1)", "(orders.a = $2)")));
        assert!(!is_unserved(read(Some("i"), "(orders.status = $1)", "(orders.a = $2)")));
        assert!(!is_unserved(read(Some("unknown"), "(orders.total > $1)", "")));
        assert!(!is_unserved(read(None, "", "")));
    }
}
