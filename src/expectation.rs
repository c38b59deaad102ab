//! What the service was built for, from every source: read from files before the database is looked at, and lowered
//! into catalogs once the schema is known that unqualified names belong to.

use std::path::Path;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::format::psl;
use crate::settings::{Settings, TableName};

/// All that is expected of the database.
#[derive(Debug, Default)]
pub struct Expectation {
    /// Tables that must exist, wherever the search path leads.
    pub tables: Vec<TableName>,
    /// The Prisma schema.
    prisma: Option<psl::Schema>,
}

impl Expectation {
    /// Reads what the settings name; `prisma` is the schema's file or folder, found or named.
    ///
    /// # Errors
    /// [`Error::Settings`] with file, line and column of everything that is wrong in a file.
    pub fn read(settings: &Settings, prisma: Option<&Path>) -> Result<Self, Error> {
        let prisma = prisma.map(of_prisma).transpose()?;
        Ok(Self { tables: settings.require_tables.clone(), prisma })
    }

    /// The catalogs to hold the database against. What names no schema goes to `home`.
    #[must_use]
    pub fn catalogs(&self, home: &str) -> Vec<Catalog> {
        self.prisma.iter().map(|schema| psl::lower(schema, home)).collect()
    }
}

fn of_prisma(path: &Path) -> Result<psl::Schema, Error> {
    psl::parse(&psl::read(path)?).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        Error::Settings(format!("the Prisma schema cannot be read:{}", lines.concat()))
    })
}
