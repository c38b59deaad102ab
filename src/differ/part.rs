//! Parts of the comparison, for requirements about single objects: a column, an enum, an index. Other objects are ignored.

use std::borrow::Cow;

use crate::catalog::{Catalog, CatalogSource, Index, Name, Table};
use crate::differ::{Compared, Names, as_view, column, enums};
use crate::finding::{Difference, DifferenceKind};
use crate::sql::{ObjectKind, ObjectRef};

/// Every requirement has a line of its own: the source stands for none.
const REQUIREMENTS: &CatalogSource = &CatalogSource::Live;

/// The columns of `expected` that the table lacks, or has otherwise.
pub(crate) fn required_columns(expected: &Table, actual: &Table, names: Names) -> Vec<Difference> {
    let mut findings = Vec::new();
    column::compare(expected, actual, Compared { names, source: REQUIREMENTS }, &mut findings);
    without_extras(findings)
}

/// The columns of the view `expected` that the relation `actual` lacks, or has of another type.
pub(crate) fn view_columns(expected: &Table, actual: &Table, names: Names) -> Vec<Difference> {
    required_columns(&as_view(expected), &as_view(actual), names)
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

/// Whether the catalog has an object of this name: a table, a column, an enum. Of other kinds it says no.
pub(crate) fn expects(catalog: &Catalog, object: &ObjectRef) -> bool {
    let is_it = |name: &Name, wanted: &str| Some(&name.schema) == object.schema.as_ref() && name.name == wanted;
    match object.kind {
        ObjectKind::Table => catalog.tables.iter().any(|table| is_it(&table.name, &object.name)),
        ObjectKind::Enum => catalog.enums.iter().any(|of| is_it(&of.name, &object.name)),
        ObjectKind::Column => {
            let owner = object.table.as_deref().unwrap_or_default();
            let mut tables = catalog.tables.iter().filter(|table| is_it(&table.name, owner));
            tables.any(|table| table.columns.iter().any(|column| column.name == object.name))
        }
        _ => false,
    }
}

/// Without findings about what is there and not expected.
fn without_extras(mut findings: Vec<Difference>) -> Vec<Difference> {
    findings.retain(|finding| match finding.kind {
        DifferenceKind::Extra => false,
        DifferenceKind::Uncompared => finding.expected.is_some(),
        _ => true,
    });
    findings
}
