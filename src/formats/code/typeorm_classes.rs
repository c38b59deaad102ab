//! The classes of migrations in a file of JavaScript or TypeScript, read as text. What is not understood for certain is said
//! to be unknown.

/// A class, or what stands for classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Class {
    /// A migration of this name: its property `name`, else the name of the class.
    Migration(String),
    /// Only Node can tell which migrations the file exports; with the reason.
    Unknown(String),
}

/// The migrations that a file exports.
#[must_use]
pub(crate) fn classes(text: &str) -> Vec<Class> {
    let code = code(text);
    let unknown = |why: &str| vec![Class::Unknown(why.to_owned())];
    if code.contains("export *") || code.contains("__exportStar(") {
        return unknown("it exports what other files have");
    }
    let mut found = Vec::new();
    for at in words(&code, "class") {
        let rest = &code[at + "class".len()..];
        let Some(open) = rest.find('{') else { return unknown("it has a class without a body") };
        let header = rest[..open].trim();
        let start = at + "class".len() + open + 1;
        let Some(length) = close(&code[start..]) else { return unknown("a class in it has no end") };
        let name: String = header.chars().take_while(|c| is_of_a_name(*c)).collect();
        let body = Body { code: &code[start..start + length], text: &text[start..start + length] };
        let extends = header.split(|c: char| !is_of_a_name(c)).any(|word| word == "extends");
        match (body.has_up(), extends) {
            (false, true) => return unknown(&format!("the class {name} may inherit a migration")),
            (false, false) => continue,
            (true, _) if name.is_empty() || ["extends", "implements"].contains(&name.as_str()) => {
                return unknown("a class in it has no name");
            }
            (true, _) => {}
        }
        if !is_exported(&code, at, &name) {
            return unknown(&format!("whether it exports the class {name}"));
        }
        match body.property() {
            Property::Absent => found.push(Class::Migration(name)),
            Property::Is(value) => found.push(Class::Migration(value)),
            Property::Computed => return unknown(&format!("it computes the name of the class {name}")),
        }
    }
    if found.is_empty() {
        return of_functions(text, &code);
    }
    found
}

/// A class as it is compiled for ES5: a function with `NAME.prototype.up`.
fn of_functions(text: &str, code: &str) -> Vec<Class> {
    let unknown = |why: &str| vec![Class::Unknown(why.to_owned())];
    let ups: Vec<usize> = code.match_indices(".prototype.up").map(|(at, _)| at).collect();
    match ups.as_slice() {
        [] if !code.contains("export") => Vec::new(),
        [] => unknown("it has no class of a migration that can be read"),
        [at] => {
            let name: String = code[..*at].chars().rev().take_while(|c| is_of_a_name(*c)).collect();
            let name: String = name.chars().rev().collect();
            match (Body { code, text }).assigned() {
                _ if !is_exported(code, code.len(), &name) => unknown(&format!("whether it exports the class {name}")),
                Property::Absent => vec![Class::Migration(name)],
                Property::Is(value) => vec![Class::Migration(value)],
                Property::Computed => unknown(&format!("it computes the name of the class {name}")),
            }
        }
        _ => unknown("it has several functions that may be migrations"),
    }
}

/// What a class says about its property `name`.
enum Property {
    Absent,
    Is(String),
    Computed,
}

/// The body of a class.
struct Body<'a> {
    /// Without comments, and with blanks in literals.
    code: &'a str,
    text: &'a str,
}

impl Body<'_> {
    /// It has a method `up`.
    fn has_up(&self) -> bool {
        words(self.code, "up").any(|at| {
            let rest = self.code[at + 2..].trim_start();
            depth(&self.code[..at]) == 0 && (rest.starts_with('(') || rest.starts_with('='))
        })
    }

    fn property(&self) -> Property {
        let member = |at: &usize| depth(&self.code[..*at]) == 0 && !self.code[..*at].trim_end().ends_with('.');
        let mut members = words(self.code, "name").filter(member);
        match (members.next(), members.next()) {
            (None, _) => self.assigned(),
            (Some(at), None) => {
                let rest = &self.code[at + "name".len()..];
                // `name: string = …`, `name!: …`
                let end = rest.find(['=', ';', '\n', '(', '{']).unwrap_or(rest.len());
                match rest[end..].starts_with('=') {
                    true => literal(&self.text[at + "name".len() + end + 1..]),
                    false => Property::Computed,
                }
            }
            _ => Property::Computed,
        }
    }

    /// `this.name = …` in the constructor.
    fn assigned(&self) -> Property {
        let mut assigned = self.code.match_indices("this.name").filter_map(|(at, word)| {
            let rest = &self.code[at + word.len()..];
            let value = rest.trim_start().strip_prefix('=').filter(|value| !value.starts_with('='))?;
            Some(at + word.len() + rest.len() - rest.trim_start().len() + rest.trim_start().len() - value.len())
        });
        match (assigned.next(), assigned.next()) {
            (None, _) => Property::Absent,
            (Some(at), None) => literal(&self.text[at..]),
            _ => Property::Computed,
        }
    }
}

/// The literal that a text begins with, if the expression ends after it.
fn literal(text: &str) -> Property {
    let text = text.trim_start();
    let Some(quote) = text.chars().next().filter(|quote| "\"'`".contains(*quote)) else { return Property::Computed };
    let Some((value, rest)) = text[1..].split_once(quote) else { return Property::Computed };
    let ends = rest.trim_start_matches([' ', '\t']);
    let is_end = ends.is_empty() || ends.starts_with([';', '\n', '\r', '}', ',']) || ends.starts_with("as const");
    match is_end && !value.contains('\\') && !value.contains("${") {
        true => Property::Is(value.to_owned()),
        false => Property::Computed,
    }
}

/// Whether the file exports a class that begins `at` this place.
fn is_exported(code: &str, at: usize, name: &str) -> bool {
    let before = code[..at.min(code.len())].trim_end();
    let words_before = ["export", "default", "abstract"];
    let is_marked = words_before.iter().any(|word| before.ends_with(word));
    let is_assigned = before.strip_suffix('=').is_some_and(|before| {
        let target = before.trim_end();
        let target: &str = &target[target.rfind(|c: char| !is_of_a_name(c) && c != '.').map_or(0, |end| end + 1)..];
        target.starts_with("exports.") || target.starts_with("module.exports")
    });
    let forms = [
        format!("exports.{name} = "),
        format!("exports.{name}="),
        format!("exports = {name}"),
        format!("exports.default = {name}"),
    ];
    let is_listed = ["export {", "export{", "module.exports = {", "module.exports={"].iter().any(|list| {
        code.match_indices(list).any(|(start, list)| {
            let inner = code[start + list.len()..].split('}').next().unwrap_or_default();
            inner.split(',').any(|item| item.trim() == name)
        })
    });
    is_marked
        || is_assigned
        || is_listed
        || forms.iter().any(|form| code.contains(form.as_str()))
        || code.contains(&format!("export default {name}"))
}

fn is_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

/// Where this word stands as a whole.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_whole =
        move |at: usize| !code[..at].ends_with(is_of_a_name) && !code[at + word.len()..].starts_with(is_of_a_name);
    code.match_indices(word).map(|(at, _)| at).filter(move |at| is_whole(*at) && !code[..*at].ends_with('.'))
}

/// How many brackets are open after a text.
fn depth(code: &str) -> usize {
    code.chars().fold(0, |depth, character| match character {
        '{' | '(' | '[' => depth + 1,
        '}' | ')' | ']' => depth.saturating_sub(1),
        _ => depth,
    })
}

/// Where the bracket closes that was opened before this text.
fn close(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in code.char_indices() {
        match character {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' if depth == 0 => return Some(at),
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The text with blanks for what is in comments and literals, of the same length.
fn code(text: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '`' => literal_length(rest, first),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => 0,
        };
        match length {
            0 => kept.push(first),
            length => kept.extend(std::iter::repeat_n(' ', length)),
        }
        rest = &rest[if length == 0 { first.len_utf8() } else { length }..];
    }
    kept
}

/// The length of the literal that begins here.
fn literal_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return at + 1,
            '\n' if quote != '`' => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let word = |class: Class| match class {
            Class::Migration(name) => name,
            Class::Unknown(_) => "?".to_owned(),
        };
        classes(text).into_iter().map(word).collect()
    }

    #[test]
    fn a_class_is_named_by_its_property_or_by_itself() {
        for (text, expected) in [
            (
                "import { MigrationInterface } from 'typeorm';\nexport class AddUser1693400000000 implements MigrationInterface {\n  \
                 name = 'AddUser1693400000000'\n  public async up(q: QueryRunner): Promise<void> {\n    \
                 await q.query(`CREATE TABLE \"name\" (name = 'x')`);\n  }\n  public async down(q) {}\n}\n",
                "AddUser1693400000000",
            ),
            ("module.exports.Apple1=class Apple1{ name=\"seed-1\"; async up(q){} async down(q){} };", "seed-1"),
            ("class A1 { constructor() { this.name = 'B2'; } async up(q) {} }\nexports.A1 = A1;", "B2"),
            ("class A1 { async up(q) {} }\nexports.A1 = A1;\n", "A1"),
            ("module.exports = class A1 { async up() {} }", "A1"),
            ("export default class A1 { readonly name: string = \"C3\"; up = async () => {} }", "C3"),
            ("class A1 { up() {} }\nexport { A1 };", "A1"),
            ("// export class No { up() {} }\nexport class A1 { /* name = 'x' */ up() { const name = 'y'; } }", "A1"),
            ("class Helper { run() {} }\nexport class A1 { up() { new Helper().name; } }", "A1"),
            (
                "exports.A1 = void 0;\nvar A1 = /** @class */ (function () {\n  function A1() {\n    this.name = 'D4';\n  }\n  \
                 A1.prototype.up = function (q) {};\n  return A1;\n}());\nexports.A1 = A1;\n",
                "D4",
            ),
            ("const x = 1;", ""),
        ] {
            assert_eq!(read(text).join(" "), expected, "{text}");
        }
        let two = "module.exports.A1=class A1{ up(){} };\nmodule.exports.B2=class B2{ up(){} };";
        assert_eq!(read(two), ["A1", "B2"]);
    }

    #[test]
    fn what_is_not_certain_is_unknown() {
        for text in [
            "export class A1 extends Base {}",
            "export class A1 { name = prefix + '1'; up() {} }",
            "export class A1 { get name() { return 'x'; } up() {} }",
            "export default class { up() {} }",
            "export * from './A1';",
            "export const migrations = [make('a')];",
            "class A1 { up() {} }\nregister(A1);",
            "export class A1 { up() { ",
            "export class A1 { constructor() { this.name = 'a'; this.name = 'b'; } up() {} }",
        ] {
            assert_eq!(read(text), ["?"], "{text}");
        }
    }
}
