//! `[[load_balancer.listener.policy]]` and its rules.

use toml::de::DeValue;

use super::cookie::token;
use super::diagnostic::Reported;
use super::reader::{At, Entry, Read, Scope, Table};
use super::values::{boolean, bounded, name, string, visible_ascii, word};
use crate::http::host::{Authority, LONGEST_HOST};
use crate::http::pattern::{self, Case};
use crate::model::{
    Action, ActionType, CompareType, MAX_RULES_PER_POLICY, NotARedirectCode, Policy, RedirectCode, Rule,
    RuleType, Subject,
};

const URL: &str = "redirect_url";
const PREFIX: &str = "redirect_prefix";
const CODE: &str = "redirect_http_code";
const POOL: &str = "redirect_pool";
/// Of a URL, and of what is compared with.
const LONGEST: usize = 1024;

pub(super) struct RawPolicy<'r> {
    pub(super) scope: Scope<'r>,
    pub(super) name: Read<String>,
    /// The pool that it chooses, where it does.
    pub(super) pool: Option<At<String>>,
    action: Result<Action, Reported>,
    admin_state_up: Read<bool>,
    rules: Vec<Result<Rule, Reported>>,
}

pub(super) fn policy<'r>(t: &mut Table<'_, 'r>) -> RawPolicy<'r> {
    let called = t.required("name", name);
    let action_type = t.required("action", word);
    let admin_state_up = t.or("admin_state_up", true, boolean);
    let mut pool = None;
    let raw = RawPolicy {
        name: called,
        action: action(t, &action_type, &mut pool),
        pool,
        admin_state_up,
        rules: t.tables("rule", &[], rule),
        scope: t.scope(),
    };
    raw.check();
    raw
}

/// What belongs to the action, and nothing that belongs to another.
fn action(
    t: &mut Table<'_, '_>,
    action_type: &Read<ActionType>,
    pool: &mut Option<At<String>>,
) -> Result<Action, Reported> {
    let action_type = match action_type {
        Ok(at) => at.value,
        Err(reported) => {
            t.ignore(&[URL, PREFIX, CODE, POOL], *reported);
            return Err(*reported);
        }
    };
    let sends_away = matches!(
        action_type,
        ActionType::RedirectToUrl | ActionType::RedirectPrefix
    );
    for (key, is_here, place) in [
        (
            URL,
            action_type == ActionType::RedirectToUrl,
            "action = \"REDIRECT_TO_URL\"",
        ),
        (
            PREFIX,
            action_type == ActionType::RedirectPrefix,
            "action = \"REDIRECT_PREFIX\"",
        ),
        (
            CODE,
            sends_away,
            "action = \"REDIRECT_TO_URL\" or \"REDIRECT_PREFIX\"",
        ),
        (
            POOL,
            action_type == ActionType::RedirectToPool,
            "action = \"REDIRECT_TO_POOL\"",
        ),
    ] {
        if !is_here {
            t.misplaced(&[key], place);
        }
    }
    match action_type {
        ActionType::Reject => Ok(Action::Reject),
        ActionType::RedirectToUrl => {
            let url = t.required(URL, string(url));
            let code = t.or(CODE, RedirectCode::default(), redirect_code);
            Ok(Action::RedirectToUrl {
                redirect_url: url?.value,
                redirect_http_code: code?.value,
            })
        }
        ActionType::RedirectPrefix => {
            let prefix = t.required(PREFIX, string(prefix));
            let code = t.or(CODE, RedirectCode::default(), redirect_code);
            Ok(Action::RedirectPrefix {
                redirect_prefix: prefix?.value,
                redirect_http_code: code?.value,
            })
        }
        ActionType::RedirectToPool => {
            let named = t.required(POOL, name)?;
            *pool = Some(named.clone());
            Ok(Action::RedirectToPool {
                redirect_pool: named.value,
            })
        }
    }
}

fn url(text: &str) -> Result<String, String> {
    after_authority(text).map(|_| text.to_owned())
}

/// What is followed by the path of a request, which begins with `/`.
fn prefix(text: &str) -> Result<String, String> {
    let path = after_authority(text)?;
    if path.contains(['?', '#']) {
        Err("has a query or a fragment, behind which no path can stand; leave it out".into())
    } else if let Some(without) = text.strip_suffix('/') {
        Err(format!(
            "ends with \"/\", with which the path of a request begins; write {without:?}"
        ))
    } else {
        Ok(text.to_owned())
    }
}

/// What follows scheme and authority of an absolute URL.
fn after_authority(text: &str) -> Result<&str, String> {
    let text = visible_ascii(text, LONGEST)?;
    let begins = |scheme: &&str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let scheme = ["https://", "http://"].into_iter().find(begins);
    let scheme = scheme
        .ok_or("does not begin with \"https://\" or \"http://\"; write it as in \"https://example.com\"")?;
    let rest = &text[scheme.len()..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    match Authority::parse(authority.as_bytes(), &mut [0; LONGEST_HOST]) {
        Ok(_) => Ok(rest),
        Err(mistake) => Err(format!("names no host behind {scheme:?}: {mistake}")),
    }
}

fn redirect_code(entry: &Entry<'_, '_>) -> Result<RedirectCode, Reported> {
    let DeValue::Integer(given) = entry.value else {
        return Err(entry.expected("an integer"));
    };
    let status = i64::from_str_radix(given.as_str(), given.radix()).ok();
    let status = status.and_then(|status| u16::try_from(status).ok());
    let code = status.ok_or(NotARedirectCode).and_then(RedirectCode::try_from);
    code.map_err(|mistake| entry.wrong(mistake.to_string()))
}

fn rule(t: &mut Table<'_, '_>) -> Result<Rule, Reported> {
    let rule_type = t.required("type", word);
    let compare_type = t.required("compare_type", word);
    let invert = t.or("invert", false, boolean);
    let subject = subject(t, &rule_type);
    let value = match (&rule_type, &compare_type) {
        (Ok(rule_type), Ok(compare_type)) => {
            check_file_type(t, rule_type.value, compare_type);
            t.required(
                "value",
                string(|text| value(text, rule_type.value, compare_type.value)),
            )
        }
        (Err(reported), _) | (_, Err(reported)) => {
            t.ignore(&["value"], *reported);
            Err(*reported)
        }
    };
    Ok(Rule {
        subject: subject?,
        compare_type: compare_type?.value,
        value: value?.value,
        invert: invert?.value,
    })
}

/// A type of file is a word, of which no part means anything.
fn check_file_type(t: &Table<'_, '_>, rule_type: RuleType, compare_type: &At<CompareType>) {
    if rule_type == RuleType::FileType
        && !matches!(compare_type.value, CompareType::EqualTo | CompareType::Regex)
    {
        let message = format!(
            "compare_type {} is not for type FILE_TYPE; write compare_type = \"EQUAL_TO\" or \"REGEX\"",
            compare_type.value
        );
        t.scope().error(compare_type.span, message);
    }
}

fn subject(t: &mut Table<'_, '_>, rule_type: &Read<RuleType>) -> Result<Subject, Reported> {
    let rule_type = match rule_type {
        Ok(at) => at.value,
        Err(reported) => {
            t.ignore(&["key"], *reported);
            return Err(*reported);
        }
    };
    if !matches!(rule_type, RuleType::Header | RuleType::Cookie) {
        t.misplaced(&["key"], "type = \"HEADER\" or \"COOKIE\"");
    }
    Ok(match rule_type {
        RuleType::HostName => Subject::HostName,
        RuleType::Path => Subject::Path,
        RuleType::FileType => Subject::FileType,
        RuleType::Header => Subject::Header {
            key: t.required("key", token("a header field"))?.value,
        },
        RuleType::Cookie => Subject::Cookie {
            key: t.required("key", token("a cookie"))?.value,
        },
    })
}

/// Refuses also what is never equal, since nothing that is compared is like it.
fn value(text: &str, rule_type: RuleType, compare_type: CompareType) -> Result<String, String> {
    bounded(text, LONGEST)?;
    match (rule_type, compare_type) {
        (RuleType::HostName, CompareType::Regex) => compiles(text, Case::Ignored),
        (_, CompareType::Regex) => compiles(text, Case::Matters),
        (RuleType::HostName, CompareType::EqualTo) => host_name(text),
        (RuleType::HostName, _) => part_of_host_name(text),
        (RuleType::Path, _) => path(text, compare_type),
        (RuleType::FileType, _) => file_type(text),
        (RuleType::Header | RuleType::Cookie, _) if text.contains(char::is_control) => {
            Err("has a control character, which no header field has; leave it out".into())
        }
        (RuleType::Header | RuleType::Cookie, _) => Ok(()),
    }?;
    Ok(text.to_owned())
}

fn compiles(text: &str, case: Case) -> Result<(), String> {
    pattern::compile(text, case)
        .map(drop)
        .map_err(|mistake| mistake.to_string())
}

fn host_name(text: &str) -> Result<(), String> {
    let mut buffer = [0; LONGEST_HOST];
    match Authority::parse(text.as_bytes(), &mut buffer) {
        Err(mistake) => Err(format!("is not a host: {mistake}")),
        Ok(Authority {
            host, port: Some(_), ..
        }) => Err(format!(
            "has a port, and hosts are compared without; write {:?}",
            String::from_utf8_lossy(host)
        )),
        Ok(_) => Ok(()),
    }
}

fn part_of_host_name(text: &str) -> Result<(), String> {
    let of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
    if text.bytes().all(of_host) {
        Ok(())
    } else {
        Err("has a character that no host has; write letters, digits, \"-\", \"_\" and \".\"".into())
    }
}

fn path(text: &str, compare_type: CompareType) -> Result<(), String> {
    let text = visible_ascii(text, LONGEST)?;
    let from_start = matches!(compare_type, CompareType::EqualTo | CompareType::StartsWith);
    if let Some(end) = text.find(['?', '#']) {
        Err(format!(
            "has a query or a fragment, and paths are compared without; leave {:?} out",
            &text[end..]
        ))
    } else if from_start && !text.starts_with('/') && text != "*" {
        Err("does not begin with \"/\", as every path does; begin it with \"/\"".into())
    } else {
        Ok(())
    }
}

fn file_type(text: &str) -> Result<(), String> {
    let text = visible_ascii(text, LONGEST)?;
    if text.contains(['.', '/', '?', '#']) {
        Err("is more than what follows the last dot of a path; write it as in \"jpg\"".into())
    } else {
        Ok(())
    }
}

impl RawPolicy<'_> {
    fn check(&self) {
        let (span, count) = (self.scope.span, self.rules.len());
        if count > MAX_RULES_PER_POLICY {
            let message = format!(
                "it has {count} rules; a policy has at most {MAX_RULES_PER_POLICY}: use several policies, or compare_type \
                 = \"REGEX\""
            );
            self.scope.error(span, message);
        }
        if count == 0 {
            self.scope
                .warning(span, "it has no rule, so that it matches nothing");
        }
    }

    pub(super) fn valid(&self) -> Result<Policy, Reported> {
        Ok(Policy {
            name: self.name.clone()?.value,
            action: self.action.clone()?,
            admin_state_up: self.admin_state_up?.value,
            rules: self.rules.iter().cloned().collect::<Result<_, _>>()?,
        })
    }
}
