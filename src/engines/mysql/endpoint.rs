//! A parsed URL as an [`Endpoint`].

use std::borrow::Cow;
use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::base::error::Error;
use crate::base::fault::{Class, Condition, Fault};
use crate::base::password_command::PasswordCommand;
use crate::base::plain_name::shown_path;
use crate::engines::endpoint::{Endpoint, PendingLogin, two_passwords};
use crate::engines::engine::{Engine, Probe, ProbeRequest};
use crate::engines::mysql::catalog::{self, Mysql};
use crate::engines::mysql::client::Client;
use crate::engines::mysql::session::Session;
use crate::engines::mysql::{SQL, Target, opening, queries, trace};
use crate::engines::net::login::LoginTask;
use crate::engines::net::{silent, until_answered};
use crate::engines::session::{self, Work};
use crate::engines::trace::Trace;

/// How long CREATE and DROP DATABASE may take at least: they write and delete files.
const MAINTENANCE: Duration = Duration::from_secs(30);

impl Target {
    /// The same, with the password that the command prints now.
    pub(crate) async fn with_new_password(&self) -> Result<Cow<'_, Self>, Fault> {
        let Some(command) = &self.password_command else { return Ok(Cow::Borrowed(self)) };
        let password = command.password().await?.expose().to_owned();
        Ok(Cow::Owned(Self { password: Some(password), ..self.clone() }))
    }

    /// One attempt, with a login that may have begun.
    async fn attempt(
        &self,
        request: &ProbeRequest,
        begun: Option<LoginTask<Client>>,
    ) -> Result<(Box<dyn session::Session>, Probe), Fault> {
        let has_probed = Cell::new(false);
        let attempt = async {
            let client = match begun {
                Some(login) => login.done().await?,
                None => Client::connect(self, Some(&self.database)).await?,
            };
            self.probe(client, request, &has_probed).await
        };
        let (session, probe) = until_answered(self.connect_timeout, &has_probed, attempt).await?;
        Ok((Box::new(session), probe))
    }

    async fn probe(
        &self,
        mut client: Client,
        request: &ProbeRequest,
        has_probed: &Cell<bool>,
    ) -> Result<(Session, Probe), Fault> {
        let (rows, ahead) = opening::ask(&mut client, request, has_probed).await?;
        let (id, server, character_set) = catalog::of_session(&rows);
        let mut probe = Mysql.probe(request).read(rows)?;
        // A server that ignores the client's character set (--skip-character-set-client-handshake), also in what was asked ahead.
        match character_set.as_str() {
            "utf8mb4" => probe.ahead = ahead,
            _ => client.send("SET NAMES utf8mb4").await.map(drop)?,
        }
        Ok((Session::new(self.clone(), client, id, server), probe))
    }

    /// Runs a statement about databases, in a session without one: a limited role cannot use another.
    async fn maintain(&self, known: Option<String>, sql: String) -> Result<(), Fault> {
        let target = self.with_new_password().await?;
        let work = async {
            let mut client = Client::connect(&target, None).await?;
            if let Some(known) = known
                && !client.send(known).await?.rows.is_empty()
            {
                client.close().await;
                return Ok(());
            }
            let done = client.send(sql).await.map(drop);
            client.close().await;
            done
        };
        let timeout = self.connect_timeout.max(MAINTENANCE);
        tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| Err(silent(timeout)))
    }
}

/// A login to the target.
struct Pending {
    target: Target,
    login: LoginTask<Client>,
}

impl PendingLogin for Pending {
    fn ended(&mut self) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(self.login.ended())
    }

    fn open<'a>(self: Box<Self>, request: &'a ProbeRequest) -> Work<'a, (Box<dyn session::Session>, Probe)> {
        Box::pin(async move { self.target.attempt(request, Some(self.login)).await })
    }

    fn end(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async {
            if let Some(client) = self.login.unneeded().await {
                client.close().await;
            }
        })
    }
}

impl Endpoint for Target {
    fn engine(&self) -> &'static dyn Engine {
        &Mysql
    }

    fn address(&self) -> String {
        match &self.socket {
            Some(socket) => format!("{}/{}", shown_path(socket), self.database),
            None if self.host.contains(':') => format!("[{}]:{}/{}", self.host, self.port, self.database),
            None => format!("{}:{}/{}", self.host, self.port, self.database),
        }
    }

    fn trace(&self, limit: Duration) -> Pin<Box<dyn Future<Output = Trace> + '_>> {
        Box::pin(trace::trace(self, limit))
    }

    fn open<'a>(&'a self, request: &'a ProbeRequest) -> Work<'a, (Box<dyn session::Session>, Probe)> {
        Box::pin(async move { self.with_new_password().await?.attempt(request, None).await })
    }

    fn begin_login(&self) -> Option<Box<dyn PendingLogin>> {
        let target = self.clone();
        let login = LoginTask::begin(async move { Client::connect(&target, Some(&target.database)).await });
        Some(Box::new(Pending { target: self.clone(), login }))
    }

    /// `CREATE DATABASE IF NOT EXISTS` needs the right to create also where the database exists, so it is looked for first.
    fn create_database(&self) -> Work<'_, ()> {
        Box::pin(async move {
            let condition = queries::same("schema_name", &self.database);
            let known = format!("SELECT 1 FROM information_schema.schemata WHERE {condition}");
            match self.maintain(Some(known), queries::create_database(&self.database)).await {
                Err(fault) if fault.condition == Some(Condition::AlreadyExists) => Ok(()),
                created => created,
            }
        })
    }

    fn scratch(&self, name: &str) -> Arc<dyn Endpoint> {
        Arc::new(Self { database: name.to_owned(), ..self.clone() })
    }

    fn drop_scratch(&self) -> Work<'_, ()> {
        Box::pin(async move {
            match self.maintain(None, format!("DROP DATABASE IF EXISTS {}", SQL.identifier(&self.database))).await {
                // Without the right on it, it was not created either.
                Err(fault) if fault.class == Class::NoDatabase || fault.condition == Some(Condition::MayNotConnect) => {
                    Ok(())
                }
                dropped => dropped,
            }
        })
    }

    fn role(&self) -> Option<&str> {
        Some(&self.user)
    }

    fn database(&self) -> Option<&str> {
        Some(&self.database)
    }

    fn secrets(&self) -> Vec<String> {
        self.password.iter().chain(&self.other_secrets).cloned().collect()
    }

    fn with_password_command(&self, command: &PasswordCommand) -> Result<Arc<dyn Endpoint>, Error> {
        match self.password {
            Some(_) => Err(two_passwords("in the URL")),
            None => Ok(Arc::new(Self { password_command: Some(command.clone()), ..self.clone() })),
        }
    }

    fn password_variable(&self) -> Option<&'static str> {
        Some("MYSQL_PWD")
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
