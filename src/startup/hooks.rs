//! The commands of a start: the tool that migrates where doorstep does not, and the hooks around migrations.

use crate::base::error::Error;
use crate::base::signal::Stop;
use crate::config::words::Words;
use crate::engines::session::Session;
use crate::formats::OWN_LOCK;
use crate::migrate::history::History;
use crate::migrate::plan;
use crate::startup::child::{Surroundings, Tool};
use crate::startup::pipeline::{Preparation, Report, timed};

/// The commands, as the settings and the project's files name them.
#[derive(Default)]
pub(crate) struct Commands {
    /// Applies the migrations.
    pub(crate) migrate: Option<Words>,
    /// Runs before anything is migrated.
    pub(crate) before: Option<Words>,
    /// Runs after something was migrated.
    pub(crate) after: Option<Words>,
    /// `PATH`.
    pub(crate) path: Option<String>,
}

impl Commands {
    /// Looks them up.
    ///
    /// # Errors
    /// [`Error::CommandNotFound`] or [`Error::CommandNotExecutable`].
    pub(crate) fn find(&self) -> Result<Tools, Error> {
        let find = |setting, words: &Option<Words>| {
            words.as_ref().map(|words| Tool::find(setting, words, self.path.as_deref())).transpose()
        };
        Ok(Tools {
            migrate: find("migrate_command", &self.migrate).map_err(|error| match error {
                Error::CommandNotFound(text) => Error::CommandNotFound(format!(
                    "{text}\nor set migrate_command, e.g. poetry run alembic upgrade head, or leave migrations alone: \
                     --migrate off"
                )),
                other => other,
            })?,
            before: find("before_migrate", &self.before)?,
            after: find("after_migrate", &self.after)?,
        })
    }
}

/// The same, found and executable.
#[derive(Default)]
pub(crate) struct Tools {
    /// Applies the migrations.
    pub(crate) migrate: Option<Tool>,
    /// Runs before anything is migrated.
    pub(crate) before: Option<Tool>,
    /// Runs after something was migrated.
    pub(crate) after: Option<Tool>,
}

impl Preparation {
    /// Whether there is something to do for whoever migrates.
    pub(crate) fn has_work(&self, history: Option<&History>, tools: &Tools) -> bool {
        match history {
            Some(history) => {
                if let Some(why) = history.uncertainty() {
                    let tool = history.format.tool();
                    tracing::info!(phase = "migrate", event = "uncertain", "{tool} has to be asked: {why}");
                }
                history.has_work() || history.uncertainty().is_some()
            }
            // Nobody knows.
            None => tools.migrate.is_some(),
        }
    }

    /// Runs a command under the lock that the session holds.
    pub(crate) async fn call(&self, tool: &Tool, session: &mut dyn Session, stop: &Stop) -> Result<(), Error> {
        let around = Surroundings {
            lock: self.lock_key(),
            lock_timeout: self.settings.lock_timeout,
            url: self.database.url()?,
            secrets: self.database.secrets(),
            stop,
        };
        tool.run(session, &around).await
    }

    /// A hook, if there is one.
    pub(crate) async fn hook(
        &self,
        hook: Option<&Tool>,
        session: &mut dyn Session,
        stop: &Stop,
        next: &str,
    ) -> Result<(), Error> {
        let Some(hook) = hook else { return Ok(()) };
        self.call(hook, session, stop).await.map_err(|error| match error {
            Error::Command(text) => Error::Command(format!("{text}\n{next}")),
            other => other,
        })
    }

    /// Lets the tool migrate, and looks whether it did. Gives the number of migrations that are applied now.
    pub(crate) async fn delegate(
        &self,
        tool: &Tool,
        history: Option<&mut History>,
        session: &mut dyn Session,
        stop: &Stop,
        report: &mut Report,
    ) -> Result<usize, Error> {
        let next = "next: what it left behind is its own matter; repair it, and start again";
        timed(&mut report.migrate, self.hook(Some(tool), session, stop, next)).await?;
        let Some(history) = history else { return Ok(0) };
        let before = plan::pending(&history.entries).len();
        let probe = self.look(session).await?;
        history.read(session, &probe).await?;
        let pending = plan::pending(&history.entries);
        if !pending.is_empty() && history.uncertainty().is_none() {
            return Err(Error::History(format!(
                "{} succeeded, but these are not applied in {}: {}\n\
                 next: check that it works on the database that DATABASE_URL names; doorstep sets it, and reads {}",
                tool.shown(),
                self.database.target()?.address(),
                pending.join(", "),
                history.format.history_table()
            )));
        }
        Ok(before.saturating_sub(pending.len()))
    }

    /// The format's own key, so that the original tool is excluded too; Prisma's where there is no folder. A tool that
    /// doorstep starts must not find its own lock taken.
    pub(crate) fn lock_key(&self) -> i64 {
        match (&self.folder, &self.commands.migrate) {
            (None, Some(_)) => OWN_LOCK,
            (None, None) => crate::formats::PRISMA.lock_key(),
            (Some(folder), _) => folder.format.lock_key(),
        }
    }
}
