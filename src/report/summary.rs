//! The most telling of many findings, in a few lines: what a start that stops says, and what Kubernetes keeps of it.

use std::fmt;

use crate::base::neutral;
use crate::finding::{Diagnosis, Difference, DifferenceKind, Finding, Number, Remedy, Source};
use crate::report::grouped;
use crate::sql::ObjectKind;

/// Lines of a summary.
const LINES: usize = 3;

/// Names in one line.
const NAMES: usize = 6;

/// A few lines about many findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Three at the most, the most telling first. Findings with the same trouble for the same reason share one.
    pub lines: Vec<String>,
    /// How many findings have no line.
    pub more: usize,
    /// What to do about the first line.
    pub next: Option<String>,
}

/// The most telling first: errors, then tables, then columns, then what concerns most things.
#[must_use]
pub(crate) fn summary(findings: &[Finding]) -> Summary {
    let alike = |finding: &Finding| {
        let Difference { severity, kind, object, .. } = &finding.difference;
        (*severity, *kind, object.kind, finding.diagnosis.of_several().cause)
    };
    let findings: Vec<&Finding> = findings.iter().collect();
    let mut groups = grouped(&findings, &alike);
    let weight = |group: &Vec<&Finding>| {
        let about = match group[0].difference.object.kind {
            ObjectKind::Table => 2,
            ObjectKind::Column => 1,
            _ => 0,
        };
        (group[0].difference.severity, about, group.len())
    };
    let (mut lines, mut next) = (Vec::new(), None);
    while lines.len() < LINES {
        // Of several that weigh the same, the first.
        let Some(place) = (0..groups.len()).rev().max_by_key(|place| weight(&groups[*place])) else { break };
        let group = groups.remove(place);
        if lines.is_empty() {
            next = reason(&group).remedy;
        }
        lines.push(neutral::line(&line(&group)));
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
    let mut line = format!("{} {} {}", things(first.difference.object.kind), listed(&names), are(first));
    let mut sources: Vec<String> = group.iter().map(|finding| finding.difference.source.to_string()).collect();
    sources.dedup();
    if first.difference.source != Source::Nobody {
        let others = if sources.len() > 1 { ", …" } else { "" };
        line += &format!(" (required by {}{others})", sources[0]);
    }
    if let Some(cause) = reason(group).cause {
        line += &format!("; {cause}");
    }
    line
}

/// Its name, and the other one under which it is there.
fn name(finding: &Finding) -> String {
    match finding.difference.other_name() {
        Some(other) => format!("{} → {other}", finding.difference.object.qualified_name()),
        _ => finding.difference.object.qualified_name(),
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

/// The plural of a kind.
fn things(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Schema => "schemas",
        ObjectKind::Table => "tables",
        ObjectKind::Column => "columns",
        ObjectKind::PrimaryKey => "primary keys",
        ObjectKind::Unique => "unique indexes",
        ObjectKind::Index => "indexes",
        ObjectKind::ForeignKey => "foreign keys",
        ObjectKind::Enum => "enums",
        ObjectKind::Extension => "extensions",
        ObjectKind::View => "views",
        ObjectKind::Constraint => "constraints",
        ObjectKind::Row => "rows",
        ObjectKind::Query => "queries",
        ObjectKind::Sequence => "sequences",
        ObjectKind::Type => "types",
        ObjectKind::EnumValue => "values",
    }
}

/// [`Difference::predicate`] of several things.
fn are(finding: &Finding) -> &'static str {
    match (finding.difference.kind, &finding.difference.source) {
        (DifferenceKind::Missing, _) => "are missing",
        (DifferenceKind::Extra, Source::Nobody) => "are not expected by any source",
        (DifferenceKind::Extra, _) => "should not be there",
        (DifferenceKind::Different, _) => "differ",
        (DifferenceKind::Renamed, _) => "have other names",
        (DifferenceKind::Invalid, _) => "are not valid",
        (DifferenceKind::Hidden, _) => "are hidden from the service's role",
        (DifferenceKind::Uncompared, _) => "cannot be compared",
    }
}

/// Cause and remedy of grouped findings: in full for one finding; for several, what is true of all.
pub(crate) fn reason(group: &[&Finding]) -> Reason {
    let text = |diagnosis: &Diagnosis, number| Reason {
        cause: diagnosis.cause.as_ref().map(|cause| cause.text(number)),
        remedy: diagnosis.remedy.as_ref().map(Remedy::to_string),
    };
    match group {
        [] => Reason::default(),
        [one] => text(&one.diagnosis, Number::One),
        [first, ..] => text(&first.diagnosis.of_several(), Number::Several),
    }
}

/// Cause and remedy as text.
#[derive(Debug, Default)]
pub(crate) struct Reason {
    pub(crate) cause: Option<String>,
    pub(crate) remedy: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Name, Origin};
    use crate::finding::cause::{Act, Does, FolderState, NoMigration, OtherName, Site, Then};
    use crate::finding::remedy::{Labels, NameFix, Write};
    use crate::finding::{Cause, Severity};
    use crate::sql::ObjectRef;

    fn at(line: usize) -> Source {
        Source::At(Origin { file: "prisma/schema.prisma".into(), line })
    }

    fn name(name: &str) -> Name {
        Name { schema: "public".to_owned(), name: name.to_owned() }
    }

    fn found(difference: Difference, cause: Option<Cause>) -> Finding {
        Finding { difference, diagnosis: Diagnosis { cause, remedy: None }, sql: None }
    }

    fn missing(table: &str, line: usize) -> Finding {
        let table = ObjectRef::of(ObjectKind::Table, &name(table));
        let (slug, what) = ("add_sla_tables".to_owned(), Labels::new(vec!["SLAPolicy".to_owned()]));
        Finding {
            difference: Difference::new(Severity::Error, DifferenceKind::Missing, table, at(line)),
            diagnosis: Diagnosis::new(
                Cause::NoMigration(NoMigration::Creates {
                    folder: "prisma/migrations".to_owned(),
                    state: FolderState::Applied(2),
                    namesake: None,
                }),
                Remedy::Write(Write::New { slug, by_prisma: true, what }),
            ),
            sql: None,
        }
    }

    fn column(column: &str, kind: DifferenceKind) -> Difference {
        let object = ObjectRef::part_of(&name("reports"), ObjectKind::Column, column);
        Difference::new(Severity::Error, kind, object, at(30))
    }

    #[test]
    fn one_finding_is_one_sentence_and_its_remedy() {
        assert_eq!(
            summary(&[missing("users", 7)]).to_string(),
            "table public.users is missing (required by prisma/schema.prisma:7); \
             no migration in prisma/migrations creates it (no pending migrations: all 2 are applied)\n\
             next: npx prisma migrate dev --name add_sla_tables writes the migration for SLAPolicy; \
             doorstep diff --script prints its SQL"
        );
    }

    #[test]
    fn the_same_trouble_for_the_same_reason_is_one_line() {
        let findings = [missing("SLAPolicy", 12), missing("SLAMetric", 20), missing("SLABreach", 28)];
        assert_eq!(
            summary(&findings).lines,
            ["tables public.SLAPolicy, public.SLAMetric and public.SLABreach are missing (required by \
              prisma/schema.prisma:12, …); no migration in prisma/migrations creates them \
              (no pending migrations: all 2 are applied)"]
        );
    }

    #[test]
    fn what_is_true_of_one_alone_is_not_said_of_several() {
        let site = |line| {
            let file = "prisma/migrations/1_init/migration.sql".to_owned();
            Site { migration: "1_init".to_owned(), file, line: Some(line) }
        };
        let made = |table: &str, line: usize| {
            let act = Act { site: site(line), does: Does::Creates };
            let cause = Cause::Step { act, then: Then::ByHand(Some("12:30".to_owned())) };
            found(missing(table, line).difference, Some(cause))
        };
        let lines = summary(&[made("users", 7), made("posts", 112)]).lines;
        let by_hand = ", but was recorded as applied by hand at 12:30: nothing of it ran";
        let cause = format!("; 1_init creates them (prisma/migrations/1_init/migration.sql){by_hand}");
        assert!(lines.len() == 1 && lines[0].ends_with(&cause), "{lines:#?}");
        assert!(summary(&[made("users", 7)]).lines[0].contains(&format!("migration.sql:7){by_hand}")));

        let renamed = |field: &str, other: &str| {
            let there = ObjectRef::part_of(&name("reports"), ObjectKind::Column, other);
            let (other, field) = (other.to_owned(), field.to_owned());
            let cause = OtherName::Unmapped { name: other.clone(), label: field.clone(), is_field: true, by: None };
            let sql = "ALTER TABLE …".to_owned();
            let remedy = NameFix::MapField { field: field.clone(), column: other, instead: None, sql };
            Finding {
                difference: column(&field, DifferenceKind::Renamed).instead(there),
                diagnosis: Diagnosis::new(Cause::Names(cause), Remedy::Name(remedy)),
                sql: None,
            }
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
        let index = |severity| found(Difference::new(severity, DifferenceKind::Missing, index.clone(), at(40)), None);
        let unused = Difference::new(
            Severity::Notice,
            DifferenceKind::Extra,
            ObjectRef::of(ObjectKind::Table, &name("old")),
            Source::Nobody,
        );
        let renamed = |wanted: &str, there: &str| {
            let there = ObjectRef::part_of(&name("reports"), ObjectKind::Column, there);
            found(column(wanted, DifferenceKind::Renamed).instead(there), None)
        };
        let findings = [
            found(unused, None),
            index(Severity::Warning),
            found(column("a", DifferenceKind::Different).between("text", "int4"), None),
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
