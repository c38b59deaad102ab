//! What becomes of a migration that failed: what the history says, what the person reads, which exit code. The decision
//! is a pure function of the failure (`trouble` says what it is due to).

use crate::base::error::Error;
use crate::base::fault::{Class, Fault, Limit};
use crate::base::signal;
use crate::engines::session::{Failure, Rollback};
use crate::formats::Outcome;
use crate::formats::migration::{RecordedBy, RunMode};
use crate::migrate::apply::{Current, MigrationRun};
use crate::migrate::failure_report::{self, MetLimit};
use crate::migrate::halted::Halt;
use crate::migrate::strategy::strategy_of;
use crate::migrate::trouble::Trouble;
use crate::migrate::{execute, strategy};

/// What the next start finds in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aftermath {
    /// The row as it is: the next start goes on with the statement that failed.
    GoesOn,
    /// Rolled back: the next start runs the file again.
    RunsAgain,
    /// Failed: a person must decide.
    Blocks,
}

impl Aftermath {
    /// `repeats` where the script is not at fault, or where the history has no place for one that failed and left nothing;
    /// `in_steps` where it runs statement by statement.
    fn of(failure: &Failure, repeats: bool, in_steps: bool) -> Self {
        let nothing_kept = failure.kept == Rollback::Complete;
        match repeats {
            true if in_steps && (nothing_kept || failure.repeatable) => Self::GoesOn,
            true if nothing_kept => Self::RunsAgain,
            _ => Self::Blocks,
        }
    }
}

impl MigrationRun<'_> {
    /// Records a failure, and words it.
    pub(super) async fn failed(&mut self, current: &Current<'_>, failure: Failure) -> Error {
        let name = current.migration.name.as_str();
        if failure.kept == Rollback::Unknown && !matches!(failure.fault.class, Class::Limit(_)) {
            return Error::Lost { doing: format!("applying {name}"), fault: failure.fault };
        }
        let (signal, trouble) = (self.migrator.stop.signal(), Trouble::of(&failure, current.migration.sql()));
        let limit = match trouble {
            Trouble::Limit(limit) if signal.is_none() => Some(self.met_limit(current, limit).await),
            _ => None,
        };
        let mut report = failure_report::failure(current.migration, &failure, current.steps);
        if let Some(limit) = &limit {
            report = format!("{report}\n{limit}");
        }
        // A record that could not be written is no fault of the script's.
        let interrupted = signal.is_some() || failure.of_record || trouble != Trouble::Script;
        // A tool that has no row for a failure runs the file again.
        let is_traceless = self.ledger.notes().is_some() && current.steps.is_none();
        let aftermath = Aftermath::of(&failure, interrupted || is_traceless, current.steps.is_some());
        let cause = signal.map(|signal| format!("stopped by {}\n", signal::name(signal)));
        let halt = self.halt(current, &failure).filter(|_| aftermath == Aftermath::Blocks);
        let done = halt.as_ref().map(|halt| format!("\n{halt}")).unwrap_or_default();
        let logs = cause.unwrap_or_default() + &report + &done;
        let recorded = match aftermath {
            Aftermath::GoesOn => Ok(()),
            Aftermath::RunsAgain => self.write(current, &Outcome::RolledBack(&logs)).await,
            Aftermath::Blocks => {
                let outcome = current.steps.map_or(Outcome::Failed(&logs), |(done, _)| Outcome::At(done, &logs));
                self.write(current, &outcome).await
            }
        };
        // Without an end, the row of a script that commits with its record means "rolled back" as well.
        let is_certain = recorded.is_ok() || current.mode == RunMode::Atomic;
        if let Some(signal) = signal {
            return match aftermath {
                Aftermath::GoesOn => failure_report::stopped_between(name, current.steps, signal),
                _ => failure_report::cancelled(name, signal, is_certain && failure.kept == Rollback::Complete),
            };
        }
        if failure.of_record && !trouble.passes() {
            return self.not_recorded(name, report, failure.fault);
        }
        let continues = aftermath == Aftermath::GoesOn || (aftermath == Aftermath::RunsAgain && is_certain);
        let next = match (trouble, &limit) {
            (Trouble::Lock, _) if continues => failure_report::NEXT_AFTER_A_LOCK.to_owned(),
            (Trouble::Server, _) if continues => failure_report::next_after_shortage(),
            (_, Some(limit)) if continues => limit.next(aftermath == Aftermath::RunsAgain),
            _ if aftermath == Aftermath::RunsAgain && is_traceless && !self.migrator.is_scratch => {
                failure_report::next_without_trace()
            }
            _ => failure_report::next(name, self.migrator.is_scratch, current.steps, halt.as_ref()),
        };
        let reruns = &self.migrator.history.lineage.reruns;
        let next = match trouble {
            Trouble::Script if reruns.contains_key(name) => failure_report::replacing(&next),
            _ => next,
        };
        let report = format!("{report}\n{next}");
        Error::Migration { name: name.to_owned(), report, again: trouble.passes() && continues, fault: failure.fault }
    }

    /// What the row is to say of the statements that are done, where the failed one left nothing and a repaired file can go on.
    fn halt(&self, current: &Current<'_>, failure: &Failure) -> Option<Halt> {
        let (done, _) = current.steps.filter(|(done, _)| *done > 0)?;
        let is_certain = failure.kept == Rollback::Complete && !failure.of_record;
        if !is_certain || !strategy::commits_ddl(self.migrator.history.dialect) {
            return None;
        }
        let strategy = strategy_of(current.migration, RecordedBy::Doorstep(RunMode::Steps));
        Some(Halt::of(&strategy.steps, done))
    }

    /// What the session can tell about the limit that ended the script.
    async fn met_limit(&mut self, current: &Current<'_>, limit: Limit) -> MetLimit {
        let (dialect, probe) = (self.migrator.history.dialect, self.migrator.probe);
        let setting = match limit.parameter() {
            Some(name) => self.migrator.session.setting(name).await.ok().flatten(),
            None => None,
        };
        let sql = current.migration.sql().to_ascii_lowercase();
        MetLimit {
            limit,
            setting,
            in_file: limit.parameter().is_some_and(|name| sql.contains(name)),
            role: dialect.identifier(&probe.role),
            database: dialect.identifier(&probe.database),
        }
    }

    /// Writes how a migration ended.
    pub(super) async fn write(&mut self, current: &Current<'_>, outcome: &Outcome<'_>) -> Result<(), Fault> {
        let Some(sql) = self.record(current, outcome) else { return Ok(()) };
        self.migrator.session.execute(sql).await
    }

    /// Records that all of the migration is done. Nothing else would tell that, so it is tried again while the server
    /// lacks something.
    pub(super) async fn succeeded(&mut self, current: &Current<'_>) -> Result<(), Error> {
        let row = self.row(&current.id);
        let Some(sql) = self.ledger.end_alone(row, Some(current.migration), &Outcome::Succeeded) else { return Ok(()) };
        let mut retries = self.retries(current.migration);
        let written = execute::write(self.migrator.session, &sql, &mut retries).await;
        written.map_err(|fault| failure_report::unrecorded(&current.migration.name, fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_have_left_something_or_is_the_scripts_fault_blocks_later_starts() {
        use Aftermath::{Blocks, GoesOn, RunsAgain};
        let failure = |kept, repeatable| Failure {
            kept,
            repeatable,
            ..Failure::without_effect(Fault::new(Class::Statement, "x"))
        };
        for (kept, repeatable, interrupted, in_steps, expected) in [
            (Rollback::Complete, false, false, false, Blocks),
            (Rollback::Complete, false, true, false, RunsAgain),
            (Rollback::Complete, false, true, true, GoesOn),
            (Rollback::Partial, true, true, true, GoesOn),
            (Rollback::Partial, false, true, true, Blocks),
            (Rollback::Partial, false, true, false, Blocks),
            (Rollback::Unknown, false, true, false, Blocks),
            (Rollback::Complete, false, false, true, Blocks),
        ] {
            let found = Aftermath::of(&failure(kept, repeatable), interrupted, in_steps);
            assert_eq!(found, expected, "{kept:?} {repeatable} {interrupted} {in_steps}");
        }
    }
}
