//! What the service was built for, from every source: read from files before the database is looked at, and lowered
//! into catalogs once the schema is known that unqualified names belong to.

use std::borrow::Cow;
use std::path::Path;

use crate::base::error::Error;
use crate::catalog::Catalog;
use crate::config::{Line, Require, ServiceQuery, Settings};
use crate::finding::Source;
use crate::schema_source::prisma::{CheckedSchema, PrismaSchema};
use crate::schema_source::snapshot::{self, Snapshot};
use crate::sql::{Dialect, TableName};

/// All that is expected of the database.
#[derive(Debug, Default)]
pub(crate) struct DesiredState {
    /// Tables that must exist, wherever the search path leads, and who says so.
    pub tables: Vec<(TableName, Source)>,
    /// What else must be there, as somebody wrote it down; its tables are among the others.
    pub require: Require,
    /// Queries that must be able to use their indexes.
    pub queries: Vec<ServiceQuery>,
    prisma: Option<DeclaredSchema>,
    /// The snapshot, and the path that it was read from.
    snapshot: Option<(Snapshot, String)>,
    /// The paths of both.
    pub files: Vec<String>,
}

/// The Prisma schema, and where its models without `@@schema` are expected: in the schema of the URL, not in the first of
/// the search path, since that is where Prisma's client asks for them.
#[derive(Debug, Clone)]
struct DeclaredSchema {
    checked: CheckedSchema<'static>,
    home: String,
    /// The schemas of this dialect are databases, and the server may spell the one of the session otherwise than the URL.
    follows_session: bool,
}

impl DeclaredSchema {
    fn catalog(&self) -> Cow<'static, Catalog> {
        self.checked.catalog(&self.home)
    }

    /// The same for a session whose home is `home`.
    fn catalog_at(&self, home: &str) -> Cow<'static, Catalog> {
        self.checked.catalog(if self.follows_session { home } else { &self.home })
    }
}

/// Whether a source expects nothing.
pub(crate) fn is_hollow(catalog: &Catalog) -> bool {
    catalog.tables.is_empty() && catalog.views.is_empty() && catalog.enums.is_empty()
}

impl DesiredState {
    /// Reads what the settings name and lowers the Prisma schema for `home`, the schema or database that the URL names.
    ///
    /// # Errors
    /// [`Error::Settings`] with file, line and column of everything that is wrong in a file.
    pub(crate) fn read(
        settings: &Settings,
        prisma: Option<&'static PrismaSchema>,
        dialect: Dialect,
        home: &str,
    ) -> Result<Self, Error> {
        let path = Self::snapshot_path(settings);
        let snapshot = path.map(|path| Ok((Snapshot::read(path, dialect)?, path.display().to_string()))).transpose()?;
        let paths = prisma.map(PrismaSchema::path).into_iter().chain(path);
        let files = paths.map(|path| path.display().to_string()).collect();
        let follows_session = dialect.home().is_empty();
        let declared = |schema: &'static PrismaSchema| {
            Ok(DeclaredSchema { checked: schema.check(home)?, home: home.to_owned(), follows_session })
        };
        let prisma = prisma.map(declared).transpose()?;
        let (require, queries) = (settings.require.clone(), settings.queries.clone());
        Ok(Self { require, queries, prisma, snapshot, files, ..Self::of_tables(settings) })
    }

    /// Expects the same in another schema.
    pub(crate) fn move_to(&mut self, home: &str) {
        if let Some(declared) = &mut self.prisma {
            home.clone_into(&mut declared.home);
        }
    }

    fn snapshot_path(settings: &Settings) -> Option<&Path> {
        let usual = Path::new(snapshot::USUAL);
        settings.snapshot.as_deref().or_else(|| usual.exists().then_some(usual))
    }

    /// True where the settings alone say what is expected, so that [`DesiredState::read`] reads no file.
    #[must_use]
    pub(crate) fn is_without_files(settings: &Settings, prisma: Option<&PrismaSchema>) -> bool {
        prisma.is_none() && Self::snapshot_path(settings).is_none()
    }

    /// True where nothing is expected at all, also of the files that were read.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        let is_written = !(self.tables.is_empty() && self.require.is_silent() && self.require.rows.is_empty());
        let is_read = self.prisma.as_ref().is_some_and(|declared| !is_hollow(&declared.catalog()))
            || self.snapshot.as_ref().is_some_and(|(snapshot, _)| !is_hollow(snapshot.catalog()));
        self.queries.is_empty() && !is_written && !is_read
    }

    /// Why nothing can be verified although a file was read for it: what it expects is nothing.
    #[must_use]
    pub(crate) fn hollow(&self) -> Option<String> {
        let is_hollow = self.is_empty() && !self.files.is_empty();
        is_hollow.then(|| format!("{} names no table, so there is nothing to verify", self.files.join(", ")))
    }

    /// Refuses to compare with nothing.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn demand(&self) -> Result<(), Error> {
        if !self.is_empty() {
            return Ok(());
        }
        let why = self.hollow().unwrap_or_else(|| {
            "there is nothing to compare the database with: no Prisma schema, no snapshot, nothing required".to_owned()
        });
        Err(Error::Settings(format!(
            "{why}\n\
             next: name the schema with --prisma-schema (of several files: their folder), \
             or make a snapshot (doorstep snapshot --output doorstep.snapshot.json)"
        )))
    }

    /// The required tables alone.
    #[must_use]
    pub(crate) fn of_tables(settings: &Settings) -> Self {
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

    /// The catalogs to compare the database with. Objects in a snapshot's home schema are expected in `home`.
    #[must_use]
    pub(crate) fn catalogs(&self, home: &str) -> Vec<Cow<'_, Catalog>> {
        let snapshot = self.snapshot.iter().map(|(snapshot, path)| Cow::Owned(snapshot.at(home, path)));
        let prisma = self.prisma.as_ref().map(|declared| declared.catalog_at(home));
        prisma.into_iter().chain(snapshot).collect()
    }
}
