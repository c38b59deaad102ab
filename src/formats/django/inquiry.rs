//! Asks Django: `manage.py showmigrations --plan` lists every migration of every installed app, and whether it is applied.
//! It only reads.

use crate::config::words::Words;
use crate::formats::inquiry::{Answer, Inquiry, after_noise};

/// The question to Django.
#[derive(Debug)]
pub(crate) struct DjangoInquiry;

impl Inquiry for DjangoInquiry {
    fn questions(&self, command: &Words) -> Option<Vec<Words>> {
        let words = command.as_slice();
        let at = words.iter().position(|word| word == "migrate")?;
        let program = words[..at].last()?.rsplit('/').next().unwrap_or_default();
        if !["manage.py", "django-admin", "django-admin.py", "django"].contains(&program) {
            return None;
        }
        let question = ["showmigrations".to_owned(), "--plan".to_owned()];
        Some(vec![Words::from([&words[..at], &question, &options(&words[at + 1..])?].concat())])
    }

    fn answer(&self, _command: &Words, outputs: &[String]) -> Result<Answer, String> {
        let output = outputs.first().map(String::as_str).unwrap_or_default();
        if output.lines().last().is_some_and(|line| line.trim() == "(no migrations)") {
            return Ok(Answer::Applied);
        }
        let is_marked = |line: &str| line.contains("[X]") || line.contains("[ ]");
        let lines = after_noise(output, |line| planned(line).is_some(), is_marked)?;
        let plan: Option<Vec<(bool, &str)>> = lines.into_iter().map(planned).collect();
        let plan = plan.ok_or("`showmigrations` printed something besides migrations")?;
        if plan.is_empty() {
            return Err("`showmigrations` lists no migration".to_owned());
        }
        let pending: Vec<String> =
            plan.into_iter().filter(|(is_applied, _)| !is_applied).map(|(_, name)| name.to_owned()).collect();
        Ok(if pending.is_empty() { Answer::Applied } else { Answer::Pending(pending) })
    }
}

/// Of what follows `migrate`, the options that name the project or the database; `None` for one that has another meaning,
/// and for a single app.
fn options(words: &[String]) -> Option<Vec<String>> {
    let (mut kept, mut words) = (Vec::new(), words.iter());
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or_default();
        let has_value = name != word;
        match name {
            "--settings" | "--pythonpath" | "--database" => {
                kept.push(word.clone());
                if !has_value {
                    kept.push(words.next()?.clone());
                }
            }
            "-v" | "--verbosity" if !has_value => drop(words.next()?),
            "--noinput" | "--no-input" | "--fake-initial" | "--run-syncdb" | "--skip-checks" | "--traceback"
            | "--no-color" | "--force-color" | "--verbosity" | "-v0" | "-v1" | "-v2" | "-v3" => {}
            _ => return None,
        }
    }
    Some(kept)
}

/// `[X]  app.name`, or `[ ]  app.name`.
fn planned(line: &str) -> Option<(bool, &str)> {
    let applied = line.strip_prefix("[X]  ").map(|name| (true, name));
    let (is_applied, name) = applied.or_else(|| line.strip_prefix("[ ]  ").map(|name| (false, name)))?;
    let (app, migration) = name.split_once('.')?;
    let is_name = !app.is_empty() && !migration.is_empty() && !name.contains(char::is_whitespace);
    is_name.then_some((is_applied, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_put_in_the_way_of_the_command_that_applies() {
        let asked = |command: &str| {
            let questions = DjangoInquiry.questions(&command.parse().unwrap())?;
            Some(questions.iter().map(Words::to_string).collect::<Vec<_>>().join(" | "))
        };
        for (command, question) in [
            ("python manage.py migrate --noinput", "python manage.py showmigrations --plan"),
            ("uv run ./manage.py migrate -v 2 --fake-initial", "uv run ./manage.py showmigrations --plan"),
            (
                "django-admin migrate --settings site.prod --database=other",
                "django-admin showmigrations --plan --settings site.prod --database=other",
            ),
            ("python -m django migrate", "python -m django showmigrations --plan"),
        ] {
            assert_eq!(asked(command).as_deref(), Some(question), "{command}");
        }
        for command in [
            "python manage.py migrate polls",
            "python manage.py migrate --fake",
            "python manage.py migrate_schemas",
            "make migrate",
            "migrate",
            "sh -c 'python manage.py migrate'",
        ] {
            assert_eq!(asked(command), None, "{command}");
        }
    }

    #[test]
    fn a_plan_is_an_answer_and_nothing_else_is() {
        let answer = |output: &str| DjangoInquiry.answer(&"x".parse().unwrap(), &[output.to_owned()]);
        assert_eq!(answer("[X]  a.0001_x\n[X]  b.0001_y\n"), Ok(Answer::Applied));
        assert_eq!(answer("settings: prod\n[X]  a.0001_x\n"), Ok(Answer::Applied));
        assert_eq!(answer("(no migrations)\n"), Ok(Answer::Applied));
        assert_eq!(answer("[X]  a.0001_x\n[ ]  b.0001_y\n"), Ok(Answer::Pending(vec!["b.0001_y".to_owned()])));
        for output in [
            "",
            "hello\n",
            "[X]  a.0001_x\nbye\n",
            "loading … [ ]  a.0001_x\n[X]  b.0001_y\n",
            "[X] a\n",
            "[-]  a.0001_x\n",
            "[X]  a.0001_x\n[?]  b.0001_y\n",
        ] {
            assert!(answer(output).is_err(), "{output:?}");
        }
    }
}
