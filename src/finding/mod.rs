//! The data that verifying passes on, one type per stage, and how it is worded.
//!
//! - [`Difference`]: what the differ, a requirement or a query found.
//! - [`Diagnosis`]: why, and what to do about it, as enums with data ([`cause`], [`remedy`]).
//! - [`Finding`]: both, with the SQL that would close the gap; the reports print it.
//! - [`effect::Effect`]: what a change of the schema does to a release that is still running.
//!
//! Decisions compare fields and variants. Text is made here and in `report`, and nothing asks what it contains.

pub(crate) mod cause;
mod cause_text;
pub(crate) mod effect;
pub(crate) mod remedy;
mod remedy_text;

use std::fmt;

use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use crate::catalog::{ForeignKey, Name, Origin};
use crate::sql::script::Aspect;
use crate::sql::{ObjectKind, ObjectRef};

pub(crate) use crate::finding::cause::Cause;
pub(crate) use crate::finding::remedy::Remedy;

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
    /// It exists, but the server calls it invalid: a broken index, a constraint that is NOT VALID.
    Invalid,
    /// There, and not for the service's role.
    Hidden,
    /// There, but whether it is as expected cannot be told. Always a notice.
    Uncompared,
}

impl DifferenceKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Missing, Self::Different, Self::Extra, Self::Renamed, Self::Invalid, Self::Hidden, Self::Uncompared];

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
            Self::Uncompared => "uncompared",
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
    pub(crate) fn part_of(table: &Name, kind: ObjectKind, name: impl AsRef<str>) -> Self {
        let part = Self::of(ObjectKind::Table, table).part(kind, name.as_ref());
        Self { table: part.table.filter(|table| !table.is_empty()), ..part }
    }

    /// An index of this table.
    #[must_use]
    pub(crate) fn index(table: &Name, name: &str, unique: bool) -> Self {
        Self::part_of(table, if unique { ObjectKind::Unique } else { ObjectKind::Index }, name)
    }

    /// The foreign key of this table over these columns.
    #[must_use]
    pub(crate) fn foreign_key(table: &Name, columns: &[SmolStr]) -> Self {
        Self::of(ObjectKind::Table, table).foreign_key_over(columns.iter().map(SmolStr::to_string).collect())
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
    /// No source expects the object.
    Nobody,
    /// A line of a file.
    At(Origin),
    /// The Prisma schema as a whole.
    PrismaSchema,
    /// A setting, or a file as a whole.
    Named(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => Ok(()),
            Self::At(Origin { file, line }) => write!(f, "{file}:{line}"),
            Self::PrismaSchema => f.write_str("the Prisma schema"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What later stages decide on, besides kind and object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// In what a column differs.
    Aspect(Aspect),
    /// The object that exists under another name in its place.
    OtherName(ObjectRef),
    /// The foreign key that is expected, and the one that exists in its place.
    ForeignKey {
        /// As it is expected.
        expected: Box<ForeignKey>,
        /// As it is.
        actual: Option<Box<ForeignKey>>,
    },
}

/// One difference between what the service needs and what the database has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of difference.
    pub kind: DifferenceKind,
    /// What it is about.
    pub object: ObjectRef,
    /// What is expected, for people, where there is more to say than the object.
    pub expected: Option<String>,
    /// What there is, for people.
    pub actual: Option<String>,
    /// Where the desired comes from; empty for what no source expects.
    pub source: Source,
    /// What later stages decide on.
    #[serde(skip)]
    pub detail: Detail,
    /// What the requirement that found it knows of cause and remedy.
    #[serde(skip)]
    pub known: Diagnosis,
}

/// Why something differs, and what to do about it, as far as the facts tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Diagnosis {
    /// Why.
    pub cause: Option<Cause>,
    /// What to do.
    pub remedy: Option<Remedy>,
}

impl Diagnosis {
    pub(crate) fn new(cause: Cause, remedy: Remedy) -> Self {
        Self { cause: Some(cause), remedy: Some(remedy) }
    }

    /// Of several objects, without what is true of one of them alone: the line of a script, the name of a column.
    #[must_use]
    pub(crate) fn of_several(&self) -> Self {
        Self { cause: self.cause.as_ref().map(Cause::of_several), remedy: self.remedy.as_ref().map(Remedy::of_several) }
    }
}

/// A difference that has been looked into: what reports print (contract: results as JSON).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What differs.
    #[serde(flatten)]
    pub difference: Difference,
    /// Why, and what to do about it.
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
    /// The statements that would close the gap; they only ever add.
    pub sql: Option<String>,
}

/// How many objects a text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    One,
    Several,
}

impl Number {
    /// As an object of a sentence: `it`, `them`.
    pub(crate) fn it(self) -> &'static str {
        match self {
            Self::One => "it",
            Self::Several => "them",
        }
    }

    /// As the subject of a sentence: `it is`, `they are`.
    pub(crate) fn it_is(self) -> &'static str {
        match self {
            Self::One => "it is",
            Self::Several => "they are",
        }
    }

    /// `it was`, `they were`.
    pub(crate) fn it_was(self) -> &'static str {
        match self {
            Self::One => "it was",
            Self::Several => "they were",
        }
    }
}

impl Difference {
    /// A difference of which only this is known.
    #[must_use]
    pub fn new(severity: Severity, kind: DifferenceKind, object: ObjectRef, source: Source) -> Self {
        let (expected, actual) = (None, None);
        Self { severity, kind, object, expected, actual, source, detail: Detail::None, known: Diagnosis::default() }
    }

    /// A difference from what this line expects.
    #[must_use]
    pub(crate) fn at(severity: Severity, kind: DifferenceKind, object: ObjectRef, origin: &Origin) -> Self {
        Self::new(severity, kind, object, Source::At(origin.clone()))
    }

    pub(crate) fn between(mut self, expected: impl AsRef<str>, actual: impl AsRef<str>) -> Self {
        self.expected = Some(expected.as_ref().to_owned());
        self.actual = Some(actual.as_ref().to_owned());
        self
    }

    pub(crate) fn but(mut self, actual: impl Into<String>) -> Self {
        self.actual = Some(actual.into());
        self
    }

    /// This one exists in its place.
    pub(crate) fn instead(mut self, there: ObjectRef) -> Self {
        self.actual = Some(there.to_string());
        self.detail = Detail::OtherName(there);
        self
    }

    pub(crate) fn with(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }

    pub(crate) fn caused(mut self, cause: Cause) -> Self {
        self.known.cause = Some(cause);
        self
    }

    pub(crate) fn remedied(mut self, remedy: Remedy) -> Self {
        self.known.remedy = Some(remedy);
        self
    }

    /// The object that exists under another name in its place.
    #[must_use]
    pub(crate) fn other(&self) -> Option<&ObjectRef> {
        match &self.detail {
            Detail::OtherName(other) => Some(other),
            _ => None,
        }
    }

    /// The other name: of a column in its table, of a table with its schema.
    #[must_use]
    pub(crate) fn other_name(&self) -> Option<String> {
        let other = self.other().filter(|_| self.kind == DifferenceKind::Renamed)?;
        match self.object.kind {
            ObjectKind::Column => Some(other.name.clone()),
            ObjectKind::Table => Some(other.qualified_name()),
            _ => None,
        }
    }

    /// What is the matter with it, in a few words that follow its name: `is missing`.
    #[must_use]
    pub fn predicate(&self) -> &'static str {
        let is_query = self.object.kind == ObjectKind::Query;
        match (self.kind, &self.source) {
            (DifferenceKind::Missing, _) if is_query && self.expected.is_none() => "does not run",
            (DifferenceKind::Hidden, _) if is_query => "cannot be looked at",
            (_, _) if is_query => "cannot use its index",
            (DifferenceKind::Missing, _) => "is missing",
            (DifferenceKind::Extra, Source::Nobody) => "is not expected by any source",
            (DifferenceKind::Extra, _) => "should not be there",
            (DifferenceKind::Different, _) => "differs",
            (DifferenceKind::Renamed, _) => "has another name",
            (DifferenceKind::Invalid, _) => "is not valid",
            (DifferenceKind::Hidden, _) => "is hidden from the service's role",
            (DifferenceKind::Uncompared, _) => "cannot be compared",
        }
    }

    /// What is expected and what there is, where there is more to say; empty otherwise.
    #[must_use]
    pub fn text(&self) -> String {
        match (&self.expected, &self.actual) {
            (Some(expected), Some(actual)) => format!("expected {expected}, there is {actual}"),
            (Some(expected), None) => format!("expected {expected}"),
            (None, Some(actual)) => format!("there is {actual}"),
            (None, None) => String::new(),
        }
    }
}

impl fmt::Display for Difference {
    /// On one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object, self.predicate())?;
        if self.source != Source::Nobody {
            write!(f, " (required by {})", self.source)?;
        }
        match self.text() {
            text if text.is_empty() => Ok(()),
            text => write!(f, ": {text}"),
        }
    }
}

impl Finding {
    /// All of it but the remedy, on one line.
    #[must_use]
    pub(crate) fn sentence(&self) -> String {
        match &self.diagnosis.cause {
            Some(cause) => format!("{}; {cause}", self.difference),
            None => self.difference.to_string(),
        }
    }
}

impl fmt::Display for Finding {
    /// On one line but for the remedy, which has its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())?;
        match &self.diagnosis.remedy {
            Some(remedy) => write!(f, "\n    next: {remedy}"),
            None => Ok(()),
        }
    }
}
