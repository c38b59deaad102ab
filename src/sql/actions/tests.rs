use super::*;
use crate::sql::Dialect;
use crate::sql::script::statements;

fn all(text: &str, dialect: Dialect) -> Vec<Action> {
    actions(&statements(text, dialect)[0])
}

/// The kinds, each with its object: `column t.a: AddColumn(…)`.
fn told(text: &str, dialect: Dialect) -> Vec<String> {
    let tell = |action: &Action| {
        let kind = format!("{:?}", action.kind);
        let kind = kind.split([' ', '(', '{']).next().unwrap_or_default().to_owned();
        match &action.object {
            Some(object) => format!("{object}: {kind}"),
            None => kind,
        }
    };
    all(text, dialect).iter().map(tell).collect()
}
