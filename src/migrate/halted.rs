//! A script that failed at one of its statements, where each statement commits: what its row says of those that are done, and
//! whether a repaired file goes on behind them. Pure functions.

use std::fmt;

use crate::formats::migration::sha256;
use crate::migrate::continued;
use crate::migrate::strategy::ScriptStep;
use crate::sql::script;

/// What the row of a failed migration says of the statements that are done. The end of the row's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Halt {
    /// How many are done, at least one.
    pub(crate) done: usize,
    /// How many the script had.
    count: usize,
    /// The hash of their texts.
    hash: String,
    /// The last ones, a line for each.
    shown: Vec<String>,
}

const BEGIN: &str = "done: ";
const MIDDLE: &str = " statements (sha256 ";
const END: &str = "):";

/// How many statements are shown.
const MOST: usize = 20;

/// What a file that has changed since it failed allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Repair {
    /// What is done is unchanged: it goes on with the next statement.
    GoesOn,
    /// A person must look; why.
    Refused(String),
}

impl Halt {
    /// Of a script of which the first `done` steps are done.
    pub(crate) fn of(steps: &[ScriptStep<'_>], done: usize) -> Self {
        let shown = steps[..done].iter().enumerate().skip(done.saturating_sub(MOST));
        let shown = shown.map(|(index, step)| format!("  {}. {}", index + 1, script::summary_of(&step.statements)));
        Self { done, count: steps.len(), hash: hash(&steps[..done]), shown: shown.collect() }
    }

    /// Reads what [`fmt::Display`] has written at the end of a message. The text is part of the history: it must not change.
    pub(crate) fn read(message: &str) -> Option<Self> {
        let mut lines = message.lines().skip_while(|line| !(line.starts_with(BEGIN) && line.ends_with(END)));
        let (counts, hash) = lines.next()?.strip_prefix(BEGIN)?.strip_suffix(END)?.split_once(MIDDLE)?;
        let (done, count) = counts.split_once(" of ")?;
        let (done, count) = (done.parse().ok().filter(|done| *done > 0)?, count.parse().ok()?);
        Some(Self { done, count, hash: hash.to_owned(), shown: lines.map(str::to_owned).collect() })
    }

    /// What the file allows that cuts into these steps now.
    pub(crate) fn repair(&self, steps: &[ScriptStep<'_>]) -> Repair {
        let Self { done, .. } = self;
        let is_kept = steps.get(..*done).is_some_and(|kept| hash(kept) == self.hash);
        if !is_kept {
            return Repair::Refused(format!(
                "{} done and must stay in the file as they were; one of them was changed or taken out:\n{}",
                self.those(),
                self.shown.join("\n")
            ));
        }
        match continued::gone(steps, *done) {
            Some(gone) => {
                let gone = script::summary_of(&gone.statements);
                Repair::Refused(format!("what a statement that is done made went with its session: {gone}"))
            }
            None => Repair::GoesOn,
        }
    }

    /// What a person does about the migration of this name.
    pub(crate) fn next(&self, name: &str) -> String {
        let (those, next) = (self.those(), self.done + 1);
        format!(
            "repair the file from statement {next} on, and start again: it goes on there ({those} done and must not be changed);\n      \
             where only the data was at fault, add a comment to the file: an unchanged file is not tried again\n      \
             (doorstep resolve --rolled-back {name} would run it from its beginning, which fails unless what is done is taken back)"
        )
    }

    /// `statements 1 to 2 are`.
    pub(crate) fn those(&self) -> String {
        match self.done {
            1 => "the first statement is".to_owned(),
            done => format!("statements 1 to {done} are"),
        }
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, count, hash, shown } = self;
        write!(f, "{BEGIN}{done} of {count}{MIDDLE}{hash}{END}")?;
        shown.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

/// The hash of the texts of these steps.
fn hash(steps: &[ScriptStep<'_>]) -> String {
    let texts: Vec<String> = steps.iter().map(|step| format!("{} {}\n", step.text.len(), step.text)).collect();
    sha256(&texts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::strategy;
    use crate::sql::Dialect;
    use crate::sql::script::Script;

    fn script(text: &str) -> Script {
        Script::new(text.to_owned(), Dialect::Mysql)
    }

    #[test]
    fn what_is_done_is_read_back_from_the_end_of_a_message() {
        let script = script("CREATE TABLE a (b INT);\nBEGIN; INSERT INTO a VALUES (1); COMMIT;\nDROP TABLE x;");
        let halt = Halt::of(&strategy::steps(&script).unwrap(), 2);
        let text = halt.to_string();
        assert!(text.starts_with("done: 2 of 3 statements (sha256 "), "{text}");
        assert!(text.ends_with("):\n  1. CREATE TABLE a (b INT)\n  2. INSERT INTO a VALUES (1)"), "{text}");
        assert_eq!(Halt::read(&format!("Unknown table\nkept\n{text}")), Some(halt));
        for other in ["", "done: 0 of 3 statements (sha256 ab):", "done: 2 of 3 statements", "done: it is"] {
            assert_eq!(Halt::read(other), None, "{other}");
        }
    }

    #[test]
    fn a_file_goes_on_where_what_is_done_is_unchanged() {
        let before = script("CREATE TABLE a (b INT); ALTER TABLE a ADD c INT; ALTER TABLE a ADD c INT; SELECT 1");
        let halt = Halt::of(&strategy::steps(&before).unwrap(), 2);
        for (text, expected) in [
            ("CREATE TABLE a (b INT); ALTER TABLE a ADD c INT; ALTER TABLE a ADD d INT; SELECT 1", ""),
            ("CREATE TABLE a (b INT);\n-- repaired\nALTER TABLE a ADD c INT;", ""),
            (
                "CREATE TABLE a (b BIGINT); ALTER TABLE a ADD c INT; SELECT 1",
                "statements 1 to 2 are done and must stay",
            ),
            ("CREATE TABLE a (b INT); SELECT 1", "2. ALTER TABLE a ADD c INT"),
            ("CREATE TABLE a (b INT)", "statements 1 to 2 are done and must stay"),
        ] {
            let after = script(text);
            match halt.repair(&strategy::steps(&after).unwrap()) {
                Repair::GoesOn => assert_eq!(expected, "", "{text}"),
                Repair::Refused(why) => assert!(!expected.is_empty() && why.contains(expected), "{text}: {why}"),
            }
        }
        let before = script("CREATE TEMPORARY TABLE a (b INT); DROP TABLE x");
        let halt = Halt::of(&strategy::steps(&before).unwrap(), 1);
        let after = script("CREATE TEMPORARY TABLE a (b INT); INSERT INTO y SELECT * FROM a");
        let Repair::Refused(why) = halt.repair(&strategy::steps(&after).unwrap()) else { panic!("it goes on") };
        assert!(why.contains("went with its session"), "{why}");
    }
}
