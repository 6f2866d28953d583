//! The fields that people give, each named once: from there a request's body is read, and the API's document is written.

use serde::Serialize;
use serde_json::Value as Json;

use super::{fault::Fault, kind::written};

/// When a field may be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct When {
    /// Whether there has to be one when the object is made.
    pub on_create: Create,
    /// Whether it can be changed afterwards.
    pub on_update: Update,
}

/// What making an object says of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Create {
    /// It has to be there.
    Required,
    /// It may be there.
    Optional,
}

/// What changing an object says of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    /// It may be there.
    Optional,
    /// There is no such field.
    Unknown,
}

impl When {
    /// It may be given, and changed.
    pub const OPEN: Self = Self::of(Create::Optional, Update::Optional);
    /// It may be given, and stays what it is.
    pub const FIXED: Self = Self::of(Create::Optional, Update::Unknown);
    /// It has to be given, and may be changed.
    pub const REQUIRED: Self = Self::of(Create::Required, Update::Optional);
    /// It has to be given, and stays what it is.
    pub const REQUIRED_FIXED: Self = Self::of(Create::Required, Update::Unknown);

    const fn of(on_create: Create, on_update: Update) -> Self {
        Self { on_create, on_update }
    }
}

/// Who goes through the fields of an object.
pub trait Form {
    /// A field of that name, which is `value` now. `fresh` is what it is where nobody says anything, and what `null` makes it
    /// again.
    fn field<T: Clone + Serialize>(
        &mut self,
        name: &'static str,
        when: When,
        value: &mut T,
        fresh: &T,
        kind: &dyn Kind<T>,
    );
}

/// A kind of value.
pub trait Kind<T> {
    /// What `given` stands for; the complaint says what would be right.
    fn read(&self, given: &Json) -> Result<T, String>;

    /// What values there are (JSON Schema, as `OpenAPI` has it), beside `null`: whether that is taken, the field says.
    fn schema(&self) -> Json;

    /// The same where an object is changed, of which less need be said.
    fn schema_of_update(&self) -> Json {
        self.schema()
    }

    /// Why a field is refused that says `given`.
    fn fault(&self, field: &str, given: &Json, complaint: String) -> Fault {
        Fault::of_field(field, &written(given), &complaint)
    }

    /// Why a field that has to be there is refused as `null`.
    fn fault_of_null(&self, field: &str) -> Fault {
        Fault::invalid_option("None", field)
    }
}
