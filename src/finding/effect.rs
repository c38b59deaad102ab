//! [`Effect`]: what a change of the schema does to a release that still runs with the schema before it, as data, and how that
//! is worded.
//!
//! Severity: `error` where a statement of that release fails with any values, `warning` where it depends on the values, or where
//! no statement fails but the rows are not what the release counts on, `notice` where the change itself does no harm.

use serde::Serialize;

use crate::finding::Severity;

/// What a change does to a running release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// The object is gone.
    Gone,
    /// It has another name.
    Renamed,
    /// An enum lacks values that it had.
    ValueGone,
    /// A column has a type that the server does not convert to the old one.
    Retyped,
    /// A column no longer accepts NULL.
    NotNull,
    /// A column is new, NOT NULL, and nothing fills it.
    Unfilled,
    /// A required column has lost its default.
    DefaultGone,
    /// Columns are no longer unique.
    UniqueGone,
    /// A column has a related type, which clients may read as another one.
    Converted,
    /// A column takes fewer values.
    Narrowed,
    /// An optional column has lost its default.
    DefaultLost,
    /// Rows have to satisfy something new.
    Refuses,
    /// A deletion no longer reaches the rows that refer to what is deleted.
    CascadeGone,
    /// A deletion or a change of a key does something else to the rows that refer to it.
    ActionChanged,
    /// An extension is gone, or its objects are in another schema.
    ExtensionGone,
    /// A view has taken the place of a table.
    Viewed,
    /// A column is new and NOT NULL, and a trigger or a rule may fill it.
    MayBeFilled,
    /// An index is gone.
    Slower,
    /// A constraint is gone.
    LessSafe,
    /// A column accepts NULL.
    Nullable,
    /// An enum has new values.
    MoreValues,
    /// A column has another default.
    OtherDefault,
    /// An index or a constraint has another name.
    OtherName,
    /// Rows of a new foreign key will keep rows from being deleted.
    NewReference,
}

impl Effect {
    /// How bad it is for the running release.
    pub(crate) fn severity(self) -> Severity {
        match self {
            Self::Gone
            | Self::Renamed
            | Self::ValueGone
            | Self::Retyped
            | Self::NotNull
            | Self::Unfilled
            | Self::DefaultGone
            | Self::UniqueGone => Severity::Error,
            Self::Converted
            | Self::Narrowed
            | Self::DefaultLost
            | Self::Refuses
            | Self::CascadeGone
            | Self::ActionChanged
            | Self::ExtensionGone => Severity::Warning,
            _ => Severity::Notice,
        }
    }

    /// The catalog does not show whether it breaks anything.
    pub(crate) fn is_unknown(self) -> bool {
        matches!(self, Self::Viewed | Self::MayBeFilled)
    }

    /// What has become of the object, in words that follow its name.
    pub(crate) fn predicate(self) -> &'static str {
        match self {
            Self::Gone | Self::CascadeGone | Self::ExtensionGone | Self::Slower | Self::LessSafe => "is gone",
            Self::Renamed | Self::OtherName => "has another name",
            Self::ValueGone => "lacks values that it had",
            Self::Retyped | Self::Converted => "has another type",
            Self::Narrowed => "has a narrower type",
            Self::NotNull => "no longer accepts NULL",
            Self::Unfilled => "is new, NOT NULL and without a default",
            Self::MayBeFilled => "is new, NOT NULL and without a default of its own",
            Self::DefaultGone | Self::DefaultLost => "has lost its default",
            Self::UniqueGone => "is no longer there to make rows unique",
            Self::Refuses => "is new",
            Self::ActionChanged => "acts otherwise",
            Self::Viewed => "is a view now",
            Self::Nullable => "accepts NULL now",
            Self::MoreValues => "has new values",
            Self::OtherDefault => "has another default",
            Self::NewReference => "is new, and keeps rows from being deleted",
        }
    }

    /// What that means for the running release.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Gone | Self::Renamed => "every statement of the running release that names it fails",
            Self::ValueGone => "every statement of the running release with such a value fails",
            Self::Retyped => "statements of the running release that compare, write or read it with the old type fail",
            Self::NotNull => "INSERT and UPDATE of the running release that leave it NULL are refused",
            Self::Unfilled | Self::DefaultGone => {
                "every INSERT of the running release that does not name it is refused"
            }
            Self::UniqueGone => "ON CONFLICT over its columns fails, and duplicates are no longer refused",
            Self::Converted => "the server converts, but a client of the running release may expect the old type",
            Self::Narrowed => "values that the running release may write no longer fit",
            Self::DefaultLost => "rows that the running release inserts without it have NULL there",
            Self::Refuses => "rows that the running release may write are refused",
            Self::CascadeGone => {
                "a DELETE of the running release leaves the rows behind that referred to what it deletes"
            }
            Self::ActionChanged => "DELETE and UPDATE of the running release do something else, or are refused",
            Self::ExtensionGone => {
                "functions, operators and types of it that the running release names may not be found"
            }
            Self::Viewed => "it can be read; whether the running release can write to it is not known here",
            Self::MayBeFilled => {
                "INSERT of the running release is refused unless a trigger or a rule of the table fills it"
            }
            Self::Slower => "queries of the running release may be slower",
            Self::LessSafe => "no statement fails; rows are checked less",
            Self::Nullable => "harmless until the new release writes a NULL, which the running one may not expect",
            Self::MoreValues => {
                "harmless until the new release writes such a value, which the running one does not know"
            }
            Self::OtherDefault => "rows that the running release inserts without it get the new default",
            Self::OtherName => "only a statement that names it fails: ON CONFLICT ON CONSTRAINT, an index hint",
            Self::NewReference => {
                "harmless until the new release writes a row that refers to one which the running deletes"
            }
        }
    }

    /// The safe way to the same schema; `None` where nothing has to be done before it.
    pub(crate) fn safe_way(self) -> Option<&'static str> {
        Some(match self {
            Self::Gone | Self::ValueGone | Self::UniqueGone | Self::CascadeGone | Self::ExtensionGone => {
                "first deploy a release that does without it; remove it in a later one"
            }
            Self::Renamed => {
                "add it under the new name beside the old one and keep both in step; remove the old one in a later release"
            }
            Self::Retyped | Self::Converted | Self::Narrowed => {
                "add a column of the new type beside it, write both, move the readers; drop the old one in a later release"
            }
            Self::NotNull => "first deploy a release that always writes it; SET NOT NULL in a later one",
            Self::Unfilled | Self::MayBeFilled => {
                "give it a default, or let it accept NULL until no release inserts without it"
            }
            Self::DefaultGone | Self::DefaultLost => {
                "first deploy a release that always writes it; drop the default in a later one"
            }
            Self::Refuses => "first deploy a release that only writes such rows; add it in a later one",
            Self::ActionChanged => "first deploy a release that counts on neither action; change it in a later one",
            Self::Viewed => "test the writes of the running release against the view",
            _ => return None,
        })
    }
}
