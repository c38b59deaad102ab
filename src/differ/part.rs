//! Parts of the comparison, for requirements about single objects: a column, an enum, an index. Other objects are ignored.

use std::borrow::Cow;

use crate::catalog::{Catalog, CatalogSource, Index, Table};
use crate::differ::{Compared, Names, column, enums};
use crate::finding::{Difference, DifferenceKind};

/// Every requirement has a line of its own: the source stands for none.
const REQUIREMENTS: &CatalogSource = &CatalogSource::Live;

/// The columns of `expected` that the table lacks, or has otherwise.
pub(crate) fn required_columns(expected: &Table, actual: &Table, names: Names) -> Vec<Difference> {
    let mut findings = Vec::new();
    column::compare(expected, actual, Compared { names, source: REQUIREMENTS }, &mut findings);
    without_extras(findings)
}

/// The enum types of `expected` that are missing, or have other values.
pub(crate) fn required_enums(expected: &Catalog, actual: &Catalog, names: Names) -> Vec<Difference> {
    let mut findings = Vec::new();
    enums(expected, actual, Compared { names, source: REQUIREMENTS }, &mut findings);
    without_extras(findings)
}

/// The index of this name, or the primary key, and its table; in any schema if none is named.
pub(crate) fn index_named<'a>(
    catalog: &'a Catalog,
    schema: Option<&str>,
    name: &str,
    names: Names,
) -> Option<(&'a Table, Cow<'a, Index>)> {
    let is_meant = |table: &&Table| schema.is_none_or(|schema| names.are_same(&table.name.schema, schema));
    let named = |table: &'a Table| Some((table, table.index(|other| names.are_same(other, name))?));
    catalog.tables.iter().filter(is_meant).find_map(named)
}

fn without_extras(mut findings: Vec<Difference>) -> Vec<Difference> {
    findings.retain(|finding| finding.kind != DifferenceKind::Extra);
    findings
}
