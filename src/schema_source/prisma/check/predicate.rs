//! `where` of a partial index, as SQL: `raw("…")`, or `{ field: value }` with one condition per field.
//!
//! Prisma: the preview feature `partialIndexes` of Prisma 7. A value must be of the field's type.

use crate::schema_source::prisma::check::{Checker, ModelDraft, source};
use crate::schema_source::prisma::schema::{self, FieldType, Scalar};
use crate::schema_source::prisma::syntax::{Expression, ExpressionKind};

impl<'a> Checker<'a> {
    /// Reads the conditions of the model's indexes, once all of its fields are known.
    pub(super) fn index_conditions(&mut self, draft: &mut ModelDraft<'a>) {
        for (at, condition) in std::mem::take(&mut draft.conditions) {
            if !self.features.has("partialIndexes") {
                self.report(condition.position, source::needs_feature("`where`", "partialIndexes"));
            }
            draft.model.indexes[at].predicate = self.predicate(condition, draft);
        }
    }

    fn predicate(&mut self, value: &Expression, draft: &ModelDraft<'_>) -> Option<String> {
        match &value.kind {
            ExpressionKind::Call(name, arguments) if name == "raw" => {
                if let [argument] = arguments.as_slice()
                    && let ExpressionKind::Text(text) = &argument.value.kind
                    && !text.trim().is_empty()
                {
                    return Some(text.to_string());
                }
            }
            ExpressionKind::Object(entries) if !entries.is_empty() => {
                let mut parts = Vec::new();
                for (name, value) in entries {
                    let field = self.member_column(&name.text, name.position, draft)?;
                    match condition(&draft.model.fields[field], value) {
                        Some(part) => parts.push(part),
                        None => self.report(
                            value.position,
                            "a condition is `field: value`, `field: null` or `field: { not: value }`, with a value of \
                             the field's type",
                        ),
                    }
                }
                return Some(format!("({})", parts.join(" AND ")));
            }
            _ => {}
        }
        self.report(value.position, "`where` is raw(\"…\") or { field: value }");
        None
    }
}

/// The condition as Prisma's migrations write it; `None` for a value that does not suit the field's type.
fn condition(field: &schema::Field, value: &Expression) -> Option<String> {
    let column = format!("\"{}\"", field.column().replace('"', "\"\""));
    let (is_negated, value) = match &value.kind {
        ExpressionKind::Object(entries) => match entries.as_slice() {
            [(name, value)] if name.text == "not" => (true, value),
            _ => return None,
        },
        _ => (false, value),
    };
    let scalar = match &field.kind {
        FieldType::Scalar(scalar, _) => Some(*scalar),
        _ => None,
    };
    let is_numeric = matches!(scalar, Some(Scalar::Int | Scalar::BigInt | Scalar::Float | Scalar::Decimal));
    let is_boolean = scalar == Some(Scalar::Boolean);
    let literal = match &value.kind {
        ExpressionKind::Constant(text) if text == "null" => {
            return Some(format!("{column} IS {}NULL", if is_negated { "NOT " } else { "" }));
        }
        ExpressionKind::Constant(text) if is_boolean && (text == "true" || text == "false") => text.to_string(),
        ExpressionKind::Number(text) if is_numeric => (*text).to_owned(),
        ExpressionKind::Text(text) if !is_numeric && !is_boolean => format!("'{}'", text.replace('\'', "''")),
        _ => return None,
    };
    Some(format!("{column} {} {literal}", if is_negated { "!=" } else { "=" }))
}
