//! A parsed URL as an [`Endpoint`].

use std::sync::Arc;

use crate::base::fault::{Class, Fault};
use crate::engines::endpoint::Endpoint;
use crate::engines::engine::{Engine, Probe, ProbeRequest};
use crate::engines::mysql::catalog::Mysql;
use crate::engines::mysql::client::Client;
use crate::engines::mysql::session::Session;
use crate::engines::mysql::{SQL, Target};
use crate::engines::session::{Session as _, Work};

impl Endpoint for Target {
    fn engine(&self) -> &'static dyn Engine {
        &Mysql
    }

    fn address(&self) -> String {
        format!("{}:{}/{}", self.host, self.port, self.database)
    }

    fn open<'a>(&'a self, request: &'a ProbeRequest) -> Work<'a, (Box<dyn crate::engines::session::Session>, Probe)> {
        Box::pin(async move {
            let opened = async {
                let client = Client::connect(self, Some(&self.database)).await?;
                let mut session = Session::new(self.clone(), client).await?;
                let query = Mysql.probe(request);
                let rows = session.query(query.sql.clone().unwrap_or_default()).await?;
                Ok((Box::new(session) as Box<dyn crate::engines::session::Session>, query.read(rows)?))
            };
            match tokio::time::timeout(self.connect_timeout, opened).await {
                Ok(opened) => opened,
                Err(_) => Err(Fault::new(Class::Unreachable, "no answer")),
            }
        })
    }

    fn create_database(&self) -> Work<'_, ()> {
        Box::pin(async move {
            let mut client = Client::connect(self, None).await?;
            let sql = format!("CREATE DATABASE IF NOT EXISTS {}", SQL.identifier(&self.database));
            client.send(sql).await?;
            client.close().await;
            Ok(())
        })
    }

    fn scratch(&self, name: &str) -> Arc<dyn Endpoint> {
        Arc::new(Self { database: name.to_owned(), ..self.clone() })
    }

    fn drop_scratch(&self) -> Work<'_, ()> {
        Box::pin(async move {
            let mut client = Client::connect(self, None).await?;
            client.send(format!("DROP DATABASE IF EXISTS {}", SQL.identifier(&self.database))).await?;
            client.close().await;
            Ok(())
        })
    }

    fn role(&self) -> Option<&str> {
        Some(&self.user)
    }

    fn database(&self) -> Option<&str> {
        Some(&self.database)
    }

    fn secrets(&self) -> Vec<String> {
        self.password.iter().cloned().collect()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
