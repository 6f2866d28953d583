//! Layer 4: the datapath, and what the daemon does for it. A daemon whose configuration names no interfaces has none.

mod interfaces;
mod sources;
mod unreached;

use std::{
    collections::BTreeSet,
    future, io,
    path::Path,
    time::{Duration, Instant},
};

use lb_common::tables::MemberState;
use tokio::{
    sync::{mpsc, oneshot},
    time::{self, Interval},
};
use tracing::{error, info};

use unreached::Unreached;

use super::Leave;
use crate::{
    alarms::{Alarms, Fill},
    bpf::{self, Attachment, Datapath, Error, Maps},
    control::Answer,
    health::Health,
    histogram::Durations,
    http::forwarded::Prefix,
    model::{Changed, Config},
    next_hops::{self, Hops, NextHops},
    reconcile::{self, Ids},
    sweep::Sweep,
    trace::{self, Told, Tracer},
};

/// How often flows are swept.
const FLOW_SWEEP: Duration = Duration::from_secs(1);
/// How often sessions are swept.
const SESSION_SWEEP: Duration = Duration::from_secs(10);
/// How often interfaces are looked for that are gone, or back.
const INTERFACES: Duration = Duration::from_secs(1);

pub(super) struct Layer4 {
    datapath: Datapath,
    ids: Ids,
    next_hops: NextHops,
    sweep: Sweep,
    tracer: Tracer,
    alarms: Alarms,
    /// Of flows, and of sessions.
    fills: [Fill; 2],
    /// When to see whether members are to be sent to from other addresses.
    sources_due: Option<time::Instant>,
    /// Which members there is no way to.
    unreached: Unreached,
    flow_sweeps: Interval,
    session_sweeps: Interval,
    interface_looks: Interval,
}

/// What is to be looked after.
pub(super) enum Due {
    Flows,
    Sessions,
    Interfaces,
    Trace(trace::News),
    NextHops,
    Sources,
}

impl Layer4 {
    /// Loads the datapath and attaches it where nothing of ours is. What an earlier daemon left forwards as before until
    /// [`Self::begin`]; without that, all is undone.
    pub(super) fn load(config: &Config) -> anyhow::Result<Self> {
        let mut datapath = Datapath::load(&config.datapath, &config.daemon.pin_path)?;
        if let Some(memory) = &datapath.memory {
            info!("the maps take {memory}");
        }
        let tracer = Tracer::new(&datapath)?;
        datapath.attach(&config.datapath.interfaces, config.datapath.xdp_mode)?;
        Ok(Self {
            ids: Ids::default(),
            next_hops: NextHops::follow(config),
            sweep: Sweep::new(&datapath.maps),
            tracer,
            alarms: Alarms::default(),
            fills: [
                Fill::new("flows", "max_flows"),
                Fill::new("sessions", "max_sessions"),
            ],
            sources_due: None,
            unreached: Unreached::default(),
            flow_sweeps: time::interval(FLOW_SWEEP),
            session_sweeps: time::interval(SESSION_SWEEP),
            interface_looks: time::interval(INTERFACES),
            datapath,
        })
    }

    /// What an earlier daemon found of the members.
    pub(super) fn health_found(&self, config: &Config) -> Health {
        reconcile::health_found(&self.datapath.maps, config)
    }

    /// Serves the configuration that it was loaded for, in place of an earlier daemon.
    pub(super) fn begin(&mut self, config: &Config, health: &Health) -> Result<(), Error> {
        self.reconcile(config, health)?;
        interfaces::switch(&mut self.datapath).map(drop)
    }

    /// Leaves the interfaces that are not configured any more.
    pub(super) fn leave_others(&mut self, config: &Config) {
        interfaces::detach_others(&mut self.datapath, &config.datapath.interfaces);
    }

    /// Serves `config` in place of the configuration `before`; or goes on with that.
    pub(super) fn apply(&mut self, config: &Config, before: &Config, health: &Health) -> Result<(), Error> {
        let added = interfaces::add(&mut self.datapath, config)?;
        let changed = Changed::between(before, config);
        self.unreached.note_change(&changed);
        let applied = reconcile::apply_changed(&mut self.datapath.maps, &changed, health, &mut self.ids);
        self.sweep.note_change(&self.datapath.maps);
        if let Err(refusal) = applied {
            // The kernel may have refused something half way.
            if let Err(reason) = self.reconcile(before, health) {
                error!("what was changed half way cannot be undone: {reason}");
            }
            if !added.is_empty() {
                self.leave_others(before);
            }
            return Err(refusal);
        }
        self.leave_others(config);
        self.next_hops
            .turn_to_changed(&changed, &self.ids, &self.datapath.maps.members);
        Ok(())
    }

    fn reconcile(&mut self, config: &Config, health: &Health) -> Result<(), Error> {
        self.unreached.note_all();
        let applied = reconcile::apply(&mut self.datapath.maps, config, health);
        // Also where the kernel refused something half way: what is in use again must not be freed.
        self.sweep.note_change(&self.datapath.maps);
        self.ids = applied?;
        Ok(())
    }

    /// Takes over what was found of the members of these pools.
    pub(super) fn apply_health(&mut self, config: &Config, health: &Health, pools: &BTreeSet<String>) {
        self.unreached.note(pools);
        let Self { datapath, ids, .. } = self;
        if let Err(reason) = reconcile::apply_health(&mut datapath.maps, config, health, pools, ids) {
            error!("{reason}");
        }
        // The way to a member, and with it the source address towards it, may be another by now.
        self.sweep.note_change(&self.datapath.maps);
    }

    /// The members that get no packets though nothing was found of them, since there is no way to them: their pools and
    /// names.
    pub(super) fn unreached(
        &mut self,
        config: &Config,
        health: &Health,
    ) -> impl Iterator<Item = (&str, &str)> {
        let (ids, members) = (&self.ids, &self.datapath.maps.members);
        self.unreached.look(config, |pool, member| {
            let entry = ids.member(pool, member);
            let entry = entry.and_then(|id| members.get(id as usize));
            entry.is_some_and(|entry| entry.state() == MemberState::Down) && health.is_up(pool, member)
        });
        self.unreached.all()
    }

    /// Waits until something is due; without a layer 4, for ever. May be dropped while it waits.
    pub(super) async fn due(this: &mut Option<Self>) -> Due {
        let Some(this) = this else {
            return future::pending().await;
        };
        tokio::select! {
            _ = this.flow_sweeps.tick() => Due::Flows,
            _ = this.session_sweeps.tick() => Due::Sessions,
            _ = this.interface_looks.tick() => Due::Interfaces,
            news = this.tracer.news() => Due::Trace(news),
            () = this.next_hops.changed() => Due::NextHops,
            () = sources::due(this.sources_due) => Due::Sources,
        }
    }

    /// Does what is due.
    pub(super) fn look_after(&mut self, due: Due, config: &Config, health: &Health) {
        match due {
            Due::Flows => {
                self.sweep.begin_flows();
                self.raise_alarms(config);
                self.look_at_fills(config);
                // What was lost may have been the last for a while.
                self.tracer.hand_on(&mut self.datapath, config, &self.ids);
            }
            Due::Sessions => self.sweep.begin_sessions(&self.datapath.maps),
            Due::Interfaces => interfaces::follow(&mut self.datapath, config.datapath.xdp_mode),
            Due::Trace(trace::News::Lines) => self.tracer.hand_on(&mut self.datapath, config, &self.ids),
            Due::Trace(trace::News::Loaded(loaded)) => self.tracer.begin(&mut self.datapath, loaded),
            Due::Trace(trace::News::Gone) => self.tracer.stop(&mut self.datapath),
            Due::NextHops => {
                self.next_hops.write(&self.datapath.maps.members);
                self.note_sources(config);
            }
            Due::Sources => self.take_sources(config, health),
        }
    }

    fn raise_alarms(&mut self, config: &Config) {
        let maps = &self.datapath.maps;
        let counts = |reason| maps.counters.reason(reason);
        for alarm in self.alarms.note(Instant::now(), counts) {
            alarm.tell(maps, config, &self.ids);
        }
    }

    /// Says where a table has little room left.
    fn look_at_fills(&mut self, config: &Config) {
        let (left, now) = (self.sweep.left(), Instant::now());
        let (datapath, [flows, sessions]) = (&config.datapath, &mut self.fills);
        for (fill, entries, capacity) in [
            (flows, left.flows, datapath.max_flows),
            (sessions, left.sessions, datapath.max_sessions),
        ] {
            if let Some(entries) = entries {
                fill.note(now, entries, capacity);
            }
        }
    }

    /// Whether a sweep is under way, which is done in slices.
    pub(super) fn is_sweeping(&self) -> bool {
        self.sweep.is_under_way()
    }

    /// How long it took to sweep flows, and sessions.
    pub(super) fn sweep_times(&self) -> [Durations; 2] {
        self.sweep.times()
    }

    /// Sweeps a slice.
    pub(super) fn sweep(&mut self) {
        self.sweep.step(&mut self.datapath.maps);
    }

    /// Traces these clients as long as somebody listens, and answers once that has begun.
    pub(super) fn trace(
        &mut self,
        clients: &[Prefix],
        told: mpsc::Sender<Told>,
        answer: oneshot::Sender<Answer>,
    ) {
        self.tracer.start(&mut self.datapath, clients, told, answer);
    }

    /// Its maps.
    pub(super) fn maps(&self) -> &Maps {
        &self.datapath.maps
    }

    /// The ids in the maps.
    pub(super) fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Its maps, to forget a session.
    pub(super) fn maps_mut(&mut self) -> &mut Maps {
        &mut self.datapath.maps
    }

    /// Where it is attached.
    pub(super) fn attachments(&self) -> &[Attachment] {
        &self.datapath.attachments
    }

    /// The time that a test has let pass, in seconds.
    pub(super) fn clock_offset_s(&self) -> u32 {
        self.datapath.maps.settings[0].clock_offset_s.get()
    }

    /// Leaves the pins to another daemon, which may change all of it.
    pub(super) fn lend(&mut self) {
        self.tracer.stop(&mut self.datapath);
        self.datapath.lend();
    }

    /// Takes the pins back that were lent, as soon as the other daemon has let go of them, and undoes what it changed.
    pub(super) fn reclaim(&mut self, config: &Config, health: &Health) -> Result<(), Error> {
        self.datapath.reclaim()?;
        if let Err(reason) = self.reconcile(config, health) {
            error!("what the other daemon changed cannot be undone: {reason}");
        }
        Ok(())
    }

    /// Ends it, or the daemon's part of it.
    pub(super) fn end(mut self, leave: Leave) -> io::Result<()> {
        self.tracer.stop(&mut self.datapath);
        match leave {
            Leave::ToSuccessor => Ok(()),
            Leave::Running => {
                // Nobody keeps them fresh from now on.
                next_hops::write(&self.datapath.maps.members, &Hops::new());
                Ok(())
            }
            Leave::Nothing => self.datapath.unpin(),
        }
    }
}

/// Ends what an earlier daemon left at `pins`, which would forward as was configured then.
pub(super) fn end_left(pins: &Path) {
    if !bpf::is_pinned(pins) {
        return;
    }
    match bpf::end(pins) {
        Ok(_) => {
            info!("the datapath that an earlier daemon left is ended, since no interfaces are configured");
        }
        // It is another daemon's.
        Err(Error::Held { .. }) => {}
        Err(reason) => error!(
            "the datapath that an earlier daemon left goes on: {reason}; `holdfast stop --detach --config FILE` ends it, \
             run by whom it belongs to"
        ),
    }
}
