//! What the database was asked before it is known that the answer is needed: with the probe, in the message that opens a session, or
//! while files are read. It holds as long as nothing has been written since.

use crate::base::fault::Fault;
use crate::catalog::Catalog;
use crate::engines::ahead::{Ahead, Answers};
use crate::engines::engine::{Found, Probe};
use crate::engines::session::{Scope, Session};
use crate::sql::{Row, TableName};

/// Answers read ahead; what is `None` is asked when it is needed.
#[derive(Debug, Default)]
pub(crate) struct ReadAhead {
    /// The rows of the history.
    pub(crate) history: Option<Vec<Row>>,
    asked: Ahead,
    tables: Option<Vec<Found>>,
    /// A fault counts only where the catalog is needed.
    catalog: Option<Result<Catalog, Fault>>,
}

impl ReadAhead {
    /// What a probe brought along, of what was asked.
    pub(crate) fn of(asked: Ahead, probe: &mut Probe) -> Self {
        let Answers { tables, catalog, history } = std::mem::take(&mut probe.ahead);
        Self { history, asked, tables, catalog: catalog.map(Ok) }
    }

    /// The catalog of these schemas, as far as `role` counts.
    pub(crate) fn of_catalog(schemas: Vec<String>, role: Option<String>, catalog: Catalog) -> Self {
        let asked = Ahead { schemas: Some(schemas), role, ..Ahead::default() };
        Self { asked, catalog: Some(Ok(catalog)), ..Self::default() }
    }

    /// The same, with tables that can be used.
    pub(crate) fn with_usable(mut self, tables: Vec<TableName>) -> Self {
        self.tables = Some(vec![Found::Usable; tables.len()]);
        self.asked.tables = tables;
        self
    }

    /// Reads the catalog that was asked for, where the engine did not send it with the probe.
    pub(crate) async fn read_catalog(&mut self, session: &mut dyn Session) {
        if let (None, Some(schemas)) = (&self.catalog, &self.asked.schemas) {
            let scope = Scope { schemas, role: self.asked.role.as_deref() };
            self.catalog = Some(session.catalog(&scope).await);
        }
    }

    /// What is known of these tables for this role.
    pub(crate) fn take_tables(&mut self, tables: &[TableName], role: Option<&str>) -> Option<Vec<Found>> {
        self.tables.take().filter(|_| self.asked.tables == tables && self.asked.role.as_deref() == role)
    }

    /// The catalog of this scope.
    pub(crate) fn take_catalog(&mut self, scope: &Scope<'_>) -> Option<Result<Catalog, Fault>> {
        let is_same = self.asked.schemas.as_deref() == Some(scope.schemas) && self.asked.role.as_deref() == scope.role;
        self.catalog.take().filter(|_| is_same)
    }
}
