//! Whether a value is as a schema says: as much of JSON Schema as the document uses.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use regex::Regex;
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// How values are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As they stand.
    ToTheLetter,
    /// As requests are read, in which numbers and booleans may be written otherwise.
    Generous,
}

/// Holds values to the schemas of a document.
pub(super) struct Checker<'d> {
    pub(super) document: &'d Json,
    pub(super) reading: Reading,
}

/// What is wrong, and where.
type Checked = Result<(), String>;

fn wrong(value: &Json, why: impl std::fmt::Display) -> Checked {
    Err(format!("{value}: {why}"))
}

/// Whether a text is like a pattern; each is compiled once, since that takes longer than all else.
fn is_like(pattern: &str, text: &str) -> bool {
    static KNOWN: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().expect("nobody panics meanwhile");
    let compile = || Regex::new(pattern).expect("a pattern");
    let regex = known.entry(pattern.to_owned()).or_insert_with(compile);
    regex.is_match(text)
}

impl Checker<'_> {
    pub(super) fn check(&self, schema: &Json, value: &Json) -> Checked {
        for (keyword, says) in schema.as_object().expect("a schema is an object") {
            match keyword.as_str() {
                "$ref" => {
                    let pointer = says.as_str().and_then(|at| at.strip_prefix('#'));
                    let named = pointer.and_then(|pointer| self.document.pointer(pointer));
                    self.check(named.unwrap_or_else(|| panic!("no {says}")), value)?;
                }
                "type" => self.check_type(says, value)?,
                "enum" => self.check_enum(says, value)?,
                "const" if says != value => return wrong(value, format_args!("not {says}")),
                "anyOf" => {
                    let schemas = says.as_array().expect("a list of schemas").iter();
                    let complaints = schemas.map(|schema| self.check(schema, value).err());
                    let complaints: Option<Vec<_>> = complaints.collect();
                    if let Some(complaints) = complaints {
                        return Err(complaints.join("; or "));
                    }
                }
                "properties" => self.check_properties(says, value)?,
                "required" => {
                    let mut names = says.as_array().expect("names").iter().filter_map(Json::as_str);
                    if let Some(missing) = names.find(|name| value.is_object() && value.get(name).is_none()) {
                        return wrong(value, format_args!("without {missing}"));
                    }
                }
                "additionalProperties" => self.check_further(schema, says, value)?,
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        self.check(says, item)?;
                    }
                }
                "minimum" | "maximum" | "minLength" | "maxLength" | "maxItems" => {
                    self.check_bound(keyword, says.as_f64().expect("a bound"), value)?;
                }
                "pattern" => {
                    let pattern = says.as_str().expect("a pattern");
                    if value.as_str().is_some_and(|text| !is_like(pattern, text)) {
                        return wrong(value, format_args!("not like {pattern}"));
                    }
                }
                "format" if says == "uuid" => {
                    if value.as_str().is_some_and(|text| text.parse::<Uuid>().is_err()) {
                        return wrong(value, "no UUID");
                    }
                }
                "const" | "format" | "default" | "description" => {}
                unknown => panic!("{unknown} is a keyword that is not looked at"),
            }
        }
        Ok(())
    }

    fn check_type(&self, kinds: &Json, value: &Json) -> Checked {
        let kinds = match kinds {
            Json::Array(kinds) => kinds.clone(),
            kind => vec![kind.clone()],
        };
        let is = |kind: &Json| match (kind.as_str().expect("a type"), value) {
            ("null", Json::Null)
            | ("boolean", Json::Bool(_))
            | ("string", Json::String(_))
            | ("array", Json::Array(_))
            | ("object", Json::Object(_))
            | ("number", Json::Number(_)) => true,
            ("integer", Json::Number(number)) => {
                number.is_i64() || number.is_u64() || self.reading == Reading::Generous
            }
            ("integer" | "number", Json::String(_)) => self.number(value).is_some(),
            ("boolean", Json::String(_) | Json::Number(_)) | ("string", Json::Bool(_) | Json::Number(_)) => {
                self.reading == Reading::Generous
            }
            _ => false,
        };
        if kinds.iter().any(is) {
            Ok(())
        } else {
            wrong(value, format_args!("not of {kinds:?}"))
        }
    }

    /// The number that is written so.
    fn number(&self, value: &Json) -> Option<f64> {
        match value {
            Json::String(text) if self.reading == Reading::Generous => text.trim().parse().ok(),
            other => other.as_f64(),
        }
    }

    fn check_enum(&self, values: &Json, value: &Json) -> Checked {
        let mut values_there = values.as_array().expect("values").iter();
        let number = self.number(value);
        if values_there.any(|one| one == value || (number.is_some() && one.as_f64() == number)) {
            Ok(())
        } else {
            wrong(value, format_args!("none of {values}"))
        }
    }

    fn check_properties(&self, properties: &Json, value: &Json) -> Checked {
        for (name, schema) in properties.as_object().expect("properties") {
            if let Some(property) = value.get(name) {
                self.check(schema, property)
                    .map_err(|why| format!("{name}: {why}"))?;
            }
        }
        Ok(())
    }

    fn check_further(&self, schema: &Json, says: &Json, value: &Json) -> Checked {
        let known = |name: &str| schema["properties"].get(name).is_some();
        let fields = value.as_object().into_iter().flatten();
        for (name, further) in fields.filter(|(name, _)| !known(name)) {
            if *says == json!(false) {
                return wrong(value, format_args!("there is no {name}"));
            }
            self.check(says, further)?;
        }
        Ok(())
    }

    fn check_bound(&self, keyword: &str, bound: f64, value: &Json) -> Checked {
        let size = |size: usize| f64::from(u32::try_from(size).unwrap_or(u32::MAX));
        let length = value.as_str().map(|text| size(text.chars().count()));
        let items = value.as_array().map(|items| size(items.len()));
        let fits = match keyword {
            "minimum" => self.number(value).is_none_or(|number| number >= bound),
            "maximum" => self.number(value).is_none_or(|number| number.trunc() <= bound),
            "minLength" => length.is_none_or(|length| length >= bound),
            "maxLength" => length.is_none_or(|length| length <= bound),
            _ => items.is_none_or(|items| items <= bound),
        };
        if fits {
            Ok(())
        } else {
            wrong(value, format_args!("{keyword} {bound}"))
        }
    }
}
