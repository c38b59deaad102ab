//! What the service's account may do, where the engine tells that only to the account itself (MySQL, MariaDB): rights come from
//! grants for the server, the database, the table and its columns, from roles, and from what is given to every account, so doorstep
//! logs in as the service and asks what it sees.

use std::collections::HashMap;

use crate::base::fault::{Condition, Fault};
use crate::catalog::{Access, Catalog, Name};
use crate::engines::engine::OwnRights;
use crate::engines::session::Session;
use crate::finding::cause::Refusal;
use crate::finding::{Cause, Difference, DifferenceKind, Severity, Source};
use crate::sql::{ObjectKind, ObjectRef};

/// A session of the service's account, or why there is none.
pub(crate) type Service = Result<Box<dyn Session>, Fault>;

/// What the service's account may do with each table.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    /// The account, as the server calls it: `shop@%`.
    pub(crate) account: String,
    tables: HashMap<Name, Access>,
}

impl Rights {
    /// Compared with what the session of doorstep's own may read, which has the rights to migrate.
    fn of(own: OwnRights, service: OwnRights) -> Self {
        let readable: HashMap<Name, usize> = service.readable.into_iter().collect();
        let access = |name: &Name, columns: usize| match readable.get(name) {
            None => Access::Nothing,
            Some(0) if columns > 0 => Access::WriteOnly,
            Some(readable) if *readable < columns => Access::SomeColumns,
            Some(_) => Access::Granted,
        };
        let tables = own.readable.into_iter().map(|(name, columns)| (access(&name, columns), name));
        Self { account: service.account, tables: tables.map(|(access, name)| (name, access)).collect() }
    }

    /// What the account may do with this table; the server may compare names without case.
    pub(crate) fn access(&self, name: &Name) -> Access {
        let is_same = |other: &&Name| {
            other.schema.eq_ignore_ascii_case(&name.schema) && other.name.eq_ignore_ascii_case(&name.name)
        };
        let exact = self.tables.get(name);
        exact.or_else(|| self.tables.get(self.tables.keys().find(is_same)?)).copied().unwrap_or_default()
    }

    /// Notes it in a catalog that was read with other rights.
    pub(crate) fn note(&self, catalog: &mut Catalog) {
        for table in catalog.tables.iter_mut().chain(&mut catalog.view_columns) {
            table.access = self.tables.get(&table.name).copied().unwrap_or_default();
        }
    }
}

/// Asks both sessions, and closes the service's. `Err` says why the rights are unknown.
pub(crate) async fn read(session: &mut dyn Session, service: Service, schemas: &[String]) -> Result<Rights, Fault> {
    let own = session.own_rights(schemas).await?;
    match service {
        Ok(mut service) => {
            let rights = service.own_rights(schemas).await;
            service.close().await;
            rights.map(|rights| Rights::of(own, rights))
        }
        // It has no right on the database, not even to enter it.
        Err(fault) if fault.condition == Some(Condition::MayNotConnect) => Ok(Rights::of(own, OwnRights::default())),
        Err(fault) => Err(fault),
    }
}

/// That the rights are not known.
pub(crate) fn unknown(account: &str, fault: &Fault, home: &str) -> Difference {
    let object = ObjectRef::new(ObjectKind::Schema, None, home.to_owned());
    let source = Source::Named("DATABASE_URL".to_owned());
    let said = format!("the rights of {account} are unknown, because doorstep cannot log in as it: {fault}");
    let cause = Cause::Refused { refusal: Refusal::Other, said, at: None };
    Difference::new(Severity::Warning, DifferenceKind::Uncompared, object, source).caused(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_account_sees_less_of_is_hidden_from_it() {
        let name = |name: &str| Name { schema: "shop".into(), name: name.into() };
        let of = |account: &str, tables: &[(&str, usize)]| OwnRights {
            account: account.to_owned(),
            readable: tables.iter().map(|(table, columns)| (name(table), *columns)).collect(),
        };
        let own = of("owner@%", &[("a", 3), ("b", 3), ("c", 3), ("d", 3), ("empty", 0)]);
        let rights = Rights::of(own, of("shop@%", &[("a", 3), ("b", 1), ("c", 0), ("empty", 0)]));
        let access = ["a", "b", "c", "d", "empty", "new"].map(|table| rights.access(&name(table)));
        use Access::{Granted, Nothing, SomeColumns, WriteOnly};
        assert_eq!(access, [Granted, SomeColumns, WriteOnly, Nothing, Granted, Granted]);
        assert_eq!(rights.access(&name("D")), Nothing);
    }
}
