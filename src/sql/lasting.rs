//! What a list of scripts leaves behind, followed statement by statement in their order: which objects exist once all have
//! run, which do not, and of which the text does not tell. For `baseline`, which proves with it that scripts ran.

use std::collections::HashMap;

use crate::base::sorting;
use crate::sql::cursor::{Cursor, bare, stored};
use crate::sql::object_ref::are_in_one;
use crate::sql::objects::{created_by, names, removed_by};
use crate::sql::script::Statement;
use crate::sql::table_parts::renames;
use crate::sql::{Dialect, ObjectKind, ObjectRef};

/// An object of which the scripts tell for certain whether it exists once they have run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasting {
    /// The script that decided, from 0.
    pub script: usize,
    /// The object, its name cut as the engine cuts it.
    pub object: ObjectRef,
    /// It exists; otherwise a script has dropped or renamed it.
    pub exists: bool,
}

/// Follows the scripts, each as its statements.
#[must_use]
pub fn lasting(scripts: &[Vec<Statement<'_>>], dialect: Dialect) -> Vec<Lasting> {
    let mut world = World { dialect, script: 0, known: Vec::new(), by_name: HashMap::new() };
    for (script, statements) in scripts.iter().enumerate() {
        world.script = script;
        statements.iter().for_each(|statement| world.run(statement));
    }
    let mut lasting: Vec<Lasting> = world.known.into_iter().filter(|known| !known.unclear).map(|it| it.last).collect();
    sorting::sort_by_key(&mut lasting, |object| object.script);
    lasting
}

/// What is known of one object.
struct Known {
    last: Lasting,
    /// Something that is not followed may have changed it.
    unclear: bool,
    /// A partition goes with the table that it is a part of.
    is_partition: bool,
}

struct World {
    dialect: Dialect,
    script: usize,
    known: Vec<Known>,
    /// Places in `known`, by the name as the engine compares it.
    by_name: HashMap<String, Vec<usize>>,
}

impl World {
    fn run(&mut self, statement: &Statement<'_>) {
        let is = |words: &[&str]| statement.starts(words);
        if is(&["ROLLBACK"]) || is(&["ABORT"]) || is(&["DROP", "OWNED"]) || (is(&["DROP"]) && statement.has("CASCADE"))
        {
            // It may have taken anything; but what it names is gone.
            self.doubt(|_| true);
            return self.plain(statement);
        }
        if is(&["DO"]) || is(&["CALL"]) {
            return self.doubt_code(statement.text);
        }
        if is(&["RENAME"]) {
            let mut reader = Cursor::of(statement);
            reader.take("RENAME");
            let renames = renames(&mut reader);
            return match renames.lenient {
                true => self.doubt_mentioned(statement, true),
                false => renames.tables.iter().for_each(|(old, new)| self.rename(old, new)),
            };
        }
        // Several actions of one statement, whose order the text does not tell.
        let renames_parts = statement.has("RENAME") || statement.has("CHANGE");
        let is_plain = statement.has_pair("RENAME", "TO") && !statement.text.contains(',');
        if is(&["ALTER"]) && self.dialect.rules().keeps_indexes_in_tables && renames_parts && !is_plain {
            return self.doubt_mentioned(statement, true);
        }
        if is(&["ALTER"]) && self.alter(statement) {
            return;
        }
        if is(&["CREATE"]) && statement.has("REPLACE") {
            return self.doubt_mentioned(statement, true);
        }
        self.plain(statement);
    }

    /// A statement that creates and drops by name. Of one ALTER TABLE, PostgreSQL drops before it adds (the passes of
    /// ATController in its source), in whichever order they are written.
    fn plain(&mut self, statement: &Statement<'_>) {
        for object in removed_by(statement) {
            self.gone(&object);
        }
        for object in created_by(statement) {
            if object.kind == ObjectKind::Table && !statement.has("EXISTS") {
                self.forget_parts(&object);
            }
            let place = self.set(&object, true);
            self.known[place].is_partition = statement.has("PARTITION") || statement.has("INHERITS");
        }
        if statement.starts(&["ALTER"]) && statement.has("INDEX") {
            // ADD CONSTRAINT … USING INDEX i gives the index the name of the constraint.
            let mut reader = Cursor::of(statement);
            while let Some(token) = reader.step() {
                if token.text.eq_ignore_ascii_case("USING")
                    && reader.take("INDEX")
                    && let Some(index) = reader.name()
                {
                    let index = self.key(&bare(&index));
                    self.doubt_named(&[index], |object| object.kind == ObjectKind::Index);
                }
            }
        }
    }

    /// Renames and moves; true where the statement was one, understood or not.
    fn alter(&mut self, statement: &Statement<'_>) -> bool {
        let mut reader = Cursor::of(statement);
        reader.take("ALTER");
        reader.take("MATERIALIZED");
        let kinds = [
            ("TABLE", ObjectKind::Table),
            ("INDEX", ObjectKind::Index),
            ("VIEW", ObjectKind::View),
            ("SEQUENCE", ObjectKind::Sequence),
            ("TYPE", ObjectKind::Type),
            ("DOMAIN", ObjectKind::Type),
            ("SCHEMA", ObjectKind::Schema),
        ];
        let kind = kinds.into_iter().find(|(word, _)| reader.take(word)).map(|(_, kind)| kind);
        let is_lenient = reader.take_all(&["IF", "EXISTS"]);
        reader.take("ONLY");
        let whole = kind.zip(reader.name()).map(|(kind, name)| ObjectRef::written(kind, &name));
        let (renames, moves) = (statement.has("RENAME"), statement.has("SCHEMA") && kind != Some(ObjectKind::Schema));
        let Some(whole) = whole.filter(|_| !is_lenient) else {
            self.doubt_mentioned(statement, true);
            return true;
        };
        if reader.take_all(&["RENAME", "TO"]) {
            if let Some(new) = reader.name() {
                self.rename(&whole, &whole.renamed(&new, self.dialect));
            }
        } else if kind == Some(ObjectKind::Table) && reader.take("RENAME") {
            let part = if reader.take("CONSTRAINT") { ObjectKind::Constraint } else { ObjectKind::Column };
            reader.take("COLUMN");
            if let (Some(old), true, Some(new)) = (reader.name(), reader.take("TO"), reader.name()) {
                self.gone(&whole.part(part, bare(&old)));
                self.set(&whole.part(part, bare(&new)), true);
            }
        } else if renames || moves {
            self.doubt_mentioned(statement, false);
            self.doubt(|object| object.table.as_deref() == Some(whole.name.as_str()));
        } else {
            return false;
        }
        true
    }

    /// A whole becomes another one, on MySQL perhaps of another schema, and its parts with it.
    fn rename(&mut self, whole: &ObjectRef, new: &ObjectRef) {
        let is_schema = whole.kind == ObjectKind::Schema;
        for place in 0..self.known.len() {
            let object = &mut self.known[place].last.object;
            if is_schema && object.schema.as_deref() == Some(whole.name.as_str()) {
                object.schema = Some(new.name.clone());
            } else if object.table.as_deref() == Some(whole.name.as_str())
                && are_in_one(object.schema.as_deref(), whole.schema.as_deref())
            {
                object.table = Some(new.name.clone());
                if new.schema != whole.schema {
                    object.schema.clone_from(&new.schema);
                }
            }
        }
        self.set(whole, false);
        self.set(new, true);
    }

    /// An object is dropped, with what goes with it.
    fn gone(&mut self, object: &ObjectRef) {
        match object.kind {
            ObjectKind::Table => {
                self.forget_parts(object);
                // A serial's sequence and a partition go with their table.
                self.doubt_entries(|known| {
                    let ObjectRef { kind, table, .. } = &known.last.object;
                    let may_be_of_it = *kind == ObjectKind::Index && table.is_none();
                    known.is_partition || may_be_of_it || *kind == ObjectKind::Sequence
                });
            }
            ObjectKind::Column => {
                // So do an index, a check and a key that use the column: the text does not always tell which ones.
                let table = object.table.clone();
                self.doubt(|other| {
                    let uses = matches!(other.kind, ObjectKind::Index | ObjectKind::Constraint);
                    // An index that was renamed, or named without its table, may be on any.
                    let is_of = other.table == table || other.table.is_none();
                    (uses && is_of) || other.kind == ObjectKind::Sequence
                });
            }
            ObjectKind::Constraint => {
                let name = self.key(&object.name);
                self.doubt_named(&[name], |other| other.kind == ObjectKind::Index);
            }
            _ => {}
        }
        self.set(object, false);
    }

    /// The parts of a table that is dropped or made: what was known of them is of another table.
    fn forget_parts(&mut self, table: &ObjectRef) {
        self.doubt(|other| {
            other.table.as_deref() == Some(table.name.as_str())
                && are_in_one(other.schema.as_deref(), table.schema.as_deref())
        });
    }

    /// Notes whether an object exists; its place. Where one spelling names a schema and another does not, they are taken for
    /// the same object.
    fn set(&mut self, object: &ObjectRef, exists: bool) -> usize {
        let object = self.clipped(object);
        let key = self.key(&object.name);
        let places = self.by_name.get(&key).cloned().unwrap_or_default();
        let in_tables = self.dialect.rules().keeps_indexes_in_tables;
        let is_same = |other: &ObjectRef| {
            other.kind == object.kind
                && are_in_one(other.schema.as_deref(), object.schema.as_deref())
                && (other.table == object.table || (object.kind == ObjectKind::Index && !in_tables))
        };
        let same: Vec<usize> = places.into_iter().filter(|place| is_same(&self.known[*place].last.object)).collect();
        let last = Lasting { script: self.script, object, exists };
        match same.as_slice() {
            [] => {
                self.known.push(Known { last, unclear: false, is_partition: false });
                self.by_name.entry(key).or_default().push(self.known.len() - 1);
                self.known.len() - 1
            }
            [place] => {
                self.known[*place] = Known { last, unclear: false, is_partition: false };
                *place
            }
            several => {
                several.iter().for_each(|place| self.known[*place].unclear = true);
                several[0]
            }
        }
    }

    fn doubt(&mut self, is_meant: impl Fn(&ObjectRef) -> bool) {
        self.doubt_entries(|known| is_meant(&known.last.object));
    }

    fn doubt_entries(&mut self, is_meant: impl Fn(&Known) -> bool) {
        self.known.iter_mut().filter(|known| is_meant(known)).for_each(|known| known.unclear = true);
    }

    fn doubt_named(&mut self, keys: &[String], is_meant: impl Fn(&ObjectRef) -> bool) {
        for place in keys.iter().filter_map(|key| self.by_name.get(key)).flatten() {
            let known = &mut self.known[*place];
            known.unclear |= is_meant(&known.last.object);
        }
    }

    /// What the statement names is in doubt; with `parts`, also what belongs to tables of these names.
    fn doubt_mentioned(&mut self, statement: &Statement<'_>, parts: bool) {
        let mentioned: Vec<String> = names(statement).iter().map(|name| self.key(&stored(name))).collect();
        self.doubt_named(&mentioned, |_| true);
        if parts {
            let dialect = self.dialect;
            let is_of = |name: &Option<String>| {
                name.as_ref().is_some_and(|name| mentioned.iter().any(|known| *known == dialect.folded(name)))
            };
            self.doubt(|object| is_of(&object.table));
        }
    }

    /// Code may do anything to what it names. The first letter of a word may not belong to a name (`\nusers` in an E''
    /// string, `%Iusers` in a format).
    fn doubt_code(&mut self, code: &str) {
        let code = code.to_lowercase();
        let words: std::collections::HashSet<&str> = code
            .split(|character| !crate::sql::script::is_word(character))
            .flat_map(|word| {
                let mut rest = word.chars();
                rest.next();
                [word, rest.as_str()]
            })
            .collect();
        let is_in = |name: &str| {
            let name = name.to_lowercase();
            let mut parts = name.split(|character| !crate::sql::script::is_word(character)).filter(|it| !it.is_empty());
            parts.all(|part| words.contains(part))
        };
        self.doubt(|object| {
            let ObjectRef { schema, table, name, .. } = object;
            [Some(name), table.as_ref(), schema.as_ref()].into_iter().flatten().any(|name| is_in(name))
        });
    }

    fn key(&self, name: &str) -> String {
        self.dialect.folded(name).into_owned()
    }

    fn clipped(&self, object: &ObjectRef) -> ObjectRef {
        let clip = |name: &String| self.dialect.clipped(name);
        let ObjectRef { schema, table, name, .. } = object;
        ObjectRef {
            schema: schema.as_ref().map(clip),
            table: table.as_ref().map(clip),
            name: clip(name),
            ..object.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::statements;

    fn of(dialect: Dialect, scripts: &[&str]) -> Vec<String> {
        let scripts: Vec<Vec<Statement<'_>>> = scripts.iter().map(|text| statements(text, dialect)).collect();
        let tell = |it: Lasting| format!("{} {} {}", it.script, if it.exists { "+" } else { "-" }, it.object);
        let mut told: Vec<String> = lasting(&scripts, dialect).into_iter().map(tell).collect();
        told.sort();
        told
    }

    fn all(script: &str) -> Vec<String> {
        of(Dialect::Postgres, &[script])
    }

    #[test]
    fn one_statement_drops_before_it_adds() {
        assert_eq!(all("ALTER TABLE t DROP COLUMN v, ADD COLUMN v int"), ["0 + column t.v"]);
        assert_eq!(all("ALTER TABLE t ADD COLUMN v int, DROP COLUMN v"), ["0 + column t.v"]);
        assert_eq!(all("ALTER TABLE t DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (a > 0)"), ["0 + constraint t.c"]);
    }

    #[test]
    fn names_that_come_and_go_are_followed_through_the_folder() {
        assert_eq!(
            of(
                Dialect::Postgres,
                &[
                    "ALTER TABLE t ADD COLUMN v int",
                    "ALTER TABLE t DROP COLUMN v",
                    "ALTER TABLE t ADD COLUMN v text; ALTER TABLE t RENAME COLUMN v TO w"
                ]
            ),
            ["2 + column t.w", "2 - column t.v"]
        );
        assert_eq!(
            all("CREATE TABLE a (); ALTER TABLE a RENAME TO b; ALTER TABLE b RENAME TO a"),
            ["0 + table a", "0 - table b"]
        );
        assert_eq!(
            all("ALTER TABLE t RENAME x TO y; ALTER TABLE t RENAME y TO x"),
            ["0 + column t.x", "0 - column t.y"]
        );
        assert_eq!(
            all("CREATE TABLE a (); ALTER TABLE a ADD x int; ALTER TABLE a RENAME TO b; ALTER TABLE b DROP x"),
            ["0 + table b", "0 - column b.x", "0 - table a"]
        );
        assert_eq!(
            all("ALTER TABLE app.t ADD v int; ALTER TABLE t RENAME TO u"),
            ["0 + column app.u.v", "0 + table u", "0 - table t"]
        );
        assert_eq!(
            all("ALTER TYPE r RENAME TO r_old; ALTER TYPE r_new RENAME TO r; DROP TYPE r_old"),
            ["0 + type r", "0 - type r_new", "0 - type r_old"]
        );
        assert_eq!(
            of(
                Dialect::Sqlite,
                &["CREATE TABLE new_t (a); DROP TABLE t; ALTER TABLE new_t RENAME TO t; CREATE INDEX i ON t (a)"]
            ),
            ["0 + index i", "0 + table t", "0 - table new_t"]
        );
        for (script, expected) in [
            (
                "CREATE TABLE a.t (x INT); RENAME TABLE a.t TO b.t; ALTER TABLE b.t ADD y INT",
                vec!["0 + column b.t.y", "0 + table b.t", "0 - table a.t"],
            ),
            (
                "ALTER TABLE a.t ADD y INT; ALTER TABLE a.t RENAME TO b.u",
                vec!["0 + column b.u.y", "0 + table b.u", "0 - table a.t"],
            ),
            ("CREATE TABLE t (x INT); RENAME TABLE IF EXISTS t TO u", vec![]),
            // In the database of the session, which may be any.
            ("CREATE TABLE b.t (x INT); RENAME TABLE b.t NOWAIT TO t", vec!["0 + table t"]),
            ("RENAME TABLE b.t TO u", vec!["0 + table u", "0 - table b.t"]),
        ] {
            assert_eq!(of(Dialect::Mysql, &[script]), expected, "{script}");
        }
    }

    #[test]
    fn what_the_text_does_not_tell_is_in_doubt() {
        for (script, expected) in [
            // A check and an index fall with their column.
            (
                "ALTER TABLE t ADD CONSTRAINT c CHECK (v > 0); CREATE INDEX i ON t (v); ALTER TABLE t DROP COLUMN v",
                vec!["0 - column t.v"],
            ),
            ("DROP VIEW IF EXISTS v; CREATE OR REPLACE VIEW v AS SELECT 1", vec![]),
            ("CREATE TABLE a (); CREATE VIEW v AS SELECT 1; DROP TABLE b CASCADE", vec!["0 - table b"]),
            ("CREATE TABLE a (); DO $$ BEGIN EXECUTE 'DROP TABLE A'; END $$; CREATE TABLE c ()", vec!["0 + table c"]),
            ("CREATE TABLE a (); ROLLBACK; CREATE TABLE c ()", vec!["0 + table c"]),
            ("ALTER TABLE IF EXISTS t RENAME TO u; ALTER TABLE t SET SCHEMA s", vec![]),
            ("CREATE INDEX i ON t (a); ALTER INDEX i RENAME TO j; ALTER TABLE t DROP a", vec!["0 - column t.a"]),
            ("CREATE INDEX i ON t (a); ALTER INDEX i RENAME TO j; DROP TABLE t", vec!["0 - table t"]),
            ("CREATE SEQUENCE s; ALTER SEQUENCE s OWNED BY t.a; DROP TABLE t", vec!["0 - table t"]),
            ("CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); DROP TABLE p", vec!["0 - table p"]),
            ("ALTER TABLE t DROP COLUMN a; DROP TABLE t; CREATE TABLE t (a int)", vec!["0 + table t"]),
            (
                "CREATE UNIQUE INDEX i ON t (a); ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i",
                vec!["0 + constraint t.k"],
            ),
            ("CREATE TABLE s.t (); ALTER SCHEMA s RENAME TO r", vec!["0 + schema r", "0 + table r.t", "0 - schema s"]),
        ] {
            assert_eq!(all(script), expected, "{script}");
        }
    }

    #[test]
    fn names_are_cut_where_the_server_cuts_them() {
        let long = "é".repeat(40);
        let cut = "é".repeat(31);
        assert_eq!(all(&format!("CREATE TABLE \"{long}\" ()")), [format!("0 + table {cut}")]);
        assert_eq!(all(&format!("CREATE TABLE \"{long}\" (); DROP TABLE \"{cut}\"")), [format!("0 - table {cut}")]);
        assert_eq!(of(Dialect::Sqlite, &[&format!("CREATE TABLE \"{long}\" (a)")]), [format!("0 + table {long}")]);
    }
}
