//! The columns of the index that a condition of a plan could be searched with. Pure.
//!
//! Only what is certain is read: parts joined by AND, each a plain column compared with something. Columns that are compared for
//! equality come first, then the first one that is compared otherwise: an index is searched by no column behind that.

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Range,
}

/// Comparisons as PostgreSQL prints them, longer ones first.
const OPERATORS: [(&str, Comparison); 7] = [
    (" = ", Comparison::Equal),
    (" IS NULL", Comparison::Equal),
    (" >= ", Comparison::Range),
    (" <= ", Comparison::Range),
    (" > ", Comparison::Range),
    (" < ", Comparison::Range),
    (" IS NOT NULL", Comparison::Range),
];

/// The columns, in the order that the index should have them; empty where the condition shows none.
pub(crate) fn columns(filter: &str) -> Vec<String> {
    let compared: Vec<(String, Comparison)> =
        parts(without_brackets(filter), " AND ").into_iter().filter_map(comparison).collect();
    let mut columns: Vec<String> = Vec::new();
    let equal = compared.iter().filter(|(_, how)| *how == Comparison::Equal);
    let range = compared.iter().filter(|(_, how)| *how == Comparison::Range).take(1);
    for (name, _) in equal.chain(range) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    columns
}

fn comparison(part: &str) -> Option<(String, Comparison)> {
    let part = without_brackets(part);
    let is_one = |word: &str| parts(part, word).len() == 1;
    if !is_one(" OR ") {
        return None;
    }
    let (operator, how) = OPERATORS.iter().find(|(operator, _)| !is_one(operator) || part.ends_with(operator))?;
    let left = part.split(operator).next()?;
    Some((column(left)?, *how))
}

/// `o.client_id`, `("Order"."clientId")::text` as the name of a column; `None` for any other expression.
fn column(text: &str) -> Option<String> {
    let text = without_brackets(text.trim());
    // The server writes a cast of a column that changes nothing but its name: `(status)::text`.
    let text = match text.rsplit_once(")::") {
        Some((inner, _)) => inner.strip_prefix('(')?,
        None => text,
    };
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = identifier(rest)?;
        names.push(name);
        match after.strip_prefix('.') {
            Some(after) => rest = after,
            None if after.is_empty() => return names.pop(),
            None => return None,
        }
    }
}

/// The identifier at the beginning, quoted or not, and what follows it.
fn identifier(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let end = quoted.find('"')?;
        // A doubled quote within a name is rare enough to be no candidate.
        let after = &quoted[end + 1..];
        return (!after.starts_with('"')).then(|| (quoted[..end].to_owned(), after));
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let begins_well = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    begins_well.then(|| (text[..end].to_owned(), &text[end..]))
}

/// The text without the brackets around all of it.
fn without_brackets(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        let mut depth = 0_i32;
        let closes_early = inner.chars().any(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth < 0
        });
        if closes_early {
            break;
        }
        text = inner.trim();
    }
    text
}

/// The text at each place outside of brackets and quotes where `separator` stands.
fn parts<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let (mut parts, mut begin, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, _) if depth == 0 && at >= begin && text[at..].starts_with(separator) => {
                parts.push(&text[begin..at]);
                begin = at + separator.len();
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_columns_come_before_one_range() {
        for (filter, expected) in [
            ("(o.client_id = $1)", "client_id"),
            ("((o.placed_at > $1) AND (o.client_id = $2) AND (o.total < $3))", "client_id placed_at"),
            ("((o.status)::text = 'open; AND (x'::text)", "status"),
            ("((\"Order\".\"clientId\" = $1) AND (\"Order\".deleted_at IS NULL))", "clientId deleted_at"),
            ("(o.id = ANY ('{1,2}'::integer[]))", "id"),
            ("((o.a = $1) OR (o.b = $2))", ""),
            ("((o.a = $1) AND ((o.b = $2) OR (o.c = $3)))", "a"),
            ("(lower(o.email) = $1)", ""),
            ("((o.a + 1) = $1)", ""),
            ("o.is_open", ""),
            ("(NOT o.is_open)", ""),
            ("", ""),
        ] {
            assert_eq!(columns(filter).join(" "), expected, "{filter}");
        }
    }
}
