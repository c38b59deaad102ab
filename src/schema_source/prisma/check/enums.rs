//! Enums and their values.

use std::collections::{HashMap, HashSet};

use crate::schema_source::prisma::check::Checker;
use crate::schema_source::prisma::check::attributes::{Arguments, Level, Signature};
use crate::schema_source::prisma::schema::Enumeration;
use crate::schema_source::prisma::syntax::{Block, FieldSyntax};

/// An enum, as the rules about defaults need it.
pub(crate) struct EnumLabels<'a> {
    pub(crate) name: &'a str,
    /// What the database calls each value, by its name in the schema. Of a repeated value, the first.
    pub(crate) labels: HashMap<&'a str, String>,
}

impl<'a> EnumLabels<'a> {
    pub(crate) fn of(block: &'a Block, enumeration: &Enumeration) -> Self {
        let values = block.fields.iter().zip(&enumeration.values).rev();
        let labels = values.map(|(field, (_, label))| (field.name.text.as_ref(), label.clone())).collect();
        Self { name: &block.name.text, labels }
    }
}

impl<'a> Checker<'a> {
    /// Prisma: `resolve_enum_attributes` in `psl/parser-database/src/attributes.rs` (which attributes there are), and
    /// `names.rs` there: an enum has at least one value, and none twice.
    pub(super) fn enumeration(&mut self, block: &'a Block) -> Enumeration {
        let mapping = self.block_mapping(block);
        let name = block.name.text.to_string();
        for attribute in &block.attributes {
            if !matches!(attribute.name.text.as_ref(), "map" | "schema") {
                self.unknown_attribute(attribute, Level::Block, "an enum");
            }
        }
        let mut seen = HashSet::new();
        let mut values = Vec::new();
        for value in &block.fields {
            self.valid_name(&value.name);
            if !seen.insert(value.name.text.as_ref()) {
                let message = format!("the enum `{name}` has the value `{}` twice; remove one", value.name.text);
                self.report(value.name.position, message);
            }
            values.push((value.name.text.to_string(), self.label(value)));
        }
        if values.is_empty() {
            self.report(block.name.position, format!("the enum `{name}` has no values; give it one, or remove it"));
        }
        let type_name = mapping.name.unwrap_or_else(|| name.clone());
        Enumeration { name, type_name, schema: mapping.schema, values, position: block.name.position }
    }

    /// What the database calls a value: its `@map`, or its own name.
    fn label(&mut self, value: &FieldSyntax) -> String {
        let mut label = None;
        for attribute in &value.attributes {
            if attribute.name.text != "map" {
                self.unknown_attribute(attribute, Level::Field, "an enum's value");
                continue;
            }
            let signature = Signature::first_positional(&["name"]);
            let arguments = Arguments::of_attribute(attribute, Level::Field, signature, &mut self.problems);
            label = arguments.required_text("name", &mut self.problems);
        }
        label.unwrap_or_else(|| value.name.text.to_string())
    }
}
