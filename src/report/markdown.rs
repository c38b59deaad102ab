//! For a job's summary (`$GITHUB_STEP_SUMMARY`) or a comment: a table of what counts, and the rest to unfold.

use crate::base::neutral;
use crate::finding::Severity;
use crate::report::outline::{FindingBlock, sections};
use crate::report::{Verified, counted};

/// The whole page, a section of some larger one.
#[must_use]
pub(crate) fn render(verified: &Verified) -> String {
    let mut out = format!("### doorstep verify: {}\n\n", text(&verified.verdict()));
    out += &format!("Database: {}\n\n", code(&verified.address));
    let is_shown = |block: &FindingBlock<'_>| block.rows[0].finding.difference.severity > Severity::Notice;
    let all = sections(verified, Severity::Notice);
    let blocks = || all.iter().flat_map(|section| &section.blocks);
    out += &table(blocks().filter(|block| is_shown(block)));
    let notices = table(blocks().filter(|block| !is_shown(block)));
    if !notices.is_empty() {
        let title = counted(verified.count(Severity::Notice), "notice");
        out += &details(&format!("{title}: differences that affect no query of the service"), &notices);
    }
    if let Some(sql) = verified.sql() {
        let sql = neutral::text(&sql);
        let fence = fence(&sql);
        out += &details("SQL that would close the gap", &format!("{fence}sql\n{sql}\n{fence}\n\n"));
    }
    out
}

/// Empty where nothing is to be told.
fn table<'a>(blocks: impl Iterator<Item = &'a FindingBlock<'a>>) -> String {
    let mut rows = String::new();
    for block in blocks {
        let cause = block.cause.as_deref().map(text);
        let remedy = block.remedy.as_deref().map(|remedy| format!("next: {}", text(remedy)));
        let mut why = cause.into_iter().chain(remedy).collect::<Vec<_>>().join("<br>");
        for row in &block.rows {
            let finding = row.finding;
            rows += &format!(
                "| {} | {} | {} | {} | {why} |\n",
                finding.difference.severity,
                code(&finding.difference.object.to_string()),
                text(&crate::report::trouble(&finding.difference)),
                text(&finding.difference.source.to_string())
            );
            // Said once; the rows below share it.
            if !why.is_empty() {
                why = "the same".to_owned();
            }
        }
    }
    if rows.is_empty() {
        return rows;
    }
    format!("| severity | object | what | required by | why |\n| --- | --- | --- | --- | --- |\n{rows}\n")
}

pub(super) fn details(title: &str, body: &str) -> String {
    format!("<details><summary>{title}</summary>\n\n{body}</details>\n\n")
}

/// A name, as code; one that code cannot hold, as text.
pub(crate) fn code(name: &str) -> String {
    let name = neutral::line(name);
    match name.contains('`') {
        true => text(&name),
        false => format!("`{}`", name.replace('|', "\\|")),
    }
}

/// Words that are nothing but words; on one line, as a cell has to be.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::new();
    for character in neutral::line(text).chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '@') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// Longer than any run of backticks in `sql`.
pub(super) fn fence(sql: &str) -> String {
    let longest = sql.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}
