//! What `lint` calls online DDL of MySQL and MariaDB, held against the server: `ALGORITHM=INPLACE, LOCK=NONE` makes it refuse a
//! statement during which others could not write.

use doorstep::internals::{Dialect, lint_effects};

use crate::support::{MysqlDatabase, mysql_refuses};

const SETUP: &str = "CREATE TABLE parent (id INT PRIMARY KEY, code VARCHAR(20) NOT NULL);\
CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(20), c TEXT, e ENUM('x', 'y'), parent_id INT, long_text VARCHAR(300) NOT NULL, \
KEY k (a), CONSTRAINT f FOREIGN KEY (parent_id) REFERENCES parent (id)) ENGINE = InnoDB;";

/// The actions of ALTER TABLE, and whether the server that the tests run on lets others write meanwhile. Where it does though `lint`
/// says that it copies, another version or product does not.
const ACTIONS: &[(&str, bool)] = &[
    ("ADD COLUMN x INT", true),
    ("ADD COLUMN x INT NOT NULL DEFAULT 3", true),
    ("ADD COLUMN x INT AFTER id", true),
    ("ADD COLUMN (x INT, y VARCHAR(3))", true),
    ("ADD INDEX i (a)", true),
    ("ADD UNIQUE KEY u (id, a)", true),
    ("ADD FULLTEXT INDEX g (c)", false),
    ("DROP INDEX k", true),
    ("DROP COLUMN c", true),
    ("CHANGE a aa INT", true),
    ("MODIFY a BIGINT", false),
    ("MODIFY b VARCHAR(30)", true),
    ("MODIFY b VARCHAR(10)", false),
    ("MODIFY b INT", false),
    ("MODIFY e ENUM('x', 'y', 'z')", true),
    ("MODIFY a INT NOT NULL", true),
    ("ALTER COLUMN a SET DEFAULT 3", true),
    ("ADD CONSTRAINT g FOREIGN KEY (a) REFERENCES parent (id)", false),
    ("DROP FOREIGN KEY f", true),
    ("ADD CONSTRAINT c CHECK (a > 0)", false),
    ("DROP PRIMARY KEY", false),
    ("ADD COLUMN x INT GENERATED ALWAYS AS (a + 1) STORED", false),
    ("CONVERT TO CHARACTER SET latin1", false),
    ("ENGINE = InnoDB", true),
    ("COMMENT = 'x'", true),
    ("RENAME TO tt", true),
];

#[test]
fn what_is_called_online_lets_others_write() {
    let mut wrong = Vec::new();
    for (action, lets_write) in ACTIONS {
        let database = MysqlDatabase::fresh();
        database.sql(SETUP);
        let expected = lint_effects(SETUP, &format!("ALTER TABLE t {action}"), Dialect::Mysql, None);
        let own = expected.iter().find(|effect| effect.object == "t" && effect.is_itself).unwrap();
        let is_online = matches!(own.lock, "instant" | "in place");
        // RENAME has no LOCK=NONE, since it takes no time.
        let clause = if action.starts_with("RENAME TO") { "" } else { ", ALGORITHM=INPLACE, LOCK=NONE" };
        let accepted = !mysql_refuses(&database.name, &format!("ALTER TABLE t {action}{clause}"));
        if is_online != *lets_write || accepted != *lets_write {
            wrong.push(format!("{action}: {} expected, accepted: {accepted}", own.lock));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
