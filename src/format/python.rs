//! What can be read of a Python file without running it: a name that is given a literal. Anything else is said to be
//! computed, and nobody guesses.

/// What a name is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// `None`.
    None,
    /// A text, or a list or tuple of texts; nested ones in one row.
    Texts(Vec<String>),
    /// More than a literal.
    Computed,
}

impl Value {
    /// The texts; none for `None`.
    pub(super) fn texts(self) -> Option<Vec<String>> {
        match self {
            Self::None => Some(Vec::new()),
            Self::Texts(texts) => Some(texts),
            Self::Computed => None,
        }
    }
}

/// Every assignment to a name that `is_it` (`x = …`, `x: T = …`, `x += …`), as a statement of its own, in the order of
/// the text; with the value as it is written, as far as the end of its line.
pub(super) fn assignments(text: &str, is_it: impl Fn(&str) -> bool) -> Vec<(&str, Value, &str)> {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = offset + line.len() - line.trim_start().len();
        offset += line.len();
        let statement = &text[start..];
        let name = statement.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        if !name.is_empty() && is_it(name) {
            let written = after_the_sign(&statement[name.len()..]);
            found.extend(written.map(|rest| (name, value(rest), rest.lines().next().unwrap_or_default())));
        }
    }
    found
}

/// What the last assignment gives a name.
pub(super) fn assigned(text: &str, name: &str) -> Option<Value> {
    assignments(text, |known| known == name).pop().map(|(_, value, _)| value)
}

/// What a keyword argument `name=…` is given, wherever it stands.
pub(super) fn argument(text: &str, name: &str) -> Option<Value> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
    let found = code.match_indices(name).find_map(|(at, _)| {
        let before = code[..at].chars().next_back();
        let is_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.');
        let rest = code[at + name.len()..].trim_start().strip_prefix('=').filter(|rest| !rest.starts_with('='));
        rest.filter(|_| !is_word)
    })?;
    let mut reader = Reader { text: found, depth: 1 };
    Some(match reader.item() {
        Some(value) if reader.rest().starts_with([',', ')']) => value,
        _ => Value::Computed,
    })
}

/// Past an annotation and the sign of an assignment.
fn after_the_sign(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches([' ', '\t']);
    if let Some(rest) = rest.strip_prefix("+=") {
        return Some(rest);
    }
    let rest = match rest.strip_prefix(':') {
        Some(annotated) => &annotated[annotated.lines().next()?.find('=')?..],
        None => rest,
    };
    rest.strip_prefix('=').filter(|rest| !rest.starts_with('='))
}

/// The literal that a text begins with, if the statement ends after it.
fn value(text: &str) -> Value {
    let mut reader = Reader { text, depth: 0 };
    match reader.item() {
        Some(value) if reader.rest().is_empty() || reader.rest().starts_with(['\n', '\r', ';']) => value,
        _ => Value::Computed,
    }
}

/// Reads literals, one after the other.
struct Reader<'a> {
    text: &'a str,
    /// Within brackets, line ends mean nothing.
    depth: usize,
}

impl<'a> Reader<'a> {
    /// What follows, past blanks and comments.
    fn rest(&mut self) -> &'a str {
        loop {
            let blank = |c: char| c == ' ' || c == '\t' || (self.depth > 0 && (c == '\n' || c == '\r'));
            self.text = self.text.trim_start_matches(blank);
            self.text = match (self.text.strip_prefix("\\\n"), self.text.starts_with('#')) {
                (Some(rest), _) => rest,
                (None, true) => &self.text[self.text.find('\n').unwrap_or(self.text.len())..],
                (None, false) => return self.text,
            };
        }
    }

    /// One literal; `None` for anything else.
    fn item(&mut self) -> Option<Value> {
        let rest = self.rest();
        if let Some(after) = rest.strip_prefix("None").filter(|after| !after.starts_with(char::is_alphanumeric)) {
            self.text = after;
            return Some(Value::None);
        }
        if let Some(close) = [('(', ')'), ('[', ']'), ('{', '}')].iter().find(|(open, _)| rest.starts_with(*open)) {
            self.text = &rest[1..];
            self.depth += 1;
            let texts = self.items(close.1);
            self.depth -= 1;
            return texts.map(Value::Texts);
        }
        let mut text = self.string()?;
        // Texts that stand side by side are one.
        while let Some(more) = self.string() {
            text += &more;
        }
        Some(Value::Texts(vec![text]))
    }

    fn items(&mut self, close: char) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        loop {
            if let Some(after) = self.rest().strip_prefix(close) {
                self.text = after;
                return Some(texts);
            }
            texts.extend(self.item()?.texts()?);
            match self.rest().strip_prefix(',') {
                Some(after) => self.text = after,
                None if self.rest().starts_with(close) => {}
                None => return None,
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let rest = self.rest();
        let prefix = rest.find(['\'', '"'])?;
        if !rest[..prefix].chars().all(|c| "rRuU".contains(c)) {
            return None;
        }
        let raw = rest[..prefix].contains(['r', 'R']);
        let body = &rest[prefix..];
        let quote = &body[..1];
        let triple = quote.repeat(3);
        let end = if body.starts_with(&triple) { triple.as_str() } else { quote };
        let body = &body[end.len()..];
        let mut text = String::new();
        let mut characters = body.char_indices();
        while let Some((at, character)) = characters.next() {
            if body[at..].starts_with(end) {
                self.text = &body[at + end.len()..];
                return Some(text);
            }
            match character {
                '\\' if !raw => match characters.next()?.1 {
                    '\n' => {}
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    other => text.push(other),
                },
                other => text.push(other),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(items: &[&str]) -> Option<Value> {
        Some(Value::Texts(items.iter().map(|item| (*item).to_owned()).collect()))
    }

    #[test]
    fn literals_are_read_in_every_form() {
        for (text, expected) in [
            ("x = 'a'", texts(&["a"])),
            ("x: str = \"a\"  # why", texts(&["a"])),
            ("x: Union[str, None] = None\n", Some(Value::None)),
            ("x: Union[str, Sequence[str], None] = ('a', \"b\",)", texts(&["a", "b"])),
            ("x = [\n    'a',  # one\n    r'b',\n]\n", texts(&["a", "b"])),
            ("    x = [('app', '0001'), ('app', '0002')]", texts(&["app", "0001", "app", "0002"])),
            ("x = (\n  'a'\n  'b')", texts(&["ab"])),
            ("x = '''a'b'''", texts(&["a'b"])),
            ("x = ()", texts(&[])),
            ("x += ['a']", texts(&["a"])),
            ("x = 'a'\r\ny = 1", texts(&["a"])),
            ("x = f()", Some(Value::Computed)),
            ("x = 'a' + y", Some(Value::Computed)),
            ("x = f'{y}'", Some(Value::Computed)),
            ("x = ['a', y]", Some(Value::Computed)),
            ("x == 'a'", None),
            ("xy = 'a'", None),
            ("# x = 'a'", None),
        ] {
            assert_eq!(assigned(text, "x"), expected, "{text}");
        }
        assert_eq!(assigned("x = 'a'\nx = 'b'", "x"), texts(&["b"]));
    }

    #[test]
    fn arguments_are_found_wherever_they_stand() {
        let text =
            "context.configure(\n    connection=c,\n    version_table = 'v',\n    # version_table_schema='no'\n)";
        assert_eq!(argument(text, "version_table"), texts(&["v"]));
        assert_eq!(argument(text, "version_table_schema"), None);
        assert_eq!(
            argument("configure(version_table_schema=meta.schema)", "version_table_schema"),
            Some(Value::Computed)
        );
        assert_eq!(argument("configure(version_table_schema='app')", "version_table_schema"), texts(&["app"]));
        assert_eq!(argument("version_table == 'x'", "version_table"), None);
    }
}
