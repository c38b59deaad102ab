//! `-- doorstep:allow drop, rename  reason`: on the line of a statement, or on the lines directly above it.

use std::collections::HashMap;

use crate::config::LintRule;
use crate::lint::hazard::Hazard;
use crate::sql::script::Script;

/// How such a comment begins, after its dashes.
const MARK: &str = "doorstep:allow";

/// The rules that comments of a script allow, by line; and which lines are comments alone.
pub(crate) struct Comments {
    allowed: HashMap<usize, Vec<LintRule>>,
    comment_lines: Vec<usize>,
    /// Comments that name no rule, or an unknown one, by line.
    pub(crate) wrong: Vec<(usize, String)>,
}

impl Comments {
    /// Reads the comments of a script.
    pub(crate) fn of(script: &Script) -> Self {
        let text = script.text();
        let mut found = Self { allowed: HashMap::new(), comment_lines: Vec::new(), wrong: Vec::new() };
        for comment in script.comments() {
            let line = script.line_at(comment.offset);
            let before = text[..comment.offset].rsplit('\n').next().unwrap_or_default();
            if before.trim().is_empty() {
                found.comment_lines.push(line);
            }
            let words = text[comment.offset..comment.end].trim_start_matches(['-', '#']).trim();
            let Some(rest) = words.strip_prefix(MARK) else { continue };
            match rules(rest) {
                Ok(rules) => found.allowed.entry(line).or_default().extend(rules),
                Err(why) => found.wrong.push((line, why)),
            }
        }
        found
    }

    /// Whether a comment at the hazard, or above its statement, names its rule.
    pub(crate) fn accept(&self, hazard: &Hazard) -> bool {
        let names = |line: usize| self.allowed.get(&line).is_some_and(|rules| rules.contains(&hazard.rule));
        let place = &hazard.place;
        if names(place.line) || names(place.statement_line) {
            return true;
        }
        let above = |from: usize| (1..from).rev().take_while(|line| self.comment_lines.binary_search(line).is_ok());
        above(place.line).any(names) || above(place.statement_line).any(names)
    }
}

/// `drop, rename  because the release before no longer reads it`: names, separated by commas, then a reason.
fn rules(rest: &str) -> Result<Vec<LintRule>, String> {
    if !rest.starts_with([' ', '\t', ':']) {
        return Err(format!("`{MARK}` names no rule\nnext: {MARK} RULE[, RULE] reason"));
    }
    let mut found = Vec::new();
    let mut rest = rest.trim_start_matches([' ', '\t', ':']);
    loop {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(rest.len());
        found.push(rest[..end].parse()?);
        rest = rest[end..].trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;

    #[test]
    fn names_come_before_a_reason_and_unknown_ones_are_told() {
        assert_eq!(rules(" drop"), Ok(vec![LintRule::Drop]));
        assert_eq!(rules(" drop, rename since v3 nothing reads it"), Ok(vec![LintRule::Drop, LintRule::Rename]));
        assert_eq!(rules(": drop: the reason"), Ok(vec![LintRule::Drop]));
        assert!(rules(" drpo").unwrap_err().contains("did you mean drop?"));
        assert!(rules("ed").is_err() && rules("").is_err() && rules(" ").is_err());
        let script = Script::new("-- doorstep:allow x\nSELECT '-- doorstep:allow y'".to_owned(), Dialect::Postgres);
        assert_eq!(Comments::of(&script).wrong.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1]);
    }
}
