//! The rules of `lint` by their names, and the setting `lint_allow`, which switches them off.

use std::str::FromStr;

use crate::base::likeness::nearest;

use crate::config::value::matches;

/// A rule of `lint`. What each is about, docs/lint.md says; its severity depends on what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum LintRule {
    IndexWithoutConcurrently,
    DropIndexWithoutConcurrently,
    SetNotNull,
    NotNullWithoutDefault,
    ConstraintWithoutNotValid,
    UniqueWithoutIndex,
    TypeChange,
    VolatileDefault,
    LongLock,
    Rename,
    Drop,
    Truncate,
    EnumValueInTransaction,
    ConcurrentlyInTransaction,
    IfNotExistsHidesInvalid,
    MissingLockTimeout,
    RowsBesideDdl,
    CannotRun,
    EditedAfterApplied,
    OutOfOrder,
}

impl LintRule {
    /// All rules.
    pub(crate) const ALL: [Self; 20] = [
        Self::IndexWithoutConcurrently,
        Self::DropIndexWithoutConcurrently,
        Self::SetNotNull,
        Self::NotNullWithoutDefault,
        Self::ConstraintWithoutNotValid,
        Self::UniqueWithoutIndex,
        Self::TypeChange,
        Self::VolatileDefault,
        Self::LongLock,
        Self::Rename,
        Self::Drop,
        Self::Truncate,
        Self::EnumValueInTransaction,
        Self::ConcurrentlyInTransaction,
        Self::IfNotExistsHidesInvalid,
        Self::MissingLockTimeout,
        Self::RowsBesideDdl,
        Self::CannotRun,
        Self::EditedAfterApplied,
        Self::OutOfOrder,
    ];

    /// Its name in results, in comments and in `lint_allow`.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::IndexWithoutConcurrently => "index-without-concurrently",
            Self::DropIndexWithoutConcurrently => "drop-index-without-concurrently",
            Self::SetNotNull => "set-not-null",
            Self::NotNullWithoutDefault => "not-null-without-default",
            Self::ConstraintWithoutNotValid => "constraint-without-not-valid",
            Self::UniqueWithoutIndex => "unique-without-index",
            Self::TypeChange => "type-change",
            Self::VolatileDefault => "volatile-default",
            Self::LongLock => "long-lock",
            Self::Rename => "rename",
            Self::Drop => "drop",
            Self::Truncate => "truncate",
            Self::EnumValueInTransaction => "enum-value-in-transaction",
            Self::ConcurrentlyInTransaction => "concurrently-in-transaction",
            Self::IfNotExistsHidesInvalid => "if-not-exists-hides-invalid",
            Self::MissingLockTimeout => "missing-lock-timeout",
            Self::RowsBesideDdl => "rows-beside-ddl",
            Self::CannotRun => "cannot-run",
            Self::EditedAfterApplied => "edited-after-applied",
            Self::OutOfOrder => "out-of-order",
        }
    }
}

impl FromStr for LintRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(rule) = Self::ALL.into_iter().find(|rule| rule.name() == text) {
            return Ok(rule);
        }
        Err(match nearest(text, Self::ALL.iter().map(|rule| rule.name())) {
            Some(name) => format!("`{text}` is no rule of lint\nnext: did you mean {name}?"),
            None => format!("`{text}` is no rule of lint\nnext: docs/lint.md lists them"),
        })
    }
}

/// What `lint` is not to report: `drop`, or of some files only: `drop:migrations/2024*`. `*` matches any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LintAllow {
    rule: LintRule,
    files: Option<String>,
}

impl FromStr for LintAllow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rule, files) = match text.split_once(':') {
            Some((rule, files)) => (rule, Some(files.trim().to_owned())),
            None => (text, None),
        };
        if files.as_ref().is_some_and(String::is_empty) {
            return Err(format!("`{text}` names no files after the colon; write drop:migrations/2024*"));
        }
        Ok(Self { rule: rule.trim().parse()?, files })
    }
}

impl LintAllow {
    /// Whether this rule is not reported of this file; the pattern is of its whole path, or of its end.
    #[must_use]
    pub(crate) fn accepts(&self, rule: LintRule, file: &str) -> bool {
        let is_file = |pattern: &str| matches(pattern, file) || matches(&format!("*/{pattern}"), file);
        self.rule == rule && self.files.as_deref().is_none_or(is_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_allowed_everywhere_or_in_some_files() {
        let accepts =
            |pattern: &str, rule: LintRule, file: &str| pattern.parse::<LintAllow>().unwrap().accepts(rule, file);
        assert!(accepts("drop", LintRule::Drop, "a/b.sql"));
        assert!(!accepts("drop", LintRule::Rename, "a/b.sql"));
        assert!(accepts("drop:migrations/2024*", LintRule::Drop, "migrations/2024_x.sql"));
        assert!(accepts("drop: 2024*", LintRule::Drop, "db/migrations/2024_x.sql"));
        assert!(!accepts("drop:2024*", LintRule::Drop, "db/migrations/2025_x.sql"));
    }

    #[test]
    fn an_unknown_rule_is_an_error_that_names_the_nearest() {
        let error = "rows-besides-ddl".parse::<LintAllow>().unwrap_err();
        assert_eq!(error, "`rows-besides-ddl` is no rule of lint\nnext: did you mean rows-beside-ddl?");
        assert!("nonsense".parse::<LintAllow>().unwrap_err().ends_with("docs/lint.md lists them"));
        assert!("drop:".parse::<LintAllow>().is_err());
    }

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = LintRule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), LintRule::ALL.len());
        assert!(LintRule::ALL.iter().all(|rule| rule.name().parse() == Ok(*rule)));
    }
}
