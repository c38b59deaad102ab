//! Validates values against an OpenAPI document: the part of JSON Schema that Kubernetes uses. An unknown keyword
//! panics; it is never ignored.

use serde_json::Value;

/// A document with `$defs`.
pub(crate) struct Schemas(pub(crate) Value);

impl Schemas {
    /// The errors in `value`, each as `path: reason`.
    pub(crate) fn faults(&self, definition: &str, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.hold(&self.0["$defs"][definition], value, "", &mut faults);
        faults
    }

    fn hold(&self, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
        let keywords = schema.as_object().unwrap_or_else(|| panic!("{path}: no schema"));
        // The schemas allow null for every value; in a manifest it means that a value was forgotten.
        if value.is_null() {
            return faults.push(format!("{path}: has no value"));
        }
        for (keyword, argument) in keywords {
            match keyword.as_str() {
                "$ref" => {
                    let name = argument.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    self.hold(&self.0["$defs"][name], value, path, faults);
                }
                "type" => {
                    let is_number = kind(value) == "integer" && names(argument).contains(&"number");
                    if !is_number && !names(argument).contains(&kind(value)) {
                        faults.push(format!("{path}: is {}, not {argument}", kind(value)));
                    }
                }
                "enum" => {
                    if !argument.as_array().unwrap().contains(value) {
                        faults.push(format!("{path}: is {value}, not of {argument}"));
                    }
                }
                "required" => {
                    let missing =
                        names(argument).into_iter().filter(|name| value.is_object() && value.get(name).is_none());
                    faults.extend(missing.map(|name| format!("{path}: lacks {name}")));
                }
                "properties" => {
                    for (name, part) in value.as_object().into_iter().flatten() {
                        if let Some(schema) = argument.get(name) {
                            self.hold(schema, part, &format!("{path}.{name}"), faults);
                        }
                    }
                }
                "additionalProperties" => self.hold_others(schema, value, path, faults),
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.hold(argument, item, &format!("{path}[{index}]"), faults);
                    }
                }
                "oneOf" => {
                    let fits = |schema: &&Value| {
                        let mut faults = Vec::new();
                        self.hold(schema, value, path, &mut faults);
                        faults.is_empty()
                    };
                    if argument.as_array().unwrap().iter().filter(fits).count() != 1 {
                        faults.push(format!("{path}: is {value}, which does not fit"));
                    }
                }
                "format" => {
                    if !fits_format(argument.as_str().unwrap(), value) {
                        faults.push(format!("{path}: {value} is out of range"));
                    }
                }
                other => panic!("{path}: unknown keyword {other}"),
            }
        }
    }

    /// The fields of an object that `properties` does not name.
    fn hold_others(&self, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
        let known = |name: &String| schema["properties"].get(name).is_some();
        for (name, part) in value.as_object().into_iter().flatten().filter(|(name, _)| !known(name)) {
            let path = format!("{path}.{name}");
            match &schema["additionalProperties"] {
                Value::Bool(true) => {}
                Value::Bool(false) => faults.push(format!("{path}: is no field")),
                schema => self.hold(schema, part, &path, faults),
            }
        }
    }
}

fn fits_format(format: &str, value: &Value) -> bool {
    match format {
        "int32" => value.as_i64().is_none_or(|number| i32::try_from(number).is_ok()),
        "int64" | "double" | "byte" | "date-time" => true,
        other => panic!("unknown format {other}"),
    }
}

/// A text, or a list of texts.
fn names(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        text => text.as_str().into_iter().collect(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
