use proptest::prelude::*;

use super::*;

const POOL: PoolTag = PoolTag(7);
const NOW_S: u32 = 1_800_000_000;
const LIMITS: Limits = Limits {
    idle_s: 1_200,
    absolute_s: None,
};

fn token(member: u64) -> Token {
    Token {
        member: MemberTag(member),
        times: Times::begin(NOW_S),
    }
}

fn seen(created_s: u32, seen_s: u32) -> Token {
    Token {
        member: MemberTag(1),
        times: Times { created_s, seen_s },
    }
}

fn ring() -> KeyRing {
    KeyRing::begin(NOW_S).unwrap()
}

fn sealed(ring: &KeyRing) -> Vec<u8> {
    seal(ring, POOL, &token(1)).unwrap().as_bytes().to_vec()
}

/// The cookie's bytes as they would be if `change` had been done to them.
fn rewritten(value: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = URL_SAFE_NO_PAD.decode(value).unwrap();
    change(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes).into_bytes()
}

#[test]
fn a_cookie_has_only_characters_that_a_cookie_may_have() {
    let value = seal(&ring(), POOL, &token(u64::MAX)).unwrap();
    assert_eq!(value.as_str().len(), LENGTH);
    let is_safe = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    assert!(value.as_str().chars().all(is_safe), "{}", value.as_str());
}

#[test]
fn two_cookies_of_one_token_differ() {
    let ring = ring();
    assert_ne!(sealed(&ring), sealed(&ring));
}

#[test]
fn a_cookie_of_another_pool_is_forged() {
    let ring = ring();
    assert_eq!(open(&ring, PoolTag(8), &sealed(&ring)), Err(Refused::Forged));
}

#[test]
fn a_cookie_of_another_cluster_has_an_unknown_key() {
    assert_eq!(open(&ring(), POOL, &sealed(&ring())), Err(Refused::UnknownKey));
}

#[test]
fn a_cookie_that_claims_another_key_of_the_ring_is_forged() {
    let mut ring = ring();
    let value = sealed(&ring);
    ring.rotate(NOW_S, 0).unwrap();
    let other = ring.keys()[0].id().to_be_bytes();
    let value = rewritten(&value, |bytes| bytes[1..5].copy_from_slice(&other));
    assert_eq!(open(&ring, POOL, &value), Err(Refused::Forged));
}

#[test]
fn a_cookie_of_a_later_version_is_told_from_garbage() {
    let ring = ring();
    let later = rewritten(&sealed(&ring), |bytes| {
        bytes[0] = 2;
        bytes.extend([0; 16]);
    });
    assert_eq!(open(&ring, POOL, &later), Err(Refused::UnknownVersion));
}

#[test]
fn a_cookie_with_something_at_its_end_is_malformed() {
    let ring = ring();
    let longer = rewritten(&sealed(&ring), |bytes| bytes.push(0));
    assert_eq!(open(&ring, POOL, &longer), Err(Refused::Malformed));
    let padded = [sealed(&ring), b"==".to_vec()].concat();
    assert_eq!(open(&ring, POOL, &padded), Err(Refused::Malformed));
}

#[test]
fn a_cookie_has_one_text_only() {
    let ring = ring();
    let value = sealed(&ring);
    // The last character has two bits that stand for nothing.
    for last in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
        let mut other = value.clone();
        other[LENGTH - 1] = *last;
        assert_eq!(open(&ring, POOL, &other).is_ok(), other == value);
    }
}

#[test]
fn nothing_opens_that_is_empty_or_huge() {
    let ring = ring();
    assert_eq!(open(&ring, POOL, b""), Err(Refused::Malformed));
    assert_eq!(open(&ring, POOL, &[b'A'; 8192]), Err(Refused::TooLong));
}

#[test]
fn a_cookie_opens_after_a_rotation_and_until_its_key_is_dropped() {
    let mut ring = ring();
    let value = sealed(&ring);
    ring.rotate(NOW_S + 10, 0).unwrap();
    assert_eq!(open(&ring, POOL, &value), Ok(token(1)));
    ring.prune(NOW_S + 10);
    assert_eq!(open(&ring, POOL, &value), Err(Refused::UnknownKey));
}

#[test]
fn a_new_key_seals_when_its_time_has_come() {
    let mut ring = ring();
    let old = ring.keys()[0].id();
    ring.rotate(NOW_S, 3_600).unwrap();
    let sealed_with = |at_s| {
        let value = seal(&ring, POOL, &seen(at_s, at_s)).unwrap();
        decode(value.as_bytes()).unwrap().key.get()
    };
    assert_eq!(sealed_with(NOW_S + 3_599), old);
    assert_eq!(sealed_with(NOW_S + 3_600), ring.keys()[0].id());
    assert_ne!(ring.keys()[0].id(), old);
}

#[test]
fn a_cookie_is_renewed_when_a_part_of_its_time_has_passed_and_not_before() {
    let limits = Limits {
        idle_s: 240,
        absolute_s: None,
    };
    let token = seen(NOW_S, NOW_S);
    assert_eq!(judge(&token, limits, NOW_S + 29), Ok(Renewal::NotYet));
    assert_eq!(judge(&token, limits, NOW_S + 30), Ok(Renewal::Due));
}

#[test]
fn a_client_that_came_just_before_its_renewal_has_its_whole_idle_time_still() {
    let last_request_s = NOW_S + renewal_interval_s(LIMITS.idle_s) - 1;
    let token = seen(NOW_S, NOW_S);
    assert_eq!(judge(&token, LIMITS, last_request_s), Ok(Renewal::NotYet));
    assert_eq!(
        judge(&token, LIMITS, last_request_s + LIMITS.idle_s),
        Ok(Renewal::Due)
    );
    assert_eq!(
        judge(&token, LIMITS, last_request_s + LIMITS.idle_s + 2),
        Err(Refused::Expired)
    );
}

#[test]
fn an_absolute_lifetime_ends_a_cookie_in_use() {
    let limits = Limits {
        absolute_s: Some(3_600),
        ..LIMITS
    };
    let token = seen(NOW_S, NOW_S + 3_590);
    assert_eq!(judge(&token, limits, NOW_S + 3_599), Ok(Renewal::NotYet));
    assert_eq!(judge(&token, limits, NOW_S + 3_600), Err(Refused::Expired));
}

#[test]
fn a_clock_somewhat_ahead_does_no_harm() {
    let token = seen(NOW_S + 300, NOW_S + 300);
    assert_eq!(judge(&token, LIMITS, NOW_S), Ok(Renewal::NotYet));
    assert_eq!(judge(&token, LIMITS, NOW_S - 1), Err(Refused::FromTheFuture));
    let begins_later = seen(NOW_S + 301, NOW_S);
    assert_eq!(judge(&begins_later, LIMITS, NOW_S), Err(Refused::FromTheFuture));
}

#[test]
fn every_reason_has_a_word_of_its_own() {
    let mut words: Vec<_> = Refused::ALL.iter().map(|reason| reason.word()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Refused::ALL.len());
}

#[test]
fn a_cookie_does_not_get_into_logs() {
    assert_eq!(
        format!("{:?}", seal(&ring(), POOL, &token(1)).unwrap()),
        "Sealed(..)"
    );
}

proptest! {
    #[test]
    fn what_was_sealed_opens_as_it_was(pool: u64, member: u64, created_s: u32, seen_s: u32) {
        let ring = ring();
        let token = Token { member: MemberTag(member), times: Times { created_s, seen_s } };
        let value = seal(&ring, PoolTag(pool), &token).unwrap();
        prop_assert_eq!(open(&ring, PoolTag(pool), value.as_bytes()), Ok(token));
    }

    /// Whatever the duration was when the cookie was renewed: see [`LONGEST_RENEWAL_S`].
    #[test]
    fn a_changed_duration_loses_no_client_that_is_busy(before_s in 60_u32..=86_400, after_s in prop_oneof![Just(60_u32), 60_u32..=86_400]) {
        let oldest = seen(NOW_S, NOW_S);
        let now_s = NOW_S + renewal_interval_s(before_s);
        let limits = Limits { idle_s: after_s, absolute_s: None };
        prop_assert!(judge(&oldest, limits, now_s).is_ok());
    }

    #[test]
    fn no_times_are_too_strange_to_be_judged(created_s: u32, seen_s: u32, idle_s: u32, absolute_s: Option<u32>, now_s: u32) {
        let _ = judge(&seen(created_s, seen_s), Limits { idle_s, absolute_s }, now_s);
    }
}
