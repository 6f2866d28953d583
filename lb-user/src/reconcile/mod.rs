//! Makes the maps equal to the configuration: new things first, then what points at them, what is gone last. Before that
//! it plans: what has no room is refused as a whole.
//!
//! Ids are found again in the maps, by what a thing is: so they outlive the daemon. Afterwards they are kept, so that a change
//! of one thing among thousands looks at no other.

mod addresses;
mod gone;
mod ids;
mod known;
mod plan;
mod schedule;
mod snat;
mod sources;
mod write;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    bpf::{Error, Maps},
    health::Health,
    model::{Changed, Config, DatapathSettings},
};
pub use ids::Ids;
pub use known::health_found;
pub use sources::{Outdated, Sources, outdated};

use gone::Gone;
use known::Known;
use plan::Plan;

/// Makes the maps equal to `config` and `health`; where there is no room for all of it, nothing changes.
pub fn apply(maps: &mut Maps, config: &Config, health: &Health) -> Result<Ids, Error> {
    let mut ids = Ids::standing(Known::read(maps));
    let pools = config.datapath_pools().map(Arc::as_ref);
    let balancers = config.load_balancers.iter().map(Arc::as_ref);
    let mut plan = Plan::new((maps, &ids), pools, balancers, health)?;
    plan.schedules_fit()?;
    let gone = Gone::all_but(maps, &plan);
    write(maps, &config.datapath, &plan, &gone)?;
    // Also where nothing is gone: what was removed before may have been freed since.
    addresses::close(maps);
    ids.note(maps, &plan);
    Ok(ids)
}

/// Makes the maps, which are equal to the configuration before, equal to the one after; where there is no room for all of it,
/// nothing changes. What has not changed is not looked at. Where the kernel refuses something half way, [`apply`] sets that right.
pub fn apply_changed(
    maps: &mut Maps,
    changed: &Changed<'_>,
    health: &Health,
    ids: &mut Ids,
) -> Result<(), Error> {
    let pools = changed.datapath_pools();
    let balancers = &changed.load_balancers;
    let mut plan = Plan::new((maps, ids), all(&pools.after), all(&balancers.after), health)?;
    plan.schedules_fit()?;
    let gone = Gone::of((maps, ids), all(&pools.before), all(&balancers.before), &plan);
    write(maps, &changed.after.datapath, &plan, &gone)?;
    if !gone.is_nothing() {
        addresses::close(maps);
    }
    ids.forget(all(&pools.before), all(&balancers.before));
    ids.note(maps, &plan);
    Ok(())
}

/// Makes these pools equal to `health` where `config` has been applied. A member that is down gets nothing, also where
/// there is no room for a schedule without it: the datapath passes it over in the old one. That is an error all the same.
pub fn apply_health(
    maps: &mut Maps,
    config: &Config,
    health: &Health,
    pools: &BTreeSet<String>,
    ids: &mut Ids,
) -> Result<(), Error> {
    let named = config.datapath_pools().map(Arc::as_ref);
    let named = named.filter(|pool| pools.contains(&pool.name));
    let mut plan = Plan::new((maps, ids), named, std::iter::empty(), health)?;
    write::pools(maps, &plan)?;
    ids.note(maps, &plan);
    plan.schedules_fit()
}

fn all<'c, T>(things: &[&'c Arc<T>]) -> impl Iterator<Item = &'c T> {
    things.iter().copied().map(Arc::as_ref)
}

fn write(maps: &mut Maps, settings: &DatapathSettings, plan: &Plan<'_>, gone: &Gone) -> Result<(), Error> {
    write::settings(maps, settings);
    write::pools(maps, plan)?;
    addresses::open(maps, plan);
    for planned in &plan.listeners {
        write::listener(maps, planned)?;
    }
    gone.remove(maps);
    Ok(())
}
