//! The ways to the members, as the kernel's routes, neighbours and links say: so the datapath need not ask for each
//! packet. A member without a hop here costs more, but is reached all the same: the datapath asks the kernel then.
//!
//! One task follows the kernel over netlink ([`task`]); what it found is written into the maps by the daemon's own.

mod kernel;
mod picture;
mod task;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    future,
    net::IpAddr,
    sync::Arc,
};

use lb_common::tables::{self, Member, MemberState};
use tokio::sync::watch;
use tracing::error;

use crate::{model::Config, reconcile::Sources};

/// The way to a member. The default is none: the datapath asks the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// The hardware address that frames go to.
    pub to: [u8; 6],
    /// The hardware address that frames come from.
    pub from: [u8; 6],
    /// The interface; 0: there is no way.
    pub ifindex: u32,
    /// The largest IP packet that passes, in bytes.
    pub mtu_bytes: u32,
    /// The VLAN tag as in [`tables::NextHop::tag`].
    pub tag: u32,
}

impl Hop {
    /// The hop that a map has; none where the datapath would not take it either.
    pub fn read(entry: &tables::NextHop) -> Option<Self> {
        let ifindex = entry.ifindex.get();
        let [[a, b, c, d], [e, f, g, h], [i, j, k, l]] =
            [0, 1, 2].map(|word| entry.macs[word].get().to_ne_bytes());
        (ifindex != 0).then(|| Self {
            to: [a, b, c, d, e, f],
            from: [g, h, i, j, k, l],
            ifindex,
            mtu_bytes: entry.mtu.get(),
            tag: entry.tag.get(),
        })
    }

    fn write(&self, entry: &tables::NextHop) {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.to, self.from);
        // Not taken while it is half written.
        entry.ifindex.set(0);
        for (word, bytes) in entry.macs.iter().zip([[a, b, c, d], [e, f, g, h], [i, j, k, l]]) {
            word.set(u32::from_ne_bytes(bytes));
        }
        entry.mtu.set(self.mtu_bytes);
        entry.tag.set(self.tag);
        entry.ifindex.set(self.ifindex);
    }
}

/// Hops by the address of the member.
pub type Hops = HashMap<IpAddr, Hop>;

/// Gives the members their hops, and all others none.
pub fn write(members: &[Member], hops: &Hops) {
    for member in members {
        let hop = if member.state() == MemberState::Unused {
            None
        } else {
            hops.get(&member.address.load().into()).copied()
        };
        if Hop::read(&member.next_hop) != hop {
            hop.unwrap_or_default().write(&member.next_hop);
        }
    }
}

/// What the task found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    hops: Hops,
    sources: Arc<Sources>,
}

/// The daemon's end of the task that follows the kernel.
pub struct NextHops {
    wanted: watch::Sender<Vec<IpAddr>>,
    /// None before the task has looked.
    found: watch::Receiver<Option<Found>>,
    task: Task,
}

#[derive(PartialEq, Eq)]
enum Task {
    Runs,
    Ended,
}

impl NextHops {
    /// Begins to follow the ways to the members of a configuration.
    pub fn follow(config: &Config) -> Self {
        let (wanted, addresses) = watch::channel(addresses(config));
        let (sender, found) = watch::channel(None);
        tokio::spawn(task::run(addresses, sender));
        Self {
            wanted,
            found,
            task: Task::Runs,
        }
    }

    /// Follows the members of another configuration. What is known of them is written at once.
    pub fn turn_to(&self, config: &Config, members: &[Member]) {
        self.wanted.send_replace(addresses(config));
        self.write(members);
    }

    /// Waits until [`Self::write`] has something new to write, or [`Self::sources`] something new to say.
    pub async fn changed(&mut self) {
        if self.task == Task::Runs && self.found.changed().await.is_err() {
            self.task = Task::Ended;
            error!(
                "next hops are not followed any more: the datapath asks the kernel for each packet; restart to end this"
            );
        } else if self.task == Task::Ended {
            future::pending::<()>().await;
        }
    }

    /// Where packets to the members would come from now.
    pub fn sources(&self) -> Arc<Sources> {
        let found = self.found.borrow();
        found
            .as_ref()
            .map(|found| Arc::clone(&found.sources))
            .unwrap_or_default()
    }

    /// Writes what was found last.
    pub fn write(&self, members: &[Member]) {
        match (&self.task, &*self.found.borrow()) {
            (Task::Ended, _) => write(members, &Hops::new()),
            (Task::Runs, Some(found)) => write(members, &found.hops),
            // Until then the hops of an earlier daemon are better than none.
            (Task::Runs, None) => {}
        }
    }
}

/// The addresses of all members, each once.
fn addresses(config: &Config) -> Vec<IpAddr> {
    let members = config.datapath_pools().flat_map(|pool| &pool.members);
    let distinct: BTreeSet<IpAddr> = members.map(|member| member.address).collect();
    distinct.into_iter().collect()
}
