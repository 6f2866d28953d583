//! The rules of policies, compiled, and what they look at.

use memchr::{memchr, memmem, memrchr};
use regex::bytes::Regex;

use super::super::admit::Admitted;
use crate::{
    http::{
        cookies,
        fields::Name,
        head::Head,
        host::{self, Authority},
        pattern::{self, Case},
    },
    model::{self, CompareType},
};

/// What rules see of a request.
pub(super) struct Seen<'q> {
    pub(super) head: &'q Head,
    /// Host and port that it is for, as they were sent: what members get as its `Host`.
    authority: Option<&'q [u8]>,
    /// The host, normalised; none where there is none, or what stands there is no host.
    pub(super) host: Option<&'q [u8]>,
    pub(super) path_and_query: &'q [u8],
    path: &'q [u8],
}

impl<'q> Seen<'q> {
    pub(super) fn of(head: &'q Head, admitted: &Admitted, buffer: &'q mut host::Buffer) -> Self {
        let authority = match admitted.authority {
            Some(authority) => Some(authority.of(&head.bytes)),
            None => head.values(Name::Host).next(),
        };
        let host = authority.and_then(|authority| Authority::parse(authority, buffer).ok());
        let path_and_query = admitted.path.of(&head.bytes);
        let end = memchr(b'?', path_and_query).unwrap_or(path_and_query.len());
        Self {
            head,
            authority,
            host: host.map(|authority| authority.host),
            path_and_query,
            // As members get it.
            path: match &path_and_query[..end] {
                b"" => b"/",
                path => path,
            },
        }
    }

    /// What follows the last dot of the path's last segment.
    fn file_type(&self) -> Option<&'q [u8]> {
        let segment = memrchr(b'/', self.path).map_or(self.path, |slash| &self.path[slash + 1..]);
        memrchr(b'.', segment).map(|dot| &segment[dot + 1..])
    }
}

/// The rules of a policy.
#[derive(Debug)]
pub(super) struct Rules {
    made_of: Vec<model::Rule>,
    compiled: Vec<Rule>,
}

impl Rules {
    /// Those of a policy; none where there is an expression among them that the configuration should have refused.
    pub(super) fn of(policy: &model::Policy) -> Option<Self> {
        let compiled = policy.rules.iter().map(Rule::of);
        Some(Self {
            compiled: compiled.collect::<Option<_>>()?,
            made_of: policy.rules.clone(),
        })
    }

    /// Whether they are those of `policy`.
    pub(super) fn are_of(&self, policy: &model::Policy) -> bool {
        self.made_of == policy.rules
    }

    /// Whether all of them are true.
    pub(super) fn match_all(&self, seen: &Seen<'_>) -> bool {
        self.compiled.iter().all(|rule| rule.is_true(seen))
    }
}

#[derive(Debug)]
struct Rule {
    subject: Subject,
    comparison: Comparison,
    invert: bool,
}

#[derive(Debug)]
enum Subject {
    HostName,
    Path,
    FileType,
    /// The field `Host`: where the target names a host too, that is in its place.
    Host,
    Header(Vec<u8>),
    Cookie(Vec<u8>),
}

#[derive(Debug)]
enum Comparison {
    Equal(Vec<u8>),
    Start(Vec<u8>),
    End(Vec<u8>),
    Part(Box<memmem::Finder<'static>>),
    Regex(Regex),
}

impl Rule {
    fn of(rule: &model::Rule) -> Option<Self> {
        let subject = match &rule.subject {
            model::Subject::HostName => Subject::HostName,
            model::Subject::Path => Subject::Path,
            model::Subject::FileType => Subject::FileType,
            model::Subject::Header { key } if Name::of(key.as_bytes()) == Name::Host => Subject::Host,
            model::Subject::Header { key } => Subject::Header(key.clone().into_bytes()),
            model::Subject::Cookie { key } => Subject::Cookie(key.clone().into_bytes()),
        };
        let comparison = match subject {
            Subject::HostName => Comparison::with_host(rule)?,
            _ => Comparison::new(rule.compare_type, rule.value.as_bytes(), || {
                pattern::compile(&rule.value, Case::Matters).ok()
            })?,
        };
        Some(Self {
            subject,
            comparison,
            invert: rule.invert,
        })
    }

    fn is_true(&self, seen: &Seen<'_>) -> bool {
        let holds = |value: &[u8]| self.comparison.holds(value);
        let is_so = match &self.subject {
            Subject::HostName => seen.host.is_some_and(holds),
            Subject::Path => holds(seen.path),
            Subject::FileType => seen.file_type().is_some_and(holds),
            Subject::Host => seen.authority.is_some_and(holds),
            Subject::Header(name) => {
                let bytes = &seen.head.bytes;
                let mut fields = seen.head.fields.iter();
                fields.any(|field| {
                    field.label.of(bytes).eq_ignore_ascii_case(name) && holds(field.value.of(bytes))
                })
            }
            Subject::Cookie(name) => {
                let mut cookies = seen.head.values(Name::Cookie).flat_map(cookies::pairs);
                cookies.any(|cookie| cookie.name == name && holds(cookie.value))
            }
        };
        is_so != self.invert
    }
}

impl Comparison {
    fn new(compare_type: CompareType, value: &[u8], regex: impl FnOnce() -> Option<Regex>) -> Option<Self> {
        Some(match compare_type {
            CompareType::EqualTo => Self::Equal(value.to_vec()),
            CompareType::StartsWith => Self::Start(value.to_vec()),
            CompareType::EndsWith => Self::End(value.to_vec()),
            CompareType::Contains => Self::Part(Box::new(memmem::Finder::new(value).into_owned())),
            CompareType::Regex => Self::Regex(regex()?),
        })
    }

    /// With hosts, which are normalised when they are compared.
    fn with_host(rule: &model::Rule) -> Option<Self> {
        let lower = rule.value.to_ascii_lowercase();
        let mut buffer = [0; host::LONGEST_HOST];
        let value = match rule.compare_type {
            CompareType::EqualTo => Authority::parse(lower.as_bytes(), &mut buffer).ok()?.host,
            _ => lower.as_bytes(),
        };
        Self::new(rule.compare_type, value, || {
            pattern::compile(&rule.value, Case::Ignored).ok()
        })
    }

    fn holds(&self, given: &[u8]) -> bool {
        match self {
            Self::Equal(value) => given == value,
            Self::Start(value) => given.starts_with(value),
            Self::End(value) => given.ends_with(value),
            Self::Part(value) => value.find(given).is_some(),
            Self::Regex(regex) => regex.is_match(given),
        }
    }
}
