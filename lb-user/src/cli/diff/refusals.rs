//! Why a daemon would refuse to take a file as it runs now.

use std::sync::Arc;

use crate::{
    control::Running,
    model::{Clash, Config, Listener, Managed},
};

/// What to do where a file says again what the API has made, as one that was exported does.
const SAYS_IT_AGAIN: &str = "what of the file the API has made as well is for a daemon whose store has not made it: take it out \
                             of the file, or away from the API";

/// Each reason, with what to do.
pub(super) fn refusals(running: &Running, wanted: &Config) -> Vec<String> {
    let plane = running.dataplane;
    let now = running.config.served_by(plane);
    let lasting = now.refusal(&wanted.served_by(plane));
    let conflict = wanted.with(&managed(running), plane).err();
    let conflict = conflict.map(|conflict| match *conflict.clash {
        Clash::Key { kind, key, .. } => {
            format!("the API has made {kind} \"{key}\" already; {SAYS_IT_AGAIN}")
        }
        clash @ Clash::Vip { .. } => format!("{clash}; {SAYS_IT_AGAIN}"),
        clash => clash.to_string(),
    });
    lasting.into_iter().chain(conflict).collect()
}

/// What of it the API has made, which stays beside each file.
fn managed(running: &Running) -> Vec<Arc<Managed>> {
    let Running {
        config, made_by_api, ..
    } = running;
    let balancers = config.load_balancers.iter();
    let made = balancers.filter(|balancer| made_by_api.contains(&balancer.name));
    // They come in the order in which they were made.
    let managed = made.zip(0..).map(|(balancer, made)| {
        let named: Vec<&str> = balancer.listeners.iter().flat_map(Listener::pools).collect();
        let pools = config.pools.iter();
        let pools =
            pools.filter(|pool| made_by_api.contains(&pool.name) && named.contains(&pool.name.as_str()));
        Arc::new(Managed {
            made,
            load_balancer: Arc::clone(balancer),
            pools: pools.cloned().collect(),
        })
    });
    managed.collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::config, *};
    use crate::{cli::export::named, config::render, model::DataPlane};

    const FILE: &str = r#"
        [datapath]
        interfaces = ["eth0"]
        [[load_balancer]]
        name = "web"
        vip = "192.0.2.1"
        listener = [{ name = "web", protocol = "TCP", port = 80, pool = "web" }]
        [[pool]]
        name = "web"
        member = [{ address = "10.0.0.1", port = 80 }]
    "#;

    /// A daemon whose API has made all of the file.
    fn running() -> Running {
        let mut config = config(&FILE.replace("\"web\"", "\"7f\""));
        for balancer in &mut config.load_balancers {
            let balancer = Arc::make_mut(balancer);
            balancer.display_name = Some("web".into());
            balancer.listeners[0].display_name = Some("web".into());
        }
        for pool in &mut config.pools {
            Arc::make_mut(pool).display_name = Some("web".into());
        }
        Running {
            config,
            dataplane: DataPlane::Kernel,
            made_by_api: ["7f".to_owned()].into(),
            refused: Vec::new(),
            unused_pools: Vec::new(),
        }
    }

    #[test]
    fn what_the_api_has_made_stays_beside_a_file_that_has_nothing_of_it() {
        let bare = config("datapath.interfaces = [\"eth0\"]");
        assert_eq!(refusals(&running(), &bare), Vec::<String>::new());
        let other = FILE.replace("192.0.2.1", "192.0.2.2");
        assert_eq!(refusals(&running(), &config(&other)), Vec::<String>::new());
    }

    #[test]
    fn an_exported_file_is_for_a_daemon_that_has_not_made_the_same() {
        let exported = render(&named(running().config).config).unwrap();
        let refusals = refusals(&running(), &config(&exported));
        assert_eq!(refusals.len(), 1, "{refusals:?}");
        let says = "VIP 192.0.2.1 of load balancer \"web\" is that of load balancer \"web\" already";
        assert!(refusals[0].starts_with(says), "{refusals:?}");
        assert!(refusals[0].ends_with(SAYS_IT_AGAIN), "{refusals:?}");
    }

    #[test]
    fn all_reasons_are_said() {
        let other = format!("daemon.state_path = \"/elsewhere\"\n{FILE}");
        let refusals = refusals(&running(), &config(&other));
        assert_eq!(refusals.len(), 2, "{refusals:?}");
        assert!(refusals[0].contains("`state_path`"), "{refusals:?}");
    }

    #[test]
    fn what_a_file_leaves_no_room_for_is_said_with_what_to_write() {
        let bare = config("");
        let refusals = refusals(&running(), &bare);
        assert!(
            refusals.len() == 1 && refusals[0].contains("datapath.interfaces"),
            "{refusals:?}"
        );
        assert!(!refusals[0].contains(SAYS_IT_AGAIN), "{refusals:?}");
    }
}
