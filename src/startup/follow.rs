//! `migrate = await`: somebody else migrates. A follower looks, with reads only, until the folder is applied and what
//! the service needs is there.

use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::progress::Phase;
use crate::base::retry::Pace;
use crate::engines::session::{Probe, Session};
use crate::finding::{Finding, Severity};
use crate::startup::pipeline::{Extent, Plan, Preparation, Report, timed};
use crate::verify;

/// Between the first looks, and between later ones. A look is two queries.
const PACE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// What a look found.
enum Look {
    /// The folder is not applied, or a schema is missing.
    Behind,
    /// The folder is applied, and this would stop the start all the same.
    Lacking(Vec<Finding>),
    /// Nothing that would stop the start.
    Ready(Vec<Finding>),
}

impl Preparation {
    /// Looks until there is nothing to wait for, or no time.
    ///
    /// # Errors
    /// At the deadline, [`Error::NotMigrated`] or [`Error::Differences`], whatever was waited for; at once,
    /// [`Error::Settings`] without a folder.
    pub(crate) async fn follow(
        &self,
        session: &mut dyn Session,
        mut probe: Probe,
        plan: Plan<'_>,
        report: &mut Report,
    ) -> Result<(), Error> {
        let Plan { extent, history, desired, .. } = plan;
        let Some(mut history) = history else {
            return Err(Error::Settings(match &self.commands.migrate {
                Some(command) => format!(
                    "nobody but {command} itself can tell when it is done, so that there is nothing to await\n\
                     next: --migrate off, and name what has to be there: --require-tables"
                ),
                None => "migrate = await needs the migrations folder, and none was found\n\
                         next: name it with --migrations"
                    .to_owned(),
            }));
        };
        let (began, mut pace) = (Instant::now(), Pace::new(PACE.0, PACE.1));
        let patience = self.settings.patience;
        let limit = patience.timeout.or(patience.fixed.map(|(attempts, interval)| interval.saturating_mul(attempts)));
        let mut said = String::new();
        loop {
            self.tracker.enter(Phase::Migrate);
            timed(&mut report.migrate, history.read(session, &probe)).await?;
            let is_behind = history.has_work() || !probe.missing_schemas.is_empty();
            let look = match extent {
                _ if is_behind => Look::Behind,
                Extent::Run => {
                    let explained = Severity::Warning;
                    let found = self.hold_against(session, desired, Some(&history), &probe, explained);
                    let found = timed(&mut report.verify, found).await?;
                    let stops = found.iter().any(|finding| verify::stops(finding, self.settings.strictness));
                    if stops { Look::Lacking(found) } else { Look::Ready(found) }
                }
                Extent::Wait | Extent::Migrate => Look::Ready(Vec::new()),
            };
            let left = limit.map_or(Duration::MAX, |limit| limit.saturating_sub(began.elapsed()));
            let (pause, is_late) = (pace.next().min(left), left.is_zero());
            let reason = match look {
                Look::Ready(found) => {
                    history.log_oddities();
                    return verify::judge(found, self.settings.strictness);
                }
                Look::Lacking(found) if is_late => return verify::judge(found, self.settings.strictness),
                Look::Lacking(found) => format!("it is migrated, but {}", worst(&found)),
                Look::Behind => {
                    history.mark_running(session).await;
                    if is_late {
                        // A history that cannot go on by itself is no matter of time.
                        history.check()?;
                        return Err(Error::NotMigrated {
                            waited: began.elapsed(),
                            verdict: history.verdict().to_string(),
                        });
                    }
                    history.verdict().to_string()
                }
            };
            self.tracker.held_up(&format!("waiting for another process to migrate: {reason}"));
            if said != reason {
                tracing::info!(
                    phase = "migrate",
                    event = "awaiting",
                    "waiting for another process to migrate: {reason}"
                );
                said = reason;
            }
            timed(&mut report.migrate, tokio::time::sleep(pause)).await;
            probe = self.look(session).await?;
        }
    }
}

/// The finding that is told of many.
fn worst(findings: &[Finding]) -> String {
    let worst = findings.iter().rev().max_by_key(|finding| finding.difference.severity);
    worst
        .map_or_else(String::new, |finding| format!("{} {}", finding.difference.object, finding.difference.predicate()))
}
