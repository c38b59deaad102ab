//! `lint`: rules over the scripts of migrations. Reads files; only `--pending` asks a database, and only for its history.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::base::environment::Environment;
use crate::base::error::{Code, Error};
use crate::base::log::LogLevel;
use crate::base::short_child::{Answered, Captured, ShortChild};
use crate::commands::invocation::{Invocation, Next, block_on};
use crate::commands::output;
use crate::config::{LintRule, Settings};
use crate::finding::Severity;
use crate::formats::prisma;
use crate::lint::files::{self, LintBatch};
use crate::lint::rules::order::Standing;
use crate::lint::wording;
use crate::migrate::plan::State;
use crate::report::annotation::{Annotated, ci, sarif, text};
use crate::sql::Dialect;
use crate::startup::database::Database;
use crate::startup::exec::Service;
use crate::startup::start::Start;

/// Arguments of `lint`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Scripts to judge, or folders [default: the migrations folder, each file by itself]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Judge what is pending in the database: it is asked for its history
    #[arg(long, conflicts_with_all = ["files", "base"])]
    pending: bool,
    /// Judge what is new since this branch or commit, and say which files were changed or come too early; asks git
    #[arg(long, value_name = "REF", conflicts_with = "files")]
    base: Option<String>,
    /// The database that the scripts are for [default: that of the URL or of the folder]
    #[arg(long, value_enum)]
    dialect: Option<Product>,
    /// The least severity for exit code 3
    #[arg(long, value_enum, default_value = "error")]
    fail_on: Least,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: LintForm,
}

/// The databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Product {
    Postgresql,
    /// And MariaDB
    Mysql,
    Sqlite,
}

impl Product {
    pub(super) fn dialect(self) -> Dialect {
        match self {
            Self::Postgresql => Dialect::Postgres,
            Self::Mysql => Dialect::Mysql,
            Self::Sqlite => Dialect::Sqlite,
        }
    }
}

/// The severities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Least {
    /// It fails, breaks the running release, or loses data
    Error,
    /// It makes the running release wait
    Warning,
    /// It may do so, or shortly
    Notice,
}

/// The forms of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LintForm {
    /// For people; coloured on a terminal
    Text,
    /// For machines
    Json,
    /// JUnit's XML: a suite per file
    Junit,
    /// Annotations of GitHub Actions: ::warning file=…,line=…
    Github,
    /// A table, e.g. for $GITHUB_STEP_SUMMARY
    Markdown,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// Prints the hazards. Exit code 3 if one is as severe as `--fail-on` says.
///
/// # Errors
/// Those of reading the files; hazards are no error.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let settings = invocation.settings(LogLevel::Warn)?;
    let environment = settings.environment.as_ref().unwrap_or(invocation.environment);
    let named = || named_dialect(args, &settings, environment);
    let batches = match (args.pending, &args.base) {
        (true, _) => vec![pending(invocation)?],
        (false, Some(base)) => vec![since(base, (&settings, environment), &named, invocation)?],
        (false, None) if args.files.is_empty() => {
            vec![files::whole(&files::folder(&settings, environment)?, &named)?]
        }
        (false, None) => files::named(&args.files, (&settings, environment), &named)?,
    };
    let annotated = annotated(&batches, &settings, args.fail_on.severity())?;
    output::print(&render(&annotated, args.format, invocation.environment))?;
    Ok(if annotated.ok { Next::Done } else { Next::Exit(Code::Differences as u8) })
}

impl Least {
    fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Notice => Severity::Notice,
        }
    }
}

/// The dialect that the command line names, or that of the database which the settings name. No connection is made.
fn named_dialect(args: &Args, settings: &Settings, environment: &Environment) -> Result<Option<Dialect>, Error> {
    if let Some(product) = args.dialect {
        return Ok(Some(product.dialect()));
    }
    let schema = prisma::find_schema(settings.prisma_schema.as_deref())?;
    let datasource = schema.map(|(_, datasource)| datasource);
    let database = Database::named(settings, datasource.as_ref(), environment);
    database.map(|database| database.target().map(|target| target.dialect())).transpose()
}

/// What is pending in the database, beside what it has applied.
fn pending(invocation: &Invocation<'_>) -> Result<LintBatch, Error> {
    let setup = invocation.settled_setup()?;
    let folder = setup.demand_folder()?;
    files::demand_scripts(&folder)?;
    let read = async |start: &mut Start<'_>| {
        start.read_history_and_running().await?;
        start.history.take().ok_or_else(|| start.setup.no_folder())
    };
    let history = invocation.in_session(&setup, false, setup.read_folder(), read)?;
    let standing = |index: usize| {
        let entry = history.entries.iter().find(|entry| entry.migration == Some(index));
        match entry.map(|entry| entry.state) {
            Some(state) if state.is_pending() => Standing::New,
            Some(State::Edited) => Standing::Changed,
            _ => Standing::Settled,
        }
    };
    let migrations = history.migrations.into_iter().enumerate();
    let migrations = migrations.map(|(index, migration)| (migration, standing(index))).collect();
    let (dialect, format) = (setup.dialect, Some(folder.format));
    Ok(LintBatch { dialect, format, migrations, base: None, is_compared: true, together: true })
}

/// What is new in the folder since `base`.
fn since(
    base: &str,
    (settings, environment): (&Settings, &Environment),
    named: files::NamedDialect<'_>,
    invocation: &Invocation<'_>,
) -> Result<LintBatch, Error> {
    let folder = files::folder(settings, environment)?;
    let mut batch = files::whole(&folder, named)?;
    let place = folder.path.display().to_string();
    let git = |arguments: &[&str]| {
        let words = std::iter::once("git").chain(arguments.iter().copied()).chain(["--", &place]);
        lines_of(words.map(str::to_owned).collect(), invocation)
    };
    let of = |filter: &str| git(&["diff", "--name-only", "--no-renames", "--relative", filter, "--merge-base", base]);
    let (changed, mut new) = (of("--diff-filter=M")?, of("--diff-filter=A")?);
    new.extend(git(&["ls-files", "--others", "--exclude-standard"])?);
    files::since(&mut batch, base, (&changed, &new));
    Ok(batch)
}

/// The lines that a command of git prints: paths.
fn lines_of(words: Vec<String>, invocation: &Invocation<'_>) -> Result<Vec<PathBuf>, Error> {
    /// More than this is no list of migrations.
    const LARGEST: usize = 16 << 20;
    let shown = words.join(" ");
    let failed = |why: String| Error::Settings(format!("{shown} {why}\nnext: run it here to see why"));
    let program = Service::find_for("--base", &words.into(), invocation.environment.get("PATH"))?;
    let mut command = program.command();
    // Names with other characters than ASCII are printed as they are.
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "core.quotePath").env("GIT_CONFIG_VALUE_0", "false");
    let answered = block_on(invocation.stop, async {
        let child = ShortChild::start(command, Captured::Stdout);
        let child = child.map_err(|error| failed(format!("cannot be started: {error}")))?;
        child.answer(LARGEST).await.map_err(&failed)
    });
    let Answered { status, output } = answered?;
    if !status.success() {
        return Err(failed(crate::base::short_child::ending(status)));
    }
    Ok(String::from_utf8_lossy(&output).lines().map(PathBuf::from).collect())
}

/// The hazards of all batches, in words.
fn annotated(batches: &[LintBatch], settings: &Settings, least: Severity) -> Result<Annotated, Error> {
    let mut hazards = Vec::new();
    for batch in batches {
        hazards.extend(batch.hazards(settings)?.iter().map(|hazard| wording::annotation(hazard, batch.dialect)));
    }
    Ok(Annotated {
        ok: !hazards.iter().any(|hazard| hazard.severity >= least),
        files: batches.iter().map(LintBatch::count).sum(),
        hazards,
        least,
        rules: LintRule::ALL.iter().map(|rule| (rule.name(), wording::about(*rule))).collect(),
    })
}

fn render(annotated: &Annotated, form: LintForm, environment: &Environment) -> String {
    match form {
        LintForm::Text => text::render(annotated, output::screen(environment)),
        LintForm::Json => output::json(annotated),
        LintForm::Junit => ci::junit(annotated),
        LintForm::Github => ci::github(annotated),
        LintForm::Markdown => ci::markdown(annotated),
        LintForm::Sarif => output::json(&sarif::log(annotated)),
    }
}
