//! What stands in the pinned settings of a datapath, with or without a daemon.

use std::mem::offset_of;

use anyhow::{Context as _, Result};
use aya::maps::{Array, Map, MapData};
use lb_common::tables::Settings;

use crate::daemon::Daemon;

const WORDS: usize = size_of::<Settings>() / size_of::<u32>();
const CLOCK_OFFSET: usize = offset_of!(Settings, clock_offset_s) / size_of::<u32>();
const TRACED: usize = offset_of!(Settings, traced) / size_of::<u32>();

impl Daemon {
    fn settings(&self) -> Result<Array<MapData, [u32; WORDS]>> {
        let map = MapData::from_pin(self.pin_path().join("SETTINGS")).context("cannot open the settings")?;
        Ok(Array::try_from(Map::Array(map))?)
    }

    /// Lets time pass: for the programs in the kernel and for the daemon alike, since the clock of both is the kernel's and
    /// the offset that stands in the map of settings. That map is pinned, so no daemon has to be asked.
    pub fn pass_time(&self, seconds: u32) -> Result<()> {
        let mut settings = self.settings()?;
        let mut words = settings.get(&0, 0)?;
        words[CLOCK_OFFSET] += seconds;
        settings.set(0, words, 0).context("cannot set the clock")
    }

    /// Whether the datapath traces clients.
    pub fn is_tracing(&self) -> Result<bool> {
        Ok(self.settings()?.get(&0, 0)?[TRACED] != 0)
    }
}
