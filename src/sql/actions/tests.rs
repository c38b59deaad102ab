use super::*;
use crate::sql::Dialect;
use crate::sql::actions::column::Generated;
use crate::sql::actions::constraint::ConstraintKind;
use crate::sql::script::statements;

/// The kinds, each with its object: `AddColumn column t.a`.
fn told(text: &str, dialect: Dialect) -> String {
    let tell = |action: &Action| {
        let kind = format!("{:?}", action.kind);
        let kind = kind.split([' ', '(', '{']).next().unwrap_or_default().to_owned();
        action.object.as_ref().map_or(kind.clone(), |object| format!("{kind} {object}"))
    };
    actions(&statements(text, dialect)[0]).iter().map(tell).collect::<Vec<_>>().join(", ")
}

#[test]
fn statements_are_read_with_what_they_are_on() {
    for (text, expected) in [
        ("CREATE TABLE IF NOT EXISTS s.t (a int)", "CreateTable table s.t"),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON s.t (a)", "CreateIndex index s.i"),
        ("CREATE INDEX ON t (a)", "CreateIndex index "),
        ("DROP TABLE a, \"B\" CASCADE", "Drop table a, Drop table B"),
        ("ALTER TABLE ONLY t ADD a int, DROP b", "AddColumn column t.a, DropColumn column t.b"),
        ("ALTER TABLE t RENAME a TO b", "RenameColumn column t.a"),
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "SetTable table t"),
        ("UPDATE ONLY t SET a = 1", "Rows table t"),
        ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", "Rows table t"),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "Unread"),
        ("WITH x AS (SELECT 1), y AS NOT MATERIALIZED (\n  DELETE\n  FROM t RETURNING *) SELECT * FROM y", "Unread"),
        ("WITH x AS (WITH y AS (SELECT 1) UPDATE\nt SET a = 1 RETURNING *) SELECT * FROM x", "Unread"),
        (
            "WITH x AS (SELECT 'DELETE FROM u' AS \"UPDATE \" FROM u FOR UPDATE OF u) INSERT INTO t SELECT * FROM x",
            "Rows table t",
        ),
        ("COPY t (a) FROM STDIN", "Rows table t"),
        ("COPY t TO STDOUT", "Quiet table t"),
        ("COMMENT ON COLUMN s.t.a IS 'x'", "Attach column s.t.a"),
        ("ALTER TYPE e ADD VALUE IF NOT EXISTS 'x'", "AddValue type e"),
        ("CREATE TRIGGER x AFTER INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()", "Attach table t"),
        ("CREATE RULE r AS ON INSERT TO t DO NOTHING", "Attach table t"),
        ("LOCK TABLE t IN SHARE MODE", "LockTable table t"),
        ("SET LOCAL lock_timeout = '5s'", "Set"),
        ("GRANT SELECT ON t TO r", "Quiet"),
        ("DO $$ BEGIN END $$", "Code"),
        ("SELECT f(1)", "Code"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "Quiet"),
        ("SOMETHING ELSE", "Unread"),
        ("ALTER TABLE t FROBNICATE", "SetTable table t"),
        ("CREATE WIDGET w", "Unread"),
    ] {
        assert_eq!(told(text, Dialect::Postgres), expected, "{text}");
    }
    for (text, expected) in [
        (
            "ALTER TABLE t ADD KEY k (a), DROP KEY j, MODIFY a INT",
            "CreateIndex index k, Drop index j, Redeclare column t.a",
        ),
        ("ALTER TABLE t ADD (a INT, b INT), ALGORITHM=INPLACE", "AddColumn column t.a, AddColumn column t.b"),
        ("RENAME TABLE a TO b, c TO d", "Rename table a, Rename table c"),
        ("RENAME TABLE a.t TO b.t, a.u TO a.v", "Rename table a.t, Rename table a.u"),
        ("ALTER TABLE a.t RENAME TO b.u", "Rename table a.t"),
        ("DROP INDEX i ON t", "Drop index i"),
        ("INSERT IGNORE INTO t SET a = 1", "Rows table t"),
        ("CREATE DEFINER = a@b SQL SECURITY INVOKER PROCEDURE p() SELECT 1", "Quiet"),
        ("ALTER TABLE t ENGINE = InnoDB", "SetTable table t"),
    ] {
        assert_eq!(told(text, Dialect::Mysql), expected, "{text}");
    }
}

#[test]
fn a_column_is_read_with_all_that_is_declared() {
    let column =
        |text: &str, dialect| match actions(&statements(&format!("ALTER TABLE t ADD COLUMN a {text}"), dialect)[0])
            .remove(0)
            .kind
        {
            ActionKind::AddColumn(column) => column,
            other => panic!("{text}: {other:?}"),
        };
    let read = |text| column(text, Dialect::Postgres);
    let one = read("numeric(10, 2) NOT NULL DEFAULT -1.5 CHECK (a > 0)");
    assert_eq!((one.type_name.as_str(), one.default.as_deref()), ("numeric(10, 2)", Some("-1.5")));
    assert!(one.not_null && one.checked && !one.indexed);
    let two = read("timestamp with time zone DEFAULT now() AT TIME ZONE 'utc' NOT NULL");
    assert_eq!(
        (two.type_name.as_str(), two.default.as_deref()),
        ("timestamp with time zone", Some("now() AT TIME ZONE 'utc'"))
    );
    let three = read("uuid DEFAULT NULL REFERENCES s.u (id) ON DELETE SET NULL");
    assert!(!three.not_null && three.references.unwrap().name == "u");
    assert_eq!(read("bigint GENERATED ALWAYS AS IDENTITY").generated, Some(Generated::Numbered));
    assert_eq!(read("int GENERATED ALWAYS AS (b + 1) STORED").generated, Some(Generated::Stored));
    assert_eq!(read("character varying(20) COLLATE \"C\"").type_name, "character varying(20)");
    let mysql = |text| column(text, Dialect::Mysql);
    let four = mysql("VARCHAR(9) CHARACTER SET utf8mb4 NOT NULL DEFAULT 'x' COMMENT 'NOT NULL' AFTER b");
    assert_eq!((four.type_name.as_str(), four.placed, four.not_null), ("VARCHAR(9)", true, true));
    assert_eq!(mysql("INT AUTO_INCREMENT").generated, Some(Generated::Numbered));
    assert!(!mysql("TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP").not_null);
}

#[test]
fn a_constraint_is_read_with_how_it_is_added() {
    let constraint = |text: &str| match actions(&statements(&format!("ALTER TABLE t ADD {text}"), Dialect::Postgres)[0])
        .remove(0)
        .kind
    {
        ActionKind::AddConstraint(constraint) => constraint,
        other => panic!("{text}: {other:?}"),
    };
    let one = constraint("CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id) ON DELETE CASCADE NOT VALID");
    assert_eq!((one.kind, one.not_valid, one.name.as_deref()), (ConstraintKind::ForeignKey, true, Some("f")));
    assert_eq!(one.references.unwrap().name, "u");
    assert!(!constraint("CHECK (a IS NOT NULL)").not_valid);
    assert!(constraint("CONSTRAINT c UNIQUE USING INDEX i").using_index);
    assert!(!constraint("CONSTRAINT c UNIQUE (a) USING INDEX TABLESPACE s").using_index);
    assert_eq!(constraint("CONSTRAINT c NOT NULL a NOT VALID").kind, ConstraintKind::NotNull);
}

#[test]
fn which_rows_are_written_is_told_by_the_condition() {
    let extent = |text: &str| match actions(&statements(text, Dialect::Postgres)[0]).remove(0).kind {
        ActionKind::Rows(change) => change.extent,
        other => panic!("{text}: {other:?}"),
    };
    let columns = |names: &[&str]| Extent::Equal(names.iter().map(|name| (*name).to_owned()).collect());
    for (text, expected) in [
        ("UPDATE t SET a = 1", Extent::All),
        ("UPDATE t SET a = 1 WHERE t.id = 3", columns(&["id"])),
        ("UPDATE t SET a = 1 WHERE id IN (1, 2) AND b IS NULL", columns(&["id"])),
        ("UPDATE t SET a = 1 WHERE id = 3 OR b = 4", Extent::Condition),
        ("UPDATE t SET a = 1 WHERE id = other", Extent::Condition),
        ("DELETE FROM t WHERE id IN (SELECT 1)", Extent::Condition),
        ("DELETE FROM t", Extent::All),
        ("INSERT INTO t (a) VALUES (1), (2)", Extent::Listed),
        ("INSERT INTO t SELECT 1, 'x'", Extent::Listed),
        ("INSERT INTO t SELECT * FROM u", Extent::Condition),
        ("INSERT INTO t DEFAULT VALUES", Extent::Listed),
    ] {
        assert_eq!(extent(text), expected, "{text}");
    }
}
