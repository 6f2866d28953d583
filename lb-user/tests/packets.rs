//! Packets through the programs in the kernel, by test runs: no network is needed, but root is.

#[path = "packets/accounts.rs"]
mod accounts;

use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use lb_common::{
    address::{Address, Endpoint},
    datapath,
    headers::protocol,
    host::{HostFrame, HostPlatform, HostTables},
    tables::{Algorithm, Forwarding, ListenerKey},
    verdict::Verdict,
};
use lb_user::{bpf::Datapath, model::DatapathSettings};

const FLOWS: u32 = 3072;
const PACKETS: usize = 6000;

/// A datapath of this test's own, which leaves nothing behind.
struct Kernel {
    datapath: Datapath,
}

impl Kernel {
    fn load() -> Self {
        Self::with(&DatapathSettings {
            max_flows: FLOWS,
            max_sessions: 65_536,
            ..DatapathSettings::default()
        })
    }

    fn with(settings: &DatapathSettings) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let pins = PathBuf::from(format!("/sys/fs/bpf/hf-{}-packets-{number}", std::process::id()));
        let datapath =
            Datapath::load(settings, &pins).expect("root and a BPF file system at /sys/fs/bpf are needed");
        Self { datapath }
    }

    fn run(&self, frame: &[u8]) -> (Option<Verdict>, Vec<u8>) {
        let (action, bytes) = self.datapath.test_run(frame).expect("the kernel runs it");
        let verdict = match action {
            1 => Some(Verdict::Drop),
            2 => Some(Verdict::Pass),
            3 => Some(Verdict::Transmit),
            4 => Some(Verdict::Redirect),
            _ => None,
        };
        (verdict, bytes)
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let _ = self.datapath.unpin();
    }
}

fn endpoint(address: &str, port: u16) -> Endpoint {
    Endpoint {
        address: address.parse::<IpAddr>().expect("an address").into(),
        port,
    }
}

/// A pool of each forwarding mode behind a port of its own, in both families; half of them hold sessions.
fn configure(tables: &HostTables) -> Vec<ListenerKey> {
    let modes = [
        Forwarding::FULL_NAT,
        Forwarding::NAT,
        Forwarding::DSR,
        Forwarding::IPIP,
    ];
    let algorithms = [
        Algorithm::RoundRobin,
        Algorithm::LeastConnections,
        Algorithm::SourceIp,
        Algorithm::RoundRobin,
    ];
    let mut keys = Vec::new();
    let mut last_member = 0;
    tables.settings.answers_per_second.set(1_000_000);
    for (vip, network) in [("192.0.2.1", "10.0.0."), ("2001:db8::1", "fd00::")] {
        for (index, (mode, algorithm)) in modes.into_iter().zip(algorithms).enumerate() {
            let pool = tables.add_pool(mode, algorithm);
            if index % 2 == 0 && algorithm != Algorithm::SourceIp {
                tables.pools[pool as usize].session_idle_s.set(1200);
            }
            let port = 80 + index as u16;
            for number in 1..=3 {
                last_member = tables.add_member(
                    pool,
                    &endpoint(&format!("{network}{}", 10 * index + number), port),
                );
            }
            for protocol in [protocol::TCP, protocol::UDP] {
                let vip = endpoint(vip, port);
                tables.add_listener(&vip, protocol, pool);
                keys.push(ListenerKey::new(&vip.address, vip.port, protocol));
            }
        }
        let first = last_member - 11;
        tables.set_snat(
            first..=last_member,
            &[endpoint(&format!("{network}99"), 0).address],
        );
        keys.push(ListenerKey::vip(&endpoint(vip, 0).address));
    }
    keys
}

/// Makes the kernel's maps equal to the host's tables.
fn copy(tables: &HostTables, keys: &[ListenerKey], kernel: &mut Kernel) {
    let maps = &mut kernel.datapath.maps;
    maps.settings.copy_from(std::slice::from_ref(&tables.settings));
    maps.filter.copy_from(&tables.filter);
    maps.listeners.copy_from(&tables.listeners);
    maps.pools.copy_from(&tables.pools);
    maps.members.copy_from(&tables.members);
    maps.snat_addresses.copy_from(&tables.snat_addresses);
    for (to, from) in maps.schedules.iter().zip(&tables.schedules) {
        to.member.set(from.get());
    }
    for key in keys {
        let same = |listener: &lb_common::tables::Listener| {
            listener.address.load() == key.address
                && listener.port.get() == u32::from(key.port)
                && listener.protocol.get() == u32::from(key.protocol)
        };
        let id = tables.listeners.iter().position(same).unwrap_or(0);
        maps.set_listener_id(key, id as u32).expect("there is room");
    }
}

/// Numbers that look random and are the same each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ number >> 31) % below
    }
}

/// A frame of a client, of either family and protocol; one in four has a byte that is wrong, one in sixteen a tail missing.
fn frame(numbers: &mut Numbers) -> Vec<u8> {
    let mut frame = vec![2, 0x42, 0, 0, 0, 9, 2, 0x43, 0, 0, 0, 1];
    for _ in 0..numbers.next(10).saturating_sub(7) {
        frame.extend([0x81, 0, 0, numbers.next(4) as u8]);
    }
    let udp = numbers.next(2) == 0;
    let mut payload = Vec::new();
    payload.extend((40_000 + numbers.next(40) as u16).to_be_bytes());
    payload.extend((79 + numbers.next(6) as u16).to_be_bytes());
    let data = numbers.next(64) as usize;
    if udp {
        payload.extend((8 + data as u16).to_be_bytes());
        payload.extend((numbers.next(3) as u16 * 0x1111).to_be_bytes());
    } else {
        payload.extend([
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            2,
            5 << 4,
            [2, 2, 16, 16, 17, 4][numbers.next(6) as usize],
        ]);
        payload.extend([1, 0, 0x12, 0x34, 0, 0]);
    }
    payload.extend(std::iter::repeat_n(0x55, data));
    let mut protocol = if udp { protocol::UDP } else { protocol::TCP };
    if numbers.next(2) == 0 {
        let fragment = [0x4000, 0x4000, 0x4000, 0x2000, 0x0005, 0x2005_u16][numbers.next(6) as usize];
        let options = 4 * numbers.next(2) as usize;
        let total = 20 + options + payload.len();
        frame.extend([8, 0, 0x45 + options as u8 / 4, 0]);
        frame.extend((total as u16).to_be_bytes());
        frame.extend([0, numbers.next(3) as u8]);
        frame.extend(fragment.to_be_bytes());
        frame.extend([
            1 + numbers.next(4) as u8,
            protocol,
            0,
            0,
            203,
            0,
            113,
            numbers.next(20) as u8,
            192,
            0,
            2,
            1,
        ]);
        frame.extend(std::iter::repeat_n(1, options));
    } else {
        if numbers.next(4) == 0 {
            payload.splice(0..0, [protocol, 0, 1, 4, 0, 0, 0, 0]);
            protocol = protocol::DESTINATION_OPTIONS;
        }
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend((payload.len() as u16).to_be_bytes());
        frame.extend([protocol, 1 + numbers.next(4) as u8]);
        frame.extend(Address::from("2001:db8:1::1".parse::<IpAddr>().expect("an address")).octets());
        let last = frame.len() - 1;
        frame[last] = numbers.next(20) as u8;
        frame.extend(Address::from("2001:db8::1".parse::<IpAddr>().expect("an address")).octets());
    }
    frame.extend(payload);
    if numbers.next(4) == 0 {
        let place = numbers.next(frame.len() as u64) as usize;
        frame[place] = numbers.next(256) as u8;
    }
    if numbers.next(16) == 0 {
        frame.truncate((14 + numbers.next(frame.len() as u64) as usize).min(frame.len()));
    }
    frame
}

/// The answer to a frame that was forwarded: sender and receiver change places.
fn answer(forwarded: &[u8]) -> Option<Vec<u8>> {
    let mut frame = forwarded.to_vec();
    let (addresses, length, ports) = match forwarded.get(12..15)? {
        [8, 0, 0x45] => (26, 4, 34),
        [0x86, 0xdd, _] => (22, 16, 54),
        _ => return None,
    };
    if forwarded.len() < ports + 4 {
        return None;
    }
    for (start, length) in [(0, 6), (addresses, length), (ports, 2)] {
        let (one, other) = frame[start..start + 2 * length].split_at_mut(length);
        one.swap_with_slice(other);
    }
    // The hops that the client's packet lost.
    frame[if length == 4 { 22 } else { 21 }] = 64;
    Some(frame)
}

#[test]
fn the_kernel_and_the_host_do_the_same_with_the_same_packets() {
    let tables = Arc::new(HostTables::new(FLOWS.div_ceil(3), FLOWS.div_ceil(5)));
    let keys = configure(&tables);
    let mut kernel = Kernel::load();
    copy(&tables, &keys, &mut kernel);
    let host = HostPlatform::new(Arc::clone(&tables));
    // What a test run in the kernel comes in by: the loopback interface.
    host.ingress.set(1);

    let mut numbers = Numbers(42);
    let mut waiting: Vec<Vec<u8>> = Vec::new();
    let (mut forwarded, mut answered) = (0, 0);
    for number in 0..PACKETS {
        let is_answer = !waiting.is_empty() && numbers.next(3) == 0;
        let bytes = if is_answer {
            waiting.remove(0)
        } else {
            frame(&mut numbers)
        };
        let mut on_host = HostFrame::new(&bytes);
        let verdict = datapath::process(&host, &mut on_host);
        let (in_kernel, kernel_bytes) = kernel.run(&bytes);
        assert_eq!(Some(verdict), in_kernel, "packet {number}: {bytes:02x?}");
        assert_eq!(on_host.bytes(), kernel_bytes, "packet {number}: {bytes:02x?}");
        if verdict == Verdict::Redirect {
            forwarded += 1;
            waiting.extend(answer(&kernel_bytes));
        }
        answered += usize::from(is_answer && verdict == Verdict::Transmit);
    }
    assert!(
        forwarded > PACKETS / 10,
        "only {forwarded} packets were forwarded"
    );
    assert!(answered > PACKETS / 50, "only {answered} answers were returned");
}

#[test]
fn a_frame_that_is_not_for_a_vip_is_passed_untouched() {
    let kernel = Kernel::load();
    let mut numbers = Numbers(7);
    for _ in 0..200 {
        let bytes = frame(&mut numbers);
        assert_eq!(kernel.run(&bytes), (Some(Verdict::Pass), bytes.clone()));
    }
}
