//! `[daemon]` and `[datapath]`.

use super::diagnostic::Reported;
use super::reader::{At, Entry, Read, Scope, Table};
use super::values::{absolute_path, integer, list, string, word};
use crate::model::{DaemonSettings, DatapathSettings, FlowIdleTimeout};

const MOST_INTERFACES: usize = 64;
/// What fits into the kernel's `sockaddr_un` beside the final NUL.
const LONGEST_SOCKET_PATH: usize = 107;
/// The kernel's `PATH_MAX` without the final NUL, less the names of the pins.
const LONGEST_PIN_PATH: usize = 3840;
/// What fits into the kernel's `IFNAMSIZ` beside the final NUL.
const LONGEST_INTERFACE_NAME: usize = 15;
const MI: u32 = 1 << 20;

pub(super) fn daemon(t: &mut Table<'_, '_>) -> Result<DaemonSettings, Reported> {
    let default = DaemonSettings::default();
    let control_socket = t.or(
        "control_socket",
        default.control_socket,
        absolute_path(LONGEST_SOCKET_PATH),
    );
    let pin_path = t.or("pin_path", default.pin_path, absolute_path(LONGEST_PIN_PATH));
    let state_path = t.or("state_path", default.state_path, absolute_path(LONGEST_PIN_PATH));
    Ok(DaemonSettings {
        control_socket: control_socket?.value,
        pin_path: pin_path?.value,
        state_path: state_path?.value,
    })
}

/// `[datapath]` as it stands; the rooms are looked at by themselves as well.
pub(super) struct RawDatapath<'r> {
    pub(super) scope: Scope<'r>,
    pub(super) interfaces: Read<Vec<At<String>>>,
    pub(super) max_listeners: Read<u32>,
    pub(super) max_pools: Read<u32>,
    pub(super) max_members: Read<u32>,
    pub(super) schedule_slots: Read<u32>,
    /// All of it but the interfaces.
    settings: Result<DatapathSettings, Reported>,
}

pub(super) fn datapath<'r>(t: &mut Table<'_, 'r>) -> RawDatapath<'r> {
    let default = DatapathSettings::default();
    let interfaces = t.or("interfaces", Vec::new(), list(MOST_INTERFACES, interface));
    let xdp_mode = t.or("xdp_mode", default.xdp_mode, word);
    let closed_port = t.or("closed_port", default.closed_port, word);
    let max_flows = t.or("max_flows", default.max_flows, integer(1024..=64 * MI));
    let max_sessions = t.or("max_sessions", default.max_sessions, integer(65_536..=64 * MI));
    let max_listeners = t.or("max_listeners", default.max_listeners, integer(1..=65_536));
    let max_pools = t.or("max_pools", default.max_pools, integer(1..=65_536));
    let max_members = t.or("max_members", default.max_members, integer(1..=MI));
    let schedule_slots = t.or("schedule_slots", default.schedule_slots, integer(1024..=64 * MI));
    let flow_idle_timeout = t.section("flow_idle_timeout", flow_idle_timeout).flatten();
    let settings = || {
        Ok(DatapathSettings {
            interfaces: Vec::new(),
            xdp_mode: xdp_mode?.value,
            closed_port: closed_port?.value,
            max_flows: max_flows?.value,
            max_sessions: max_sessions?.value,
            max_listeners: max_listeners?.value,
            max_pools: max_pools?.value,
            max_members: max_members?.value,
            schedule_slots: schedule_slots?.value,
            flow_idle_timeout: flow_idle_timeout?,
        })
    };
    RawDatapath {
        settings: settings(),
        scope: t.scope(),
        interfaces,
        max_listeners,
        max_pools,
        max_members,
        schedule_slots,
    }
}

impl RawDatapath<'_> {
    pub(super) fn valid(&self) -> Result<DatapathSettings, Reported> {
        let interfaces = self.interfaces.clone()?.value.into_iter().map(|at| at.value);
        Ok(DatapathSettings {
            interfaces: interfaces.collect(),
            ..self.settings.clone()?
        })
    }
}

fn flow_idle_timeout(t: &mut Table<'_, '_>) -> Result<FlowIdleTimeout, Reported> {
    let default = FlowIdleTimeout::default();
    let mut seconds = |key, default| t.or(key, default, integer(1..=86_400));
    let tcp_syn_s = seconds("tcp_syn_s", default.tcp_syn_s);
    let tcp_established_s = seconds("tcp_established_s", default.tcp_established_s);
    let tcp_fin_s = seconds("tcp_fin_s", default.tcp_fin_s);
    let tcp_rst_s = seconds("tcp_rst_s", default.tcp_rst_s);
    let udp_s = seconds("udp_s", default.udp_s);
    Ok(FlowIdleTimeout {
        tcp_syn_s: tcp_syn_s?.value,
        tcp_established_s: tcp_established_s?.value,
        tcp_fin_s: tcp_fin_s?.value,
        tcp_rst_s: tcp_rst_s?.value,
        udp_s: udp_s?.value,
    })
}

/// A name the kernel could give an interface: its `dev_valid_name`.
fn interface(entry: &Entry<'_, '_>) -> Result<String, Reported> {
    string(|name| {
        let odd = |c: char| c == '/' || c == ':' || c == '\0' || c.is_whitespace();
        if name.is_empty()
            || name.len() > LONGEST_INTERFACE_NAME
            || name == "."
            || name == ".."
            || name.contains(odd)
        {
            let rule = format!(
                "1 to {LONGEST_INTERFACE_NAME} bytes without space, \"/\" or \":\", as `ip link` shows it"
            );
            return Err(format!("is not the name of an interface; write {rule}"));
        }
        Ok(name.to_owned())
    })(entry)
}
