//! For people: by table, aligned, and for a terminal folded to its width and coloured. A pipe gets one line per finding,
//! for grep.

use std::time::SystemTime;

use console::Style;

use crate::base::environment::Environment;
use crate::base::{neutral, time};
use crate::finding::Severity;
use crate::report::outline::{FindingBlock, FindingRow, Section, sections};
use crate::report::{Verified, counted};

/// Lines longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 110;

/// More SQL than this would hide the findings.
const MOST_SQL: usize = 60;

/// Columns that a text is to have on each of its lines.
const LEAST: usize = 24;

/// Where cause and remedy begin, below what they are about.
const NOTES: usize = 11;

/// Where the text is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Its columns; `None` for a pipe or a file.
    pub width: Option<usize>,
    /// Whether it has colours.
    pub colour: bool,
    /// The present, for times that a person reads at a terminal; elsewhere they stay as RFC 3339.
    pub now: Option<SystemTime>,
}

impl Screen {
    /// A terminal of so many columns, or what is none; `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR` and `TERM` as everywhere
    /// (no-color.org, bixense.com/clicolors).
    #[must_use]
    pub(crate) fn of(terminal: Option<usize>, environment: &Environment) -> Self {
        let is = |name: &str, value: &str| environment.get(name) == Some(value);
        let forced = environment.get("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let usual = terminal.is_some() && !is("CLICOLOR", "0") && !is("TERM", "dumb");
        Self {
            width: terminal.map(|columns| columns.clamp(40, WIDEST)),
            now: terminal.map(|_| SystemTime::now()),
            colour: environment.get("NO_COLOR").is_none() && (forced || usual),
        }
    }

    pub(super) fn paint(self, style: Style, text: &str) -> String {
        style.force_styling(self.colour).apply_to(text).to_string()
    }

    pub(super) fn severity(self, severity: Severity, text: &str) -> String {
        let style = match severity {
            Severity::Error => Style::new().red().bold(),
            Severity::Warning => Style::new().yellow(),
            Severity::Notice => Style::new().cyan(),
        };
        self.paint(style, text)
    }

    /// `text` after `indent` columns that are taken already, and its further lines below its first; a `last` word that is
    /// dim.
    pub(super) fn folded(self, text: &str, last: &str, indent: usize) -> String {
        let dim = |word: &str| self.paint(Style::new().dim(), word);
        let all = indent + text.chars().count() + 2 + last.chars().count();
        let Some(width) = self.width.filter(|width| all > *width) else {
            return if last.is_empty() { text.to_owned() } else { format!("{text}  {}", dim(last)) };
        };
        // Further lines begin below the first, unless that leaves them no room.
        let hanging = if indent + LEAST <= width { indent } else { NOTES };
        let (mut out, mut column, mut start) = (String::new(), indent, indent);
        let mut put = |word: &str, shown: &str| {
            let length = word.chars().count();
            match column > start {
                true if column + 1 + length > width => {
                    out += &format!("\n{}", " ".repeat(hanging));
                    (column, start) = (hanging, hanging);
                }
                true => {
                    out.push(' ');
                    column += 1;
                }
                false => {}
            }
            out += shown;
            column += length;
        };
        text.split_whitespace().for_each(|word| put(word, word));
        if !last.is_empty() {
            put(last, &dim(last));
        }
        out
    }
}

/// The whole report. Notices are counted only, unless they are asked for or stop a start.
#[must_use]
pub(crate) fn render(verified: &Verified, notices: bool, screen: Screen) -> String {
    let shows_notices = notices || verified.least == Some(Severity::Notice);
    let least = if shows_notices { Severity::Notice } else { Severity::Warning };
    let mut out = String::new();
    for part in sections(verified, least) {
        section(&mut out, &part, screen);
    }
    if let Some(sql) = verified.sql() {
        let lines = sql.lines().count();
        out += &match lines > MOST_SQL {
            true => format!("the SQL that would close the gap has {lines} lines: doorstep diff --script\n\n"),
            false => {
                let title = screen.paint(Style::new().bold(), "SQL that would close the gap");
                format!("{title}\n  {}\n\n", neutral::text(&sql).replace('\n', "\n  "))
            }
        };
    }
    let hidden = verified.count(Severity::Notice);
    if hidden > 0 && !shows_notices {
        let notices = counted(hidden, "notice");
        let affect = if hidden == 1 { "affects" } else { "affect" };
        out += &format!("not shown: {notices}, which {affect} no query (--notices)\n");
    }
    let worst = verified.findings.iter().map(|finding| finding.difference.severity).max();
    let verdict = match worst {
        Some(severity) if severity > Severity::Notice => screen.severity(severity, &verified.verdict()),
        _ => screen.paint(Style::new().green(), &verified.verdict()),
    };
    out + &format!("{}: {verdict}\n", neutral::line(&verified.address))
}

fn section(out: &mut String, section: &Section<'_>, screen: Screen) {
    *out += &screen.paint(Style::new().bold(), &neutral::line(&section.title));
    if let Some(place) = &section.place {
        *out += &format!("  {}", screen.paint(Style::new().dim(), &format!("({})", neutral::line(place))));
    }
    out.push('\n');
    let rows = || section.blocks.iter().flat_map(|block| &block.rows);
    let widest = |length: &dyn Fn(&FindingRow<'_>) -> usize, limit: usize| {
        rows().map(length).filter(|length| *length <= limit).max().unwrap_or(0)
    };
    let columns = ColumnWidths {
        thing: widest(&|row| row.finding.difference.object.kind.word().chars().count(), 20),
        name: widest(&|row| row.name.chars().count(), 60),
        trouble: widest(&|row| row.trouble.chars().count(), 40),
    };
    for block in &section.blocks {
        self::block(out, block, &columns, screen);
    }
    out.push('\n');
}

/// Width of each column of a section; a cell that is wider goes beyond it alone.
struct ColumnWidths {
    thing: usize,
    name: usize,
    trouble: usize,
}

fn block(out: &mut String, block: &FindingBlock<'_>, columns: &ColumnWidths, screen: Screen) {
    for FindingRow { finding, name, trouble } in &block.rows {
        let severity = format!("{:<7}", finding.difference.severity);
        let (thing_width, name_width) = (columns.thing, columns.name);
        let what = format!("{:<thing_width$} {name:<name_width$}", finding.difference.object.kind.word());
        let indent = 2 + severity.chars().count() + 2 + what.chars().count() + 2;
        let source = neutral::line(&finding.difference.source.to_string());
        let trouble = if source.is_empty() { trouble.clone() } else { format!("{trouble:<0$}", columns.trouble) };
        let trouble = screen.folded(&trouble, &source, indent);
        *out += &format!("  {}  {what}  {trouble}\n", screen.severity(finding.difference.severity, &severity));
    }
    let note = |label: &str, text: &str| {
        let text = screen.folded(&neutral::line(text), "", NOTES + 7);
        format!("{}{} {text}\n", " ".repeat(NOTES), screen.paint(Style::new().dim(), &format!("{label:<6}")))
    };
    if let Some(cause) = &block.cause {
        // Causes say when a migration ran.
        *out += &note("cause:", &screen.now.map_or(cause.clone(), |now| time::in_text(cause, now)));
    }
    if let Some(remedy) = &block.remedy {
        *out += &note("next:", remedy);
    }
}
