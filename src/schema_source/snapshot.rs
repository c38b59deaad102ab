//! A snapshot: the catalog of an empty database after all migrations, as a JSON file. `doorstep snapshot` writes it at
//! build time, the team keeps it in version control, and verify compares it with the live database. Without a Prisma
//! schema it is the only desired state that has every column.
//!
//! This module reads and writes the file; it neither runs migrations nor compares catalogs.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text, unreadable};
use crate::base::sorting;
use crate::catalog::{Catalog, CatalogSource, Extension};
use crate::sql::Dialect;

/// Read if it is in the working directory and no other file is named.
pub(crate) const USUAL: &str = "doorstep.snapshot.json";

/// The version of the file format that this program writes and reads.
const FORMAT: u64 = 1;

/// A catalog, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Version of the file format.
    format: u64,
    /// Version of the doorstep that wrote it.
    doorstep: String,
    /// The engine, as Prisma spells it.
    dialect: String,
    /// The schema that unqualified names belonged to.
    home: String,
    /// The migrations that ran, in their order.
    migrations: Vec<String>,
    /// The checksums of those among them that run again when they have changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    repeatable: BTreeMap<String, String>,
    catalog: Catalog,
}

impl Snapshot {
    /// A snapshot of this catalog. Everything is sorted by name, so that the same folder always gives the same text;
    /// except columns and values of enums, whose order is part of the schema.
    #[must_use]
    pub(crate) fn of(mut catalog: Catalog, dialect: Dialect, home: &str, migrations: Vec<String>) -> Self {
        sorting::sort_by(&mut catalog.tables, |one, other| one.name.cmp(&other.name));
        sorting::sort_by(&mut catalog.enums, |one, other| one.name.cmp(&other.name));
        // The server also lists views of schemas that were not read.
        catalog.views.retain(|view| catalog.schemas.contains(&view.schema));
        catalog.views.sort();
        sorting::sort_by(&mut catalog.extensions, |one, other| one.name.cmp(&other.name));
        // Databases may differ in the version and the schema of an extension: keep its name only.
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
            sorting::sort_by(&mut table.indexes, |one, other| one.name.cmp(&other.name));
            sorting::sort_by(&mut table.foreign_keys, |one, other| {
                (&one.name, &one.columns).cmp(&(&other.name, &other.columns))
            });
            sorting::sort_by(&mut table.constraints, |one, other| one.name.cmp(&other.name));
        }
        Self {
            format: FORMAT,
            doorstep: env!("CARGO_PKG_VERSION").to_owned(),
            dialect: dialect.provider().to_owned(),
            home: home.to_owned(),
            migrations,
            repeatable: BTreeMap::new(),
            catalog,
        }
    }

    /// The same, with the checksums of the migrations that run again when they have changed.
    #[must_use]
    pub(crate) fn with_repeatable(self, repeatable: BTreeMap<String, String>) -> Self {
        Self { repeatable, ..self }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Settings`] for a file that cannot be read, has another format version, or is of another engine.
    pub(crate) fn read(path: &Path, dialect: Dialect) -> Result<Self, Error> {
        let shown = path.display();
        let wrong = |why: String| {
            let next = format!("create it again: doorstep snapshot --output {shown}");
            Error::Settings(format!("the snapshot {shown} cannot be used: {why}\nnext: {next}"))
        };
        let text = read_text(path, FileKind::Snapshot).map_err(|error| match error.kind() {
            ErrorKind::NotFound => wrong(error.to_string()),
            ErrorKind::InvalidData => wrong("it is not UTF-8".to_owned()),
            _ => Error::Settings(unreadable(format_args!("the snapshot {shown}"), &error)),
        })?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(FORMAT) => {}
            Some(format) => {
                return Err(wrong(format!("its format version is {format}, and this doorstep reads {FORMAT}")));
            }
            None => return Err(wrong("it is not a snapshot".to_owned())),
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
    /// [`Error::Internal`] when serde cannot write it as JSON; every catalog can be.
    pub(crate) fn text(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(text + "\n")
    }

    /// The catalog as the file has it.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The schema that unqualified names belonged to.
    pub(crate) fn home(&self) -> &str {
        &self.home
    }

    /// The migrations that it was made from, in their order.
    pub(crate) fn migrations(&self) -> &[String] {
        &self.migrations
    }

    /// The checksum that a migration had which runs again when it has changed.
    pub(crate) fn repeatable(&self, name: &str) -> Option<&str> {
        self.repeatable.get(name).map(String::as_str)
    }

    /// The catalog with everything of the snapshot's home schema moved to `home`; `source` is the file that findings name.
    #[must_use]
    pub(crate) fn at(&self, home: &str, source: &str) -> Catalog {
        let mut catalog = self.catalog.clone();
        catalog.source = CatalogSource::File(source.to_owned());
        catalog.move_schema(&self.home, home);
        catalog
    }
}
