//! A snapshot: the catalog that the migrations make of an empty database, as a file. Written at build time (`doorstep
//! snapshot`), kept in version control, and held against the live database like any other desired; for teams
//! without Prisma it is the only one that knows every column.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::catalog::{Catalog, CatalogSource, Extension, Name, Type};
use crate::sql::Dialect;

/// The file that is read where no other is named, if it is in the working directory.
pub(crate) const USUAL: &str = "doorstep.snapshot.json";

/// The form that this version writes and reads.
const FORMAT: u64 = 1;

/// A catalog, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Version of the form.
    format: u64,
    /// Version of the doorstep that has written it.
    doorstep: String,
    /// The engine, as Prisma spells it.
    dialect: String,
    /// The schema that names without one belonged to.
    home: String,
    /// The migrations that made it, in their order.
    migrations: Vec<String>,
    catalog: Catalog,
}

impl Snapshot {
    /// A snapshot of this catalog. Everything but columns, and the values of enums, is sorted by name, so that the
    /// same folder always gives the same text.
    #[must_use]
    pub(crate) fn of(mut catalog: Catalog, dialect: Dialect, home: &str, migrations: Vec<String>) -> Self {
        catalog.tables.sort_by(|one, other| one.name.cmp(&other.name));
        catalog.enums.sort_by(|one, other| one.name.cmp(&other.name));
        // Relations of schemas that were not looked at are no part of it.
        catalog.views.retain(|view| catalog.schemas.contains(&view.schema));
        catalog.views.sort();
        catalog.extensions.sort_by(|one, other| one.name.cmp(&other.name));
        // Another version of an extension, or another place of it, is no difference between two databases.
        for extension in &mut catalog.extensions {
            *extension = Extension { name: std::mem::take(&mut extension.name), ..Extension::default() };
        }
        let tables = catalog.tables.iter().map(|table| &table.name);
        let used = tables.chain(catalog.enums.iter().map(|of| &of.name)).chain(&catalog.views);
        let used: Vec<&str> = used.map(|name| name.schema.as_str()).collect();
        catalog.schemas.retain(|schema| used.contains(&schema.as_str()));
        catalog.schemas.sort();
        for table in &mut catalog.tables {
            let columns = table.indexes.iter_mut().flat_map(|index| &mut index.columns);
            columns.filter(|column| column.usual).for_each(|column| column.class = None);
            table.indexes.sort_by(|one, other| one.name.cmp(&other.name));
            table.foreign_keys.sort_by(|one, other| (&one.name, &one.columns).cmp(&(&other.name, &other.columns)));
            table.constraints.sort_by(|one, other| one.name.cmp(&other.name));
        }
        Self {
            format: FORMAT,
            doorstep: env!("CARGO_PKG_VERSION").to_owned(),
            dialect: dialect.provider().to_owned(),
            home: home.to_owned(),
            migrations,
            catalog,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Settings`] for one that cannot be read, is of another form, or of another engine.
    pub(crate) fn read(path: &Path, dialect: Dialect) -> Result<Self, Error> {
        let shown = path.display();
        let wrong = |why: String| {
            let next = format!("make it anew: doorstep snapshot --output {shown}");
            Error::Settings(format!("the snapshot {shown} cannot be used: {why}\nnext: {next}"))
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(FORMAT) => {}
            Some(format) => return Err(wrong(format!("it has the form {format}, and this doorstep reads {FORMAT}"))),
            None => return Err(wrong("it is no snapshot".to_owned())),
        }
        let snapshot: Self = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        match snapshot.dialect == dialect.provider() {
            true => Ok(snapshot),
            false => Err(wrong(format!("it is of {}, and the database is {}", snapshot.dialect, dialect.provider()))),
        }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be written as JSON, which no catalog prevents.
    pub(crate) fn text(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(text + "\n")
    }

    /// The catalog where names without a schema belong to `home`, expected by `source`.
    #[must_use]
    pub(crate) fn at(&self, home: &str, source: &str) -> Catalog {
        let mut catalog = self.catalog.clone();
        catalog.source = CatalogSource::File(source.to_owned());
        let moved = |schema: &mut String| {
            if *schema == self.home {
                home.clone_into(schema);
            }
        };
        let renamed = |name: &mut Name| moved(&mut name.schema);
        catalog.schemas.iter_mut().for_each(moved);
        catalog.views.iter_mut().for_each(renamed);
        catalog.enums.iter_mut().for_each(|of| renamed(&mut of.name));
        for table in &mut catalog.tables {
            renamed(&mut table.name);
            table.foreign_keys.iter_mut().for_each(|key| renamed(&mut key.target));
            for column in &mut table.columns {
                if let Type::Enum(name) = &mut column.kind {
                    renamed(name);
                }
            }
        }
        catalog
    }
}
