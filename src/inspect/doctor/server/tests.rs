use std::time::Duration;

use super::*;
use crate::base::fault::{Class, Fault};
use crate::engines::inspector::{SchemaRights, TableLock};
use crate::inspect::doctor::State;
use crate::sql::TableName;

fn schema(name: &str, exists: bool, may_use: bool, may_create: bool) -> SchemaRights {
    SchemaRights { name: name.to_owned(), exists, may_use, may_create }
}

#[test]
fn what_a_role_lacks_is_named_with_its_grant() {
    let rights = |may_create_schemas, schemas: &[SchemaRights]| OwnedRights {
        may_create_schemas,
        schemas: schemas.to_vec(),
        ..OwnedRights::default()
    };
    let public = schema("public", true, true, true);
    let line = owned(&rights(false, std::slice::from_ref(&public)), "app", true);
    assert_eq!((line.state, line.message.as_str()), (State::Ok, "may create in public"));
    let line = owned(&rights(false, &[schema("public", true, true, false)]), "app", true);
    assert_eq!((line.state, line.code), (State::Broken, 77));
    assert!(line.next.unwrap().ends_with("GRANT CREATE ON SCHEMA \"public\" TO \"app\";"));
    let later = schema("Later", false, false, false);
    let line = owned(&rights(false, std::slice::from_ref(&later)), "app", true);
    assert!(line.next.unwrap().ends_with("CREATE SCHEMA \"Later\" AUTHORIZATION \"app\";"));
    assert_eq!(owned(&rights(true, std::slice::from_ref(&later)), "app", true).state, State::Ok);
    assert_eq!(owned(&rights(false, &[later]), "app", false).state, State::Ok);
    let others = OwnedRights {
        tables_of_others: vec![("public.users".parse::<TableName>().unwrap(), "owner".to_owned())],
        count_of_others: 4,
        ..rights(false, &[public])
    };
    let line = owned(&others, "app", true);
    assert!(line.message.contains("4 tables, e.g. public.users (owner)"), "{}", line.message);
    assert!(line.next.unwrap().contains("GRANT \"owner\" TO \"app\";"));
}

#[test]
fn privileges_that_a_role_may_give_are_unknown() {
    let rights = |privileges: &[&str], has_role| GrantedRights {
        account: "'app'@'%'".to_owned(),
        database: "shop".to_owned(),
        privileges: privileges.iter().map(|it| (*it).to_owned()).collect(),
        has_role,
    };
    assert_eq!(granted(&rights(&PRIVILEGES, false), true).state, State::Ok);
    let line = granted(&rights(&["SELECT"], false), true);
    assert_eq!((line.state, line.code), (State::Broken, 77));
    assert!(
        line.next
            .unwrap()
            .contains("GRANT INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON `shop`.* TO 'app'@'%';")
    );
    assert_eq!(granted(&rights(&["SELECT"], true), true).state, State::Unknown);
    assert_eq!(granted(&rights(&["SELECT"], false), false).state, State::Ok);
}

#[test]
fn a_server_that_is_nearly_full_is_odd() {
    let judged = |used, limit, reserved, of_role| {
        connections(&Connections { used, limit, reserved, of_role, of_database: None }).state
    };
    assert_eq!(judged(3, 100, 3, None), State::Ok);
    assert_eq!(judged(90, 100, 3, None), State::Odd);
    assert_eq!(judged(3, 100, 3, Some((5, 5))), State::Odd);
    let line = connections(&Connections { used: 3, limit: 100, reserved: 3, ..Connections::default() });
    assert_eq!(line.message, "3 of 97 in use, and 3 more for administrators");
}

#[test]
fn transactions_that_this_role_may_not_see_are_unknown() {
    let long = (Peer { pid: "7".to_owned(), ..Peer::default() }, Duration::from_secs(90));
    let of = |long: &[(Peer, Duration)], hidden| {
        let found = Transactions { least: Duration::ZERO, long: long.to_vec(), prepared: Vec::new(), hidden };
        transactions(&found, (Dialect::Postgres, "app")).state
    };
    assert_eq!(of(&[], 0), State::Ok);
    assert_eq!(of(&[], 2), State::Unknown);
    assert_eq!(of(std::slice::from_ref(&long), 0), State::Odd);
    assert_eq!(of(&[long], 2), State::Odd);
}

#[test]
fn locks_and_their_holders_are_odd() {
    assert_eq!(table_locks(&TableLocks::default(), Dialect::Postgres).state, State::Ok);
    let held = TableLock { table: "public.users".into(), mode: "ShareLock".into(), holder: Peer::default() };
    let line = table_locks(&TableLocks { held: vec![held], waiting: Vec::new() }, Dialect::Postgres);
    assert_eq!(line.state, State::Odd);
    assert_eq!(migration_lock(None).state, State::Ok);
    assert_eq!(migration_lock(Some(&Peer::default())).state, State::Odd);
}

#[test]
fn a_password_that_ends_soon_is_odd() {
    let of = |left| {
        let expires = Some(("2027-01-01T00:00:00Z".to_owned(), left));
        of_role(&RoleFacts { name: "app".to_owned(), attributes: vec!["CREATEDB".to_owned()], expires }).state
    };
    assert_eq!([of(-1), of(86_400), of(90 * 86_400)], [State::Odd, State::Odd, State::Ok]);
}

#[test]
fn a_pooler_in_transaction_mode_is_broken_where_a_start_would_migrate() {
    assert_eq!(pooler(Pooling::OfTransactions, true).code, 78);
    assert_eq!(pooler(Pooling::OfTransactions, false).state, State::Odd);
    assert_eq!(pooler(Pooling::OfSessions, true).state, State::Ok);
}

#[test]
fn what_was_not_answered_is_unknown_and_what_was_not_asked_skipped() {
    let line =
        |answer: Answer<Pooling>| answered(Stage::Pooler, &answer, |it| pooler(*it, true)).map(|line| line.state);
    assert_eq!(line(Answer::Refused(Fault::new(Class::Privilege, "denied"))), Some(State::Unknown));
    assert_eq!(line(Answer::NotAsked), Some(State::Skipped));
    assert_eq!(line(Answer::Nothing(None)), None);
}
