//! The kinds of values that the API takes.

mod network;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt::Display, marker::PhantomData, net::IpAddr, str::FromStr};

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{fault::Fault, form::Kind};
use crate::model::Word;
pub(super) use network::Network;

/// What is not taken of a kind is `null`, which means something else: so an absent value has to be asked for.
pub(super) struct Nullable<K>(pub(super) K);

impl<T, K: Kind<T>> Kind<Option<T>> for Nullable<K> {
    fn read(&self, given: &Json) -> Result<Option<T>, String> {
        if given.is_null() {
            return Ok(None);
        }
        self.0.read(given).map(Some)
    }

    fn schema(&self) -> Json {
        self.0.schema()
    }

    fn schema_of_update(&self) -> Json {
        self.0.schema_of_update()
    }
}

/// `true` or `false`; clients of long standing write them otherwise as well.
pub(super) struct Boolean;

impl Kind<bool> for Boolean {
    fn read(&self, given: &Json) -> Result<bool, String> {
        let word = match given {
            Json::Bool(given) => return Ok(*given),
            Json::Number(given) => given
                .as_f64()
                .map(|number| if number == 0.0 { "false" } else { "true" }),
            Json::String(given) => Some(given.as_str()),
            _ => None,
        };
        match word.map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "t" | "yes" | "y" | "on" | "1") => Ok(true),
            Some("false" | "f" | "no" | "n" | "off" | "0") => Ok(false),
            _ => Err(format!("Value not an unambiguous boolean: {}", written(given))),
        }
    }

    fn schema(&self) -> Json {
        json!({"type": "boolean"})
    }
}

/// An integer, both bounds included; as a string too, which is how command lines send it.
pub(crate) struct Integer<T> {
    /// The least.
    pub(crate) low: T,
    /// The greatest.
    pub(crate) high: T,
}

impl<T: Copy + PartialOrd + Display + TryFrom<i64>> Kind<T> for Integer<T> {
    fn read(&self, given: &Json) -> Result<T, String> {
        let number = match given {
            Json::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Json::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| "Value should be an integer".to_owned())?;
        match T::try_from(number) {
            Ok(value) if value < self.low => Err(format!("Value should be greater or equal to {}", self.low)),
            Ok(value) if value <= self.high => Ok(value),
            Err(_) if number < 0 => Err(format!("Value should be greater or equal to {}", self.low)),
            _ => Err(format!("Value should be lower or equal to {}", self.high)),
        }
    }

    fn schema(&self) -> Json {
        let number = |bound: T| bound.to_string().parse::<i64>().unwrap_or_default();
        json!({"type": "integer", "minimum": number(self.low), "maximum": number(self.high)})
    }
}

fn whole(number: f64) -> Option<i64> {
    let whole = number.trunc() as i64;
    (number.is_finite() && number.abs() < 9e15).then_some(whole)
}

/// The most characters of a name, and of nearly everything else.
pub(crate) const LONGEST_NAME: usize = 255;

/// A string of at most so many characters.
pub(super) struct Text {
    /// The fewest characters.
    pub(super) least: usize,
    /// The most characters.
    pub(super) most: usize,
}

impl Text {
    /// As long as nearly everything may be.
    pub(super) const SHORT: Self = Self {
        least: 0,
        most: LONGEST_NAME,
    };
}

impl Kind<String> for Text {
    fn read(&self, given: &Json) -> Result<String, String> {
        let text = string(given)?;
        let length = text.chars().count();
        if length < self.least {
            Err(format!(
                "Value should have a minimum character requirement of {}",
                self.least
            ))
        } else if length > self.most {
            Err(format!(
                "Value should have a maximum character requirement of {}",
                self.most
            ))
        } else if text.contains('\0') {
            Err("Value should have no NUL character".into())
        } else {
            Ok(text.to_owned())
        }
    }

    fn schema(&self) -> Json {
        json!({"type": "string", "minLength": self.least, "maxLength": self.most})
    }
}

/// A string of at most 255 characters that `rule` accepts, whose complaint says what would be right.
pub(super) struct Ruled(pub(super) fn(&str) -> Result<(), String>);

impl Kind<String> for Ruled {
    fn read(&self, given: &Json) -> Result<String, String> {
        let text = Text::SHORT.read(given)?;
        (self.0)(&text)?;
        Ok(text)
    }

    fn schema(&self) -> Json {
        Text::SHORT.schema()
    }
}

/// One of the words of a closed set.
pub(super) struct OneOf<T>(PhantomData<T>);

/// One of the words of a closed set.
pub(super) fn one_of<T: Word>() -> OneOf<T> {
    OneOf(PhantomData)
}

impl<T: Word> Kind<T> for OneOf<T> {
    fn read(&self, given: &Json) -> Result<T, String> {
        given.as_str().and_then(T::from_word).ok_or_else(|| {
            let words: Vec<_> = T::ALL.iter().map(|value| value.word()).collect();
            format!("Value should be one of: {}", words.join(", "))
        })
    }

    fn schema(&self) -> Json {
        let words: Vec<_> = T::ALL.iter().map(|value| value.word()).collect();
        json!({"type": "string", "enum": words})
    }
}

/// A UUID, with dashes or without.
pub(super) struct Id;

impl Kind<Uuid> for Id {
    fn read(&self, given: &Json) -> Result<Uuid, String> {
        let id = given.as_str().and_then(|text| text.parse().ok());
        id.ok_or_else(|| "Value should be UUID format".into())
    }

    fn schema(&self) -> Json {
        json!({"type": "string", "format": "uuid"})
    }
}

/// An object that another one belongs to, which messages call so.
pub(super) struct Reference(pub(super) &'static str);

impl Kind<Uuid> for Reference {
    fn read(&self, given: &Json) -> Result<Uuid, String> {
        Id.read(given)
    }

    fn schema(&self) -> Json {
        Kind::<Uuid>::schema(&Id)
    }

    fn fault_of_null(&self, _: &str) -> Fault {
        Fault::not_found(self.0, "None")
    }
}

/// What is refused as `null` in these words.
pub(super) struct NotNull<K> {
    /// The kind.
    pub(super) of: K,
    /// The words.
    pub(super) otherwise: &'static str,
}

impl<T, K: Kind<T>> Kind<T> for NotNull<K> {
    fn read(&self, given: &Json) -> Result<T, String> {
        self.of.read(given)
    }

    fn schema(&self) -> Json {
        self.of.schema()
    }

    fn fault_of_null(&self, _: &str) -> Fault {
        Fault::new(400, self.otherwise)
    }
}

/// Whatever is written as a string and has a rule of its own.
pub(super) struct Parsed<T> {
    complaint: &'static str,
    format: &'static str,
    into: PhantomData<T>,
}

/// An address.
pub(super) const ADDRESS: Parsed<IpAddr> = Parsed {
    complaint: "Value should be IPv4 or IPv6 format",
    format: "ip",
    into: PhantomData,
};

impl<T: FromStr> Kind<T> for Parsed<T> {
    fn read(&self, given: &Json) -> Result<T, String> {
        let value = given.as_str().and_then(|text| text.parse().ok());
        value.ok_or_else(|| self.complaint.into())
    }

    fn schema(&self) -> Json {
        json!({"type": "string", "format": self.format})
    }
}

/// A list of at most so many of a kind; `null` is an empty one.
pub(super) struct List<K> {
    /// The kind.
    pub(super) of: K,
    /// How many there may be.
    pub(super) most: usize,
}

impl<T, K: Kind<T>> Kind<Vec<T>> for List<K> {
    fn read(&self, given: &Json) -> Result<Vec<T>, String> {
        match given {
            Json::Null => Ok(Vec::new()),
            Json::Array(all) if all.len() > self.most => {
                Err(format!("Value should have at most {} elements", self.most))
            }
            Json::Array(all) => all.iter().map(|one| self.of.read(one)).collect(),
            _ => Err(format!("Value not a valid list: {}", written(given))),
        }
    }

    fn schema(&self) -> Json {
        json!({"type": "array", "items": self.of.schema(), "maxItems": self.most})
    }
}

/// Strings by string; what the value of one is may be written as a boolean as well.
pub(super) struct Dictionary;

impl Kind<BTreeMap<String, String>> for Dictionary {
    fn read(&self, given: &Json) -> Result<BTreeMap<String, String>, String> {
        let entries = match given {
            Json::Null => return Ok(BTreeMap::new()),
            Json::Object(entries) => entries,
            _ => return Err(format!("Value not a valid dict: {}", written(given))),
        };
        let entries = entries.iter().map(|(key, value)| {
            let value = match value {
                Json::String(text) => text.clone(),
                Json::Bool(_) | Json::Number(_) => value.to_string(),
                _ => return Err(format!("Value of {key} should be string")),
            };
            Ok((key.clone(), value))
        });
        entries.collect()
    }

    fn schema(&self) -> Json {
        json!({"type": "object", "additionalProperties": {"type": "string"}})
    }
}

fn string(given: &Json) -> Result<&str, String> {
    given.as_str().ok_or_else(|| "Value should be string".to_owned())
}

/// A value as messages show it: short, and in the notation of the language that the service is written in.
pub(crate) fn written(given: &Json) -> String {
    const MOST: usize = 200;
    let text = match given {
        Json::String(text) => text.clone(),
        other => noted(other),
    };
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn noted(value: &Json) -> String {
    let listed = |all: Vec<String>| all.join(", ");
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => format!("'{text}'"),
        Json::Array(all) => format!("[{}]", listed(all.iter().map(noted).collect())),
        Json::Object(all) => {
            let entries = all
                .iter()
                .map(|(key, value)| format!("'{key}': {}", noted(value)));
            format!("{{{}}}", listed(entries.collect()))
        }
    }
}
