//! Where things come from: what the scripts of a folder, read one after the other, do to each table, column, index, …
//! A table that is renamed keeps its parts; one that is dropped takes them along. Hints for people, no proof.

use std::collections::HashMap;

use crate::base::sorting;
use crate::catalog::Name;
use crate::sql::script::{Change, SchemaOp};
use crate::sql::{Dialect, ObjectKind, ObjectRef};

/// What one statement does to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStep {
    /// The migration, by its place in the folder.
    pub migration: usize,
    /// The line of its file.
    pub line: usize,
    /// What is done.
    pub op: SchemaOp,
    /// What a column is declared or set to.
    pub wording: Option<String>,
}

/// What the scripts of a folder do to each thing.
#[derive(Debug)]
pub struct Provenance {
    dialect: Dialect,
    home: String,
    bodies: Vec<Body>,
    names: HashMap<HistoryKey, NameHistory>,
    /// The body that an index of this schema and name is of.
    indexes: HashMap<(String, String), usize>,
}

/// A kind of thing, its schema and its name, as the engine tells names apart. What is in no schema has an empty one.
type HistoryKey = (ObjectKind, String, String);

/// A part of a table or an enum, whichever table that is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    Column(String),
    PrimaryKey,
    /// An index or unique constraint.
    Index(String),
    /// A foreign key, by its columns.
    ForeignKey(Vec<String>),
    /// Any other constraint, or one of which only the name is known.
    Constraint(String),
    /// A value of an enum.
    Value(String),
}

impl Part {
    /// `None` for what is a whole by itself.
    fn of(object: &ObjectRef) -> Option<Self> {
        let name = object.name.clone();
        Some(match object.kind {
            ObjectKind::Column => Self::Column(name),
            ObjectKind::PrimaryKey => Self::PrimaryKey,
            ObjectKind::Unique | ObjectKind::Index => Self::Index(name),
            ObjectKind::ForeignKey => Self::ForeignKey(object.columns.clone()),
            ObjectKind::Constraint => Self::Constraint(name),
            ObjectKind::EnumValue => Self::Value(name),
            _ => return None,
        })
    }
}

/// A table, type, … through all of its names.
#[derive(Debug, Default)]
struct Body {
    parts: HashMap<Part, Vec<SchemaStep>>,
    /// Parts by the names of their constraints.
    constraints: HashMap<String, Part>,
    /// Foreign keys by each of their columns, and by what their columns were called.
    keys: HashMap<String, Vec<Vec<String>>>,
    renamed: HashMap<Vec<String>, Vec<String>>,
    dropped: Option<SchemaStep>,
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

/// Every object that has carried this name, oldest first.
#[derive(Debug, Default)]
struct NameHistory {
    steps: Vec<SchemaStep>,
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

    /// The steps of the scripts on this object, in order; empty if they never name it.
    #[must_use]
    pub fn steps(&self, object: &ObjectRef) -> Vec<&SchemaStep> {
        let owner = object.owner();
        match object.kind {
            ObjectKind::Schema | ObjectKind::Extension => self.of_whole(&self.key(object.kind, "", &object.name)),
            ObjectKind::Table if object.schema.is_none() => self.of_table_in_some_schema(&object.name),
            ObjectKind::Table | ObjectKind::View => self.of_name(object.kind, &owner),
            ObjectKind::Enum => self.of_name(ObjectKind::Type, &owner),
            ObjectKind::Constraint => {
                let stored = self.folded(&object.name);
                let bodies = self.bodies_of(&self.key(ObjectKind::Table, &owner.schema, &owner.name));
                let part = bodies.iter().rev().find_map(|body| self.bodies[*body].constraints.get(&stored));
                self.of_part(ObjectKind::Table, &owner, part.cloned().unwrap_or(Part::Constraint(stored)))
            }
            kind => {
                let whole = if kind == ObjectKind::EnumValue { ObjectKind::Type } else { ObjectKind::Table };
                Part::of(object).map(|part| self.of_part(whole, &owner, part)).unwrap_or_default()
            }
        }
    }

    /// All that the scripts do to a value of an enum.
    #[must_use]
    pub fn of_value(&self, of: &Name, value: &str) -> Vec<&SchemaStep> {
        self.of_part(ObjectKind::Type, of, Part::Value(value.to_owned()))
    }

    /// The tables, columns and enums that the scripts create and do not take away again; each with the last step that
    /// creates it.
    pub fn lasting(&self) -> impl Iterator<Item = (&SchemaStep, ObjectRef)> {
        let creates = |step: &&SchemaStep| matches!(step.op, SchemaOp::Creates { .. });
        self.names.iter().flat_map(move |((kind, schema, name), history)| {
            let name = Name { schema: schema.clone(), name: name.clone() };
            let whole = match kind {
                ObjectKind::Table => Some(ObjectRef::of(ObjectKind::Table, &name)),
                ObjectKind::Type => Some(ObjectRef::of(ObjectKind::Enum, &name)),
                _ => None,
            };
            let whole = whole.and_then(|object| Some((history.steps.last().filter(creates)?, object)));
            let body = history.current.filter(|_| *kind == ObjectKind::Table).map(|body| &self.bodies[body].parts);
            let columns = body.into_iter().flatten().filter_map(move |(part, steps)| match part {
                Part::Column(column) => {
                    let object = ObjectRef::part_of(&name, ObjectKind::Column, column.as_str());
                    let is_presence = |step: &&SchemaStep| !matches!(step.op, SchemaOp::Sets(_));
                    Some((steps.iter().rfind(is_presence).filter(creates)?, object))
                }
                _ => None,
            });
            whole.into_iter().chain(columns)
        })
    }

    fn folded(&self, name: &str) -> String {
        self.dialect.folded(name).into_owned()
    }

    fn key(&self, kind: ObjectKind, schema: &str, name: &str) -> HistoryKey {
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

    fn bodies_of(&self, key: &HistoryKey) -> &[usize] {
        self.names.get(key).map(|history| history.bodies.as_slice()).unwrap_or_default()
    }

    fn of_name(&self, kind: ObjectKind, name: &Name) -> Vec<&SchemaStep> {
        self.of_whole(&self.key(kind, &name.schema, &name.name))
    }

    fn of_whole(&self, key: &HistoryKey) -> Vec<&SchemaStep> {
        let steps = self.names.get(key).map(|history| history.steps.iter()).into_iter().flatten();
        in_order(steps.chain(self.schema_drops(key)).collect())
    }

    fn of_part(&self, kind: ObjectKind, whole: &Name, part: Part) -> Vec<&SchemaStep> {
        let (key, part) = (self.key(kind, &whole.schema, &whole.name), self.part(part));
        let bodies = self.bodies_of(&key).iter().map(|body| &self.bodies[*body]);
        let steps = bodies.filter_map(|body| Some(body.parts.get(&part)?.iter().chain(&body.dropped)));
        in_order(steps.flatten().chain(self.schema_drops(&key)).collect())
    }

    /// The table of this name in the home schema, or else in any other.
    fn of_table_in_some_schema(&self, name: &str) -> Vec<&SchemaStep> {
        let steps = self.of_name(ObjectKind::Table, &Name { schema: self.home.clone(), name: name.to_owned() });
        if !steps.is_empty() {
            return steps;
        }
        let name = self.folded(name);
        let elsewhere = self.names.keys().find(|(kind, _, other)| *kind == ObjectKind::Table && *other == name);
        elsewhere.map(|key| self.of_whole(key)).unwrap_or_default()
    }

    /// What is in a schema goes with it.
    fn schema_drops(&self, key: &HistoryKey) -> impl Iterator<Item = &SchemaStep> {
        let schema = (ObjectKind::Schema, String::new(), key.1.clone());
        let steps = self.names.get(&schema).filter(|_| !key.1.is_empty());
        steps.into_iter().flat_map(|history| &history.steps).filter(|step| step.op == SchemaOp::Drops)
    }

    fn follow(&mut self, migration: usize, change: Change) {
        let Change { line, op, target, constraint, wording } = change;
        let step = SchemaStep { migration, line, op, wording };
        let target = target.within(&self.home);
        let schema = target.schema.clone().unwrap_or_default();
        let whole = match (target.kind, &target.table) {
            (ObjectKind::EnumValue, _) => ObjectKind::Type,
            (_, Some(_)) => ObjectKind::Table,
            (kind, None) => kind,
        };
        let key = self.key(whole, &schema, target.table.as_ref().unwrap_or(&target.name));
        match Part::of(&target).filter(|_| target.table.is_some()) {
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

    /// The body that has the name now. An object that no script creates gets a new one.
    fn body(&mut self, key: &HistoryKey) -> usize {
        let history = self.names.entry(key.clone()).or_default();
        *history.current.get_or_insert_with(|| {
            history.bodies.push(self.bodies.len());
            self.bodies.push(Body::default());
            self.bodies.len() - 1
        })
    }

    fn follow_whole(&mut self, key: HistoryKey, step: SchemaStep) {
        let history = self.names.entry(key.clone()).or_default();
        history.steps.push(step.clone());
        let to = match &step.op {
            SchemaOp::Creates { lenient } => {
                if !lenient {
                    history.current = None;
                }
                self.body(&key);
                return;
            }
            SchemaOp::Drops => {
                if let Some(body) = history.current.take() {
                    self.bodies[body].dropped = Some(step);
                }
                return;
            }
            SchemaOp::Renames(name) => self.key(key.0, &key.1, name),
            SchemaOp::Moves(schema) => self.key(key.0, schema.as_deref().unwrap_or(&self.home), &key.2),
            SchemaOp::Sets(_) => return,
        };
        let body = self.body(&key);
        self.names.entry(key).or_default().current = None;
        let successor = self.names.entry(to).or_default();
        successor.steps.push(SchemaStep { op: SchemaOp::Creates { lenient: false }, ..step });
        successor.bodies.push(body);
        successor.current = Some(body);
    }

    fn follow_index(&mut self, (_, schema, name): &HistoryKey, step: SchemaStep) {
        let Some(body) = self.indexes.remove(&(schema.clone(), name.clone())) else { return };
        if let SchemaOp::Renames(new) = &step.op {
            self.indexes.insert((schema.clone(), self.folded(new)), body);
        }
        self.follow_part(body, Part::Index(name.clone()), None, step);
    }

    fn follow_part(&mut self, body: usize, part: Part, constraint: Option<String>, step: SchemaStep) {
        let renamed = match &step.op {
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
        let part = match (&part, &step.op) {
            (Part::Constraint(name), SchemaOp::Drops) => {
                let known = body.constraint(name).unwrap_or_else(|| part.clone());
                // Keep the name, so that a later question by name finds the drop.
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
        let renamed_to: Vec<Part> = match (&part, renamed) {
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
        for successor in renamed_to {
            let made = SchemaStep { op: SchemaOp::Creates { lenient: false }, ..step.clone() };
            body.parts.entry(successor).or_default().push(made);
        }
        body.parts.entry(part).or_default().push(step);
    }
}

fn in_order(mut steps: Vec<&SchemaStep>) -> Vec<&SchemaStep> {
    sorting::sort_by_key(&mut steps, |step| (step.migration, step.line));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::{self, Script};

    fn of(scripts: &[&str]) -> Provenance {
        of_dialect(scripts, Dialect::Postgres)
    }

    fn of_dialect(scripts: &[&str], dialect: Dialect) -> Provenance {
        let changes =
            scripts.iter().map(|script| script::changes(&Script::new((*script).to_owned(), dialect))).collect();
        Provenance::of(changes, "public", dialect)
    }

    fn name(name: &str) -> Name {
        Name { schema: "public".to_owned(), name: name.to_owned() }
    }

    fn column(table: &str, column: &str) -> ObjectRef {
        ObjectRef::part_of(&name(table), ObjectKind::Column, column)
    }

    /// `+1 -2`: created by the first script, dropped by the second.
    fn told(steps: &[&SchemaStep]) -> String {
        let sign = |op: &SchemaOp| match op {
            SchemaOp::Creates { .. } => '+',
            SchemaOp::Sets(_) => '~',
            SchemaOp::Drops | SchemaOp::Renames(_) | SchemaOp::Moves(_) => '-',
        };
        let told: Vec<String> = steps.iter().map(|step| format!("{}{}", sign(&step.op), step.migration + 1)).collect();
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
        assert_eq!(told(&found.steps(&ObjectRef::of(ObjectKind::Table, &name("a")))), "+1 -2");
        assert_eq!(told(&found.steps(&ObjectRef::of(ObjectKind::Table, &name("b")))), "+2 -3 +4");
        assert_eq!(told(&found.steps(&column("b", "x"))), "+1 -3 +4");
        assert_eq!(told(&found.steps(&column("b", "z"))), "+2 -3");
        assert_eq!(told(&found.steps(&column("c", "z"))), "");
        assert_eq!(told(&found.steps(&ObjectRef::new(ObjectKind::Table, None, "b"))), "+2 -3 +4");
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
        let index = ObjectRef::index(&name("T"), "I", true);
        assert_eq!(told(&found.steps(&index)), "+2");
    }

    #[test]
    fn keys_and_indexes_are_known_by_the_names_of_their_constraints() {
        let found = of(&[
            "CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE, f int REFERENCES o); CREATE INDEX i ON t (u)",
            "ALTER TABLE t DROP CONSTRAINT t_pkey, DROP CONSTRAINT t_u_key; ALTER TABLE t RENAME COLUMN f TO g",
            "DROP INDEX i; ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT VALID, DROP CONSTRAINT t_f_fkey",
        ]);
        let index = |name_: &str| ObjectRef::index(&name("t"), name_, false);
        let key = |column: &str| ObjectRef::foreign_key(&name("t"), &[column.into()]);
        assert_eq!(told(&found.steps(&ObjectRef::part_of(&name("t"), ObjectKind::PrimaryKey, ""))), "+1 -2");
        assert_eq!(told(&found.steps(&index("t_u_key"))), "+1 -2");
        assert_eq!(told(&found.steps(&index("i"))), "+1 -3");
        assert_eq!(told(&found.steps(&key("g"))), "+1 -3");
        assert_eq!(told(&found.steps(&key("f"))), "");
        let check = ObjectRef::part_of(&name("t"), ObjectKind::Constraint, "c");
        assert_eq!(told(&found.steps(&check)), "+3");
        let unique = ObjectRef::part_of(&name("t"), ObjectKind::Constraint, "t_u_key");
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
        assert_eq!(told(&found.steps(&ObjectRef::new(ObjectKind::Schema, None, "public"))), "-3");
    }

    #[test]
    fn what_lasts_is_what_is_not_taken_away() {
        let found = of(&[
            "CREATE TABLE a (x int, y int); CREATE TABLE b (); CREATE TYPE e AS ENUM ()",
            "ALTER TABLE a DROP x; DROP TABLE b",
        ]);
        let mut lasting: Vec<String> = found.lasting().map(|(_, object)| object.to_string()).collect();
        lasting.sort();
        assert_eq!(lasting, ["column public.a.y", "enum public.e", "table public.a"]);
    }
}
