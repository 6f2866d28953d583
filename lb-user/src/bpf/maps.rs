//! The maps as the daemon sees them.

use std::{
    io, iter,
    ops::Range,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::{
    Ebpf,
    maps::{HashMap, Map, MapData},
};
use lb_common::{
    flow::{Bucket, Record},
    index::IndexBucket,
    session::Seen,
    tables::{LAYOUT_VERSION, Listener, Member, Pool, Session, SessionKey, Settings, SharedAddress},
    word::Word64,
};
use nix::time::{ClockId, clock_gettime};
use zerocopy::{FromBytes, IntoBytes};

use super::{
    Counters, Error,
    batch::{self, SessionCursor},
    shared::{ScheduleSlot, Shared, SharedValue},
};

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

impl SessionEntry {
    pub(super) fn read(key: SessionKey, value: &[u8; SESSION]) -> Option<Self> {
        let (bound, rest) = u64::read_from_prefix(value).ok()?;
        let (first_seen_s, _) = u32::read_from_prefix(rest).ok()?;
        Some(Self {
            key,
            member: (bound >> 32) as u32,
            last_seen_s: bound as u32,
            first_seen_s,
        })
    }

    /// The same as the datapath takes it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen {
            bound: Session::binding(self.member, self.last_seen_s),
            first_seen_s: self.first_seen_s,
        }
    }
}

/// All maps.
pub struct Maps {
    /// What holds for the whole datapath.
    pub settings: Shared<Settings>,
    /// The filters of VIPs and members.
    pub filter: Shared<Word64>,
    /// The index of listeners.
    pub listener_index: Shared<IndexBucket>,
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
    pub returns: Shared<IndexBucket>,
    sessions_fd: OwnedFd,
    sessions: HashMap<MapData, [u8; SESSION_KEY], [u8; SESSION]>,
    /// What the datapath counts.
    pub counters: Counters,
}

/// Why a session was ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Its time was over, or its member is gone.
    Over,
    /// Somebody wanted that.
    Dropped,
}

impl Maps {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, Error> {
        let sessions = take(ebpf, "SESSIONS")?;
        let sessions_fd = duplicate(&sessions).map_err(|error| failed("SESSIONS", &error))?;
        Ok(Self {
            settings: shared(ebpf, "SETTINGS")?,
            filter: shared(ebpf, "FILTER")?,
            listener_index: shared(ebpf, "LISTENER_INDEX")?,
            listeners: shared(ebpf, "LISTENERS")?,
            pools: shared(ebpf, "POOLS")?,
            members: shared(ebpf, "MEMBERS")?,
            schedules: shared(ebpf, "SCHEDULES")?,
            snat_addresses: shared(ebpf, "SNAT_ADDRESSES")?,
            flows: shared(ebpf, "FLOWS")?,
            returns: shared(ebpf, "RETURNS")?,
            sessions_fd,
            sessions: HashMap::try_from(sessions).map_err(|error| failed("SESSIONS", &error))?,
            counters: Counters::take(ebpf)?,
        })
    }

    /// Writes what is decided when the maps are made, and stays as long as they do.
    pub(super) fn initialise(&self) -> Result<(), Error> {
        let settings = &self.settings[0];
        match settings.layout_version.get() {
            LAYOUT_VERSION => return Ok(()),
            // Nobody's yet.
            0 => {}
            _ => return Err(Error::Layout),
        }
        // The hasher's keys are drawn from the system's randomness.
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
        settings.seed.set(seed);
        settings.flow_buckets.set(self.flows.len() as u32);
        settings.return_buckets.set(self.returns.len() as u32);
        settings.listener_buckets.set(self.listener_index.len() as u32);
        settings.layout_version.set(LAYOUT_VERSION);
        Ok(())
    }

    /// The datapath's time, in seconds: the kernel's coarse clock since boot, which does not go back.
    #[must_use]
    pub fn now_s(&self) -> u32 {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).map_or(0, |now| now.tv_sec());
        u32::try_from(now)
            .unwrap_or(0)
            .wrapping_add(self.settings[0].clock_offset_s.get())
    }

    /// Some sessions, and where the rest begins; none: there are no more.
    pub fn session_batch(
        &self,
        from: SessionCursor,
    ) -> io::Result<(Vec<SessionEntry>, Option<SessionCursor>)> {
        batch::sessions(&self.sessions_fd, from)
    }

    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = SessionEntry> + '_ {
        let mut cursor = Some(SessionCursor::START);
        let batches = iter::from_fn(move || {
            let (entries, next) = self.session_batch(cursor.take()?).ok()?;
            cursor = next;
            Some(entries)
        });
        batches.flatten()
    }

    /// A session. Who asks here does not use it: it is not kept longer for that.
    #[must_use]
    pub fn session_entry(&self, key: &SessionKey) -> Option<SessionEntry> {
        let value = self.sessions.get(&session_bytes(key), 0).ok()?;
        SessionEntry::read(*key, &value)
    }

    /// Forgets a session, and counts it as ended by that; whether there was one.
    pub fn end_session(&mut self, key: &SessionKey, ended: Ended) -> bool {
        let was_there = self.sessions.remove(&session_bytes(key)).is_ok();
        if let Some(pool) = self.pools.get(key.pool as usize).filter(|_| was_there) {
            let count = match ended {
                Ended::Over => &pool.swept_sessions,
                Ended::Dropped => &pool.dropped_sessions,
            };
            count.fetch_add(1);
        }
        was_there
    }

    /// The flows in the table.
    pub fn flow_records(&self) -> impl Iterator<Item = &Record> {
        self.flow_records_in(0..self.flows.len())
    }

    /// The flows in some buckets of the table.
    pub fn flow_records_in(&self, buckets: Range<usize>) -> impl Iterator<Item = &Record> {
        let buckets = self.flows.iter().take(buckets.end).skip(buckets.start);
        buckets.flat_map(Bucket::records).map(|(_, _, record)| record)
    }
}

fn session_bytes(key: &SessionKey) -> [u8; SESSION_KEY] {
    let mut bytes = [0; SESSION_KEY];
    bytes.copy_from_slice(key.as_bytes());
    bytes
}

pub(super) fn failed(name: &'static str, error: &dyn std::error::Error) -> Error {
    Error::Map {
        name,
        reason: error.to_string(),
    }
}

pub(super) fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, Error> {
    ebpf.take_map(name).ok_or_else(|| Error::Map {
        name,
        reason: "is missing".into(),
    })
}

/// For the calls that aya does not have: its hash maps do not give their descriptor away.
fn duplicate(map: &Map) -> io::Result<OwnedFd> {
    match map {
        Map::LruHashMap(data) => data.fd().as_fd().try_clone_to_owned(),
        _ => Err(io::Error::other("it is not an LRU hash")),
    }
}

pub(super) fn typed<M: TryFrom<Map, Error = aya::maps::MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<M, Error> {
    M::try_from(take(ebpf, name)?).map_err(|error| failed(name, &error))
}

pub(super) fn shared<T: SharedValue>(ebpf: &mut Ebpf, name: &'static str) -> Result<Shared<T>, Error> {
    let Map::Array(map) = take(ebpf, name)? else {
        return Err(Error::Map {
            name,
            reason: "is not an array".into(),
        });
    };
    let count = map.info().map_err(|error| failed(name, &error))?.max_entries();
    Shared::new(map, count).map_err(|error| failed(name, &error))
}
