//! `holdfast export`: what runs, as a configuration file.
//!
//! Objects of the API have ids for keys, and names that need not be unique or there at all; a file knows everything by unique
//! names.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;

use super::{
    ask::{ask, unexpected},
    escape, output,
};
use crate::{
    config,
    control::{Answer, Command, Running},
    model::{Action, Config, LONGEST_NAME, Listener, LoadBalancer, Pool, Titled},
};

/// Names by keys.
pub(super) type Names = HashMap<String, String>;

/// A configuration in which everything is called by the name that people know.
pub(crate) struct Named {
    pub(crate) config: Config,
    pub(super) balancers: Names,
    pub(super) pools: Names,
}

pub(super) fn run(socket: &Path) -> anyhow::Result<()> {
    let running = running(socket)?;
    complain_of_what_is_left_out(&running);
    let named = named(running.config);
    let config = &named.config;
    let text = config::render(config).context("what runs cannot be written as a file")?;
    let wants_interfaces = |(_, listener): (_, &Listener)| listener.protocol().is_layer_4();
    if !config.has_layer_4() && config.listeners().any(wants_interfaces) {
        output::complain(format_args!(
            "no daemon takes this file before it names the interfaces where clients and members are reached, as in \
             interfaces = [\"eth0\"] under [datapath]: with the noop data plane this one has got along without"
        ));
    }
    Ok(output::print(text)?)
}

/// A file is what is served, and knows everything by its name.
fn complain_of_what_is_left_out(running: &Running) {
    for refused in &running.refused {
        output::complain(format_args!(
            "load balancer \"{}\" is not in it, or not all of it, since it is not served: {}",
            escape::line(refused.title()),
            refused.reason
        ));
    }
    for pool in &running.unused_pools {
        output::complain(format_args!(
            "pool \"{}\" is not in it, since nothing leads to it",
            escape::line(pool)
        ));
    }
    let holds_sessions =
        |pool: &Arc<Pool>| running.made_by_api.contains(&pool.name) && pool.session_persistence.is_some();
    if running.config.pools.iter().any(holds_sessions) {
        output::complain(
            "sessions do not go along with pools of the API: a daemon that takes this file knows these by other names",
        );
    }
}

/// What a daemon runs with.
pub(super) fn running(socket: &Path) -> anyhow::Result<Running> {
    match ask(socket, &Command::Config)? {
        Answer::Config(running) => Ok(*running),
        other => unexpected(&other),
    }
}

/// Calls everything by its name. What has none keeps its key, and of several with one name all but the first get a number.
pub(crate) fn named(mut config: Config) -> Named {
    let balancers = names(config.load_balancers.iter().map(Arc::as_ref));
    let listeners = names(config.listeners().map(|(_, listener)| listener));
    let pools = names(config.pools.iter().map(Arc::as_ref));
    for pool in &mut config.pools {
        rename_pool(Arc::make_mut(pool), &pools);
    }
    for balancer in &mut config.load_balancers {
        let balancer = Arc::make_mut(balancer);
        rename_balancer(balancer, &balancers, &listeners, &pools);
    }
    Named {
        config,
        balancers,
        pools,
    }
}

/// The names of all things of a kind.
fn names<'t, T: Titled + 't>(all: impl Iterator<Item = &'t T> + Clone) -> Names {
    let is_called = |thing: &&T| thing.display_name().is_some();
    let keys = all.clone().filter(|thing| !is_called(thing)).map(T::name);
    let mut taken: HashSet<String> = keys.map(str::to_owned).collect();
    all.map(|thing| {
        let mut name = thing.name().to_owned();
        if let Some(called) = thing.display_name() {
            name = unused(called, |name| taken.contains(name));
            taken.insert(name.clone());
        }
        (thing.name().to_owned(), name)
    })
    .collect()
}

/// A name that is not taken: `web`, else `web-2`, `web-3`, ...; cut off where a file takes no longer one.
fn unused(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let ending_with = |ending: &str| {
        let room = name.floor_char_boundary(LONGEST_NAME - ending.len());
        name[..room].trim_end().to_owned() + ending
    };
    let numbered = (2_u64..).map(|number| ending_with(&format!("-{number}")));
    let mut all = std::iter::once(ending_with("")).chain(numbered);
    // There are more numbers than names.
    all.find(|name| !is_taken(name)).unwrap_or_default()
}

fn rename(name: &mut String, display_name: &mut Option<String>, names: &Names) {
    if let Some(known) = names.get(name) {
        known.clone_into(name);
    }
    *display_name = None;
}

fn rename_pool(pool: &mut Pool, pools: &Names) {
    let members = names(pool.members.iter());
    rename(&mut pool.name, &mut pool.display_name, pools);
    for member in &mut pool.members {
        rename(&mut member.name, &mut member.display_name, &members);
    }
}

fn rename_balancer(balancer: &mut LoadBalancer, balancers: &Names, listeners: &Names, pools: &Names) {
    let name_of = |pool: &mut String| {
        if let Some(name) = pools.get(pool) {
            name.clone_into(pool);
        }
    };
    rename(&mut balancer.name, &mut balancer.display_name, balancers);
    for listener in &mut balancer.listeners {
        let Listener {
            name,
            display_name,
            pool,
            policies,
            ..
        } = listener;
        rename(name, display_name, listeners);
        pool.as_mut().map(name_of);
        let names = names(policies.iter());
        for policy in policies {
            rename(&mut policy.name, &mut policy.display_name, &names);
            if let Action::RedirectToPool { redirect_pool } = &mut policy.action {
                name_of(redirect_pool);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [datapath]
        interfaces = ["eth0"]
        [[load_balancer]]
        name = "web"
        vip = "192.0.2.1"
        [[load_balancer.listener]]
        name = "web"
        protocol = "HTTP"
        port = 80
        pool = "web"
        [[load_balancer.listener.policy]]
        name = "api"
        action = "REDIRECT_TO_POOL"
        redirect_pool = "web"
        rule = [{ type = "PATH", compare_type = "STARTS_WITH", value = "/api" }]
        [[pool]]
        name = "web"
        member = [{ address = "10.0.0.1", port = 80 }]
    "#;

    fn file() -> Config {
        config::parse(FILE, "file.toml").unwrap().config
    }

    /// The same load balancer as the API has it, called so.
    fn of_the_api(number: u8, name: Option<&str>) -> Config {
        let mut config = file();
        let pool = Arc::make_mut(&mut config.pools[0]);
        pool.name = format!("pool-key-{number}");
        pool.display_name = name.map(Into::into);
        let balancer = Arc::make_mut(&mut config.load_balancers[0]);
        balancer.name = format!("lb-key-{number}");
        balancer.display_name = name.map(Into::into);
        balancer.vip = [192, 0, 2, number].into();
        let listener = &mut balancer.listeners[0];
        listener.name = format!("listener-key-{number}");
        listener.display_name = name.map(Into::into);
        listener.pool = Some(format!("pool-key-{number}"));
        listener.policies[0].action = Action::RedirectToPool {
            redirect_pool: format!("pool-key-{number}"),
        };
        config
    }

    fn together(others: impl IntoIterator<Item = Config>) -> Config {
        let mut all = file();
        for other in others {
            all.load_balancers.extend(other.load_balancers);
            all.pools.extend(other.pools);
        }
        all
    }

    fn names_of(config: &Config) -> [Vec<&str>; 3] {
        let pools = config.pools.iter().map(|pool| pool.name.as_str());
        let balancers = config
            .load_balancers
            .iter()
            .map(|balancer| balancer.name.as_str());
        let listeners = config.listeners().map(|(_, listener)| listener.name.as_str());
        [balancers.collect(), listeners.collect(), pools.collect()]
    }

    /// What is rendered is read again as the same.
    fn assert_is_a_file(config: &Config) {
        let text = config::render(config).unwrap();
        let back =
            config::parse(&text, "exported.toml").unwrap_or_else(|mistakes| panic!("{mistakes:#}\n{text}"));
        assert_eq!(&back.config, config);
    }

    #[test]
    fn what_a_file_says_stays_as_it_is() {
        assert_eq!(named(file()).config, file());
    }

    #[test]
    fn names_are_made_unique_and_those_of_the_file_stay() {
        let all = together([
            of_the_api(2, Some("web")),
            of_the_api(3, Some("web")),
            of_the_api(4, None),
        ]);
        let named = named(all);
        let expected = |key| vec!["web", "web-2", "web-3", key];
        assert_eq!(
            names_of(&named.config),
            [
                expected("lb-key-4"),
                expected("listener-key-4"),
                expected("pool-key-4")
            ]
        );
        let used: Vec<_> = named
            .config
            .listeners()
            .map(|(_, listener)| listener.pools().collect::<Vec<_>>())
            .collect();
        assert_eq!(used[1], ["web-2", "web-2"]);
        assert_eq!(named.pools["pool-key-3"], "web-3");
        assert_is_a_file(&named.config);
    }

    #[test]
    fn names_are_no_longer_than_those_of_a_file() {
        let long = "\u{1f6d2}".repeat(255);
        let all = together([of_the_api(2, Some(&long)), of_the_api(3, Some(&long))]);
        let named = named(all);
        let cut = |carts| "\u{1f6d2}".repeat(carts);
        assert_eq!(names_of(&named.config)[0], ["web", &cut(63), &(cut(63) + "-2")]);
        assert_is_a_file(&named.config);
    }

    #[test]
    fn a_listener_without_a_pool_stays_without() {
        let mut other = of_the_api(2, Some("bare"));
        other.pools.clear();
        let listener = &mut Arc::make_mut(&mut other.load_balancers[0]).listeners[0];
        listener.pool = None;
        listener.policies.clear();
        let named = named(together([other]));
        assert_eq!(names_of(&named.config)[2], ["web"]);
        assert_is_a_file(&named.config);
    }

    #[test]
    fn a_policy_that_looks_at_nothing_stays() {
        let mut other = of_the_api(2, Some("shop"));
        Arc::make_mut(&mut other.load_balancers[0]).listeners[0].policies[0]
            .rules
            .clear();
        let named = named(together([other]));
        assert_eq!(named.config.load_balancers[1].listeners[0].policies.len(), 1);
        assert_is_a_file(&named.config);
    }
}
