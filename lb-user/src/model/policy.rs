//! Policies: where the requests of a listener go that its own pool is not to have.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ActionType, CompareType, RuleType};

/// The most policies that one listener may have.
pub const MAX_POLICIES_PER_LISTENER: usize = 64;

/// The most rules that one policy may have.
pub const MAX_RULES_PER_POLICY: usize = 16;

/// What becomes of requests that all rules are true of.
///
/// Of the policies of a listener the first one counts that matches: those that reject are asked first, then those that
/// redirect to a URL or to a prefix, then those that choose a pool, and among these each in the order in which they
/// stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Unique among the policies of its listener.
    pub name: String,
    /// What people call it, where `name` is an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What becomes of them.
    #[serde(flatten)]
    pub action: Action,
    /// `false` switches it off: it matches nothing.
    pub admin_state_up: bool,
    /// At most [`MAX_RULES_PER_POLICY`], which all have to be true. A policy without any matches nothing.
    #[serde(rename = "rule", default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// What becomes of a request, with what belongs to each action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// It is answered 403.
    Reject,
    /// Its client is sent elsewhere.
    RedirectToUrl {
        /// Where: an absolute URL of `http` or `https`.
        redirect_url: String,
        /// The status that says so.
        redirect_http_code: RedirectCode,
    },
    /// Its client is sent to the same path and query of another site.
    RedirectPrefix {
        /// What stands before the path: scheme, host and port, and a path perhaps, without a `/` at its end.
        redirect_prefix: String,
        /// The status that says so.
        redirect_http_code: RedirectCode,
    },
    /// Another pool has it.
    RedirectToPool {
        /// The name of a [`Pool`](super::Pool) that exists, and that the proxy serves.
        redirect_pool: String,
    },
}

impl Action {
    /// Which of the actions it is.
    #[must_use]
    pub fn action_type(&self) -> ActionType {
        match self {
            Self::Reject => ActionType::Reject,
            Self::RedirectToUrl { .. } => ActionType::RedirectToUrl,
            Self::RedirectPrefix { .. } => ActionType::RedirectPrefix,
            Self::RedirectToPool { .. } => ActionType::RedirectToPool,
        }
    }
}

/// A status that sends a client elsewhere (RFC 9110, section 15.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum RedirectCode {
    /// 301: for good. Of a POST clients may make a GET.
    MovedPermanently,
    /// 302: for now. Of a POST clients may make a GET.
    #[default]
    Found,
    /// 303: to something else, which is asked for by GET.
    SeeOther,
    /// 307: for now, and by the same method.
    Temporary,
    /// 308: for good, and by the same method.
    Permanent,
}

impl RedirectCode {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::MovedPermanently,
        Self::Found,
        Self::SeeOther,
        Self::Temporary,
        Self::Permanent,
    ];

    /// The number.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::MovedPermanently => 301,
            Self::Found => 302,
            Self::SeeOther => 303,
            Self::Temporary => 307,
            Self::Permanent => 308,
        }
    }
}

/// A number that is no [`RedirectCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARedirectCode;

impl fmt::Display for NotARedirectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a status that redirects; write 301, 302, 303, 307 or 308")
    }
}

impl std::error::Error for NotARedirectCode {}

impl TryFrom<u16> for RedirectCode {
    type Error = NotARedirectCode;

    fn try_from(status: u16) -> Result<Self, NotARedirectCode> {
        let mut all = Self::ALL.into_iter();
        all.find(|code| code.status() == status).ok_or(NotARedirectCode)
    }
}

impl From<RedirectCode> for u16 {
    fn from(code: RedirectCode) -> Self {
        code.status()
    }
}

/// Something that is true of a request or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What of the request is looked at.
    #[serde(flatten)]
    pub subject: Subject,
    /// How it is compared.
    pub compare_type: CompareType,
    /// With what.
    pub value: String,
    /// `true`: the rule is true where this is not. Where a request has nothing of the kind, no cookie of that name for
    /// one, nothing is equal, and so it is true as well.
    pub invert: bool,
}

/// What of a request a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Subject {
    /// The host that it is for, without the port, and without regard to case.
    HostName,
    /// The path, without the query, byte for byte as it was sent: `/%61`, `/./a` and `//a` are not `/a`, whatever a
    /// member makes of them.
    Path,
    /// What follows the last dot of the path's last segment, as it was sent; nothing where there is no dot.
    FileType,
    /// The header fields of a name. One of them has to be so, each as a whole.
    Header {
        /// The name, whatever its case.
        key: String,
    },
    /// The cookies of a name. One of them has to be so.
    Cookie {
        /// The name.
        key: String,
    },
}

impl Subject {
    /// Which of the types it is.
    #[must_use]
    pub fn rule_type(&self) -> RuleType {
        match self {
            Self::HostName => RuleType::HostName,
            Self::Path => RuleType::Path,
            Self::FileType => RuleType::FileType,
            Self::Header { .. } => RuleType::Header,
            Self::Cookie { .. } => RuleType::Cookie,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Word as _;
    use super::*;

    #[test]
    fn actions_are_tagged_with_the_word_of_their_type() {
        let redirect_http_code = RedirectCode::SeeOther;
        let all = [
            Action::Reject,
            Action::RedirectToUrl {
                redirect_url: "https://a/b".into(),
                redirect_http_code,
            },
            Action::RedirectPrefix {
                redirect_prefix: "https://a".into(),
                redirect_http_code,
            },
            Action::RedirectToPool {
                redirect_pool: "a".into(),
            },
        ];
        assert!(
            all.iter()
                .map(Action::action_type)
                .eq(ActionType::ALL.iter().copied())
        );
        for action in all {
            let json = serde_json::to_value(&action).unwrap();
            assert_eq!(json["action"], action.action_type().word());
            assert_eq!(serde_json::from_value::<Action>(json).unwrap(), action);
        }
    }

    #[test]
    fn subjects_are_tagged_with_the_word_of_their_type() {
        let key = || "a".to_owned();
        let all = [
            Subject::HostName,
            Subject::Path,
            Subject::FileType,
            Subject::Header { key: key() },
            Subject::Cookie { key: key() },
        ];
        assert!(
            all.iter()
                .map(Subject::rule_type)
                .eq(RuleType::ALL.iter().copied())
        );
        for subject in all {
            let json = serde_json::to_value(&subject).unwrap();
            assert_eq!(json["type"], subject.rule_type().word());
            assert_eq!(serde_json::from_value::<Subject>(json).unwrap(), subject);
        }
    }

    #[test]
    fn only_five_numbers_redirect() {
        let codes = (0..=u16::MAX).filter(|status| RedirectCode::try_from(*status).is_ok());
        assert_eq!(codes.collect::<Vec<_>>(), [301, 302, 303, 307, 308]);
        for code in RedirectCode::ALL {
            assert_eq!(RedirectCode::try_from(code.status()), Ok(code));
        }
    }
}
