//! `status` of many schemas: how many are current, and what the others lack.

use serde::Serialize;

use crate::base::error::Error;
use crate::base::log::{LogFormat, number};
use crate::base::neutral;
use crate::base::sorting;
use crate::commands::invocation::{Invocation, Next};
use crate::commands::output;
use crate::commands::status::{StatusLine, meaning};
use crate::config::{SchemasFrom, tenants};
use crate::migrate::plan::{Entry, State, Verdict};
use crate::startup::setup::Setup;
use crate::startup::start::Start;
use crate::startup::tenants::names::find;
use crate::startup::tenants::schemas_text;
use crate::startup::tenants::survey::{Detail, Standing, survey};

/// How many schemas the text names.
const NAMED: usize = 20;

/// How many migrations of a schema the text names.
const MIGRATIONS: usize = 3;

/// The verdicts, the worst first.
const WORST_FIRST: [Verdict; 6] =
    [Verdict::Failed, Verdict::Unknown, Verdict::Diverged, Verdict::Behind, Verdict::Ahead, Verdict::Current];

/// The JSON; keys are only ever added. `migrations` is that of `status` on one schema.
#[derive(Serialize)]
struct Statuses<'a> {
    /// The worst of all.
    verdict: Verdict,
    migrations: [(); 0],
    schemas: Vec<SchemaStatus<'a>>,
}

#[derive(Serialize)]
struct SchemaStatus<'a> {
    schema: &'a str,
    verdict: Verdict,
    applied: usize,
    /// Those that are not applied, or were edited since.
    migrations: Vec<StatusLine<'a>>,
    /// Why the history cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Prints the states of all schemas.
///
/// # Errors
/// Those of the wait and of the query; a schema that cannot be read is none.
pub(crate) fn print(
    format: LogFormat,
    invocation: &Invocation<'_>,
    (setup, from): (&Setup, &SchemasFrom),
) -> Result<Next, Error> {
    let read = async |start: &mut Start<'_>| {
        let names = find(start.session.as_mut(), from).await?;
        let of = (setup, &start.probe);
        survey(of, start.session.as_mut(), start.history.as_mut(), &names, Detail::Entries).await
    };
    let standings = invocation.in_session(setup, false, setup.read_folder(), read)?;
    let tool = setup.demand_folder()?.format.tool.name;
    let schemas: Vec<SchemaStatus<'_>> = standings.iter().map(|standing| SchemaStatus::of(standing, tool)).collect();
    let statuses = Statuses { verdict: worst(schemas.iter().map(|it| it.verdict)), migrations: [], schemas };
    output::print(&match format {
        LogFormat::Json => output::json(&statuses),
        LogFormat::Text => neutral::text(&text(&statuses, &setup.database.target()?.address())).into_owned(),
    })?;
    Ok(Next::Done)
}

impl<'a> SchemaStatus<'a> {
    fn of(standing: &'a Standing, tool: &'a str) -> Self {
        let schema = standing.schema.as_str();
        match &standing.state {
            Ok(reading) => Self {
                schema,
                verdict: reading.verdict,
                applied: reading.applied,
                migrations: reading.open.iter().map(|entry: &Entry| StatusLine::of(entry, tool)).collect(),
                error: None,
            },
            Err(error) => {
                let error = Some(error.to_string());
                Self { schema, verdict: Verdict::Unknown, applied: 0, migrations: Vec::new(), error }
            }
        }
    }
}

/// The worst verdict; none is current.
pub(super) fn worst(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let found: Vec<Verdict> = verdicts.collect();
    WORST_FIRST.into_iter().find(|verdict| found.contains(verdict)).unwrap_or(Verdict::Current)
}

/// A line for each schema that is not current, the worst first, how many there are of each verdict, and the verdict.
fn text(statuses: &Statuses<'_>, address: &str) -> String {
    let Statuses { verdict, schemas, .. } = statuses;
    let mut others: Vec<&SchemaStatus<'_>> = schemas.iter().filter(|it| it.verdict != Verdict::Current).collect();
    sorting::sort_by_key(&mut others, |schema| WORST_FIRST.iter().position(|verdict| *verdict == schema.verdict));
    let shown = &others[..others.len().min(NAMED)];
    let width = shown.iter().map(|it| it.schema.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for it in shown {
        out += &format!("{:<width$}  {:<8}  {}\n", it.schema, it.verdict.to_string(), lacks(it));
    }
    if others.len() > shown.len() {
        out += &format!("and {} more (--format json has all)\n", number(others.len() - shown.len()));
    }
    if let Some(first) = shown.first() {
        out +=
            &format!("next: doorstep status {} for the migrations of {}\n", tenants::flag(first.schema), first.schema);
    }
    let of = |verdict: &Verdict| match schemas.iter().filter(|it| it.verdict == *verdict).count() {
        0 => None,
        count => Some(format!("{} {verdict}", number(count))),
    };
    let counts: Vec<String> = WORST_FIRST.iter().rev().filter_map(of).collect();
    let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
    let meaning = match schemas.iter().any(|it| it.error.is_some()) && *verdict == Verdict::Unknown {
        true => "a history cannot be read",
        false => meaning(*verdict),
    };
    out + &format!("{address}: {verdict} ({meaning}; {}: {counts})\n", schemas_text(schemas.len()))
}

/// What a schema lacks, on one line.
fn lacks(schema: &SchemaStatus<'_>) -> String {
    if let Some(error) = &schema.error {
        return neutral::first_line(error);
    }
    let open = schema.migrations.iter().map(|line| match line.state {
        State::Pending => line.name.to_owned(),
        state => format!("{} ({})", line.name, crate::commands::status::word(state)),
    });
    let named: Vec<String> = open.take(MIGRATIONS).collect();
    let more = schema.migrations.len().saturating_sub(MIGRATIONS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = if named.is_empty() { String::new() } else { format!("; not: {}{more}", named.join(", ")) };
    format!("{} applied{named}", schema.applied)
}

/// For `check`: what is wrong with the first few of so many schemas, on one line.
pub(super) fn unwell(wrong: &[(String, String)], count: usize) -> String {
    let named: Vec<String> = wrong.iter().take(MIGRATIONS).map(|(schema, why)| format!("{schema}: {why}")).collect();
    let more = wrong.len().saturating_sub(MIGRATIONS);
    let more = if more > 0 { format!("; and {} more", number(more)) } else { String::new() };
    format!("{} of {}: {}{more}", number(wrong.len()), schemas_text(count), named.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(schema: &'static str, verdict: Verdict, applied: usize) -> SchemaStatus<'static> {
        SchemaStatus { schema, verdict, applied, migrations: Vec::new(), error: None }
    }

    #[test]
    fn the_worst_verdict_is_that_of_all() {
        use Verdict::{Ahead, Behind, Current, Failed, Unknown};
        for (verdicts, expected) in [
            (&[][..], Current),
            (&[Current, Ahead], Ahead),
            (&[Ahead, Behind, Current], Behind),
            (&[Behind, Unknown], Unknown),
            (&[Unknown, Failed, Current], Failed),
        ] {
            assert_eq!(worst(verdicts.iter().copied()), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn the_text_names_what_is_not_current() {
        let schemas = vec![
            status("a", Verdict::Current, 2),
            status("beta", Verdict::Behind, 1),
            SchemaStatus { error: Some("no\nnext: x".to_owned()), ..status("c", Verdict::Unknown, 0) },
        ];
        let text = text(&Statuses { verdict: Verdict::Unknown, migrations: [], schemas }, "h/d");
        let expected = "c     unknown   no\nbeta  behind    1 applied\n\
                        next: doorstep status --schemas-from c for the migrations of c\n\
                        h/d: unknown (a history cannot be read; 3 schemas: 1 current, 1 behind, 1 unknown)\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn three_that_are_unwell_are_named() {
        let wrong: Vec<(String, String)> = (0..5).map(|at| (format!("t{at}"), "pending: 1".to_owned())).collect();
        assert_eq!(
            unwell(&wrong, 1000),
            "5 of 1,000 schemas: t0: pending: 1; t1: pending: 1; t2: pending: 1; and 2 more"
        );
    }
}
