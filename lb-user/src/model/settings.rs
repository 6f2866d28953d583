//! The settings of the daemon and of the datapath, which belong to no load balancer.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ClosedPort, LogFormat, XdpMode};

/// Where the daemon meets the rest of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonSettings {
    /// The Unix socket on which the daemon answers its command line; absolute, at most 107 bytes.
    pub control_socket: PathBuf,
    /// The directory in the BPF file system where maps and links are pinned; absolute.
    pub pin_path: PathBuf,
    /// The directory of what outlives the daemon and is not in the kernel: the keys of cookies; absolute.
    pub state_path: PathBuf,
}

impl Default for DaemonSettings {
    fn default() -> Self {
        Self {
            control_socket: "/run/holdfast/control.sock".into(),
            pin_path: "/sys/fs/bpf/holdfast".into(),
            state_path: "/var/lib/holdfast".into(),
        }
    }
}

/// The XDP program: where it is attached, and how large its maps are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatapathSettings {
    /// The interfaces where clients and members are reached, at most 64; none where the proxy serves all: then there is no
    /// datapath.
    pub interfaces: Vec<String>,
    /// How the program is attached.
    pub xdp_mode: XdpMode,
    /// What a VIP answers on a port that has no listener.
    pub closed_port: ClosedPort,
    /// Flows held at a time, 1,024 to 64 Mi; beyond that the one that matters least goes first (`lb_common::flow::table`).
    pub max_flows: u32,
    /// Sessions held at a time over all pools, 65,536 to 64 Mi; the least recently used goes first.
    pub max_sessions: u32,
    /// Room for listeners, and for load balancers, 1 to 65,536.
    pub max_listeners: u32,
    /// Room for pools, 1 to 65,536.
    pub max_pools: u32,
    /// Room for members over all pools, 1 to 1 Mi.
    pub max_members: u32,
    /// Room for the schedules of all pools, in slots, 1,024 to 64 Mi.
    pub schedule_slots: u32,
    /// After how long without a packet a flow is forgotten.
    pub flow_idle_timeout: FlowIdleTimeout,
}

impl Default for DatapathSettings {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            xdp_mode: XdpMode::Auto,
            closed_port: ClosedPort::Reject,
            max_flows: 1 << 20,
            max_sessions: 1 << 20,
            max_listeners: 8192,
            max_pools: 8192,
            max_members: 1 << 16,
            schedule_slots: 1 << 20,
            flow_idle_timeout: FlowIdleTimeout::default(),
        }
    }
}

/// The proxy of HTTP and HTTPS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxySettings {
    /// Threads that serve requests, 1 to 256. `None`: one a core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<u16>,
    /// Sessions by application cookie that are held at a time over all pools, 1,024 to 64 Mi; the one that was idle for longest
    /// goes first, or nearly.
    pub max_app_cookies: u32,
    /// How often the sessions by application cookie are written down, for a daemon that is killed, 1 to 3,600 seconds.
    pub app_cookie_save_s: u32,
    /// How long what is under way may go on when the daemon ends, or its listener or member goes, 0 to 3,600 seconds.
    pub drain_s: u32,
    /// Where requests are noted; `None`: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log: Option<AccessLog>,
}

/// Where and how requests are noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLog {
    /// The file, which is opened anew at each reload and by `holdfast reopen-log`; absolute.
    pub path: PathBuf,
    /// What a line looks like.
    pub format: LogFormat,
    /// Of so many requests one is noted, 1 to 1,000,000; of those that failed each.
    pub sample: u32,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            workers: None,
            max_app_cookies: 1 << 20,
            app_cookie_save_s: 60,
            drain_s: 30,
            access_log: None,
        }
    }
}

/// After how many seconds without a packet a flow is forgotten, by what was last seen of it; each 1 to 86,400.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowIdleTimeout {
    /// TCP, while the connection is being opened.
    pub tcp_syn_s: u32,
    /// TCP, once it is open.
    pub tcp_established_s: u32,
    /// TCP, once one side has closed it.
    pub tcp_fin_s: u32,
    /// TCP, once it was reset.
    pub tcp_rst_s: u32,
    /// UDP.
    pub udp_s: u32,
}

impl Default for FlowIdleTimeout {
    fn default() -> Self {
        Self {
            tcp_syn_s: 60,
            tcp_established_s: 900,
            tcp_fin_s: 120,
            tcp_rst_s: 10,
            udp_s: 300,
        }
    }
}
