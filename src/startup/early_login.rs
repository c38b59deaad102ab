//! The login that begins before the project's files are looked at: the server needs longer for it than a start for its files.
//!
//! Only where settings and environment already say which database it will be. The project may still say otherwise (`directUrl`
//! of a Prisma schema), or have a mistake: then the login is ended, and nothing was asked.

use std::cell::RefCell;
use std::rc::Rc;

use crate::base::environment::Environment;
use crate::config::Settings;
use crate::engines::connect::Target;
use crate::engines::endpoint::PendingLogin;
use crate::startup::database::Database;

/// How often the login is given the thread before the files have it: TCP to this machine connects in the second turn, and the
/// first message is sent in the fourth.
const TURNS: usize = 4;

/// A login that is under way, until the first attempt takes it.
#[derive(Clone, Default)]
pub(crate) struct EarlyLogin(Rc<RefCell<Option<Begun>>>);

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
        // What is wrong with the URL is told when the project's files are known.
        let target = Database::named(settings, None, environment).and_then(|database| database.target().ok());
        let begun = target.and_then(|target| target.begin_login().map(|login| (target, login)));
        if begun.is_some() {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
        Self(Rc::new(RefCell::new(begun)))
    }

    /// Where it leads.
    pub(crate) fn target(&self) -> Option<Target> {
        self.0.borrow().as_ref().map(|(target, _)| target.clone())
    }

    /// It, for an attempt.
    pub(crate) fn take(&self) -> Option<Begun> {
        self.0.take()
    }

    /// Ends it, if no attempt has taken it.
    pub(crate) async fn end(&self) {
        if let Some((_, login)) = self.take() {
            login.end().await;
        }
    }
}
