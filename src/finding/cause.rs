//! [`Cause`]: why something is not as expected, as data. Two findings have the same cause if their values are equal.
//! How it is worded is in `cause_text`.

use smol_str::SmolStr;

use crate::catalog::{Access, Name};
use crate::sql::{ObjectRef, TableName};

/// Why something is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No folder of migrations is read: `migrate = off`, or there is none.
    NoFolder {
        /// `migrate = off`.
        is_off: bool,
    },
    /// No migration of the folder does it.
    NoMigration(NoMigration),
    /// A migration did it, or will.
    Step {
        /// What the migration does.
        act: Act,
        /// What follows from that.
        then: Then,
    },
    /// Migrations are applied that the folder does not have.
    Newer(Vec<String>),
    /// A cause, and that migrations are applied that the folder does not have.
    PerhapsNewer(Box<Cause>, Vec<String>),
    /// The project leaves the object to others.
    External,
    /// The role lacks a right.
    Access {
        /// What it may do.
        access: Access,
        /// The role.
        role: String,
    },
    /// It exists under another name.
    Names(OtherName),
    /// The server did not answer a question.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The first line of what the server said.
        said: String,
        /// Line and column of the query.
        at: Option<(usize, usize)>,
    },
    /// The index of a query.
    Index(IndexCause),
    /// `baseline`: the database contradicts a migration.
    NotApplied {
        /// The migration.
        migration: String,
        /// It creates the object; otherwise it drops or renames it.
        creates: bool,
    },
}

/// What no migration of a folder does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NoMigration {
    /// Creates a schema, which is doorstep's own task.
    CreatesSchema(String),
    /// Creates the object. With the folder, its state, and a column of the same name in another table.
    Creates {
        /// The folder.
        folder: String,
        /// Its state.
        state: FolderState,
        /// A column that has the name, and the migration that adds it.
        namesake: Option<Box<(ObjectRef, Option<Act>)>>,
    },
    /// It cannot be told: the migrations are code.
    IsCode {
        /// The tool that runs them.
        tool: &'static str,
        /// What is applied.
        state: FolderState,
    },
    /// Creates what exists: another tool or a person did.
    CreatesExtra(String),
    /// Makes it as it is.
    MakesSo(String),
    /// Drops it.
    Drops(String),
    /// Adds these values to an enum.
    Adds(String, Vec<String>),
}

/// What of a folder is applied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FolderState {
    /// It has no migration.
    Empty,
    /// All of so many.
    Applied(usize),
    /// Some are pending.
    Pending {
        /// The first of them.
        first: String,
        /// How many there are besides.
        more: usize,
    },
}

/// Where a script does something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Site {
    /// The migration.
    pub migration: String,
    /// Its file.
    pub file: String,
    /// The line; `None` of several objects.
    pub line: Option<usize>,
}

/// What a migration does, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Act {
    /// Where.
    pub site: Site,
    /// What.
    pub does: Does,
}

/// What a migration does to an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Does {
    /// Creates it.
    Creates,
    /// Creates it, and another migration was the reader's subject: `1_a creates it, and 2_b drops it`.
    Adds,
    /// Adds this value to an enum.
    AddsValue(String),
    /// Takes this value from an enum.
    RemovesValue(String),
    /// Builds an index.
    Builds,
    /// Drops it.
    Drops,
    /// Renames it, with the new name where the text gives it.
    Renames(Option<String>),
    /// Moves it, with the new schema where the text gives it.
    Moves(Option<String>),
    /// Changes it.
    Changes,
    /// Declares a column so.
    Says(String),
    /// Creates it under the name that is expected.
    CreatesAsExpected,
}

/// What follows from what a migration does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Then {
    /// Nothing more to say.
    Nothing,
    /// It has not run to its end.
    Unfinished(Unfinished),
    /// The same, and the object exists all the same.
    UnfinishedButThere(Unfinished),
    /// It ran after `made`, and what expects the object is older.
    SourceIsOlder {
        /// The migration that created the object.
        made: Option<String>,
        /// What expects it; `None` for the schema file.
        source: Option<String>,
    },
    /// It was edited after it was applied.
    Edited(At),
    /// A person recorded it as applied.
    ByHand(At),
    /// It is applied, and so are newer ones that may have undone it.
    MayBeUndone(At, Vec<String>),
    /// It is applied, and passed over a table that existed.
    PassedOver(At),
    /// It is applied, and the rest of what it creates exists.
    RestIsHere(At),
    /// It is applied, and nothing of what it creates exists.
    NothingIsHere(At),
    /// It is applied, and creates nothing else.
    Lost(At),
    /// The constraint was not validated.
    NotValidated,
    /// No migration drops it.
    NotDropped,
    /// It is applied, and the object was made again.
    MadeAgain,
    /// The object was renamed by hand.
    RenamedByHand,
}

/// When, as RFC 3339 text, where that is known.
pub(crate) type At = Option<String>;

/// How far a migration is that has not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Unfinished {
    /// Not begun.
    Pending,
    /// Failed; begun then.
    Failed(At),
    /// Rolled back then.
    RolledBack(At),
    /// Running since then.
    Running(At),
}

/// How the name of what exists differs from the expected one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OtherName {
    /// Tables of the same name in other schemas.
    Elsewhere(Vec<TableName>),
    /// Tables of a similar name.
    Similar(Vec<TableName>),
    /// This relation, whose name differs in case.
    Case(Name),
    /// A name that no query uses.
    Unused,
    /// Another schema.
    Schema {
        /// The schema.
        schema: String,
        /// The migration that creates it there.
        by: Option<Site>,
    },
    /// A name that the schema file does not map.
    Unmapped {
        /// The name in the database.
        name: String,
        /// The name in the schema file.
        label: String,
        /// It is a field of a model, and the name that of its column.
        is_field: bool,
        /// The migration that creates it so.
        by: Option<Site>,
    },
    /// Several columns whose names the schema file does not map.
    UnmappedFields {
        /// The migration that creates them so.
        by: Option<String>,
    },
    /// Values of an enum.
    Values,
    /// The foreign key leads to these columns of this table.
    Target(Name, Vec<SmolStr>),
}

/// Why the server gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Row security hides rows from the role.
    RowSecurity,
    /// A limit of time.
    Timeout,
    /// Anything else; what the server said is the cause.
    Other,
}

/// Why a query cannot use its index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IndexCause {
    /// There is none of this name; but one with a similar name, described.
    Missing(TableName, Option<String>),
    /// It is invalid.
    Invalid,
    /// It is described so, and does not fit.
    Unused(String, Misfit),
}

/// Why an index does not fit a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Misfit {
    /// The query does not search its first column.
    FirstColumn,
    /// It has another order than the query asks for.
    Order,
    /// The planner takes this index instead.
    Other(String),
    /// Neither conditions nor order.
    All,
}

impl Cause {
    /// The same of several objects, without what is true of one of them alone.
    #[must_use]
    pub(crate) fn of_several(&self) -> Self {
        match self {
            Self::Step { act, then } => Self::Step { act: act.without_line(), then: then.clone() },
            Self::PerhapsNewer(cause, newer) => Self::PerhapsNewer(Box::new(cause.of_several()), newer.clone()),
            Self::NoMigration(NoMigration::Creates { folder, state, namesake: Some(namesake) }) => {
                let (other, act) = namesake.as_ref();
                let namesake = Some(Box::new((other.clone(), act.as_ref().map(Act::without_line))));
                Self::NoMigration(NoMigration::Creates { folder: folder.clone(), state: state.clone(), namesake })
            }
            Self::Names(OtherName::Schema { schema, by: Some(by) }) => {
                let by = Some(Site { line: None, ..by.clone() });
                Self::Names(OtherName::Schema { schema: schema.clone(), by })
            }
            Self::Names(OtherName::Unmapped { is_field: true, by, .. }) => {
                let by = by.as_ref().map(|site| site.migration.clone());
                Self::Names(OtherName::UnmappedFields { by })
            }
            _ => self.clone(),
        }
    }
}

impl Act {
    fn without_line(&self) -> Self {
        Self { site: Site { line: None, ..self.site.clone() }, does: self.does.clone() }
    }
}
