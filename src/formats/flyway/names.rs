//! What a file is by its name, for Flyway (`ResourceNameParser`, `MigrationVersion`). Pure functions over names.

use std::cmp::Ordering;

/// A version: whole numbers of any size, in the order of their values. `1`, `1.0` and `01` are equal.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// As the history has it: `_` is `.`, leading zeros are kept.
    pub text: String,
    /// The numbers, without zeros before them and without zeros at the end of the list.
    parts: Vec<String>,
}

impl Version {
    /// Reads it; `None` for anything but digits with single dots (or `_`) between them.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let text = text.replace('_', ".");
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !text.split('.').all(is_number) {
            return None;
        }
        let mut parts: Vec<String> = text.split('.').map(|part| part.trim_start_matches('0').to_owned()).collect();
        while parts.last().is_some_and(String::is_empty) {
            parts.pop();
        }
        Some(Self { text, parts })
    }

    /// One text for all equal versions.
    pub(crate) fn key(&self) -> String {
        self.parts.join(".")
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = |one: &String, other: &String| one.len().cmp(&other.len()).then_with(|| one.cmp(other));
        let parts = self.parts.iter().zip(&other.parts).map(|(one, other)| by_value(one, other));
        parts.fold(Ordering::Equal, Ordering::then).then_with(|| self.parts.len().cmp(&other.parts.len()))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

/// A migration, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// `V1__x.sql`, `V1.sql`: runs once.
    Versioned(Version),
    /// `B1__x.sql`: runs instead of all versions up to its own, in a database without a history.
    Baseline(Version),
    /// `R__x.sql`, `R.sql`: runs after the others, and again when it has changed.
    Repeatable,
    /// A version in a language that Flyway runs and doorstep does not.
    Code(Version),
}

/// What a file of this name is, and its description; `None` for one that Flyway passes over.
///
/// # Errors
/// Why it stops: a callback, or a name that was meant as one of a migration and that Flyway passes over without a word.
pub(crate) fn role(file: &str) -> Result<Option<(Role, String)>, String> {
    let Some((stem, ending)) = file.rsplit_once('.') else { return Ok(None) };
    let is_sql = ending.eq_ignore_ascii_case("sql");
    let is_code = ["java", "sh", "bash", "ps1", "bat", "cmd", "py"].contains(&ending);
    if !is_sql && !is_code {
        return Ok(None);
    }
    if let Some(event) = callback(stem) {
        return Err(format!("{file} is a callback ({event}), which Flyway runs and doorstep does not"));
    }
    let mut letters = stem.chars();
    let letter = letters.next().unwrap_or_default();
    let rest = letters.as_str();
    let meant = |why: &str| Err(format!("{file} {why}: Flyway passes over it without a word"));
    // Without a separator, all of it is the version, and the description is empty (`StringUtils.splitAtFirstSeparator`).
    let (number, description) = rest.split_once("__").unwrap_or((rest, ""));
    let is_separated = rest.contains("__");
    let description = shortened(&description.replace('_', " "));
    match (letter, Version::of(number)) {
        ('V', Some(version)) if is_sql => Ok(Some((Role::Versioned(version), description))),
        ('V', Some(version)) => Ok(Some((Role::Code(version), description))),
        ('B', Some(version)) if is_sql => Ok(Some((Role::Baseline(version), description))),
        ('R', _) if number.is_empty() && is_sql => Ok(Some((Role::Repeatable, description))),
        ('B', Some(_)) => Err(format!("{file} is a baseline that Flyway runs as a program, and doorstep does not")),
        ('R', _) if number.is_empty() => {
            Err(format!("{file} is a repeatable migration that Flyway runs as a program, and doorstep does not"))
        }
        ('V' | 'B', None) if is_odd_version(number) => {
            Err(format!("{file} has a version that Flyway reads ({number}) and doorstep does not"))
        }
        ('V' | 'B', None) if number.starts_with(|c: char| c.is_ascii_digit()) => match is_separated {
            true => meant("has no version behind its letter"),
            false => meant("has no __ behind its version"),
        },
        ('R', _) if !is_separated && rest.starts_with('_') => meant("has no __ behind the R"),
        ('v' | 'b', Some(_)) if is_separated => meant("begins with a small letter"),
        ('r', _) if number.is_empty() && is_separated => meant("begins with a small letter"),
        _ => Ok(None),
    }
}

/// Versions of Flyway that are no numbers with dots between them (`MigrationVersion.fromVersion`): words, and numbers with a sign.
fn is_odd_version(number: &str) -> bool {
    let is_word = ["current", "latest", "next"].iter().any(|word| word.eq_ignore_ascii_case(number));
    is_word || number.strip_prefix(['-', '+']).is_some_and(|number| Version::of(number).is_some())
}

/// As the column takes it.
fn shortened(description: &str) -> String {
    match description.chars().count() > 200 {
        true => description.chars().take(197).chain("...".chars()).collect(),
        false => description.to_owned(),
    }
}

/// Events whose callbacks run with `flyway migrate`.
const EVENTS: &[&str] = &[
    "beforeConnect",
    "afterConnect",
    "beforeCreateSchema",
    "createSchema",
    "beforeMigrate",
    "beforeRepeatables",
    "beforeEachMigrate",
    "beforeEachMigrateStatement",
    "afterEachMigrateStatement",
    "afterEachMigrateStatementError",
    "afterEachMigrate",
    "afterEachMigrateError",
    "afterVersioned",
    "afterMigrate",
    "afterMigrateApplied",
    "afterMigrateError",
    "afterMigrateOperationFinish",
    "beforeValidate",
    "afterValidate",
    "afterValidateError",
    "afterValidateOperationFinish",
];

/// Events whose callbacks run with other commands.
const OTHER_EVENTS: &[&str] = &[
    "afterBaseline",
    "afterBaselineError",
    "afterBaselineOperationFinish",
    "afterClean",
    "afterCleanError",
    "afterCleanOperationFinish",
    "afterEachUndo",
    "afterEachUndoError",
    "afterEachUndoStatement",
    "afterEachUndoStatementError",
    "afterInfo",
    "afterInfoError",
    "afterInfoOperationFinish",
    "afterRepair",
    "afterRepairError",
    "afterRepairOperationFinish",
    "afterUndo",
    "afterUndoError",
    "afterUndoOperationFinish",
    "beforeBaseline",
    "beforeClean",
    "beforeEachUndo",
    "beforeEachUndoStatement",
    "beforeInfo",
    "beforeRepair",
    "beforeUndo",
];

/// Whether Flyway takes a file of SQL that is no migration for a callback, of any command.
pub(crate) fn is_callback(file: &str) -> bool {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let event = stem.split("__").next().unwrap_or_default();
    EVENTS.iter().chain(OTHER_EVENTS).any(|known| *known == event)
}

/// The event of a callback: `afterMigrate`, `afterMigrate__x`.
fn callback(stem: &str) -> Option<&'static str> {
    let name = stem.split("__").next().unwrap_or_default();
    EVENTS.iter().copied().find(|event| event.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let of = |text: &str| Version::of(text).unwrap();
        for (one, other) in [("1", "1.0"), ("01", "1"), ("1_2", "1.2"), ("1.2.0.0", "1.2"), ("0", "0.0")] {
            assert_eq!(of(one), of(other), "{one} {other}");
            assert_eq!(of(one).key(), of(other).key());
        }
        for (less, more) in
            [("1", "2"), ("9", "10"), ("1.9", "1.10"), ("1", "1.0.1"), ("2", "99999999999999999999999"), ("0", "1")]
        {
            assert!(of(less) < of(more), "{less} {more}");
        }
        assert_eq!((of("1_2").text, of("007.0").text), ("1.2".to_owned(), "007.0".to_owned()));
        for wrong in ["", "a", "1.", ".1", "1..2", "1a", "-1"] {
            assert_eq!(Version::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_is_what_its_name_says() {
        let version = |text: &str| Version::of(text).unwrap();
        for (file, role_of_it, description) in [
            ("V1__init.sql", Role::Versioned(version("1")), "init"),
            ("V1_2.3__add_a_b.SQL", Role::Versioned(version("1.2.3")), "add a b"),
            ("V2.sql", Role::Versioned(version("2")), ""),
            ("V1_2.sql", Role::Versioned(version("1.2")), ""),
            ("B3.sql", Role::Baseline(version("3")), ""),
            ("R.sql", Role::Repeatable, ""),
            ("R__.sql", Role::Repeatable, ""),
            ("V20240101.1__.sql", Role::Versioned(version("20240101.1")), ""),
            ("V1__a__b.sql", Role::Versioned(version("1")), "a  b"),
            ("B5__all.sql", Role::Baseline(version("5")), "all"),
            ("R__views.sql", Role::Repeatable, "views"),
            ("V2__fill.java", Role::Code(version("2")), "fill"),
            ("V2__fill.sh", Role::Code(version("2")), "fill"),
        ] {
            assert_eq!(role(file), Ok(Some((role_of_it, description.to_owned()))), "{file}");
        }
        for passed in [
            "README.md",
            "README.sql",
            "Views.sql",
            "U1__undo.sql",
            "seed.sql",
            "V.sql",
            "Rx.sql",
            "v1.sql",
            "V1__a.sql.conf",
            "beforeClean.sql",
            "R1__x.sql",
            "a.b",
        ] {
            assert_eq!(role(passed), Ok(None), "{passed}");
        }
        for refused in [
            "afterMigrate.sql",
            "beforeMigrate__x.sql",
            "AFTERMIGRATE.sql",
            "V1_x.sql",
            "R__fill.sh",
            "B2__fill.ps1",
            "V2_.sql",
            "Vlatest.sql",
            "V-1__x.sql",
            "V1a__x.sql",
            "v1__x.sql",
            "R_x.sql",
            "r__x.sql",
        ] {
            assert!(role(refused).unwrap_err().contains(refused), "{refused}");
        }
        let long = format!("V1__{}.sql", "x".repeat(201));
        assert!(matches!(role(&long), Ok(Some((_, text))) if text.len() == 200 && text.ends_with("x...")));
    }
}
