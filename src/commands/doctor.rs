//! `doctor`: what support would ask, in one command that only reads. A line for each part of the way from the settings to a migrated
//! and verified database: ok, odd or broken, with what to do.
//!
//! Each part is tried once. One that depends on a broken one is skipped; a mistake in the project's files does not keep the
//! database from being looked at. The lines are judged in `inspect/doctor`.

use std::time::Duration;

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::base::log::{LogFormat, LogLevel};
use crate::base::plain_name::is_telltale;
use crate::base::signal::Stop;
use crate::commands::invocation::{Invocation, Next, block_on};
use crate::commands::output;
use crate::config::{DurationSetting, Mode, Patience, Settings, Strictness};
use crate::engines::connect::Target;
use crate::engines::engine::ProbeRequest;
use crate::engines::session::LockKey;
use crate::finding::Severity;
use crate::formats::inquiry::Answer as ToolAnswer;
use crate::inspect::doctor::examine::{self, Limits, Opened, within};
use crate::inspect::doctor::facts::{
    Answer, DriftFacts, Facts, FolderFacts, HistoryFacts, NamedDatabase, Problem, Refusal, ServerAnswers,
};
use crate::inspect::doctor::report;
use crate::migrate::history::History;
use crate::migrate::plan::{State, Verdict};
use crate::startup::ask::ask;
use crate::startup::database::Database;
use crate::startup::refusal;
use crate::startup::settle;
use crate::startup::setup::Setup;
use crate::startup::start::{Report, Start};
use crate::verify;
use crate::verify::ahead::ReadAhead;

/// Arguments of `doctor`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: LogFormat,
    /// How long each part may take
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    timeout: DurationSetting,
    /// How long a transaction may be open before it is listed
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    long_transaction: DurationSetting,
}

/// Examines, and prints a line for each part. The exit code is that of a start that fails at the first broken one.
///
/// # Errors
/// [`Error::Os`] where the result cannot be printed, [`Error::Stopped`] on a signal.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let limits = match args.timeout.0 {
        Duration::ZERO => return Err(Error::Usage("--timeout must be longer than 0\nnext: --timeout 10s".to_owned())),
        part => Limits { part, transaction: args.long_transaction.0 },
    };
    let facts = match invocation.settings(LogLevel::Warn) {
        Ok(settings) => {
            let examined = async { Ok(examined(settings, invocation.environment, invocation.stop, limits).await) };
            block_on(invocation.stop, examined)?
        }
        Err(error) => nowhere(error.into()),
    };
    let report = report(&facts);
    output::show(&report, args.format)?;
    match report.exit_code() {
        0 => Ok(Next::Done),
        code => Ok(Next::Exit(code)),
    }
}

/// The facts where no database is named, so that there is nothing to try.
fn nowhere(problem: Problem) -> Facts {
    Facts {
        database: Err(problem),
        way: None,
        login: None,
        server: ServerAnswers::default(),
        service: Answer::Nothing(None),
        folder: Ok(FolderFacts::default()),
        history: Answer::NotAsked,
        drift: Answer::NotAsked,
    }
}

async fn examined(settings: Settings, environment: &Environment, stop: &Stop, limits: Limits) -> Facts {
    match Setup::new(settings.clone(), environment) {
        Ok(setup) => whole(setup, stop, limits).await,
        Err(error) => {
            let problem = Problem::from(error);
            let environment = settings.environment.as_ref().unwrap_or(environment);
            match Database::named(&settings, None, environment) {
                Some(database) => without_project(&settings, (&database, environment), problem, limits).await,
                None => nowhere(problem),
            }
        }
    }
}

/// The database alone: the project cannot be read, for this reason.
async fn without_project(
    settings: &Settings,
    (database, environment): (&Database, &Environment),
    problem: Problem,
    limits: Limits,
) -> Facts {
    let database = database.clone().with_password_command(settings, environment.get("PATH"));
    let Ok((database, target)) = database.and_then(|database| database.target().map(|target| (database, target)))
    else {
        return nowhere(problem);
    };
    let schemas: Vec<String> = target.schema().map(str::to_owned).into_iter().collect();
    let request = ProbeRequest::default();
    let (mut facts, opened) = way((&database, &target), settings.mode, &request, limits).await;
    if let Some(Opened { mut session, probe, .. }) = opened {
        let schemas = if schemas.is_empty() { probe.current_schema.into_iter().collect() } else { schemas };
        facts.server = examine::server(session.as_mut(), &schemas, &[], limits).await;
        facts.server.lock_holder = Answer::Nothing(Some("needs the folder".to_owned()));
        session.close().await;
    }
    let needs = || Some("needs the folder".to_owned());
    Facts { folder: Err(problem), history: Answer::Nothing(needs()), drift: Answer::Nothing(needs()), ..facts }
}

/// The way to the database, and the session at its end.
async fn way(
    (database, target): (&Database, &Target),
    mode: Mode,
    request: &ProbeRequest,
    limits: Limits,
) -> (Facts, Option<Opened>) {
    let visible = |role: &str| (!is_telltale(role)).then(|| role.to_owned());
    let named = NamedDatabase {
        address: target.address(),
        origin: database.origin().to_string(),
        role: target.role().and_then(visible),
        acting_role: target.acting_role().and_then(visible),
        dialect: target.dialect(),
        warnings: target.warnings().to_vec(),
        migrates: mode == Mode::Apply,
    };
    let trace = target.trace(limits.part).await;
    let opened = match examine::leads_to_login(&trace) {
        true => Some(examine::log_in(target, request, limits.part).await),
        false => None,
    };
    let (login, opened) = match opened {
        None => (None, None),
        Some(Ok(opened)) => (Some(Ok(opened.facts())), Some(opened)),
        Some(Err(fault)) => (Some(Err(refused(target, fault))), None),
    };
    let facts =
        Facts { database: Ok(named), way: Some(trace), login, ..nowhere(Problem { text: String::new(), code: 0 }) };
    (facts, opened)
}

/// A refused login, as a start would report it.
fn refused(target: &Target, fault: Fault) -> Refusal {
    let remedy = refusal::remedy(&fault, &refusal::Login::of(target));
    let error = Error::Refused { address: target.address(), fault: fault.clone(), remedy: remedy.clone() };
    Refusal { fault, remedy, code: error.exit_code() }
}

/// The database and the project.
async fn whole(mut setup: Setup, stop: &Stop, limits: Limits) -> Facts {
    let target = match setup.database.target() {
        Ok(target) => target,
        Err(error) => return nowhere(error.into()),
    };
    let (mode, request) = (setup.settings.mode, setup.probe_request());
    let (mut facts, opened) = way((&setup.database, &target), mode, &request, limits).await;
    facts.folder = Ok(folder(&setup));
    facts.service = service(&setup, limits).await;
    let Some(Opened { mut session, probe, .. }) = opened else { return facts };
    let keys: Vec<LockKey> = setup.lock_keys(&probe);
    let mut schemas = request.schemas.clone();
    schemas.extend(Some(setup.home(&probe).to_owned()).filter(|home| !schemas.contains(home)));
    facts.server = examine::server(session.as_mut(), &schemas, &keys, limits).await;
    // What is wrong with the database is in the facts already.
    let once = Patience { timeout: Some(limits.part), fixed: Some((1, limits.part)) };
    let _ = settle::settle(&mut setup, once, false).await;
    let (ahead, report) = (ReadAhead::default(), Report::default());
    let mut start = Start { setup: &setup, stop, session, probe, history: None, pending: None, ahead, report };
    facts.history = history(&mut start, limits).await;
    if let (Ok(folder), Some(history)) = (&mut facts.folder, &start.history) {
        folder.migrations = Some(history.migrations.len());
    }
    facts.drift = drift(&mut start, limits).await;
    start.session.close().await;
    facts
}

fn folder(setup: &Setup) -> FolderFacts {
    FolderFacts {
        path: setup.folder.map(|folder| folder.path.display().to_string()),
        tool: setup.folder.map(|folder| folder.format.tool.name.to_owned()),
        migrations: None,
        command: setup.hook_commands.shown().map(|command| setup.hook_commands.masked(&command)),
    }
}

/// The login of the service, where its URL is another one.
async fn service(setup: &Setup, limits: Limits) -> Answer<Result<String, Refusal>> {
    let Some(target) = setup.database.service_target() else { return Answer::Nothing(None) };
    let reading = ProbeRequest { only_reads: true, ..ProbeRequest::default() };
    Answer::Told(match within(limits.part, target.open(&reading)).await {
        Ok((session, probe)) => {
            session.close().await;
            Ok(examine::shown(&probe.role))
        }
        Err(fault) => Err(refused(&target, fault)),
    })
}

async fn history(start: &mut Start<'_>, limits: Limits) -> Answer<Result<HistoryFacts, Problem>> {
    let setup = start.setup;
    if setup.settings.mode == Mode::Off {
        return Answer::Nothing(Some("migrate = off".to_owned()));
    }
    match setup.read_folder().await {
        Ok(Some(history)) => start.history = Some(history),
        Ok(None) if setup.unknown_tool().is_some() => return Answer::Told(Ok(of_unknown_tool())),
        Ok(None) => return Answer::Nothing(Some("no folder of migrations".to_owned())),
        Err(error) => return Answer::Told(Err(error.into())),
    }
    let read = within(limits.part, async { Ok(start.read_history_and_running().await) });
    match (read.await, &start.history) {
        (Err(fault), _) => Answer::Refused(fault),
        (Ok(Err(error)), _) => Answer::Told(Err(error.into())),
        (Ok(Ok(())), Some(history)) => Answer::Told(Ok(of_history(setup, history, limits).await)),
        (Ok(Ok(())), None) => Answer::Nothing(None),
    }
}

/// Of migrations that only a command knows.
fn of_unknown_tool() -> HistoryFacts {
    HistoryFacts {
        verdict: Verdict::Unknown,
        applied: 0,
        pending: None,
        uncertain: Some("doorstep knows neither the files nor the history of migrate_command".to_owned()),
        refused: None,
        applied_by: String::new(),
        running: None,
    }
}

async fn of_history(setup: &Setup, history: &History, limits: Limits) -> HistoryFacts {
    let count = |wanted: &[State]| {
        history.entries.iter().filter(|it| it.migration.is_some() && wanted.contains(&it.state)).count()
    };
    let pending: Vec<String> =
        history.entries.iter().filter(|it| it.is_pending()).map(|entry| entry.name.clone()).collect();
    let running = history.entries.iter().find(|entry| entry.state == State::Running).map(|entry| entry.name.clone());
    let verdict = history.verdict();
    let (verdict, pending, uncertain) = match verdict {
        Verdict::Unknown => match ask(setup, history, limits.part).await {
            Ok(ToolAnswer::Applied) => (Verdict::Current, Some(Vec::new()), None),
            Ok(ToolAnswer::Pending(names)) => (Verdict::Behind, Some(names), None),
            Err(why) => (verdict, None, Some(why)),
        },
        verdict => (verdict, Some(pending), None),
    };
    HistoryFacts {
        verdict,
        applied: count(&[State::Applied, State::Edited]),
        pending,
        uncertain,
        refused: history.check().err().map(Problem::from),
        applied_by: match setup.settings.mode {
            Mode::Await => "the process that migrates for all (migrate = await)".to_owned(),
            Mode::Apply | Mode::Off => "doorstep migrate".to_owned(),
        },
        running,
    }
}

async fn drift(start: &mut Start<'_>, limits: Limits) -> Answer<Result<DriftFacts, Problem>> {
    let (setup, strictness) = (start.setup, start.setup.settings.strictness);
    if strictness == Strictness::Off {
        return Answer::Nothing(Some("verify = off".to_owned()));
    }
    let desired = match setup.read_desired_files().await {
        Ok(desired) if desired.is_empty() => {
            let why = desired.hollow().unwrap_or_else(|| "nothing to compare the database with".to_owned());
            return Answer::Nothing(Some(why));
        }
        Ok(desired) => desired,
        Err(error) => return Answer::Told(Err(error.into())),
    };
    match within(limits.part, async { Ok(start.compare(&desired, Severity::Error).await) }).await {
        Err(fault) => Answer::Refused(fault),
        Ok(Err(error)) => Answer::Told(Err(error.into())),
        Ok(Ok(compared)) => {
            let count = |severity| compared.findings.iter().filter(|it| it.difference.severity == severity).count();
            Answer::Told(Ok(DriftFacts {
                errors: count(Severity::Error),
                warnings: count(Severity::Warning),
                notices: count(Severity::Notice),
                stopping: compared.findings.iter().filter(|it| verify::stops(it, strictness)).count(),
            }))
        }
    }
}
