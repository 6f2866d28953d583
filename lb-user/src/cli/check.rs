//! `holdfast check`.

use std::{path::Path, time::Duration};

use anyhow::bail;

use super::output;
use crate::{
    api,
    bpf::{self, Memory},
    config,
    model::Config,
    preflight,
    proxy::Proxy,
};

/// Says what is wrong with a file, or what it will take.
pub(super) fn run(file: &Path) -> anyhow::Result<()> {
    match config::load(file) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                output::complain(format_args!("{warning:#}"));
            }
            preflight::check_places(&loaded.config)?;
            let files =
                Proxy::check_files(&loaded.config).and_then(|()| api::check_files(&loaded.config.api));
            if let Err(unusable) = files {
                // The file is right all the same.
                output::complain(format_args!("a daemon would not start now: {unusable:#}"));
            }
            let maps = maps_of(&loaded.config)?;
            Ok(output::print(format_args!("{}: valid\n{maps}", file.display()))?)
        }
        Err(mistakes) => bail!("{mistakes:#}"),
    }
}

/// What the maps will take, and who works on them now.
fn maps_of(config: &Config) -> anyhow::Result<String> {
    if !config.has_layer_4() {
        return Ok("it has no maps, since it names no interfaces: the proxy serves all of it".to_owned());
    }
    let memory = Memory::estimated(&config.datapath)?;
    let pins = &config.daemon.pin_path;
    if let Err(misfit) = bpf::fits(pins, &config.datapath) {
        output::complain(format_args!("a daemon would not start now: {misfit}"));
    }
    let holder = crate::lock::holder(pins, Duration::ZERO);
    let holder = holder.map_or_else(String::new, |holder| {
        format!("\n{}: a daemon works on it, {holder}", pins.display())
    });
    Ok(format!("its maps will take {memory}{holder}"))
}
