//! The same random packets through the kernel and the host.

use std::{net::IpAddr, sync::Arc};

use lb_common::{
    address::{Address, Endpoint},
    datapath,
    headers::protocol,
    host::{HostFrame, HostPlatform, HostTables},
    tables::{Algorithm, Forwarding},
    verdict::Verdict,
};
use lb_user::bpf::Chosen;

use crate::{
    accounts::sum_header,
    cases::core::{CLIENTS, Core as _},
    kernel::Kernel,
};

const FLOWS: u32 = 3072;
const PACKETS: usize = 6000;

fn endpoint(address: &str, port: u16) -> Endpoint {
    Endpoint {
        address: address.parse::<IpAddr>().expect("an address").into(),
        port,
    }
}

/// A pool of each forwarding mode behind a port of its own, in both families; half of them hold sessions.
fn configured() -> HostTables {
    let tables = HostTables::new(FLOWS.div_ceil(3), 2 * FLOWS.div_ceil(3));
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
                tables.add_listener(&endpoint(vip, port), protocol, pool);
            }
        }
        let first = last_member - 11;
        tables.set_snat(
            first..=last_member,
            &[endpoint(&format!("{network}99"), 0).address],
        );
    }
    tables
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
    let mut header = 0..0;
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
        header = frame.len() - 20 - options..frame.len();
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
    // Last: a sender that is wrong is mostly wrong with a checksum that is right.
    if !header.is_empty() && numbers.next(50) != 0 {
        frame[header.start + 10..header.start + 12].fill(0);
        sum_header(&mut frame[header]);
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
    if length == 4 {
        frame[22] = 64;
        frame[24..26].fill(0);
        sum_header(&mut frame[14..34]);
    } else {
        frame[21] = 64;
    }
    Some(frame)
}

#[test]
fn the_kernel_and_the_host_do_the_same_with_the_same_packets() {
    compare(&Kernel::first(configured()));
}

#[test]
fn the_packets_of_traced_clients_are_served_as_all_others_are() {
    let mut kernel = Kernel::first(configured());
    let everybody = Chosen {
        address: endpoint("::", 0).address,
        prefix: 0,
    };
    let datapath = kernel.datapath_mut();
    datapath.start_trace(&[everybody]).expect("the kernel takes it");
    compare(&kernel);
    // The last ones did not fit, and those were too many for some seconds.
    let told = kernel.datapath_mut().trace.lines().len();
    assert!(told > 500, "only {told} lines");
    kernel.datapath_mut().stop_trace();
}

/// Sends the same packets through this core of the kernel and one of the host.
fn compare(kernel: &Kernel) {
    let host = HostPlatform::new(Arc::new(configured()));
    host.ingress.set(CLIENTS);

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
        let (in_kernel, kernel_bytes) = kernel.run(CLIENTS, &bytes);
        assert_eq!(verdict, in_kernel, "packet {number}: {bytes:02x?}");
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
    let kernel = Kernel::first(HostTables::new(64, 64));
    let mut numbers = Numbers(7);
    for _ in 0..200 {
        let bytes = frame(&mut numbers);
        let run = kernel.run(CLIENTS, &bytes);
        assert_eq!(run, (Verdict::Pass, bytes));
    }
}
