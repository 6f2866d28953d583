use proptest::prelude::*;

use super::*;
use crate::persistence::{Limits, MemberTag, PoolTag, app_cookies::Found};

const POOL: PoolTag = PoolTag(1);
const NOW_S: u32 = 1_800_000_000;
const LIMITS: Limits = Limits {
    idle_s: 60,
    absolute_s: None,
};

fn filled(sessions: u32) -> AppCookies {
    let table = AppCookies::new(sessions as usize).unwrap();
    for number in 0..sessions {
        let member = MemberTag(number.into());
        table.learn(POOL, &number.to_le_bytes(), member, LIMITS, NOW_S);
    }
    table
}

fn snapshot(table: &AppCookies) -> Vec<u8> {
    let mut bytes = Vec::new();
    table.write_to(&mut bytes).unwrap();
    bytes
}

fn error(bytes: &[u8]) -> SnapshotError {
    AppCookies::read_from(100, bytes).expect_err("it is wrong")
}

#[test]
fn sessions_survive_a_restart() {
    let table = filled(5_000);
    let restored = AppCookies::read_from(5_000, snapshot(&table).as_slice()).unwrap();
    assert_eq!(restored.len(), 5_000);
    for number in 0..5_000_u32 {
        match restored.find(POOL, &number.to_le_bytes(), LIMITS, NOW_S + 60) {
            Found::Held(session) => assert_eq!(session.member, MemberTag(number.into())),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_time_of_the_restart_counts_as_idle() {
    let restored = AppCookies::read_from(10, snapshot(&filled(10)).as_slice()).unwrap();
    let found = restored.find(POOL, &1_u32.to_le_bytes(), LIMITS, NOW_S + 61);
    assert!(matches!(found, Found::Expired(_)));
}

#[test]
fn an_empty_table_has_a_snapshot_too() {
    let table = AppCookies::new(10).unwrap();
    assert!(
        AppCookies::read_from(10, snapshot(&table).as_slice())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_smaller_table_takes_what_it_has_room_for() {
    let restored = AppCookies::read_from(1_000, snapshot(&filled(5_000)).as_slice()).unwrap();
    assert_eq!(restored.len(), 1_000);
    assert_eq!(restored.sessions().count(), 1_000);
}

#[test]
fn a_snapshot_holds_no_value() {
    let table = AppCookies::new(10).unwrap();
    table.learn(POOL, b"JSESSIONID-of-someone", MemberTag(1), LIMITS, NOW_S);
    let bytes = snapshot(&table);
    assert!(!bytes.windows(8).any(|window| window == b"JSESSION"));
}

#[test]
fn what_is_no_snapshot_of_this_release_is_told_apart() {
    let bytes = snapshot(&filled(10));
    assert!(matches!(error(b"something else"), SnapshotError::NoSnapshot));
    assert!(matches!(error(b""), SnapshotError::CutOff));
    let mut later = bytes.clone();
    later[8] = 2;
    assert!(matches!(error(&later), SnapshotError::OtherVersion(2)));
    let mut long = bytes;
    long[44..48].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(error(&long), SnapshotError::LongRun(u32::MAX)));
}

#[test]
fn a_snapshot_that_is_cut_off_anywhere_is_refused() {
    let bytes = snapshot(&filled(5));
    for length in 0..bytes.len() {
        assert!(
            matches!(error(&bytes[..length]), SnapshotError::CutOff),
            "{length}"
        );
    }
}

#[test]
fn what_follows_a_snapshot_is_left_for_others() {
    let bytes = [snapshot(&filled(5)), b"more".to_vec()].concat();
    let mut reader = bytes.as_slice();
    AppCookies::read_from(10, &mut reader).unwrap();
    assert_eq!(reader, b"more");
}

proptest! {
    #[test]
    fn a_snapshot_that_was_changed_anywhere_is_refused(place: prop::sample::Index, flip in 1_u8..) {
        let mut bytes = snapshot(&filled(5));
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        prop_assert!(AppCookies::read_from(10, bytes.as_slice()).is_err());
    }

    #[test]
    fn no_garbage_is_a_snapshot(bytes: Vec<u8>) {
        prop_assert!(AppCookies::read_from(10, bytes.as_slice()).is_err());
        let headed = [&MAGIC[..], &VERSION.to_le_bytes(), &bytes].concat();
        prop_assert!(AppCookies::read_from(10, headed.as_slice()).is_err());
    }
}

#[test]
fn what_was_seen_last_of_two_tables_holds() {
    let table = filled(10);
    let next = AppCookies::read_from(20, snapshot(&table).as_slice()).unwrap();
    let value = |number: u32| number.to_le_bytes();
    // One goes on here and one there, and one is new there.
    next.learn(POOL, &value(1), MemberTag(101), LIMITS, NOW_S + 30);
    table.learn(POOL, &value(1), MemberTag(201), LIMITS, NOW_S + 20);
    table.learn(POOL, &value(2), MemberTag(202), LIMITS, NOW_S + 20);
    table.learn(POOL, &value(10), MemberTag(210), LIMITS, NOW_S + 20);
    next.merge_from(snapshot(&table).as_slice()).unwrap();
    assert_eq!(next.len(), 11);
    for (number, member) in [(0, 0), (1, 101), (2, 202), (10, 210)] {
        let session = next.look(POOL, &value(number)).unwrap();
        assert_eq!(session.member, MemberTag(member));
    }
}

#[test]
fn nothing_is_taken_from_a_damaged_snapshot_or_from_that_of_another_table() {
    let table = filled(10);
    let next = AppCookies::read_from(20, snapshot(&table).as_slice()).unwrap();
    table.learn(POOL, b"new", MemberTag(1), LIMITS, NOW_S);
    let mut damaged = snapshot(&table);
    *damaged.last_mut().unwrap() ^= 1;
    let refused = next.merge_from(damaged.as_slice()).unwrap_err();
    assert!(matches!(refused, SnapshotError::OtherChecksum), "{refused}");
    let refused = next.merge_from(snapshot(&filled(11)).as_slice()).unwrap_err();
    assert!(matches!(refused, SnapshotError::OtherTable), "{refused}");
    assert_eq!(next.len(), 10);
}
