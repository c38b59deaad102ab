//! Migrations that a history of one row calls applied, because it is at a later version, and that have never run: the tool of
//! the format would not run them any more, and would not say so. What they make tells it.

use crate::base::error::Error;
use crate::engines::session::{ObjectState, Session};
use crate::formats::migration::Migration;
use crate::migrate::history::History;
use crate::migrate::plan::State;
use crate::sql::lasting::{Lasting, lasting};
use crate::sql::{Dialect, ObjectKind, ObjectRef};

impl History {
    /// Finds the migrations that are older than the row of the history and have never run. They are pending, and out of order.
    ///
    /// # Errors
    /// [`Error::Statement`] when the catalog cannot be read.
    pub(super) async fn find_skipped(&mut self, session: &mut dyn Session) -> Result<(), Error> {
        if !self.format.ledger.implies_older() || self.table.is_none() {
            return Ok(());
        }
        let is_applied = |entry: &&crate::migrate::plan::Entry| matches!(entry.state, State::Applied | State::Edited);
        let applied: Vec<usize> = self.entries.iter().filter(is_applied).filter_map(|entry| entry.migration).collect();
        let migrations: Vec<&Migration> = applied.iter().map(|index| &self.migrations[*index]).collect();
        let traces = traces(&migrations, self.dialect);
        if traces.len() < 2 {
            return Ok(());
        }
        let objects: Vec<ObjectRef> = traces.iter().map(|trace| trace.object.clone()).collect();
        let states = session.object_states(&objects, None).await;
        let states = states.map_err(Error::statement("look for what the migrations create"))?;
        let are_there: Vec<(usize, bool)> = traces
            .iter()
            .zip(&states)
            .map(|(trace, state)| (trace.script, (*state != ObjectState::Absent) == trace.exists))
            .collect();
        for script in never_run(&are_there, migrations.len()) {
            let names = traces.iter().filter(|trace| trace.script == script && trace.exists);
            let names: Vec<String> = names.map(|trace| trace.object.to_string()).collect();
            let entry = &mut self.entries[applied[script]];
            (entry.state, entry.out_of_order, entry.record) = (State::Pending, true, None);
            entry.note = Some(format!(
                "{} would never run it: the history is at a later version; what it makes does not exist: {}",
                self.format.tool.name,
                names.join(", ")
            ));
        }
        Ok(())
    }
}

/// What the scripts leave behind, where that is certain: not where names may lead to another schema, nor of kinds that go
/// without being named (an index, with its table).
fn traces(migrations: &[&Migration], dialect: Dialect) -> Vec<Lasting> {
    let leads_elsewhere = |migration: &&Migration| {
        let text = migration.sql().to_ascii_lowercase();
        ["search_path", "set role", "set session", "temp", "attach"].iter().any(|word| text.contains(word))
    };
    if migrations.iter().any(leads_elsewhere) {
        return Vec::new();
    }
    let scripts: Vec<_> = migrations.iter().map(|migration| migration.script.statements()).collect();
    let is_plain = |kind| matches!(kind, ObjectKind::Table | ObjectKind::Column | ObjectKind::Type | ObjectKind::Enum);
    lasting(&scripts, dialect).into_iter().filter(|it| is_plain(it.object.kind)).collect()
}

/// The scripts that make at least one object and all of whose objects are missing. The last script is left out, because the
/// history names it. If the objects of all scripts are missing, none is returned: the scripts create their tables in another schema.
/// `traces` has, for each object, the script and whether the object is as the script leaves it.
fn never_run(traces: &[(usize, bool)], count: usize) -> Vec<usize> {
    let of = |script: usize| traces.iter().filter(move |(of, _)| *of == script);
    let is_missing = |script: &usize| of(*script).next().is_some() && of(*script).all(|(_, is_there)| !is_there);
    if !traces.iter().any(|(_, is_there)| *is_there) {
        return Vec::new();
    }
    (0..count.saturating_sub(1)).filter(is_missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::Script;

    #[test]
    fn a_script_of_which_nothing_is_there_has_not_run() {
        for (traces, expected) in [
            (&[(0, true), (1, false), (2, true)][..], &[1][..]),
            (&[(0, false), (1, true), (2, true)], &[0]),
            (&[(0, true), (1, false), (1, true), (2, true)], &[]),
            // The last one is the one that the history names.
            (&[(0, true), (1, true), (2, false)], &[]),
            // Nothing is where it should be: another schema.
            (&[(0, false), (1, false), (2, false)], &[]),
            (&[], &[]),
        ] {
            assert_eq!(never_run(traces, 3), expected, "{traces:?}");
        }
    }

    #[test]
    fn only_what_certainly_lasts_is_looked_for() {
        let migration = |sql: &str| Migration {
            name: "m".to_owned(),
            path: "m.sql".into(),
            script: Script::new(sql.to_owned(), Dialect::Postgres),
            checksum: String::new(),
            unreadable: None,
            no_transaction: false,
        };
        let read = |scripts: &[&str]| {
            let migrations: Vec<Migration> = scripts.iter().map(|sql| migration(sql)).collect();
            let found = traces(&migrations.iter().collect::<Vec<_>>(), Dialect::Postgres);
            found.iter().map(|it| format!("{} {} {}", it.script, it.object, it.exists)).collect::<Vec<_>>()
        };
        assert_eq!(
            read(&["CREATE TABLE a (id int)", "CREATE TABLE b (id int)", "DROP TABLE a"]),
            ["1 table b true", "2 table a false"]
        );
        assert!(read(&["SET search_path = x; CREATE TABLE a (id int)", "CREATE TABLE b (id int)"]).is_empty());
        assert!(read(&["INSERT INTO a VALUES (1)", "UPDATE a SET id = 2"]).is_empty());
    }
}
