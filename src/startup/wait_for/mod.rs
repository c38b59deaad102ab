//! `wait_for`: waits for other things than the database, each asked on its own until it is ready, all by the deadline of the
//! wait. `attempt` asks once; `http` is the request of an `http://` entry.

mod attempt;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod http;

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::base::error::Error;
use crate::base::log::{HEARTBEAT, millis, seconds};
use crate::base::mask::Mask;
use crate::base::retry::Pace;
use crate::config::{Dependency, Patience};
use crate::startup::setup::Setup;
use crate::startup::wait::{self, Connected};
use crate::startup::wait_for::attempt::Asked;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// How long a command may take: it may start an interpreter, and connect by itself.
const COMMAND: Duration = Duration::from_secs(30);

/// The least that a login may take after all are ready.
const LOGIN: Duration = Duration::from_secs(5);

/// Pauses between two attempts.
const PACE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What a start waits for besides its database.
pub(crate) struct Dependencies {
    all: Vec<Asked>,
    patience: Patience,
}

/// One that was not ready at the deadline.
struct Unready {
    name: String,
    attempts: u32,
    last: String,
}

impl Dependencies {
    /// Looks the commands up along `path`. What a command prints is shown without what `mask` hides.
    ///
    /// # Errors
    /// [`Error::CommandNotFound`], [`Error::CommandNotExecutable`], and [`Error::Settings`] for what this build leaves out.
    pub(crate) fn find(
        all: &[Dependency],
        patience: Patience,
        path: Option<&str>,
        mask: impl Fn() -> Mask,
    ) -> Result<Self, Error> {
        let all = all.iter().map(|dependency| Asked::find(dependency, path, &mask)).collect::<Result<_, _>>()?;
        Ok(Self { all, patience })
    }

    /// Waits until all are ready, without a database.
    ///
    /// # Errors
    /// [`Error::NotThere`] at the deadline.
    pub(crate) async fn wait(&self) -> Result<(), Error> {
        let began = Instant::now();
        match self.unready(began).await {
            unready if unready.is_empty() => Ok(()),
            unready => Err(not_there(began, unready, None)),
        }
    }

    /// Waits until all are ready, and the database too. A start that waits holds no connection, so the session is closed. With
    /// `create`, a database that does not exist is created.
    ///
    /// # Errors
    /// [`Error::NotThere`] at the deadline, with the database's error if that was not ready either; any other error of the
    /// database at once.
    pub(crate) async fn wait_beside_database(&self, setup: &Setup, create: bool) -> Result<(), Error> {
        let began = Instant::now();
        let database = async {
            match wait::until_ready(setup, self.patience, &setup.probe_request(), create, false).await {
                Ok(Connected { session, .. }) => {
                    session.close().await;
                    Ok(None)
                }
                Err(error @ Error::NotReady { .. }) => Ok(Some(error)),
                Err(error) => Err(error),
            }
        };
        let others = async { Ok(self.unready(began).await) };
        match tokio::try_join!(database, others)? {
            (None, unready) if unready.is_empty() => Ok(()),
            (Some(error), unready) if unready.is_empty() => Err(error),
            (database, unready) => Err(not_there(began, unready, database)),
        }
    }

    /// What of the patience is left for the login that follows: [`LOGIN`] at least, since the database has answered.
    pub(crate) fn left(&self, began: Instant) -> Patience {
        let left = |timeout: Duration| timeout.saturating_sub(began.elapsed()).max(LOGIN);
        Patience { timeout: self.patience.timeout.map(left), ..self.patience }
    }

    /// Asks all of them until they are ready or the deadline comes; those that were not ready.
    async fn unready(&self, began: Instant) -> Vec<Unready> {
        let asked = self.all.iter().map(|asked| until_ready(asked, began, self.patience));
        join_all(asked).await.into_iter().filter_map(Result::err).collect()
    }
}

/// Asks one of them until it is ready.
async fn until_ready(asked: &Asked, began: Instant, patience: Patience) -> Result<(), Unready> {
    let deadline = patience.timeout.map(|timeout| began + timeout);
    let (mut pace, mut attempts, mut said) = (Pace::new(PACE.0, PACE.1), 0, None::<(String, Instant)>);
    loop {
        attempts += 1;
        let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        let last = match asked.ask(left).await {
            Ok(()) => {
                tracing::info!(
                    phase = "wait",
                    event = "dependency_ready",
                    attempts,
                    duration_ms = millis(began.elapsed()),
                    "{} is ready after {}",
                    asked.name,
                    seconds(began.elapsed())
                );
                return Ok(());
            }
            Err(why) => why,
        };
        let pause = patience.fixed.map_or_else(|| pace.next(), |(_, interval)| interval);
        let out_of_attempts = patience.fixed.is_some_and(|(most, _)| attempts >= most);
        if out_of_attempts || deadline.is_some_and(|deadline| Instant::now() + pause >= deadline) {
            return Err(Unready { name: asked.name.clone(), attempts, last });
        }
        let is_news = said.as_ref().is_none_or(|(text, at)| *text != last || at.elapsed() >= HEARTBEAT);
        if is_news {
            tracing::info!(phase = "wait", event = "waiting", attempts, "waiting for {}: {last}", asked.name);
            said = Some((last, Instant::now()));
        }
        tokio::time::sleep(pause).await;
    }
}

fn not_there(began: Instant, unready: Vec<Unready>, database: Option<Error>) -> Error {
    let lines = unready.into_iter().map(|Unready { name, attempts, last }| {
        let attempts = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
        format!("{name} ({attempts}): {last}")
    });
    Error::NotThere { waited: began.elapsed(), unready: lines.collect(), database: database.map(Box::new) }
}
