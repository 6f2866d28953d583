//! How large the maps are, and what memory they cost.

use std::{fmt, fs, io, os::fd::AsRawFd as _, path::Path};

use aya::{
    maps::{Map, MapData, MapInfo},
    util::nr_cpus,
};
use aya_obj::{
    Object,
    generated::{
        BPF_F_MMAPABLE, BPF_F_NO_PREALLOC,
        bpf_map_type::{
            self, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_RINGBUF,
        },
    },
};

use lb_common::buckets::PROBES;

use super::{
    Error, OBJECT,
    trace::{LOG, LOG_BYTES},
};
use crate::model::{DatapathSettings, MAX_SNAT_ADDRESSES};

/// Flows per bucket of the flow table when all that are configured are there: three of seven ways, so that hardly any
/// bucket overflows.
const FLOWS_PER_BUCKET: u32 = 3;
/// Buckets of the return index for each of the flow table: one and a half of seven ways, since of entries none can make
/// room.
const RETURN_BUCKETS_PER_BUCKET: u32 = 2;

/// What the kernel has for each entry of a hash map beside key and value, and for each bucket, in bytes.
const HASH_ENTRY: u64 = 48;
const HASH_BUCKET: u64 = 16;
const PAGE: u64 = 4096;

/// The ids for so many things of a configuration: as many again for what the next one replaces, which keeps its id as long
/// as flows or sessions refer to it. Ids begin at 1.
const fn ids(configured: u32) -> u32 {
    2 * configured + 1
}

/// The entries of the maps whose size is configured.
pub(super) fn sizes(settings: &DatapathSettings) -> [(&'static str, u32); 13] {
    // And as many VIPs.
    let listeners = ids(2 * settings.max_listeners);
    let pools = ids(settings.max_pools);
    let members = ids(settings.max_members);
    let buckets = settings.max_flows.div_ceil(FLOWS_PER_BUCKET);
    [
        // Of seven ways one is used, since of entries none can make room.
        ("LISTENER_INDEX", listeners.max(PROBES)),
        ("LISTENERS", listeners),
        ("LISTENER_TRAFFIC", listeners),
        ("POOLS", pools),
        ("SESSION_COUNTS", pools),
        ("MEMBERS", members),
        ("MEMBER_TRAFFIC", members),
        // A new schedule is written beside the one that packets follow meanwhile.
        ("SCHEDULES", 2 * settings.schedule_slots),
        ("SNAT_ADDRESSES", 2 * MAX_SNAT_ADDRESSES),
        ("FLOWS", buckets),
        ("RETURNS", RETURN_BUCKETS_PER_BUCKET * buckets),
        ("SESSIONS", settings.max_sessions),
        (LOG, LOG_BYTES),
    ]
}

/// Whether the maps that an earlier daemon left at `pins`, where there are any, have the sizes of these settings.
pub fn fits(pins: &Path, settings: &DatapathSettings) -> Result<(), Error> {
    let object = Object::parse(OBJECT).map_err(aya::EbpfError::from)?;
    for (name, map) in &object.maps {
        let Ok(found) = MapInfo::from_pin(pins.join(name)) else {
            continue;
        };
        if (found.key_size(), found.value_size()) != (map.key_size(), map.value_size()) {
            return Err(Error::Layout);
        }
    }
    for (name, wanted) in sizes(settings) {
        let Ok(found) = MapInfo::from_pin(pins.join(name)) else {
            continue;
        };
        let found = found.max_entries();
        if found != wanted {
            let reason = format!(
                "an earlier daemon made it for {found} entries, this configuration wants {wanted}: end what that one left \
                 with `holdfast stop --detach --config FILE` first (open flows and sessions are forgotten)"
            );
            return Err(Error::Map { name, reason });
        }
    }
    Ok(())
}

/// The parts that memory is stated by, with the maps of each; the last has all others.
const PARTS: [(&str, &[&str]); 6] = [
    ("flows", &["FLOWS"]),
    ("return index", &["RETURNS"]),
    ("sessions", &["SESSIONS"]),
    ("schedules", &["SCHEDULES"]),
    (
        "counters",
        &["LISTENER_TRAFFIC", "MEMBER_TRAFFIC", "SESSION_COUNTS", "REASONS"],
    ),
    ("all else", &[]),
];

/// What the maps cost, by part, in bytes. Displayed in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory([u64; PARTS.len()]);

impl Memory {
    fn of<N: AsRef<str>>(maps: impl IntoIterator<Item = (N, u64)>) -> Self {
        let mut memory = Self::default();
        for (name, bytes) in maps {
            let part = PARTS.iter().position(|(_, maps)| maps.contains(&name.as_ref()));
            memory.0[part.unwrap_or(PARTS.len() - 1)] += bytes;
        }
        memory
    }

    /// What these settings will cost on this machine.
    pub fn estimated(settings: &DatapathSettings) -> Result<Self, Error> {
        let cores = nr_cpus().map_err(|(path, source)| Error::Pin {
            path: path.into(),
            source,
        })?;
        let object = Object::parse(OBJECT).map_err(aya::EbpfError::from)?;
        let sizes = sizes(settings);
        let maps = object.maps.iter().map(|(name, map)| {
            let configured = sizes.iter().find(|(sized, _)| sized == name);
            let entries = configured.map_or(map.max_entries(), |&(_, entries)| entries);
            (name, cost(map, entries.into(), cores as u64))
        });
        Ok(Self::of(maps))
    }

    /// What loaded maps cost, as the kernel accounts for it.
    pub(super) fn measured<'m>(maps: impl Iterator<Item = (&'m str, &'m Map)>) -> io::Result<Self> {
        let costs = maps.map(|(name, map)| Ok((name, data(map).map_or(Ok(0), accounted)?)));
        Ok(Self::of(costs.collect::<io::Result<Vec<_>>>()?))
    }

    /// The parts, in bytes.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        PARTS.iter().map(|(name, _)| *name).zip(self.0)
    }

    /// All of it, in bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB (", mib(self.total()))?;
        for (index, (name, bytes)) in self.parts().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {}", mib(bytes))?;
        }
        f.write_str(")")
    }
}

/// Bytes in MiB, to a tenth.
fn mib(bytes: u64) -> String {
    let tenths = (bytes * 10 + (1 << 19)) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// What the kernel accounts for a map (`array_map_mem_usage`, `htab_map_mem_usage`), but for a few hundred bytes.
fn cost(map: &aya_obj::Map, entries: u64, cores: u64) -> u64 {
    let eight = |bytes: u32| u64::from(bytes).next_multiple_of(8);
    let (key, value) = (eight(map.key_size()), eight(map.value_size()));
    let flags = map.map_flags();
    match bpf_map_type::try_from(map.map_type()) {
        // Its entries are made when they are needed; there are few.
        Ok(BPF_MAP_TYPE_HASH) if flags & BPF_F_NO_PREALLOC != 0 => entries.next_power_of_two() * HASH_BUCKET,
        Ok(BPF_MAP_TYPE_HASH | BPF_MAP_TYPE_LRU_HASH) => {
            entries.next_power_of_two() * HASH_BUCKET + entries * (HASH_ENTRY + key + value)
        }
        Ok(BPF_MAP_TYPE_PERCPU_ARRAY) => entries * (8 + value * cores),
        // Its positions lie in pages of their own, and each of its pages is mapped twice.
        Ok(BPF_MAP_TYPE_RINGBUF) => 4 * PAGE + entries + entries / PAGE * 16,
        _ if flags & BPF_F_MMAPABLE != 0 => PAGE + (entries * value).next_multiple_of(PAGE),
        _ => entries * value,
    }
}

/// What the kernel says in `memlock` of a map's entry in `/proc` (since Linux 6.4 exactly, before that roughly).
fn accounted(map: &MapData) -> io::Result<u64> {
    use std::os::fd::AsFd as _;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", map.fd().as_fd().as_raw_fd()))?;
    let bytes = info.lines().find_map(|line| line.strip_prefix("memlock:"));
    bytes
        .and_then(|bytes| bytes.trim().parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "there is no memlock"))
}

fn data(map: &Map) -> Option<&MapData> {
    match map {
        Map::Array(data)
        | Map::PerCpuArray(data)
        | Map::HashMap(data)
        | Map::LruHashMap(data)
        | Map::ProgramArray(data)
        | Map::RingBuf(data) => Some(data),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of the table in ARCHITECTURE.md, which leaves out what depends on the number of cores.
    fn row(name: &str, entries: u32) -> String {
        let settings = DatapathSettings {
            max_flows: entries,
            max_sessions: entries,
            ..DatapathSettings::default()
        };
        let memory = Memory::estimated(&settings).unwrap();
        let parts: Vec<u64> = memory.parts().map(|(_, bytes)| bytes).take(3).collect();
        let sum = parts.iter().sum();
        let cells: Vec<String> = parts.into_iter().chain([sum]).map(mib).collect();
        format!("| {name} | {} |\n", cells.join(" | "))
    }

    #[test]
    fn the_documented_memory_is_that_of_the_maps() {
        let documented = include_str!("../../../ARCHITECTURE.md");
        for (name, entries) in [("65,536", 1 << 16), ("1,048,576", 1 << 20)] {
            let row = row(name, entries);
            assert!(documented.contains(&row), "ARCHITECTURE.md should say: {row}");
        }
    }

    #[test]
    fn memory_is_said_by_part_and_in_all() {
        let memory = Memory::of([("FLOWS", 3 << 19), ("SESSIONS", 1 << 20), ("POOLS", 52_429)]);
        assert_eq!(
            memory.to_string(),
            "2.6 MiB (flows 1.5, return index 0.0, sessions 1.0, schedules 0.0, counters 0.0, all else 0.1)"
        );
    }
}
