//! Policies.

use std::sync::Arc;

use uuid::Uuid;

use super::{Fault, Inventory, Rules, check_protocols, found, not_offered};
use crate::{
    model::{ActionType, MAX_POLICIES_PER_LISTENER, RedirectCode, check_redirect_prefix, check_redirect_url},
    objects::{L7Policy, Listener},
};

impl Rules for L7Policy {
    fn load_balancer(&self, inventory: &Inventory) -> Result<Uuid, Fault> {
        found::<Listener>(inventory, self.listener_id)?.load_balancer(inventory)
    }

    fn admit(&mut self, before: Option<&Self>, tree: &mut Inventory) -> Result<(), Fault> {
        let listener = Arc::clone(found::<Listener>(tree, self.listener_id)?);
        if !listener.protocol.is_layer_7() {
            let what = format!(
                "{} protocol listeners do not support L7 policies",
                listener.protocol
            );
            return Err(not_offered(&what, "use HTTP or TERMINATED_HTTPS"));
        }
        self.settle_action(before)?;
        self.check_address()?;
        if let Some(pool) = self.redirect_pool_id {
            check_protocols(&listener, pool, tree)?;
        }
        self.take_position(tree)
    }

    fn leave(&self, tree: &mut Inventory) -> Result<(), Fault> {
        let rules: Vec<Uuid> = tree.l7rules.of(self.head.id).map(|rule| rule.head.id).collect();
        for rule in rules {
            tree.l7rules.take(rule);
        }
        let others = others(self, tree);
        number(others, tree);
        Ok(())
    }
}

/// The other policies of the listener, in their order.
fn others(policy: &L7Policy, tree: &Inventory) -> Vec<L7Policy> {
    let all = tree.policies_of(policy.listener_id).into_iter();
    let others = all.filter(|other| other.head.id != policy.head.id);
    others.map(|other| (**other).clone()).collect()
}

/// Gives policies the positions at which they stand, from 1.
fn number(policies: Vec<L7Policy>, tree: &mut Inventory) {
    for (mut policy, position) in policies.into_iter().zip(1..) {
        if policy.position != position {
            policy.position = position;
            tree.l7policies.put(policy.into());
        }
    }
}

/// The prefix to which the path of a request is added, which begins with a slash.
pub(crate) fn without_final_slash(prefix: &str) -> &str {
    prefix.trim_end_matches('/')
}

fn wrong(detail: &str) -> Fault {
    Fault::new(400, format!("Invalid L7 Policy arguments: {detail}"))
}

impl L7Policy {
    /// What somebody says anew decides: an action says what is not looked at, and where to go then says what the action is.
    fn settle_action(&mut self, before: Option<&Self>) -> Result<(), Fault> {
        let is_new = |now: &Option<String>, then: Option<&Option<String>>| now.is_some() && Some(now) != then;
        let mut to_url = is_new(&self.redirect_url, before.map(|policy| &policy.redirect_url));
        let to_prefix = is_new(
            &self.redirect_prefix,
            before.map(|policy| &policy.redirect_prefix),
        );
        let mut to_pool = self.redirect_pool_id.is_some()
            && self.redirect_pool_id != before.and_then(|policy| policy.redirect_pool_id);
        if before.is_none_or(|before| before.action != self.action) {
            to_url &= !matches!(self.action, ActionType::Reject | ActionType::RedirectToPool);
            to_pool &= !matches!(self.action, ActionType::Reject | ActionType::RedirectToUrl);
            self.check_complete()?;
        }
        if to_pool && (to_url || to_prefix) {
            return Err(wrong(
                "Cannot specify redirect_pool_id and redirect_url or redirect_prefix at the same time",
            ));
        }
        if to_pool {
            self.action = ActionType::RedirectToPool;
        } else if to_url {
            self.action = ActionType::RedirectToUrl;
        } else if to_prefix {
            self.action = ActionType::RedirectPrefix;
        }
        if self.action != ActionType::RedirectToPool {
            self.redirect_pool_id = None;
        }
        if self.action != ActionType::RedirectToUrl {
            self.redirect_url = None;
        }
        if self.action != ActionType::RedirectPrefix {
            self.redirect_prefix = None;
        }
        self.check_complete()?;
        match self.action {
            ActionType::Reject | ActionType::RedirectToPool => self.redirect_http_code = None,
            ActionType::RedirectToUrl | ActionType::RedirectPrefix => {
                self.redirect_http_code.get_or_insert(RedirectCode::Found);
            }
        }
        Ok(())
    }

    /// Refuses to send clients nobody says where.
    fn check_complete(&self) -> Result<(), Fault> {
        match self.action {
            ActionType::RedirectToPool if self.redirect_pool_id.is_none() => {
                Err(wrong("redirect_pool_id or redirect_pool must not be None").at("redirect_pool_id"))
            }
            ActionType::RedirectToUrl if self.redirect_url.is_none() => {
                Err(wrong("redirect_url must not be None").at("redirect_url"))
            }
            ActionType::RedirectPrefix if self.redirect_prefix.is_none() => {
                Err(wrong("redirect_prefix must not be None").at("redirect_prefix"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to send clients where none gets.
    fn check_address(&self) -> Result<(), Fault> {
        let (field, address, checked) = match (&self.redirect_url, &self.redirect_prefix) {
            (Some(url), _) => ("redirect_url", url, check_redirect_url(url)),
            (None, Some(prefix)) => (
                "redirect_prefix",
                prefix,
                check_redirect_prefix(without_final_slash(prefix)),
            ),
            (None, None) => return Ok(()),
        };
        checked.map_err(|complaint| wrong(&format!("{field} {address:?} {complaint}")).at(field))
    }

    /// Takes its place among the others, which move behind it.
    fn take_position(&mut self, tree: &mut Inventory) -> Result<(), Fault> {
        let mut policies = others(self, tree);
        if policies.len() >= MAX_POLICIES_PER_LISTENER {
            return Err(Fault::invalid(format!(
                "a listener has at most {MAX_POLICIES_PER_LISTENER} L7 policies"
            )));
        }
        let place = (self.position as usize - 1).min(policies.len());
        self.position = place as u32 + 1;
        policies.insert(place, self.clone());
        number(policies, tree);
        Ok(())
    }
}
