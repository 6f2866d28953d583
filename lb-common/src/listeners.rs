//! Listeners by what clients ask for: a VIP's port. A VIP itself is a listener of protocol [`VIP`].

use crate::{
    address::{Address, Endpoint},
    buckets::Key,
    hash, index,
    platform::Tables,
    tables::Listener,
};

/// The protocol number of a VIP itself, whose port is 0: one that is reserved (IANA, "Protocol Numbers").
pub const VIP: u8 = 255;

#[inline(always)]
fn key<T: Tables>(tables: &T, endpoint: &Endpoint, protocol: u8) -> Option<Key> {
    let settings = tables.settings()?;
    let hash = hash::of_endpoint(settings.seed.get(), endpoint, protocol);
    Some(Key::new(hash, settings.listener_buckets.get()))
}

/// A listener, and its id.
#[inline(always)]
pub fn find<'t, T: Tables>(tables: &'t T, endpoint: &Endpoint, protocol: u8) -> Option<(u32, &'t Listener)> {
    let key = key(tables, endpoint, protocol)?;
    let id = index::find(|index| tables.listener_bucket(index), &key)?;
    let listener = tables.listener(id)?;
    listener.is_at(endpoint, protocol).then_some((id, listener))
}

/// Whether an address is a VIP.
#[inline(always)]
pub fn is_vip<T: Tables>(tables: &T, address: &Address) -> bool {
    find_vip(tables, address).is_some()
}

/// The entry of an address that is a VIP.
#[inline(always)]
pub fn find_vip<'t, T: Tables>(tables: &'t T, address: &Address) -> Option<&'t Listener> {
    let vip = Endpoint {
        address: *address,
        port: 0,
    };
    find(tables, &vip, VIP).map(|(_, entry)| entry)
}

/// Has a listener found, whose entry is written; false where there is no room for it.
pub fn enter<T: Tables>(tables: &T, id: u32) -> bool {
    let Some(listener) = tables.listener(id) else {
        return false;
    };
    let (endpoint, protocol) = (listener.endpoint(), listener.protocol.get() as u8);
    if find(tables, &endpoint, protocol).is_some_and(|(found, _)| found == id) {
        return true;
    }
    key(tables, &endpoint, protocol)
        .is_some_and(|key| index::enter(|index| tables.listener_bucket(index), &key, id))
}

/// Has a listener found no more.
pub fn remove<T: Tables>(tables: &T, id: u32) {
    if let Some(listener) = tables.listener(id)
        && let Some(key) = key(tables, &listener.endpoint(), listener.protocol.get() as u8)
    {
        index::remove(|index| tables.listener_bucket(index), &key, id);
    }
}
