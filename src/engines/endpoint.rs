//! A database that a URL names, before it is opened: what every engine makes of its URL.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::base::error::Error;
use crate::base::password_command::PasswordCommand;
use crate::engines::engine::{Engine, Probe, ProbeRequest};
use crate::engines::session::{Session, Work};
use crate::engines::trace::Trace;

/// How long a session that is being opened is waited for, when it is not needed any more.
pub(crate) const MOMENT: Duration = Duration::from_millis(200);

/// A login that is under way, for a session of which it is not known yet what it asks first.
pub(crate) trait PendingLogin {
    /// Waits until it has succeeded or failed; may be dropped at any time.
    fn ended(&mut self) -> Pin<Box<dyn Future<Output = ()> + '_>>;

    /// As [`Endpoint::open`], with this login as the first attempt at the first host.
    fn open<'a>(self: Box<Self>, request: &'a ProbeRequest) -> Work<'a, (Box<dyn Session>, Probe)>;

    /// Ends it without a session. It waits a moment for the login: MySQL counts those that a client breaks off, and refuses its
    /// host after `max_connect_errors` of them.
    fn end(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>>;
}

/// A parsed URL: everything needed to open a session.
pub(crate) trait Endpoint: fmt::Debug + Send + Sync {
    /// The stateless part of the engine.
    fn engine(&self) -> &'static dyn Engine;

    /// Where the database is, without secrets: `db:5432/app`.
    fn address(&self) -> String;

    /// The way to the database, part by part, up to the login; no part takes longer than `limit`.
    fn trace(&self, limit: Duration) -> Pin<Box<dyn Future<Output = Trace> + '_>>;

    /// Connects, logs in and probes; bounded in time by the URL's connect timeout.
    fn open<'a>(&'a self, request: &'a ProbeRequest) -> Work<'a, (Box<dyn Session>, Probe)>;

    /// Begins to log in, as a task of the runtime that this is called on; not for a password that a command gives. `None` where a
    /// session is opened without a server.
    fn begin_login(&self) -> Option<Box<dyn PendingLogin>> {
        None
    }

    /// Creates the database; it is no error if it appeared meanwhile.
    fn create_database(&self) -> Work<'_, ()>;

    /// A database of this name, which does not exist yet, beside this one.
    fn scratch(&self, name: &str) -> Arc<dyn Endpoint>;

    /// Drops the database. Only called on a [`Endpoint::scratch`].
    fn drop_scratch(&self) -> Work<'_, ()>;

    /// The schema that the URL names.
    fn schema(&self) -> Option<&str> {
        None
    }

    /// The role that the URL logs in with, where the engine has roles.
    fn role(&self) -> Option<&str> {
        None
    }

    /// The name of the database, where the engine has servers.
    fn database(&self) -> Option<&str> {
        None
    }

    /// Every password that a login may use.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// The same, which gets its password from a command at each login.
    ///
    /// # Errors
    /// [`Error::Settings`] where a password is given already, and where the engine has none.
    fn with_password_command(&self, _command: &PasswordCommand) -> Result<Arc<dyn Endpoint>, Error> {
        let product = self.engine().dialect().product();
        Err(Error::Settings(format!(
            "password_command is set, but {product} has no passwords\nnext: drop the setting, or correct the URL"
        )))
    }

    /// The same, whose sessions act as this role from their beginning.
    ///
    /// # Errors
    /// [`Error::Settings`] where the tables of the engine have no owners.
    fn with_role(&self, _role: &str) -> Result<Arc<dyn Endpoint>, Error> {
        let product = self.engine().dialect().product();
        Err(Error::Settings(format!(
            "migrate_role is set, but tables of {product} have no owner, so that a role would not make them another's\n\
             next: drop the setting, and log in with an account that has the rights"
        )))
    }

    /// The same, whose sessions look up unqualified names in `schema`, then in those of `path`.
    ///
    /// # Errors
    /// [`Error::Settings`] for an engine whose sessions cannot change the schema.
    fn with_schema(&self, _schema: &str, _path: &[String]) -> Result<Arc<dyn Endpoint>, Error> {
        let product = self.engine().dialect().product();
        Err(Error::Settings(format!(
            "schemas_from is set, but doorstep migrates many schemas on PostgreSQL only, not on {product}\n\
             next: drop the setting, or start doorstep once for each database"
        )))
    }

    /// The role that sessions act as, where it is another one than that of the login.
    fn acting_role(&self) -> Option<&str> {
        None
    }

    /// The variable with options for the sessions of the engine's own clients, and its value, that makes them act as that role.
    fn acting_options(&self) -> Option<(&'static str, String)> {
        None
    }

    /// The variable in which the engine's own clients look for a password.
    fn password_variable(&self) -> Option<&'static str> {
        None
    }

    /// Parameters of the URL that have no effect, for one warning each.
    fn warnings(&self) -> &[String] {
        &[]
    }
}

/// The error of a login with two passwords; `places` are those of the other one.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) fn two_passwords(places: &str) -> Error {
    Error::Settings(format!("both password_command and a password ({places}) are set\nnext: keep one of them"))
}
