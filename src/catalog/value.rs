//! Default values. The catalogs of PostgreSQL and SQLite have them as SQL text, so this module parses SQL literals with
//! their casts, normalises the value by the type of the column, and compares two values: `1`, `1.0` and `'1'::numeric` are
//! one number, `{"a": 1}` and `{"a":1}` one document.
//!
//! What is no literal stays an expression. Two expressions are compared by [`simplified`], which only removes the
//! differences that servers make when they render an expression; it does not evaluate anything.

use crate::catalog::{Default, Type};

/// Groups of types whose values have the same notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Texts of any length.
    Text,
    /// Whole numbers.
    Integer,
    /// Binary fractions.
    Float,
    /// Decimal fractions.
    Decimal,
    /// Truth values.
    Boolean,
    /// Dates with a time, and dates.
    Moment,
    /// Times of the day.
    Time,
    /// JSON documents.
    Json,
    /// Bytes.
    Bytes,
    /// Enum types.
    Enum,
    /// UUIDs.
    Uuid,
    /// Strings of bits.
    Bits,
    /// All other types: values are compared as text, and nothing is known of those that differ.
    Other,
}

/// The family of a type, of any engine.
#[must_use]
pub fn family(kind: &Type) -> Family {
    match kind {
        Type::Native(name, _) => family_of(name),
        Type::Enum(_) => Family::Enum,
        Type::Other(_) => Family::Other,
    }
}

/// The family of the engine's own type with this name.
#[must_use]
pub(crate) fn family_of(name: &str) -> Family {
    // Almost every name is in lower case already.
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return family_of(&name.to_ascii_lowercase());
    }
    match name {
        "text" | "varchar" | "bpchar" | "char" | "citext" | "clob" => Family::Text,
        "int2" | "int4" | "int8" | "oid" | "int" | "integer" | "bigint" | "smallint" | "tinyint" | "mediumint"
        | "serial" | "unsigned big int" => Family::Integer,
        "float4" | "float8" | "real" | "double" | "double precision" | "float" => Family::Float,
        "numeric" | "decimal" => Family::Decimal,
        "bool" | "boolean" => Family::Boolean,
        "timestamp" | "timestamptz" | "date" | "datetime" => Family::Moment,
        "time" | "timetz" => Family::Time,
        "json" | "jsonb" => Family::Json,
        "bytea" | "blob" | "binary" => Family::Bytes,
        "uuid" => Family::Uuid,
        "bit" | "varbit" => Family::Bits,
        name if name.contains("char") || name.contains("text") => Family::Text,
        _ => Family::Other,
    }
}

/// A default from the text in which the server renders it (PostgreSQL's `pg_get_expr`, SQLite's `dflt_value`).
#[must_use]
pub fn read(text: &str, kind: &Type, is_list: bool) -> Default {
    let text = text.trim();
    if is_now(text) {
        return Default::Now;
    }
    if starts_with_word(text, "nextval(") {
        return Default::Sequence;
    }
    let family = family(kind);
    match literal(text) {
        Some((Literal::Null, "")) => Default::None,
        Some((Literal::List(items), "")) if is_list => {
            Default::List(items.iter().map(|item| normalised(item, family)).collect())
        }
        Some((Literal::Scalar(value), "")) if is_list => match array(&value) {
            Some(items) => Default::List(items.iter().map(|item| normalised(item, family)).collect()),
            None => Default::Expression(text.to_owned()),
        },
        Some((Literal::Scalar(value), "")) => Default::Value(normalised(&value, family)),
        _ => Default::Expression(text.to_owned()),
    }
}

/// Whether two values mean the same to a column of this family.
#[must_use]
pub fn same(one: &str, other: &str, family: Family) -> bool {
    match family {
        // Prisma never compares them: time zones and precision would need the server.
        Family::Moment | Family::Time => true,
        Family::Uuid => uuid_digits(one) == uuid_digits(other),
        _ => one == other || normalised(one, family) == normalised(other, family),
    }
}

/// The digits of a UUID, which the server also reads in upper case, in braces and without hyphens (its manual, 8.12).
fn uuid_digits(value: &str) -> String {
    value.chars().filter(|c| !matches!(c, '-' | '{' | '}')).collect::<String>().to_ascii_lowercase()
}

/// A value in the form that [`Default::Value`] asks for.
#[must_use]
pub fn normalised(value: &str, family: Family) -> String {
    match family {
        Family::Integer | Family::Float | Family::Decimal => number(value).unwrap_or_else(|| value.to_owned()),
        Family::Boolean => match value.to_ascii_lowercase().as_str() {
            "t" | "true" | "1" | "yes" | "on" | "y" => "true".to_owned(),
            "f" | "false" | "0" | "no" | "off" | "n" => "false".to_owned(),
            _ => value.to_owned(),
        },
        Family::Json => match serde_json::from_str::<serde_json::Value>(value) {
            Ok(mut document) => {
                document.sort_all_objects();
                document.to_string()
            }
            Err(_) => value.to_owned(),
        },
        Family::Bytes => value.strip_prefix("\\x").unwrap_or(value).to_ascii_lowercase(),
        _ => value.to_owned(),
    }
}

/// A number in plain decimal, without a leading `+`, redundant zeros or an exponent.
fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.abs() <= 1000)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // The place of the point, counted from the left.
    let mut point = i32::try_from(whole.len()).ok()? + exponent;
    while point < 0 {
        digits.insert(0, '0');
        point += 1;
    }
    let point = usize::try_from(point).ok()?;
    while digits.len() < point {
        digits.push('0');
    }
    let (whole, fraction) = digits.split_at(point);
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let sign = if negative && !(whole.is_empty() && fraction.is_empty()) { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// An expression without what servers add or remove when they render it: spaces, brackets, casts, case, qualifiers.
#[must_use]
pub fn simplified(expression: &str) -> String {
    let mut simple = String::new();
    let mut rest = expression;
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            let (text, after) = quoted(rest, '\'').unwrap_or((String::new(), ""));
            simple.push('\'');
            simple.push_str(&text);
            simple.push('\'');
            rest = after;
        } else if c == '"' {
            let (name, after) = quoted(rest, '"').unwrap_or((String::new(), ""));
            // The server omits the schema of names on the search path: remove qualifiers.
            match after.strip_prefix('.') {
                Some(after) => rest = after,
                None => {
                    simple.push_str(&name.to_ascii_lowercase());
                    rest = after;
                }
            }
        } else if rest.starts_with("::") {
            rest = after_cast(rest).unwrap_or("");
        } else if let Some(value) = after_type_name(rest).filter(|_| !simple.ends_with(is_of_name)) {
            rest = value;
        } else {
            if !(c.is_whitespace() || c == '(' || c == ')') {
                simple.push(c.to_ascii_lowercase());
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    // PostgreSQL renders != as <>.
    let simple = simple.replace("!=", "<>").replace("public.", "").replace("pg_catalog.", "");
    if simple == "now" { "current_timestamp".to_owned() } else { simple }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `now()` or CURRENT_TIMESTAMP, with or without a cast. Not `(now() AT TIME ZONE 'utc')`, which is another value.
/// The two `datetime(…)` are those that Prisma's introspection of SQLite also reads as now().
fn is_now(text: &str) -> bool {
    const SPELLINGS: [&str; 6] = [
        "now()",
        "current_timestamp",
        "pg_catalog.now()",
        "transaction_timestamp()",
        "datetime('now')",
        "datetime('now', 'localtime')",
    ];
    let rest = SPELLINGS.iter().find_map(|word| starts_with_word(text, word).then(|| &text[word.len()..]));
    rest.is_some_and(|rest| after_casts(rest).is_some_and(str::is_empty))
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[derive(Debug, PartialEq)]
enum Literal {
    Null,
    Scalar(String),
    List(Vec<String>),
}

/// A literal with the casts after it, and the rest of the text.
fn literal(text: &str) -> Option<(Literal, &str)> {
    let text = text.trim_start();
    let (literal, rest) = if let Some(inner) = text.strip_prefix('(') {
        let (literal, rest) = literal(inner)?;
        (literal, rest.trim_start().strip_prefix(')')?)
    } else if starts_with_word(text, "CAST(") {
        let (literal, rest) = literal(&text["CAST(".len()..])?;
        let kind = starts_with_word(rest, "AS ").then(|| format!("::{}", rest["AS ".len()..].trim_start()))?;
        (literal, &rest[rest.len() - after_cast(&kind)?.trim_start().strip_prefix(')')?.len()..])
    } else if let Some(value) = after_type_name(text) {
        literal(value)?
    } else if let Some(quote @ ('\'' | '"')) = text.chars().next() {
        // SQLite takes a text in double quotes, too.
        let (value, rest) = quoted(text, quote)?;
        (Literal::Scalar(value), rest)
    } else if starts_with_word(text, "E'") {
        let (value, rest) = escaped(&text[1..])?;
        (Literal::Scalar(value), rest)
    } else if starts_with_word(text, "B'") || starts_with_word(text, "X'") {
        let (value, rest) = quoted(&text[1..], '\'')?;
        (Literal::Scalar(value), rest)
    } else if starts_with_word(text, "ARRAY[") {
        items(&text["ARRAY[".len()..])?
    } else if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => ("-", rest.trim_start()),
            None => ("", text),
        };
        let end = digits.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-')));
        let (digits, rest) = digits.split_at(end.unwrap_or(digits.len()));
        (Literal::Scalar(number(&format!("{sign}{digits}"))?), rest)
    } else {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        match word.to_ascii_lowercase().as_str() {
            "null" => (Literal::Null, rest),
            word @ ("true" | "false") => (Literal::Scalar(word.to_owned()), rest),
            _ => return None,
        }
    };
    Some((literal, after_casts(rest)?))
}

/// The literal after the name of its type: `date '2020-01-01'`, `timestamp with time zone '…'` (PostgreSQL manual 4.1.2.7).
fn after_type_name(text: &str) -> Option<&str> {
    const TYPES: [&str; 14] = [
        "timestamp with time zone",
        "timestamp without time zone",
        "time with time zone",
        "time without time zone",
        "double precision",
        "timestamptz",
        "timestamp",
        "interval",
        "date",
        "time",
        "numeric",
        "uuid",
        "jsonb",
        "json",
    ];
    let rest = TYPES.iter().find_map(|name| starts_with_word(text, name).then(|| &text[name.len()..]))?;
    let value = rest.trim_start();
    value.starts_with('\'').then_some(value)
}

/// The function of an expression that is one call, without its schema and in lower case.
#[must_use]
pub fn function(expression: &str) -> Option<String> {
    let text = after_casts_of_call(expression.trim())?;
    let (name, arguments) = text.split_once('(')?;
    let name = name.trim_end().rsplit('.').next().unwrap_or_default().trim_matches('"');
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    // One closing bracket, at the end, and no other call in between.
    let is_call = arguments.ends_with(')') && !arguments[..arguments.len() - 1].contains(['(', ')']);
    (is_name && is_call).then(|| name.to_lowercase())
}

/// A call without the casts and brackets around it.
fn after_casts_of_call(expression: &str) -> Option<&str> {
    let end = expression.rfind(')')?;
    match after_casts(&expression[end + 1..])?.is_empty() {
        true => Some(&expression[..=end]),
        false => None,
    }
}

/// The elements of `ARRAY[…]`, after the opening bracket, and the rest of the text.
fn items(text: &str) -> Option<(Literal, &str)> {
    let mut items = Vec::new();
    let mut rest = text.trim_start();
    if let Some(rest) = rest.strip_prefix(']') {
        return Some((Literal::List(items), rest));
    }
    loop {
        let (Literal::Scalar(item), after) = literal(rest)? else { return None };
        items.push(item);
        rest = match after.strip_prefix(',') {
            Some(after) => after,
            None => return Some((Literal::List(items), after.strip_prefix(']')?)),
        };
    }
}

/// A name of two parts, both in double quotes: `"public"."Role"`.
pub(crate) fn qualified(text: &str) -> Option<crate::catalog::Name> {
    let (schema, rest) = quoted(text, '"')?;
    let (name, rest) = quoted(rest.strip_prefix('.')?, '"')?;
    rest.is_empty().then_some(crate::catalog::Name { schema, name })
}

/// The text between quotes, with doubled quotes undone, and the rest.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.strip_prefix(quote)?;
    loop {
        let end = rest.find(quote)?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(quote) {
            Some(after) => {
                value.push(quote);
                rest = after;
            }
            None => return Some((value, rest)),
        }
    }
}

/// The same for the body of `E'…'`, with the escapes that PostgreSQL writes.
fn escaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let body = text.strip_prefix('\'')?;
    let mut characters = body.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\u{8}',
                'f' => '\u{c}',
                other => other,
            }),
            '\'' if characters.peek().is_some_and(|(_, next)| *next == '\'') => {
                characters.next();
                value.push('\'');
            }
            '\'' => return Some((value, &body[at + 1..])),
            c => value.push(c),
        }
    }
    None
}

/// The rest after any number of casts; `None` if one cannot be parsed.
fn after_casts(sql: &str) -> Option<&str> {
    let mut rest = sql.trim_start();
    while rest.starts_with("::") {
        rest = after_cast(rest)?.trim_start();
    }
    Some(rest)
}

/// The rest after one cast: `::timestamp(3) without time zone`, `::public."E"[]`.
fn after_cast(sql: &str) -> Option<&str> {
    let mut rest = sql.strip_prefix("::")?;
    loop {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len());
        rest = &rest[word..];
        if rest.starts_with('"') {
            rest = quoted(rest, '"')?.1;
        } else if let Some(arguments) = rest.strip_prefix('(') {
            rest = &arguments[arguments.find(')')? + 1..];
        } else if let Some(after) = rest.strip_prefix("[]") {
            rest = after;
        } else if let Some(after) = [" without time zone", " with time zone", " precision", " varying"]
            .iter()
            .find_map(|w| rest.strip_prefix(w))
        {
            rest = after;
        } else {
            return Some(rest);
        }
    }
}

/// The elements of an array literal: `{a,"b c"}`.
fn array(text: &str) -> Option<Vec<String>> {
    let body = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    let (mut item, mut is_quoted) = (String::new(), false);
    let mut characters = body.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            '\\' => item.push(characters.next()?),
            ',' if !is_quoted => items.push(std::mem::take(&mut item)),
            '{' if !is_quoted => return None,
            c => item.push(c),
        }
    }
    if !body.is_empty() {
        items.push(item);
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(name: &str) -> Type {
        Type::Native(name.to_owned().into(), Vec::new())
    }

    #[track_caller]
    fn value(kind: &str, text: &str, expected: &str) {
        assert_eq!(read(text, &native(kind), false), Default::Value(expected.to_owned()), "{text}");
    }

    #[track_caller]
    fn list(kind: &str, text: &str, expected: &[&str]) {
        let expected = expected.iter().map(|item| (*item).to_owned()).collect();
        assert_eq!(read(text, &native(kind), true), Default::List(expected), "{text}");
    }

    #[test]
    fn literals_with_their_type() {
        value("date", "date '2020-01-01'", "2020-01-01");
        value("timestamptz", "TIMESTAMP WITH TIME ZONE '2020-01-01 00:00:00+00'", "2020-01-01 00:00:00+00");
        value("int4", "CAST('5' AS integer)", "5");
        value("text", "cast('a' as character varying(5))::text", "a");
        value("int4", "( 5 )", "5");
        assert_eq!(read("dated '5'", &native("text"), false), Default::Expression("dated '5'".to_owned()));
        assert_eq!(
            read("CAST(f() AS text)", &native("text"), false),
            Default::Expression("CAST(f() AS text)".to_owned())
        );
    }

    #[test]
    fn expressions_that_servers_render_otherwise() {
        let same = [
            ("now() + interval '1 day'", "(now() + '1 day'::interval)"),
            ("(now() AT TIME ZONE 'utc')", "(now() AT TIME ZONE 'utc'::text)"),
            ("nextval('s') * 2", "(nextval('s'::regclass) * 2)"),
        ];
        for (written, rendered) in same {
            assert_eq!(simplified(written), simplified(rendered), "{written}");
        }
    }

    #[test]
    fn an_expression_that_is_one_call() {
        let called = |text: &str| function(text);
        assert_eq!(called("public.uuid_generate_v4()").as_deref(), Some("uuid_generate_v4"));
        assert_eq!(called("Gen_Random_Uuid()::text").as_deref(), Some("gen_random_uuid"));
        assert_eq!(called("f(1, 'x')").as_deref(), Some("f"));
        for other in ["f() + 1", "f(g())", "'a'", "now() + '1 day'::interval", "f() || g()", "(1)"] {
            assert_eq!(called(other), None, "{other}");
        }
    }

    #[test]
    fn uuids_in_any_notation() {
        assert!(same("{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11", Family::Uuid));
        assert!(!same("a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a12", Family::Uuid));
    }

    #[test]
    fn literals_as_servers_render_them() {
        value("text", "'it''s'::text", "it's");
        value("text", "\"x\"", "x");
        value("text", "E'a\\\\b\\n'::text", "a\\b\n");
        value("varchar", "'abc'::character varying(20)", "abc");
        value("int8", "'-1'::integer", "-1");
        value("int4", "(-5)", "-5");
        value("numeric", "0.00", "0");
        value("numeric", "'-0.50'::numeric", "-0.5");
        value("float8", "(1)::double precision", "1");
        value("float8", "'1.5e3'::double precision", "1500");
        value("bool", "false", "false");
        value("bit", "'101'::\"bit\"", "101");
        value("jsonb", "'{\"b\": [1, 2], \"a\": 1}'::jsonb", "{\"a\":1,\"b\":[1,2]}");
        value("bytea", "'\\xAB01'::bytea", "ab01");
        value("timestamp", "'2021-01-01 00:00:00'::timestamp(3) without time zone", "2021-01-01 00:00:00");
        assert_eq!(
            read("'A'::public.\"E\"", &Type::Enum(super::super::Name::default()), false),
            Default::Value("A".into())
        );
        assert_eq!(read("NULL::character varying", &native("varchar"), false), Default::None);
        assert_eq!(read("nextval('\"T_id_seq\"'::regclass)", &native("int4"), false), Default::Sequence);
    }

    #[test]
    fn lists_in_both_notations() {
        list("text", "ARRAY['a'::text, 'b c'::text]", &["a", "b c"]);
        list("text", "'{a,\"b c\",\"d\\\"e\"}'::text[]", &["a", "b c", "d\"e"]);
        list("text", "ARRAY[]::text[]", &[]);
        list("int4", "'{}'::integer[]", &[]);
        list("int4", "ARRAY[1, '-2'::integer]", &["1", "-2"]);
        list(
            "timestamp",
            "(ARRAY['2020-01-01 00:00:00'::timestamp without time zone])::timestamp(3) without time zone[]",
            &["2020-01-01 00:00:00"],
        );
    }

    #[test]
    fn what_is_now_and_what_is_not() {
        for text in
            ["now()", "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP::date", "DATETIME('now')", "datetime('now', 'localtime')"]
        {
            assert_eq!(read(text, &native("timestamp"), false), Default::Now, "{text}");
        }
        let others =
            ["CURRENT_TIMESTAMP(3)", "LOCALTIMESTAMP", "(now())::timestamp without time zone", "clock_timestamp()"];
        for text in others {
            assert_eq!(read(text, &native("timestamp"), false), Default::Expression(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn expressions_are_no_literals() {
        for text in
            ["('a'::text || 'b'::text)", "upper('b'::text)", "(1 + 1)", "gen_random_uuid()", "1 + 1", "\"f\"('a')"]
        {
            assert_eq!(read(text, &native("text"), false), Default::Expression(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn one_expression_in_two_renderings() {
        assert_eq!(simplified("b>0"), simplified("(b > 0)"));
        assert_eq!(simplified("(\"t\" = 'x' AND \"b\" = 3)"), simplified("((t = 'x'::text) AND (b = 3))"));
        assert_eq!(simplified("1+1"), simplified("(1 + 1)"));
        assert_eq!(simplified("now()"), simplified("CURRENT_TIMESTAMP"));
        assert_ne!(simplified("'A'"), simplified("'a'"));
        assert_ne!(simplified("act"), simplified("act = true"));
    }

    #[test]
    fn numbers_by_value() {
        assert!(same("1", "1.0", Family::Float));
        assert!(same("+01.50", "1.5", Family::Decimal));
        assert!(same("1e-3", "0.001", Family::Float));
        assert!(!same("1", "-1", Family::Integer));
        assert!(same("-0", "0", Family::Integer));
    }
}
