//! The monitors: one task for each member that is to be watched.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
    time::{self, MissedTickBehavior},
};
use tracing::warn;

use crate::model::{Config, HealthMonitor, Probe};

/// A member went up or down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The pool's name.
    pub pool: String,
    /// The member's name.
    pub member: String,
    /// Whether it is up now.
    pub is_up: bool,
}

/// The running monitors.
pub struct Monitors {
    tasks: HashMap<Target, JoinHandle<()>>,
    changes: mpsc::Sender<Change>,
}

/// What is watched, and how: a task goes on as long as nothing of this changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Target {
    pool: String,
    member: String,
    address: SocketAddr,
    delay_s: u32,
    timeout_s: u32,
    rise: u8,
    fall: u8,
}

impl Monitors {
    /// No monitors yet; what they find goes to `changes`.
    #[must_use]
    pub fn new(changes: mpsc::Sender<Change>) -> Self {
        Self {
            tasks: HashMap::new(),
            changes,
        }
    }

    /// Watches what `config` wants watched; monitors that it does not change go on.
    pub fn update(&mut self, config: &Config) {
        let targets: Vec<Target> = config.pools.iter().flat_map(targets).collect();
        self.tasks.retain(|target, task| {
            let keep = targets.contains(target);
            if !keep {
                task.abort();
            }
            keep
        });
        for target in targets {
            let changes = self.changes.clone();
            self.tasks
                .entry(target)
                .or_insert_with_key(|target| tokio::spawn(watch(target.clone(), changes)));
        }
    }
}

impl Drop for Monitors {
    fn drop(&mut self) {
        self.tasks.values().for_each(JoinHandle::abort);
    }
}

fn targets(pool: &crate::model::Pool) -> Vec<Target> {
    let Some(monitor) = &pool.health_monitor else {
        return Vec::new();
    };
    if !matches!(monitor.probe, Probe::Tcp) {
        warn!(
            pool = pool.name,
            "only TCP monitors run in this version: its members count as up"
        );
        return Vec::new();
    }
    let HealthMonitor {
        delay_s,
        timeout_s,
        rise,
        fall,
        ..
    } = *monitor;
    let target = |member: &crate::model::Member| {
        let address = pool.probe_target(member)?;
        let (pool, member) = (pool.name.clone(), member.name.clone());
        Some(Target {
            pool,
            member,
            address,
            delay_s,
            timeout_s,
            rise,
            fall,
        })
    };
    pool.members
        .iter()
        .filter(|member| member.admin_state_up)
        .filter_map(target)
        .collect()
}

/// Probes a member for ever, and tells when it went up or down.
async fn watch(target: Target, changes: mpsc::Sender<Change>) {
    let mut ticks = time::interval(Duration::from_secs(target.delay_s.into()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let timeout = Duration::from_secs(target.timeout_s.into());
    let (mut is_up, mut streak) = (true, 0_u8);
    loop {
        ticks.tick().await;
        let answered = matches!(
            time::timeout(timeout, TcpStream::connect(target.address)).await,
            Ok(Ok(_))
        );
        streak = if answered == is_up {
            0
        } else {
            streak.saturating_add(1)
        };
        if streak >= if is_up { target.fall } else { target.rise } {
            (is_up, streak) = (!is_up, 0);
            let change = Change {
                pool: target.pool.clone(),
                member: target.member.clone(),
                is_up,
            };
            if changes.send(change).await.is_err() {
                return;
            }
        }
    }
}
