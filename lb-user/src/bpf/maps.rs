//! The maps as the daemon sees them.

use aya::{
    Ebpf,
    maps::{HashMap, Map, MapData, PerCpuArray},
};
use lb_common::{
    filter,
    flow::{Bucket, ReturnBucket},
    tables::{
        LAYOUT_VERSION, Listener, ListenerKey, Member, Pool, Session, SessionKey, Settings, SharedAddress,
    },
    verdict::Reason,
    word::Word64,
};
use nix::time::{ClockId, clock_gettime};
use zerocopy::{FromBytes, IntoBytes};

use super::{
    Error,
    shared::{ScheduleSlot, Shared, SharedValue},
};

const KEY: usize = size_of::<ListenerKey>();
const SESSION_KEY: usize = size_of::<SessionKey>();
const SESSION: usize = size_of::<Session>();

/// A session, as read from its map.
#[derive(Clone, Copy, Debug)]
pub struct SessionEntry {
    /// Whose.
    pub key: SessionKey,
    /// The member's id.
    pub member: u32,
    /// When the client was last seen, in seconds of [`Maps::now_s`].
    pub last_seen_s: u32,
    /// When the session began.
    pub first_seen_s: u32,
}

/// All maps.
pub struct Maps {
    /// What holds for the whole datapath.
    pub settings: Shared<Settings>,
    /// The filters of VIPs and members.
    pub filter: Shared<Word64>,
    /// Listeners by id.
    pub listeners: Shared<Listener>,
    /// Pools by id.
    pub pools: Shared<Pool>,
    /// Members by id.
    pub members: Shared<Member>,
    /// Schedules of all pools.
    pub schedules: Shared<ScheduleSlot>,
    /// The balancer's source addresses.
    pub snat_addresses: Shared<SharedAddress>,
    /// The flow table.
    pub flows: Shared<Bucket>,
    /// The index of return flows.
    pub returns: Shared<ReturnBucket>,
    listener_ids: HashMap<MapData, [u8; KEY], u32>,
    sessions: HashMap<MapData, [u8; SESSION_KEY], [u8; SESSION]>,
    reasons: PerCpuArray<MapData, u64>,
}

impl Maps {
    pub(super) fn take(ebpf: &mut Ebpf, sizes: &[(&'static str, u32)]) -> Result<Self, Error> {
        let size = |wanted: &str| {
            sizes
                .iter()
                .find(|(name, _)| *name == wanted)
                .map_or(1, |&(_, size)| size)
        };
        Ok(Self {
            settings: shared(ebpf, "SETTINGS", 1)?,
            filter: shared(ebpf, "FILTER", 2 * filter::WORDS)?,
            listeners: shared(ebpf, "LISTENERS", size("LISTENERS"))?,
            pools: shared(ebpf, "POOLS", size("POOLS"))?,
            members: shared(ebpf, "MEMBERS", size("MEMBERS"))?,
            schedules: shared(ebpf, "SCHEDULES", size("SCHEDULES"))?,
            snat_addresses: shared(ebpf, "SNAT_ADDRESSES", size("SNAT_ADDRESSES"))?,
            flows: shared(ebpf, "FLOWS", size("FLOWS"))?,
            returns: shared(ebpf, "RETURNS", size("RETURNS"))?,
            listener_ids: typed(ebpf, "LISTENER_IDS")?,
            sessions: typed(ebpf, "SESSIONS")?,
            reasons: typed(ebpf, "REASONS")?,
        })
    }

    /// Writes what is decided when the maps are made, and stays as long as they do.
    pub(super) fn initialise(&self, flow_buckets: u32, return_buckets: u32) {
        let settings = &self.settings[0];
        if settings.layout_version.get() == LAYOUT_VERSION {
            return;
        }
        // The hasher's keys are drawn from the system's randomness.
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
        settings.seed.set(seed);
        settings.flow_buckets.set(flow_buckets);
        settings.return_buckets.set(return_buckets);
        settings.layout_version.set(LAYOUT_VERSION);
    }

    /// The datapath's time, in seconds: the kernel's coarse clock since boot, which does not go back.
    #[must_use]
    pub fn now_s(&self) -> u32 {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).map_or(0, |now| now.tv_sec());
        u32::try_from(now)
            .unwrap_or(0)
            .wrapping_add(self.settings[0].clock_offset_s.get())
    }

    /// Enters a listener or VIP.
    pub fn set_listener_id(&mut self, key: &ListenerKey, id: u32) -> Result<(), Error> {
        self.listener_ids
            .insert(key_bytes(key), id, 0)
            .map_err(|error| failed("LISTENER_IDS", &error))
    }

    /// Takes a listener or VIP out.
    pub fn remove_listener_id(&mut self, key: &ListenerKey) -> Result<(), Error> {
        self.listener_ids
            .remove(&key_bytes(key))
            .map_err(|error| failed("LISTENER_IDS", &error))
    }

    /// All listeners and VIPs.
    #[must_use]
    pub fn listener_keys(&self) -> Vec<ListenerKey> {
        self.listener_ids
            .keys()
            .filter_map(Result::ok)
            .filter_map(|bytes| ListenerKey::read_from_bytes(&bytes).ok())
            .collect()
    }

    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = SessionEntry> + '_ {
        self.sessions
            .iter()
            .filter_map(Result::ok)
            .filter_map(|(key, value)| {
                let key = SessionKey::read_from_bytes(&key).ok()?;
                let (bound, rest) = u64::read_from_prefix(&value).ok()?;
                let (first_seen_s, _) = u32::read_from_prefix(rest).ok()?;
                Some(SessionEntry {
                    key,
                    member: (bound >> 32) as u32,
                    last_seen_s: bound as u32,
                    first_seen_s,
                })
            })
    }

    /// Forgets a session; whether there was one.
    pub fn remove_session(&mut self, key: &SessionKey) -> bool {
        let mut bytes = [0; SESSION_KEY];
        bytes.copy_from_slice(key.as_bytes());
        self.sessions.remove(&bytes).is_ok()
    }

    /// Packets by what became of them, over all cores.
    #[must_use]
    pub fn reasons(&self) -> Vec<(Reason, u64)> {
        Reason::ALL
            .iter()
            .map(|&reason| {
                let count = self
                    .reasons
                    .get(&(reason as u32), 0)
                    .map_or(0, |values| values.iter().sum());
                (reason, count)
            })
            .collect()
    }
}

fn key_bytes(key: &ListenerKey) -> [u8; KEY] {
    let mut bytes = [0; KEY];
    bytes.copy_from_slice(key.as_bytes());
    bytes
}

fn failed(name: &'static str, error: &dyn std::error::Error) -> Error {
    Error::Map {
        name,
        reason: error.to_string(),
    }
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, Error> {
    ebpf.take_map(name).ok_or_else(|| Error::Map {
        name,
        reason: "is missing".into(),
    })
}

fn typed<M: TryFrom<Map, Error = aya::maps::MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<M, Error> {
    M::try_from(take(ebpf, name)?).map_err(|error| failed(name, &error))
}

fn shared<T: SharedValue>(ebpf: &mut Ebpf, name: &'static str, count: u32) -> Result<Shared<T>, Error> {
    let Map::Array(map) = take(ebpf, name)? else {
        return Err(Error::Map {
            name,
            reason: "is not an array".into(),
        });
    };
    let found = map.info().map_err(|error| failed(name, &error))?.max_entries();
    if found != count {
        let reason = format!(
            "an earlier daemon made it for {found} entries, the configuration wants {count}: \
             stop that one with `holdfast stop --detach` first"
        );
        return Err(Error::Map { name, reason });
    }
    Shared::new(map, count).map_err(|error| failed(name, &error))
}
