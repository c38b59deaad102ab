//! What is known after scripts.

use super::*;
use crate::sql::script::statements;

#[test]
fn tables_of_two_schemas_are_told_apart_where_both_are_written() {
    let mut known = Known::default();
    let dialect = Dialect::Postgres;
    let script =
        "CREATE TABLE a.users (id int, name text NOT NULL) PARTITION BY RANGE (id); CREATE INDEX i ON a.users (id);
                  CREATE TYPE a.role AS ENUM ('x'); CREATE TABLE b.users (id int, name varchar(9));
                  ALTER TABLE a.users SET SCHEMA c; DROP TABLE IF EXISTS d.users;";
    for statement in statements(script, dialect) {
        by_action(&statement, &known).iter().for_each(|of| known.learn(&of.action, dialect));
    }
    let table = |name| ObjectRef::written(ObjectKind::Table, name);
    let is_partitioned = ["c.users", "b.users", "a.users", "users"].map(|name| known.is_partitioned(&table(name)));
    assert_eq!(is_partitioned, [true, false, false, true]);
    let type_of =
        ["c.users", "b.users", "d.users"].map(|name| known.type_of(&table(name).part(ObjectKind::Column, "name")));
    assert_eq!(type_of, [Some("text"), Some("varchar(9)"), None]);
    let index = |name| known.table_of_index(&ObjectRef::written(ObjectKind::Index, name)).map(ToString::to_string);
    assert_eq!(
        [index("a.i"), index("i"), index("b.i")],
        [Some("table a.users".to_owned()), Some("table a.users".to_owned()), None]
    );
    assert_eq!(["a.role", "role", "b.role"].map(|name| known.is_enum(name)), [true, true, false]);
}
