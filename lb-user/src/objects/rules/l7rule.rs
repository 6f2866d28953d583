//! Rules of policies.

use uuid::Uuid;

use super::{Fault, Inventory, Rules, found, held_with, not_offered};
use crate::{
    http::pattern::{self, Case},
    model::{CompareType, MAX_RULES_PER_POLICY, RuleType, check_compared, token},
    objects::{L7Policy, L7Rule, L7RuleType},
};

/// What policies are called where they are looked for on the way to their rules.
pub(crate) const POLICY: &str = "L7Policy";

impl Rules for L7Rule {
    fn load_balancer(&self, inventory: &Inventory) -> Result<Uuid, Fault> {
        found::<L7Policy>(inventory, self.l7policy_id)?.load_balancer(inventory)
    }

    fn admit(&mut self, before: Option<&Self>, tree: &mut Inventory) -> Result<(), Fault> {
        self.check_kind()?;
        self.check_value().map_err(|fault| fault.at("value"))?;
        let policy = found::<L7Policy>(tree, self.l7policy_id)?.head.id;
        if before.is_none() && tree.l7rules.of(policy).count() >= MAX_RULES_PER_POLICY {
            return Err(Fault::new(409, format!("Too many rules on L7 policy {policy}")));
        }
        Ok(())
    }

    fn leave(&self, _: &mut Inventory) -> Result<(), Fault> {
        Ok(())
    }

    fn held(&self, balancer: Uuid, inventory: &Inventory) -> Fault {
        held_with(self.l7policy_id, POLICY, balancer, inventory)
    }
}

fn wrong(detail: impl std::fmt::Display) -> Fault {
    Fault::new(400, format!("Error parsing L7Rule: {detail}"))
}

/// A character of what is compared.
fn is_graphic(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

/// One of a quoted string.
fn is_quoted(byte: u8) -> bool {
    is_graphic(byte) || byte == b' ' || byte == b'\t'
}

/// One of the value of a cookie.
fn is_of_cookie(byte: u8) -> bool {
    is_graphic(byte) && !b"\";\\".contains(&byte)
}

fn has_only(text: &str, is_fine: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(is_fine)
}

fn is_comparable(text: &str) -> bool {
    let within = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    has_only(text, is_graphic) || within.is_some_and(|within| within.bytes().all(is_quoted))
}

impl L7RuleType {
    /// Refuses what nobody looks at here.
    pub(crate) fn check_offered(self) -> Result<(), Fault> {
        match self {
            Self::SslConnHasCert | Self::SslVerifyResult | Self::SslDnField => {
                let instead = "use HOST_NAME, PATH, FILE_TYPE, HEADER or COOKIE";
                Err(not_offered(&format!("L7 rules of type {self}"), instead))
            }
            Self::HostName | Self::Path | Self::FileType | Self::Header | Self::Cookie => Ok(()),
        }
    }
}

impl L7Rule {
    fn check_kind(&mut self) -> Result<(), Fault> {
        self.kind.check_offered().map_err(|fault| fault.at("type"))?;
        match self.kind {
            L7RuleType::Header | L7RuleType::Cookie => match self.key.as_deref() {
                None | Some("") => {
                    return Err(wrong("Invalid L7 Rule: L7 rule type requires a key").at("key"));
                }
                Some(key) if token(key, "a header or a cookie").is_err() => {
                    return Err(wrong("Invalid characters in key").at("key"));
                }
                Some(_) => {}
            },
            L7RuleType::FileType
                if !matches!(self.compare_type, CompareType::Regex | CompareType::EqualTo) =>
            {
                return Err(
                    wrong("Invalid L7 Rule: invalid comparison type for rule type").at("compare_type")
                );
            }
            L7RuleType::FileType | L7RuleType::HostName | L7RuleType::Path => self.key = None,
            L7RuleType::SslConnHasCert | L7RuleType::SslVerifyResult | L7RuleType::SslDnField => {}
        }
        Ok(())
    }

    fn check_value(&self) -> Result<(), Fault> {
        if self.value.is_empty() {
            return Err(wrong("Invalid L7 Rule: L7 rule type requires a value"));
        }
        if self.compare_type == CompareType::Regex {
            let case = match self.kind {
                L7RuleType::HostName => Case::Ignored,
                _ => Case::Matters,
            };
            return pattern::compile(&self.value, case)
                .map(drop)
                .map_err(|mistake| wrong(format_args!("Unable to parse regular expression: {mistake}")));
        }
        let (is_fine, of_what) = match self.kind {
            L7RuleType::Cookie => (has_only(&self.value, is_of_cookie), "cookie"),
            L7RuleType::Header => (is_comparable(&self.value), "header"),
            _ => (is_comparable(&self.value), "comparison"),
        };
        if !is_fine {
            return Err(wrong(format_args!("Invalid characters in {of_what} value")));
        }
        self.check_meaning()
    }

    /// Refuses what nothing is ever equal to.
    fn check_meaning(&self) -> Result<(), Fault> {
        let value = &self.value;
        let rule_type = match self.kind {
            L7RuleType::HostName => RuleType::HostName,
            L7RuleType::Path => RuleType::Path,
            L7RuleType::FileType => RuleType::FileType,
            L7RuleType::Header => RuleType::Header,
            L7RuleType::Cookie => RuleType::Cookie,
            L7RuleType::SslConnHasCert | L7RuleType::SslVerifyResult | L7RuleType::SslDnField => {
                return Ok(());
            }
        };
        check_compared(value, rule_type, self.compare_type)
            .map_err(|complaint| wrong(format_args!("Invalid L7 Rule: the value {value:?} {complaint}")))
    }
}
