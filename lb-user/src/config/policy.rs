//! `[[load_balancer.listener.policy]]` and its rules.

use toml::de::DeValue;

use super::cookie::token;
use super::diagnostic::Reported;
use super::reader::{At, Entry, Read, Scope, Table};
use super::values::{boolean, name, string, word};
use crate::model::{
    Action, ActionType, CompareType, MAX_RULES_PER_POLICY, NotARedirectCode, Policy, RedirectCode, Rule,
    RuleType, Subject, check_compared, check_redirect_prefix, check_redirect_url,
};

const URL: &str = "redirect_url";
const PREFIX: &str = "redirect_prefix";
const CODE: &str = "redirect_http_code";
const POOL: &str = "redirect_pool";

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
            let url = t.required(URL, text(check_redirect_url));
            let code = t.or(CODE, RedirectCode::default(), redirect_code);
            Ok(Action::RedirectToUrl {
                redirect_url: url?.value,
                redirect_http_code: code?.value,
            })
        }
        ActionType::RedirectPrefix => {
            let prefix = t.required(PREFIX, text(check_redirect_prefix));
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

/// A text for which the rule is true.
fn text(rule: fn(&str) -> Result<(), String>) -> impl Fn(&Entry<'_, '_>) -> Result<String, Reported> {
    string(move |text| rule(text).map(|()| text.to_owned()))
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
                string(|text| {
                    check_compared(text, rule_type.value, compare_type.value).map(|()| text.to_owned())
                }),
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
            display_name: None,
            action: self.action.clone()?,
            admin_state_up: self.admin_state_up?.value,
            rules: self.rules.iter().cloned().collect::<Result<_, _>>()?,
        })
    }
}
