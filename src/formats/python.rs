//! Reads literals that a Python file assigns to names, without running it. Any other value is reported as computed, and
//! the caller starts the tool instead of guessing.

/// The value of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PythonValue {
    /// `None`.
    None,
    /// A text, or a list or tuple of texts; nested ones in one row.
    Texts(Vec<String>),
    /// More than a literal.
    Computed,
}

impl PythonValue {
    /// The texts; none for `None`.
    pub(crate) fn texts(self) -> Option<Vec<String>> {
        match self {
            Self::None => Some(Vec::new()),
            Self::Texts(texts) => Some(texts),
            Self::Computed => None,
        }
    }
}

/// Where an assignment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssignmentScope {
    /// At the beginning of a line: it is always done.
    Module,
    /// Under an `if`, a `try`, a `for`: perhaps.
    Branch,
    /// In a function or a class: it is about another name.
    Local,
}

/// An assignment as a statement of its own: `x = …`, `x: T = …`, `x += …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: PythonValue,
    /// The value as it is written, as far as the end of its line.
    pub(crate) written: &'a str,
    /// It is added to what the name had.
    pub(crate) adds: bool,
    pub(crate) scope: AssignmentScope,
}

/// Every assignment to a name that `is_it`, in the order of the text.
pub(crate) fn assignments(text: &str, is_it: impl Fn(&str) -> bool) -> Vec<Assignment<'_>> {
    let mut found = Vec::new();
    for (scope, start, line) in statements(&code(text)) {
        let name = &text[start..start + line.find(|c| !is_of_a_name(c)).unwrap_or(line.len())];
        if name.is_empty() || !is_it(name) {
            continue;
        }
        let rest = &text[start + name.len()..];
        let adds = rest.trim_start().starts_with("+=");
        found.extend(after_the_sign(rest).map(|rest| {
            let written = rest.lines().next().unwrap_or_default();
            Assignment { name, value: value(rest), written, adds, scope }
        }));
    }
    found
}

/// The value that the module itself assigns to a name: a literal only if the module does nothing else with the name.
pub(crate) fn assigned(text: &str, name: &str) -> Option<PythonValue> {
    let mut found = assignments(text, |known| known == name);
    found.retain(|assignment| assignment.scope != AssignmentScope::Local);
    let is_certain = |it: &Assignment<'_>| !it.adds && it.scope == AssignmentScope::Module;
    match mentions(text, name) == found.len() && found.iter().all(is_certain) {
        false => Some(PythonValue::Computed),
        true if found.is_empty() => imports_all(text).then_some(PythonValue::Computed),
        true => found.pop().map(|assignment| assignment.value),
    }
}

/// The value that a class of the module assigns to a name.
pub(crate) fn attribute(text: &str, name: &str) -> Option<PythonValue> {
    let found = assignments(text, |known| known == name);
    match found.as_slice() {
        [] => None,
        [Assignment { value, adds: false, .. }] => Some(value.clone()),
        _ => Some(PythonValue::Computed),
    }
}

/// How often the module's own code has a name.
pub(crate) fn mentions(text: &str, name: &str) -> usize {
    let code = code(text);
    let of_module = statements(&code).filter(|(scope, ..)| *scope != AssignmentScope::Local);
    of_module.map(|(_, _, line)| line.split(|c| !is_of_a_name(c)).filter(|word| *word == name).count()).sum()
}

/// Whether `from … import *` may bring in more names.
pub(crate) fn imports_all(text: &str) -> bool {
    code(text).lines().any(|line| line.trim_start().starts_with("from") && line.trim_end().ends_with('*'))
}

/// The value of the keyword argument `name=…`, in any call; computed, if calls differ.
pub(crate) fn argument(text: &str, name: &str) -> Option<PythonValue> {
    let code = code(text);
    let mut found = code.match_indices(name).filter_map(|(at, _)| {
        let before = code[..at].chars().next_back();
        let is_word = before.is_some_and(|c| is_of_a_name(c) || c == '.');
        let after = code[at + name.len()..].trim_start();
        let is_given = after.starts_with('=') && !after.starts_with("==") && !is_word;
        let given = text[at + name.len()..].trim_start().strip_prefix('=').filter(|_| is_given)?;
        let mut reader = LiteralReader { text: given, depth: 1 };
        Some(match reader.item() {
            Some(value) if reader.rest().starts_with([',', ')']) => value,
            _ => PythonValue::Computed,
        })
    });
    let first = found.next()?;
    Some(if found.all(|other| other == first) { first } else { PythonValue::Computed })
}

fn is_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The statements of a [`code`]: where each stands, where it begins, and what it says.
fn statements(code: &str) -> impl Iterator<Item = (AssignmentScope, usize, &str)> {
    let (mut offset, mut block) = (0, AssignmentScope::Branch);
    code.split_inclusive('\n').filter_map(move |line| {
        let statement = line.trim_start();
        let start = offset + line.len() - statement.len();
        offset += line.len();
        let scope = if statement.len() == line.len() { AssignmentScope::Module } else { block };
        let first = statement.split(|c| !is_of_a_name(c)).next().unwrap_or_default();
        if scope == AssignmentScope::Module {
            block = if ["def", "async", "class"].contains(&first) {
                AssignmentScope::Local
            } else {
                AssignmentScope::Branch
            };
        }
        (!statement.is_empty()).then_some((scope, start, statement))
    })
}

/// The text with blanks for what is in strings and comments, and for the line ends within a statement: of the same
/// length, and each line is a statement.
pub(crate) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let (mut rest, mut depth) = (text, 0_usize);
    while let Some(character) = rest.chars().next() {
        let blank = match character {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '\'' | '"' => string_length(rest),
            '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            '\n' | '\r' if depth > 0 => 1,
            _ => 0,
        };
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match blank {
            0 => code.push(character),
            blank => code.extend(std::iter::repeat_n(' ', blank)),
        }
        rest = &rest[if blank == 0 { character.len_utf8() } else { blank }..];
    }
    code
}

/// The length of the string that a text begins with; to the end of its line if it does not end there.
fn string_length(text: &str) -> usize {
    let triple = text[..1].repeat(3);
    let end = if text.starts_with(&triple) { triple.as_str() } else { &text[..1] };
    let mut characters = text.char_indices().skip(end.len());
    while let Some((at, character)) = characters.next() {
        if text[at..].starts_with(end) {
            return at + end.len();
        }
        match character {
            '\\' => drop(characters.next()),
            '\n' if end.len() == 1 => return at,
            _ => {}
        }
    }
    text.len()
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
fn value(text: &str) -> PythonValue {
    let mut reader = LiteralReader { text, depth: 0 };
    match reader.item() {
        Some(value) if reader.rest().is_empty() || reader.rest().starts_with(['\n', '\r', ';']) => value,
        _ => PythonValue::Computed,
    }
}

/// Reads literals, one after the other.
struct LiteralReader<'a> {
    text: &'a str,
    /// Open brackets: within them a line end does not end the statement.
    depth: usize,
}

impl<'a> LiteralReader<'a> {
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
    fn item(&mut self) -> Option<PythonValue> {
        let rest = self.rest();
        if let Some(after) = rest.strip_prefix("None").filter(|after| !after.starts_with(char::is_alphanumeric)) {
            self.text = after;
            return Some(PythonValue::None);
        }
        if let Some(close) = [('(', ')'), ('[', ']'), ('{', '}')].iter().find(|(open, _)| rest.starts_with(*open)) {
            self.text = &rest[1..];
            self.depth += 1;
            let texts = self.items(close.1);
            self.depth -= 1;
            return texts.map(PythonValue::Texts);
        }
        let mut text = self.string()?;
        // Adjacent strings are one.
        while let Some(more) = self.string() {
            text += &more;
        }
        Some(PythonValue::Texts(vec![text]))
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

    fn texts(items: &[&str]) -> Option<PythonValue> {
        Some(PythonValue::Texts(items.iter().map(|item| (*item).to_owned()).collect()))
    }

    #[test]
    fn literals_are_read_in_every_form() {
        for (text, expected) in [
            ("x = 'a'", texts(&["a"])),
            ("x: str = \"a\"  # why", texts(&["a"])),
            ("x: Union[str, None] = None\n", Some(PythonValue::None)),
            ("x: Union[str, Sequence[str], None] = ('a', \"b\",)", texts(&["a", "b"])),
            ("x = [\n    'a',  # one\n    r'b',\n]\n", texts(&["a", "b"])),
            ("x = [('app', '0001'), ('app', '0002')]", texts(&["app", "0001", "app", "0002"])),
            ("x = (\n  'a'\n  'b')", texts(&["ab"])),
            ("x = '''a'b'''", texts(&["a'b"])),
            ("x = ()", texts(&[])),
            ("x = 'a'\r\ny = 1", texts(&["a"])),
            ("x = f()", Some(PythonValue::Computed)),
            ("x = 'a' + y", Some(PythonValue::Computed)),
            ("x = f'{y}'", Some(PythonValue::Computed)),
            ("x = ['a', y]", Some(PythonValue::Computed)),
            ("xy = 'a'", None),
            ("# x = 'a'", None),
        ] {
            assert_eq!(assigned(text, "x"), expected, "{text}");
        }
        assert_eq!(assigned("x = 'a'\nx = 'b'", "x"), texts(&["b"]));
        assert!(assignments("x == 'a'", |_| true).is_empty());
    }

    #[test]
    fn only_what_a_module_always_gives_is_certain() {
        for (text, expected) in [
            ("\"\"\"\nx = 'no'\n\"\"\"\nx = 'a'\ny = '''\nx = 'b'\n'''\n", texts(&["a"])),
            ("x = 'a'\ndef f():\n    x = 'b'\n    return x\nclass C:\n    x = 'c'\n", texts(&["a"])),
            ("x = 'a'\nf(\nx = 'b'\n)  # it's\n", Some(PythonValue::Computed)),
            ("if y:\n    x = 'a'\n", Some(PythonValue::Computed)),
            ("x = 'a'\nif y: x = 'b'\n", Some(PythonValue::Computed)),
            ("x += ['a']", Some(PythonValue::Computed)),
            ("x, y = 'a', 'b'", Some(PythonValue::Computed)),
            ("from y import x", Some(PythonValue::Computed)),
            ("from y import *", Some(PythonValue::Computed)),
            ("y = 'é # x = 1'; z = '\\'x'", None),
        ] {
            assert_eq!(assigned(text, "x"), expected, "{text}");
        }
        assert_eq!(attribute("class M:\n    x = [('a', 'b')]\n", "x"), texts(&["a", "b"]));
        assert_eq!(attribute("class M:\n    x = ['a']\n    x += y\n", "x"), Some(PythonValue::Computed));
    }

    #[test]
    fn arguments_are_found_wherever_they_stand() {
        let text =
            "context.configure(\n    connection=c,\n    version_table = 'v',\n    # version_table_schema='no'\n)";
        assert_eq!(argument(text, "version_table"), texts(&["v"]));
        assert_eq!(argument(text, "version_table_schema"), None);
        assert_eq!(
            argument("configure(version_table_schema=meta.schema)", "version_table_schema"),
            Some(PythonValue::Computed)
        );
        assert_eq!(argument("configure(version_table_schema='app')", "version_table_schema"), texts(&["app"]));
        assert_eq!(argument("version_table == 'x'", "version_table"), None);
        assert_eq!(argument("'''version_table='x'\n'''", "version_table"), None);
        assert_eq!(argument("f(t='a')\nf(t='a')", "t"), texts(&["a"]));
        assert_eq!(argument("f(t='a')\nf(t='b')", "t"), Some(PythonValue::Computed));
    }
}
