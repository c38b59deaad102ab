//! The pipeline: wait, schemas, migrate, verify; one call per step. What it prepares is the moment before
//! exec.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::application_name::ApplicationName;
use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::log::{millis, seconds};
use crate::base::progress::{Phase, Tracker};
use crate::base::signal::Stop;
use crate::config::{Mode, Patience, Settings, Strictness};
use crate::engines::session::{Probe, ProbeRequest, Session};
use crate::finding::{Finding, Severity};
use crate::formats::{Folder, Project};
use crate::migrate::apply::{self, Limits};
use crate::migrate::history::History;
use crate::migrate::lock;
use crate::schema_source::prisma::PrismaSchema;
use crate::sql::Dialect;
use crate::startup::database::Database;
use crate::startup::{schemas, wait};
use crate::verify::desired::DesiredState;
use crate::verify::{self, Compared};

use crate::startup::hooks::{Commands, Tools};

/// Pause before the wait begins again after a lost connection.
const AFTER_A_LOSS: Duration = Duration::from_millis(100);

/// How often a lost connection is made good in one start: a migration may be what kills the server.
const LOSSES: u32 = 5;

/// How much of the pipeline a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// `wait`: look, and write nothing.
    Wait,
    /// `migrate`: up to and including the migrations.
    Migrate,
    /// `run`: all of it.
    Run,
}

/// A start with everything decided that can be decided without the database.
pub(crate) struct Preparation {
    pub(crate) settings: Settings,
    pub(crate) database: Database,
    label: ApplicationName,
    pub(crate) tracker: Tracker,
    /// On a throwaway database.
    pub(crate) rehearsal: bool,
    pub(crate) dialect: Dialect,
    pub(crate) folder: Option<Folder>,
    pub(crate) commands: Commands,
    prisma_schema: Option<Arc<PrismaSchema>>,
    /// Schemas to create when absent.
    schemas: Vec<String>,
    /// The schema of the URL.
    url_schema: Option<String>,
    /// Schemas whose tables decide whether a database without history is empty.
    own_schemas: Vec<String>,
}

/// What is to be done in a session.
pub(crate) struct Plan<'a> {
    pub(crate) extent: Extent,
    pub(crate) history: Option<History>,
    pub(crate) tools: &'a Tools,
    pub(crate) desired: &'a DesiredState,
}

/// How long each step took, and how much it did.
#[derive(Debug, Default)]
pub(crate) struct Report {
    wait: Duration,
    schemas: Duration,
    pub(crate) migrate: Duration,
    pub(crate) verify: Duration,
    applied: usize,
}

impl Preparation {
    /// Finds the project's files and reads the URL once, so that what is wrong with them is said before
    /// anything is waited for.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn new(settings: Settings, environment: &Environment) -> Result<Self, Error> {
        let project = Project::find(&settings, environment)?;
        let database = Database::choose(&settings, project.datasource.as_ref(), environment)?;
        let target = database.target()?;
        if environment.get("PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK").is_some_and(|value| value != "0") {
            tracing::warn!(
                phase = "settings",
                event = "ignored",
                "PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK is ignored: doorstep always takes the lock"
            );
        }
        for warning in target.warnings() {
            tracing::warn!(phase = "settings", event = "ignored", "{warning}");
        }
        let prisma_schema = project.schema.map(Arc::new);
        let of_prisma = project.datasource.as_ref().map(|datasource| datasource.schemas.clone()).unwrap_or_default();
        let url_schema = target.schema().map(str::to_owned);
        let named = settings.schemas.clone();
        if !target.has_schemas() && named.is_some() {
            return Err(Error::Settings(
                "schemas are set, but SQLite has none\nnext: drop the setting, or point the URL at PostgreSQL"
                    .to_owned(),
            ));
        }
        let schemas = match (target.has_schemas(), settings.mode) {
            (false, _) => Vec::new(),
            // Whoever leaves migrations alone gets the schemas asked for by name, and no others.
            (true, Mode::Off) => named.unwrap_or_default(),
            (true, _) => union(named.unwrap_or(of_prisma.clone()), url_schema.clone()),
        };
        let own_schemas = union(of_prisma, Some(url_schema.clone().unwrap_or_else(|| "public".to_owned())));
        let label = ApplicationName::of_process(environment);
        let (dialect, folder) = (target.dialect(), project.folder);
        settings.require.suits(dialect)?;
        settings.queries.iter().try_for_each(|query| query.suits(dialect))?;
        let commands = Commands {
            migrate: project.command,
            before: settings.before_migrate.clone(),
            after: settings.after_migrate.clone(),
            path: environment.get("PATH").map(str::to_owned),
        };
        Ok(Self {
            settings,
            database,
            label,
            tracker: Tracker::default(),
            rehearsal: false,
            dialect,
            folder,
            commands,
            prisma_schema,
            schemas,
            url_schema,
            own_schemas,
        })
    }

    /// Where this start stands, whenever it is asked.
    #[must_use]
    pub(crate) fn tracker(&self) -> Tracker {
        self.tracker.clone()
    }

    /// Runs the pipeline; the session is closed when it returns, whatever happened.
    ///
    /// Returns how many migrations were applied.
    ///
    /// # Errors
    /// The first step that fails ends it.
    pub(crate) async fn run(&self, extent: Extent, stop: &Stop) -> Result<usize, Error> {
        let begin = Instant::now();
        let creates = extent != Extent::Wait && self.settings.mode == Mode::Apply;
        // A misspelt command should cost milliseconds, not a migration.
        let tools = if creates { self.commands.find()? } else { Tools::default() };
        if self.folder.is_none() && self.commands.migrate.is_none() && creates {
            let here = std::env::current_dir().unwrap_or_default();
            tracing::warn!(
                phase = "migrate",
                event = "no_folder",
                "no migrations folder (prisma/migrations, migrations) in {}, so there is nothing to migrate \
                 (name it with --migrations, or say so with --migrate off)",
                here.display()
            );
        }
        let mut losses = 0;
        loop {
            if let Some(signal) = stop.signal() {
                return Err(Error::Stopped { signal, note: "the database was lost on the way".to_owned() });
            }
            stop.release();
            let (mut report, waiting) = (Report::default(), Instant::now());
            let wanted = self.probe_request();
            let ready = wait::until_ready(&self.database, &wanted, self.patience(begin), creates, &self.tracker);
            let desired = async {
                match extent {
                    Extent::Run => self.read_desired().await,
                    Extent::Wait | Extent::Migrate => Ok(DesiredState::default()),
                }
            };
            let (mut ready, history, desired) = tokio::try_join!(ready, self.read_folder(extent), desired)?;
            report.wait = waiting.elapsed();
            let plan = Plan { extent, history, tools: &tools, desired: &desired };
            let result = self.work(ready.session.as_mut(), ready.probe, plan, stop, &mut report).await;
            ready.session.close().await;
            match result {
                // A server that restarts while it is being set up is ready once, and gone with the next
                // query. All is looked at anew, what became of a migration too.
                Err(Error::Statement { doing, fault, .. } | Error::Lost { doing, fault })
                    if fault.class.is_transient() && self.has_time(begin) && losses < LOSSES =>
                {
                    losses += 1;
                    tracing::info!(
                        phase = "wait",
                        event = "lost",
                        "lost the database ({doing}): {fault}; waiting again"
                    );
                    tokio::time::sleep(AFTER_A_LOSS).await;
                }
                result => {
                    result?;
                    if stop.signal().is_none() {
                        self.log_ready(extent, &report);
                    }
                    return Ok(report.applied);
                }
            }
        }
    }

    /// Reads the migrations folder, if this start is concerned with it.
    pub(crate) async fn read_folder(&self, extent: Extent) -> Result<Option<History>, Error> {
        match extent == Extent::Wait || self.settings.mode == Mode::Off {
            true => Ok(None),
            false => self.resolve_folder().await,
        }
    }

    /// Reads the migrations folder, on a thread of its own: the server takes milliseconds to let us in, and what is
    /// wrong with the folder is said without waiting for it.
    pub(crate) async fn resolve_folder(&self) -> Result<Option<History>, Error> {
        let Some(folder) = self.folder else { return Ok(None) };
        let dialect = self.dialect;
        let reading = tokio::task::spawn_blocking(move || {
            let resolved = folder.format.resolve(folder.path, dialect)?;
            Ok(History::of(&folder, dialect, resolved))
        });
        reading.await.map_err(|error| Error::Internal(error.to_string()))?.map(Some)
    }

    /// Reads what the service was built for, on a thread of its own. A start that findings cannot stop is not stopped by
    /// a schema file that cannot be read either.
    pub(crate) async fn read_desired(&self) -> Result<DesiredState, Error> {
        if self.settings.strictness == Strictness::Off {
            return Ok(DesiredState::default());
        }
        match self.read_files().await {
            Err(error) if self.settings.strictness == Strictness::Report => {
                tracing::warn!(phase = "verify", event = "unreadable", "{error}");
                Ok(DesiredState::of_tables(&self.settings))
            }
            read => read,
        }
    }

    /// The schema that an unqualified name belongs to. One that the URL names, and nobody has created yet, is where the
    /// service's tables belong all the same.
    pub(crate) fn home<'a>(&'a self, probe: &'a Probe) -> &'a str {
        let home = probe.current_schema.as_deref().or(self.url_schema.as_deref());
        home.unwrap_or(self.dialect.home())
    }

    pub(crate) async fn read_files(&self) -> Result<DesiredState, Error> {
        let (settings, prisma, dialect) = (self.settings.clone(), self.prisma_schema.clone(), self.dialect);
        let schema = self.url_schema.clone();
        let read = move || DesiredState::read(&settings, prisma.as_deref(), dialect, schema.as_deref());
        let reading = tokio::task::spawn_blocking(read);
        reading.await.map_err(|error| Error::Internal(error.to_string()))?
    }

    /// Step 4: what of the desired is not there, and why; of notices why only if they are `explained`.
    pub(crate) async fn hold_against(
        &self,
        session: &mut dyn Session,
        desired: &DesiredState,
        history: Option<&History>,
        probe: &Probe,
        explained: Severity,
    ) -> Result<Vec<Finding>, Error> {
        Ok(self.held(session, desired, history, probe, explained).await?.findings)
    }

    /// The same, with what would close the gap.
    pub(crate) async fn held(
        &self,
        session: &mut dyn Session,
        desired: &DesiredState,
        history: Option<&History>,
        probe: &Probe,
        explained: Severity,
    ) -> Result<Compared, Error> {
        self.tracker.enter(Phase::Verify);
        // A throwaway database has none of the grants.
        let role = if self.rehearsal { None } else { self.database.service_role() };
        let context = verify::Options {
            dialect: self.dialect,
            home: self.home(probe),
            role: role.as_deref(),
            grantee: role.as_deref().unwrap_or(&probe.role),
            allow: &self.settings.allow,
            has_rows: !self.rehearsal,
            history,
            mode: self.settings.mode,
            explained,
        };
        verify::compare_database(session, desired, &context).await
    }

    /// What is left of the patience since `begin`.
    fn patience(&self, begin: Instant) -> Patience {
        let timeout = self.settings.patience.timeout.map(|timeout| timeout.saturating_sub(begin.elapsed()));
        Patience { timeout, ..self.settings.patience }
    }

    fn has_time(&self, begin: Instant) -> bool {
        self.patience(begin).timeout.is_none_or(|left| left > AFTER_A_LOSS)
    }

    /// All that happens in the session.
    async fn work(
        &self,
        session: &mut dyn Session,
        probe: Probe,
        plan: Plan<'_>,
        stop: &Stop,
        report: &mut Report,
    ) -> Result<(), Error> {
        if plan.extent == Extent::Wait {
            return Ok(());
        }
        if self.settings.mode == Mode::Await {
            return self.follow(session, probe, plan, report).await;
        }
        let Plan { extent, history, tools, desired } = plan;
        self.tracker.enter(Phase::Migrate);
        let (history, probe) = self.apply(session, probe, history, tools, stop, report).await?;
        if let Some(history) = &history {
            history.log_oddities();
        }
        if extent == Extent::Run {
            let findings = self.hold_against(session, desired, history.as_ref(), &probe, Severity::Warning);
            let findings = timed(&mut report.verify, findings).await?;
            verify::judge(findings, self.settings.strictness)?;
        }
        Ok(())
    }

    /// Schemas and migrations. Looks first, and takes the lock only when there is something to write: a
    /// replica with nothing to do never queues. Gives back the probe that counts from then on: a schema that was
    /// created may be where unqualified names belong.
    async fn apply(
        &self,
        session: &mut dyn Session,
        probe: Probe,
        mut history: Option<History>,
        tools: &Tools,
        stop: &Stop,
        report: &mut Report,
    ) -> Result<(Option<History>, Probe), Error> {
        if let Some(history) = &mut history {
            timed(&mut report.migrate, history.read(session, &probe)).await?;
        }
        if probe.missing_schemas.is_empty() && !self.has_work(history.as_ref(), tools) {
            return Ok((history, probe));
        }
        self.tracker.held_up("queueing for the migration lock");
        timed(&mut report.migrate, lock::acquire(session, self.lock_key(), self.settings.lock_timeout)).await?;
        // Another replica may have been faster; what counts is what the lock's holder sees.
        let mut probe = self.look(session).await?;
        // A migration that creates its schema itself finds it absent, as it does with its own tool. Not so the
        // schema of the URL, which that tool creates first.
        if let (false, Some(history)) = (probe.missing_schemas.is_empty(), &history) {
            let later = history.own_schemas();
            probe.missing_schemas.retain(|name| !later.contains(name) || self.url_schema.as_ref() == Some(name));
        }
        let is_due = match &mut history {
            Some(history) => timed(&mut report.migrate, apply::due(history, session, &probe)).await?,
            None => tools.migrate.is_some(),
        };
        if is_due {
            let next = "nothing was migrated\nnext: repair what it stumbled over, and start again";
            timed(&mut report.migrate, self.hook(tools.before.as_ref(), session, stop, next)).await?;
        }
        self.tracker.enter(Phase::Schemas);
        timed(&mut report.schemas, schemas::create(session, &probe)).await?;
        // A created schema may be where the history table goes.
        let probe = if probe.missing_schemas.is_empty() { probe } else { self.look(session).await? };
        self.tracker.enter(Phase::Migrate);
        if !is_due {
            return Ok((history, probe));
        }
        if let Some(tool) = &tools.migrate {
            report.applied = self.delegate(tool, history.as_mut(), session, stop, report).await?;
        } else if let Some(history) = &mut history {
            let limits = Limits {
                schemas: &self.own_schemas,
                statement_lock_timeout: self.settings.statement_lock_timeout,
                lock_timeout: self.settings.lock_timeout,
                label: &self.label,
                tracker: &self.tracker,
                rehearsal: self.rehearsal,
            };
            let apply = apply::apply_pending(history, session, &probe, &limits, stop);
            report.applied = timed(&mut report.migrate, apply).await?;
            history.note_applied();
        }
        let next = "the migrations are applied\nnext: repair what it stumbled over, and run it by hand if it has to run: \
                    a start that has nothing to migrate does not call it";
        timed(&mut report.migrate, self.hook(tools.after.as_ref(), session, stop, next)).await?;
        Ok((history, probe))
    }

    pub(crate) async fn look(&self, session: &mut dyn Session) -> Result<Probe, Error> {
        session.probe(&self.probe_request()).await.map_err(Error::statement("look at the database"))
    }

    pub(crate) fn probe_request(&self) -> ProbeRequest {
        let history = self.folder.map(|folder| folder.format.history_table().to_owned());
        ProbeRequest { schemas: self.schemas.clone(), history }
    }

    /// The last line of a start.
    fn log_ready(&self, extent: Extent, report: &Report) {
        if extent == Extent::Wait {
            return;
        }
        tracing::info!(
            phase = "ready",
            event = "ready",
            steps.wait = millis(report.wait),
            steps.schemas = millis(report.schemas),
            steps.migrate = millis(report.migrate),
            steps.verify = millis(report.verify),
            applied = report.applied,
            "wait {}, schemas {}, migrate {} ({} applied), verify {}",
            seconds(report.wait),
            seconds(report.schemas),
            seconds(report.migrate),
            report.applied,
            seconds(report.verify)
        );
    }
}

fn union(mut names: Vec<String>, more: Option<String>) -> Vec<String> {
    names.extend(more);
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// Adds the time that `work` takes to `total`.
pub(crate) async fn timed<T>(total: &mut Duration, work: impl Future<Output = T>) -> T {
    let begin = Instant::now();
    let result = work.await;
    *total += begin.elapsed();
    result
}
