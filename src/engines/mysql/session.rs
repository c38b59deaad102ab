//! One session on a server.

use std::future::Future;
use std::pin::Pin;

use crate::base::fault::Fault;
use crate::engines::engine::Engine;
use crate::engines::engine::first_column;
use crate::engines::mysql::catalog::Mysql;
use crate::engines::mysql::client::Client;
use crate::engines::mysql::{SQL, Target};
use crate::engines::session::{Canceller, Conditions, LockKey, Unit, UnitResult, Work};
use crate::sql::Row;

/// A session.
pub(crate) struct Session {
    pub(crate) target: Target,
    pub(crate) client: Client,
    /// The server's number of the connection, for `KILL QUERY`.
    pub(crate) id: String,
}

impl Session {
    /// A session on a connection that has just logged in.
    pub(crate) async fn new(target: Target, mut client: Client) -> Result<Self, Fault> {
        let rows = client.send("SELECT CONNECTION_ID()".to_owned()).await?.rows;
        let id = first_column(rows).pop().unwrap_or_default();
        Ok(Self { target, client, id })
    }
}

impl crate::engines::session::Session for Session {
    fn engine(&self) -> &'static dyn Engine {
        &Mysql
    }

    fn query(&mut self, sql: String) -> Work<'_, Vec<Row>> {
        Box::pin(async move { Ok(self.client.send(sql).await?.rows) })
    }

    fn execute(&mut self, sql: String) -> Work<'_, ()> {
        Box::pin(async move { self.client.send(sql).await.map(drop) })
    }

    fn begin<'a>(&'a mut self, record: String, _conditions: Conditions<'a>) -> Work<'a, ()> {
        Box::pin(async move { self.client.send(record).await.map(drop) })
    }

    fn run_unit<'a>(&'a mut self, unit: &'a Unit<'a>) -> UnitResult<'a> {
        Box::pin(self.run_one(unit))
    }

    fn try_lock(&mut self, key: LockKey) -> Work<'_, bool> {
        Box::pin(async move {
            let sql = format!("SELECT GET_LOCK({}, 0)", SQL.literal(key.name));
            Ok(first_column(self.client.send(sql).await?.rows) == ["1"])
        })
    }

    fn canceller(&self) -> Canceller {
        let (target, id) = (self.target.clone(), self.id.clone());
        Box::new(move || {
            let (target, id) = (target.clone(), id.clone());
            Box::pin(async move {
                if let Ok(mut client) = Client::connect(&target, None).await {
                    let _ = client.send(format!("KILL QUERY {id}")).await;
                    client.close().await;
                }
            })
        })
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(self.client.close())
    }
}
