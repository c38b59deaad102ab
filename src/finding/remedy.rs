//! [`Remedy`]: what to do about a difference, as data. Two findings have the same remedy if their values are equal.
//! SQL in it is ready to run: the code that makes a remedy knows the dialect.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::catalog::{Access, Name};
use crate::sql::TableName;

/// What to do about a difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Run this SQL.
    Sql(String),
    /// Give the role a right.
    Grant(Grant),
    /// Run what is written already.
    Run(Run),
    /// Write a migration.
    Write(Write),
    /// Put a name right, or map it.
    Name(NameFix),
    /// Change the schema file, or what else expects the object.
    SchemaFile(SchemaFileFix),
    /// Meet a requirement of doorstep.toml.
    Requirement(RequirementFix),
    /// Change an index, or the query that should use it.
    Index(IndexFix),
    /// `baseline`: adopt fewer migrations.
    AdoptFewer,
}

/// A right that a role lacks. Names are quoted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grant {
    /// What the role may do.
    pub access: Access,
    /// The schema.
    pub schema: String,
    /// The table, with its schema.
    pub table: String,
    /// The role.
    pub role: String,
}

/// Something that is written, and has to run or to be restored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Run {
    /// What creates the object, if no folder of migrations is read.
    Creator {
        /// Naming the folder would help.
        names_folder: bool,
        /// `doorstep diff` knows the SQL.
        has_sql: bool,
    },
    /// Create the schema of this name, and quoted.
    CreateSchema(String, String),
    /// Apply the migration; `again` after it was rolled back.
    Apply {
        /// Who applies migrations here.
        by: Applier,
        /// It was rolled back.
        again: bool,
    },
    /// Repair the migration of this name, which failed.
    Repair(String),
    /// Wait until a running migration is done.
    Wait,
    /// Run the file once by hand.
    ByHand(String),
    /// Start the image that has this migration.
    NewerImage(String),
    /// Restore the tables and the history together.
    RestoreAll,
}

/// Who applies migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Applier {
    /// doorstep.
    Doorstep,
    /// Another process, for which doorstep waits.
    Awaited,
    /// Another process.
    Other,
}

/// A migration that is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Write {
    /// A new one of this name.
    New {
        /// Its name.
        slug: String,
        /// Prisma can write it.
        by_prisma: bool,
        /// What it is to create.
        what: Labels,
    },
    /// A new one of this name, or a name may be wrong.
    OrCorrectName {
        /// Its name.
        slug: String,
        /// Prisma can make its file.
        by_prisma: bool,
    },
    /// In code.
    Code {
        /// How one is made.
        authoring: String,
        /// Apply the pending ones first.
        has_pending: bool,
    },
    /// One with what an edited file was given.
    EditedPart,
    /// One with what is missing.
    MissingPart,
    /// One that adds it.
    Addition,
    /// One that creates it again; or restore it from a backup.
    AgainOrRestore,
    /// Restore it, or write one that creates it.
    RestoreOrCreate,
    /// One that aligns it, or take it as it is.
    Alignment {
        /// A schema file expects it.
        declared: bool,
    },
}

/// A name that is to be corrected or mapped. `sql` renames the object instead.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NameFix {
    /// Require the table with its schema.
    RequireElsewhere(TableName),
    /// Require the table under its name.
    RequireOther(TableName),
    /// Map a field of the schema file.
    MapField {
        /// The field.
        field: String,
        /// The column that exists.
        column: String,
        /// What the field is mapped to now.
        instead: Option<String>,
        /// Renames the column.
        sql: String,
    },
    /// Map several fields.
    MapFields,
    /// Correct the name of a column.
    Column {
        /// The column that exists.
        column: String,
        /// Renames it.
        sql: String,
    },
    /// Map a model or an enum of the schema file.
    MapWhole {
        /// `model User`, `enum Role`.
        label: String,
        /// `table` or `enum`.
        what: &'static str,
        /// The other name, if it is another.
        name: Option<String>,
        /// The other schema, if it is another.
        schema: Option<String>,
        /// Renames or moves it.
        sql: String,
    },
    /// Correct the name of a table or an enum.
    Whole {
        /// The one that exists.
        name: Name,
        /// Renames or moves it.
        sql: String,
    },
    /// Map these values of an enum to these.
    MapValues(Vec<(String, String)>),
    /// Correct the case of a name.
    Case,
    /// Correct the name or the schema of an index.
    Index,
    /// Correct the name or the table of a constraint.
    Constraint,
}

/// Something to change in the schema file, or in what else expects an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SchemaFileFix {
    /// Update what expects an object that was dropped, or create it again.
    Update {
        /// The schema file expects it; otherwise a requirement.
        declared: bool,
    },
    /// Take in what exists, or drop it.
    TakeInOrDrop {
        /// It stops rows from being inserted.
        needs_default: bool,
    },
    /// Take it in.
    TakeIn,
    /// Leave it, or take it in.
    LeaveOrTakeIn,
    /// Drop what exists.
    Drop,
    /// Remove a value, or add it again.
    RemoveValue,
    /// Correct a relation: the model where that is another, and the fields.
    Relation(Option<String>, Vec<String>),
}

/// What meets a requirement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequirementFix {
    /// Insert a row.
    Insert,
    /// Ask as a role that bypasses row security.
    BypassRowSecurity,
    /// Grant SELECT, or ask as another role.
    GrantSelect,
    /// Look at what locks the table.
    Locks,
    /// Correct the requirement, or create what it names.
    CorrectOrCreate,
    /// Ask for a column of this view with a query.
    AskView(Name),
    /// Create it with this SQL.
    Create(String),
    /// Drop it with this SQL.
    Drop(String),
}

/// What makes a query use an index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IndexFix {
    /// Create it, or correct its name.
    CreateOrCorrect,
    /// Put the compared columns first.
    ComparedFirst,
    /// Put the columns of the order after the compared ones.
    OrderNext,
    /// Name the other index, or change this one.
    NameOther,
    /// Change columns and directions.
    Columns,
}

/// Things as the schema file calls them: the first ones, and how many there are besides. Thousands of findings share
/// one remedy, so it holds no more than it says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Labels {
    named: Vec<String>,
    more: usize,
}

impl Labels {
    /// How many of them are named.
    const NAMED: usize = 8;

    pub(crate) fn new(mut all: Vec<String>) -> Self {
        let more = all.len().saturating_sub(Self::NAMED);
        all.truncate(Self::NAMED);
        Self { named: all, more }
    }
}

impl fmt::Display for Labels {
    /// `A, B and C`; `it` for what the finding itself names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.named.as_slice(), self.more) {
            ([], _) => f.write_str("it"),
            ([one], 0) => f.write_str(one),
            ([first @ .., last], 0) => write!(f, "{} and {last}", first.join(", ")),
            (named, more) => write!(f, "{} and {more} more", named.join(", ")),
        }
    }
}

impl Remedy {
    /// The same of several objects, without what is true of one of them alone.
    #[must_use]
    pub(crate) fn of_several(&self) -> Self {
        match self {
            Self::Name(NameFix::MapField { .. }) => Self::Name(NameFix::MapFields),
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(sql) => f.write_str(sql),
            Self::Grant(grant) => grant.fmt(f),
            Self::Run(run) => run.fmt(f),
            Self::Write(write) => write.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::SchemaFile(fix) => fix.fmt(f),
            Self::Requirement(fix) => fix.fmt(f),
            Self::Index(fix) => fix.fmt(f),
            Self::AdoptFewer => f.write_str(
                "if none of it and of later ones exists, adopt up to the migration before it (--through NAME), and \
                 doorstep run applies them; otherwise correct the database, and try again",
            ),
        }
    }
}

impl Serialize for Remedy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access, schema, table, role } = self;
        match access {
            Access::NoSchema => write!(
                f,
                "GRANT USAGE ON SCHEMA {schema} TO {role}; \
                 GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
            ),
            Access::Nothing => write!(f, "GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}"),
            Access::WriteOnly | Access::Granted => {
                write!(f, "GRANT SELECT ON {table} TO {role}, if the service reads it")
            }
            Access::SomeColumns => {
                write!(f, "GRANT SELECT ON {table} TO {role}, if the service reads them all, as Prisma's client does")
            }
            Access::NoRows => {
                write!(f, "CREATE POLICY … ON {table} TO {role} USING (…), or ALTER ROLE {role} BYPASSRLS")
            }
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Creator { names_folder, has_sql } => {
                let folder = if *names_folder { "name the folder (--migrations), or " } else { "" };
                let sql = if *has_sql { "; doorstep diff --script prints the SQL that creates it" } else { "" };
                write!(f, "{folder}let what creates it run first{sql}")
            }
            Self::CreateSchema(name, sql) => write!(f, "doorstep migrate --schemas {name}, or CREATE SCHEMA {sql}"),
            Self::Apply { by, again } => {
                let apply = match by {
                    Applier::Doorstep => "doorstep migrate applies it",
                    Applier::Awaited => "let whoever migrates apply it (here, migrate = await): doorstep migrate",
                    Applier::Other => {
                        "let whoever migrates apply it (here, migrate = off): doorstep migrate --migrate apply"
                    }
                };
                write!(f, "{apply}{}", if *again { " again" } else { "" })
            }
            Self::Repair(name) => write!(
                f,
                "doorstep status shows why; repair the file, then doorstep resolve --rolled-back {name}, and start again"
            ),
            Self::Wait => f.write_str("wait until it is done"),
            Self::ByHand(file) => {
                write!(f, "run its file once by hand ({file}), or put what is missing into a new migration")
            }
            Self::NewerImage(name) => write!(f, "start the image that has {name}"),
            Self::RestoreAll => {
                f.write_str("restore the tables together with the history, or start with an empty database")
            }
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New { slug, by_prisma, what } => {
                let writes = match by_prisma {
                    true => format!("npx prisma migrate dev --name {slug} writes the migration for {what}"),
                    false => format!("write the migration {slug} for {what}"),
                };
                write!(f, "{writes}; doorstep diff --script prints its SQL")
            }
            Self::OrCorrectName { slug, by_prisma: true } => write!(
                f,
                "write the migration (npx prisma migrate dev --create-only --name {slug}), or correct the name"
            ),
            Self::OrCorrectName { by_prisma: false, .. } => f.write_str("write the migration, or correct the name"),
            Self::Code { authoring, has_pending: false } => write!(f, "if none of them creates it: {authoring}"),
            Self::Code { authoring, has_pending: true } => {
                write!(f, "apply what is pending: doorstep migrate; if that does not create it: {authoring}")
            }
            Self::EditedPart => f.write_str("put what was added into a new migration, and the file back to what ran"),
            Self::MissingPart => f.write_str("put what is missing into a new migration"),
            Self::Addition => f.write_str("add it in a new migration"),
            Self::AgainOrRestore => f.write_str("create it again in a new migration, or restore it from a backup"),
            Self::RestoreOrCreate => f.write_str("restore it, or create it in a new migration"),
            Self::Alignment { declared: true } => f.write_str(
                "align it in a new migration, or take it into the schema file as it is (npx prisma db pull)",
            ),
            Self::Alignment { declared: false } => {
                f.write_str("align it in a new migration, or correct what requires it")
            }
        }
    }
}

impl fmt::Display for NameFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequireElsewhere(table) => write!(f, "require {table}, or add its schema to the search path"),
            Self::RequireOther(table) => write!(f, "require {table} (names are case-sensitive), or rename it"),
            Self::MapField { field, column, instead, sql } => {
                let instead = instead.as_ref().map_or(String::new(), |name| format!(" (instead of \"{name}\")"));
                write!(f, "map the field: {field} … @map(\"{column}\"){instead}; or rename the column: {sql}")
            }
            Self::MapFields => f.write_str("map each field to its column (@map), or rename the columns"),
            Self::Column { column, sql } => write!(f, "correct the name to {column}, or rename the column: {sql}"),
            Self::MapWhole { label, what, name, schema, sql } => {
                let map = name.as_ref().map(|name| format!("@@map(\"{name}\")"));
                let at = schema.as_ref().map(|schema| format!("@@schema(\"{schema}\")"));
                let written = map.into_iter().chain(at).collect::<Vec<_>>().join(" ");
                match (name, schema) {
                    (None, Some(schema)) => {
                        write!(
                            f,
                            "say where it is: ?schema={schema} in the URL, or {written} in {label}; or move it: {sql}"
                        )
                    }
                    _ => write!(f, "map it: {written} in {label}; or rename the {what}: {sql}"),
                }
            }
            Self::Whole { name, sql } => write!(f, "correct the name to {name}, or: {sql}"),
            Self::MapValues(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(one, other)| format!("{one} @map(\"{other}\")")).collect();
                write!(f, "map the values: {}; or rename them (ALTER TYPE … RENAME VALUE)", pairs.join(", "))
            }
            Self::Case => f.write_str("names are case-sensitive; correct it"),
            Self::Index => {
                f.write_str("names are case-sensitive and belong to a schema: correct it, or rename the index")
            }
            Self::Constraint => f.write_str("correct its name or its table"),
        }
    }
}

impl fmt::Display for SchemaFileFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Update { declared: true } => f.write_str(
                "bring the schema file up to date (npx prisma db pull), or create it again in a new migration",
            ),
            Self::Update { declared: false } => {
                f.write_str("correct what requires it, or create it again in a new migration")
            }
            Self::TakeInOrDrop { needs_default } => {
                let default = if *needs_default { ", give it a default" } else { "" };
                write!(f, "take it into the schema file (npx prisma db pull){default}, or drop it in a new migration")
            }
            Self::TakeIn => f.write_str("take it into the schema file (npx prisma db pull)"),
            Self::LeaveOrTakeIn => f.write_str("leave it, or take it into the schema file (npx prisma db pull)"),
            Self::Drop => f.write_str("drop it by hand or in a new migration, if nothing needs it"),
            Self::RemoveValue => f.write_str("take it out of the schema file, or add it again in a new migration"),
            Self::Relation(model, fields) => {
                let to = model.as_ref().map_or(String::new(), |model| format!("to {model}, "));
                let fields = fields.join(", ");
                write!(f, "correct the relation ({to}references: [{fields}]), or the key in a new migration")
            }
        }
    }
}

impl fmt::Display for RequirementFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insert => f.write_str("let a migration or a seed insert it"),
            Self::BypassRowSecurity => f.write_str("let a role look that bypasses row security (migrate_url)"),
            Self::GrantSelect => f.write_str("GRANT SELECT on it, or let another role look (migrate_url)"),
            Self::Locks => f.write_str("look at what locks the table, or ask for less"),
            Self::CorrectOrCreate => f.write_str("correct it, or let a migration create what it names"),
            Self::AskView(view) => write!(f, "ask for it with a [[query]]: sql = \"SELECT … FROM {view}\""),
            Self::Create(sql) => write!(f, "create it in a migration ({sql})"),
            Self::Drop(sql) => write!(f, "drop it in a migration ({sql}), or take the line away"),
        }
    }
}

impl fmt::Display for IndexFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateOrCorrect => "create it in a migration, or correct its name",
            Self::ComparedFirst => "put the columns that the query compares first",
            Self::OrderNext => "let the columns of the ORDER BY follow those that the query compares",
            Self::NameOther => "name that one, if it is as good; or change the index",
            Self::Columns => "give the index the columns, directions and NULLS order that the query asks for",
        })
    }
}
