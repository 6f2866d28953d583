//! The configuration that is measured.

use std::{fmt::Write as _, net::Ipv4Addr};

use anyhow::{Result, anyhow};
use lb_user::{config, model::Config};

use super::{
    case::{MODES, Size},
    frame::{VIP_V4, VIP_V6},
    kernel::LEAST_FLOWS,
};

/// Members of each pool.
const MEMBERS: u32 = 64;
/// The least sessions that the kernel's map can be made for and keep them all.
const LEAST_SESSIONS: u32 = 65_536;

/// A pool behind a listener for each mode, protocol and family, with persistence. There is room for as many new flows and
/// sessions as there are.
pub(crate) fn of(size: Size) -> Result<Config> {
    let mut text = head(size);
    write_family(&mut text, "v4", &Ipv4Addr::from(VIP_V4).to_string(), "10.0.1.")?;
    write_family(&mut text, "v6", &VIP_V6.to_string(), "fd00::1:")?;
    let loaded = config::parse(&text, "the benchmark's").map_err(|mistakes| anyhow!("{mistakes:#}"))?;
    Ok(loaded.config)
}

fn head(size: Size) -> String {
    format!(
        r#"
[daemon]
pin_path = "/sys/fs/bpf/hf-{}-bench-{}"
[datapath]
interfaces = ["lo"]
max_flows = {}
max_sessions = {}
max_listeners = 64
max_pools = 64
max_members = 1024
"#,
        std::process::id(),
        size.0,
        2 * size.0.max(LEAST_FLOWS),
        2 * size.0.max(LEAST_SESSIONS)
    )
}

fn write_family(text: &mut String, family: &str, vip: &str, network: &str) -> std::fmt::Result {
    writeln!(text, "[[load_balancer]]\nname = \"{family}\"\nvip = \"{vip}\"")?;
    for (mode, port) in MODES.into_iter().zip(80..) {
        for protocol in ["TCP", "UDP"] {
            writeln!(
                text,
                "[[load_balancer.listener]]\nname = \"{mode}-{family}-{protocol}\""
            )?;
            writeln!(
                text,
                "protocol = \"{protocol}\"\nport = {port}\npool = \"{mode}-{family}\""
            )?;
        }
    }
    for mode in MODES {
        writeln!(
            text,
            "[[pool]]\nname = \"{mode}-{family}\"\nforwarding = \"{mode}\""
        )?;
        if mode == "full_nat" {
            let sources: Vec<String> = (1..=4).map(|host| format!("{network}20{host}")).collect();
            writeln!(text, "snat_addresses = {sources:?}")?;
        }
        writeln!(text, "[pool.session_persistence]\ntype = \"SOURCE_IP\"")?;
        for member in 1..=MEMBERS {
            writeln!(text, "[[pool.member]]\naddress = \"{network}{member}\"")?;
            if matches!(mode, "full_nat" | "nat") {
                writeln!(text, "port = 8080")?;
            }
        }
    }
    Ok(())
}
