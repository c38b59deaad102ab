//! The result of `compat`: what the pending migrations do to the running release, migration by migration, and its forms: text,
//! Markdown and the commands of GitHub Actions; JSON is the data itself.

use std::fmt;

use serde::Serialize;

use crate::base::neutral;
use crate::finding::effect::Effect;
use crate::finding::{DifferenceKind, Severity};
use crate::report::text::Screen;
use crate::report::{counted, github, markdown};
use crate::sql::ObjectRef;

/// Columns before a note of the text.
const NOTES: usize = 11;

/// What a migration is for the running release; of several the last in this order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// It changes nothing that a release could need.
    Neutral,
    /// It may be applied while the release runs.
    Expand,
    /// Whether it may cannot be told.
    Unknown,
    /// It breaks the release: only when that no longer runs.
    Contract,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Neutral => "neutral",
            Self::Expand => "expand",
            Self::Unknown => "unknown",
            Self::Contract => "contract",
        })
    }
}

/// A pending migration.
#[derive(Debug, Serialize)]
pub(crate) struct StagedMigration {
    /// Its name.
    pub name: String,
    /// Its file, as the user would write its path.
    pub file: String,
    /// What it is for the running release.
    pub verdict: Stage,
}

/// Where a migration does something.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Place {
    /// The migration.
    pub migration: String,
    /// Its file.
    pub file: String,
    /// The line; `None` where no statement of the file was found to do it.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// One thing that is no longer as the running release knows it.
#[derive(Debug, Serialize)]
pub(crate) struct Impact {
    /// How bad it is for that release.
    pub severity: Severity,
    /// What kind of difference it is.
    pub kind: DifferenceKind,
    /// What it is about.
    pub object: ObjectRef,
    /// What becomes of it.
    pub effect: Effect,
    /// As it was, for people.
    pub expected: Option<String>,
    /// As it is, for people.
    pub actual: Option<String>,
    /// Who does it.
    #[serde(flatten)]
    pub place: Place,
    /// The later migration that makes it as it was; `None` where none does.
    pub until: Option<String>,
    /// What that means for the release.
    pub cause: &'static str,
    /// The safe way, and how to accept it; `None` where nothing has to be done before it.
    pub remedy: Option<String>,
}

impl Impact {
    /// What becomes of it, with what was and what is.
    fn trouble(&self) -> String {
        let predicate = self.effect.predicate();
        let detail = match (&self.expected, &self.actual) {
            (Some(was), Some(is)) => format!("{predicate}: it was {was}, it is {is}"),
            (None, Some(is)) => format!("{predicate}: {is}"),
            (Some(was), None) => format!("{predicate}: it was {was}"),
            (None, None) => predicate.to_owned(),
        };
        let until = self.until.as_ref().map_or(String::new(), |until| format!(", until {until}"));
        neutral::line(&format!("{detail}{until}"))
    }

    /// The word before it in the text.
    fn grade(&self) -> String {
        if self.effect.is_unknown() { "unknown".to_owned() } else { self.severity.to_string() }
    }
}

/// A statement whose effect on the running release no catalog shows.
#[derive(Debug, Serialize)]
pub(crate) struct Unjudged {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// The statement in one line.
    pub statement: String,
    /// Why nothing can be said.
    pub cause: &'static str,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Compatibility {
    /// The pending migrations may be applied while the release runs.
    pub ok: bool,
    /// What they are together.
    pub verdict: Stage,
    /// The file of the running release's snapshot.
    pub snapshot: String,
    /// The pending migrations, in their order.
    pub migrations: Vec<StagedMigration>,
    /// What is no longer as that release knows it.
    pub findings: Vec<Impact>,
    /// The statements that a person has to judge.
    pub unjudged: Vec<Unjudged>,
    /// What `verify_allow` accepts of what would be found.
    pub accepted: Vec<String>,
    /// In what the folder, without what is pending, makes another schema than the snapshot's.
    pub snapshot_differs: Vec<String>,
    /// The release passes its own `verify` on the new schema, so that it could be started again.
    pub old_release_starts: bool,
}

impl Compatibility {
    /// The last line: what it all means.
    pub(crate) fn conclusion(&self) -> String {
        let of = |stage| self.migrations.iter().filter(move |it| it.verdict == stage).map(|it| it.name.as_str());
        let names = |stage| of(stage).collect::<Vec<_>>().join(", ");
        let snapshot = &self.snapshot;
        let text = match self.verdict {
            Stage::Neutral if self.migrations.is_empty() => {
                format!("no migration is pending for the release of {snapshot}")
            }
            Stage::Neutral => format!("nothing changes for the release of {snapshot}"),
            Stage::Expand => format!("safe to apply while the release of {snapshot} runs"),
            Stage::Unknown if of(Stage::Unknown).next().is_none() => {
                format!("the folder is not that of {snapshot}, so nothing is certain")
            }
            Stage::Unknown => {
                format!("whether the release of {snapshot} goes on working cannot be told: {}", names(Stage::Unknown))
            }
            Stage::Contract => {
                format!("apply only when the release of {snapshot} no longer runs: {}", names(Stage::Contract))
            }
        };
        let migrations = counted(self.migrations.len(), "pending migration");
        neutral::line(&format!("{}: {text} ({migrations}; {})", self.verdict, self.counts()))
    }

    fn counts(&self) -> String {
        let of = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        let (errors, warnings) = (counted(of(Severity::Error), "error"), counted(of(Severity::Warning), "warning"));
        format!("{errors}, {warnings}, {} not judged", self.not_judged())
    }

    fn not_judged(&self) -> usize {
        self.unjudged.len() + self.findings.iter().filter(|finding| finding.effect.is_unknown()).count()
    }

    /// Whether the way back is open, in one line.
    fn way_back(&self) -> &'static str {
        match self.old_release_starts {
            true => "rollback: that release passes its own verify on the new schema",
            false => "rollback: that release does not pass its own verify on the new schema",
        }
    }

    fn of_migration<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Impact> {
        self.findings.iter().filter(move |finding| finding.place.migration == name)
    }

    /// For people: by migration.
    #[must_use]
    pub(crate) fn text(&self, screen: Screen) -> String {
        let mut out = String::new();
        let note = |label: &str, text: &str| {
            format!("{}{label:<6} {}\n", " ".repeat(NOTES), screen.folded(&neutral::line(text), "", NOTES + 7))
        };
        for difference in &self.snapshot_differs {
            out += &format!("  unknown  {}\n", neutral::line(difference));
        }
        if !self.snapshot_differs.is_empty() {
            out += &note("cause:", "a migration that the snapshot was made from has another text now");
        }
        for StagedMigration { name, verdict, .. } in &self.migrations {
            out += &format!("{}: {verdict}\n", neutral::line(name));
            for finding in self.of_migration(name) {
                let grade = screen.severity(finding.severity, &format!("{:<7}", finding.grade()));
                let what = neutral::line(&finding.object.to_string());
                out += &format!(
                    "  {grade}  {what} {}  {}\n",
                    finding.trouble(),
                    neutral::line(&finding.place.to_string())
                );
                out += &note("cause:", finding.cause);
                out += &finding.remedy.as_ref().map_or(String::new(), |remedy| note("next:", remedy));
            }
            for unjudged in self.unjudged.iter().filter(|unjudged| unjudged.place.migration == *name) {
                let place = neutral::line(&unjudged.place.to_string());
                out += &format!("  unknown  {}  {place}\n", neutral::line(&unjudged.statement));
                out += &note("cause:", unjudged.cause);
            }
        }
        for accepted in &self.accepted {
            out += &format!("accepted by verify_allow: {}\n", neutral::line(accepted));
        }
        if self.not_judged() > 0 {
            out += "not judged: read these statements; --unknown accept passes over them\n";
        }
        if !self.migrations.is_empty() {
            out += &format!("{}\n", self.way_back());
        }
        out + &format!("{}\n", self.conclusion())
    }

    /// For GitHub Actions: a command for each finding and each statement that is not judged.
    #[must_use]
    pub(crate) fn github(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            let severity = if finding.effect.is_unknown() { Severity::Warning } else { Severity::Notice };
            let severity = finding.severity.max(severity);
            let title = format!("{} {}", finding.object, finding.effect.predicate());
            let next = finding.remedy.as_ref().map_or(String::new(), |remedy| format!("\nnext: {remedy}"));
            let text = format!("{}; {}{next}", finding.trouble(), finding.cause);
            out += &annotation(severity, &finding.place, &title, &text);
        }
        for unjudged in &self.unjudged {
            out += &annotation(Severity::Warning, &unjudged.place, &unjudged.statement, unjudged.cause);
        }
        out + &format!("{}\n", self.conclusion())
    }

    /// For a job's summary or a comment.
    #[must_use]
    pub(crate) fn markdown(&self) -> String {
        let mut out = format!("### doorstep compat: {}\n\n", markdown::text(&self.conclusion()));
        for difference in &self.snapshot_differs {
            out += &format!("- {}\n", markdown::text(difference));
        }
        let mut rows = String::new();
        for StagedMigration { name, verdict, .. } in &self.migrations {
            rows += &format!("| {} | {verdict} | | | |\n", markdown::code(name));
            for finding in self.of_migration(name) {
                let next = finding.remedy.as_ref().map(|remedy| format!("<br>next: {}", markdown::text(remedy)));
                let next = next.unwrap_or_default();
                rows += &format!(
                    "| | {} | {} | {} | {}{next} |\n",
                    finding.grade(),
                    markdown::code(&finding.object.to_string()),
                    markdown::text(&finding.trouble()),
                    markdown::text(&format!("{}: {}", finding.place, finding.cause)),
                );
            }
            for unjudged in self.unjudged.iter().filter(|unjudged| unjudged.place.migration == *name) {
                rows += &format!(
                    "| | unknown | {} | | {} |\n",
                    markdown::code(&unjudged.statement),
                    markdown::text(&format!("{}: {}", unjudged.place, unjudged.cause))
                );
            }
        }
        if !rows.is_empty() {
            out += &format!("| migration | verdict | object | what | why |\n| --- | --- | --- | --- | --- |\n{rows}\n");
            out += &format!("{}\n", self.way_back());
        }
        out
    }
}

fn annotation(severity: Severity, place: &Place, title: &str, text: &str) -> String {
    let line = place.line.as_ref().map(|line| ("line", line as &dyn fmt::Display));
    let place: Vec<(&str, &dyn fmt::Display)> =
        [("file", &place.file as &dyn fmt::Display)].into_iter().chain(line).collect();
    github::annotation(severity, &place, title, text)
}
