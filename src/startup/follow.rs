//! `migrate = await`: another process migrates. This start polls, with reads only, until the folder is applied and
//! `verify` passes, or until the deadline of the wait.

use std::time::{Duration, Instant};

use crate::base::error::{Awaited, Error};
use crate::base::progress::Phase;
use crate::base::retry::Pace;
use crate::config::{OnUnknown, Patience};
use crate::finding::{Finding, Severity};
use crate::formats::detect;
use crate::formats::inquiry::Answer;
use crate::migrate::history::History;
use crate::migrate::plan::Verdict;
use crate::startup::ask::Asker;
use crate::startup::pipeline::{Extent, PassOutcome};
use crate::startup::setup::Setup;
use crate::startup::start::Start;
use crate::verify;
use crate::verify::ahead::ReadAhead;
use crate::verify::desired::DesiredState;

/// Pause after the first polls, and after later ones. A poll is one message where there is a history.
const PACE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// What a poll found.
enum Poll {
    /// The folder is not applied, or a schema is missing.
    Behind(Verdict),
    /// Neither the files nor the tool tell whether anything is pending; the reasons of both.
    Unknown(String),
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
    asker: Asker,
}

impl Follower {
    /// Counts the deadline from now.
    pub(crate) fn new(patience: Patience) -> Self {
        let fixed = patience.fixed.map(|(attempts, interval)| interval.saturating_mul(attempts));
        let limit = patience.timeout.or(fixed);
        Self { began: Instant::now(), limit, pace: Pace::new(PACE.0, PACE.1), said: String::new(), asker: Asker::new() }
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
        let left = |began: Instant, limit: Option<Duration>| {
            limit.map_or(Duration::MAX, |limit| limit.saturating_sub(began.elapsed()))
        };
        let poll = match start.unapplied(&mut self.asker, left(self.began, self.limit)).await? {
            Some(poll) => poll,
            None => start.verified(extent, desired).await?,
        };
        start.report.migrate += began.elapsed().saturating_sub(start.report.verify - verified);
        let left = left(self.began, self.limit);
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
            Poll::Unknown(why) if left.is_zero() => {
                return Err(Error::NotMigrated { waited: self.began.elapsed(), state: Awaited::Unknown(why) });
            }
            Poll::Behind(verdict) => verdict.to_string(),
            Poll::Unknown(why) => format!("unknown: {why}"),
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
    /// What of the folder is not applied, or not known to be; `None` where nothing is left to wait for.
    async fn unapplied(&mut self, asker: &mut Asker, left: Duration) -> Result<Option<Poll>, Error> {
        let setup = self.setup;
        setup.tracker.enter(Phase::Migrate);
        self.read_history().await?;
        let accepts = setup.settings.unknown == OnUnknown::Accept;
        let Some(history) = &mut self.history else {
            return if accepts && setup.unknown_tool().is_some() { Ok(None) } else { Err(nothing_to_await(setup)) };
        };
        let is_unknown = history.verdict() == Verdict::Unknown;
        if (!is_unknown && history.has_work()) || !self.probe.missing_schemas.is_empty() {
            history.mark_running(self.session.as_mut(), &setup.history_keys(&self.probe)).await;
            return Ok(Some(Poll::Behind(history.verdict())));
        }
        if !is_unknown {
            return Ok(None);
        }
        let answer = asker.ask(setup, history, left).await;
        // Another process may have migrated while the tool was asked.
        self.ahead = ReadAhead::default();
        match answer {
            Ok(Answer::Applied) => Ok(None),
            Ok(Answer::Pending(_)) => Ok(Some(Poll::Behind(Verdict::Behind))),
            Err(why) if accepts => {
                tracing::warn!(phase = "migrate", event = "unknown", "{} (unknown = accept)", unknown(history, why));
                Ok(None)
            }
            Err(why) => Ok(Some(Poll::Unknown(unknown(history, why)))),
        }
    }

    /// Whether a finding would stop this start, now that the folder is applied.
    async fn verified(&mut self, extent: Extent, desired: &DesiredState) -> Result<Poll, Error> {
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
        let state = Awaited::Verdict(verdict.to_string());
        obstacle.unwrap_or_else(|| Error::NotMigrated { waited: began.elapsed(), state })
    }
}

/// Why nothing is known: what the files do not tell, and why the tool does not.
pub(crate) fn unknown(history: &History, why: &str) -> String {
    let files = history.uncertainty().unwrap_or("the files do not tell");
    format!("whether migrations are pending is unknown: {files}; {why}")
}

fn nothing_to_await(setup: &Setup) -> Error {
    Error::Settings(match setup.hook_commands.shown() {
        Some(command) => format!(
            "migrate = await cannot tell when {command} is done: doorstep does not know its history\n\
             next: name the tables that must exist (--require-tables), with --migrate off, or with --unknown accept"
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
