//! `after_migrate` is owed from before the first migration of a start until it has succeeded, also over a crash: as long as
//! an object of doorstep's own exists. The history cannot say so, since it belongs to the tool of the format.
//!
//! On PostgreSQL it is an empty composite type, which no tool reads into a schema file and no list of tables shows; SQLite
//! and MySQL have nothing but tables for it.

use crate::base::error::Error;
use crate::base::fault::Class;
use crate::catalog::history_tables::AFTER_MIGRATE;
use crate::engines::session::ObjectState;
use crate::sql::{ObjectKind, ObjectRef, TableName};
use crate::startup::hooks::Hooks;
use crate::startup::start::Start;

/// What is created and dropped.
struct Marker {
    object: ObjectRef,
    shown: String,
    create: String,
    drop: String,
}

impl Start<'_> {
    fn marker(&self) -> Marker {
        let (dialect, home) = (self.setup.dialect, self.setup.home(&self.probe).to_owned());
        let shown = dialect.table(&TableName { schema: Some(home.clone()), name: AFTER_MIGRATE.to_owned() });
        let (kind, word, columns) = match dialect.rules().has_types {
            true => (ObjectKind::Type, "TYPE", "AS ()"),
            false => (ObjectKind::Table, "TABLE", "(owed integer)"),
        };
        let schema = dialect.rules().has_schemas.then_some(home);
        Marker {
            object: ObjectRef::new(kind, schema, AFTER_MIGRATE),
            create: format!("CREATE {word} {shown} {columns}"),
            drop: format!("DROP {word} IF EXISTS {shown}"),
            shown,
        }
    }

    /// Whether an earlier start has migrated, and the hook has not succeeded since. Asks nothing without such a hook.
    pub(crate) async fn owes_after_hook(&mut self, hooks: &Hooks) -> Result<bool, Error> {
        if !hooks.has_after() {
            return Ok(false);
        }
        let marker = self.marker();
        let states = self.session.object_states(std::slice::from_ref(&marker.object), None).await;
        let states = states.map_err(Error::statement(format!("look for {}", marker.shown)))?;
        Ok(states.iter().any(|state| *state != ObjectState::Absent))
    }

    /// Notes that the hook is owed, before anything is migrated. Call it where the hook is not owed yet.
    pub(crate) async fn owe_after_hook(&mut self, hooks: &Hooks) -> Result<(), Error> {
        if !hooks.has_after() {
            return Ok(());
        }
        let Marker { shown, create, .. } = self.marker();
        match self.session.execute(create).await {
            Ok(()) => Ok(()),
            Err(fault) if fault.class == Class::Privilege => {
                tracing::warn!(
                    phase = "migrate",
                    event = "not_owed",
                    "the role may not create {shown}, so after_migrate is not called again if it fails: {fault}"
                );
                Ok(())
            }
            Err(fault) => Err(Error::statement(format!("create {shown}"))(fault)),
        }
    }

    /// The hook has succeeded.
    pub(crate) async fn settle_after_hook(&mut self, hooks: &Hooks) -> Result<(), Error> {
        if !self.owes_after_hook(hooks).await? {
            return Ok(());
        }
        let Marker { shown, drop, .. } = self.marker();
        self.session.execute(drop).await.map_err(Error::statement(format!("drop {shown}")))
    }
}
