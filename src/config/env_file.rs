//! `env_file`: a file of `KEY=VALUE` lines, read only where a setting names it. It fills what the environment leaves open for
//! doorstep itself; neither the service nor a hook gets its variables.

use std::path::Path;

use crate::base::env_lines;
use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::file::{FileKind, read_text, unreadable};
use crate::base::plain_name::shown_path;

/// Where the settings themselves are: read before this file is.
const TOO_LATE: [&str; 2] = ["DOORSTEP_CONFIG", "DOORSTEP_ENV_FILE"];

/// The environment, with what the file adds to it.
///
/// # Errors
/// [`Error::Settings`] with the file and the line. No value is quoted.
pub(crate) fn beneath(environment: &Environment, path: &Path) -> Result<Environment, Error> {
    let shown = shown_path(path);
    let text = read_text(path, FileKind::Configuration);
    let text = text.map_err(|error| Error::Settings(unreadable(format_args!("the env file {shown}"), &error)))?;
    let pairs = env_lines::parse(&text).map_err(|(line, why)| {
        Error::Settings(format!("{shown}:{line}: the line {why}\nnext: write KEY=VALUE, or a comment behind a #"))
    })?;
    if let Some(name) = TOO_LATE.iter().find(|late| pairs.iter().any(|(name, _)| name == *late)) {
        return Err(Error::Settings(format!(
            "{name} in {shown} has no effect: it is needed before that file is read\nnext: set it in the environment"
        )));
    }
    Ok(environment.above(pairs.into_iter().filter(|(name, _)| is_ours(name))))
}

/// libpq's variables and PATH belong to the clients of a hook, too, which would not get them.
fn is_ours(name: &str) -> bool {
    !name.starts_with("PG") && name != "PATH"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_wins_in_either_form_and_what_is_empty_is_not_set() {
        let set = [("A", "1"), ("EMPTY", ""), ("DATABASE_URL", "x"), ("OTHER_FILE", "y"), ("PATH", "p")];
        let set = Environment::from_pairs(set.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env");
        std::fs::write(&path, "A=2\nB=3\nEMPTY=4\nDATABASE_URL_FILE=z\nOTHER=w\nPATH=q\nPGHOST=h\nB=5\n").unwrap();
        let merged = beneath(&set, &path).unwrap();
        for (name, value) in [
            ("A", Some("1")),
            ("B", Some("5")),
            ("EMPTY", Some("4")),
            ("DATABASE_URL", Some("x")),
            ("DATABASE_URL_FILE", None),
            ("OTHER", None),
            ("OTHER_FILE", Some("y")),
            ("PATH", Some("p")),
            ("PGHOST", None),
        ] {
            assert_eq!(merged.get(name), value, "{name}");
        }
    }
}
