//! What the reader says of a key, by what becomes of an example that has another value there, or none.

use toml::{Table, Value};

use super::{
    super::super::parse,
    examples::{Example, at, parts},
};

/// What other keys of a table are good for depends on these.
const SELECTORS: [&str; 3] = ["type", "action", "protocol"];
/// No example has more tables of a kind.
const MOST_TABLES: usize = 8;

/// What holds where a line is left out.
#[derive(Debug)]
pub(super) enum LeftOut {
    /// Nothing: the reader wants it.
    Refused,
    /// This value.
    Same(String),
    /// Something else than what was tried.
    Other,
}

/// A table of an example, and what is put into it so that other keys are good for something there.
type Variant = (usize, Option<(&'static str, String)>);

/// A key of the tables at a path, in an example.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) example: &'a Example,
    pub(super) path: &'a str,
    pub(super) key: &'a str,
}

impl Place<'_> {
    /// The example with this value there, or none; if there is such a table.
    fn with(&self, (number, selected): &Variant, value: Option<&Value>) -> Option<String> {
        let mut whole = Value::Table(self.example.table.clone());
        let mut is_there = false;
        at(&mut whole, &parts(self.path), &mut number.clone(), &mut |table| {
            if let Some((selector, word)) = selected {
                table.insert((*selector).to_owned(), Value::String(word.clone()));
            }
            match value {
                Some(value) => table.insert(self.key.to_owned(), value.clone()),
                None => table.remove(self.key),
            };
            is_there = true;
        });
        is_there.then(|| toml::to_string(&whole).unwrap())
    }

    /// Each table there as it is, then by each word that decides what its keys are good for.
    fn variants(&self) -> Vec<Variant> {
        let as_they_are: Vec<Variant> = (0..MOST_TABLES).map(|number| (number, None)).collect();
        let mut variants = as_they_are.clone();
        for selector in SELECTORS.into_iter().filter(|selector| *selector != self.key) {
            let place = Place {
                key: selector,
                ..*self
            };
            let complaint = place.complaint(&as_they_are, &Value::String("?".into()));
            let Some(complaint) = complaint.filter(|complaint| !complaint.contains("unknown")) else {
                continue;
            };
            for word in between(&complaint, "is not one of ", ";")
                .into_iter()
                .flat_map(|words| words.split(", "))
            {
                variants.extend(
                    as_they_are
                        .iter()
                        .map(|(number, _)| (*number, Some((selector, word.to_owned())))),
                );
            }
        }
        variants
    }

    /// What is complained of where the value is this one.
    fn complaint(&self, variants: &[Variant], value: &Value) -> Option<String> {
        let start = format!(": {} ", self.key);
        variants.iter().find_map(|variant| {
            let complaints = parse(&self.with(variant, Some(value))?, "example.toml")
                .err()?
                .to_string();
            let mut lines = complaints
                .lines()
                .filter_map(|line| Some(line.split_once(&start)?.1));
            // Where a key is for other tables, it is looked for in these.
            lines
                .find(|line| !line.contains(" only; leave it out"))
                .map(str::to_owned)
        })
    }

    /// What a value has to be, by what is said of values that are not. None: it is a table of its own.
    pub(super) fn values(&self) -> Option<String> {
        let variants = self.variants();
        let of = |value: Value| self.complaint(&variants, &value);
        let kind = of(Value::Table(Table::new()))?;
        let kind = between(&kind, "must be ", ", not a")?.to_owned();
        let wrong = match kind.as_str() {
            "an integer" => of(Value::Integer(-1)),
            "an array" => of(Value::Array(vec![Value::String("\u{1}".into())])),
            _ => of(Value::String("?".into())),
        };
        let wrong = wrong.unwrap_or_default();
        if let Some(range) = between(&wrong, &format!("'s {} is ", self.key), ";")
            && wrong.contains("is out of range")
        {
            // What is more than anybody means has no end.
            return Some(range.replace(&format!(" to {}", i64::MAX), " or more"));
        }
        let what = between(&wrong, "is not ", ";").or_else(|| between(&wrong, "is no ", ";"));
        // How it has to be made may follow.
        let what = what.and_then(|what| what.split(": ").next());
        Some(match (kind.as_str(), what) {
            (_, Some(what)) if what.starts_with("one of ") => what.to_owned(),
            ("an array", Some(what)) => format!("a list, each {what}"),
            ("an array", None) => "a list".to_owned(),
            ("a string", Some(what)) => what.to_owned(),
            ("a string", None) => "text".to_owned(),
            (kind, _) => kind.to_owned(),
        })
    }

    /// What holds where the line is left out: the first of these values that changes nothing.
    pub(super) fn left_out(&self, values: &[String]) -> Option<LeftOut> {
        self.variants().iter().find_map(|variant| {
            let without = parse(&self.with(variant, None)?, "example.toml");
            let with = |text: &String| {
                let value = format!("x = {text}").parse::<Table>().ok()?.remove("x")?;
                Some(
                    parse(&self.with(variant, Some(&value))?, "example.toml")
                        .ok()?
                        .config,
                )
            };
            match without {
                Err(complaints) => {
                    let is_missing = complaints
                        .to_string()
                        .contains(&format!(": {} is missing", self.key));
                    (is_missing && values.iter().any(|value| with(value).is_some()))
                        .then_some(LeftOut::Refused)
                }
                Ok(without) => {
                    let same = values
                        .iter()
                        .find(|value| with(value).is_some_and(|with| with == without.config));
                    let known = values.iter().any(|value| with(value).is_some());
                    same.map(|same| LeftOut::Same(same.clone()))
                        .or(known.then_some(LeftOut::Other))
                }
            }
        })
    }
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    text.split_once(begin)?.1.split(end).next()
}
