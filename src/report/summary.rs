//! The most telling of many findings, in a few lines: what a start that stops says, and what Kubernetes keeps of it.

use std::fmt;

use crate::finding::{DifferenceKind, Finding, Source};
use crate::report::{flat, grouped};

/// Lines of a summary.
const LINES: usize = 3;

/// Names in one line.
const NAMES: usize = 6;

/// A few lines about many findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Three at the most, the most telling first. Findings with the same trouble for the same reason share one.
    pub lines: Vec<String>,
    /// How many findings no line speaks of.
    pub more: usize,
    /// What to do about the first line.
    pub next: Option<String>,
}

/// The most telling first: errors, then tables, then columns, then what concerns most things.
#[must_use]
pub(crate) fn summary(findings: &[Finding]) -> Summary {
    let alike = |finding: &Finding| {
        let Finding { severity, kind, object, .. } = finding;
        format!("{severity} {} {} {}", kind.name(), object.kind.word(), shared(finding).0.unwrap_or_default())
    };
    let findings: Vec<&Finding> = findings.iter().collect();
    let mut groups = grouped(&findings, &alike);
    let weight = |group: &Vec<&Finding>| {
        let about = match group[0].object.kind.word() {
            "table" => 2,
            "column" => 1,
            _ => 0,
        };
        (group[0].severity, about, group.len())
    };
    let (mut lines, mut next) = (Vec::new(), None);
    while lines.len() < LINES {
        // Of several that weigh the same, the first.
        let Some(place) = (0..groups.len()).rev().max_by_key(|place| weight(&groups[*place])) else { break };
        let group = groups.remove(place);
        if lines.is_empty() {
            next = reason(&group).1;
        }
        lines.push(flat(&line(&group)));
    }
    Summary { lines, more: groups.iter().map(Vec::len).sum(), next }
}

impl fmt::Display for Summary {
    /// The first line first: of a report that is cut, it is what is left.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n  "))?;
        if self.more > 0 {
            write!(f, "\n  and {} more: doorstep verify names them all", self.more)?;
        }
        match &self.next {
            Some(next) => write!(f, "\nnext: {next}"),
            None => Ok(()),
        }
    }
}

/// Findings of one kind, about one kind of thing, for one reason.
fn line(group: &[&Finding]) -> String {
    let [first, _, ..] = group else { return group.first().map(|finding| finding.sentence()).unwrap_or_default() };
    let names: Vec<String> = group.iter().map(|finding| name(finding)).collect();
    let mut line = format!("{} {} {}", things(first.object.kind.word()), listed(&names), are(first));
    let mut sources: Vec<String> = group.iter().map(|finding| finding.source.to_string()).collect();
    sources.dedup();
    if first.source != Source::Nobody {
        let others = if sources.len() > 1 { ", …" } else { "" };
        line += &format!(" (required by {}{others})", sources[0]);
    }
    if let Some(cause) = reason(group).0 {
        line += &format!("; {cause}");
    }
    line
}

/// Its name, and the other one under which it is there.
fn name(finding: &Finding) -> String {
    match finding.other_name() {
        Some(other) => format!("{} → {other}", finding.object.qualified_name()),
        _ => finding.object.qualified_name(),
    }
}

/// `a, b and c`, or `a, b and 12 more`.
fn listed(names: &[String]) -> String {
    let (shown, last) = match names {
        [names @ .., last] if names.len() <= NAMES + 1 => (names, last.clone()),
        _ => (&names[..NAMES], format!("{} more", names.len() - NAMES)),
    };
    format!("{} and {last}", shown.join(", "))
}

/// Several things of a kind.
fn things(thing: &str) -> String {
    match thing {
        "index" => "indexes".to_owned(),
        "query" => "queries".to_owned(),
        "unique" => "unique indexes".to_owned(),
        thing => format!("{}s", thing.replace('_', " ")),
    }
}

/// [`Finding::predicate`] of several things.
fn are(finding: &Finding) -> &'static str {
    match (finding.kind, &finding.source) {
        (DifferenceKind::Missing, _) => "are missing",
        (DifferenceKind::Extra, Source::Nobody) => "are there, and nothing speaks of them",
        (DifferenceKind::Extra, _) => "should not be there",
        (DifferenceKind::Different, _) => "differ",
        (DifferenceKind::Renamed, _) => "have other names",
        (DifferenceKind::Invalid, _) => "are not valid",
        (DifferenceKind::Hidden, _) => "are hidden from the service's role",
    }
}

/// Cause and remedy of findings that [`shared`] tells alike: in full for one, and of several what is true of all.
pub(crate) fn reason(group: &[&Finding]) -> Reason {
    match group {
        [one] => (one.cause.clone(), one.remedy.clone()),
        [first, ..] => shared(first),
        [] => (None, None),
    }
}

/// Cause and remedy.
pub(crate) type Reason = (Option<String>, Option<String>);

/// Cause and remedy without what is true of one finding alone: the line of a script, the name of a column.
pub(crate) fn shared(finding: &Finding) -> Reason {
    let Finding { cause, remedy, .. } = finding;
    match (cause.as_deref(), remedy.as_deref()) {
        (Some(cause), Some(remedy)) if remedy.starts_with("map the field: ") => {
            let made = cause.split_once(" as ").map_or("it is there", |(made, _)| made);
            let cause = format!("{} under these names, and nothing maps the fields to them", of_many(made));
            (Some(cause), Some("map each field to its column (@map), or rename the columns".to_owned()))
        }
        _ => (cause.as_deref().map(|cause| of_many(&without_lines(cause))), remedy.clone()),
    }
}

/// A cause that is true of one thing, said of several.
fn of_many(cause: &str) -> String {
    cause.replace("creates it", "creates them").replace("it is there", "they are there")
}

/// `(a/migration.sql:12)` as `(a/migration.sql)`.
fn without_lines(cause: &str) -> String {
    let mut parts = cause.split(')');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let inside = out.rsplit('(').next().unwrap_or_default();
        let file = inside.trim_end_matches(|character: char| character.is_ascii_digit());
        if inside.len() > file.len() && file.ends_with(':') && !file.contains(' ') {
            out.truncate(out.len() - (inside.len() - file.len()) - 1);
        }
        out += ")";
        out += part;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Name, Origin};
    use crate::finding::Severity;
    use crate::sql::{ObjectKind, ObjectRef};

    fn at(line: usize) -> Source {
        Source::At(Origin { file: "prisma/schema.prisma".to_owned(), line })
    }

    fn name(name: &str) -> Name {
        Name { schema: "public".to_owned(), name: name.to_owned() }
    }

    fn missing(table: &str, line: usize) -> Finding {
        let finding = Finding::new(
            Severity::Error,
            DifferenceKind::Missing,
            ObjectRef::of(ObjectKind::Table, &name(table)),
            at(line),
        );
        finding.caused("no migration in prisma/migrations creates it").remedied("npx prisma migrate dev")
    }

    fn column(column: &str, kind: DifferenceKind) -> Finding {
        let object = ObjectRef::part_of(&name("reports"), ObjectKind::Column, column);
        Finding::new(Severity::Error, kind, object, at(30))
    }

    #[test]
    fn one_finding_is_one_sentence_and_its_remedy() {
        assert_eq!(
            summary(&[missing("users", 7)]).to_string(),
            "table public.users is missing (required by prisma/schema.prisma:7); \
             no migration in prisma/migrations creates it\nnext: npx prisma migrate dev"
        );
    }

    #[test]
    fn the_same_trouble_for_the_same_reason_is_one_line() {
        let findings = [missing("SLAPolicy", 12), missing("SLAMetric", 20), missing("SLABreach", 28)];
        assert_eq!(
            summary(&findings).lines,
            ["tables public.SLAPolicy, public.SLAMetric and public.SLABreach are missing (required by \
              prisma/schema.prisma:12, …); no migration in prisma/migrations creates them"]
        );
    }

    #[test]
    fn what_is_true_of_one_alone_is_not_said_of_several() {
        let made = |table: &str, line: usize| {
            let cause =
                format!("1_init creates it (prisma/migrations/1_init/migration.sql:{line}), by hand (at 12:30)");
            Finding::new(
                Severity::Error,
                DifferenceKind::Missing,
                ObjectRef::of(ObjectKind::Table, &name(table)),
                at(line),
            )
            .caused(cause)
        };
        let lines = summary(&[made("users", 7), made("posts", 112)]).lines;
        let cause = "; 1_init creates them (prisma/migrations/1_init/migration.sql), by hand (at 12:30)";
        assert!(lines.len() == 1 && lines[0].ends_with(cause), "{lines:#?}");
        assert!(summary(&[made("users", 7)]).lines[0].contains("migration.sql:7), by hand (at 12:30)"));

        let renamed = |field: &str, other: &str| {
            let renamed = column(field, DifferenceKind::Renamed).but(format!("column public.reports.{other}"));
            let renamed = renamed.caused(format!("it is there as {other}, and nothing maps {field} to that"));
            renamed.remedied(format!("map the field: {field} … @map(\"{other}\"); or rename the column: ALTER TABLE …"))
        };
        let both = summary(&[renamed("reportId", "report_id"), renamed("createdAt", "created_at")]);
        let cause = "; they are there under these names, and nothing maps the fields to them";
        assert!(both.lines.len() == 1 && both.lines[0].ends_with(cause), "{both}");
        assert_eq!(both.next.as_deref(), Some("map each field to its column (@map), or rename the columns"));
        let one = summary(&[renamed("reportId", "report_id")]).next.unwrap_or_default();
        assert!(one.starts_with("map the field: reportId … @map(\"report_id\")"), "{one}");
    }

    #[test]
    fn errors_come_first_then_tables_then_columns_and_the_rest_is_counted() {
        let index = ObjectRef::index(&name("reports"), "i", false);
        let index = |severity| Finding::new(severity, DifferenceKind::Missing, index.clone(), at(40));
        let unused = Finding::new(
            Severity::Notice,
            DifferenceKind::Extra,
            ObjectRef::of(ObjectKind::Table, &name("old")),
            Source::Nobody,
        );
        let renamed = |wanted: &str, there: &str| {
            column(wanted, DifferenceKind::Renamed).but(format!("column public.reports.{there}"))
        };
        let findings = [
            unused,
            index(Severity::Warning),
            column("a", DifferenceKind::Different).between("text", "int4"),
            renamed("reportId", "report_id"),
            renamed("createdAt", "created_at"),
            missing("users", 7),
        ];
        let summary = summary(&findings);
        assert_eq!(
            summary.lines[1],
            "columns public.reports.reportId → report_id and public.reports.createdAt → created_at have other names \
             (required by prisma/schema.prisma:30)"
        );
        assert!(summary.lines[0].starts_with("table public.users is missing"), "{summary}");
        assert!(summary.lines[2].ends_with(": expected text, there is int4"), "{summary}");
        assert_eq!((summary.lines.len(), summary.more), (3, 2));
        assert!(summary.to_string().contains("\n  and 2 more: doorstep verify names them all\nnext: "));
    }

    #[test]
    fn long_lists_of_names_are_cut() {
        let findings: Vec<Finding> = (1..=9).map(|number| missing(&format!("t{number}"), number)).collect();
        let line = summary(&findings).lines[0].clone();
        assert!(
            line.starts_with("tables public.t1, public.t2, public.t3, public.t4, public.t5, public.t6 and 3 more are"),
            "{line}"
        );
        assert!(summary(&findings[..7]).lines[0].contains("public.t6 and public.t7 are"));
    }
}
