//! `migrate = await`: another process migrates. This start polls, with reads only, until the folder is applied and
//! `verify` passes, or until the deadline of the wait.

use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::progress::Phase;
use crate::base::retry::Pace;
use crate::config::Patience;
use crate::finding::{Finding, Severity};
use crate::formats::detect;
use crate::migrate::plan::Verdict;
use crate::startup::pipeline::{Extent, PassOutcome};
use crate::startup::setup::Setup;
use crate::startup::start::Start;
use crate::verify;
use crate::verify::desired::DesiredState;

/// Pause after the first polls, and after later ones. A poll is two queries.
const PACE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// What a poll found.
enum Poll {
    /// The folder is not applied, or a schema is missing.
    Behind(Verdict),
    /// The folder is applied, but these findings would stop the start.
    Lacking(Vec<Finding>),
    /// Nothing would stop the start.
    Ready(Vec<Finding>),
}

/// A start that another process migrates for, over its passes.
pub(crate) struct Follower {
    began: Instant,
    /// The deadline: `wait_timeout`, or what a fixed number of attempts amounts to.
    limit: Option<Duration>,
    pace: Pace,
    said: String,
}

impl Follower {
    /// Counts the deadline from now.
    pub(crate) fn new(patience: Patience) -> Self {
        let fixed = patience.fixed.map(|(attempts, interval)| interval.saturating_mul(attempts));
        let limit = patience.timeout.or(fixed);
        Self { began: Instant::now(), limit, pace: Pace::new(PACE.0, PACE.1), said: String::new() }
    }

    /// Looks once whether there is anything left to wait for.
    ///
    /// # Errors
    /// At the deadline, [`Error::NotMigrated`], [`Error::History`] or [`Error::Differences`], whichever was waited for;
    /// at once, [`Error::Settings`] without a folder.
    pub(crate) async fn look(
        &mut self,
        start: &mut Start<'_>,
        extent: Extent,
        desired: &DesiredState,
    ) -> Result<PassOutcome, Error> {
        let (setup, began, verified) = (start.setup, Instant::now(), start.report.verify);
        let poll = start.poll(extent, desired).await?;
        start.report.migrate += began.elapsed().saturating_sub(start.report.verify - verified);
        let left = self.limit.map_or(Duration::MAX, |limit| limit.saturating_sub(self.began.elapsed()));
        let reason = match poll {
            Poll::Ready(findings) => {
                verify::judge(findings, setup.settings.strictness)?;
                return Ok(PassOutcome::Done);
            }
            Poll::Lacking(findings) if left.is_zero() => {
                verify::judge(findings, setup.settings.strictness)?;
                return Ok(PassOutcome::Done);
            }
            Poll::Lacking(findings) => format!("it is migrated, but {}", worst(&findings)),
            Poll::Behind(verdict) if left.is_zero() => return Err(start.not_migrated(self.began, verdict)),
            Poll::Behind(verdict) => verdict.to_string(),
        };
        let text = format!("waiting for another process to migrate: {reason}");
        setup.tracker.held_up(&text);
        if self.said != text {
            tracing::info!(phase = "migrate", event = "awaiting", "{text}");
            self.said = text;
        }
        Ok(PassOutcome::Later(self.pace.next().min(left)))
    }
}

impl Start<'_> {
    async fn poll(&mut self, extent: Extent, desired: &DesiredState) -> Result<Poll, Error> {
        self.setup.tracker.enter(Phase::Migrate);
        self.read_history().await?;
        let Some(history) = &mut self.history else { return Err(nothing_to_await(self.setup)) };
        if history.has_work() || !self.probe.missing_schemas.is_empty() {
            history.mark_running(self.session.as_mut()).await;
            return Ok(Poll::Behind(history.verdict()));
        }
        let mut findings = Vec::new();
        if extent == Extent::Run {
            let began = Instant::now();
            findings = self.compare(desired, Severity::Warning).await?.findings;
            self.report.verify += began.elapsed();
        }
        if findings.iter().any(|finding| verify::stops(finding, self.setup.settings.strictness)) {
            return Ok(Poll::Lacking(findings));
        }
        if let Some(history) = &self.history {
            history.log_oddities();
        }
        Ok(Poll::Ready(findings))
    }

    /// The error at the deadline. A history that no process can continue is the better explanation.
    fn not_migrated(&self, began: Instant, verdict: Verdict) -> Error {
        let obstacle = self.history.as_ref().and_then(|history| history.check().err());
        obstacle.unwrap_or_else(|| Error::NotMigrated { waited: began.elapsed(), verdict: verdict.to_string() })
    }
}

fn nothing_to_await(setup: &Setup) -> Error {
    Error::Settings(match setup.hook_commands.shown() {
        Some(command) => format!(
            "migrate = await cannot tell when {command} is done: doorstep does not know its history\n\
             next: --migrate off, and name the tables that must exist: --require-tables"
        ),
        None => {
            let (why, next) = detect::missing();
            format!("migrate = await needs the migrations folder: {why}\nnext: {next}")
        }
    })
}

/// The first finding of the highest severity, in words.
fn worst(findings: &[Finding]) -> String {
    let worst = findings.iter().rev().max_by_key(|finding| finding.difference.severity);
    worst
        .map_or_else(String::new, |finding| format!("{} {}", finding.difference.object, finding.difference.predicate()))
}
