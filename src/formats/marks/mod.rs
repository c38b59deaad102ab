//! Marks: comment lines by which the tools of the field divide a file of SQL into what goes up and what takes it back,
//! or say how it runs. Each tool's marks are data here, spelled exactly as the tool reads them; [`sections`] reads a
//! file with them, [`likeness`] finds the lines that were probably meant as marks.
//!
//! Sources: the documentation and the source of each tool (dbmate `pkg/dbmate/migration.go`, goose
//! `internal/sqlparser`, sql-migrate `sqlparse`, node-pg-migrate `sqlMigration.ts`, tern `migrate.go`, sqlx
//! `migrate/source.rs`), and runs of those that can be installed.

pub(crate) mod likeness;
pub mod sections;

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// What follows is to run.
    Up,
    /// What follows takes the migration back.
    Down,
    /// What follows is one statement.
    BlockBegin,
    /// The end of that statement.
    BlockEnd,
    /// The file runs without a transaction around it.
    NoTransaction,
    /// Variables of the environment replace parts of what follows.
    Substitution,
    /// The end of that.
    NoSubstitution,
    /// A line of the tool's own that changes nothing here: it only tells whose file this is.
    Header,
    /// It divides the file or sets conditions by rules that doorstep does not follow.
    Refused,
}

/// What may follow the words of a mark on its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Nothing but blanks.
    Nothing,
    /// Nothing, or a blank and options.
    Options,
    /// Anything.
    Anything,
}

/// Where a mark begins in its line, and which dashes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leader {
    /// Exactly this text, at the beginning of the line.
    Text(&'static str),
    /// Exactly this text, as the first bytes of the file.
    FileStart(&'static str),
    /// Two dashes and any blanks; `indented`: after any blanks; `more`: with any further dashes and blanks.
    Dashes { indented: bool, more: bool },
    /// At the beginning of the line; every pair of dashes in the line is left out.
    Pairs,
}

/// In which order a tool's sections may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// More than one section in each direction.
    pub repeats: bool,
    /// The way back may come first.
    pub down_first: bool,
    /// What stands before the first mark goes up.
    pub up_by_default: bool,
}

/// The marks of one tool.
#[derive(Debug)]
pub(crate) struct ToolMarks {
    /// The tool, as in [`crate::formats::signs::TOOLS`].
    pub tool: &'static str,
    leader: Leader,
    /// Upper and lower case are the same.
    ignores_case: bool,
    words: &'static [(&'static str, Meaning, Rest)],
    /// The order of its sections.
    pub order: Order,
    /// The option of an up mark that turns the transaction off.
    pub no_transaction: Option<&'static str>,
}

const ONCE: Order = Order { repeats: false, down_first: false, up_by_default: false };

/// All marks. A line is read as the first that fits.
pub(crate) const MARKS: &[ToolMarks] = &[
    ToolMarks {
        tool: "dbmate",
        leader: Leader::Dashes { indented: false, more: false },
        ignores_case: false,
        words: &[("migrate:up", Meaning::Up, Rest::Options), ("migrate:down", Meaning::Down, Rest::Options)],
        order: Order { repeats: true, ..ONCE },
        no_transaction: Some("transaction:false"),
    },
    ToolMarks {
        tool: "goose",
        leader: Leader::Pairs,
        ignores_case: true,
        words: &[
            ("+goose up", Meaning::Up, Rest::Nothing),
            ("+goose down", Meaning::Down, Rest::Nothing),
            ("+goose statementbegin", Meaning::BlockBegin, Rest::Nothing),
            ("+goose statementend", Meaning::BlockEnd, Rest::Nothing),
            ("+goose no transaction", Meaning::NoTransaction, Rest::Nothing),
            ("+goose envsub on", Meaning::Substitution, Rest::Nothing),
            ("+goose envsub off", Meaning::NoSubstitution, Rest::Nothing),
        ],
        order: ONCE,
        no_transaction: None,
    },
    ToolMarks {
        tool: "sql-migrate",
        leader: Leader::Text("-- +migrate "),
        ignores_case: false,
        words: &[
            ("Up", Meaning::Up, Rest::Options),
            ("Down", Meaning::Down, Rest::Options),
            ("StatementBegin", Meaning::BlockBegin, Rest::Options),
            ("StatementEnd", Meaning::BlockEnd, Rest::Options),
        ],
        order: Order { repeats: true, down_first: true, up_by_default: false },
        no_transaction: Some("notransaction"),
    },
    ToolMarks {
        tool: NODE_PG_MIGRATE,
        leader: Leader::Dashes { indented: true, more: true },
        ignores_case: true,
        words: &[("up migration", Meaning::Up, Rest::Anything), ("down migration", Meaning::Down, Rest::Anything)],
        order: Order { down_first: true, ..ONCE },
        no_transaction: None,
    },
    ToolMarks {
        tool: "tern",
        leader: Leader::Text("---- "),
        ignores_case: false,
        words: &[
            ("create above / drop below ----", Meaning::Down, Rest::Nothing),
            ("tern: disable-tx ----", Meaning::NoTransaction, Rest::Nothing),
        ],
        order: Order { up_by_default: true, ..ONCE },
        no_transaction: None,
    },
    ToolMarks {
        tool: "sqlx",
        leader: Leader::FileStart("-- no-transaction"),
        ignores_case: false,
        words: &[("", Meaning::NoTransaction, Rest::Anything)],
        order: Order { up_by_default: true, ..ONCE },
        no_transaction: None,
    },
    ToolMarks {
        tool: "graphile-migrate",
        leader: Leader::Text("--! "),
        ignores_case: true,
        words: &[
            ("no-transaction", Meaning::NoTransaction, Rest::Nothing),
            ("previous:", Meaning::Header, Rest::Anything),
            ("hash:", Meaning::Header, Rest::Anything),
        ],
        order: Order { up_by_default: true, ..ONCE },
        no_transaction: None,
    },
    refused(
        "Liquibase",
        &[("liquibase formatted", Meaning::Refused, Rest::Anything), ("changeset ", Meaning::Refused, Rest::Anything)],
    ),
    refused("micrate", &[("+micrate ", Meaning::Refused, Rest::Anything)]),
    refused(
        "rambler",
        &[("rambler up", Meaning::Refused, Rest::Options), ("rambler down", Meaning::Refused, Rest::Options)],
    ),
    refused("MyBatis Migrations", &[("//@undo", Meaning::Refused, Rest::Anything)]),
];

/// The tool whose `-- Down Migration` is a mark only beside a `-- Up Migration`.
pub(crate) const NODE_PG_MIGRATE: &str = "node-pg-migrate";

/// A tool whose marks only tell whose file this is: doorstep does not follow its rules.
const fn refused(tool: &'static str, words: &'static [(&'static str, Meaning, Rest)]) -> ToolMarks {
    let leader = Leader::Dashes { indented: true, more: true };
    ToolMarks { tool, leader, ignores_case: true, words, order: ONCE, no_transaction: None }
}

/// A comment line that is a mark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark<'a> {
    /// Whose.
    pub marks: &'static ToolMarks,
    /// What it says.
    pub meaning: Meaning,
    /// What follows its words.
    pub rest: &'a str,
}

/// Where a comment stands in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Blanks precede it on its line.
    pub indented: bool,
    /// Nothing precedes it in the file.
    pub first: bool,
}

/// The mark that this comment, from its first dash to the end of its line, is.
#[must_use]
pub(crate) fn read(comment: &str, standing: Standing) -> Option<Mark<'_>> {
    MARKS.iter().find_map(|marks| marks.read(comment, standing))
}

impl ToolMarks {
    fn read<'a>(&'static self, comment: &'a str, standing: Standing) -> Option<Mark<'a>> {
        let text = match self.leader {
            Leader::Text(leader) if !standing.indented => self.without(comment, leader)?.trim_start(),
            Leader::FileStart(leader) if standing.first => self.without(comment, leader)?,
            Leader::Dashes { indented, more } if indented || !standing.indented => {
                let rest = comment.strip_prefix("--")?;
                rest.trim_start_matches(|c: char| c.is_whitespace() || (more && c == '-'))
            }
            Leader::Pairs if !standing.indented => return self.in_pairs(comment),
            _ => return None,
        };
        let (_, meaning, rest) = self.words.iter().find_map(|(words, meaning, rest)| {
            let after = self.after(text, words)?;
            rest.allows(after).then_some((words, *meaning, after))
        })?;
        Some(Mark { marks: self, meaning, rest })
    }

    /// goose takes every `--` out of the line, and then wants exactly its words.
    fn in_pairs(&'static self, comment: &str) -> Option<Mark<'static>> {
        let text = comment.replace("--", "");
        let (tool, words) = text.trim().split_at_checked("+goose".len())?;
        let text = format!("{tool} {}", words.trim()).to_lowercase();
        let (_, meaning, _) = self.words.iter().find(|(words, ..)| *words == text)?;
        Some(Mark { marks: self, meaning: *meaning, rest: "" })
    }

    fn without<'a>(&self, text: &'a str, prefix: &str) -> Option<&'a str> {
        let (beginning, rest) = text.split_at_checked(prefix.len())?;
        let is_it = if self.ignores_case { beginning.eq_ignore_ascii_case(prefix) } else { beginning == prefix };
        is_it.then_some(rest)
    }

    /// What follows these words, between which any blanks may stand.
    fn after<'a>(&self, text: &'a str, words: &str) -> Option<&'a str> {
        let mut rest = text;
        for (index, word) in words.split_inclusive(' ').enumerate() {
            let (word, blank) = word.strip_suffix(' ').map_or((word, false), |word| (word, true));
            rest = self.without(if index == 0 { rest } else { rest.trim_start() }, word)?;
            if blank && !rest.starts_with(char::is_whitespace) {
                return None;
            }
        }
        Some(rest)
    }
}

impl Rest {
    fn allows(self, rest: &str) -> bool {
        match self {
            Self::Nothing => rest.trim().is_empty(),
            Self::Options => rest.is_empty() || rest.starts_with(char::is_whitespace),
            Self::Anything => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_spells_its_marks_in_its_own_way() {
        use Meaning::{BlockBegin, Down, Header, NoTransaction, Refused, Substitution, Up};
        for (line, tool, meaning) in [
            ("-- migrate:up", "dbmate", Up),
            ("--migrate:up", "dbmate", Up),
            ("--\tmigrate:down  anything", "dbmate", Down),
            ("-- +goose Up", "goose", Up),
            ("--  +goose DOWN", "goose", Down),
            ("--+goose statementbegin", "goose", BlockBegin),
            ("-- +goose no transaction", "goose", NoTransaction),
            ("-- +goose ENVSUB ON --", "goose", Substitution),
            ("-- +migrate   Down", "sql-migrate", Down),
            ("-- +migrate Up notransaction", "sql-migrate", Up),
            ("-- Up Migration", NODE_PG_MIGRATE, Up),
            ("  --- DOWN   migration ---", NODE_PG_MIGRATE, Down),
            ("-- Down migrations: none", NODE_PG_MIGRATE, Down),
            ("---- create above / drop below ----", "tern", Down),
            ("---- tern: disable-tx ----", "tern", NoTransaction),
            ("--! Previous: -", "graphile-migrate", Header),
            ("--liquibase formatted sql", "Liquibase", Refused),
            ("-- changeset ann:1", "Liquibase", Refused),
            ("-- +micrate Down", "micrate", Refused),
            ("-- rambler down", "rambler", Refused),
            ("-- //@UNDO", "MyBatis Migrations", Refused),
        ] {
            let standing = Standing { indented: line.starts_with(' '), first: false };
            let mark = read(line.trim_start(), standing).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((mark.marks.tool, mark.meaning), (tool, meaning), "{line}");
        }
        for text in [
            "-- Migrate:up",
            "-- migrate: up",
            "-- migrate:upx",
            "-- migrate:down;",
            "--- migrate:up",
            "-- +goose Downwards",
            "--- +goose Up",
            "-- +migrate up",
            "--+migrate Up",
            "-- Down",
            "-- the up migration",
            "-- create above / drop below",
            "-- no-transaction",
        ] {
            assert!(read(text, Standing::default()).is_none(), "{text}");
        }
        for text in ["-- migrate:up", "-- +goose Up", "-- +migrate Up", "---- create above / drop below ----"] {
            assert!(read(text, Standing { indented: true, first: false }).is_none(), "{text}");
        }
        let first = Standing { indented: false, first: true };
        assert!(read("-- no-transaction: why", first).is_some() && read("--no-transaction", first).is_none());
    }
}
