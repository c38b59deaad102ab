//! What a script does to the schema, object by object, each with its line: to tell people where something comes from.
//!
//! Hints, and no proof (that is `object`): what a DO block may run counts as run, and what is not understood counts as
//! nothing.

pub(crate) mod statement;

use crate::sql::cursor::Cursor;
use crate::sql::script::{Script, Statement, TokenKind, statements};
use crate::sql::{Dialect, ObjectRef};

/// One thing that a script does. Names are as the database stores them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The line of the file, from 1.
    pub line: usize,
    /// What is done.
    pub op: SchemaOp,
    /// To what.
    pub target: ObjectRef,
    /// The constraint that the part is known by as well: the name of a primary key, a foreign key, a unique constraint.
    pub constraint: Option<String>,
    /// What a column is declared or set to, in one line and without texts in quotes.
    pub wording: Option<String>,
}

/// What is done to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaOp {
    /// It is created.
    Creates {
        /// One that exists is passed over (`IF NOT EXISTS`).
        lenient: bool,
    },
    /// It is dropped.
    Drops,
    /// It gets this name.
    Renames(String),
    /// It goes to this schema; `None` for that of names which name none.
    Moves(Option<String>),
    /// A column's type, NULL or default is set.
    Sets(Aspect),
}

/// An aspect of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aspect {
    /// Its type.
    Type,
    /// Whether it may be NULL.
    Null,
    /// Its default.
    Default,
}

/// All that a script does to the schema, in its order.
#[must_use]
pub fn changes(script: &Script) -> Vec<Change> {
    let line = script.lines_before() + 1;
    let mut found = FoundChange { dialect: script.dialect(), line, changes: Vec::new() };
    found.script(script.text(), &script.statements());
    found.changes
}

/// What is found so far, and the line that is being read.
struct FoundChange {
    dialect: Dialect,
    line: usize,
    changes: Vec<Change>,
}

impl FoundChange {
    fn script(&mut self, text: &str, statements: &[Statement<'_>]) {
        let (mut line, mut at) = (self.line, 0);
        for statement in statements {
            line += breaks(&text[at..statement.offset]);
            at = statement.offset;
            if statement.starts(&["DO"]) {
                self.block(statement, line);
            } else {
                self.statement(statement.text, Cursor::of(statement), line);
            }
        }
    }

    /// The code of a DO block.
    fn block(&mut self, block: &Statement<'_>, line: usize) {
        for (offset, definition) in definitions(block) {
            let reader = Cursor::new(definition, self.dialect);
            self.statement(definition, reader, line + breaks(&block.text[..offset]));
        }
    }
}

/// The statements of a DO block that define something, each with its place in the block's text, in bytes. Each may have words
/// before it: `BEGIN IF … THEN ALTER TABLE …`.
pub(crate) fn definitions<'a>(block: &Statement<'a>) -> Vec<(usize, &'a str)> {
    let (mut found, mut place) = (Vec::new(), 0);
    for token in block.tokens() {
        if let Some(code) = in_dollars(token.text).filter(|_| !token.is_open) {
            let code_at = place + (token.text.len() - code.len()) / 2;
            for statement in statements(code, block.dialect()) {
                let begin = first_definition(&statement);
                if begin < statement.text.len() {
                    found.push((code_at + statement.offset + begin, &statement.text[begin..]));
                }
            }
        }
        place += token.text.len();
    }
    found
}

/// Where the first statement begins that defines something, in a piece of a DO block; its end where there is none.
fn first_definition(piece: &Statement<'_>) -> usize {
    let (mut at, mut before) = (0, String::new());
    for token in piece.tokens() {
        let is_verb = ["CREATE", "ALTER", "DROP"].iter().any(|verb| token.text.eq_ignore_ascii_case(verb));
        if is_verb && matches!(before.as_str(), "" | "BEGIN" | "THEN" | "ELSE" | "LOOP") {
            return at;
        }
        at += token.text.len();
        if token.kind != TokenKind::Blank {
            before = token.text.to_ascii_uppercase();
        }
    }
    piece.text.len()
}

/// What stands between `$tag$` and `$tag$`.
fn in_dollars(text: &str) -> Option<&str> {
    let tag = &text[..text.strip_prefix('$')?.find('$')? + 2];
    text[tag.len()..].strip_suffix(tag)
}

fn breaks(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// Tells the line of an offset; offsets only ever grow.
struct LineIndex<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl LineIndex<'_> {
    fn to(&mut self, offset: usize) -> usize {
        self.line += breaks(self.text.get(self.at..offset).unwrap_or_default());
        self.at = self.at.max(offset);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ObjectKind;

    fn all(script: &str) -> Vec<String> {
        told(script, Dialect::Postgres)
    }

    /// `3 + table s.t / Column("a")`: the line, what is done, to what.
    fn told(script: &str, dialect: Dialect) -> Vec<String> {
        let tell = |change: Change| {
            let target = change.target.to_string();
            let op = match change.op {
                SchemaOp::Creates { lenient: false } => "+".to_owned(),
                SchemaOp::Creates { lenient: true } => "+?".to_owned(),
                SchemaOp::Drops => "-".to_owned(),
                SchemaOp::Renames(name) => format!("to {name}:"),
                SchemaOp::Moves(schema) => format!("into {}:", schema.as_deref().unwrap_or("home")),
                SchemaOp::Sets(aspect) => format!("set {aspect:?}"),
            };
            let alias = change.constraint.map_or(String::new(), |name| format!(" as {name}"));
            let wording = change.wording.map_or(String::new(), |text| format!(" = {text}"));
            let on = change.target.table.filter(|_| change.target.kind == ObjectKind::Index);
            let on = on.map_or(String::new(), |table| format!(" on {table}"));
            format!("{} {op} {target}{on}{alias}{wording}", change.line)
        };
        changes(&Script::new(script.to_owned(), dialect)).into_iter().map(tell).collect()
    }

    #[test]
    fn tables_of_mysql_are_read_with_their_indexes() {
        let script = "CREATE TABLE `T` (\n  Id INT NOT NULL AUTO_INCREMENT,\n  `a` VARCHAR(191) NOT NULL,\n  UNIQUE INDEX `T_a_key`(`a`),\n  \
                      KEY k (a(10)),\n  PRIMARY KEY (`Id`)\n) DEFAULT CHARACTER SET utf8mb4;";
        assert_eq!(
            told(script, Dialect::Mysql),
            [
                "1 + table T",
                "2 + column T.Id = INT NOT NULL AUTO_INCREMENT",
                "3 + column T.a = VARCHAR(191) NOT NULL",
                "4 + index T_a_key on T as T_a_key",
                "5 + index k on T",
                "6 + primary_key T as T_pkey",
            ]
        );
        let script = "ALTER TABLE t ADD COLUMN b INT, ADD INDEX i (b), MODIFY a BIGINT,\n CHANGE c d INT, DROP FOREIGN KEY f, DROP KEY j,\n \
                      RENAME INDEX x TO y, ADD CONSTRAINT g FOREIGN KEY (b) REFERENCES u (Id);\nDROP INDEX i ON t;\n\
                      RENAME TABLE t TO u, `V` TO w, a.x TO b.x, a.y TO z;\nALTER TABLE a RENAME b;\nCREATE FULLTEXT INDEX n ON t (a)";
        assert_eq!(
            told(script, Dialect::Mysql),
            [
                "1 + column t.b = INT",
                "1 + index i on t",
                "1 set Type column t.a = BIGINT",
                "2 to d: column t.c",
                "2 - constraint t.f",
                "2 - index j on t",
                "3 to y: index x on t",
                "3 + foreign_key t.b as g",
                "4 - index i on t",
                "5 to u: table t",
                "5 to w: table V",
                "5 into b: table a.x",
                "5 to z: table a.y",
                "5 into home: table a.z",
                "6 to b: table a",
                "7 + index n on t",
            ]
        );
    }

    #[test]
    fn a_table_is_read_with_all_that_is_in_it() {
        let script = "-- CreateTable\nCREATE TABLE \"app\".\"Task\" (\n  \"id\" SERIAL NOT NULL,\n  title TEXT NOT NULL DEFAULT 'secret, (',\n  \
                      \"userId\" integer CONSTRAINT fk REFERENCES \"User\"(id) ON DELETE CASCADE,\n  email text UNIQUE,\n\n  \
                      CONSTRAINT \"Task_pkey\" PRIMARY KEY (\"id\"),\n  UNIQUE (title, email),\n  CONSTRAINT c CHECK (id > 0),\n  \
                      FOREIGN KEY (a, b) REFERENCES x (a, b)\n);";
        assert_eq!(
            all(script),
            [
                "2 + table app.Task",
                "3 + column app.Task.id = SERIAL NOT NULL",
                "4 + column app.Task.title = TEXT NOT NULL DEFAULT '…'",
                "5 + column app.Task.userId = integer CONSTRAINT fk REFERENCES \"User\"(id) ON DELETE CASCADE",
                "5 + foreign_key app.Task.userId as fk",
                "6 + column app.Task.email = text UNIQUE",
                "6 + index app.Task_email_key on Task as Task_email_key",
                "8 + primary_key app.Task as Task_pkey",
                "9 + index app.Task_title_email_key on Task as Task_title_email_key",
                "10 + constraint app.Task.c",
                "11 + foreign_key app.Task.a,b as Task_a_b_fkey",
            ]
        );
        assert_eq!(all("create table if not exists t as select 1; CREATE TEMP TABLE x (a int)"), ["1 +? table t"]);
        assert_eq!(
            told("CREATE TABLE [t] (`a` INT) STRICT, WITHOUT ROWID", Dialect::Sqlite),
            ["1 + table t", "1 + column t.a = INT"]
        );
    }

    #[test]
    fn a_table_is_altered_action_by_action() {
        assert_eq!(
            all(
                "ALTER TABLE t\n ADD COLUMN a numeric(10, 2),\n ADD IF NOT EXISTS b int,\n DROP COLUMN IF EXISTS c,\n DROP CONSTRAINT d,\n \
                 ALTER COLUMN e SET DATA TYPE bigint USING e::bigint,\n ALTER e DROP NOT NULL, ALTER e SET DEFAULT 'x',\n \
                 ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u,\n ADD CONSTRAINT g UNIQUE USING INDEX i, ENABLE ROW LEVEL SECURITY"
            ),
            [
                "2 + column t.a = numeric(10, 2)",
                "3 +? column t.b = int",
                "4 - column t.c",
                "5 - constraint t.d",
                "6 set Type column t.e = SET DATA TYPE bigint USING e::bigint",
                "7 set Null column t.e = DROP NOT NULL",
                "7 set Default column t.e = SET DEFAULT '…'",
                "8 + foreign_key t.a as f",
                "9 + index g on t as g",
            ]
        );
        assert_eq!(
            all(
                "ALTER TABLE ONLY s.t RENAME TO u; ALTER TABLE t RENAME a TO b; ALTER TABLE t RENAME CONSTRAINT a TO b; ALTER TABLE t SET SCHEMA z"
            ),
            ["1 to u: table s.t", "1 to b: column t.a", "1 to b: constraint t.a", "1 into z: table t",]
        );
    }

    #[test]
    fn everything_else_that_a_finding_can_be_about_is_found() {
        assert_eq!(
            all(
                "CREATE SCHEMA IF NOT EXISTS s; CREATE SCHEMA AUTHORIZATION r;\nCREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" SCHEMA x; \
                 CREATE OR REPLACE VIEW s.v AS SELECT 1; CREATE UNIQUE INDEX CONCURRENTLY \"i\" ON ONLY s.t (a); CREATE INDEX ON t (a);\n\
                 DROP INDEX CONCURRENTLY IF EXISTS s.i, j; ALTER INDEX i RENAME TO k; DROP SCHEMA s CASCADE; DROP TABLE a, b"
            ),
            [
                "1 +? schema s",
                "1 + schema r",
                "2 +? extension uuid-ossp",
                "2 + view s.v",
                "2 + index s.i on t",
                "3 - index s.i",
                "3 - index j",
                "3 to k: index i",
                "3 - schema s",
                "3 - table a",
                "3 - table b",
            ]
        );
        assert_eq!(
            all(
                "CREATE TYPE \"Role\" AS ENUM (\n 'A',\n 'it''s'); ALTER TYPE \"Role\" ADD VALUE IF NOT EXISTS 'B' BEFORE 'A'; \
                 ALTER TYPE \"Role\" RENAME VALUE 'A' TO 'C'; ALTER TYPE \"Role\" RENAME TO r; DROP TYPE r"
            ),
            [
                "1 + type Role",
                "2 + value Role.A",
                "3 + value Role.it's",
                "3 +? value Role.B",
                "3 to C: value Role.A",
                "3 to r: type Role",
                "3 - type r",
            ]
        );
    }

    #[test]
    fn what_a_do_block_may_run_counts() {
        let script = "SELECT 1;\nDO $$\nBEGIN\n  IF NOT EXISTS (SELECT 1) THEN\n    CREATE TYPE r AS ENUM ('A');\n  END IF;\n  \
                      PERFORM 'é'; ALTER TABLE t ADD COLUMN a int;\nEXCEPTION WHEN duplicate_object THEN NULL;\nEND $$;\nDROP TABLE x;";
        assert_eq!(all(script), ["5 + type r", "5 + value r.A", "7 + column t.a = int", "10 - table x"]);
    }

    #[test]
    fn whatever_is_cut_off_or_makes_no_sense_gives_nothing_more() {
        let script = "CREATE TABLE \"é\".\"t\" (a int, CONSTRAINT c PRIMARY KEY (a), UNIQUE (b)); ALTER TABLE t ADD COLUMN x text, \
                      ALTER COLUMN y SET DEFAULT 'é'; CREATE TYPE e AS ENUM ('é'); DO $x$ BEGIN DROP TABLE z; END $x$; DROP INDEX i, j";
        for (end, _) in script.char_indices() {
            for dialect in [Dialect::Postgres, Dialect::Sqlite] {
                drop(changes(&Script::new(script[..end].to_owned(), dialect)));
                drop(changes(&Script::new(script[end..].to_owned(), dialect)));
            }
        }
        assert_eq!(all("CREATE; ALTER; DROP; CREATE TABLE; DO $$; DO $$$$; DO 'x'; CREATE TABLE ("), [""; 0]);
    }

    #[test]
    fn the_time_grows_with_the_text_only() {
        let columns: Vec<String> = (0..20_000).map(|number| format!("\"c{number}\" integer NOT NULL")).collect();
        let script = format!("CREATE TABLE t (\n{}\n);\n", columns.join(",\n"));
        let began = std::time::Instant::now();
        assert_eq!(changes(&Script::new(script.to_owned(), Dialect::Postgres)).last().unwrap().line, 20_001);
        let open = "CREATE TABLE t (a ".repeat(20_000) + &"DO $$ BEGIN ".repeat(20_000);
        drop(changes(&Script::new(open.to_owned(), Dialect::Postgres)));
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    }
}
