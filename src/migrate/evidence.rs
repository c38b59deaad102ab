//! Gathers the evidence about unfinished rows: what their migrations create, as it is in the database now, and who may still run them.

use crate::base::error::Error;
use crate::engines::session::{ObjectState, Session};
use crate::formats::RowKey;
use crate::formats::migration::{Record, RunMode};
use crate::migrate::announcement::ddl_evidence;
use crate::migrate::continued;
use crate::migrate::history::History;
use crate::migrate::plan::Entry;
use crate::migrate::recovery::{self, Conclusion, Evidence};
use crate::migrate::strategy::{Strategy, strategy_of};
use crate::sql::ObjectRef;

impl History {
    /// Gathers the evidence about one unfinished row, and concludes.
    pub(super) async fn conclude(&self, session: &mut dyn Session, entry: &Entry) -> Result<Conclusion, Error> {
        let (Some(record), Some(index)) = (&entry.record, entry.migration) else {
            return Ok(Conclusion::Unclear(vec!["it is no longer in the folder".to_owned()]));
        };
        let migration = &self.migrations[index];
        let looking = || Error::statement(format!("find out what became of {}", entry.name));
        let strategy = strategy_of(migration, record.by);
        let is_certain = record.ran(RunMode::Atomic);
        let ddl = ddl_evidence(session, &strategy, record).await.map_err(looking())?;
        let objects =
            if is_certain || ddl.is_some() { Vec::new() } else { recovery::created_objects(&strategy, record) };
        let (objects, lenient): (Vec<_>, Vec<_>) = objects.into_iter().unzip();
        let object_states = self.object_states(session, &objects, (record, &strategy)).await?;
        let running_session = match is_certain || migration.sql().trim().is_empty() {
            true => None,
            false => {
                let step = strategy.steps.get(record.steps).filter(|_| ddl.is_some());
                let text = step.map_or(migration.sql(), |step| step.text);
                session.running_session(text).await.map_err(looking())?
            }
        };
        let object_states = objects.into_iter().zip(lenient).zip(object_states);
        Ok(recovery::conclude(&Evidence {
            record,
            strategy: &strategy,
            same_script: self.format.ledger.fits(migration, &record.checksum),
            one_message: self.dialect.rules().sends_one_message,
            object_states: object_states.map(|((object, lenient), state)| (object, lenient, state)).collect(),
            ddl,
            running_session,
        }))
    }

    /// The state of each object, relative to the moment when the row was written. A bare name is looked up where the statements that are
    /// done have moved it to: by a search path, or by another role. Without any, along this role's search path, then in the schema of
    /// the history table, where the role that wrote the row had its objects.
    async fn object_states(
        &self,
        session: &mut dyn Session,
        objects: &[ObjectRef],
        (record, strategy): (&Record, &Strategy<'_>),
    ) -> Result<Vec<ObjectState>, Error> {
        let Some(table) = self.table.as_ref().filter(|_| !objects.is_empty()) else { return Ok(Vec::new()) };
        let looking = || Error::statement(format!("find out what became of {}", record.name));
        let since = self.writer()?.locate(RowKey { dialect: self.dialect, table, id: &record.id });
        let done = strategy.steps.get(..record.steps).unwrap_or_default();
        let repeated = continued::repeated(done).into_iter();
        let moving: Vec<&str> = repeated.filter(|it| continued::moves_names(it)).map(|it| it.text).collect();
        if !moving.is_empty() {
            let schemas = session.schemas_after(moving.join("; ")).await.map_err(looking())?;
            let all: Vec<ObjectRef> =
                schemas.iter().flat_map(|schema| objects.iter().map(|object| object.within(schema))).collect();
            let states = session.object_states(&all, Some(&since)).await.map_err(looking())?;
            let of_each = |at: usize| {
                let states = states.iter().skip(at).step_by(objects.len());
                states.clone().find(|state| **state != ObjectState::Absent).cloned().unwrap_or(ObjectState::Absent)
            };
            return Ok((0..objects.len()).map(of_each).collect());
        }
        let home = table.schema.as_deref();
        let at_home = objects.iter().map(|object| home.map_or(object.clone(), |home| object.within(home)));
        let both: Vec<ObjectRef> = objects.iter().cloned().chain(at_home).collect();
        let mut bare = session.object_states(&both, Some(&since)).await.map_err(looking())?;
        let at_home = bare.split_off(objects.len());
        let either = |(bare, at_home)| if bare == ObjectState::Absent { at_home } else { bare };
        Ok(bare.into_iter().zip(at_home).map(either).collect())
    }
}
