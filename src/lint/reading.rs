//! A script as its statements, each with its effects and the transaction that it runs in.

use crate::formats::migration::{Migration, RunMode, Unreadable};
use crate::lint::effects::{ActionEffects, Known, by_action};
use crate::lint::hazard::Place;
use crate::lint::suppression::Comments;
use crate::migrate::strategy::Strategy;
use crate::sql::changes;
use crate::sql::script::{Script, Statement, statements};

/// A script that is judged, or that only tells what is there before.
pub(crate) struct LintScript<'a> {
    /// The file's path, as it was found or named.
    pub(crate) file: String,
    /// The script.
    pub(crate) script: &'a Script,
    /// Its comments that allow a rule.
    pub(crate) comments: Comments,
    /// Its file asks for no transaction.
    pub(crate) no_transaction: bool,
    /// Why doorstep does not run it.
    pub(crate) unreadable: Option<&'a Unreadable>,
    /// It is judged.
    pub(crate) is_checked: bool,
}

impl<'a> LintScript<'a> {
    /// The script of a migration.
    pub(crate) fn of(migration: &'a Migration, is_checked: bool) -> Self {
        Self {
            file: migration.path.display().to_string(),
            script: &migration.script,
            comments: Comments::of(&migration.script),
            no_transaction: migration.no_transaction,
            unreadable: migration.unreadable.as_ref(),
            is_checked,
        }
    }

    /// The place of this byte of the script, in the statement that begins at `statement`.
    pub(crate) fn place(&self, offset: usize, statement: usize) -> Place {
        let text = self.script.text();
        let line_at = text[..offset].rfind('\n').map_or(0, |end| end + 1);
        Place {
            file: self.file.clone(),
            line: self.script.line_at(offset),
            column: text[line_at..offset].chars().count() + 1,
            statement_line: self.script.line_at(statement),
        }
    }
}

/// A statement of a script, or one in the code of a DO block.
pub(crate) struct ReadStatement<'a> {
    /// The statement.
    pub(crate) statement: Statement<'a>,
    /// Where it begins in the script, in bytes.
    pub(crate) offset: usize,
    /// Where the statement of the script begins that it is a part of; the same for most.
    pub(crate) outer: usize,
    /// The transaction that it runs in: those with the same number share one. `None` where it runs alone, and where that is not
    /// certain.
    pub(crate) transaction: Option<usize>,
    /// It builds an index on a table that is known to be partitioned.
    pub(crate) is_on_partitioned: bool,
    /// It drops, `IF EXISTS`, what the scripts before it never made.
    pub(crate) drops_nothing: bool,
    /// What it does, given what is known before it.
    pub(crate) actions: Vec<ActionEffects>,
}

/// Reads a script, and lets `known` learn what it does.
pub(crate) fn read<'a>(script: &LintScript<'a>, known: &mut Known) -> Vec<ReadStatement<'a>> {
    let transactions = Transactions::of(script);
    let dialect = script.script.dialect();
    let mut found = Vec::new();
    let mut learn = |statement: Statement<'a>, offset: usize, outer: usize| {
        let actions = by_action(&statement, known);
        let objects = || actions.iter().filter_map(|of| of.action.object.as_ref());
        let is_on_partitioned = objects().any(|object| known.is_partitioned(object));
        let is_lenient = statement.starts(&["DROP"]) && statement.has_pair("IF", "EXISTS");
        let drops_nothing = is_lenient && known.is_complete && !objects().any(|object| known.has(object));
        actions.iter().for_each(|of| known.learn(&of.action, dialect));
        let transaction = transactions.at(outer);
        found.push(ReadStatement { transaction, statement, offset, outer, is_on_partitioned, drops_nothing, actions });
    };
    for statement in script.script.statements() {
        let outer = statement.offset;
        let inner = if statement.starts(&["DO"]) { changes::definitions(&statement) } else { Vec::new() };
        learn(statement, outer, outer);
        for (at, text) in inner {
            let within = statements(text, dialect).into_iter().next();
            within.into_iter().for_each(|within| learn(within, outer + at, outer));
        }
    }
    found
}

/// Where the transactions of a script begin, in bytes.
struct Transactions {
    /// Beginnings and ends, in their order.
    ranges: Vec<(usize, usize)>,
}

impl Transactions {
    fn of(script: &LintScript<'_>) -> Self {
        let whole = script.script;
        let rules = whole.dialect().rules();
        let strategy = match script.no_transaction {
            true => Strategy::without_transaction(whole),
            false => Strategy::of(whole),
        };
        let all = (0, whole.text().len() + 1);
        let ranges = match strategy.mode {
            // Where each DDL statement commits, only rows share a transaction.
            RunMode::Atomic if rules.has_transactional_ddl => vec![all],
            RunMode::Steps if rules.has_transactional_ddl => {
                let shared = strategy.steps.iter().filter(|step| step.statements.len() > 1);
                shared.map(|step| (step.offset, step.offset + step.text.len())).collect()
            }
            RunMode::Whole if rules.has_transactional_ddl => explicit(whole),
            RunMode::Atomic | RunMode::Steps | RunMode::Whole => Vec::new(),
        };
        Self { ranges }
    }

    fn at(&self, offset: usize) -> Option<usize> {
        self.ranges.iter().position(|(begin, end)| (*begin..*end).contains(&offset))
    }
}

/// The transactions that a script begins and ends itself.
fn explicit(script: &Script) -> Vec<(usize, usize)> {
    let (mut ranges, mut begun) = (Vec::new(), None);
    for statement in script.statements() {
        let begins = statement.starts(&["BEGIN"]) || statement.starts(&["START", "TRANSACTION"]);
        let ends = ["COMMIT", "END", "ROLLBACK", "ABORT"].iter().any(|word| statement.starts(&[word]));
        let is_savepoint = statement.has("TO") && statement.starts(&["ROLLBACK"]);
        match begun {
            None if begins => begun = Some(statement.offset),
            Some(begin) if ends && !is_savepoint => {
                ranges.push((begin, statement.offset));
                begun = None;
            }
            _ => {}
        }
    }
    ranges
}
