//! The SQL that closes the gap: what the service needs and the database lacks, as a script. It creates; it never
//! drops, and never rewrites what is there. Pure, and led by findings, so that it cannot disagree with `compare`.
//!
//! The text is Prisma's own, as far as it goes (`prisma migrate diff --script`), since it is to end up in a
//! `migration.sql`. What cannot be created gets a comment with the reason.

pub mod foreign_key;
pub(crate) mod index;
mod mysql;
pub mod planner;
pub mod render;

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::sql::{ObjectKind, ObjectRef};

pub use crate::differ::ddl::planner::plan;

/// The script of an empty gap, in Prisma's words.
const EMPTY: &str = "-- This is an empty migration.\n";

/// The steps of a script, in their order and by the names that Prisma gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DdlStep {
    /// `CREATE SCHEMA`
    CreateSchema,
    /// `CREATE EXTENSION`
    CreateExtension,
    /// `CREATE TYPE … AS ENUM`
    CreateEnum,
    /// `ALTER TYPE … ADD VALUE`
    AlterEnum,
    /// `ALTER TABLE … ADD COLUMN`, and primary keys
    AlterTable,
    /// `CREATE TABLE`
    CreateTable,
    /// `CREATE INDEX`
    CreateIndex,
    /// `ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY`
    AddForeignKey,
}

impl DdlStep {
    /// The comment above its statements, as Prisma writes it.
    fn heading(self) -> &'static str {
        match self {
            Self::CreateSchema => "CreateSchema",
            Self::CreateExtension => "CreateExtension",
            Self::CreateEnum => "CreateEnum",
            Self::AlterEnum => "AlterEnum",
            Self::AlterTable => "AlterTable",
            Self::CreateTable => "CreateTable",
            Self::CreateIndex => "CreateIndex",
            Self::AddForeignKey => "AddForeignKey",
        }
    }
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DdlAction {
    /// Nothing: the comment tells why.
    Wait,
    /// These statements, each with its semicolon.
    Run(String),
    /// This clause of `ALTER TABLE`, with others of its table.
    Alter {
        /// The table, as SQL.
        table: String,
        /// `ADD COLUMN …`
        clause: String,
    },
}

/// One statement of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DdlStatement {
    step: DdlStep,
    /// The finding that it is there for.
    object: ObjectRef,
    action: DdlAction,
    /// A comment for the person who runs the script: lines without their dashes; empty for none.
    note: String,
}

/// The statements that close a gap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DdlScript {
    statements: Vec<DdlStatement>,
}

impl DdlScript {
    /// Takes what `other` adds. What two sources ask for is created once, as the first of them has it.
    pub fn extend(&mut self, other: Self) {
        let known: HashSet<ObjectRef> = self.statements.iter().map(|statement| statement.object.clone()).collect();
        self.statements.extend(other.statements.into_iter().filter(|statement| !known.contains(&statement.object)));
    }

    /// The statements that are there for each object, as one text; none where all of them have to wait.
    #[must_use]
    pub(crate) fn by_object(&self) -> HashMap<&ObjectRef, String> {
        let mut of: HashMap<&ObjectRef, Vec<&DdlStatement>> = HashMap::new();
        for statement in self.in_order() {
            of.entry(&statement.object).or_default().push(statement);
        }
        of.retain(|_, statements| statements.iter().any(|statement| statement.action != DdlAction::Wait));
        let text = |statements: &[&DdlStatement]| blocks(statements).map(|block| text(&block)).collect::<Vec<_>>();
        of.into_iter().map(|(object, statements)| (object, text(&statements).join("\n"))).collect()
    }

    fn in_order(&self) -> Vec<&DdlStatement> {
        let mut statements: Vec<&DdlStatement> = self.statements.iter().collect();
        statements.sort_by_key(|statement| match statement.object.kind {
            ObjectKind::Schema | ObjectKind::Extension => (statement.step, statement.object.name.as_str()),
            _ => (statement.step, ""),
        });
        statements
    }
}

impl fmt::Display for DdlScript {
    /// The whole script, as Prisma lays one out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.statements.is_empty() {
            return f.write_str(EMPTY);
        }
        let statements = self.in_order();
        for (place, block) in blocks(&statements).enumerate() {
            let gap = if place == 0 { "" } else { "\n" };
            let step = block.first().map(|statement| statement.step);
            writeln!(f, "{gap}-- {}\n{}", step.map_or("", DdlStep::heading), text(&block))?;
        }
        Ok(())
    }
}

/// Statements in groups that stand under one heading: the clauses of one `ALTER TABLE`, anything else by itself.
fn blocks<'a>(statements: &[&'a DdlStatement]) -> impl Iterator<Item = Vec<&'a DdlStatement>> {
    let mut blocks: Vec<Vec<&DdlStatement>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for statement in statements {
        let place = match &statement.action {
            DdlAction::Alter { table, .. } => *places.entry(table).or_insert(blocks.len()),
            DdlAction::Wait | DdlAction::Run(_) => blocks.len(),
        };
        match blocks.get_mut(place) {
            Some(block) => block.push(statement),
            None => blocks.push(vec![statement]),
        }
    }
    blocks.into_iter()
}

/// A group as SQL, its comments first.
fn text(block: &[&DdlStatement]) -> String {
    // Either sign ends a comment, and a name may hold it.
    let notes = block.iter().filter(|statement| !statement.note.is_empty());
    let notes = notes.flat_map(|statement| statement.note.split(['\n', '\r']));
    let mut lines: Vec<String> = notes.map(|line| format!("-- {line}").trim_end().to_owned()).collect();
    let clauses: Vec<&str> = block.iter().filter_map(|statement| clause(statement)).collect();
    lines.extend(block.first().and_then(|statement| match &statement.action {
        DdlAction::Wait => None,
        DdlAction::Run(sql) => Some(sql.clone()),
        DdlAction::Alter { table, .. } => Some(format!("ALTER TABLE {table} {};", clauses.join(",\n"))),
    }));
    lines.join("\n")
}

fn clause(statement: &DdlStatement) -> Option<&str> {
    match &statement.action {
        DdlAction::Alter { clause, .. } => Some(clause),
        DdlAction::Wait | DdlAction::Run(_) => None,
    }
}
