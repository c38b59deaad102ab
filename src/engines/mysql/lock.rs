//! `GET_LOCK`: a lock of the session, with a name of the whole server. It survives COMMIT, ROLLBACK and DDL, and ends with
//! the session or with a script's RELEASE_ALL_LOCKS.
//!
//! A negative timeout waits on MySQL and locks nothing on MariaDB, so the lock is always polled with 0, and only the answer
//! 1 counts.

use crate::base::fault::{Class, Fault};
use crate::engines::mysql::SQL;
use crate::engines::mysql::session::Session;
use crate::engines::session::{LockKey, LockName};

/// A lock that a session holds.
#[derive(Debug)]
pub(crate) struct HeldLock {
    key: LockKey,
    /// Its name as the server has it.
    name: String,
}

/// The name of a lock, as an expression. Names are compared with case on MariaDB and without on MySQL, and have at most 64
/// characters, so that of a database is written in lower case, or hashed where it is long or not plain ASCII.
pub(crate) fn name(key: LockKey) -> String {
    match key.name {
        LockName::OfServer(name) => SQL.literal(name),
        LockName::Numbered(name) => SQL.literal(&format!("{name}{}", key.number)),
        LockName::Hexadecimal => SQL.literal(&format!("{:x}", key.number)),
        LockName::OfDatabase(name) => format!(
            "CONCAT({}, IF(DATABASE() REGEXP '^[A-Za-z0-9_]{{1,40}}$', LOWER(DATABASE()), LEFT(SHA2(DATABASE(), 256), 40)))",
            SQL.literal(&format!("{name} "))
        ),
    }
}

impl Session {
    /// Tries once to take a lock; `false` where another session has it.
    pub(crate) async fn lock(&mut self, key: LockKey) -> Result<bool, Fault> {
        if let Some(text) = self.server.refuses_locks() {
            return Err(Fault::new(Class::Config, text));
        }
        if self.locks.iter().any(|held| held.key == key) && self.holds_all().await? {
            return Ok(true);
        }
        let (id, expression) = (&self.id, name(key));
        // A proxy may have given the connection another session of the server since: nothing may be locked there.
        let sql = format!(
            "SELECT CONNECTION_ID() = {id}, IF(CONNECTION_ID() = {id}, GET_LOCK({expression}, 0), NULL), {expression}"
        );
        let row = self.run(sql).await?.pop().unwrap_or_default();
        let value = |index: usize| row.get(index).cloned().flatten();
        if value(0).as_deref() != Some("1") {
            return Err(pooled());
        }
        let lock = HeldLock { key, name: value(2).unwrap_or_default() };
        match value(1).as_deref() {
            Some("1") => {}
            Some("0") => return Ok(false),
            _ => {
                return Err(Fault::new(
                    Class::Statement,
                    format!("the server did not answer GET_LOCK('{}')", lock.name),
                ));
            }
        }
        self.locks.retain(|held| held.key != key);
        self.locks.push(lock);
        match self.holds_all().await? {
            true => Ok(true),
            false => Err(pooled()),
        }
    }

    /// The condition that this session, of this number, holds all its locks.
    pub(crate) fn holding(&self) -> String {
        let held = |lock: &HeldLock| format!("IS_USED_LOCK({}) <=> {}", SQL.literal(&lock.name), self.id);
        let held: Vec<String> =
            std::iter::once(format!("CONNECTION_ID() = {}", self.id)).chain(self.locks.iter().map(held)).collect();
        held.join(" AND ")
    }

    async fn holds_all(&mut self) -> Result<bool, Fault> {
        let sql = format!("SELECT {}", self.holding());
        Ok(is_one(self.client.send(sql).await?.rows.first()))
    }

    /// Takes again what a script has released.
    ///
    /// # Errors
    /// `Class::Statement` where another session has taken it meanwhile.
    pub(crate) async fn retake(&mut self) -> Result<(), Fault> {
        let names: Vec<String> = self.locks.iter().map(|lock| SQL.literal(&lock.name)).collect();
        for name in names {
            let own = format!("IS_USED_LOCK({name}) <=> CONNECTION_ID()");
            let rows = self.client.send(format!("SELECT IF({own}, 1, GET_LOCK({name}, 0))")).await?.rows;
            if !is_one(rows.first()) {
                let text = "the script dropped the migration lock, and another session has taken it";
                return Err(Fault::new(Class::Statement, text));
            }
        }
        Ok(())
    }

    /// Makes sure that this session holds its locks.
    pub(crate) async fn ensure_locks(&mut self) -> Result<(), Fault> {
        match self.locks.is_empty() || self.holds_all().await? {
            true => Ok(()),
            false => self.retake().await,
        }
    }

    /// The session will be idle while a child works: the server must not end it for that.
    pub(crate) async fn lift_limits(&mut self) -> Result<(), Fault> {
        // A year, the most that both servers take.
        self.run("SET SESSION wait_timeout = 31536000".to_owned()).await.map(drop)
    }

    /// Whether the lock is still held, without taking it again.
    pub(crate) async fn check_held(&mut self) -> Result<(), Fault> {
        match self.holds_all().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Fault::new(Class::Unreachable, "the session that held the migration lock has lost it")),
            Err(fault) if fault.class.is_transient() => Err(fault),
            Err(_) => Ok(()),
        }
    }
}

/// The first value of a row is true.
pub(crate) fn is_one(row: Option<&crate::sql::Row>) -> bool {
    row.and_then(|row| row.first()?.as_deref()) == Some("1")
}

fn pooled() -> Fault {
    Fault::new(
        Class::Config,
        "the connection changes between sessions of the server (a proxy that multiplexes), so that a lock of a session excludes \
         nothing\nnext: give the address of the server itself as migrate_url (DOORSTEP_MIGRATE_URL)",
    )
}
