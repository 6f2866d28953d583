//! Why a request is refused.

/// Why a request is refused, as the API says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The HTTP status.
    pub status: u16,
    /// For people.
    pub text: String,
    /// What it is said in.
    pub shape: Shape,
    /// Which field of the object in the request is wrong, as a path: `session_persistence.cookie_name`, `members.2.address`. None
    /// where it is no single one.
    pub field: Option<String>,
}

/// What a fault is said in: the service has two ways, and clients read either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// `faultstring`: by what serves objects.
    #[default]
    Faultstring,
    /// `description`, beside this title: by what finds the way to them.
    Description(&'static str),
}

impl Fault {
    /// A fault of this status.
    pub fn new(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            shape: Shape::default(),
            field: None,
        }
    }

    /// Says which field is wrong, unless that is said already.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field.get_or_insert_with(|| field.to_owned());
        self
    }

    /// The same, of an object whose field is another one.
    #[must_use]
    pub fn within(mut self, field: &str) -> Self {
        self.field = self.field.map(|inner| format!("{field}.{inner}"));
        self
    }

    /// A fault of the way to an object: of paths, and of how lists are asked for.
    pub fn described(status: u16, title: &'static str, text: impl Into<String>) -> Self {
        Self {
            shape: Shape::Description(title),
            ..Self::new(status, text)
        }
    }

    /// 400: how a list is asked for.
    pub fn of_query(text: impl Into<String>) -> Self {
        Self::described(400, "Bad Request", text)
    }

    /// 404: there is nothing that the objects of a path could belong to. (The service calls that a bad request.)
    pub fn no_parent(what: &str, id: impl std::fmt::Display) -> Self {
        Self::described(404, "Bad Request", format!("{what} {id} not found."))
    }

    /// 400: what is asked for is wrong by itself.
    pub fn invalid(detail: impl AsRef<str>) -> Self {
        Self::new(400, format!("Validation failure: {}", detail.as_ref()))
    }

    /// 400: the value of a field.
    pub fn of_field(field: &str, value: &str, complaint: &str) -> Self {
        let text = format!("Invalid input for field/attribute {field}. Value: '{value}'. {complaint}");
        Self::new(400, text).at(field)
    }

    /// 400: a field that there is not in such a body.
    pub fn unknown_attribute(called: &str, field: &str) -> Self {
        Self::new(400, format!("Unknown attribute for argument {called}: {field}")).at(field)
    }

    /// 400: a value that an option cannot have.
    pub fn invalid_option(value: &str, option: &str) -> Self {
        Self::new(400, format!("{value} is not a valid option for {option}"))
    }

    /// 404: there is no such object, or none that the caller may know of.
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(404, format!("{what} {id} not found."))
    }

    /// 409: a change of the object is being applied.
    pub fn immutable(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(409, format!("{what} {id} is immutable and cannot be updated."))
    }

    /// 501: it can be asked for, but is not what this load balancer does.
    pub fn unsupported(detail: impl AsRef<str>) -> Self {
        let text = format!(
            "Provider 'holdfast' does not support a requested option: {}",
            detail.as_ref()
        );
        Self::new(501, text)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}
