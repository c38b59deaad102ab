//! What verifying finds, as plain data: one difference between what the service needs and what is there. The steps
//! produce findings, the report forms print them.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::catalog::{Name, Origin};
use crate::sql::TableName;
use crate::sql::script::{Aspect, Object};

/// How bad a finding is (contract: severity of a finding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing the service needs.
    Notice,
    /// It works, but slower or less safe.
    Warning,
    /// A query of the service would fail.
    Error,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Notice];
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What kind of difference it is (contract: results as JSON).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// Expected, and not there.
    Missing,
    /// There, and not as expected.
    Different,
    /// There, and expected not to be.
    Extra,
    /// Missing, but there is one that only its name tells apart; or only the name is another.
    Renamed,
    /// There, and the server itself does not vouch for it: a broken index, an unchecked constraint.
    Invalid,
    /// There, and not for the service's role.
    Hidden,
}

impl Difference {
    /// Its name in results and in `verify_allow`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Different => "different",
            Self::Extra => "extra",
            Self::Renamed => "renamed",
            Self::Invalid => "invalid",
            Self::Hidden => "hidden",
        }
    }
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A schema (namespace).
    Schema(String),
    /// An extension.
    Extension(String),
    /// A table.
    Table(Name),
    /// A view.
    View(Name),
    /// An enum type.
    Enum(Name),
    /// A column.
    Column {
        /// Its table.
        table: Name,
        /// Its name.
        name: String,
    },
    /// The primary key of this table.
    PrimaryKey(Name),
    /// An index, or what makes columns unique.
    Index {
        /// Its table.
        table: Name,
        /// Its name.
        name: String,
        /// Whether it is unique.
        unique: bool,
    },
    /// A foreign key.
    ForeignKey {
        /// The table that it belongs to.
        table: Name,
        /// Its columns.
        columns: Vec<String>,
    },
    /// A named constraint.
    Constraint {
        /// Its table.
        table: Name,
        /// Its name.
        name: String,
    },
    /// A row that must exist: the table and condition that find it.
    Row(String),
    /// A query whose plan is looked at, by its name.
    Query(String),
    /// A required table, which may leave its schema to the search path.
    Required(TableName),
    /// Something that a migration creates, as its script names it.
    Scripted(Object),
}

impl Subject {
    /// The kind of thing: the first word of the object in results, and what `verify_allow` calls it.
    #[must_use]
    pub fn thing(&self) -> &'static str {
        match self {
            Self::Schema(_) => "schema",
            Self::Extension(_) => "extension",
            Self::Table(_) | Self::Required(_) => "table",
            Self::View(_) => "view",
            Self::Enum(_) => "enum",
            Self::Column { .. } => "column",
            Self::PrimaryKey(_) => "primary_key",
            Self::Index { unique: true, .. } => "unique",
            Self::Index { unique: false, .. } => "index",
            Self::ForeignKey { .. } => "foreign_key",
            Self::Constraint { .. } => "constraint",
            Self::Row(_) => "row",
            Self::Query(_) => "query",
            Self::Scripted(object) => object.thing(),
        }
    }

    /// Its qualified name: what `verify_allow` matches.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Schema(name) | Self::Extension(name) | Self::Row(name) | Self::Query(name) => name.clone(),
            Self::Table(name) | Self::View(name) | Self::Enum(name) | Self::PrimaryKey(name) => name.to_string(),
            Self::Constraint { table, name } if table.name.is_empty() => format!("{}.{name}", table.schema),
            Self::Column { table, name } | Self::Constraint { table, name } => format!("{table}.{name}"),
            Self::Index { table, name, .. } => format!("{}.{name}", table.schema),
            Self::ForeignKey { table, columns } => format!("{table}.{}", columns.join(",")),
            Self::Required(name) => name.to_string(),
            Self::Scripted(object) => {
                let text = object.to_string();
                text.split_once(' ').map_or(text.clone(), |(_, name)| name.to_owned())
            }
        }
    }

    /// The table that it belongs to, or is.
    #[must_use]
    pub fn table(&self) -> Option<&Name> {
        let table = match self {
            Self::Table(table)
            | Self::PrimaryKey(table)
            | Self::Column { table, .. }
            | Self::Index { table, .. }
            | Self::ForeignKey { table, .. }
            | Self::Constraint { table, .. } => table,
            _ => return None,
        };
        // One that nobody knows has no name.
        Some(table).filter(|table| !table.name.is_empty())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.thing(), self.name())
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Who expects it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// Nobody: it is there all the same.
    Nobody,
    /// A line of a file.
    At(Origin),
    /// A setting, or a file as a whole.
    Named(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => Ok(()),
            Self::At(Origin { file, line }) => write!(f, "{file}:{line}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One difference between what the service needs and what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of difference.
    pub kind: Difference,
    /// What it is about; in results the kind of thing and its qualified name: `table public.users`.
    #[serde(rename = "object")]
    pub subject: Subject,
    /// What is expected, where there is more to say than the object.
    pub expected: Option<String>,
    /// What there is.
    pub actual: Option<String>,
    /// What is there in its place, where that is one thing.
    #[serde(skip)]
    pub instead: Option<Subject>,
    /// A migration that is not done yet sees to it: nobody else should.
    #[serde(skip)]
    pub awaits: bool,
    /// In what a column differs.
    #[serde(skip)]
    pub aspect: Option<Aspect>,
    /// Where the desired comes from; empty for what nobody expects.
    pub source: Source,
    /// Why it differs, as far as the facts in hand tell.
    pub cause: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// The statements that would close the gap; they only ever add.
    pub sql: Option<String>,
}

impl Finding {
    /// A finding of which no more is known yet.
    #[must_use]
    pub fn new(severity: Severity, kind: Difference, subject: Subject, source: Source) -> Self {
        Self {
            severity,
            kind,
            subject,
            expected: None,
            actual: None,
            instead: None,
            awaits: false,
            aspect: None,
            source,
            cause: None,
            remedy: None,
            sql: None,
        }
    }

    pub(crate) fn between(mut self, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.actual = Some(actual.into());
        self
    }

    pub(crate) fn but(mut self, actual: impl Into<String>) -> Self {
        self.actual = Some(actual.into());
        self
    }

    pub(crate) fn instead(mut self, there: Subject) -> Self {
        self.actual = Some(there.to_string());
        self.instead = Some(there);
        self
    }

    pub(crate) fn in_its(mut self, aspect: Aspect) -> Self {
        self.aspect = Some(aspect);
        self
    }

    pub(crate) fn caused(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub(crate) fn remedied(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// What is the matter with it, in a few words that follow its name: `is missing`.
    #[must_use]
    pub fn predicate(&self) -> &'static str {
        match (self.kind, &self.source) {
            (Difference::Missing, _) if self.is_of_query() && self.expected.is_none() => "does not run",
            (Difference::Hidden, _) if self.is_of_query() => "cannot be looked at",
            (_, _) if self.is_of_query() => "cannot use its index",
            (Difference::Missing, _) => "is missing",
            (Difference::Extra, Source::Nobody) => "is there, and nothing speaks of it",
            (Difference::Extra, _) => "should not be there",
            (Difference::Different, _) => "differs",
            (Difference::Renamed, _) => "has another name",
            (Difference::Invalid, _) => "is not valid",
            (Difference::Hidden, _) => "is hidden from the service's role",
        }
    }

    fn is_of_query(&self) -> bool {
        matches!(self.subject, Subject::Query(_))
    }

    /// What is expected and what there is, where there is more to say; empty otherwise.
    #[must_use]
    pub fn detail(&self) -> String {
        match (&self.expected, &self.actual) {
            (Some(expected), Some(actual)) => format!("expected {expected}, there is {actual}"),
            (Some(expected), None) => format!("expected {expected}"),
            (None, Some(actual)) => format!("there is {actual}"),
            (None, None) => String::new(),
        }
    }

    /// The name under which it is there after all: of a column in its table, of a table with its schema.
    #[must_use]
    pub fn other_name(&self) -> Option<&str> {
        let actual = self.actual.as_deref().filter(|_| self.kind == Difference::Renamed)?;
        match &self.subject {
            Subject::Column { .. } => Some(actual.strip_prefix("column ")?.rsplit_once('.')?.1),
            Subject::Table(_) => actual.strip_prefix("table "),
            _ => None,
        }
    }

    /// All of it but the remedy, on one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut text = format!("{} {}", self.subject, self.predicate());
        if self.source != Source::Nobody {
            text += &format!(" (required by {})", self.source);
        }
        let detail = self.detail();
        if !detail.is_empty() {
            text += &format!(": {detail}");
        }
        if let Some(cause) = &self.cause {
            text += &format!("; {cause}");
        }
        text
    }
}

impl fmt::Display for Finding {
    /// On one line but for the remedy, which has its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n    next: {remedy}"),
            None => Ok(()),
        }
    }
}
