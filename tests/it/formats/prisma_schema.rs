//! The parser of schema.prisma, compared with the results of Prisma's own engine for the same texts:
//! `tests/cases/prisma-psl.jsonl` (accepted, with the statements that Prisma would run, or rejected),
//! `prisma-psl-more.jsonl` (the same from engine 8.1.0-2; `lenient` marks texts that are accepted here although Prisma
//! rejects them) and `prisma-drift.jsonl` (which texts it can read).

use doorstep::internals::prisma;
use doorstep::internals::{Arity, Catalog, Default, Name, Table, Type};

fn cases(file: &str) -> Vec<serde_json::Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn parse(text: &str) -> Result<prisma::Schema, Vec<prisma::Diagnostic>> {
    prisma::parse(&[("schema.prisma".to_owned(), text.to_owned())])
}

/// Rejected by the engine of Prisma 7, which has no URLs in the datasource; those of Prisma 6 accept them.
const ACCEPTED_BY_OLDER: &[&str] = &["directUrl in ds", "shadow in ds"];

#[test]
fn verdicts_and_objects_are_those_of_prisma() {
    let mut wrong = Vec::new();
    for case in cases("prisma-psl.jsonl").into_iter().chain(cases("prisma-psl-more.jsonl")) {
        let (id, text) = (case["id"].as_str().unwrap(), case["psl"].as_str().unwrap());
        let lenient = case["lenient"] == true || ACCEPTED_BY_OLDER.contains(&id);
        let expected = case["ok"].as_bool().unwrap() || lenient;
        match parse(text) {
            Ok(_) if !expected => wrong.push(format!("{id}: accepted")),
            Err(found) if expected => wrong.push(format!("{id}: {found:?}")),
            Ok(schema) if expected && !lenient => {
                let ddl = case["ddl"].as_array().unwrap().iter();
                let mut ddl: Vec<_> = ddl.map(|statement| cut(statement.as_str().unwrap())).collect();
                // The recorded statements have one space for each run of white space.
                let ours = statements(&prisma::lower(schema, "public"));
                let mut ours: Vec<_> = ours.iter().map(|statement| statement.replace('\t', " ")).collect();
                ddl.sort();
                ours.sort();
                if ddl != ours {
                    wrong.push(format!("{id}:\n  prisma {ddl:#?}\n  ours {ours:#?}"));
                }
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts_that_prisma_compares_with_a_database_are_read() {
    // Parsed, but not compared: the engine failed on the database, or did not support partial indexes yet.
    for case in cases("prisma-drift.jsonl") {
        let verdict = case["verdict"].as_object().unwrap();
        if verdict.values().any(|verdict| verdict != "error") {
            let found = parse(case["psl"].as_str().unwrap());
            assert!(found.is_ok(), "{}: {:?}", case["id"], found.err());
        }
    }
}

/// Truncates the identifiers of a statement, as PostgreSQL does when it runs it.
fn cut(statement: &str) -> String {
    let cut = |(number, part): (usize, &str)| match number % 2 {
        1 => part[..part.floor_char_boundary(63)].to_owned(),
        _ => part.to_owned(),
    };
    statement.split('"').enumerate().map(cut).collect::<Vec<_>>().join("\"")
}

/// The statements that Prisma would run to create these objects in an empty database.
fn statements(catalog: &Catalog) -> Vec<String> {
    let qualified = catalog.schemas != ["public"];
    let name = |name: &Name| match qualified {
        true => format!("\"{}\".\"{}\"", name.schema, name.name),
        false => format!("\"{}\"", name.name),
    };
    let mut found: Vec<_> =
        catalog.schemas.iter().map(|schema| format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"")).collect();
    for of in &catalog.enums {
        let values: Vec<_> = of.values.iter().map(|value| format!("'{value}'")).collect();
        found.push(format!("CREATE TYPE {} AS ENUM ({})", name(&of.name), values.join(", ")));
    }
    for table in &catalog.tables {
        let mut lines = columns(table, &name);
        if let Some(key) = &table.primary_key {
            lines.push(format!("CONSTRAINT \"{}\" PRIMARY KEY ({})", key.name, list(&key.columns)));
        }
        found.push(format!("CREATE TABLE {} ( {} )", name(&table.name), lines.join(", ")));
        for index in &table.indexes {
            let columns = index.columns.iter().map(|column| {
                let class = column.class.as_ref().map_or(String::new(), |class| format!(" {class}"));
                format!("\"{}\"{class}{}", column.name, if column.descending { " DESC" } else { "" })
            });
            found.push(format!(
                "CREATE {}INDEX \"{}\" ON {}{}({}){}",
                if index.unique { "UNIQUE " } else { "" },
                index.name,
                name(&table.name),
                match index.method.as_str() {
                    "btree" => String::new(),
                    method => format!(" USING {} ", method.to_uppercase()),
                },
                columns.collect::<Vec<_>>().join(", "),
                match index.predicate.as_deref() {
                    None => String::new(),
                    Some(predicate) if predicate.starts_with('(') => format!(" WHERE {predicate}"),
                    Some(predicate) => format!(" WHERE ({predicate})"),
                },
            ));
        }
        for key in &table.foreign_keys {
            found.push(format!(
                "ALTER TABLE {} ADD CONSTRAINT \"{}\" FOREIGN KEY ({}) REFERENCES {}({}) ON DELETE {} ON UPDATE {}",
                name(&table.name),
                key.name,
                list(&key.columns).replace(',', ", "),
                name(&key.target),
                list(&key.target_columns).replace(',', ", "),
                key.on_delete,
                key.on_update,
            ));
        }
    }
    found
}

fn columns(table: &Table, name: &dyn Fn(&Name) -> String) -> Vec<String> {
    let line = |column: &doorstep::internals::Column| {
        let (kind, quoted) = match &column.kind {
            Type::Native(known, arguments) => {
                let arguments = arguments.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
                let arguments = if arguments.is_empty() { arguments } else { format!("({arguments})") };
                let serial = column.default == Default::Sequence;
                let kind = match known.as_ref() {
                    "int2" if serial => "SMALLSERIAL",
                    "int4" if serial => "SERIAL",
                    "int8" if serial => "BIGSERIAL",
                    "int2" => "SMALLINT",
                    "int4" => "INTEGER",
                    "int8" => "BIGINT",
                    "bool" => "BOOLEAN",
                    "float4" => "REAL",
                    "float8" => "DOUBLE PRECISION",
                    "numeric" => "DECIMAL",
                    "bpchar" => "CHAR",
                    other => &other.to_uppercase(),
                };
                let bare = ["int2", "int4", "int8", "bool", "float4", "float8", "numeric"].contains(&known.as_ref());
                (format!("{kind}{arguments}"), !bare)
            }
            Type::Enum(of) => (name(of), true),
            Type::Other(text) => (text.clone(), true),
        };
        let list = if column.arity == Arity::List { "[]" } else { "" };
        let required = if column.arity == Arity::Required { " NOT NULL" } else { "" };
        let literal = |value: &String| match quoted {
            true => format!("'{}'", value.replace('\'', "''")),
            false => value.clone(),
        };
        let default = match &column.default {
            Default::None | Default::Sequence | Default::Any => String::new(),
            Default::Value(value) => format!(" DEFAULT {}", literal(value)),
            Default::List(values) => {
                let values: Vec<_> = values.iter().map(literal).collect();
                format!(" DEFAULT ARRAY[{}]::{kind}[]", values.join(", "))
            }
            Default::Now => " DEFAULT CURRENT_TIMESTAMP".to_owned(),
            Default::Expression(text) => format!(" DEFAULT {text}"),
        };
        format!("\"{}\" {kind}{list}{required}{default}", column.name)
    };
    table.columns.iter().map(line).collect()
}

fn list(columns: &[impl std::fmt::Display]) -> String {
    columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(",")
}

/// Pseudo-random numbers, the same in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % (limit.max(1) as u64)) as usize
    }
}

/// Every schema that can be parsed can be lowered as well.
fn survives(text: &str) {
    if let Ok(schema) = parse(text) {
        let _ = prisma::lower(schema, "public");
    }
}

/// Characters with a meaning in the language, and some others.
const SIGNS: &str = "@@{}[]()\"\\,:=.?!-_/*\n\r\t \u{feff}ä😀09aZ'#";

const WORDS: [&str; 12] =
    ["@id ", "@@index([", "@relation(fields: [", "model ", "enum E {\n", "}\n", "/*", "*/", "\\u12", "@db.", "[]", "?"];

/// The text with one to three random changes.
fn mutated(characters: &[char], signs: &[char], numbers: &mut Numbers) -> Vec<char> {
    let mut mutant = characters.to_vec();
    for _ in 0..=numbers.below(3) {
        let (at, other) = (numbers.below(mutant.len()), numbers.below(mutant.len()));
        match numbers.below(5) {
            0 => drop(mutant.splice(at.min(other)..at.max(other).min(at.min(other) + 10), [])),
            1 => mutant.insert(at, signs[numbers.below(signs.len())]),
            2 => mutant.swap(at, other),
            3 => drop(mutant.splice(at..at, WORDS[numbers.below(WORDS.len())].chars())),
            _ => {
                let piece = mutant[at.min(other)..at.max(other)].to_vec();
                drop(mutant.splice(at..at, piece));
            }
        }
        if mutant.is_empty() {
            break;
        }
    }
    mutant
}

#[test]
fn no_text_makes_it_panic_or_hang() {
    let begin = std::time::Instant::now();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut texts = Vec::new();
    for file in ["prisma-psl.jsonl", "prisma-drift.jsonl"] {
        texts.extend(cases(file).iter().map(|case| case["psl"].as_str().unwrap().to_owned()));
    }
    let signs: Vec<char> = SIGNS.chars().collect();
    for _ in 0..300 {
        let length = numbers.below(200);
        let bytes: Vec<u8> = (0..length).map(|_| numbers.below(256) as u8).collect();
        survives(&String::from_utf8_lossy(&bytes));
        survives(&(0..length).map(|_| signs[numbers.below(signs.len())]).collect::<String>());
    }
    for text in &texts {
        let characters: Vec<char> = text.chars().collect();
        survives(&characters[..numbers.below(characters.len())].iter().collect::<String>());
        for _ in 0..20 {
            let mutant = mutated(&characters, &signs, &mut numbers);
            survives(&mutant.iter().collect::<String>());
        }
    }
    for (open, count) in [("[", 100_000), ("a(", 100_000), ("{", 100_000), ("{a:", 100_000), ("/*", 100_000)] {
        survives(&format!("model A {{\n a Int @default({}", open.repeat(count)));
        survives(&open.repeat(count));
    }
    for line in ["a Int\n", "@@index([a])\n", "a.", "a: ", "@id ", "\"", "\n", "@@id([\n", "b B @relation(fields: [a\n"]
    {
        survives(&format!(
            "datasource db {{\n provider = \"postgresql\"\n}}\nmodel A {{\n a {}\n}}",
            line.repeat(20_000)
        ));
        survives(&format!("datasource db {{\n provider = \"postgresql\"\n}}\nmodel A {{\n{}\n}}", line.repeat(20_000)));
    }
    let models: String = (0..3_000)
        .map(|n| format!("model M{n} {{\n id Int @id\n a A @relation(fields: [id], references: [id])\n}}\n"))
        .collect();
    let fields: String = (0..3_000).map(|n| format!(" m{n} M{n}[]\n")).collect();
    let text = format!("datasource db {{\n provider = \"postgresql\"\n}}\n{models}model A {{\n id Int @id\n{fields}}}");
    assert_eq!(parse(&text).unwrap().models.len(), 3_001);
    // With quadratic time this would take far longer than the limit.
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
}
