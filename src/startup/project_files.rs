//! Reads the files of a project on a thread of their own, so that the wait for the database goes on meanwhile: an error in them is
//! reported without waiting for the server.

use crate::base::error::Error;
use crate::config::{Mode, Strictness};
use crate::formats::Folder;
use crate::migrate::history::History;
use crate::startup::pipeline::Extent;
use crate::startup::setup::Setup;
use crate::verify::desired::DesiredState;

impl Setup {
    /// Reads the migrations folder.
    pub(crate) async fn read_folder(&self) -> Result<Option<History>, Error> {
        match self.folder {
            Some(folder) => on_a_thread(self.reading_of(folder)).await.map(Some),
            None => Ok(None),
        }
    }

    /// What reads it.
    fn reading_of(&self, folder: Folder) -> impl FnOnce() -> Result<History, Error> + Send + use<> {
        let (dialect, is_scratch, chosen) = (self.dialect, self.is_scratch, self.chosen.clone());
        move || {
            let mut resolved = folder.read(dialect)?;
            if let Some(chosen) = chosen {
                // Who has chosen among them has read the whole folder, with its warnings.
                resolved.warnings.clear();
                resolved.migrations.retain(|migration| chosen.contains(&migration.name));
            }
            let history = History::of(&folder, dialect, resolved);
            Ok(if is_scratch { history.unclaimed() } else { history })
        }
    }

    /// Reads the migrations folder, unless migrations are turned off.
    pub(crate) async fn read_folder_if_on(&self) -> Result<Option<History>, Error> {
        match self.settings.mode {
            Mode::Off => Ok(None),
            Mode::Apply | Mode::Await => self.read_folder().await,
        }
    }

    /// Reads the desired state as far as `verify` asks for it. With `verify = report` an unreadable schema file is a
    /// warning, since findings do not stop such a start either.
    pub(crate) async fn read_desired(&self) -> Result<DesiredState, Error> {
        if self.settings.strictness == Strictness::Off {
            return Ok(DesiredState::default());
        }
        self.judged(self.read_desired_files().await)
    }

    /// What was read of the desired state, with a warning where it is of no use.
    fn judged(&self, read: Result<DesiredState, Error>) -> Result<DesiredState, Error> {
        match read {
            Err(error) if self.settings.strictness == Strictness::Report => {
                tracing::warn!(phase = "verify", event = "unreadable", "{error}");
                Ok(DesiredState::of_tables(&self.settings))
            }
            Ok(desired) => {
                if let Some(why) = desired.hollow() {
                    tracing::warn!(
                        phase = "verify",
                        event = "nothing_to_verify",
                        "{why} (a schema of several files is named by its folder: --prisma-schema)"
                    );
                }
                Ok(desired)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the Prisma schema, the snapshot and the requirements; the files on a thread of its own.
    pub(crate) async fn read_desired_files(&self) -> Result<DesiredState, Error> {
        match DesiredState::is_without_files(&self.settings, self.prisma_schema) {
            true => DesiredState::read(&self.settings, None, self.dialect, &self.url_home),
            false => on_a_thread(self.reading_of_desired()).await,
        }
    }

    /// What reads the files of the desired state.
    fn reading_of_desired(&self) -> impl FnOnce() -> Result<DesiredState, Error> + Send + use<> {
        let (settings, prisma, dialect) = (self.settings.clone(), self.prisma_schema, self.dialect);
        let home = self.url_home.clone();
        move || DesiredState::read(&settings, prisma, dialect, &home)
    }

    /// Both as far as the extent and the settings ask for them, one after the other on one thread: two threads would wait for each
    /// other's allocations, and the server takes longer anyway.
    pub(crate) async fn read_files(&self, extent: Extent) -> Result<(Option<History>, DesiredState), Error> {
        let Self { settings, .. } = self;
        let has_desired =
            settings.strictness != Strictness::Off && !DesiredState::is_without_files(settings, self.prisma_schema);
        match (extent, self.folder) {
            (Extent::Wait, _) => Ok((None, DesiredState::default())),
            (Extent::Migrate, _) => Ok((self.read_folder_if_on().await?, DesiredState::default())),
            (Extent::Run, Some(folder)) if has_desired && settings.mode != Mode::Off => {
                let (folder, desired) = (self.reading_of(folder), self.reading_of_desired());
                let (history, desired) = on_a_thread(move || Ok((folder()?, desired()))).await?;
                Ok((Some(history), self.judged(desired)?))
            }
            (Extent::Run, _) => Ok((self.read_folder_if_on().await?, self.read_desired().await?)),
        }
    }
}

/// Runs it on a thread of its own.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}
