//! What the scripts of a folder create, for the proof that none of it exists. Unlike recovery, this needs every object that
//! a script makes at any time, also one that a later script drops, and every statement must be understood: one whose
//! traces are not known could have run before.

use std::collections::HashSet;

use crate::base::fault::Place;
use crate::formats::migration::Migration;
use crate::sql::ObjectKind;
use crate::sql::ObjectRef;
use crate::sql::cursor::{Cursor, bare};
use crate::sql::excerpt;
use crate::sql::script::{self, Statement};

/// What the scripts of a folder create.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// Objects that do not exist unless a script ran, with the index of its migration.
    pub objects: Vec<(usize, ObjectRef)>,
    /// Statements whose traces are not known: the index of the migration, and the line in its file.
    pub untold: Vec<(usize, usize)>,
}

/// Reads what these migrations create, in their order.
#[must_use]
pub(crate) fn claims(migrations: &[&Migration]) -> Claims {
    let (mut claims, mut own) = (Claims::default(), HashSet::new());
    for (of, migration) in migrations.iter().enumerate() {
        let statements = migration.script.statements();
        for (index, statement) in statements.iter().enumerate() {
            match trace(statement, &own) {
                Trace::Objects(objects) => {
                    own.extend(objects.iter().map(|object| object.name.clone()));
                    claims.objects.extend(objects.into_iter().map(|object| (of, object)));
                }
                Trace::None => {}
                Trace::Unknown => {
                    let (line, _) = excerpt::line_and_column(migration.sql(), Place::Statement(index), &statements);
                    claims.untold.push((of, migration.script.lines_before() + line));
                }
            }
        }
    }
    claims
}

/// What shows that a statement ran.
enum Trace {
    /// It made these.
    Objects(Vec<ObjectRef>),
    /// It creates nothing, or nothing but parts and rows of what the folder itself made before.
    None,
    Unknown,
}

fn trace(statement: &Statement<'_>, own: &HashSet<String>) -> Trace {
    let made = script::created(std::slice::from_ref(statement));
    let is_shared = |(object, lenient): &(ObjectRef, bool)| *lenient && object.kind == ObjectKind::Schema;
    let is_extension = statement.starts(&["CREATE", "EXTENSION", "IF", "NOT", "EXISTS"]);
    if (!made.is_empty() && made.iter().all(is_shared)) || is_extension {
        // That it exists proves nothing.
        return Trace::None;
    }
    if !made.is_empty() {
        return Trace::Objects(made.into_iter().map(|(object, _)| object).collect());
    }
    if is_harmless(statement) {
        return Trace::None;
    }
    let targets = targets(statement);
    match !targets.is_empty() && targets.iter().all(|name| own.contains(&bare(name))) {
        true => Trace::None,
        false => Trace::Unknown,
    }
}

/// Creates no object and changes no row.
fn is_harmless(statement: &Statement<'_>) -> bool {
    let verbs =
        ["SET", "RESET", "COMMENT", "GRANT", "REVOKE", "ANALYZE", "VACUUM", "REINDEX", "LOCK", "SHOW", "PRAGMA"];
    statement.controls_transaction() || verbs.iter().any(|verb| statement.starts(&[verb]))
}

/// The objects that a statement works on, as far as it is understood; empty where it is not.
fn targets(statement: &Statement<'_>) -> Vec<String> {
    let mut reader = Cursor::of(statement);
    if reader.take("CREATE") {
        return of_create(&mut reader, statement);
    }
    let (is_drop, is_alter) = (reader.take("DROP"), reader.take("ALTER"));
    if is_drop || is_alter {
        reader.take("MATERIALIZED");
        let kinds = ["TABLE", "VIEW", "SEQUENCE", "INDEX", "TYPE", "DOMAIN", "SCHEMA"];
        if !kinds.iter().any(|kind| reader.take(kind)) {
            return Vec::new();
        }
        reader.take("CONCURRENTLY");
        reader.take_all(&["IF", "EXISTS"]);
        reader.take("ONLY");
        return names(&mut reader, is_drop);
    }
    let is_on_rows = reader.take_all(&["INSERT", "INTO"])
        || reader.take_all(&["DELETE", "FROM"])
        || reader.take("UPDATE")
        || reader.take_all(&["TRUNCATE", "TABLE"])
        || reader.take("TRUNCATE")
        || reader.take_all(&["REFRESH", "MATERIALIZED", "VIEW"]);
    reader.take("CONCURRENTLY");
    reader.take("ONLY");
    if is_on_rows { names(&mut reader, statement.starts(&["TRUNCATE"])) } else { Vec::new() }
}

/// One name, or a list of them.
fn names(reader: &mut Cursor<'_>, is_list: bool) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let Some(name) = reader.name() else { return Vec::new() };
        found.push(name);
        if !is_list || !reader.skip_past_comma() {
            return found;
        }
    }
}

/// What belongs to a table and goes with it: an index without a name, a trigger, a policy, a rule.
fn of_create(reader: &mut Cursor<'_>, statement: &Statement<'_>) -> Vec<String> {
    reader.take_all(&["OR", "REPLACE"]);
    while ["UNIQUE", "CONSTRAINT"].iter().any(|word| reader.take(word)) {}
    let before = if reader.take("RULE") { "TO" } else { "ON" };
    let kinds = ["INDEX", "TRIGGER", "POLICY"];
    if before == "ON" && !kinds.iter().any(|kind| reader.take(kind)) {
        return Vec::new();
    }
    // `AFTER INSERT OR UPDATE OF a ON t`: the words before it are no names that matter.
    let mut left = statement.tokens().count();
    while left > 0 && !reader.take(before) {
        reader.skip();
        left -= 1;
    }
    reader.take("ONLY");
    names(reader, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;
    use crate::sql::script::Script;

    fn read(scripts: &[&str]) -> (Vec<String>, Vec<(usize, usize)>) {
        let migration = |sql: &&str| Migration {
            name: "m".to_owned(),
            path: "m.sql".into(),
            script: Script::new((*sql).to_owned(), Dialect::Postgres),
            checksum: String::new(),
            unreadable: None,
            no_transaction: false,
        };
        let migrations: Vec<Migration> = scripts.iter().map(migration).collect();
        let claims = claims(&migrations.iter().collect::<Vec<_>>());
        (claims.objects.iter().map(|(of, object)| format!("{of} {object}")).collect(), claims.untold)
    }

    #[test]
    fn every_object_counts_also_one_that_is_dropped_later() {
        let scripts = [
            "CREATE TABLE a (id int);\nCREATE INDEX i ON a (id);\nCREATE TYPE e AS ENUM ('x');",
            "ALTER TABLE a ADD COLUMN b int;\nINSERT INTO a VALUES (1);\nDROP TABLE a;\nALTER TYPE e ADD VALUE 'y';",
        ];
        assert_eq!(
            read(&scripts),
            (vec!["0 table a".into(), "0 index i".into(), "0 type e".into(), "1 column a.b".into()], vec![])
        );
    }

    #[test]
    fn what_works_on_an_object_of_the_folder_leaves_nothing_else() {
        let own = "CREATE SCHEMA IF NOT EXISTS \"public\";\nCREATE EXTENSION IF NOT EXISTS citext;\nSET lock_timeout = 1;\n\
                   BEGIN;\nCREATE TABLE public.a (id int);\nCREATE UNIQUE INDEX ON public.a (id);\n\
                   CREATE TRIGGER t AFTER INSERT OR UPDATE OF id ON a FOR EACH ROW EXECUTE FUNCTION f();\n\
                   CREATE POLICY p ON \"a\" USING (true);\nUPDATE ONLY a SET id = 1;\nDELETE FROM a;\nTRUNCATE a;\n\
                   ALTER TABLE IF EXISTS a ALTER COLUMN id TYPE text;\nCOMMENT ON TABLE a IS 'x';\nGRANT SELECT ON a TO b;\nCOMMIT;";
        assert_eq!(read(&[own]), (vec!["0 table public.a".into()], vec![]));
    }

    #[test]
    fn a_statement_without_a_known_trace_is_named_with_its_line() {
        for statement in [
            "DO $$ BEGIN END $$",
            "SELECT create_hypertable('a', 'b')",
            "INSERT INTO strangers VALUES (1)",
            "UPDATE strangers SET x = 1",
            "ALTER TABLE strangers ALTER COLUMN x TYPE text",
            "ALTER TYPE strangers ADD VALUE 'x'",
            "DROP TABLE IF EXISTS a, strangers",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE OR REPLACE VIEW v AS SELECT 1",
            "CREATE TRIGGER t AFTER INSERT ON strangers FOR EACH ROW EXECUTE FUNCTION f()",
            "CREATE EXTENSION citext",
            "CREATE ROLE r",
            "CALL p()",
        ] {
            let script = format!("CREATE TABLE a (id int);\n\n{statement};\n");
            assert_eq!(read(&["", &script]), (vec!["1 table a".into()], vec![(1, 3)]), "{statement}");
        }
    }
}
