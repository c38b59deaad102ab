//! Where things come from: what the scripts of a folder, read one after the other, do to each table, column, index, …
//! A table that is renamed keeps its parts; one that is dropped takes them along. Hints for people, no proof.

use std::collections::HashMap;

use crate::catalog::Name;
use crate::finding::Subject;
use crate::sql::script::{Change, ObjectKind, Part, SchemaOp};
use crate::sql::{Dialect, TableName};

/// What one statement does to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The migration, by its place in the folder.
    pub migration: usize,
    /// The line of its file.
    pub line: usize,
    /// What is done.
    pub deed: SchemaOp,
    /// What a column is declared or set to.
    pub wording: Option<String>,
}

/// What the scripts of a folder do to each thing.
#[derive(Debug)]
pub struct Provenance {
    dialect: Dialect,
    home: String,
    bodies: Vec<Body>,
    names: HashMap<Key, Bearers>,
    /// The body that an index of this schema and name is of.
    indexes: HashMap<(String, String), usize>,
}

/// A kind of thing, its schema and its name, as the engine tells names apart. What is in no schema has an empty one.
type Key = (ObjectKind, String, String);

/// A table, type, … through all of its names.
#[derive(Debug, Default)]
struct Body {
    parts: HashMap<Part, Vec<Step>>,
    /// Parts by the names of their constraints.
    constraints: HashMap<String, Part>,
    /// Foreign keys by each of their columns, and by what their columns were called.
    keys: HashMap<String, Vec<Vec<String>>>,
    renamed: HashMap<Vec<String>, Vec<String>>,
    dropped: Option<Step>,
}

impl Body {
    /// A foreign key is known by its columns.
    fn rename_in_keys(&mut self, old: &str, new: &str) {
        for was in self.keys.remove(old).unwrap_or_default() {
            let Some(steps) = self.parts.remove(&Part::ForeignKey(was.clone())) else { continue };
            let renamed = |column: &String| if column == old { new.to_owned() } else { column.clone() };
            let is: Vec<String> = was.iter().map(renamed).collect();
            is.iter().for_each(|column| self.keys.entry(column.clone()).or_default().push(is.clone()));
            self.renamed.insert(was, is.clone());
            self.parts.insert(Part::ForeignKey(is), steps);
        }
    }

    /// The part that was made by this name of a constraint, as it is called now.
    fn constraint(&mut self, name: &str) -> Option<Part> {
        let mut part = self.constraints.remove(name)?;
        while let Part::ForeignKey(columns) = &part {
            match self.renamed.remove(columns) {
                Some(is) => part = Part::ForeignKey(is),
                None => break,
            }
        }
        Some(part)
    }
}

/// All that ever had one name.
#[derive(Debug, Default)]
struct Bearers {
    steps: Vec<Step>,
    /// Their bodies, in order.
    bodies: Vec<usize>,
    current: Option<usize>,
}

impl Provenance {
    /// Reads the scripts in their order. What names no schema is in `home`.
    #[must_use]
    pub fn of(scripts: Vec<Vec<Change>>, home: &str, dialect: Dialect) -> Self {
        let (bodies, names, indexes) = (Vec::new(), HashMap::new(), HashMap::new());
        let mut provenance = Self { dialect, home: home.to_owned(), bodies, names, indexes };
        for (migration, changes) in scripts.into_iter().enumerate() {
            changes.into_iter().for_each(|change| provenance.follow(migration, change));
        }
        provenance
    }

    /// All that the scripts do to what a finding is about, in order; nothing where they never speak of it.
    #[must_use]
    pub fn steps(&self, subject: &Subject) -> Vec<&Step> {
        match subject {
            Subject::Schema(name) => self.of_whole(&self.key(ObjectKind::Schema, "", name)),
            Subject::Extension(name) => self.of_whole(&self.key(ObjectKind::Extension, "", name)),
            Subject::Table(name) => self.of_name(ObjectKind::Table, name),
            Subject::View(name) => self.of_name(ObjectKind::View, name),
            Subject::Enum(name) => self.of_name(ObjectKind::Type, name),
            Subject::Column { table, name } => self.of_part(ObjectKind::Table, table, Part::Column(name.clone())),
            Subject::PrimaryKey(table) => self.of_part(ObjectKind::Table, table, Part::PrimaryKey),
            Subject::Index { table, name, .. } => self.of_part(ObjectKind::Table, table, Part::Index(name.clone())),
            Subject::ForeignKey { table, columns } => {
                self.of_part(ObjectKind::Table, table, Part::ForeignKey(columns.clone()))
            }
            Subject::Constraint { table, name } => {
                let stored = self.folded(name);
                let bodies = self.bodies_of(&self.key(ObjectKind::Table, &table.schema, &table.name));
                let part = bodies.iter().rev().find_map(|body| self.bodies[*body].constraints.get(&stored));
                self.of_part(ObjectKind::Table, table, part.cloned().unwrap_or(Part::Constraint(stored)))
            }
            Subject::Required(table) => self.of_required(table),
            Subject::Row(_) | Subject::Query(_) | Subject::Scripted(_) => Vec::new(),
        }
    }

    /// All that the scripts do to a value of an enum.
    #[must_use]
    pub fn of_value(&self, of: &Name, value: &str) -> Vec<&Step> {
        self.of_part(ObjectKind::Type, of, Part::Value(value.to_owned()))
    }

    /// The tables, columns and enums that the scripts create and do not take away again; each with the last step that
    /// creates it.
    pub fn lasting(&self) -> impl Iterator<Item = (&Step, Subject)> {
        let creates = |step: &&Step| matches!(step.deed, SchemaOp::Creates { .. });
        self.names.iter().flat_map(move |((kind, schema, name), bearers)| {
            let name = Name { schema: schema.clone(), name: name.clone() };
            let whole = match kind {
                ObjectKind::Table => Some(Subject::Table(name.clone())),
                ObjectKind::Type => Some(Subject::Enum(name.clone())),
                _ => None,
            };
            let whole = whole.and_then(|subject| Some((bearers.steps.last().filter(creates)?, subject)));
            let body = bearers.current.filter(|_| *kind == ObjectKind::Table).map(|body| &self.bodies[body].parts);
            let columns = body.into_iter().flatten().filter_map(move |(part, steps)| match part {
                Part::Column(column) => {
                    let subject = Subject::Column { table: name.clone(), name: column.clone() };
                    let is_presence = |step: &&Step| !matches!(step.deed, SchemaOp::Sets(_));
                    Some((steps.iter().rfind(is_presence).filter(creates)?, subject))
                }
                _ => None,
            });
            whole.into_iter().chain(columns)
        })
    }

    fn folded(&self, name: &str) -> String {
        self.dialect.folded(name)
    }

    fn key(&self, kind: ObjectKind, schema: &str, name: &str) -> Key {
        (kind, self.folded(schema), self.folded(name))
    }

    fn part(&self, part: Part) -> Part {
        match part {
            Part::Column(name) => Part::Column(self.folded(&name)),
            Part::Index(name) => Part::Index(self.folded(&name)),
            Part::Constraint(name) => Part::Constraint(self.folded(&name)),
            Part::ForeignKey(columns) => Part::ForeignKey(columns.iter().map(|name| self.folded(name)).collect()),
            Part::PrimaryKey | Part::Value(_) => part,
        }
    }

    fn bodies_of(&self, key: &Key) -> &[usize] {
        self.names.get(key).map(|bearers| bearers.bodies.as_slice()).unwrap_or_default()
    }

    fn of_name(&self, kind: ObjectKind, name: &Name) -> Vec<&Step> {
        self.of_whole(&self.key(kind, &name.schema, &name.name))
    }

    fn of_whole(&self, key: &Key) -> Vec<&Step> {
        let steps = self.names.get(key).map(|bearers| bearers.steps.iter()).into_iter().flatten();
        in_order(steps.chain(self.schema_drops(key)).collect())
    }

    fn of_part(&self, kind: ObjectKind, whole: &Name, part: Part) -> Vec<&Step> {
        let (key, part) = (self.key(kind, &whole.schema, &whole.name), self.part(part));
        let bodies = self.bodies_of(&key).iter().map(|body| &self.bodies[*body]);
        let steps = bodies.filter_map(|body| Some(body.parts.get(&part)?.iter().chain(&body.dropped)));
        in_order(steps.flatten().chain(self.schema_drops(&key)).collect())
    }

    /// A table without a schema is wherever it is.
    fn of_required(&self, table: &TableName) -> Vec<&Step> {
        let at = |schema: &str| {
            self.of_name(ObjectKind::Table, &Name { schema: schema.to_owned(), name: table.name.clone() })
        };
        match &table.schema {
            Some(schema) => at(schema),
            None => {
                let name = self.folded(&table.name);
                let elsewhere =
                    || self.names.keys().find(|(kind, _, other)| *kind == ObjectKind::Table && *other == name);
                let steps = at(&self.home);
                if steps.is_empty() { elsewhere().map_or(steps, |key| self.of_whole(key)) } else { steps }
            }
        }
    }

    /// What is in a schema goes with it.
    fn schema_drops(&self, key: &Key) -> impl Iterator<Item = &Step> {
        let schema = (ObjectKind::Schema, String::new(), key.1.clone());
        let steps = self.names.get(&schema).filter(|_| !key.1.is_empty());
        steps.into_iter().flat_map(|bearers| &bearers.steps).filter(|step| step.deed == SchemaOp::Drops)
    }

    fn follow(&mut self, migration: usize, change: Change) {
        let Change { line, deed, target, constraint, wording } = change;
        let step = Step { migration, line, deed, wording };
        let is_in_schema = !matches!(target.kind, ObjectKind::Schema | ObjectKind::Extension);
        let schema = target.schema.filter(|_| is_in_schema);
        let schema = schema.or_else(|| is_in_schema.then(|| self.home.clone())).unwrap_or_default();
        let key = self.key(target.kind, &schema, &target.name);
        match target.part {
            None if target.kind == ObjectKind::Index => self.follow_index(&key, step),
            None => self.follow_whole(key, step),
            Some(part) => {
                let (body, part) = (self.body(&key), self.part(part));
                if let Part::Index(name) = &part {
                    self.indexes.insert((key.1, name.clone()), body);
                }
                let constraint = constraint.map(|name| self.folded(&name));
                self.follow_part(body, part, constraint, step);
            }
        }
    }

    /// Whatever has the name now; something that no script creates gets a body of its own.
    fn body(&mut self, key: &Key) -> usize {
        let bearers = self.names.entry(key.clone()).or_default();
        *bearers.current.get_or_insert_with(|| {
            bearers.bodies.push(self.bodies.len());
            self.bodies.push(Body::default());
            self.bodies.len() - 1
        })
    }

    fn follow_whole(&mut self, key: Key, step: Step) {
        let bearers = self.names.entry(key.clone()).or_default();
        bearers.steps.push(step.clone());
        let to = match &step.deed {
            SchemaOp::Creates { lenient } => {
                if !lenient {
                    bearers.current = None;
                }
                self.body(&key);
                return;
            }
            SchemaOp::Drops => {
                if let Some(body) = bearers.current.take() {
                    self.bodies[body].dropped = Some(step);
                }
                return;
            }
            SchemaOp::Renames(name) => self.key(key.0, &key.1, name),
            SchemaOp::Moves(schema) => self.key(key.0, schema, &key.2),
            SchemaOp::Sets(_) => return,
        };
        let body = self.body(&key);
        self.names.entry(key).or_default().current = None;
        let heir = self.names.entry(to).or_default();
        heir.steps.push(Step { deed: SchemaOp::Creates { lenient: false }, ..step });
        heir.bodies.push(body);
        heir.current = Some(body);
    }

    fn follow_index(&mut self, (_, schema, name): &Key, step: Step) {
        let Some(body) = self.indexes.remove(&(schema.clone(), name.clone())) else { return };
        if let SchemaOp::Renames(new) = &step.deed {
            self.indexes.insert((schema.clone(), self.folded(new)), body);
        }
        self.follow_part(body, Part::Index(name.clone()), None, step);
    }

    fn follow_part(&mut self, body: usize, part: Part, constraint: Option<String>, step: Step) {
        let renamed = match &step.deed {
            SchemaOp::Renames(name) if !matches!(part, Part::Value(_)) => Some(self.folded(name)),
            SchemaOp::Renames(name) => Some(name.clone()),
            _ => None,
        };
        let body = &mut self.bodies[body];
        if let Some(name) = constraint {
            body.constraints.insert(name, part.clone());
        }
        if let Part::ForeignKey(columns) = &part {
            columns.iter().for_each(|column| body.keys.entry(column.clone()).or_default().push(columns.clone()));
        }
        // Of a constraint a later statement knows the name only.
        let part = match (&part, &step.deed) {
            (Part::Constraint(name), SchemaOp::Drops) => {
                let known = body.constraint(name).unwrap_or_else(|| part.clone());
                // Whoever asks for it by name is to hear that it was dropped.
                body.constraints.insert(name.clone(), known.clone());
                known
            }
            (Part::Constraint(old), SchemaOp::Renames(_)) => {
                let known = body.constraint(old).unwrap_or_else(|| part.clone());
                let name = renamed.clone().unwrap_or_default();
                let index = matches!(known, Part::Index(_));
                body.constraints.insert(name.clone(), if index { Part::Index(name) } else { known.clone() });
                known
            }
            _ => part,
        };
        let heirs: Vec<Part> = match (&part, renamed) {
            (Part::Column(old), Some(new)) => {
                body.rename_in_keys(old, &new);
                vec![Part::Column(new)]
            }
            (Part::Index(_), Some(new)) => vec![Part::Index(new)],
            (Part::Constraint(_), Some(new)) => vec![Part::Constraint(new)],
            (Part::Value(_), Some(new)) => vec![Part::Value(new)],
            // A key whose name changes is the same key.
            (Part::PrimaryKey | Part::ForeignKey(_), Some(_)) => return,
            (_, None) => Vec::new(),
        };
        for heir in heirs {
            let made = Step { deed: SchemaOp::Creates { lenient: false }, ..step.clone() };
            body.parts.entry(heir).or_default().push(made);
        }
        body.parts.entry(part).or_default().push(step);
    }
}

fn in_order(mut steps: Vec<&Step>) -> Vec<&Step> {
    steps.sort_by_key(|step| (step.migration, step.line));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script;

    fn of(scripts: &[&str]) -> Provenance {
        of_dialect(scripts, Dialect::Postgres)
    }

    fn of_dialect(scripts: &[&str], dialect: Dialect) -> Provenance {
        let changes = scripts.iter().map(|script| script::changes(script, dialect)).collect();
        Provenance::of(changes, "public", dialect)
    }

    fn name(name: &str) -> Name {
        Name { schema: "public".to_owned(), name: name.to_owned() }
    }

    fn column(table: &str, column: &str) -> Subject {
        Subject::Column { table: name(table), name: column.to_owned() }
    }

    /// `+1 -2`: created by the first script, dropped by the second.
    fn told(steps: &[&Step]) -> String {
        let sign = |deed: &SchemaOp| match deed {
            SchemaOp::Creates { .. } => '+',
            SchemaOp::Sets(_) => '~',
            SchemaOp::Drops | SchemaOp::Renames(_) | SchemaOp::Moves(_) => '-',
        };
        let told: Vec<String> =
            steps.iter().map(|step| format!("{}{}", sign(&step.deed), step.migration + 1)).collect();
        told.join(" ")
    }

    #[test]
    fn a_renamed_table_keeps_its_parts_and_a_dropped_one_takes_them_along() {
        let found = of(&[
            "CREATE TABLE a (x int, y int)",
            "ALTER TABLE a RENAME TO b; ALTER TABLE b ADD z int",
            "DROP TABLE b",
            "CREATE TABLE b (x int)",
        ]);
        assert_eq!(told(&found.steps(&Subject::Table(name("a")))), "+1 -2");
        assert_eq!(told(&found.steps(&Subject::Table(name("b")))), "+2 -3 +4");
        assert_eq!(told(&found.steps(&column("b", "x"))), "+1 -3 +4");
        assert_eq!(told(&found.steps(&column("b", "z"))), "+2 -3");
        assert_eq!(told(&found.steps(&column("c", "z"))), "");
        let of_nobody = TableName { schema: None, name: "b".to_owned() };
        assert_eq!(told(&found.steps(&Subject::Required(of_nobody))), "+2 -3 +4");
    }

    #[test]
    fn a_table_that_sqlite_builds_anew_is_the_same_table() {
        let found = of_dialect(
            &[
                "CREATE TABLE \"T\" (a INT, b INT)",
                "CREATE TABLE \"new_T\" (a INT, c INT); INSERT INTO new_T SELECT a FROM T; DROP TABLE \"T\"; \
                 ALTER TABLE \"new_T\" RENAME TO \"T\"; CREATE UNIQUE INDEX i ON \"T\"(c)",
            ],
            Dialect::Sqlite,
        );
        assert_eq!(told(&found.steps(&column("t", "B"))), "+1 -2");
        assert_eq!(told(&found.steps(&column("T", "c"))), "+2");
        let index = Subject::Index { table: name("T"), name: "I".to_owned(), unique: true };
        assert_eq!(told(&found.steps(&index)), "+2");
    }

    #[test]
    fn keys_and_indexes_are_known_by_the_names_of_their_constraints() {
        let found = of(&[
            "CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE, f int REFERENCES o); CREATE INDEX i ON t (u)",
            "ALTER TABLE t DROP CONSTRAINT t_pkey, DROP CONSTRAINT t_u_key; ALTER TABLE t RENAME COLUMN f TO g",
            "DROP INDEX i; ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT VALID, DROP CONSTRAINT t_f_fkey",
        ]);
        let index = |name_: &str| Subject::Index { table: name("t"), name: name_.to_owned(), unique: false };
        let key = |column: &str| Subject::ForeignKey { table: name("t"), columns: vec![column.to_owned()] };
        assert_eq!(told(&found.steps(&Subject::PrimaryKey(name("t")))), "+1 -2");
        assert_eq!(told(&found.steps(&index("t_u_key"))), "+1 -2");
        assert_eq!(told(&found.steps(&index("i"))), "+1 -3");
        assert_eq!(told(&found.steps(&key("g"))), "+1 -3");
        assert_eq!(told(&found.steps(&key("f"))), "");
        let check = Subject::Constraint { table: name("t"), name: "c".to_owned() };
        assert_eq!(told(&found.steps(&check)), "+3");
        let unique = Subject::Constraint { table: name("t"), name: "t_u_key".to_owned() };
        assert_eq!(told(&found.steps(&unique)), "+1 -2");
    }

    #[test]
    fn enums_are_followed_through_the_way_prisma_alters_them() {
        let found = of(&[
            "CREATE TYPE \"Role\" AS ENUM ('A', 'B')",
            "BEGIN; CREATE TYPE \"Role_new\" AS ENUM ('A', 'C'); ALTER TABLE t ALTER COLUMN r TYPE \"Role_new\" USING (r::text::\"Role_new\"); \
             ALTER TYPE \"Role\" RENAME TO \"Role_old\"; ALTER TYPE \"Role_new\" RENAME TO \"Role\"; DROP TYPE \"Role_old\"; COMMIT",
            "ALTER TYPE \"Role\" ADD VALUE 'D'; DROP SCHEMA public CASCADE",
        ]);
        assert_eq!(told(&found.of_value(&name("Role"), "B")), "+1 -2 -3");
        assert_eq!(told(&found.of_value(&name("Role"), "C")), "+2 -3");
        assert_eq!(told(&found.of_value(&name("Role"), "D")), "+3 -3");
        assert_eq!(told(&found.steps(&Subject::Schema("public".to_owned()))), "-3");
    }

    #[test]
    fn what_lasts_is_what_is_not_taken_away() {
        let found = of(&[
            "CREATE TABLE a (x int, y int); CREATE TABLE b (); CREATE TYPE e AS ENUM ()",
            "ALTER TABLE a DROP x; DROP TABLE b",
        ]);
        let mut lasting: Vec<String> = found.lasting().map(|(_, subject)| subject.to_string()).collect();
        lasting.sort();
        assert_eq!(lasting, ["column public.a.y", "enum public.e", "table public.a"]);
    }
}
