//! Change after change, of which each looks at nothing else: the maps are as if the whole had been applied at once.

mod picture;
mod step;

use std::sync::{Arc, Mutex, PoisonError};

use lb_user::{
    bpf::Datapath,
    health::{Finding, Health},
    model::{Changed, Config, DatapathSettings, Pool},
    reconcile::{self, Ids},
    sweep::Sweep,
};
use proptest::{prelude::*, sample::Index};

use crate::accounts;
use picture::{Picture, words};
use step::{Step, step};

/// Whether a pool is one of the datapath and of the proxy, which nobody can configure.
fn is_of_two_layers(config: &Config) -> bool {
    let proxied = config.proxied_pools();
    let listeners = config.listeners().map(|(_, listener)| listener);
    let mut of_datapath = listeners.filter(|listener| listener.protocol().is_layer_4());
    of_datapath.any(|listener| listener.pools().any(|pool| proxied.contains(pool)))
}

/// A datapath that takes one change after the other.
struct Changing {
    datapath: Datapath,
    sweep: Sweep,
    config: Config,
    health: Health,
    ids: Ids,
}

impl Changing {
    fn new() -> Self {
        let mut datapath = accounts::load(&DatapathSettings {
            max_flows: 1024,
            max_sessions: 65_536,
            max_listeners: 64,
            max_pools: 64,
            max_members: 256,
            schedule_slots: 1 << 14,
            ..DatapathSettings::default()
        });
        let config = Config::default();
        let health = Health::default();
        let ids = reconcile::apply(&mut datapath.maps, &config, &health).expect("it is nothing");
        Self {
            sweep: Sweep::new(&datapath.maps),
            datapath,
            config,
            health,
            ids,
        }
    }

    /// Has nothing, and a schedule nowhere.
    fn begin(&mut self) {
        self.config = Config::default();
        self.health = Health::default();
        self.apply();
        self.free();
    }

    /// Applies all of it.
    fn apply(&mut self) {
        let maps = &mut self.datapath.maps;
        self.ids = reconcile::apply(maps, &self.config, &self.health).expect("there is room");
        self.sweep.note_change(&self.datapath.maps);
    }

    fn take(&mut self, step: &Step) {
        let mut after = self.config.clone();
        let _ = step.change(&mut after);
        if is_of_two_layers(&after) {
            return;
        }
        let maps = &mut self.datapath.maps;
        let changed = Changed::between(&self.config, &after);
        reconcile::apply_changed(maps, &changed, &self.health, &mut self.ids).expect("there is room");
        self.config = after;
        match step {
            Step::Health(of, index, is_up) => self.find(*of, *index, *is_up),
            Step::Sweep => self.free(),
            _ => {}
        }
        self.sweep.note_change(&self.datapath.maps);
    }

    fn find(&mut self, of: Index, index: Index, is_up: bool) {
        let pools = self.config.pools.iter().filter(|pool| !pool.members.is_empty());
        let pools: Vec<&Arc<Pool>> = pools.collect();
        if pools.is_empty() {
            return;
        }
        let pool = pools[of.index(pools.len())];
        let member = &pool.members[index.index(pool.members.len())].name;
        let reason = "it does not answer".to_owned();
        let finding = if is_up {
            Finding::Up
        } else {
            Finding::Down { reason }
        };
        self.health.set(&pool.name, member, finding);
        let pools = [pool.name.clone()].into();
        let maps = &mut self.datapath.maps;
        reconcile::apply_health(maps, &self.config, &self.health, &pools, &mut self.ids)
            .expect("there is room");
    }

    fn free(&mut self) {
        self.sweep.note_change(&self.datapath.maps);
        for _ in 0..3 {
            self.sweep.begin_flows();
            self.sweep.begin_sessions(&self.datapath.maps);
            while self.sweep.is_under_way() {
                self.sweep.step(&mut self.datapath.maps);
            }
        }
    }
}

#[test]
fn changes_one_by_one_leave_the_maps_as_one_apply_of_their_end() {
    let both = Mutex::new([Changing::new(), Changing::new()]);
    let settings = ProptestConfig {
        cases: 32,
        ..ProptestConfig::default()
    };
    let steps = prop::collection::vec(step(), 1..40);
    proptest!(settings, |(steps in steps)| {
        let mut both = both.lock().unwrap_or_else(PoisonError::into_inner);
        both.iter_mut().for_each(Changing::begin);
        let [changing, whole] = &mut *both;
        for step in &steps {
            changing.take(step);
        }
        whole.config.clone_from(&changing.config);
        whole.health.clone_from(&changing.health);
        whole.apply();
        prop_assert_eq!(Picture::of(&changing.datapath.maps), Picture::of(&whole.datapath.maps));
        // Applied as a whole, it is the same again.
        let before = words(&changing.datapath.maps);
        let ids = changing.ids.clone();
        changing.apply();
        prop_assert!(before == words(&changing.datapath.maps));
        for pool in &changing.config.pools {
            prop_assert_eq!(changing.ids.pool(&pool.name), ids.pool(&pool.name));
            for member in &pool.members {
                let of = |ids: &Ids| ids.member(&pool.name, &member.name);
                prop_assert_eq!(of(&changing.ids), of(&ids));
            }
        }
        for (_, listener) in changing.config.listeners() {
            let of = |ids: &Ids| ids.listener(&listener.name);
            prop_assert_eq!(of(&changing.ids), of(&ids));
        }
    });
}
