//! The text form of a type in a snapshot: `varchar(20)`, `enum "public"."Role"`, `other vector`. One text per column keeps
//! the file short and its diffs readable. [`Type`] is written and parsed here, for serde; nothing else uses this form.

use crate::catalog::{Type, value};

impl From<Type> for String {
    fn from(kind: Type) -> Self {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        match kind {
            Type::Native(name, arguments) if arguments.is_empty() => name.into_owned(),
            Type::Native(name, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(u32::to_string).collect();
                format!("{name}({})", arguments.join(","))
            }
            Type::Enum(name) => format!("enum {}.{}", quoted(&name.schema), quoted(&name.name)),
            Type::Other(text) => format!("other {text}"),
        }
    }
}

impl TryFrom<String> for Type {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        if let Some(other) = written.strip_prefix("other ") {
            return Ok(Self::Other(other.to_owned()));
        }
        if let Some(name) = written.strip_prefix("enum \"") {
            let name = value::qualified(&format!("\"{name}")).ok_or_else(|| format!("`{written}` names no enum"))?;
            return Ok(Self::Enum(name));
        }
        let Some((name, arguments)) = written.split_once('(') else {
            return Ok(Self::Native(written.into(), Vec::new()));
        };
        let arguments = arguments.strip_suffix(')').map(|arguments| arguments.split(',').map(str::parse).collect());
        match arguments {
            Some(Ok(arguments)) => Ok(Self::Native(name.to_owned().into(), arguments)),
            _ => Err(format!("`{written}` is not a type")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Name;

    #[test]
    fn a_type_survives_being_written() {
        let name = |schema: &str, name: &str| Name { schema: schema.to_owned(), name: name.to_owned() };
        let types = [
            (Type::Native("int4".into(), Vec::new()), "int4"),
            (Type::Native("numeric".into(), vec![65, 30]), "numeric(65,30)"),
            (Type::Native("double precision".into(), Vec::new()), "double precision"),
            (Type::Enum(name("public", "Role")), "enum \"public\".\"Role\""),
            (Type::Enum(name("a.b", "c\"d")), "enum \"a.b\".\"c\"\"d\""),
            (Type::Other("geography(Point, 4326)".to_owned()), "other geography(Point, 4326)"),
            (Type::Other(String::new()), "other "),
        ];
        for (kind, text) in types {
            assert_eq!(String::from(kind.clone()), text);
            assert_eq!(Type::try_from(text.to_owned()), Ok(kind));
        }
        for text in ["int4(", "int4(x)", "enum \"public\"", "enum \"public\".Role"] {
            assert!(Type::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
