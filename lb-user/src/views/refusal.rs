//! What is refused: questions, and load balancers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A load balancer of the management API of which not all is served that it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its id.
    pub id: String,
    /// What people call it; empty: nothing.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl Refused {
    /// What to call it.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.name.is_empty() {
            &self.id
        } else {
            &self.name
        }
    }
}

/// Why a question is not answered, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What it is about is not there.
    NoSuch(String),
    /// It cannot be asked so.
    Wrong(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Wrong(reason)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuch(reason) | Self::Wrong(reason) => f.write_str(reason),
        }
    }
}
