//! `plan`: what a start would do now, and what would be in its way. Writes nothing, takes no migration lock, and creates nothing.

mod markdown;
mod text;
mod view;

use std::collections::HashSet;

use clap::ValueEnum;

use crate::base::error::Error;
use crate::base::fault::Class;
use crate::base::log::LogLevel;
use crate::base::neutral;
use crate::commands::invocation::{Invocation, Next, block_on};
use crate::commands::lint::Product;
use crate::commands::output;
use crate::commands::plan::view::{Backup, Migration, Mode, Place, Plan, Statement, WaitView};
use crate::config::Settings;
use crate::engines::session::{Probe, Session};
use crate::finding::Severity;
use crate::formats::migration::RecordedBy;
use crate::lint::effects::Known;
use crate::lint::files;
use crate::lint::preview::{self, StatementPreview};
use crate::migrate::history::History;
use crate::migrate::plan::Entry;
use crate::migrate::strategy::{Strategy, strategy_of};
use crate::sql::actions::actions;
use crate::sql::script::Script;
use crate::startup::setup::Setup;
use crate::startup::start::Start;
use crate::verify::desired::DesiredState;
use crate::verify::diagnose::evidence;
use crate::verify::forecast::{Expected, forecast};

/// Arguments of `plan`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Where no database is named: the one that the scripts are for [default: that of the folder]
    #[arg(long, value_enum)]
    dialect: Option<Product>,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
}

/// The forms of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For machines, with every statement
    Json,
    /// For a pull request, e.g. for $GITHUB_STEP_SUMMARY
    Markdown,
}

/// Prints the plan. Where a start would stop at the history or at a file, the plan says so, and the exit code is that of the start.
///
/// # Errors
/// [`Error::Settings`] without a migrations folder; those of the wait and of reading; [`Error::History`] as a start has it.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let settings = invocation.settings(LogLevel::Warn)?;
    let (plan, blocked) = match Setup::names_database(&settings, invocation.environment)? {
        true => of_database(settings, invocation)?,
        false => of_files(&settings, args, invocation)?,
    };
    output::print(&render(&plan, args.format))?;
    blocked.map_or(Ok(Next::Done), Err)
}

/// The plan of a start on the database that is named.
fn of_database(settings: Settings, invocation: &Invocation<'_>) -> Result<(Plan, Option<Error>), Error> {
    let setup = invocation.settled(Setup::new(settings, invocation.environment)?)?;
    setup.demand_folder()?;
    setup.demand_one_schema()?;
    let desired = block_on(invocation.stop, setup.read_desired())?;
    match block_on(invocation.stop, is_absent(&setup))? {
        true => block_on(invocation.stop, without_database(&setup)),
        false => invocation.in_session(&setup, true, setup.read_folder(), async |start| plan(start, &desired).await),
    }
}

/// The plan of a start on an empty database, where none is named.
fn of_files(settings: &Settings, args: &Args, invocation: &Invocation<'_>) -> Result<(Plan, Option<Error>), Error> {
    let environment = settings.environment.as_ref().unwrap_or(invocation.environment);
    let folder = files::folder(settings, environment)?;
    let dialect = files::dialect_of(&folder, &|| Ok(args.dialect.map(Product::dialect)))?;
    let mut history = History::of(&folder, dialect, folder.read(dialect)?);
    history.assume_empty();
    let blocked = history.check().err();
    let plan = Plan {
        migrations: migrations(&history, previews(&history, None, dialect.home())),
        blocked: blocked.as_ref().map(ToString::to_string),
        ..Plan::new(None, &history)
    };
    Ok((plan, blocked))
}

fn render(plan: &Plan, form: Form) -> String {
    match form {
        Form::Text => neutral::text(&text::render(plan)).into_owned(),
        Form::Json => output::json(plan),
        Form::Markdown => markdown::render(plan),
    }
}

/// Whether the server answers that the database does not exist. Any other fault is left to the wait.
async fn is_absent(setup: &Setup) -> Result<bool, Error> {
    let opened = setup.database.target()?.open(&setup.probe_request()).await;
    Ok(match opened {
        Ok((session, _)) => {
            session.close().await;
            false
        }
        Err(fault) => fault.class == Class::NoDatabase,
    })
}

/// The plan of a start that creates its database.
async fn without_database(setup: &Setup) -> Result<(Plan, Option<Error>), Error> {
    let Some(mut history) = setup.read_folder().await? else { return Err(setup.no_folder()) };
    history.assume_empty();
    let blocked = history.check().err();
    let previews = previews(&history, None, setup.dialect.home());
    let place = Place { address: setup.database.target()?.address(), server: None };
    let plan = Plan {
        schemas: setup.probe_request().schemas,
        migrations: migrations(&history, previews),
        blocked: blocked.as_ref().map(ToString::to_string),
        ..Plan::of(setup, place, &history)
    };
    Ok((plan, blocked))
}

/// The plan of a start on this database.
async fn plan(start: &mut Start<'_>, desired: &DesiredState) -> Result<(Plan, Option<Error>), Error> {
    let setup = start.setup;
    start.read_history_and_running().await?;
    let home = setup.home(&start.probe).to_owned();
    let Some(history) = &mut start.history else { return Err(setup.no_folder()) };
    history.explain(start.session.as_mut()).await?;
    let blocked = obstacle(history, (start.session.as_mut(), &start.probe, setup)).await?;
    let mut schemas = start.probe.missing_schemas.clone();
    let own = history.own_schemas(start.session.as_mut(), &schemas).await?;
    schemas.retain(|name| !own.contains(name) || setup.url_schema.as_ref() == Some(name));
    let mut previews = previews(history, major_version(&start.probe.server), &home);
    let reading = || Error::statement("look at the tables that the migrations touch");
    let sizes = start.session.table_sizes(&preview::asked(&previews)).await.map_err(reading())?;
    preview::settle(&mut previews, sizes);
    let tables = preview::tables(&previews);
    let holds = start.session.table_holds(&tables).await.map_err(reading())?;
    let waits = holds.map(|holds| preview::waits(&previews, &holds));
    let migrations = migrations(history, previews);
    let waits = waits.map(|waits| waits.iter().map(|wait| WaitView::of(wait, &migrations)).collect());
    let bytes = start.session.data_size().await.map_err(reading())?;
    let place = Place { address: setup.database.target()?.address(), server: Some(start.probe.server.clone()) };
    let mut plan = Plan {
        schemas,
        waits,
        migrations,
        backup: bytes.map(Backup::of),
        blocked: blocked.as_ref().map(ToString::to_string),
        ..Plan::of(setup, place, history)
    };
    if !desired.is_empty() {
        plan.verify = Some(afterwards(start, desired, &home).await?);
    }
    Ok((plan, blocked))
}

/// What would stop the start before it applies anything, in the order in which it looks.
async fn obstacle(history: &History, start: (&mut dyn Session, &Probe, &Setup)) -> Result<Option<Error>, Error> {
    let (session, probe, setup) = start;
    let looked = async {
        history.check()?;
        history.check_modes(session).await?;
        match history.pending().next() {
            Some(_) => history.refuse_to_begin(session, probe, &setup.territory).await,
            None => Ok(()),
        }
    };
    match looked.await {
        Ok(()) => Ok(None),
        Err(error @ Error::History(_)) => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

/// What verify would find after the migrations.
async fn afterwards(start: &mut Start<'_>, desired: &DesiredState, home: &str) -> Result<view::Afterwards, Error> {
    let findings = start.compare(desired, Severity::Notice).await?.findings;
    let catalogs = desired.catalogs(home);
    let expected = Expected { catalogs: &catalogs, tables: &desired.tables, dialect: start.setup.dialect, home };
    let facts = start.history.as_ref().map(evidence::migration_facts).unwrap_or_default();
    let forecast = forecast(findings, &expected, &facts);
    Ok(view::Afterwards::of(forecast, start.setup.settings.strictness))
}

/// The statements of each pending migration that doorstep applies itself, on a PostgreSQL of this major version.
fn previews(history: &History, postgres: Option<u32>, home: &str) -> Vec<Vec<StatementPreview>> {
    if history.format.writer.is_none() {
        return Vec::new();
    }
    let mut known = Known::of_server(postgres);
    let pending: HashSet<usize> = history.pending().filter_map(|(_, entry)| entry.migration).collect();
    for (_, migration) in history.migrations.iter().enumerate().filter(|(index, _)| !pending.contains(index)) {
        for statement in migration.script.statements() {
            actions(&statement).iter().for_each(|action| known.learn(action, history.dialect));
        }
    }
    let pending: Vec<(&Script, Strategy<'_>)> =
        history.pending().map(|(migration, entry)| (&migration.script, strategy(migration, entry))).collect();
    preview::previews(&pending, known, home)
}

/// The major version of a server that calls itself `PostgreSQL 15.18`.
fn major_version(server: &str) -> Option<u32> {
    let number = server.strip_prefix("PostgreSQL ")?;
    number.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

fn strategy<'m>(migration: &'m crate::formats::migration::Migration, entry: &Entry) -> Strategy<'m> {
    let by = entry.record.as_ref().map_or(RecordedBy::Tool, |record| record.by);
    strategy_of(migration, by)
}

fn migrations(history: &History, previews: Vec<Vec<StatementPreview>>) -> Vec<Migration> {
    let is_own = history.format.writer.is_some();
    let mut previews = previews.into_iter();
    let migration = |(migration, entry): (&crate::formats::migration::Migration, &Entry)| Migration {
        name: entry.name.clone(),
        file: migration.path.display().to_string(),
        mode: if is_own { Mode::of(&migration.script, &strategy(migration, entry)) } else { Mode::TOOL },
        is_out_of_order: entry.out_of_order,
        resumes_at: entry.resume,
        statements: previews.next().unwrap_or_default().into_iter().map(Statement::from).collect(),
    };
    history.pending().map(migration).collect()
}
