//! The login that begins before the service and the project's files are looked for: the server needs longer for it than a start for its files.
//!
//! Only where settings and environment already say which database it will be. The project may still say otherwise (`directUrl`
//! of a Prisma schema), or have a mistake: then the login is ended, and nothing was asked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::base::environment::Environment;
use crate::config::Settings;
use crate::engines::connect::Target;
use crate::engines::endpoint::PendingLogin;
use crate::startup::database::Database;

/// How often the login is given the thread before the files have it: often enough for TCP to this machine to connect, and for the
/// startup message to be sent.
const TURNS: usize = 4;

/// How long migrations are not read, for the sake of the login.
const HEAD_START: Duration = Duration::from_millis(10);

/// A login that is under way, until the first attempt takes it.
#[derive(Clone, Default)]
pub(crate) struct EarlyLogin(Rc<State>);

#[derive(Default)]
struct State {
    begun: RefCell<Option<Begun>>,
    /// It may still take long.
    is_under_way: Cell<bool>,
    is_over: Notify,
}

/// Where a login leads, and it.
type Begun = (Target, Box<dyn PendingLogin>);

impl EarlyLogin {
    /// Begins it; not where the start may need another session, where something else has to be waited for, and where a command
    /// gives the password.
    pub(crate) async fn begin(settings: &Settings, environment: &Environment) -> Self {
        let is_plain = settings.wait_for.is_empty() && settings.password_command.is_none();
        if !is_plain || settings.tenancy.from.is_some() {
            return Self::default();
        }
        let environment = settings.environment.as_ref().unwrap_or(environment);
        // An error in the URL is reported when the project's files are known.
        let target = Database::named(settings, None, environment).and_then(|database| database.target().ok());
        let begun = target.and_then(|target| target.begin_login().map(|login| (target, login)));
        let is_under_way = begun.is_some();
        if is_under_way {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
        let (begun, is_under_way) = (RefCell::new(begun), Cell::new(is_under_way));
        Self(Rc::new(State { begun, is_under_way, is_over: Notify::new() }))
    }

    /// Where it leads.
    pub(crate) fn target(&self) -> Option<Target> {
        self.0.begun.borrow().as_ref().map(|(target, _)| target.clone())
    }

    /// It, for an attempt, when it has ended or takes long.
    pub(crate) async fn take(&self) -> Option<Begun> {
        let (target, mut login) = self.0.begun.take()?;
        let _ = tokio::time::timeout(HEAD_START, login.ended()).await;
        self.0.is_under_way.set(false);
        self.0.is_over.notify_one();
        Some((target, login))
    }

    /// Waits until an attempt has taken it. On two processors, a thread that read files meanwhile would delay the login, for which the
    /// server forks a process and the client answers several times. Beside the first message one processor is free.
    pub(crate) async fn over(&self) {
        if self.0.is_under_way.get() {
            self.0.is_over.notified().await;
        }
    }

    /// Ends it, if no attempt has taken it.
    pub(crate) async fn end(&self) {
        let begun = self.0.begun.take();
        if let Some((_, login)) = begun {
            login.end().await;
        }
    }
}
