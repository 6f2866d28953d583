//! As many flows and sessions as are promised.

use std::{net::IpAddr, thread};

use lb_common::{
    address::{Address, Endpoint},
    headers::protocol,
    host::HostTables,
    tables::{Algorithm, Forwarding},
    verdict::{Reason, Verdict},
};
use lb_user::{model::DatapathSettings, sweep};

use crate::{
    accounts::sum_header,
    cases::core::{CLIENTS, Core as _},
    kernel::Kernel,
};

const CLIENTS_OF_ALL: u32 = 1_000_000;
const MEMBERS: u32 = 16;
const CORES: u32 = 2;

fn endpoint(octets: [u8; 4], port: u16) -> Endpoint {
    Endpoint {
        address: IpAddr::from(octets).into(),
        port,
    }
}

/// A pool that holds clients, with some members and source addresses.
fn tables(sizes: &DatapathSettings) -> HostTables {
    let tables = HostTables::new(4, 4);
    // As the loader reckons: three flows a bucket, and two buckets of the index for each.
    let buckets = sizes.max_flows.div_ceil(3);
    tables.settings.flow_buckets.set(buckets);
    tables.settings.return_buckets.set(2 * buckets);
    let pool = tables.add_pool(Forwarding::FULL_NAT, Algorithm::RoundRobin);
    tables.pools[pool as usize].session_idle_s.set(1200);
    tables.add_listener(&endpoint([192, 0, 2, 1], 80), protocol::TCP, pool);
    for number in 1..=MEMBERS {
        tables.add_member(pool, &endpoint([10, 0, 1, number as u8], 8080));
    }
    let addresses: [Address; 4] = [1, 2, 3, 4].map(|host| endpoint([10, 0, 2, host], 0).address);
    tables.set_snat(1..=MEMBERS, &addresses);
    tables
}

/// A SYN from one of the clients.
fn syn(client: u32) -> Vec<u8> {
    let mut frame = vec![2, 0x42, 0, 0, 0, 9, 2, 0x43, 0, 0, 0, 1, 8, 0];
    frame.extend([0x45, 0, 0, 40, 0, 0, 0x40, 0, 60, protocol::TCP, 0, 0]);
    let [_, high, middle, low] = client.to_be_bytes();
    frame.extend([10, 64 + high, middle, low, 192, 0, 2, 1]);
    sum_header(&mut frame[14..34]);
    frame.extend([
        0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x20, 0, 0, 0, 0, 0,
    ]);
    frame
}

#[test]
fn a_million_clients_have_their_flows_and_sessions_until_these_are_swept() {
    let sizes = DatapathSettings {
        max_flows: 1 << 20,
        // An LRU map that is nearly full gives entries up before their time.
        max_sessions: 1 << 21,
        schedule_slots: 1 << 18,
        ..DatapathSettings::default()
    };
    let mut kernel = Kernel::sized(&sizes, tables(&sizes));
    let enter_all = || {
        thread::scope(|scope| {
            for number in 0..CORES {
                let core = kernel.another();
                scope.spawn(move || {
                    for client in (number..CLIENTS_OF_ALL).step_by(CORES as usize) {
                        let (verdict, _) = core.run(CLIENTS, &syn(client));
                        assert_eq!(verdict, Verdict::Redirect, "client {client}");
                    }
                });
            }
        });
    };
    let flows = || {
        let ways = kernel.buckets().iter().flat_map(|bucket| &bucket.tags);
        ways.filter(|tag| tag.get() != 0).count()
    };
    let entries = || {
        let entries = kernel.return_buckets().iter().flat_map(|bucket| &bucket.entries);
        entries.filter(|entry| entry.get() != 0).count()
    };
    let active = || (1..=MEMBERS).map(|id| kernel.member(id).active_flows.get());

    enter_all();
    for member in 1..=MEMBERS {
        let begun = kernel.member_traffic(member).new_flows;
        assert_eq!(begun, u64::from(CLIENTS_OF_ALL / MEMBERS), "member {member}");
    }
    assert_eq!(kernel.listener_traffic(1).new_flows, u64::from(CLIENTS_OF_ALL));
    assert_eq!(kernel.session_counts(1).created, u64::from(CLIENTS_OF_ALL));
    assert_eq!(kernel.session_count(), CLIENTS_OF_ALL as usize);
    let all = flows();
    assert_eq!(all, CLIENTS_OF_ALL as usize, "none made room for another");
    assert_eq!((active().sum::<u32>() as usize, entries()), (all, all));

    // The same packets again are of the flows that are there.
    enter_all();
    assert_eq!(kernel.reason(Reason::Forwarded), 2 * u64::from(CLIENTS_OF_ALL));
    assert_eq!(kernel.listener_traffic(1).new_flows, u64::from(CLIENTS_OF_ALL));
    assert_eq!(kernel.session_counts(1).created, u64::from(CLIENTS_OF_ALL));

    kernel.pass_time(31);
    kernel.run(CLIENTS, &syn(0));
    let all = flows();
    assert_eq!(sweep::flows(kernel.maps_mut()).ended_flows, all - 1);
    assert_eq!(sweep::sessions(kernel.maps_mut()), 0, "sessions last longer");
    let active = (1..=MEMBERS).map(|id| kernel.member(id).active_flows.get());
    assert_eq!(active.sum::<u32>(), 1);

    kernel.pass_time(1300);
    kernel.run(CLIENTS, &syn(0));
    assert_eq!(sweep::sessions(kernel.maps_mut()), CLIENTS_OF_ALL as usize - 1);
    assert_eq!(kernel.session_count(), 1);
}
