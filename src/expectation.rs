//! What the service was built for, from every source: read from files before the database is looked at, and lowered
//! into catalogs once the schema is known that unqualified names belong to.

use std::path::Path;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::finding::Source;
use crate::format::psl;
use crate::query::Query;
use crate::require::{Line, Require};
use crate::settings::{Settings, TableName};

/// All that is expected of the database.
#[derive(Debug, Default)]
pub struct Expectation {
    /// Tables that must exist, wherever the search path leads, and who says so.
    pub tables: Vec<(TableName, Source)>,
    /// What else must be there, as somebody wrote it down; its tables are among the others.
    pub require: Require,
    /// Queries that must be able to use their indexes.
    pub queries: Vec<Query>,
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
        let (require, queries) = (settings.require.clone(), settings.queries.clone());
        Ok(Self { require, queries, prisma, ..Self::of_tables(settings) })
    }

    /// The required tables alone.
    #[must_use]
    pub fn of_tables(settings: &Settings) -> Self {
        let named = |name: &TableName| (name.clone(), Source::Named("require_tables".to_owned()));
        let at = |Line { what, origin }: &Line<TableName>| (what.clone(), Source::At(origin.clone()));
        let mut tables: Vec<(TableName, Source)> = settings.require_tables.iter().map(named).collect();
        for line in &settings.require.tables {
            if !tables.iter().any(|(name, _)| *name == line.what) {
                tables.push(at(line));
            }
        }
        Self { tables, ..Self::default() }
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
