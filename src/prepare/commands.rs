//! The ways in for the other commands: each a session of its own, and no pipeline.

use super::Preparation;
use crate::engine::{Session, Survey, Target};
use crate::error::Error;
use crate::expectation::Expectation;
use crate::finding::Finding;
use crate::format::Resolved;
use crate::history::History;
use crate::settings::Mode;
use crate::verify::Verified;
use crate::wait::{self, Ready};
use crate::{lock, replay, verify};

/// A session that holds the migration lock, and the history as it is then.
pub struct Repair {
    /// The session; close it.
    pub session: Box<dyn Session>,
    /// What its last look saw.
    pub survey: Survey,
    /// The history.
    pub history: History,
}

impl Preparation {
    /// The same start on a throwaway database beside the real one, and the place of that database.
    ///
    /// # Errors
    /// [`Error::Settings`] without a migrations folder, [`Error::History`] for one that cannot be replayed.
    pub async fn replay(mut self) -> Result<(Self, Target), Error> {
        let Some(history) = self.resolve_folder().await? else { return Err(no_folder()) };
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
    pub async fn repair(&self, needs_files: bool) -> Result<Repair, Error> {
        let history = async {
            match (self.resolve_folder().await, &self.folder) {
                (Err(Error::History(_)), Some(folder)) if !needs_files => {
                    Ok(Some(History::of(folder, self.dialect, Resolved::default())))
                }
                (history, _) => history,
            }
        };
        let (ready, history) = self.ready_with(history).await?;
        let (mut session, Some(mut history)) = (ready.session, history) else { return Err(no_folder()) };
        let survey = async {
            lock::acquire(session.as_mut(), history.lock_key(), self.settings.lock_timeout).await?;
            let survey = self.look(session.as_mut()).await?;
            history.read(session.as_mut(), &survey).await?;
            Ok(survey)
        };
        match survey.await {
            Ok(survey) => Ok(Repair { session, survey, history }),
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
    pub async fn verified(&self) -> Result<Verified, Error> {
        let (mut ready, history) = self.ready_with(self.resolve_folder()).await?;
        let findings = self.findings(ready.session.as_mut(), &ready.survey, history).await;
        ready.session.close().await;
        let findings = findings?;
        let stopping = findings.iter().filter(|finding| verify::stops(finding, self.settings.strictness)).count();
        Ok(Verified { ok: stopping == 0, findings, stopping, address: self.database.target()?.address() })
    }

    /// A session on a database that is there already, and the folder, read meanwhile.
    async fn ready_with(
        &self,
        history: impl Future<Output = Result<Option<History>, Error>>,
    ) -> Result<(Ready, Option<History>), Error> {
        let wanted = self.wanted();
        let ready = wait::until_ready(&self.database, &wanted, self.settings.patience, false, &self.tracker);
        tokio::try_join!(ready, history)
    }

    async fn findings(
        &self,
        session: &mut dyn Session,
        survey: &Survey,
        mut history: Option<History>,
    ) -> Result<Vec<Finding>, Error> {
        if let Some(history) = &mut history {
            history.read(session, survey).await?;
        }
        let expectation = self.read_expectation().await?;
        self.hold_against(session, &expectation, history.as_ref(), survey).await
    }

    /// Step 4 by itself. Of a database that is adopted `in_part` only the required tables are asked for: the schema
    /// file knows the rest as well.
    ///
    /// # Errors
    /// [`Error::Differences`].
    pub async fn verify(&self, repair: &mut Repair, in_part: bool) -> Result<(), Error> {
        let Repair { session, survey, history } = repair;
        let expectation = match in_part {
            true => Expectation::read(&self.settings, None)?,
            false => self.read_expectation().await?,
        };
        let findings = self.hold_against(session.as_mut(), &expectation, Some(history), survey).await?;
        verify::judge(findings, self.settings.strictness)
    }

    /// For `status`: one session, and the history as it is.
    ///
    /// # Errors
    /// As [`Preparation::run`], and [`Error::Settings`] without a migrations folder.
    pub async fn history(&self) -> Result<(Target, History), Error> {
        let (mut ready, history) = self.ready_with(self.resolve_folder()).await?;
        let Some(mut history) = history else { return Err(no_folder()) };
        let read = async {
            history.read(ready.session.as_mut(), &ready.survey).await?;
            history.mark_running(ready.session.as_mut()).await;
            history.explain(ready.session.as_mut()).await
        };
        let read = read.await;
        ready.session.close().await;
        read?;
        Ok((self.database.target()?, history))
    }
}

fn no_folder() -> Error {
    Error::Settings(
        "no migrations folder was found (prisma/migrations, migrations)\nnext: name it with --migrations".to_owned(),
    )
}
