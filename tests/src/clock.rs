//! Lets time pass for a running datapath.

use std::mem::offset_of;

use anyhow::{Context as _, Result};
use aya::maps::{Array, Map, MapData};
use lb_common::tables::Settings;

use crate::daemon::Daemon;

const WORDS: usize = size_of::<Settings>() / size_of::<u32>();
const OFFSET: usize = offset_of!(Settings, clock_offset_s) / size_of::<u32>();

impl Daemon {
    /// Lets time pass: for the programs in the kernel and for the daemon alike, since the clock of both is the kernel's and
    /// the offset that stands in the map of settings. That map is pinned, so no daemon has to be asked.
    pub fn pass_time(&self, seconds: u32) -> Result<()> {
        let map = MapData::from_pin(self.pin_path().join("SETTINGS")).context("cannot open the settings")?;
        let mut map = Array::<_, [u32; WORDS]>::try_from(Map::Array(map))?;
        let mut words = map.get(&0, 0)?;
        words[OFFSET] += seconds;
        map.set(0, words, 0).context("cannot set the clock")
    }
}
