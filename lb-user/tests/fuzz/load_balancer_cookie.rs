//! No value of a load balancer cookie opens but one that was sealed with a key of the ring for this pool.

use std::sync::LazyLock;

use bolero::check;
use lb_user::persistence::{
    KeyRing, MemberTag, PoolTag, Refused, Session, Times,
    token::{LENGTH, open, seal},
};

const NOW_S: u32 = 1_800_000_000;
const POOL: PoolTag = PoolTag(7);

/// A ring with several keys.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let mut ring = KeyRing::begin(NOW_S - 100).unwrap();
    ring.rotate(NOW_S - 50, 0).unwrap();
    ring.rotate(NOW_S, 3_600).unwrap();
    ring
});

fn sealed(ring: &KeyRing, pool: PoolTag) -> Vec<u8> {
    let token = Session {
        member: MemberTag(1),
        times: Times::begin(NOW_S),
    };
    seal(ring, pool, &token).unwrap().as_bytes().to_vec()
}

#[test]
fn no_made_up_value_opens() {
    check!().for_each(|value: &[u8]| {
        assert!(open(&RING, POOL, value).is_err());
    });
}

#[test]
fn no_made_up_value_opens_that_begins_as_ours_do() {
    check!().for_each(|rest: &[u8]| {
        // Version and key.
        let mut value = sealed(&RING, POOL)[..6].to_vec();
        value.extend(rest.iter().map(|byte| alphabet(*byte)));
        assert!(open(&RING, POOL, &value).is_err());
    });
}

#[test]
fn no_value_opens_that_was_changed_anywhere() {
    check!().with_type::<Vec<(u8, u8)>>().for_each(|changes| {
        let value = sealed(&RING, POOL);
        let mut changed = value.clone();
        for (place, byte) in changes {
            changed[usize::from(*place) % LENGTH] = alphabet(*byte);
        }
        assert_eq!(open(&RING, POOL, &changed).is_ok(), changed == value);
    });
}

#[test]
fn no_value_opens_that_was_cut_off_or_continued() {
    check!().with_type::<(u8, Vec<u8>)>().for_each(|(length, more)| {
        let value = sealed(&RING, POOL);
        assert!(open(&RING, POOL, &value[..usize::from(*length) % LENGTH]).is_err());
        let more: Vec<u8> = more.iter().map(|byte| alphabet(*byte)).collect();
        let continued = [value, more.clone()].concat();
        assert_eq!(open(&RING, POOL, &continued).is_ok(), more.is_empty());
    });
}

#[test]
fn no_value_of_another_pool_or_another_cluster_opens() {
    let other_ring = KeyRing::begin(NOW_S).unwrap();
    check!().with_type::<u64>().for_each(|pool| {
        let pool = PoolTag(*pool);
        if pool != POOL {
            assert_eq!(open(&RING, POOL, &sealed(&RING, pool)), Err(Refused::Forged));
        }
        assert_eq!(
            open(&RING, pool, &sealed(&other_ring, pool)),
            Err(Refused::UnknownKey)
        );
    });
}

#[test]
fn a_header_full_of_nonsense_is_refused_at_once() {
    check!().with_type::<u8>().for_each(|byte| {
        assert_eq!(open(&RING, POOL, &[*byte; 8192]), Err(Refused::TooLong));
    });
}

fn alphabet(byte: u8) -> u8 {
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[usize::from(byte % 64)]
}
