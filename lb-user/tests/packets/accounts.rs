//! What the daemon counts and states itself, with the maps of the kernel.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use lb_common::checksum::Sum;
use lb_user::{
    bpf::{Datapath, Ended, Memory},
    config,
    health::Health,
    model::{Config, DataPlane, DatapathSettings},
    reconcile, sweep,
    views::{self, Census, MaybeMaps, Scene, SessionCounts, SessionEvents},
};

use crate::pins::directory;

/// The index of the loopback interface, the same in every network namespace.
pub(crate) const LOOPBACK: u32 = 1;

/// A datapath of this test's own, which ends with it.
pub(crate) fn load(settings: &DatapathSettings) -> Datapath {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let pins = directory(&format!("accounts-{number}"));
    let datapath = Datapath::load(settings, &pins).expect("a kernel that takes the programs");
    datapath.unpin().expect("its own directory");
    datapath
}

/// A UDP listener, and a pool that holds clients for a minute.
const CONFIG: &str = r#"
    [datapath]
    interfaces = ["lo"]
    [[load_balancer]]
    name = "balancer"
    vip = "192.0.2.1"
    listener = [{ name = "listener", protocol = "UDP", port = 53, pool = "pool" }]
    [[pool]]
    name = "pool"
    forwarding = "nat"
    session_persistence = { type = "SOURCE_IP", idle_timeout_min = 1 }
    member = [{ name = "one", address = "10.0.0.1", port = 8080 }]
"#;

/// [`CONFIG`], with the member where there is a way to from everywhere.
pub(crate) fn config() -> Config {
    let loaded = config::parse(CONFIG, "accounts.toml").expect("it is right");
    let mut config = loaded.config;
    Arc::make_mut(&mut config.pools[0]).members[0].address = [127, 0, 0, 1].into();
    config
}

/// A datagram of a client to the listener.
pub(crate) fn datagram(client: u8) -> Vec<u8> {
    datagram_from([203, 0, 113, client])
}

fn datagram_from(client: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![2, 0x42, 0, 0, 0, 9, 2, 0x43, 0, 0, 0, 1, 8, 0];
    frame.extend([0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0]);
    frame.extend(client);
    frame.extend([192, 0, 2, 1]);
    frame.extend([0x9c, client[3], 0, 53, 0, 8, 0, 0]);
    sum_header(&mut frame[14..34]);
    frame
}

/// Writes the checksum of an IPv4 header, where there is none yet.
pub(crate) fn sum_header(header: &mut [u8]) {
    let mut sum = Sum::zero();
    for word in header.chunks_exact(2) {
        sum.add_u16(u16::from_be_bytes([word[0], word[1]]));
    }
    header[10..12].copy_from_slice(&sum.checksum().to_be_bytes());
}

/// The counts of the pool's sessions.
fn sessions(datapath: &Datapath, config: &Config, ids: &reconcile::Ids) -> SessionCounts {
    let sight = MaybeMaps(Some(&datapath.maps));
    let scene = Scene {
        proxied: lb_user::proxy::Report::default(),
        look: lb_user::proxy::Look::default(),
        config,
        plane: DataPlane::Kernel,
        health: &Health::default(),
        ids,
        sight: &sight,
    };
    let status = views::status(&scene, &Census::of(&scene), &[], views::Doings::default());
    status.pools[0].sessions.expect("the pool has persistence")
}

#[test]
fn a_session_that_is_over_counts_as_expired_once_whoever_finds_it() {
    let mut datapath = load(&DatapathSettings {
        max_flows: 3072,
        max_sessions: 65_536,
        ..DatapathSettings::default()
    });
    let config = config();
    let ids = reconcile::apply(&mut datapath.maps, &config, &Health::default()).expect("there is room");
    let counts = |datapath: &Datapath| sessions(datapath, &config, &ids);
    for client in 1..=10 {
        datapath
            .test_run(LOOPBACK, &datagram(client))
            .expect("the kernel runs it");
    }
    let all = SessionCounts {
        now: 10,
        events: SessionEvents {
            created: 10,
            ..SessionEvents::default()
        },
        evicted: Some(0),
    };
    assert_eq!(counts(&datapath), all);
    assert_eq!(sweep::sessions(&mut datapath.maps), 0);
    assert_eq!(counts(&datapath), all);

    // A day later, with the flows swept. Three clients come back before the sessions are, and the sweep finds the rest.
    let settings = &datapath.maps.settings[0];
    settings.clock_offset_s.set(86_400);
    sweep::flows(&datapath.maps);
    for client in 1..=3 {
        datapath
            .test_run(LOOPBACK, &datagram(client))
            .expect("the kernel runs it");
    }
    let back = SessionCounts {
        now: 3,
        events: SessionEvents {
            created: 13,
            expired: 3,
            ..SessionEvents::default()
        },
        evicted: Some(0),
    };
    assert_eq!(counts(&datapath), back);
    assert_eq!(sweep::sessions(&mut datapath.maps), 7);
    let mut swept = back;
    swept.events.expired = 10;
    assert_eq!(counts(&datapath), swept);
    assert_eq!(sweep::sessions(&mut datapath.maps), 0);
    assert_eq!(counts(&datapath), swept);
}

/// The kernel does not say what it evicts. What was made, has not ended and is not there, was.
#[test]
fn sessions_that_the_kernel_let_go_for_others_are_found_out() {
    const CLIENTS: u32 = 90_000;
    let mut datapath = load(&DatapathSettings {
        max_flows: 3072,
        max_sessions: 65_536,
        ..DatapathSettings::default()
    });
    let config = config();
    let ids = reconcile::apply(&mut datapath.maps, &config, &Health::default()).expect("there is room");
    for client in 0..CLIENTS {
        let frame = datagram_from((0x0a00_0000 + client).to_be_bytes());
        datapath.test_run(LOOPBACK, &frame).expect("the kernel runs it");
    }
    // What somebody has dropped was not evicted.
    let dropped: Vec<_> = datapath.maps.sessions().take(10).map(|one| one.key).collect();
    for key in dropped {
        assert!(datapath.maps.end_session(&key, Ended::Dropped));
    }
    let evicted = |datapath: &Datapath| {
        let SessionCounts { now, events, evicted } = sessions(datapath, &config, &ids);
        (events.created - events.expired - 10 - now, evicted)
    };
    let (missing, _) = evicted(&datapath);
    assert!(missing > u64::from(CLIENTS) - 65_536 - 10, "{missing}");
    sweep::sessions(&mut datapath.maps);
    assert_eq!(evicted(&datapath), (missing, Some(missing)));
    // Nor was what has expired since; and what was found stays found.
    datapath.maps.settings[0].clock_offset_s.set(86_400);
    sweep::sessions(&mut datapath.maps);
    assert_eq!(evicted(&datapath), (missing, Some(missing)));
}

#[test]
fn sessions_of_many_batches_are_all_met_once() {
    const CLIENTS: u32 = 10_000;
    let mut datapath = load(&DatapathSettings {
        max_flows: 65_536,
        ..DatapathSettings::default()
    });
    let maps = &mut datapath.maps;
    reconcile::apply(maps, &config(), &Health::default()).expect("there is room");
    for client in 0..CLIENTS {
        let frame = datagram_from((0x0a00_0000 + client).to_be_bytes());
        datapath.test_run(LOOPBACK, &frame).expect("the kernel runs it");
    }
    let maps = &mut datapath.maps;
    let met: HashSet<_> = maps.sessions().map(|session| session.key).collect();
    assert_eq!(
        (met.len(), maps.sessions().count()),
        (CLIENTS as usize, CLIENTS as usize)
    );
    assert_eq!(sweep::sessions(maps), 0);
    maps.settings[0].clock_offset_s.set(86_400);
    assert_eq!(sweep::sessions(maps), CLIENTS as usize);
    assert_eq!(maps.sessions().count(), 0);
}

#[test]
fn the_memory_that_is_estimated_is_what_the_kernel_accounts_for() {
    for entries in [65_536, 200_000] {
        let settings = DatapathSettings {
            max_flows: entries,
            max_sessions: entries,
            ..DatapathSettings::default()
        };
        let datapath = load(&settings);
        let measured = datapath.memory.expect("the kernel says so");
        let estimated = Memory::estimated(&settings).expect("it can be computed");
        for ((part, measured), (_, estimated)) in measured.parts().zip(estimated.parts()) {
            // A hundredth, and what each map has beside its entries.
            let tolerance = measured / 100 + 32 * 1024;
            assert!(
                measured.abs_diff(estimated) <= tolerance,
                "{part}: {estimated} bytes for {measured}; {entries} entries"
            );
        }
    }
}
