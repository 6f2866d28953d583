//! The monitors: one task for each member that is to be watched.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{self, Instant, MissedTickBehavior},
};
use tracing::warn;

use super::{
    Finding, Health,
    counts::{AllProbes, Counts},
    judgement::Judgement,
    probe::probe,
};
use crate::model::{Config, HealthMonitor, Member, MemberTls, Pool};

/// First probes are spread over the monitor's delay, but over no more than this.
const LONGEST_FIRST_WAIT: Duration = Duration::from_secs(10);

/// A member went up or down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The number of the monitor that found it: see [`Monitors::has`].
    pub monitor: u64,
    /// The pool's name.
    pub pool: String,
    /// The member's name.
    pub member: String,
    /// What was found.
    pub finding: Finding,
}

/// The running monitors.
pub struct Monitors {
    /// By the name of the pool.
    pools: HashMap<String, Watched>,
    /// Monitors that were ever begun.
    begun: u64,
    changes: mpsc::Sender<Change>,
}

/// A pool whose members are watched.
struct Watched {
    /// As it was configured last: where it is the same one again, nothing is to be done.
    pool: Arc<Pool>,
    tasks: HashMap<Target, Monitor>,
    /// Those of the tasks, by the names of the members.
    counts: Arc<HashMap<String, Arc<Counts>>>,
}

/// It ends with this.
struct Monitor {
    number: u64,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is watched, and how: a task goes on as long as nothing of this changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Target {
    pool: String,
    member: String,
    address: SocketAddr,
    monitor: HealthMonitor,
    /// That of the pool.
    tls: Option<MemberTls>,
}

impl Monitors {
    /// No monitors yet; what they find goes to `changes`.
    #[must_use]
    pub fn new(changes: mpsc::Sender<Change>) -> Self {
        Self {
            pools: HashMap::new(),
            begun: 0,
            changes,
        }
    }

    /// Watches what `config` wants watched; monitors that it does not change go on. One that begins takes its member to
    /// be what `health` says.
    pub fn update(&mut self, config: &Config, health: &Health) {
        let configured = || config.pools.iter().filter(|pool| pool.health_monitor.is_some());
        let names: HashSet<&str> = configured().map(|pool| pool.name.as_str()).collect();
        self.pools.retain(|name, _| names.contains(name.as_str()));
        for pool in configured() {
            let is_same = |watched: &Watched| Arc::ptr_eq(&watched.pool, pool);
            if !self.pools.get(&pool.name).is_some_and(is_same) {
                let before = self.pools.remove(&pool.name);
                let watched = self.watch(pool, before, health);
                self.pools.insert(pool.name.clone(), watched);
            }
        }
    }

    fn watch(&mut self, pool: &Arc<Pool>, before: Option<Watched>, health: &Health) -> Watched {
        let mut before = before.map(|watched| watched.tasks).unwrap_or_default();
        let tasks = targets(pool).into_iter().map(|target| {
            let monitor = before.remove(&target).unwrap_or_else(|| {
                self.begun += 1;
                let number = self.begun;
                let judgement = Judgement::new(health.is_up(&target.pool, &target.member));
                let counts = Arc::<Counts>::default();
                let watching = watch(
                    target.clone(),
                    number,
                    judgement,
                    Arc::clone(&counts),
                    self.changes.clone(),
                );
                Monitor {
                    number,
                    counts,
                    task: tokio::spawn(watching),
                }
            });
            (target, monitor)
        });
        let tasks: HashMap<Target, Monitor> = tasks.collect();
        let counts = tasks.iter();
        let counts = counts.map(|(target, monitor)| (target.member.clone(), Arc::clone(&monitor.counts)));
        Watched {
            counts: Arc::new(counts.collect()),
            tasks,
            pool: Arc::clone(pool),
        }
    }

    /// What all probes came to.
    #[must_use]
    pub fn probes(&self) -> AllProbes {
        let pools = self.pools.iter();
        let counts = pools.map(|(name, watched)| (name.clone(), Arc::clone(&watched.counts)));
        AllProbes(counts.collect())
    }

    /// Whether the monitor still watches that found this. What another one found may wait to be taken, and says nothing of a
    /// member that has another address since.
    #[must_use]
    pub fn has(&self, change: &Change) -> bool {
        let watched = self.pools.get(&change.pool);
        let mut monitors = watched.into_iter().flat_map(|watched| watched.tasks.values());
        monitors.any(|monitor| monitor.number == change.monitor)
    }
}

fn targets(pool: &Pool) -> Vec<Target> {
    let Some(monitor) = &pool.health_monitor else {
        return Vec::new();
    };
    let target = |member: &Member| {
        Some(Target {
            pool: pool.name.clone(),
            member: member.name.clone(),
            address: pool.probe_target(member)?,
            monitor: monitor.clone(),
            tls: pool.http.as_ref().and_then(|http| http.tls.clone()),
        })
    };
    pool.members
        .iter()
        .filter(|member| member.admin_state_up)
        .filter_map(target)
        .collect()
}

/// Probes a member for ever, and tells when it went up or down.
async fn watch(
    target: Target,
    number: u64,
    mut judgement: Judgement,
    counts: Arc<Counts>,
    changes: mpsc::Sender<Change>,
) {
    let monitor = &target.monitor;
    let delay = Duration::from_secs(monitor.delay_s.into());
    let mut ticks = time::interval_at(Instant::now() + first_wait(&target, delay), delay);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut could_ask = true;
    loop {
        ticks.tick().await;
        let outcome = probe(
            &monitor.probe,
            target.address,
            target.tls.as_ref(),
            monitor.timeout_s,
        )
        .await;
        if let Err(failure) = &outcome
            && failure.is_ours()
        {
            if could_ask {
                let Target {
                    pool,
                    member,
                    address,
                    ..
                } = &target;
                warn!(pool, member, %address, "cannot be probed, and stays what it is: {failure}");
            }
            could_ask = false;
            continue;
        }
        could_ask = true;
        counts.note(&outcome);
        if !judgement.turns(outcome.is_ok(), monitor) {
            continue;
        }
        counts.note_turn();
        let finding = match outcome {
            Ok(()) => Finding::Up,
            Err(failure) => Finding::Down {
                reason: failure.to_string(),
            },
        };
        let change = Change {
            monitor: number,
            pool: target.pool.clone(),
            member: target.member.clone(),
            finding,
        };
        if changes.send(change).await.is_err() {
            return;
        }
    }
}

/// Different for each member and each start: neither the probes of one balancer nor those of several come at once.
fn first_wait(target: &Target, delay: Duration) -> Duration {
    let longest = delay.min(LONGEST_FIRST_WAIT).as_millis() as u64;
    Duration::from_millis(RandomState::new().hash_one(target) % longest.max(1))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::{
        net::{TcpListener, TcpSocket},
        time::timeout,
    };

    use super::*;
    use crate::model::Probe;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn monitor(rise: u8, fall: u8) -> HealthMonitor {
        HealthMonitor {
            probe: Probe::Tcp,
            delay_s: 1,
            timeout_s: 1,
            rise,
            fall,
            address: None,
            port: None,
        }
    }

    /// A pool with one member.
    fn config(address: SocketAddr, monitor: HealthMonitor) -> Config {
        let text = format!(
            "[datapath]\ninterfaces = [\"lo\"]\n[[pool]]\nname = \"pool\"\n[[pool.member]]\nname = \"member\"\n\
             address = \"10.0.0.1\"\nport = {}\n",
            address.port()
        );
        let mut config = crate::config::parse(&text, "test").unwrap().config;
        let pool = Arc::make_mut(config.pools.first_mut().unwrap());
        pool.health_monitor = Some(HealthMonitor {
            address: Some(address.ip()),
            ..monitor
        });
        config
    }

    async fn next(changes: &mut mpsc::Receiver<Change>) -> Finding {
        let change = timeout(PATIENCE, changes.recv()).await.unwrap().unwrap();
        assert_eq!((change.pool.as_str(), change.member.as_str()), ("pool", "member"));
        change.finding
    }

    #[test]
    fn first_probes_are_spread_over_the_delay() {
        let pool = config((Ipv4Addr::LOCALHOST, 1).into(), monitor(1, 1));
        let target = targets(&pool.pools[0]).remove(0);
        let delay = Duration::from_secs(5);
        let waits: Vec<Duration> = (0..200).map(|_| first_wait(&target, delay)).collect();
        assert!(waits.iter().all(|wait| *wait < delay));
        let early = waits.iter().filter(|wait| **wait < delay / 2).count();
        assert!((40..160).contains(&early), "{early} of 200 in the first half");
        assert!(first_wait(&target, Duration::from_hours(1)) < LONGEST_FIRST_WAIT);
    }

    #[tokio::test]
    async fn a_member_that_refuses_goes_down_with_the_reason_and_comes_back() {
        // Bound, but not listening yet: it refuses.
        let member = TcpSocket::new_v4().unwrap();
        member.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = member.local_addr().unwrap();
        let (sender, mut changes) = mpsc::channel(4);
        let mut monitors = Monitors::new(sender);
        monitors.update(&config(address, monitor(1, 1)), &Health::default());
        let refused = Finding::Down {
            reason: "connection refused".into(),
        };
        assert_eq!(next(&mut changes).await, refused);
        let _listener = member.listen(8).unwrap();
        assert_eq!(next(&mut changes).await, Finding::Up);
    }

    #[tokio::test]
    async fn what_a_monitor_found_is_known_for_its_own_until_another_watches_the_member() {
        let (sender, mut changes) = mpsc::channel(4);
        let mut monitors = Monitors::new(sender);
        let refusing = TcpSocket::new_v4().unwrap();
        refusing.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let config = |monitor| config(refusing.local_addr().unwrap(), monitor);
        monitors.update(&config(monitor(1, 1)), &Health::default());
        let change = timeout(PATIENCE, changes.recv()).await.unwrap().unwrap();
        assert!(monitors.has(&change));
        monitors.update(&config(monitor(2, 2)), &Health::default());
        assert!(!monitors.has(&change));
    }

    #[tokio::test]
    async fn a_monitor_that_is_changed_knows_that_its_member_is_down() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, mut changes) = mpsc::channel(4);
        let mut health = Health::default();
        let down = Finding::Down {
            reason: "connection refused".into(),
        };
        health.set("pool", "member", down);
        let mut monitors = Monitors::new(sender);
        monitors.update(&config(address, monitor(1, 1)), &health);
        assert_eq!(next(&mut changes).await, Finding::Up);
    }

    #[tokio::test]
    async fn a_monitor_goes_on_where_only_other_things_of_its_pool_are_changed() {
        let (sender, mut changes) = mpsc::channel(4);
        let mut monitors = Monitors::new(sender);
        let refusing = TcpSocket::new_v4().unwrap();
        refusing.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let mut config = config(refusing.local_addr().unwrap(), monitor(1, 1));
        monitors.update(&config, &Health::default());
        let change = timeout(PATIENCE, changes.recv()).await.unwrap().unwrap();
        let pool = Arc::make_mut(&mut config.pools[0]);
        pool.members[0].weight = 7;
        pool.display_name = Some("web".into());
        monitors.update(&config, &Health::default());
        assert!(monitors.has(&change));
        config.pools.clear();
        monitors.update(&config, &Health::default());
        assert!(!monitors.has(&change));
    }
}
