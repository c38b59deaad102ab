//! Asks Alembic: `alembic heads` lists the last revisions of the folder, `alembic current --verbose` those that the
//! database is at. Neither writes: `current` runs env.py with `dont_mutate`.

use std::collections::BTreeSet;

use crate::config::words::Words;
use crate::formats::alembic::configuration::{Aim, aim};
use crate::formats::inquiry::{Answer, Inquiry, after_noise};

/// The questions to Alembic, also through Flask-Migrate.
#[derive(Debug)]
pub(crate) struct AlembicInquiry;

impl Inquiry for AlembicInquiry {
    fn questions(&self, command: &Words) -> Option<Vec<Words>> {
        let words = command.as_slice();
        let at = words.iter().position(|word| word == "upgrade")?;
        let program = |word: &String| ["alembic", "flask"].contains(&word.rsplit('/').next().unwrap_or_default());
        words[..at].iter().find(|word| program(word))?;
        let kept = options(&words[at + 1..])?;
        let ask = |question: &[&str]| {
            let question = question.iter().map(|word| (*word).to_owned());
            Words::from([&words[..at], &question.collect::<Vec<_>>(), &kept].concat())
        };
        Some(vec![ask(&["heads"]), ask(&["current", "--verbose"])])
    }

    fn answer(&self, command: &Words, outputs: &[String]) -> Result<Answer, String> {
        let [heads, current] = outputs else { return Err("it was asked two questions".to_owned()) };
        let heads = heads_in(heads)?;
        let databases = current_in(current)?;
        let missing: BTreeSet<&String> =
            databases.iter().flat_map(|at| heads.iter().filter(|head| !at.contains(*head))).collect();
        match aim(command) {
            _ if missing.is_empty() => Ok(Answer::Applied),
            // The revision that the command aims at may be an earlier one.
            Aim::Other(aim) => Err(format!("the database is not at the last revision, and the command aims at {aim}")),
            Aim::Head | Aim::Heads | Aim::Branches => Ok(Answer::Pending(missing.into_iter().cloned().collect())),
        }
    }
}

/// Of what follows `upgrade`, the options that name the project; `None` for one that has another meaning.
fn options(words: &[String]) -> Option<Vec<String>> {
    let (mut kept, mut targets, mut words) = (Vec::new(), 0, words.iter());
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or_default();
        let has_value = name != word;
        match name {
            // Flask-Migrate takes them after the command.
            "-d" | "--directory" | "-x" | "--x-arg" => {
                kept.push(word.clone());
                if !has_value {
                    kept.push(words.next()?.clone());
                }
            }
            "--tag" if has_value => {}
            "--tag" => drop(words.next()?),
            _ if word.starts_with('-') => return None,
            _ => targets += 1,
        }
    }
    (targets < 2).then_some(kept)
}

/// `REVISION (LABELS) (head)`, a line each.
fn heads_in(output: &str) -> Result<BTreeSet<String>, String> {
    let is_marked = |line: &str| line.contains("(head)");
    let head = |line: &str| revision(line).filter(|_| line.ends_with(" (head)"));
    let lines = after_noise(output, |line| head(line).is_some(), is_marked)?;
    let heads: Option<BTreeSet<String>> = lines.into_iter().map(head).collect();
    let heads = heads.ok_or("`heads` printed something besides revisions")?;
    if heads.is_empty() { Err("`heads` names no revision".to_owned()) } else { Ok(heads) }
}

/// How `current --verbose` begins what it says about one database.
const OF_A_DATABASE: &str = "Current revision(s) for ";

/// The first words of the lines that it prints about a revision; the lines of the message are indented.
const ABOUT_A_REVISION: [&str; 6] =
    ["Parent: ", "Merges: ", "Also depends on: ", "Branches into: ", "Branch names: ", "Path: "];

/// The revisions of each database that env.py connects to: it may loop over several, or over schemas.
fn current_in(output: &str) -> Result<Vec<BTreeSet<String>>, String> {
    let lines = after_noise(output, |line| line.starts_with(OF_A_DATABASE), |line| line.contains(OF_A_DATABASE))?;
    if lines.is_empty() {
        return without_details(output).map(|revisions| vec![revisions]);
    }
    let mut databases: Vec<BTreeSet<String>> = Vec::new();
    for line in lines {
        if line.starts_with(OF_A_DATABASE) {
            databases.push(BTreeSet::new());
        } else if let Some(rest) = line.strip_prefix("Rev: ") {
            let id = revision(rest).ok_or("`current` names a revision in an unknown form")?;
            databases.last_mut().map(|at| at.insert(id));
        } else if !line.trim().is_empty()
            && !line.starts_with("    ")
            && !ABOUT_A_REVISION.iter().any(|begin| line.starts_with(begin))
        {
            return Err("`current` printed something besides revisions".to_owned());
        }
    }
    Ok(databases)
}

/// The short form, from a program that does not pass `--verbose` on. Without a head in every line it might be anything.
fn without_details(output: &str) -> Result<BTreeSet<String>, String> {
    let is_head = |line: &&str| line.ends_with(" (head)") || line.ends_with(" (effective head)");
    let heads: Option<BTreeSet<String>> =
        output.lines().map(|line| Some(line).filter(is_head).and_then(revision)).collect();
    heads.filter(|heads| !heads.is_empty()).ok_or_else(|| "`current` names no database".to_owned())
}

/// The revision of `REVISION (a) (b, c)`.
fn revision(line: &str) -> Option<String> {
    let (id, mut rest) = line.split_once(' ').map_or((line, ""), |(id, rest)| (id, rest));
    while !rest.is_empty() {
        let (inner, after) = rest.strip_prefix('(')?.split_once(')')?;
        rest = match after {
            "" => "",
            after => after.strip_prefix(' ').filter(|after| !after.is_empty())?,
        };
        if inner.is_empty() || inner.contains('(') {
            return None;
        }
    }
    let is_id = !id.is_empty() && !id.contains(['(', ')', ',', ':']);
    is_id.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        text.parse().unwrap()
    }

    #[test]
    fn the_questions_are_put_in_the_way_of_the_command_that_applies() {
        let asked = |command: &str| {
            let questions = AlembicInquiry.questions(&words(command))?;
            Some(questions.iter().map(Words::to_string).collect::<Vec<_>>().join(" | "))
        };
        for (command, questions) in [
            ("alembic upgrade heads", "alembic heads | alembic current --verbose"),
            (
                "poetry run alembic -c x.ini -x tenant=a upgrade --tag t head",
                "poetry run alembic -c x.ini -x tenant=a heads | \
                 poetry run alembic -c x.ini -x tenant=a current --verbose",
            ),
            ("python -m alembic upgrade a1", "python -m alembic heads | python -m alembic current --verbose"),
            (
                "flask --app x db upgrade -d other",
                "flask --app x db heads -d other | flask --app x db current --verbose -d other",
            ),
        ] {
            assert_eq!(asked(command).as_deref(), Some(questions), "{command}");
        }
        for command in [
            "make migrate",
            "sh -c 'cd x && alembic upgrade head'",
            "./migrate.sh upgrade head",
            "alembic upgrade --sql head",
            "alembic upgrade a b",
            "alembic downgrade base",
        ] {
            assert_eq!(asked(command), None, "{command}");
        }
    }

    const AT_B: &str = "Current revision(s) for postgresql://u:***@h/d:\nRev: b (head)\nParent: a\nBranch names: x\n\
                        Path: /p/b.py\n\n    second\n    Rev: z (head)\n\n";
    const AT_A: &str =
        "Current revision(s) for postgresql://u:***@h/d:\nRev: a\nParent: <base>\nPath: /p/a.py\n\n    first\n\n";
    const NOWHERE: &str = "Current revision(s) for postgresql://u:***@h/d:\n";

    fn answer(heads: &str, current: &str) -> Result<Answer, String> {
        AlembicInquiry.answer(&words("alembic upgrade heads"), &[heads.to_owned(), current.to_owned()])
    }

    #[test]
    fn everything_is_applied_where_each_database_is_at_all_heads() {
        assert_eq!(answer("b (x) (head)\n", AT_B), Ok(Answer::Applied));
        assert_eq!(answer("b (head)\n", &format!("env.py is loaded\n{AT_B}{AT_B}")), Ok(Answer::Applied));
        assert_eq!(answer("b (head)\n", "b (head)\n"), Ok(Answer::Applied));
        let pending = |ids: &[&str]| Ok(Answer::Pending(ids.iter().map(|id| (*id).to_owned()).collect()));
        assert_eq!(answer("b (head)\n", AT_A), pending(&["b"]));
        assert_eq!(answer("b (head)\n", NOWHERE), pending(&["b"]));
        // One of two tenants is empty.
        assert_eq!(answer("b (head)\n", &format!("{AT_B}{NOWHERE}")), pending(&["b"]));
        assert_eq!(answer("b (head)\nc (head)\n", AT_B), pending(&["c"]));
    }

    #[test]
    fn anything_else_is_no_answer() {
        for (heads, current) in [
            ("", AT_B),
            ("hello\n", AT_B),
            ("loading b (head)\n", AT_B),
            ("b (head)\nbye\n", AT_B),
            ("b\n", AT_B),
            ("b (head)\n", ""),
            ("b (head)\n", "done\n"),
            ("b (head)\n", "a\n"),
            ("b (head)\n", "a\nb (head)\n"),
            ("b (head)\n", "loading … Current revision(s) for x:\nRev: b (head)\n"),
            ("b (head)\n", &format!("{AT_B}bye\n")),
            ("b (head)\n", "Current revision(s) for x:\nRev: b head\n"),
        ] {
            assert!(answer(heads, current).is_err(), "{heads:?} {current:?}");
        }
    }

    #[test]
    fn a_command_that_aims_at_one_revision_is_certain_only_at_the_heads() {
        let answer = |current: &str| {
            AlembicInquiry.answer(&words("alembic upgrade a"), &["b (head)\n".to_owned(), current.to_owned()])
        };
        assert_eq!(answer(AT_B), Ok(Answer::Applied));
        assert!(answer(AT_A).unwrap_err().contains("aims at a"));
    }
}
