//! What callers ask a session, written once for all engines: the engine supplies the text and reads the rows
//! ([`Engine`](super::engine::Engine)), the session sends it.

use crate::base::fault::{Class, Condition, Fault, Place};
use crate::catalog::{Catalog, Name};
use crate::engines::engine::{
    AvailableExtension, Batch, CatalogQuery, ChildSession, Found, InvalidTwin, Missing, ObjectState, OwnRights, Probe,
    ProbeRequest, Query, Scope, Setting, TableIndex, unexpected_row,
};
use crate::engines::peer::Peer;
use crate::engines::query_plan::QueryPlan;
use crate::engines::session::{LockKey, Session};
use crate::engines::table_state::{TableHold, TableSize};
use crate::sql::reindex::ReindexTarget;
use crate::sql::sql_mode::Modes;
use crate::sql::unnamed_build::UnnamedBuild;
use crate::sql::{ObjectRef, TableName};

impl dyn Session + '_ {
    /// Everything that decides whether there is work; one round trip.
    ///
    /// # Errors
    /// [`Class::ReadOnly`] when the server takes no writes.
    pub(crate) async fn probe(&mut self, request: &ProbeRequest) -> Result<Probe, Fault> {
        self.ask(self.engine().probe(request)).await
    }

    /// The session that holds the migration lock; `None` where nothing holds it or the engine cannot tell.
    pub(crate) async fn lock_holder(&mut self, key: LockKey) -> Result<Option<Peer>, Fault> {
        self.ask(self.engine().lock_holder(key)).await
    }

    /// The same, but not a session that shares it.
    pub(crate) async fn lock_owner(&mut self, key: LockKey) -> Result<Option<Peer>, Fault> {
        self.ask(self.engine().lock_owner(key)).await
    }

    /// The sessions that may still run a statement of an earlier child process.
    pub(crate) async fn child_sessions(&mut self) -> Result<Vec<ChildSession>, Fault> {
        self.ask(self.engine().child_sessions()).await
    }

    /// Another session whose current statement contains this text.
    pub(crate) async fn running_session(&mut self, text: &str) -> Result<Option<Peer>, Fault> {
        self.ask(self.engine().running_session(text)).await
    }

    /// How large these tables are, exactly or else as the statistics say; see [`super::engine::Engine::table_sizes`].
    pub(crate) async fn table_sizes(&mut self, tables: &[TableName]) -> Result<Vec<Option<TableSize>>, Fault> {
        if tables.is_empty() {
            return Ok(Vec::new());
        }
        match self.ask(self.engine().table_sizes(tables, true)).await {
            Err(fault) if fault.class == Class::LockTimeout => self.ask(self.engine().table_sizes(tables, false)).await,
            answer => answer,
        }
    }

    /// Which sessions hold these tables; see [`super::engine::Engine::table_holds`].
    pub(crate) async fn table_holds(&mut self, tables: &[Name]) -> Result<Option<Vec<TableHold>>, Fault> {
        match tables.is_empty() {
            true => Ok(Some(Vec::new())),
            false => self.ask(self.engine().table_holds(tables)).await,
        }
    }

    /// What a dump reads, in bytes; `None` also where a table was locked for longer than the question waits.
    pub(crate) async fn data_size(&mut self) -> Result<Option<u64>, Fault> {
        match self.ask(self.engine().data_size()).await {
            Err(fault) if fault.class == Class::LockTimeout => Ok(None),
            answer => answer,
        }
    }

    /// The extensions that the server could install; see [`super::engine::Engine::extensions`].
    pub(crate) async fn extensions(&mut self) -> Result<Vec<AvailableExtension>, Fault> {
        self.ask(self.engine().extensions()).await
    }

    /// What the session has for a parameter of the server.
    pub(crate) async fn setting(&mut self, name: &str) -> Result<Option<Setting>, Fault> {
        self.ask(self.engine().setting(name)).await
    }

    /// See [`super::engine::Engine::own_rights`].
    pub(crate) async fn own_rights(&mut self, schemas: &[String]) -> Result<OwnRights, Fault> {
        match self.engine().own_rights(schemas) {
            Some(query) => self.ask(query).await,
            None => Ok(OwnRights::default()),
        }
    }

    /// See [`super::engine::Engine::sql_modes`].
    pub(crate) async fn sql_modes(&mut self) -> Result<Option<Modes>, Fault> {
        self.ask(self.engine().sql_modes()).await
    }

    /// What of each object exists; see [`super::engine::Engine::object_states`]. One round trip, none without objects.
    pub(crate) async fn object_states(
        &mut self,
        objects: &[ObjectRef],
        since: Option<&str>,
    ) -> Result<Vec<ObjectState>, Fault> {
        match objects.is_empty() {
            true => Ok(Vec::new()),
            false => self.ask(self.engine().object_states(objects, since)).await,
        }
    }

    /// What the catalog shows of these names; see [`super::engine::Engine::fingerprint`].
    pub(crate) async fn fingerprint(&mut self, names: &[String]) -> Result<Option<String>, Fault> {
        self.ask(self.engine().fingerprint(names)).await
    }

    /// The definition of a table or view, empty where it does not exist; see [`super::engine::Engine::definition`].
    pub(crate) async fn definition(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.ask(self.engine().definition(name)).await {
            Err(fault) if fault.condition == Some(Condition::NoTable) => Ok(Some(String::new())),
            Err(fault) if fault.class == Class::Privilege => Ok(None),
            answer => answer,
        }
    }

    /// What an interrupted `REINDEX … CONCURRENTLY` may have left; see [`super::engine::Engine::invalid_twins`].
    pub(crate) async fn invalid_twins(
        &mut self,
        target: &ReindexTarget,
        since: &str,
    ) -> Result<Vec<InvalidTwin>, Fault> {
        self.ask(self.engine().invalid_twins(target, since)).await
    }

    /// The indexes of a table that are INVALID or new; see [`super::engine::Engine::table_indexes`].
    pub(crate) async fn table_indexes(&mut self, table: &ObjectRef, since: &str) -> Result<Vec<TableIndex>, Fault> {
        self.ask(self.engine().table_indexes(table, since)).await
    }

    /// The definition of the index that a statement builds; see [`super::engine::Engine::index_definition`].
    pub(crate) async fn index_definition(
        &mut self,
        build: &UnnamedBuild,
        table: &ObjectRef,
    ) -> Result<Option<String>, Fault> {
        self.ask(self.engine().index_definition(build, table)).await
    }

    /// Creates a schema; it is no error if another session created it meanwhile.
    pub(crate) async fn create_schema(&mut self, name: &str) -> Result<(), Fault> {
        let engine = self.engine();
        let Some(sql) = engine.create_schema(name) else {
            let text = format!("{} has no schemas, so `{name}` cannot be created", engine.dialect().product());
            return Err(Fault::new(Class::Config, text));
        };
        match self.query(sql).await {
            Err(fault) if fault.condition == Some(Condition::AlreadyExists) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Names of the schemas that belong neither to the engine nor to an extension.
    pub(crate) async fn schemas(&mut self) -> Result<Vec<String>, Fault> {
        self.ask(self.engine().schemas()).await
    }

    /// See [`super::engine::Engine::usable_tables`]; nothing where it cannot be told, or is refused.
    pub(crate) async fn usable_tables(&mut self, tables: &[TableName]) -> Vec<bool> {
        match self.engine().usable_tables(tables) {
            Some(query) => self.ask(query).await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// See [`super::engine::Engine::tables_by_schema`].
    pub(crate) async fn tables_by_schema(
        &mut self,
        schemas: &[String],
        table: &str,
    ) -> Result<Vec<(String, bool)>, Fault> {
        self.ask(self.engine().tables_by_schema(schemas, table)).await
    }

    /// The ordinary tables in these schemas; see [`super::engine::Engine::tables_in`].
    pub(crate) async fn tables_in(&mut self, schemas: &[String]) -> Result<Vec<String>, Fault> {
        self.ask(self.engine().tables_in(schemas)).await
    }

    /// See [`super::engine::Engine::tables_elsewhere`].
    pub(crate) async fn tables_elsewhere(&mut self, schemas: &[String]) -> Result<Vec<String>, Fault> {
        self.ask(self.engine().tables_elsewhere(schemas)).await
    }

    /// Those of `tables` that do not exist, or that `role` cannot use; the latter first. One round trip, a second one for
    /// similar names if some do not exist.
    pub(crate) async fn missing_tables(
        &mut self,
        tables: &[TableName],
        role: Option<&str>,
    ) -> Result<Vec<Missing>, Fault> {
        let found = self.ask(self.engine().find_tables(tables, role)).await?;
        self.missing_among(tables, found).await
    }

    /// The same, where it is known what was found of each. No round trip, one for similar names if some do not exist.
    pub(crate) async fn missing_among(
        &mut self,
        tables: &[TableName],
        found: Vec<Found>,
    ) -> Result<Vec<Missing>, Fault> {
        let (mut missing, mut absent) = (Vec::new(), Vec::new());
        for (table, found) in tables.iter().cloned().zip(found) {
            match found {
                Found::Usable => {}
                Found::Hidden(name, access) => {
                    missing.push(Missing { table, similar: Vec::new(), hidden: Some((name, access)) });
                }
                Found::Absent => absent.push(table),
            }
        }
        if !absent.is_empty() {
            let similar = self.ask(self.engine().similar_tables(&absent)).await?;
            let similar = similar.into_iter().chain(std::iter::repeat(Vec::new()));
            let with_similar = absent.into_iter().zip(similar);
            missing.extend(with_similar.map(|(table, similar)| Missing { table, similar, hidden: None }));
        }
        Ok(missing)
    }

    /// The scope's catalog; see `Engine::catalog`. One round trip, and another one where the first left something open.
    ///
    /// # Errors
    /// The server's fault, or `Class::Statement` for a row of an unexpected form.
    pub async fn catalog(&mut self, scope: &Scope<'_>) -> Result<Catalog, Fault> {
        let CatalogQuery { sql, mut reader } = self.engine().catalog(scope);
        let mut message = Some(sql);
        while let Some(sql) = message {
            self.each_row(sql, &mut |statement, row| reader.row(statement, row).ok_or_else(unexpected_row)).await?;
            message = reader.next_message();
        }
        Ok(reader.finish())
    }

    /// The plans of each query, or why there are none; see [`super::engine::Engine::explain`].
    pub(crate) async fn explain(&mut self, queries: &[&str]) -> Result<Vec<Result<Vec<QueryPlan>, Fault>>, Fault> {
        let engine = self.engine();
        self.ask_each(queries, &|queries| engine.explain(queries)).await
    }

    /// The boolean that each query returns, or why it returns none; see [`super::engine::Engine::query_bools`].
    pub(crate) async fn query_bools(&mut self, queries: &[String]) -> Result<Vec<Result<bool, Fault>>, Fault> {
        let engine = self.engine();
        let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
        self.ask_each(&queries, &|queries| engine.query_bools(queries)).await
    }

    /// Sends one query and reads its answer.
    pub(crate) async fn ask<T: 'static>(&mut self, query: Query<T>) -> Result<T, Fault> {
        let Some(sql) = query.sql.clone() else { return query.read(Vec::new()) };
        match self.query(sql).await {
            Ok(rows) => query.read(rows),
            Err(fault) => {
                if !is_of_session(&fault) {
                    self.clean_up(query.cleanup).await;
                }
                Err(fault)
            }
        }
    }

    /// Asks all in one message; each by itself where the engine cannot do that, or where one of them is refused.
    ///
    /// # Errors
    /// Only faults of the session. That of one query is its answer.
    async fn ask_each<T>(
        &mut self,
        queries: &[&str],
        batch: &dyn Fn(&[&str]) -> Option<Batch<T>>,
    ) -> Result<Vec<Result<T, Fault>>, Fault> {
        if queries.len() > 1
            && let Some(all) = batch(queries)
        {
            if let Ok(rows) = self.query(all.sql).await {
                return Ok((all.read)(rows));
            }
            self.clean_up(all.cleanup).await;
        }
        let mut answers = Vec::with_capacity(queries.len());
        for query in queries {
            let Some(one) = batch(std::slice::from_ref(query)) else { continue };
            match self.query(one.sql).await {
                Ok(rows) => answers.extend((one.read)(rows)),
                Err(fault) if is_of_session(&fault) => return Err(fault),
                Err(fault) => {
                    self.clean_up(one.cleanup).await;
                    answers.push(Err(match one.offset {
                        Some(offset) => within(fault, offset, query),
                        None => fault,
                    }));
                }
            }
        }
        Ok(answers)
    }

    /// Undoes what a refused message may have left. It may have left nothing, and then this fails.
    async fn clean_up(&mut self, cleanup: Option<String>) {
        if let Some(sql) = cleanup {
            let _ = self.query(sql).await;
        }
    }
}

/// Whether a fault is the session's, rather than the query's.
fn is_of_session(fault: &Fault) -> bool {
    matches!(fault.class, Class::Unreachable | Class::Starting | Class::Busy)
}

/// The fault with its position counted from where the query begins; without a position where it is not in the query.
fn within(fault: Fault, offset: usize, query: &str) -> Fault {
    let place = match fault.place {
        Some(Place::Character(position)) if position > offset && position <= offset + query.chars().count() => {
            Some(Place::Character(position - offset))
        }
        _ => None,
    };
    Fault { place, ..fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_counted_from_the_query() {
        let fault = |at| Fault { place: Some(Place::Character(at)), ..Fault::new(Class::Statement, "x") };
        assert_eq!(within(fault(15), 10, "SELECT x").place, Some(Place::Character(5)));
        assert_eq!(within(fault(19), 10, "SELECT x").place, None);
    }
}
