//! The ways in for the other commands: each a session of its own, and no pipeline.

use std::time::Duration;

use crate::base::error::Error;
use crate::base::log::seconds;
use crate::commands::check::{self, Checked};
use crate::commands::diff::Diff;
use crate::commands::replay;
use crate::config::{Mode, Strictness};
use crate::engines::connect::Target;
use crate::engines::session::{Probe, Scope, Session};
use crate::finding::Severity;
use crate::formats::Resolved;
use crate::migrate::history::History;
use crate::migrate::lock;
use crate::report::summary::summary;
use crate::report::{Place, Verified};
use crate::schema_source::snapshot::Snapshot;
use crate::startup::hooks::Commands;
use crate::startup::pipeline::{Extent, Preparation};
use crate::startup::wait::{self, Ready};
use crate::verify::desired::DesiredState;
use crate::verify::{self, Compared};

/// How long a probe may take: less than the patience of those who ask (Docker has 30 s), and ample for a database that is
/// well.
const AT_A_GLANCE: Duration = Duration::from_secs(5);

/// A session that holds the migration lock, and the history as it is then.
pub(crate) struct Repair {
    /// The session; close it.
    pub session: Box<dyn Session>,
    /// What its last look saw.
    pub probe: Probe,
    /// The history.
    pub history: History,
}

impl Preparation {
    /// The same start on a throwaway database beside the real one, and the place of that database.
    ///
    /// # Errors
    /// [`Error::Settings`] without a migrations folder, [`Error::History`] for one that cannot be replayed.
    pub(crate) async fn replay(mut self) -> Result<(Self, Target), Error> {
        let Some(history) = self.resolve_folder().await? else { return Err(self.no_folder()) };
        if history.scripts().is_err() {
            let tool = history.format.tool();
            return Err(Error::Settings(format!(
                "{tool} applies these migrations, and only it decides on which database: replay is for folders that \
                 doorstep applies itself\n\
                 next: in CI, let {tool} migrate an empty database, and doorstep verify look at it"
            )));
        }
        self.commands = Commands::default();
        replay::refuse_what_reaches_outside(&history)?;
        self.database = self.database.scratch();
        self.settings.mode = Mode::Apply;
        self.rehearsal = true;
        let target = self.database.target()?;
        Ok((self, target))
    }

    /// For `resolve` and `baseline`: waits for the database and for the migration lock, then reads the history.
    /// Unless it `needs_files`, a folder that does not fit the database is passed over, as Prisma does.
    ///
    /// # Errors
    /// As [`Preparation::run`], and [`Error::Settings`] without a migrations folder.
    pub(crate) async fn repair(&self, needs_files: bool) -> Result<Repair, Error> {
        let history = async {
            match (self.resolve_folder().await, &self.folder) {
                (Err(Error::History(_)), Some(folder)) if !needs_files => {
                    Ok(Some(History::of(folder, self.dialect, Resolved::default())))
                }
                (history, _) => history,
            }
        };
        let (ready, history) = self.ready_with(history).await?;
        let (mut session, Some(mut history)) = (ready.session, history) else { return Err(self.no_folder()) };
        let probe = async {
            history.scripts()?;
            lock::acquire(session.as_mut(), history.lock_key(), self.settings.lock_timeout).await?;
            let probe = self.look(session.as_mut()).await?;
            history.read(session.as_mut(), &probe).await?;
            Ok(probe)
        };
        match probe.await {
            Ok(probe) => Ok(Repair { session, probe, history }),
            Err(error) => {
                session.close().await;
                Err(error)
            }
        }
    }

    /// `verify`: holds the live database against the Prisma schema and the required tables. Writes nothing.
    ///
    /// # Errors
    /// As [`Preparation::run`]; findings are no error here.
    pub(crate) async fn verified(&self) -> Result<Verified, Error> {
        let (mut ready, history) = self.ready_with(self.resolve_folder()).await?;
        let verified = self.verified_in(ready.session.as_mut(), &ready.probe, history).await;
        ready.session.close().await;
        verified
    }

    /// `check`: one attempt, no wait, and nothing but reads; all of it together has a few seconds.
    pub(crate) async fn check(&self) -> Checked {
        let mut checked = Checked::default();
        let result = match tokio::time::timeout(AT_A_GLANCE, self.glance(&mut checked)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {}", seconds(AT_A_GLANCE))),
        };
        checked.conclude(result);
        checked
    }

    /// What is well, or the first thing that is not.
    async fn glance(&self, checked: &mut Checked) -> Result<String, String> {
        let said = |error: Error| error.to_string();
        let (target, wanted) = (self.database.target().map_err(said)?, self.probe_request());
        let opened = target.open(&wanted).await;
        let (mut session, probe) = opened.map_err(|fault| format!("{}: {fault}", target.address()))?;
        checked.reachable = true;
        let told = self.glance_inside(session.as_mut(), &probe, checked).await;
        session.close().await;
        told
    }

    async fn glance_inside(
        &self,
        session: &mut dyn Session,
        probe: &Probe,
        checked: &mut Checked,
    ) -> Result<String, String> {
        let said = |error: Error| error.to_string();
        let history = self.read_folder(Extent::Run).await.map_err(said)?;
        let (history, migrations) = match history {
            None => (None, None),
            Some(mut history) => {
                history.read(session, probe).await.map_err(said)?;
                history.mark_running(session).await;
                let (verdict, told) = check::standing(&history);
                checked.migrations = Some(verdict);
                (Some(history), Some(told?))
            }
        };
        if self.settings.strictness != Strictness::Off {
            let desired = self.read_desired().await.map_err(said)?;
            let findings = self.hold_against(session, &desired, history.as_ref(), probe, Severity::Warning);
            let mut findings = findings.await.map_err(said)?;
            findings.retain(|finding| verify::stops(finding, self.settings.strictness));
            checked.verified = Some(findings.is_empty());
            if let Some(first) = summary(&findings).lines.first() {
                return Err(first.clone());
            }
        }
        let verified = checked.verified.map(|_| "verified".to_owned());
        let well: Vec<String> = migrations.into_iter().chain(verified).collect();
        Ok(if well.is_empty() { "reachable".to_owned() } else { well.join(", ") })
    }

    /// `diff`: the same without a verdict, and with what would close the gap. Writes nothing.
    ///
    /// # Errors
    /// As [`Preparation::run`], and [`Error::Settings`] where nothing is expected of the database.
    pub(crate) async fn diff(&self) -> Result<Diff, Error> {
        let desired = self.read_files().await?;
        if desired.is_empty() {
            return Err(Error::Settings(
                "there is nothing to hold the database against: no Prisma schema, no snapshot, nothing required\n\
                 next: name the schema with --prisma-schema, or make a snapshot (doorstep snapshot --output doorstep.snapshot.json)"
                    .to_owned(),
            ));
        }
        let (mut ready, history) = self.ready_with(self.resolve_folder()).await?;
        let held = self.held_of(ready.session.as_mut(), &ready.probe, &desired, history).await;
        ready.session.close().await;
        let Compared { findings, script } = held?;
        Ok(Diff { findings, script, address: self.database.target()?.address(), files: desired.files })
    }

    /// `snapshot`, on the throwaway database of [`Preparation::replay`] that has been migrated.
    ///
    /// # Errors
    /// As [`Preparation::run`].
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, Error> {
        let (mut ready, history) = self.ready_with(self.resolve_folder()).await?;
        let session = ready.session.as_mut();
        let catalog = async {
            let schemas = session.schemas().await?;
            session.catalog(&Scope { schemas: &schemas, role: None }).await
        };
        let catalog = catalog.await.map_err(Error::statement("read the catalog"));
        ready.session.close().await;
        let migrations = history.iter().flat_map(|history| &history.migrations).map(|it| it.name.clone()).collect();
        let home = ready.probe.current_schema.as_deref().unwrap_or(self.dialect.home());
        Ok(Snapshot::of(catalog?, self.dialect, home, migrations))
    }

    /// A session on a database that is there already, and the folder, read meanwhile.
    async fn ready_with(
        &self,
        history: impl Future<Output = Result<Option<History>, Error>>,
    ) -> Result<(Ready, Option<History>), Error> {
        let wanted = self.probe_request();
        let ready = wait::until_ready(&self.database, &wanted, self.settings.patience, false, &self.tracker);
        tokio::try_join!(ready, history)
    }

    async fn verified_in(
        &self,
        session: &mut dyn Session,
        probe: &Probe,
        history: Option<History>,
    ) -> Result<Verified, Error> {
        let desired = self.read_desired().await?;
        let findings = self.held_of(session, probe, &desired, history).await?.findings;
        let places = Place::of(&desired.catalogs(self.home(probe)));
        let least = verify::threshold(self.settings.strictness);
        Ok(Verified::new(findings, least, places, self.database.target()?.address()))
    }

    async fn held_of(
        &self,
        session: &mut dyn Session,
        probe: &Probe,
        desired: &DesiredState,
        mut history: Option<History>,
    ) -> Result<Compared, Error> {
        if let Some(history) = &mut history {
            history.read(session, probe).await?;
            history.mark_running(session).await;
        }
        self.held(session, desired, history.as_ref(), probe, Severity::Notice).await
    }

    /// Step 4 by itself. Of a database that is adopted `in_part` only the required tables are asked for: the schema
    /// file knows the rest as well.
    ///
    /// # Errors
    /// [`Error::Differences`].
    pub(crate) async fn verify(&self, repair: &mut Repair, in_part: bool) -> Result<(), Error> {
        let Repair { session, probe, history } = repair;
        let desired = match in_part {
            true => DesiredState::of_tables(&self.settings),
            false => self.read_desired().await?,
        };
        let explained = Severity::Warning;
        let findings = self.hold_against(session.as_mut(), &desired, Some(history), probe, explained).await?;
        verify::judge(findings, self.settings.strictness)
    }

    /// For `status`: one session, and the history as it is.
    ///
    /// # Errors
    /// As [`Preparation::run`], and [`Error::Settings`] without a migrations folder.
    pub(crate) async fn history(&self) -> Result<(Target, History), Error> {
        let (mut ready, history) = self.ready_with(self.resolve_folder()).await?;
        let Some(mut history) = history else { return Err(self.no_folder()) };
        let read = async {
            history.read(ready.session.as_mut(), &ready.probe).await?;
            history.mark_running(ready.session.as_mut()).await;
            history.explain(ready.session.as_mut()).await
        };
        let read = read.await;
        ready.session.close().await;
        read?;
        Ok((self.database.target()?, history))
    }
}

impl Preparation {
    fn no_folder(&self) -> Error {
        Error::Settings(match &self.commands.migrate {
            Some(command) => format!(
                "of {command} doorstep knows neither files nor history\n\
                 next: ask the tool itself; those that doorstep knows are listed under migration_format"
            ),
            None => "no migrations folder was found (prisma/migrations, migrations)\n\
                     next: name it with --migrations"
                .to_owned(),
        })
    }
}
