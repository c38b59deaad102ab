//! Parameters in lines that are Liquibase's own: the line of a change set, and its preconditions. Liquibase reads such a line
//! first, and then replaces the parameters in what it has read (the id, the author, the path, the context, the labels; the
//! expected result, the query, the names), not in `dbms` or in a switch. doorstep replaces them in the line, so that it can
//! be read again, and refuses a line where that makes a difference.

use crate::formats::liquibase::changelog::{Line, of};
use crate::formats::liquibase::conditions;
use crate::formats::liquibase::header::{self, Header};
use crate::formats::liquibase::parameters::Parameters;
use crate::formats::migration::Unreadable;

/// The line with its parameters replaced.
///
/// # Errors
/// Why it is uncertain what Liquibase reads.
pub(crate) fn line(line: &str, parameters: &Parameters) -> Result<String, Unreadable> {
    if !line.contains("${") || !matches!(of(line), Line::ChangeSet(_) | Line::Check(..) | Line::Conditions(_)) {
        return Ok(line.to_owned());
    }
    let replaced = parameters.replaced(line)?;
    let is_same = match (of(line), of(&replaced)) {
        (Line::ChangeSet(its), Line::ChangeSet(ours)) => {
            expanded(its, parameters)? == without_idle(header::read(ours)?)
        }
        (Line::Check(kind, its), Line::Check(same, ours)) if kind == same => {
            let kind = kind.to_ascii_lowercase();
            let [first, second] = conditions::parts(&kind, its)?;
            conditions::parts(&kind, ours)? == [parameters.replaced(&first)?, parameters.replaced(&second)?]
        }
        (Line::Conditions(its), Line::Conditions(ours)) => its == ours,
        _ => false,
    };
    match is_same && replaced.matches('\n').count() <= 1 {
        true => Ok(replaced),
        false => Err(Unreadable::new(
            "Liquibase does not replace this parameter here, or its value changes how the line is read",
            "write the value itself, without a parameter",
        )),
    }
}

/// What Liquibase reads in the line of a change set: the parameters are replaced afterwards.
fn expanded(rest: &str, parameters: &Parameters) -> Result<Header, Unreadable> {
    let header = without_idle(header::read(rest)?);
    let some = |text: &Option<String>| text.as_deref().map(|text| parameters.replaced(text)).transpose();
    Ok(Header {
        author: parameters.replaced(&header.author)?,
        id: parameters.replaced(&header.id)?,
        path: some(&header.path)?,
        context: some(&header.context)?,
        labels: some(&header.labels)?.map(|labels| header::list(&labels)),
        ..header
    })
}

/// Without the words that have no effect.
fn without_idle(header: Header) -> Header {
    Header { idle: Vec::new(), ..header }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, Unreadable> {
        let mut parameters = Parameters::default();
        for (name, value) in
            [("one", "1"), ("ctx", "dev or x"), ("list", "a, b"), ("who", "ann smith"), ("off", "false")]
        {
            parameters.set(name, value);
        }
        line(text, &parameters)
    }

    #[test]
    fn parameters_of_a_change_set_are_replaced_where_liquibase_does_it() {
        for (line, expected) in [
            ("--changeset ann:v${one} context:c${one} labels:l${one}\n", "--changeset ann:v1 context:c1 labels:l1\n"),
            ("--changeset \"${who}\":\"${ctx}\"", "--changeset \"ann smith\":\"dev or x\""),
            (
                "--changeset ann:1 context:\"${ctx}\" labels:\"${list}\"",
                "--changeset ann:1 context:\"dev or x\" labels:\"a, b\"",
            ),
            ("--changeset ann:1 logicalFilePath:a/${one}.sql", "--changeset ann:1 logicalFilePath:a/1.sql"),
            ("--changeset ann:${none} context:${none}", "--changeset ann:${none} context:${none}"),
            (
                "--precondition-sql-check expectedResult:${one} SELECT '${who}'",
                "--precondition-sql-check expectedResult:1 SELECT 'ann smith'",
            ),
            ("--precondition-table-exists table:t${one}", "--precondition-table-exists table:t1"),
            ("--comment: ${one}", "--comment: ${one}"),
            ("SELECT ${one};", "SELECT ${one};"),
        ] {
            assert_eq!(of(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_another_reading_would_change_is_refused() {
        for line in [
            "--changeset ann:${ctx}",
            "--changeset ann:1 context:${ctx}",
            "--changeset ann:1 dbms:${one}",
            "--changeset ann:1 splitStatements:${off}",
            "--changeset ann:1 endDelimiter:${one}",
            "--precondition-sql-check expectedResult:${who} SELECT 1",
            "--precondition-table-exists table:${who}",
            "--preconditions onFail:${one}",
        ] {
            assert!(of(line).is_err(), "{line}");
        }
    }
}
