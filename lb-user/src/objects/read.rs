//! Reading the body of a request into an object.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{
    fault::Fault,
    form::{Create, Form, Kind, Update, When},
    kind::written,
};

/// What a body is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A new object.
    Create,
    /// Another state of one.
    Update,
}

/// Reads one object of a body, field by field.
pub struct Reader<'b> {
    /// What messages call it: `pool_.pool`.
    called: &'b str,
    purpose: Purpose,
    body: &'b Map<String, Json>,
    known: Vec<&'static str>,
    first: Option<Fault>,
}

impl<'b> Reader<'b> {
    /// Reads `body`, which messages call so.
    pub fn new(called: &'b str, purpose: Purpose, body: &'b Map<String, Json>) -> Self {
        Self {
            called,
            purpose,
            body,
            known: Vec::new(),
            first: None,
        }
    }

    /// A key that is no field of the object, but may be there: what it says.
    pub fn extra(&mut self, name: &'static str) -> Option<&'b Json> {
        self.known.push(name);
        self.body.get(name)
    }

    /// The first thing that is wrong, if anything is.
    pub fn finish(self) -> Result<(), Fault> {
        let mut unknown: Vec<&str> = self
            .body
            .keys()
            .map(String::as_str)
            .filter(|key| !self.known.contains(key))
            .collect();
        // More do not help, and anybody can send any number.
        unknown.truncate(10);
        if !unknown.is_empty() {
            let s = if unknown.len() > 1 { "s" } else { "" };
            let text = format!(
                "Unknown attribute{s} for argument {}: {}",
                self.called,
                written(&Json::String(unknown.join(", ")))
            );
            return Err(Fault::new(400, text).at(unknown[0]));
        }
        self.first.map_or(Ok(()), Err)
    }
}

impl Form for Reader<'_> {
    fn field<T: Clone + Serialize>(
        &mut self,
        name: &'static str,
        when: When,
        value: &mut T,
        fresh: &T,
        kind: &dyn Kind<T>,
    ) {
        if self.purpose == Purpose::Update && when.on_update == Update::Unknown {
            return;
        }
        self.known.push(name);
        let is_required = self.purpose == Purpose::Create && when.on_create == Create::Required;
        let read = match self.body.get(name) {
            None if is_required => Err(Fault::of_field(name, "None", "Mandatory field missing.")),
            None => return,
            Some(Json::Null) if when.on_create == Create::Required => Err(kind.fault_of_null(name)),
            Some(Json::Null) => Ok(fresh.clone()),
            Some(given) => kind
                .read(given)
                .map_err(|complaint| kind.fault(name, given, complaint)),
        };
        match read {
            Ok(read) => *value = read,
            Err(fault) => drop(self.first.get_or_insert(fault.at(name))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::objects::kind::Integer;

    const KIND: Integer<u16> = Integer { low: 0, high: 256 };

    fn read(purpose: Purpose, body: &Json, weight: &mut u16, port: &mut u16) -> Result<(), Fault> {
        let mut reader = Reader::new("member_.member", purpose, body.as_object().unwrap());
        reader.field("weight", When::OPEN, weight, &1, &KIND);
        reader.field("protocol_port", When::REQUIRED_FIXED, port, &0, &KIND);
        reader.finish()
    }

    #[test]
    fn what_is_left_out_stays_and_null_is_the_default() {
        let (mut weight, mut port) = (7, 80);
        read(Purpose::Update, &json!({}), &mut weight, &mut port).unwrap();
        assert_eq!((weight, port), (7, 80));
        read(Purpose::Update, &json!({"weight": null}), &mut weight, &mut port).unwrap();
        assert_eq!((weight, port), (1, 80));
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_the_service() {
        let long = json!({"a": 1, "b": 2, "protocol_port": 1});
        for (purpose, body, says) in [
            (
                Purpose::Create,
                json!({"weight": 2}),
                "Invalid input for field/attribute protocol_port. Value: 'None'. Mandatory field missing.",
            ),
            (
                Purpose::Create,
                json!({"weight": 257, "protocol_port": 1}),
                "Invalid input for field/attribute weight. Value: '257'. Value should be lower or equal to 256",
            ),
            (
                Purpose::Update,
                json!({"protocol_port": 1}),
                "Unknown attribute for argument member_.member: protocol_port",
            ),
            (
                Purpose::Create,
                long,
                "Unknown attributes for argument member_.member: a, b",
            ),
            (
                Purpose::Create,
                json!({"protocol_port": null}),
                "None is not a valid option for protocol_port",
            ),
        ] {
            let fault = read(purpose, &body, &mut 1, &mut 1).unwrap_err();
            assert_eq!((fault.status, fault.text.as_str()), (400, says));
        }
    }
}
