//! Whatever the API has been asked for, another start serves the same.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::{Daemon, Family, Laboratory, try_eventually};
use proptest::prelude::*;
use serde_json::{Value, json};

const WITHIN: Duration = Duration::from_secs(20);
const SMALL: &str = "max_flows = 4096\nmax_sessions = 65536\nmax_listeners = 128\nmax_pools = 128\nmax_members = 512\n\
                     schedule_slots = 32768\n";

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Action {
    Balancer,
    Listener,
    Pool,
    Member,
    Weight,
    Persistence,
    Algorithm,
    DefaultPool,
    Switch,
    Members,
    Delete,
}

/// Numbers choose among what there is, and what becomes of it.
type Step = (Action, u8, u8);

fn step() -> impl Strategy<Value = Step> {
    use Action::{
        Algorithm, Balancer, DefaultPool, Delete, Listener, Member, Members, Persistence, Pool, Switch,
        Weight,
    };
    let actions = prop_oneof![
        // Much of what is asked for has to be there first.
        3 => Just(Balancer), 6 => Just(Listener), 8 => Just(Pool), 12 => Just(Member), 3 => Just(Weight),
        3 => Just(Persistence), 2 => Just(Algorithm), 3 => Just(DefaultPool), 3 => Just(Switch), 2 => Just(Members),
        4 => Just(Delete),
    ];
    (actions, any::<u8>(), any::<u8>())
}

struct World {
    // First, so that it ends before what it balances.
    daemon: Daemon,
    lab: Laboratory,
}

impl World {
    fn start() -> Result<Self> {
        let lab = Laboratory::routed().members(3).build()?;
        Ok(Self {
            daemon: Daemon::start(&lab, SMALL)?,
            lab,
        })
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<()> {
        let answer = self.daemon.api(method, path, body)?;
        // Some of it cannot be, and is refused.
        ensure!(answer.status < 500, "{method} {path} {body:?}: {answer:?}");
        Ok(())
    }

    fn list(&self, path: &str) -> Result<Vec<Value>> {
        let answer = self.daemon.api("GET", path, None)?;
        let name = path.rsplit('/').next().unwrap_or_default();
        let list = answer.object(name)?.as_array().context("no list")?;
        Ok(list.clone())
    }

    /// One of a list, if there are any.
    fn one(&self, path: &str, which: u8) -> Result<Option<String>> {
        let list = self.list(path)?;
        let chosen = list.get(usize::from(which) % list.len().max(1));
        let id = |one: &Value| Ok(one["id"].as_str().context("no id")?.to_owned());
        chosen.map(id).transpose()
    }

    /// Members that can be reached, and one that cannot.
    fn member(&self, how: u8) -> Value {
        let address = match usize::from(how % 4) {
            0 => "192.0.2.77".to_owned(),
            number => self.lab.member_address(number, Family::V4).to_string(),
        };
        json!({"address": address, "protocol_port": 8080 + u16::from(how / 64), "weight": how % 16})
    }

    fn take(&self, (action, which, how): Step) -> Result<()> {
        const PROTOCOLS: [&str; 5] = ["TCP", "TCP", "TCP", "UDP", "HTTP"];
        const ALGORITHMS: [&str; 3] = ["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"];
        let protocol = PROTOCOLS[usize::from(how) % 5];
        let algorithm = ALGORITHMS[usize::from(how / 8) % 3];
        let persistence = match how / 64 {
            0 => Value::Null,
            part => json!({"type": "SOURCE_IP", "persistence_timeout": 60 * u16::from(part)}),
        };
        let one = |path: &str| self.one(path, which);
        let owned =
            |what: &str| Ok::<_, anyhow::Error>(one(&format!("/{what}"))?.map(|id| format!("/{what}/{id}")));
        let member = || {
            let Some(pool) = one("/pools")? else {
                return Ok::<_, anyhow::Error>(None);
            };
            let members = format!("/pools/{pool}/members");
            Ok(self.one(&members, how)?.map(|id| format!("{members}/{id}")))
        };
        let any = || match how % 4 {
            0 => owned("loadbalancers"),
            1 => owned("listeners"),
            2 => owned("pools"),
            _ => member(),
        };
        let (method, path, body) = match action {
            Action::Balancer => {
                let address = format!("198.51.100.{}", how % 8 + 1);
                let body = json!({"loadbalancer": {"vip_address": address}});
                ("POST", Some("/loadbalancers".to_owned()), Some(body))
            }
            Action::Listener => {
                let pool = if how.is_multiple_of(3) {
                    None
                } else {
                    one("/pools")?
                };
                let body = json!({"listener": {
                    "loadbalancer_id": one("/loadbalancers")?, "protocol": protocol, "protocol_port": 80 + how / 32,
                    "default_pool_id": pool,
                }});
                ("POST", Some("/listeners".to_owned()), Some(body))
            }
            Action::Pool => {
                let of = match how % 2 {
                    0 => ("listener_id", one("/listeners")?),
                    _ => ("loadbalancer_id", one("/loadbalancers")?),
                };
                let body = json!({"pool": {
                    of.0: of.1, "protocol": protocol, "lb_algorithm": algorithm, "session_persistence": persistence,
                }});
                ("POST", Some("/pools".to_owned()), Some(body))
            }
            Action::Member => {
                let path = one("/pools")?.map(|pool| format!("/pools/{pool}/members"));
                ("POST", path, Some(json!({"member": self.member(how)})))
            }
            Action::Members => {
                let path = one("/pools")?.map(|pool| format!("/pools/{pool}/members"));
                let members: Vec<_> = (0..how % 5).map(|number| self.member(how ^ number)).collect();
                ("PUT", path, Some(json!({ "members": members })))
            }
            Action::Weight => ("PUT", member()?, Some(json!({"member": {"weight": how}}))),
            Action::Persistence => {
                let body = json!({"pool": {"session_persistence": persistence}});
                ("PUT", owned("pools")?, Some(body))
            }
            Action::Algorithm => {
                let body = json!({"pool": {"lb_algorithm": algorithm}});
                ("PUT", owned("pools")?, Some(body))
            }
            Action::DefaultPool => {
                let pool = self.one("/pools", how)?;
                let body = json!({"listener": {"default_pool_id": pool}});
                ("PUT", owned("listeners")?, Some(body))
            }
            Action::Switch => {
                let path = any()?;
                let name = path.as_deref().map(|path| match path.matches('/').count() {
                    4 => "member",
                    _ if path.starts_with("/pools") => "pool",
                    _ if path.starts_with("/listeners") => "listener",
                    _ => "loadbalancer",
                });
                let body = name.map(|name| json!({name: {"admin_state_up": how.is_multiple_of(8)}}));
                ("PUT", path, body)
            }
            Action::Delete => {
                let cascade = |path| format!("{path}?cascade=true");
                let path = any()?;
                let path = if how % 32 == 0 { path.map(cascade) } else { path };
                ("DELETE", path, None)
            }
        };
        path.map_or(Ok(()), |path| self.ask(method, &path, body.as_ref()))
    }

    /// All that the API shows.
    fn lists(&self) -> Result<Vec<Value>> {
        let mut lists = Vec::new();
        for path in ["/loadbalancers", "/listeners", "/pools"] {
            lists.extend(self.list(path)?);
        }
        for pool in self.list("/pools")? {
            let id = pool["id"].as_str().context("no id")?;
            lists.extend(self.list(&format!("/pools/{id}/members"))?);
        }
        Ok(lists)
    }

    fn await_applied(&self) -> Result<()> {
        try_eventually("everything to be applied", WITHIN, || {
            let balancers = self.list("/loadbalancers")?;
            let is_active = |one: &Value| one["provisioning_status"] == "ACTIVE";
            ensure!(balancers.iter().all(is_active), "{balancers:?}");
            Ok::<_, anyhow::Error>(())
        })
    }
}

fn lives(steps: &[Step]) -> Result<()> {
    let mut world = World::start()?;
    // Something that most of the rest can belong to.
    for step in [
        (Action::Balancer, 0, 0),
        (Action::Listener, 0, 0),
        (Action::Pool, 0, 72),
        (Action::Member, 0, 1),
    ] {
        world.take(step)?;
    }
    ensure!(world.lists()?.len() == 4);
    for step in steps {
        world.take(*step)?;
    }
    world.await_applied()?;
    let (lists, served) = (world.lists()?, world.daemon.served()?);

    world.daemon.restart()?;
    ensure!(world.lists()? == lists, "{lists:?}\n{:?}", world.lists()?);
    let again = world.daemon.served()?;
    ensure!(again == served, "{served:?}\nbecame\n{again:?}");

    // In maps that are new.
    let stopped = world.daemon.cli(&["stop", "--detach"])?;
    ensure!(stopped.status.success(), "{stopped:?}");
    world.daemon.await_end()?;
    world.daemon.launch()?;
    let again = world.daemon.served()?;
    ensure!(again == served, "{served:?}\nbecame in new maps\n{again:?}");
    Ok(())
}

proptest! {
    // Each is several starts.
    #![proptest_config(ProptestConfig {
        failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::with_cases(3)
    })]

    #[test]
    fn whatever_was_asked_for_another_start_has_the_same_lists_and_maps(steps in prop::collection::vec(step(), 30..60)) {
        lives(&steps).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
    }
}
