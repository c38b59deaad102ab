//! The preconditions of a change set: what is asked of the database before it runs, and what follows from the answer.

use crate::formats::guard::{Guard, OnFailure, Question};
use crate::formats::ledger_ddl;
use crate::formats::liquibase::changelog::Notes;
use crate::formats::liquibase::wrong;
use crate::formats::migration::Unreadable;
use crate::sql::Dialect;

/// Reads them; `None` without any.
///
/// # Errors
/// Why doorstep does not follow them.
pub(crate) fn read(notes: &Notes, dialect: Dialect) -> Result<Option<Guard>, Unreadable> {
    let conditions = notes.conditions.as_deref().unwrap_or_default();
    let outcome = |wanted: &str| match attribute(conditions, wanted).map(|value| value.to_ascii_uppercase()).as_deref()
    {
        None | Some("HALT") => Ok(OnFailure::Halt),
        Some("MARK_RAN") => Ok(OnFailure::Record),
        Some("WARN") => Ok(OnFailure::Run),
        Some(other) => Err(Unreadable::new(
            format!("doorstep does not follow {wanted}:{other}: with CONTINUE the change set stays pending for ever"),
            "write MARK_RAN or HALT, or let Liquibase apply the changelog (migrate_command = \"liquibase update\")",
        )),
    };
    let (on_fail, on_error) = (outcome("onFail")?, outcome("onError")?);
    let mut questions = Vec::new();
    let words = ledger_ddl::liquibase::words(dialect);
    for (kind, rest) in &notes.checks {
        let [first, second] = parts(kind, rest)?;
        questions.push(match kind.as_str() {
            "sql-check" => Question { sql: second, expected: first },
            _ => {
                let name = dialect.literal(&first.to_lowercase());
                let schema = (!second.is_empty()).then(|| dialect.literal(&second.to_lowercase()));
                let sql = if kind == "view-exists" { words.view_exists } else { words.table_exists };
                Question { sql: sql(&name, schema.as_deref()), expected: "1".to_owned() }
            }
        });
    }
    Ok((!questions.is_empty()).then_some(Guard { questions, on_fail, on_error }))
}

/// The first value of an attribute, `NAME:VALUE`.
fn attribute(text: &str, wanted: &str) -> Option<String> {
    let mut words = text.split_whitespace().filter_map(|word| word.split_once(':'));
    words.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.to_owned())
}

/// What a precondition of a kind, in lower case, says: the expected result and the query, or the name and the schema, which may
/// be empty.
///
/// # Errors
/// Why doorstep does not follow it.
pub(crate) fn parts(kind: &str, rest: &str) -> Result<[String; 2], Unreadable> {
    match kind {
        "sql-check" => sql_check(rest),
        "table-exists" | "view-exists" => {
            let name = attribute(rest, &kind[..kind.len() - "-exists".len()])
                .ok_or_else(|| wrong(format!("precondition-{kind} names nothing")))?;
            Ok([name, attribute(rest, "schema").unwrap_or_default()])
        }
        other => Err(wrong(format!("doorstep does not know precondition-{other}"))),
    }
}

/// `expectedResult:1 SELECT …`, `expectedResult:"a b" SELECT …` or `expectedResult:'a b' SELECT …`.
fn sql_check(rest: &str) -> Result<[String; 2], Unreadable> {
    let form = || wrong("the line has not the form --precondition-sql-check expectedResult:VALUE SQL");
    let (name, value) = rest.split_once(':').ok_or_else(form)?;
    let (expected, sql) = match value.chars().next().filter(|first| matches!(first, '"' | '\'')) {
        Some(quote) => value[1..].split_once(quote).ok_or_else(form)?,
        None => value.split_once(char::is_whitespace).ok_or_else(form)?,
    };
    let sql = sql.trim().trim_end_matches(';').to_owned();
    match name.eq_ignore_ascii_case("expectedResult") && !sql.is_empty() {
        true => Ok([expected.to_owned(), sql]),
        false => Err(form()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(conditions: &str, check: (&str, &str)) -> Result<Option<Guard>, Unreadable> {
        let notes = Notes {
            conditions: Some(conditions.to_owned()),
            checks: vec![(check.0.to_owned(), check.1.to_owned())],
            ..Notes::default()
        };
        read(&notes, Dialect::Postgres)
    }

    #[test]
    fn preconditions_are_questions_and_what_follows() {
        let guard = of("onfail:MARK_RAN", ("sql-check", "expectedResult:0 SELECT 1;")).unwrap().unwrap();
        assert_eq!((guard.on_fail, guard.on_error), (OnFailure::Record, OnFailure::Halt));
        assert_eq!((guard.questions[0].sql.as_str(), guard.questions[0].expected.as_str()), ("SELECT 1", "0"));
        for (rest, expected) in [("\"a b\" SELECT 'c'", "a b"), ("'a b' SELECT 'c'", "a b"), ("'0' SELECT 'c'", "0")] {
            let guard = of("", ("sql-check", &format!("expectedResult:{rest}"))).unwrap().unwrap();
            assert_eq!(
                (guard.questions[0].expected.as_str(), guard.questions[0].sql.as_str()),
                (expected, "SELECT 'c'")
            );
        }
        assert!(of("", ("sql-check", "expectedResult:'0 SELECT 1")).is_err());
        let guard = of("", ("table-exists", "table:Apple schema:public")).unwrap().unwrap();
        assert!(guard.questions[0].sql.contains("'apple'") && guard.questions[0].sql.contains("'public'"));
        assert!(of("onFail:CONTINUE", ("sql-check", "expectedResult:0 SELECT 1")).is_err());
        assert!(of("", ("foo", "x:1")).is_err() && of("", ("sql-check", "SELECT 1")).is_err());
    }
}
