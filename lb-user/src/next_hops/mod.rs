//! The ways to the members, as the kernel's routes, neighbours and links say: so the datapath need not ask for each
//! packet. A member without a hop here costs more, but is reached all the same: the datapath asks the kernel then.
//!
//! One task follows the kernel over netlink ([`task`]); what it found is written into the maps by the daemon's own.

mod kernel;
mod picture;
mod task;
#[cfg(test)]
mod tests;
mod wanted;

use std::{collections::HashMap, future, net::IpAddr, sync::Arc};

use lb_common::tables::{self, Member, MemberState};
use tokio::sync::{mpsc, watch};
use tracing::error;

use crate::{
    model::{Changed, Config, Pool},
    reconcile::{Ids, Sources},
};
use wanted::{Turn, Wanted};

/// Why a member is given nothing that the kernel knows no way to, in words that follow "the member is down:".
pub const NO_ROUTE: &str = "there is no route to it";

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
        write_one(member, hops);
    }
}

fn write_one(member: &Member, hops: &Hops) {
    let hop = if member.state() == MemberState::Unused {
        None
    } else {
        hops.get(&member.address.load().into()).copied()
    };
    if Hop::read(&member.next_hop) != hop {
        hop.unwrap_or_default().write(&member.next_hop);
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
    wanted: Wanted,
    turns: mpsc::UnboundedSender<Turn>,
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
        let mut wanted = Wanted::default();
        wanted.turn_to(addresses(config.datapath_pools()));
        let (turns, receiver) = mpsc::unbounded_channel();
        let (sender, found) = watch::channel(None);
        tokio::spawn(task::run(wanted.addresses(), receiver, sender));
        Self {
            wanted,
            turns,
            found,
            task: Task::Runs,
        }
    }

    /// Follows the members of another configuration. What is known of them is written at once.
    pub fn turn_to(&mut self, config: &Config, members: &[Member]) {
        let turn = self.wanted.turn_to(addresses(config.datapath_pools()));
        self.tell(turn);
        self.write(members);
    }

    /// The same where only some of them are others, which the maps have by now.
    pub fn turn_to_changed(&mut self, changed: &Changed<'_>, ids: &Ids, members: &[Member]) {
        let pools = changed.datapath_pools();
        let [before, after] = [&pools.before, &pools.after].map(|pools| addresses(pools.iter().copied()));
        let turn = self.wanted.replace(before, after);
        self.tell(turn);
        if let (Task::Runs, Some(found)) = (&self.task, &*self.found.borrow()) {
            let ids = pools.after.iter().flat_map(|pool| ids.members(&pool.name));
            let members = ids.filter_map(|id| members.get(id as usize));
            members.for_each(|member| write_one(member, &found.hops));
        }
    }

    fn tell(&self, turn: Turn) {
        if !turn.is_nothing() {
            // A task that has ended has said so.
            let _ = self.turns.send(turn);
        }
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

fn addresses<'c>(pools: impl Iterator<Item = &'c Arc<Pool>>) -> impl Iterator<Item = IpAddr> {
    let members = pools.flat_map(|pool| &pool.members);
    members.map(|member| member.address)
}
