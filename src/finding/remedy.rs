//! [`Remedy`]: what to do about a difference, as data. Two findings have the same remedy if their values are equal.
//! How it is worded is in `remedy_text`.
//!
//! SQL in it is ready to run: the code that makes a remedy knows the dialect.

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
    /// Let others change what they manage.
    External,
    /// `baseline`: adopt fewer migrations, up to this one if there is one.
    AdoptFewer(Option<String>),
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
    pub(crate) named: Vec<String>,
    pub(crate) more: usize,
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
