//! How a [`Cause`] is worded, of one object or of several.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::catalog::Access;
use crate::finding::Number;
use crate::finding::cause::{
    Act, At, Cause, Does, FolderState, IndexCause, Misfit, NoMigration, OtherName, Refusal, Site, Then, Unfinished,
};
use crate::sql::TableName;

impl Cause {
    /// The text, of one object or of several.
    #[must_use]
    pub(crate) fn text(&self, number: Number) -> String {
        match self {
            Self::NoFolder { is_off: true } => "no migrations are looked at (migrate = off)".to_owned(),
            Self::NoFolder { is_off: false } => "no migrations are looked at: there is no folder of them".to_owned(),
            Self::NoMigration(no) => no.text(number),
            Self::Step { act, then } => then.text(act, number),
            Self::Newer(names) => newer(names),
            Self::PerhapsNewer(cause, names) => format!("{}; {}, which may be why", cause.text(number), newer(names)),
            Self::External => {
                format!("prisma.config.ts leaves {} to others (tables.external, enums.external)", number.it())
            }
            Self::Access { access, role } => lacking(*access, role),
            Self::Names(name) => name.text(number),
            Self::Refused { refusal, said, at } => {
                let said = match refusal {
                    Refusal::RowSecurity => format!("row security keeps rows from the role: {said}"),
                    Refusal::Timeout => format!("no answer in time: {said}"),
                    Refusal::Other => said.clone(),
                };
                let at = at.map(|(line, column)| format!(", at line {line}, column {column} of the query"));
                said + &at.unwrap_or_default()
            }
            Self::Index(cause) => cause.to_string(),
            Self::NotApplied { migration, creates } => {
                let does = if *creates { "creates" } else { "drops or renames" };
                let it = number.it();
                format!("{migration} {does} {it}, so it was not applied here, or was reverted since")
            }
        }
    }
}

impl fmt::Display for Cause {
    /// Of one object.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Number::One))
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn newer(names: &[String]) -> String {
    format!("the database is ahead of this image (applied, but not in the folder: {})", names.join(", "))
}

fn lacking(access: Access, role: &str) -> String {
    match access {
        Access::Granted => format!("the role {role} may read it"),
        Access::NoSchema => format!("the role {role} has no USAGE on the schema"),
        Access::Nothing => format!("nothing on it is granted to the role {role}"),
        Access::WriteOnly => format!("SELECT is not granted to the role {role}"),
        Access::SomeColumns => format!("SELECT is granted to the role {role} on some of its columns only"),
        Access::NoRows => format!("row security is on, and no policy applies to the role {role}"),
    }
}

impl NoMigration {
    fn text(&self, number: Number) -> String {
        let it = number.it();
        match self {
            Self::CreatesSchema(folder) => {
                format!("no migration in {folder} creates {it}: doorstep does, before it migrates")
            }
            Self::Creates { folder, state, namesake } => {
                let text = format!("no migration in {folder} creates {it} ({state})");
                match namesake.as_deref() {
                    None => text,
                    Some((other, None)) => format!("{text}; there is {other}"),
                    Some((other, Some(act))) => format!("{text}; there is {other}, where {}", act.text(number)),
                }
            }
            Self::IsCode { tool, state } => {
                let unread = format!("{tool} applies the migrations, which are code: what they create is not read");
                match state {
                    FolderState::Pending { first, more: 0 } => format!("pending: {first}; {unread}"),
                    FolderState::Pending { first, more } => format!("pending: {first} and {more} more; {unread}"),
                    state => format!("{unread} ({state})"),
                }
            }
            Self::CreatesExtra(folder) => {
                format!("no migration in {folder} creates {it}: made by hand, or by another tool")
            }
            Self::MakesSo(folder) => format!("no migration in {folder} makes {it} so"),
            Self::Drops(folder) => format!("no migration in {folder} drops {it}"),
            Self::Adds(folder, values) => format!("no migration in {folder} adds {}", values.join(", ")),
        }
    }
}

impl fmt::Display for FolderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Applied(1) => f.write_str("no pending migrations: its only one is applied"),
            Self::Applied(all) => write!(f, "no pending migrations: all {all} are applied"),
            Self::Pending { .. } => f.write_str("nor do the pending ones"),
        }
    }
}

impl Act {
    /// `1_init creates it (prisma/migrations/1_init/migration.sql:3)`
    fn text(&self, number: Number) -> String {
        self.site.says(&self.does.text(number))
    }
}

impl Site {
    fn says(&self, what: &str) -> String {
        let Self { migration, file, line } = self;
        let line = line.map_or(String::new(), |line| format!(":{line}"));
        format!("{migration} {what} ({file}{line})")
    }
}

impl Does {
    fn text(&self, number: Number) -> String {
        let it = number.it();
        match self {
            Self::Creates => format!("creates {it}"),
            Self::Adds => format!("adds {it}"),
            Self::AddsValue(value) => format!("adds {value}"),
            Self::RemovesValue(value) => format!("takes {value} away"),
            Self::Builds => format!("builds {it}"),
            Self::Drops => format!("drops {it}"),
            Self::Renames(Some(name)) => format!("renames {it} to {name}"),
            Self::Renames(None) => match number {
                Number::One => "gives it another name".to_owned(),
                Number::Several => "gives them other names".to_owned(),
            },
            Self::Moves(Some(schema)) => format!("moves {it} to the schema {schema}"),
            Self::Moves(None) => format!("moves {it}"),
            Self::Changes => format!("changes {it}"),
            Self::Says(wording) => format!("says {wording}"),
            Self::CreatesAsExpected => match number {
                Number::One => "creates it under the expected name".to_owned(),
                Number::Several => "creates them under the expected names".to_owned(),
            },
        }
    }
}

impl Then {
    /// What the migration does, and what follows from that.
    fn text(&self, act: &Act, number: Number) -> String {
        let (says, was) = (act.text(number), number.it_was());
        let recorded = |at: &At| format!("{says} and is recorded as applied{}", when(at));
        match self {
            Self::Nothing => says,
            Self::Unfinished(state) => format!("{says}, and {state}"),
            Self::UnfinishedButThere(state) => format!("{says}, and {state}: what it left, or made by hand"),
            Self::SourceIsOlder { made, source } => {
                let made = made.as_ref().map(|made| format!("{made} creates {}, and ", number.it()));
                let source = source.as_deref().unwrap_or("the schema file");
                format!("{}{says}: {source} is older than the folder", made.unwrap_or_default())
            }
            Self::Edited(at) => {
                format!("{says}, but was edited after it was applied{}: what was added to it never ran here", when(at))
            }
            Self::ByHand(at) => {
                format!("{says}, but was recorded as applied by hand{}: nothing of it ran", when(at))
            }
            Self::MayBeUndone(at, names) => {
                format!("{}; {}, which may have taken {} away", recorded(at), newer(names), number.it())
            }
            Self::PassedOver(at) => format!(
                "{says} only if its table is new (IF NOT EXISTS), and is applied{}: an older one was passed over",
                when(at)
            ),
            Self::RestIsHere(at) => {
                format!("{}; the rest of it is here, so this was dropped or renamed since", recorded(at))
            }
            Self::NothingIsHere(at) => format!(
                "{}; nothing of it is here: an old data directory, or a history restored without its tables",
                recorded(at)
            ),
            Self::Lost(at) => format!(
                "{}; {was} lost since, or never ran here (an old data directory, a partial restore)",
                recorded(at)
            ),
            Self::NotValidated => format!("{says}, and nothing has validated {} since", number.it()),
            Self::NotDropped => format!("{says}, and no migration drops {}", number.it()),
            Self::MadeAgain => format!("{says}, and is applied: {was} made again since"),
            Self::RenamedByHand => format!("{says}; {was} renamed or moved since, by hand"),
        }
    }
}

fn when(at: &At) -> String {
    at.as_ref().map_or(String::new(), |at| format!(" at {at}"))
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("is pending"),
            Self::Failed(at) => write!(f, "failed (begun{})", when(at)),
            Self::RolledBack(at) => write!(f, "was rolled back{}", when(at)),
            Self::Running(at) => write!(f, "is running (since{})", when(at)),
        }
    }
}

impl OtherName {
    fn text(&self, number: Number) -> String {
        let list = |tables: &[TableName]| tables.iter().map(TableName::to_string).collect::<Vec<_>>().join(", ");
        let is_there = |by: &Option<Site>, how: &str| match by {
            Some(site) => site.says(&format!("creates {} {how}", number.it())),
            None => format!("{} there {how}", number.it_is()),
        };
        match self {
            Self::Elsewhere(tables) => format!("it exists as {}", list(tables)),
            Self::Similar(tables) => format!("there is {}, under another name or case", list(tables)),
            Self::Case(other) => format!("there is {other}"),
            Self::Unused => "only its name is another, which no query asks for".to_owned(),
            Self::Schema { schema, by } => {
                format!(
                    "{}, and {} expected in another",
                    is_there(by, &format!("in the schema {schema}")),
                    number.it_is()
                )
            }
            Self::Unmapped { name, label, by, .. } => {
                format!("{}, and nothing maps {label} to that", is_there(by, &format!("as {name}")))
            }
            Self::UnmappedFields { by } => {
                let made = by.as_ref().map_or("they are there".to_owned(), |by| format!("{by} creates them"));
                format!("{made} under these names, and nothing maps the fields to them")
            }
            Self::Values => "its values are there under another name or case".to_owned(),
            Self::Target(table, columns) => format!(
                "the key leads to {table} ({}), and the relation as it is written joins other rows",
                columns.join(", ")
            ),
        }
    }
}

impl fmt::Display for IndexCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, misfit) = match self {
            Self::Missing(wanted, None) => return write!(f, "there is no index {wanted}"),
            Self::Missing(wanted, Some(similar)) => {
                return write!(f, "there is no index {wanted}; there is {similar}");
            }
            Self::Invalid => return f.write_str("the index is invalid: its build was interrupted, or is under way"),
            Self::Unused(index, misfit) => (index, misfit),
        };
        write!(f, "the index is {index}")?;
        match misfit {
            Misfit::FirstColumn => {
                f.write_str(": the query does not search its first column, so all of it would be read")
            }
            Misfit::Order => f.write_str(": its order is not that of the query, which sorts"),
            Misfit::Other(other) => write!(f, "; the planner can take {other} instead"),
            Misfit::All => f.write_str(", which fits neither the conditions nor the ORDER BY of the query"),
        }
    }
}
