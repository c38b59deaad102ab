//! The datasource block, found and parsed without the rest of the schema: a start needs the database's URL before all else.

use crate::schema_source::prisma::parser;
use crate::schema_source::prisma::syntax::{Block, BlockKind};

/// The first `datasource` block of a file, whether or not the rest of it is right.
pub(super) fn block(text: &str) -> Option<Block<'_>> {
    let of =
        |text| parser::parse(text, 0, &mut Vec::new()).into_iter().find(|block| block.kind == BlockKind::Datasource);
    if !text.contains("datasource") {
        return None;
    }
    // A comment may hold lines that look like the block.
    if text.contains("/*") {
        return of(text);
    }
    // A block that is not written as usual is found by the parser.
    alone(text).and_then(of).or_else(|| of(text))
}

/// The text of the block, from the line that begins it to the line with its bracket. A field of this name has no bracket.
fn alone(text: &str) -> Option<&str> {
    let begin = position(text, |line| {
        let mut words = line.split_whitespace();
        words.next() == Some("datasource")
            && words.next().is_some()
            && words.next().is_some_and(|word| word.starts_with('{'))
    })?;
    let block = &text[begin..];
    let end = position(block, |line| line.trim_start().starts_with('}'))?;
    let line = block[end..].lines().next()?;
    Some(&block[..end + line.len()])
}

/// Where the first line begins that is meant.
fn position(text: &str, is_meant: impl Fn(&str) -> bool) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if is_meant(line) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        block(text).into_iter().flat_map(|block| block.settings).map(|(key, _)| key.text.into()).collect()
    }

    #[test]
    fn the_block_is_found_wherever_it_is() {
        let usual = "generator g {\n  x = 1\n}\n\ndatasource db {\n  provider = \"sqlite\"\n  url = env(\"U\")\n}\nmodel A {\n broken(\n";
        assert_eq!(keys(usual), ["provider", "url"]);
        let field =
            "model A {\n  datasource String\n  datasource2 Int\n}\n  datasource  db  {\r\n url = \"x\"\r\n  }\r\n";
        assert_eq!(keys(field), ["url"]);
        assert_eq!(keys("// datasource db {\n// }\n"), [""; 0]);
        assert_eq!(keys("/*\ndatasource db {\n provider = 1\n}\n*/\ndatasource db {\n url = 2\n}\n"), ["url"]);
        assert_eq!(keys("// datasource db {\n// }\ndatasource db {\n url = \"}\"\n}\n"), ["url"]);
        assert_eq!(keys("model A {\n  datasource Int\n}\n"), [""; 0]);
    }

    #[test]
    fn a_block_written_in_another_way_is_left_to_the_parser() {
        let odd = "datasource db\n{\n  url = \"x\"\n}\n";
        assert_eq!(keys(odd).len(), block(odd).map_or(0, |block| block.settings.len()));
        assert_eq!(alone(odd), None);
    }
}
