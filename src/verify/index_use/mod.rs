//! `[[query]]` of doorstep.toml: a query of the service, and the index that it must be able to use. Pure: queries, the
//! plans that the engine could make of them and a catalog in, findings out.
//!
//! An index is used where a plan searches it by its first column, or reads it in an order that the query asks for.
//! Merely to walk all of it, for a column further behind, is not what it was made for. Where the planner takes another
//! index that begins alike (on an empty database several cost the same), the expected one would do as well.

use crate::base::fault::{Fault, Place};
use crate::catalog::{Catalog, Index, IndexColumn, Table};
use crate::config::ServiceQuery;
use crate::differ::{self, Names};
use crate::engines::query_plan::{QueryPlan, Scan};
use crate::finding::cause::{IndexCause, Misfit};
use crate::finding::remedy::IndexFix;
use crate::finding::{Cause, Difference, DifferenceKind, Remedy, Severity};
use crate::sql::{Dialect, ObjectKind, ObjectRef, TableName, excerpt, script};
use crate::verify::requirements::unanswered;

/// The schemas in which the plans and the names of indexes lead.
pub(crate) fn schemas<'a>(
    queries: &'a [ServiceQuery],
    answers: &'a [Result<Vec<QueryPlan>, Fault>],
) -> impl Iterator<Item = &'a str> {
    let named = queries.iter().flat_map(|query| &query.indexes).filter_map(|index| index.schema.as_deref());
    let plans = answers.iter().flatten().flatten();
    named.chain(plans.flat_map(|plan| &plan.scans).filter_map(|scan| scan.schema.as_deref()))
}

/// What the plans of each query lack. `answers` are those of the engine, in the order of the queries.
#[must_use]
pub(crate) fn findings(
    queries: &[ServiceQuery],
    answers: &[Result<Vec<QueryPlan>, Fault>],
    catalog: &Catalog,
    dialect: Dialect,
) -> Vec<Difference> {
    let names = Names(dialect);
    let mut findings = Vec::new();
    for (query, answer) in queries.iter().zip(answers) {
        match answer {
            Ok(plans) => {
                let is_used = |index: &TableName| {
                    is_blank(plans, index, catalog, names)
                        || plans.iter().any(|plan| uses(query, plan, index, catalog, names))
                };
                let unused = query.indexes.iter().filter(|index| !is_used(index));
                findings.extend(unused.map(|index| unused_index(query, plans, index, catalog, names)));
            }
            Err(fault) => findings.push(refused(query, fault, dialect)),
        }
    }
    findings
}

/// A query that the engine makes no plan of.
fn refused(query: &ServiceQuery, fault: &Fault, dialect: Dialect) -> Difference {
    let object = ObjectRef::new(ObjectKind::Query, None, query.name.clone());
    let error = |kind| Difference::at(Severity::Error, kind, object.clone(), &query.origin);
    let place = fault.place.filter(|place| matches!(place, Place::Character(_)));
    let at = place.map(|place| excerpt::line_and_column(query.statement(dialect), place, &[]));
    unanswered(fault, at, &error)
}

/// A partitioned table without a partition: there is nothing to read, and the index is there.
fn is_blank(plans: &[QueryPlan], index: &TableName, catalog: &Catalog, names: Names) -> bool {
    let known = || differ::index_named(catalog, index.schema.as_deref(), &index.name, names);
    plans.iter().all(|plan| plan.scans.is_empty()) && known().is_some_and(|(_, index)| index.valid)
}

/// Whether a plan uses the index, or would as well use it as one that it does use.
fn uses(query: &ServiceQuery, plan: &QueryPlan, wanted: &TableName, catalog: &Catalog, names: Names) -> bool {
    let is_schema = |scan: &Scan| match (&scan.schema, &wanted.schema) {
        (Some(one), Some(other)) => names.are_same(one, other),
        _ => true,
    };
    let known = differ::index_named(catalog, wanted.schema.as_deref(), &wanted.name, names);
    plan.scans.iter().filter(|scan| is_schema(scan)).any(|scan| {
        let Some(name) = &scan.index else { return false };
        let used = differ::index_named(catalog, scan.schema.as_deref(), name, names);
        match (used, &known) {
            (Some((table, used)), Some((of, known))) => {
                let step = PlanStep { query, plan, searched: searched(&used, scan, names), names };
                let is_it = table.name == of.name && names.are_same(&used.name, &known.name);
                step.serves(&used) && (is_it || (table.name == of.name && step.would_serve(&used, known)))
            }
            // An index of which nothing is known is what its name says.
            _ => names.are_same(name, &wanted.name),
        }
    })
}

/// How many of the first columns of an index it is searched by: up to the last one that the condition names.
fn searched(index: &Index, scan: &Scan, names: Names) -> Option<(usize, bool)> {
    let mentioned = script::names(&scan.condition, names.0);
    let is_mentioned = |place: usize| mentioned.iter().any(|name| names.are_same(name, &index.columns[place].name));
    let last = (0..index.columns.len()).rev().find(|place| is_mentioned(*place))?;
    Some((last + 1, is_mentioned(0)))
}

/// One use of an index in a plan.
struct PlanStep<'a> {
    query: &'a ServiceQuery,
    plan: &'a QueryPlan,
    /// How many of its columns are searched, and whether the first is among them.
    searched: Option<(usize, bool)>,
    names: Names,
}

impl PlanStep<'_> {
    /// Whether the index does what indexes are for.
    fn serves(&self, used: &Index) -> bool {
        let is_btree = used.method.is_empty() || used.method == "btree";
        let by_first = self.searched.is_none_or(|(_, by_first)| by_first);
        let is_whole = !self.sorts_beside(used);
        // Of an expression, or of another method, the names of the columns say nothing.
        used.has_expression || !is_btree || ((by_first || self.gives_order()) && is_whole)
    }

    /// The query asks for an order, and nothing else brings it.
    fn gives_order(&self) -> bool {
        !self.plan.sorts && self.asks_for(&["ORDER"])
    }

    fn asks_for(&self, words: &[&str]) -> bool {
        let statements = script::statements(&self.query.sql, self.names.0);
        statements.iter().any(|statement| words.iter().any(|word| statement.has(word)))
    }

    /// The index has columns that are not searched, and yet what it gives is sorted: they are not the right ones.
    /// Where several tables are joined, the order may be that of another.
    fn sorts_beside(&self, used: &Index) -> bool {
        let searched = self.searched.map_or(0, |(count, _)| count);
        let is_plain = !self.asks_for(&["GROUP", "DISTINCT", "UNION", "OVER"]);
        self.plan.sorts && is_plain && self.plan.scans.len() == 1 && searched < used.columns.len()
    }

    /// Whether another index of the table could stand in for the one that is used: alike in what is searched, and in
    /// the order that follows.
    fn would_serve(&self, used: &Index, other: &Index) -> bool {
        let common = used.columns.len().min(other.columns.len());
        let searched = self.searched.map_or(0, |(count, _)| count);
        let ordered = if self.gives_order() || searched == 0 { common } else { searched };
        let pairs = || used.columns.iter().zip(&other.columns);
        let is_same = |(one, other): (&IndexColumn, &IndexColumn)| {
            // One that is usual may be named or not.
            let class = |column: &'_ IndexColumn| column.class.clone().filter(|_| !column.usual);
            self.names.are_same(&one.name, &other.name) && class(one) == class(other)
        };
        let mut directions =
            pairs().take(ordered).skip(searched).map(|(one, other)| one.descending == other.descending);
        let first = directions.next();
        other.valid
            && other.method == used.method
            && other.predicate == used.predicate
            && !other.has_expression
            && !used.has_expression
            && common >= searched.max(1)
            && pairs().take(ordered.max(searched)).all(is_same)
            && directions.all(|direction| Some(direction) == first)
    }
}

/// Why no plan uses the index.
fn unused_index(
    query: &ServiceQuery,
    plans: &[QueryPlan],
    wanted: &TableName,
    catalog: &Catalog,
    names: Names,
) -> Difference {
    let finding = |kind| {
        let object = ObjectRef::new(ObjectKind::Query, None, query.name.clone());
        let finding = Difference::at(query.severity, kind, object, &query.origin);
        let outline = plans.first().map_or("no plan", |plan| plan.outline.as_str());
        finding.between(format!("a plan with the index {wanted}"), outline)
    };
    let known = differ::index_named(catalog, wanted.schema.as_deref(), &wanted.name, names);
    let Some((table, index)) = known else {
        let cause = IndexCause::Missing(wanted.clone(), similar(wanted, catalog));
        let missing = finding(DifferenceKind::Missing).caused(Cause::Index(cause));
        return missing.remedied(Remedy::Index(IndexFix::CreateOrCorrect));
    };
    if !index.valid {
        let broken = differ::invalid(finding(DifferenceKind::Invalid), &table.name, &index.name, names);
        let outline = plans.first().map_or("no plan", |plan| plan.outline.as_str());
        return broken.but(outline).caused(Cause::Index(IndexCause::Invalid));
    }
    let described = differ::described(&index);
    let is = |scan: &Scan| scan.index.as_ref().is_some_and(|name| names.are_same(name, &index.name));
    let (mut walked, mut sorted) = (false, false);
    for plan in plans {
        for scan in plan.scans.iter().filter(|scan| is(scan)) {
            let step = PlanStep { query, plan, searched: searched(&index, scan, names), names };
            walked |= !step.searched.is_none_or(|(_, by_first)| by_first);
            sorted |= step.sorts_beside(&index);
        }
    }
    let others: Vec<&str> =
        plans.iter().flat_map(|plan| &plan.scans).filter_map(|scan| scan.index.as_deref()).collect();
    let (misfit, fix) = match (walked, sorted, others.first()) {
        (true, ..) => (Misfit::FirstColumn, IndexFix::ComparedFirst),
        (_, true, _) => (Misfit::Order, IndexFix::OrderNext),
        (_, _, Some(other)) => (Misfit::Other((*other).to_owned()), IndexFix::NameOther),
        _ => (Misfit::All, IndexFix::Columns),
    };
    let cause = Cause::Index(IndexCause::Unused(described, misfit));
    finding(DifferenceKind::Different).caused(cause).remedied(Remedy::Index(fix))
}

/// An index whose name is probably meant.
fn similar(wanted: &TableName, catalog: &Catalog) -> Option<String> {
    let of_table = |table: &Table| {
        let index = table.index(|other| differ::folded(other) == differ::folded(&wanted.name))?;
        Some(format!("{}.{} {}", table.name.schema, index.name, differ::described(&index)))
    };
    catalog.tables.iter().find_map(of_table)
}

#[cfg(test)]
mod tests;
