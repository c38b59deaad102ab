//! Divides the catalog of many schemas, which was read at once, into one for each.

use std::collections::HashMap;

use crate::catalog::{Catalog, Name};

impl Catalog {
    /// For each of `homes`, what is in it, and what is in none of them.
    #[must_use]
    pub(crate) fn split(self, homes: &[String]) -> Vec<Self> {
        let place: HashMap<&str, usize> = homes.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let Self { source, schemas, tables, enums, views, view_columns, extensions, broken, folds_table_names } = self;
        let of = |name: &Name| place.get(name.schema.as_str()).copied();
        let schemas = parts(schemas, homes.len(), |schema| place.get(schema.as_str()).copied());
        let mut tables = parts(tables, homes.len(), |table| of(&table.name)).into_iter();
        let mut enums = parts(enums, homes.len(), |it| of(&it.name)).into_iter();
        let mut views = parts(views, homes.len(), of).into_iter();
        let mut view_columns = parts(view_columns, homes.len(), |table| of(&table.name)).into_iter();
        let mut broken = parts(broken, homes.len(), |index| of(&index.table)).into_iter();
        let part = |schemas| Self {
            source: source.clone(),
            schemas,
            tables: tables.next().unwrap_or_default(),
            enums: enums.next().unwrap_or_default(),
            views: views.next().unwrap_or_default(),
            view_columns: view_columns.next().unwrap_or_default(),
            extensions: extensions.clone(),
            broken: broken.next().unwrap_or_default(),
            folds_table_names,
        };
        schemas.into_iter().map(part).collect()
    }
}

/// The items of each of `count` places; those without a place are in all of them.
fn parts<T: Clone>(items: Vec<T>, count: usize, place: impl Fn(&T) -> Option<usize>) -> Vec<Vec<T>> {
    let mut parts = vec![Vec::new(); count];
    for item in items {
        match place(&item).and_then(|at| parts.get_mut(at)) {
            Some(part) => part.push(item),
            None => parts.iter_mut().for_each(|part| part.push(item.clone())),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Table;

    #[test]
    fn each_schema_gets_its_own_and_what_all_share() {
        let name = |schema: &str| Name { schema: schema.to_owned(), name: "users".to_owned() };
        let names = ["a", "b", "shared"];
        let catalog = Catalog {
            schemas: names.map(str::to_owned).to_vec(),
            tables: names.map(|schema| Table { name: name(schema), ..Table::default() }).to_vec(),
            views: vec![name("elsewhere"), name("b")],
            ..Catalog::default()
        };
        let homes = ["b".to_owned(), "a".to_owned(), "c".to_owned()];
        let split = catalog.split(&homes);
        let shown = |catalog: &Catalog| {
            let tables: Vec<&str> = catalog.tables.iter().map(|table| table.name.schema.as_str()).collect();
            (catalog.schemas.join(","), tables.join(","), catalog.views.len())
        };
        let expected = [("b,shared", "b,shared", 2), ("a,shared", "a,shared", 1), ("shared", "shared", 1)];
        for (catalog, (schemas, tables, views)) in split.iter().zip(expected) {
            assert_eq!(shown(catalog), (schemas.to_owned(), tables.to_owned(), views));
        }
        assert_eq!(split.len(), 3);
    }
}
