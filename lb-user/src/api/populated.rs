//! Load balancers that are made as a whole: which pool of the request is which.

use serde_json::{Map, Value as Json, json};

use super::whole::all;
use crate::objects::Fault;

/// What is to be below a load balancer. Pools stand beside listeners, which lead to them by name.
pub(super) struct Populated {
    /// Each with where the request has it.
    pub(super) pools: Vec<(String, Json)>,
    pub(super) listeners: Vec<Json>,
}

impl Populated {
    /// What a body says of it. Listeners and policies may say what a pool is, or only which.
    pub(super) fn of(below: &Map<String, Json>) -> Result<Self, Fault> {
        let pools = all(below, "pools")?.iter().enumerate();
        let mut pools: Vec<_> = pools
            .map(|(index, pool)| (format!("pools.{index}"), pool.clone()))
            .collect();
        let mut listeners = all(below, "listeners")?.to_vec();
        let mut led_to = Vec::new();
        for (index, listener) in listeners.iter_mut().enumerate() {
            let at = format!("listeners.{index}");
            led_to.extend(take_pool(listener, &at, "default_pool", &mut pools)?);
            let policies = listener.get_mut("l7policies").and_then(Json::as_array_mut);
            for (index, policy) in policies.into_iter().flatten().enumerate() {
                let at = format!("{at}.l7policies.{index}");
                led_to.extend(take_pool(policy, &at, "redirect_pool", &mut pools)?);
            }
        }
        let mut names: Vec<&str> = Vec::new();
        for (_, pool) in &pools {
            let name = name_of(pool);
            if names.contains(&name) {
                return Err(Fault::invalid(
                    "Pool names must be unique when creating a fully populated loadbalancer.",
                ));
            }
            names.push(name);
        }
        if let Some(unknown) = led_to.iter().find(|name| !names.contains(&name.as_str())) {
            let text = format!("Pool '{unknown}' was referenced but no full definition was found.");
            return Err(Fault::invalid(text));
        }
        pools.iter().try_for_each(|(_, pool)| check_complete(pool))?;
        Ok(Self { pools, listeners })
    }
}

fn name_of(pool: &Json) -> &str {
    pool.get("name").and_then(Json::as_str).unwrap_or_default()
}

/// Puts the pool that `from` leads to beside the others, if it says more than which one it is, and gives its name.
fn take_pool(
    from: &mut Json,
    at: &str,
    key: &str,
    pools: &mut Vec<(String, Json)>,
) -> Result<Option<String>, Fault> {
    let Some(pool) = from.get_mut(key) else {
        return Ok(None);
    };
    let Json::Object(fields) = &*pool else {
        // Reading it says what is wrong, if it is not null.
        return Ok(None);
    };
    let name = name_of(pool).to_owned();
    if name.is_empty() {
        return Err(Fault::invalid(
            "Pools must be named when creating a fully populated loadbalancer.",
        ));
    }
    let says_which = ["name", "admin_state_up", "tls_enabled"];
    let says_what = fields.keys().any(|key| !says_which.contains(&key.as_str()));
    let reference = json!({ "name": name });
    let pool = std::mem::replace(pool, reference);
    if says_what {
        pools.push((format!("{at}.{key}"), pool));
    }
    Ok(Some(name))
}

fn check_complete(pool: &Json) -> Result<(), Fault> {
    let is_missing = |key: &&&str| pool.is_object() && pool.get(**key).is_none_or(Json::is_null);
    match ["protocol", "lb_algorithm"].iter().find(is_missing) {
        None => Ok(()),
        Some(missing) => Err(Fault::invalid(format!(
            "Pool definition for '{}' missing required attribute: {missing}",
            name_of(pool)
        ))),
    }
}
