//! Writes the row of a migration that begins.

use crate::base::error::Error;
use crate::base::fault::{Class, Fault};
use crate::formats::migration::RunMode;
use crate::migrate::apply::{Current, MigrationRun};
use crate::migrate::execute;
use crate::migrate::rights::grant;
use crate::migrate::strategy::ScriptStep;

impl MigrationRun<'_> {
    /// Records that a migration begins, in the mode of `current`; in the same transaction, the announcement of the first of its
    /// steps, where that has one.
    pub(super) async fn begin(&mut self, current: &mut Current<'_>, steps: &[ScriptStep<'_>]) -> Result<(), Error> {
        let (migration, mode) = (current.migration, current.mode);
        let name = &migration.name;
        current.id = self.ledger.new_id(Some(mode));
        let Some(mut record) = self.ledger.begin(self.row(&current.id), mode, migration) else { return Ok(()) };
        if let (RunMode::Steps, Some(first)) = (mode, steps.first()) {
            let intent = self.intent(current, first, (0, steps.len())).await;
            if let Some(intent) = intent.map_err(|failure| self.not_started(name, failure.fault))? {
                record = format!("{record}; {intent}");
                current.is_announced = true;
            }
        }
        let label = self.migrator.application_name.with(name);
        let conditions = self.conditions(&label, current.script);
        let (cancel, stop) = (self.migrator.session.canceller(), self.migrator.stop);
        let begin = self.migrator.session.begin(record, conditions);
        let begun = execute::own(cancel, begin, stop).await;
        begun.map_err(|fault| self.not_started(name, fault))
    }

    fn not_started(&self, name: &str, fault: Fault) -> Error {
        match fault.class {
            Class::Cancelled if self.migrator.stop.signal().is_some() => self.not_begun(name),
            Class::Busy | Class::Cancelled | Class::Limit(_) => {
                Error::statement(format!("record the start of {name}"))(fault)
            }
            class if class.is_transient() => Error::Lost { doing: format!("recording the start of {name}"), fault },
            _ => self.not_recorded(name, "its start could not be recorded, so it was not run".to_owned(), fault),
        }
    }

    pub(super) fn not_begun(&self, name: &str) -> Error {
        Error::Stopped {
            signal: self.migrator.stop.signal().unwrap_or_default(),
            note: format!("{name} was not begun"),
        }
    }

    pub(super) fn not_recorded(&self, name: &str, report: String, fault: Fault) -> Error {
        let (dialect, table) = (self.migrator.history.dialect, &self.table);
        let next = match fault.class {
            Class::Privilege | Class::RowSecurity => {
                grant((dialect, table), "SELECT, INSERT, UPDATE", &self.migrator.probe.role)
            }
            _ => format!("look at {} (its columns, triggers, policies), and start again", dialect.table(table)),
        };
        Error::Unrecorded { report: format!("migration {name}: {report}"), next, fault }
    }
}
