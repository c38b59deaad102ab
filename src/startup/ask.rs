//! Asks the tool that applies the migrations what is pending, where its files do not tell: `check` once, `await` rarely.
//!
//! The questions are commands of the tool that only read (`formats/inquiry.rs`). They run with the environment of
//! `migrate_command`, without a shell, and take no lock. Their output is parsed and never logged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::log::seconds;
use crate::base::retry::Pace;
use crate::base::schema_failures::first_line;
use crate::base::short_child::{self, Answered, Captured, ShortChild};
use crate::config::words::Words;
use crate::formats::inquiry::Answer;
use crate::formats::migration::Record;
use crate::migrate::history::History;
use crate::startup::database::ChildLogin;
use crate::startup::setup::Setup;

/// Largest answer that is read: 10,000 migrations of 100 bytes.
const LARGEST: usize = 1 << 20;

/// Pause between two questions of a start that waits: each one starts an interpreter, which takes a second of CPU time.
const PACE: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(30));

/// Least pause before a question that a change of the history prompts.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long a start that waits lets the tool work on one question.
const LONGEST: Duration = Duration::from_secs(30);

/// Asks the tool of the history's format.
///
/// # Errors
/// Why there is no answer.
pub(crate) async fn ask(setup: &Setup, history: &History, limit: Duration) -> Result<Answer, String> {
    let tool = history.format.tool;
    let inquiry = tool.command.as_ref().and_then(|command| command.inquiry);
    let (Some(inquiry), Some(command)) = (inquiry, &setup.hook_commands.migrate) else {
        return Err(format!("{} cannot be asked: it has no command for that which only reads", tool.name));
    };
    let Some(questions) = inquiry.questions(command) else {
        let shown = setup.hook_commands.masked(&command.to_string());
        return Err(format!("migrate_command ({shown}) does not show how to ask {}", tool.name));
    };
    let work = async {
        let login = setup.database.child_login().await.map_err(|error| first_line(&error))?;
        // All of them run at the same time.
        let running = questions.iter().map(|question| Question::start(setup, &login, question));
        let running: Vec<Question<'_>> = running.collect::<Result<_, String>>()?;
        let mut outputs = Vec::new();
        for question in running {
            outputs.push(question.output().await?);
        }
        Ok(outputs)
    };
    let late = |_| Err(format!("{} gave no answer within {}", tool.name, seconds(limit)));
    let outputs = tokio::time::timeout(limit, work).await.unwrap_or_else(late)?;
    let answer = inquiry.answer(command, &outputs);
    answer.map_err(|why| setup.hook_commands.masked(&format!("{} was asked, but {why}", tool.name)))
}

/// The answers that a start gets over its passes.
pub(crate) struct Asker {
    pace: Pace,
    /// The last answer, the rows of the history at that time, and when to ask again at the latest and the earliest.
    last: Option<Asked>,
}

struct Asked {
    answer: Result<Answer, String>,
    records: Vec<Arc<Record>>,
    ended: Instant,
    pause: Duration,
}

impl Asker {
    pub(crate) fn new() -> Self {
        Self { pace: Pace::new(PACE.0, PACE.1), last: None }
    }

    /// The last answer, if it is recent and the history has not changed since; else a new one, within the time that is
    /// `left`.
    pub(crate) async fn ask(&mut self, setup: &Setup, history: &History, left: Duration) -> &Result<Answer, String> {
        let is_recent = |last: &Asked| {
            let pause = if last.records == history.records { last.pause } else { SHORTEST.min(last.pause) };
            last.ended.elapsed() < pause || left.is_zero()
        };
        let last = match self.last.take() {
            Some(last) if is_recent(&last) => last,
            _ => {
                let answer = ask(setup, history, left.min(LONGEST)).await;
                let (records, ended, pause) = (history.records.clone(), Instant::now(), self.pace.next());
                Asked { answer, records, ended, pause }
            }
        };
        &self.last.insert(last).answer
    }
}

/// A question on its way. Dropped, it kills the process group.
struct Question<'a> {
    words: &'a Words,
    child: ShortChild,
}

impl<'a> Question<'a> {
    fn start(setup: &Setup, login: &ChildLogin, words: &'a Words) -> Result<Self, String> {
        let program = setup.hook_commands.program(words).map_err(|error| first_line(&error))?;
        let mut command = program.command_on(login);
        // A question writes nothing, no bytecode either.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let child = ShortChild::start(command, Captured::Stdout);
        Ok(Self { words, child: child.map_err(|error| format!("cannot start {words}: {error}"))? })
    }

    /// What it prints, once it has succeeded.
    async fn output(self) -> Result<String, String> {
        let words = self.words;
        let Answered { status, output } = self.child.answer(LARGEST).await.map_err(|why| format!("{words} {why}"))?;
        if !status.success() {
            return Err(format!("{words} {}", short_child::ending(status)));
        }
        String::from_utf8(output).map_err(|_| format!("what {words} prints is not UTF-8"))
    }
}
