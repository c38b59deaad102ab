//! What verifying finds, as plain data: one difference between what the service needs and what is there. The steps
//! produce findings, the report forms print them.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::catalog::{Name, Origin};
use crate::sql::script::Aspect;
use crate::sql::{ObjectKind, ObjectRef};

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
pub enum DifferenceKind {
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

impl DifferenceKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Missing, Self::Different, Self::Extra, Self::Renamed, Self::Invalid, Self::Hidden];

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

/// Between [`ObjectRef`] and the names of a catalog, in which the schema is always known.
impl ObjectRef {
    /// An object with a name of its own in a schema: a table, a view, an enum.
    #[must_use]
    pub(crate) fn of(kind: ObjectKind, name: &Name) -> Self {
        Self::new(kind, Some(name.schema.clone()), name.name.as_str())
    }

    /// A part of this table. A table without a name is one that is not known.
    #[must_use]
    pub(crate) fn part_of(table: &Name, kind: ObjectKind, name: impl Into<String>) -> Self {
        let part = Self::of(ObjectKind::Table, table).part(kind, name);
        Self { table: part.table.filter(|table| !table.is_empty()), ..part }
    }

    /// An index of this table.
    #[must_use]
    pub(crate) fn index(table: &Name, name: &str, unique: bool) -> Self {
        Self::part_of(table, if unique { ObjectKind::Unique } else { ObjectKind::Index }, name)
    }

    /// The foreign key of this table over these columns.
    #[must_use]
    pub(crate) fn foreign_key(table: &Name, columns: &[String]) -> Self {
        Self::of(ObjectKind::Table, table).foreign_key_over(columns.to_vec())
    }

    /// The table or enum that it is a part of, or itself; the schema is empty where none is known.
    #[must_use]
    pub(crate) fn owner(&self) -> Name {
        let name = self.table.as_ref().unwrap_or(&self.name).clone();
        Name { schema: self.schema.clone().unwrap_or_default(), name }
    }

    /// The table that it is or belongs to, where table and schema are known.
    #[must_use]
    pub(crate) fn in_table(&self) -> Option<Name> {
        let is_known = self.schema.is_some() && (self.table.is_some() || self.kind == ObjectKind::Table);
        (is_known && self.kind != ObjectKind::EnumValue).then(|| self.owner())
    }
}

impl Serialize for ObjectRef {
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
    pub kind: DifferenceKind,
    /// What it is about; in results the kind of thing and its qualified name: `table public.users`.
    pub object: ObjectRef,
    /// What is expected, where there is more to say than the object.
    pub expected: Option<String>,
    /// What there is.
    pub actual: Option<String>,
    /// What is there in its place, where that is one thing.
    #[serde(skip)]
    pub instead: Option<ObjectRef>,
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
    pub fn new(severity: Severity, kind: DifferenceKind, object: ObjectRef, source: Source) -> Self {
        Self {
            severity,
            kind,
            object,
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

    pub(crate) fn instead(mut self, there: ObjectRef) -> Self {
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
            (DifferenceKind::Missing, _) if self.is_of_query() && self.expected.is_none() => "does not run",
            (DifferenceKind::Hidden, _) if self.is_of_query() => "cannot be looked at",
            (_, _) if self.is_of_query() => "cannot use its index",
            (DifferenceKind::Missing, _) => "is missing",
            (DifferenceKind::Extra, Source::Nobody) => "is there, and nothing speaks of it",
            (DifferenceKind::Extra, _) => "should not be there",
            (DifferenceKind::Different, _) => "differs",
            (DifferenceKind::Renamed, _) => "has another name",
            (DifferenceKind::Invalid, _) => "is not valid",
            (DifferenceKind::Hidden, _) => "is hidden from the service's role",
        }
    }

    fn is_of_query(&self) -> bool {
        self.object.kind == ObjectKind::Query
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
        let actual = self.actual.as_deref().filter(|_| self.kind == DifferenceKind::Renamed)?;
        match self.object.kind {
            ObjectKind::Column => Some(actual.strip_prefix("column ")?.rsplit_once('.')?.1),
            ObjectKind::Table => actual.strip_prefix("table "),
            _ => None,
        }
    }

    /// All of it but the remedy, on one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut text = format!("{} {}", self.object, self.predicate());
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
