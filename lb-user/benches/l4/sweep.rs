//! How long the daemon's sweeps take.

use std::time::Instant;

use anyhow::{Result, ensure};
use lb_user::sweep;

use super::{
    case::{Case, Kind, Size, Traffic},
    kernel::Kernel,
    report::{Report, Row},
};

/// What the names of these cases begin with.
pub(crate) const NAME: &str = "l4/sweep";
/// Flows, and sessions.
pub(crate) const SIZE: Size = Size(1_000_000);
/// Longer than any flow or session of the configuration is kept, in seconds.
const LATER_S: u32 = 86_400;

/// Sweeps flows and sessions that live on, and then those that are over.
pub(crate) fn measure(mut kernel: Kernel, report: &mut Report) -> Result<()> {
    let case = Case {
        kind: Kind::Established,
        traffic: Traffic::Tcp4,
        mode: "full_nat",
        size: SIZE,
    };
    kernel.fill(&case)?;
    for what in ["live", "over"] {
        let maps = &mut kernel.datapath.maps;
        if what == "over" {
            maps.settings[0].clock_offset_s.fetch_add(LATER_S);
        }
        let started = Instant::now();
        let flows = sweep::flows(maps);
        let flows_ms = started.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        let ended_sessions = sweep::sessions(maps);
        let sessions_ms = started.elapsed().as_secs_f64() * 1e3;
        let all = SIZE.0 as usize;
        let expected = if what == "live" {
            (all, 0, 0)
        } else {
            (0, all, all)
        };
        let found = (flows.flows, flows.ended_flows, ended_sessions);
        ensure!(found == expected, "the sweep found {found:?}");
        report.add(Row::new(format!("{NAME}/flows/{what}/1M"), flows_ms, "ms"));
        report.add(Row::new(format!("{NAME}/sessions/{what}/1M"), sessions_ms, "ms"));
    }
    Ok(())
}
