//! Whether `migrate_command` makes a tool read something else than its configuration says.

use crate::config::words::Words;

/// The command that applies the migrations of a tool.
#[derive(Debug)]
pub(crate) struct CommandForm {
    /// Names of the program, or the last parts of its path.
    pub programs: &'static [&'static str],
    /// The words that follow and mean: apply all that is pending.
    pub applies: &'static [&'static str],
    /// Options that change neither files nor history.
    pub harmless: &'static [&'static str],
    /// Options with a value that [`Convention::find`](super::Convention) and the configuration heed.
    pub heeded: &'static [&'static str],
}

/// Words that start a program in another directory.
const MOVES: &[&str] = &["cd", "-C", "--directory", "--chdir", "--cwd", "--prefix", "--workspace", "-w"];

impl CommandForm {
    /// Whether the command starts this tool; `None` where it does not show what it starts.
    pub(crate) fn is_started(&self, command: &Words) -> bool {
        words(command).any(|word| self.is_program(word))
    }

    fn is_program(&self, word: &str) -> bool {
        let is_named =
            |program: &&str| word.strip_suffix(*program).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        self.programs.iter().any(is_named)
    }

    /// The word of the command by which the tool may read other files or write another history. A command that does
    /// not show the tool (`make migrate`) is taken to call it as its configuration says.
    pub(crate) fn overrides(&self, command: &Words) -> Option<String> {
        let words: Vec<&str> = words(command).collect();
        let at = words.iter().position(|word| self.is_program(word))?;
        let is_moved = |word: &&&str| MOVES.contains(&word.split('=').next().unwrap_or_default()) || is_variable(word);
        let mut found = words[..at].iter().find(is_moved).copied();
        let mut after = words[at + 1..].iter();
        while let (None, Some(word)) = (found, after.next()) {
            let (name, value) = word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
            if self.heeded.contains(&name) {
                if value.is_none() {
                    after.next();
                }
            } else if !self.applies.contains(word) && !self.harmless.contains(&name) {
                found = Some(word);
            }
        }
        found.map(|word| format!("the command has {word}, which may change what it reads"))
    }

    /// The option of the command that names what a configuration would say.
    pub(crate) fn heeded_option(&self, command: &Words) -> Option<String> {
        let name = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
        let has_program = self.is_started(command);
        words(command).map(name).find(|name| has_program && self.heeded.contains(&name.as_str()))
    }

    /// The value of one of these options in the command.
    pub(crate) fn option(command: &Words, names: &[&str]) -> Option<String> {
        let words: Vec<&str> = words(command).collect();
        words.iter().enumerate().find_map(|(at, word)| match word.split_once('=') {
            Some((name, value)) if names.contains(&name) => Some(value.to_owned()),
            None if names.contains(word) => words.get(at + 1).map(|value| (*value).to_owned()),
            _ => None,
        })
    }
}

/// The words of a command, and those within `sh -c '…'`.
fn words(command: &Words) -> impl Iterator<Item = &str> {
    command.as_slice().iter().flat_map(|word| word.split_whitespace())
}

/// `NAME=value` before a program. `NODE_ENV=production` changes which part of a configuration counts.
fn is_variable(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name).unwrap_or_default();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: CommandForm = CommandForm {
        programs: &["knex"],
        applies: &["migrate:latest"],
        harmless: &["--verbose"],
        heeded: &["--knexfile"],
    };

    #[test]
    fn only_a_command_that_applies_all_leaves_the_configuration_in_force() {
        let overrides = |command: &str| FORM.overrides(&command.parse().unwrap());
        for command in [
            "npx knex migrate:latest",
            "node_modules/.bin/knex --knexfile db/knexfile.js migrate:latest --verbose",
            "knex --knexfile=knexfile.js migrate:latest",
            "npm run migrate",
            "sh -c 'npx knex migrate:latest'",
        ] {
            assert_eq!(overrides(command), None, "{command}");
        }
        for (command, word) in [
            ("npx knex migrate:up", "migrate:up"),
            ("npx knex migrate:latest --env=test", "--env=test"),
            ("sh -c 'cd api && npx knex migrate:latest'", "cd"),
            ("env NODE_ENV=production npx knex migrate:latest", "NODE_ENV=production"),
            ("npm exec --prefix api knex migrate:latest", "--prefix"),
        ] {
            assert!(overrides(command).is_some_and(|why| why.contains(word)), "{command}");
        }
        assert!(FORM.is_started(&"npx knex x".parse().unwrap()) && !FORM.is_started(&"make".parse().unwrap()));
    }

    #[test]
    fn the_value_of_an_option_is_found_in_both_forms() {
        let option = |command: &str| CommandForm::option(&command.parse().unwrap(), &["-d", "--dataSource"]);
        assert_eq!(option("typeorm migration:run -d a.js").as_deref(), Some("a.js"));
        assert_eq!(option("typeorm migration:run --dataSource=b.js").as_deref(), Some("b.js"));
        assert_eq!(option("typeorm migration:run"), None);
    }
}
