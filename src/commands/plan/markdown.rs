//! The plan for a pull request, or for a job's summary.

use crate::commands::plan::text::{backup, headline, line_of_mode, mode, prospects, touch, verdict, wait};
use crate::commands::plan::view::{Migration, Plan};
use crate::report::markdown::{code, text};

/// The whole page, a section of some larger one.
pub(super) fn render(plan: &Plan) -> String {
    let mut out = format!("### doorstep plan: {}\n\n", text(&headline(plan)));
    if let Some(why) = &plan.blocked {
        out += &format!("**A start would stop before the first migration:** {}\n\n", text(why));
    }
    if let Some(why) = &plan.uncertain {
        out += &format!("Only the tool itself can tell for certain what is pending: {}\n\n", text(why));
    }
    out += &migrations(&plan.migrations);
    let mut notes: Vec<String> = line_of_mode(plan).map(|line| text(&line)).into_iter().collect();
    if !plan.schemas.is_empty() {
        notes.push(format!("creates the schemas {}", text(&plan.schemas.join(", "))));
    }
    if !plan.migrations.is_empty() {
        notes.extend(plan.waits.iter().flatten().map(|it| text(&wait(it))));
        notes.extend(plan.hooks.iter().map(|hook| text(hook)));
        notes.extend(plan.backup.as_ref().map(backup));
    }
    if let Some(verify) = &plan.verify {
        notes.push(format!("verify afterwards, as far as the scripts tell: **{}**", text(&verdict(verify))));
        let remaining = verify.forecast.remaining.iter();
        notes.extend(remaining.map(|it| format!("{}: {}", it.difference.severity, text(&it.sentence()))));
        notes.extend(prospects(&verify.forecast).map(|prospect| text(&prospect)));
    }
    notes.iter().for_each(|note| out += &format!("- {note}\n"));
    out
}

/// A table with a row for each statement that touches a table that exists; empty where nothing is pending.
fn migrations(migrations: &[Migration]) -> String {
    let mut rows = String::new();
    for migration in migrations {
        rows += &format!("| **{}** | | {} |\n", text(&migration.name), text(&mode(&migration.mode)));
        for statement in migration.statements.iter().filter(|it| it.is_told()) {
            let mut told: Vec<String> = statement.tables.iter().map(|table| text(&touch(table))).collect();
            if statement.is_opaque {
                told.push("which tables it touches is unknown".to_owned());
            }
            rows += &format!("| {} | {} | {} |\n", statement.line, code(&statement.sql), told.join("<br>"));
        }
    }
    if rows.is_empty() {
        return rows;
    }
    format!("| line | statement | what it does |\n| --- | --- | --- |\n{rows}\n")
}
