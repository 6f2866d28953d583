use super::*;

const POOL: PoolTag = PoolTag(1);
const OTHER_POOL: PoolTag = PoolTag(2);
const FIRST: MemberTag = MemberTag(11);
const SECOND: MemberTag = MemberTag(12);
const NOW_S: u32 = 1_800_000_000;
const LIMITS: Limits = Limits {
    idle_s: 60,
    absolute_s: Some(1_000),
};

fn table(capacity: usize) -> AppCookies {
    AppCookies::new(capacity).unwrap()
}

/// A table with so many sessions, each a second younger than the one before.
fn filled(capacity: usize, sessions: u32) -> AppCookies {
    let table = table(capacity);
    for number in 0..sessions {
        learn(&table, &number.to_le_bytes(), FIRST, NOW_S + number);
    }
    table
}

fn learn(table: &AppCookies, value: &[u8], member: MemberTag, now_s: u32) -> Learned {
    table.learn(POOL, value, member, LIMITS, now_s)
}

fn find(table: &AppCookies, value: &[u8], now_s: u32) -> Found {
    table.find(POOL, value, LIMITS, now_s)
}

fn session(member: MemberTag, created_s: u32, seen_s: u32) -> Session {
    Session {
        member,
        times: Times { created_s, seen_s },
    }
}

/// A whole round of the sweep, and what it told.
fn sweep(
    table: &AppCookies,
    now_s: u32,
    limits: impl Fn(PoolTag) -> Option<Limits>,
) -> Vec<(PoolTag, Ended)> {
    let (mut cursor, mut ended) = (Cursor::default(), Vec::new());
    while table.sweep(&mut cursor, now_s, &limits, |pool, end| ended.push((pool, end))) == Round::GoesOn {}
    ended
}

#[test]
fn a_learned_value_leads_to_its_member() {
    let table = table(10);
    assert_eq!(learn(&table, b"a", FIRST, NOW_S), Learned::Created);
    assert_eq!(
        find(&table, b"a", NOW_S + 5),
        Found::Held(session(FIRST, NOW_S, NOW_S))
    );
    assert_eq!(find(&table, b"b", NOW_S), Found::Absent);
}

#[test]
fn of_requests_that_begin_a_session_at_once_the_first_decides() {
    let table = table(10);
    let begin = |member, now_s| table.begin(POOL, b"a", member, LIMITS, now_s);
    assert_eq!(begin(FIRST, NOW_S), Ok(Learned::Created));
    assert_eq!(begin(FIRST, NOW_S), Ok(Learned::Same));
    assert_eq!(begin(SECOND, NOW_S), Err(FIRST));
    assert_eq!(begin(SECOND, NOW_S + 61), Ok(Learned::Restarted));
}

#[test]
fn a_value_means_nothing_in_another_pool() {
    let table = table(10);
    learn(&table, b"a", FIRST, NOW_S);
    assert_eq!(table.find(OTHER_POOL, b"a", LIMITS, NOW_S), Found::Absent);
}

#[test]
fn every_look_up_renews() {
    let table = table(10);
    learn(&table, b"a", FIRST, NOW_S);
    for turn in 1..10 {
        assert_eq!(
            find(&table, b"a", NOW_S + turn * 60),
            Found::Held(session(FIRST, NOW_S, NOW_S + (turn - 1) * 60))
        );
    }
}

#[test]
fn who_stayed_away_for_too_long_is_told_so_once() {
    let table = table(10);
    learn(&table, b"a", FIRST, NOW_S);
    assert_eq!(
        find(&table, b"a", NOW_S + 61),
        Found::Expired(session(FIRST, NOW_S, NOW_S))
    );
    assert_eq!(find(&table, b"a", NOW_S + 61), Found::Absent);
    assert!(table.is_empty());
}

#[test]
fn a_changed_duration_holds_at_once() {
    let table = table(10);
    learn(&table, b"a", FIRST, NOW_S);
    let longer = Limits {
        idle_s: 600,
        absolute_s: None,
    };
    assert!(matches!(
        table.find(POOL, b"a", longer, NOW_S + 600),
        Found::Held(_)
    ));
    assert!(matches!(find(&table, b"a", NOW_S + 661), Found::Expired(_)));
}

#[test]
fn a_session_that_moves_keeps_its_beginning() {
    let table = table(10);
    learn(&table, b"a", FIRST, NOW_S);
    assert_eq!(
        learn(&table, b"a", SECOND, NOW_S + 9),
        Learned::Moved { from: FIRST }
    );
    assert_eq!(learn(&table, b"a", SECOND, NOW_S + 10), Learned::Same);
    assert_eq!(
        find(&table, b"a", NOW_S + 10),
        Found::Held(session(SECOND, NOW_S, NOW_S + 10))
    );
}

#[test]
fn requests_that_move_a_session_at_once_agree_on_a_member() {
    let table = table(10);
    learn(&table, b"a", FIRST, NOW_S);
    let third = MemberTag(13);
    assert_eq!(table.move_on(POOL, b"a", FIRST, SECOND, NOW_S), Moved::Here);
    assert_eq!(
        table.move_on(POOL, b"a", FIRST, third, NOW_S),
        Moved::Already(SECOND)
    );
    assert_eq!(table.move_on(POOL, b"b", FIRST, third, NOW_S), Moved::Absent);
}

#[test]
fn a_value_that_is_set_again_after_its_end_begins_anew() {
    let table = table(10);
    learn(&table, b"a", FIRST, NOW_S);
    assert_eq!(learn(&table, b"a", SECOND, NOW_S + 61), Learned::Restarted);
    assert_eq!(
        find(&table, b"a", NOW_S + 62),
        Found::Held(session(SECOND, NOW_S + 61, NOW_S + 61))
    );
    assert_eq!(table.len(), 1);
}

#[test]
fn a_value_that_is_taken_back_is_forgotten() {
    let table = table(10);
    learn(&table, b"a", FIRST, NOW_S);
    assert_eq!(
        table.forget(POOL, b"a", NOW_S),
        Some(session(FIRST, NOW_S, NOW_S))
    );
    assert_eq!(table.forget(POOL, b"a", NOW_S), None);
    assert!(table.is_empty());
}

#[test]
fn a_full_table_lets_one_that_is_long_idle_go() {
    let table = filled(10, 10);
    find(&table, &0_u32.to_le_bytes(), NOW_S + 10);
    assert_eq!(
        table.learn(OTHER_POOL, b"new", FIRST, LIMITS, NOW_S + 11),
        Learned::CreatedFor { evicted: POOL }
    );
    assert_eq!(table.len(), 10);
    assert!(matches!(
        find(&table, &0_u32.to_le_bytes(), NOW_S + 11),
        Found::Held(_)
    ));
    assert_eq!(find(&table, &1_u32.to_le_bytes(), NOW_S + 11), Found::Absent);
}

#[test]
fn a_table_holds_as_many_as_it_is_made_for_before_one_goes() {
    for capacity in [1_u32, 2, 767, 768, 769, 5_000, 20_000] {
        let table = filled(capacity as usize, capacity);
        assert_eq!(table.len(), capacity as usize);
        assert_eq!(
            learn(&table, b"new", FIRST, NOW_S),
            Learned::CreatedFor { evicted: POOL }
        );
        assert_eq!(table.sessions().count(), capacity as usize);
    }
}

#[test]
fn the_sweep_tells_what_it_takes_and_why() {
    let table = table(5_000);
    for number in 0..3_000_u32 {
        let pool = PoolTag(u64::from(number % 3));
        let seen_s = NOW_S + number % 2 * 100;
        table.learn(pool, &number.to_le_bytes(), FIRST, LIMITS, seen_s);
    }
    let ended = sweep(&table, NOW_S + 110, |pool| (pool != PoolTag(0)).then_some(LIMITS));
    let count = |what| ended.iter().filter(|told| **told == what).count();
    assert_eq!(count((PoolTag(0), Ended::PoolGone)), 1_000);
    assert_eq!(count((PoolTag(1), Ended::Expired)), 500);
    assert_eq!(count((PoolTag(2), Ended::Expired)), 500);
    assert_eq!(ended.len(), 2_000);
    assert_eq!(table.len(), 1_000);
    let counts = table.count_by_pool();
    assert_eq!(
        (counts.len(), counts[&PoolTag(1)], counts[&PoolTag(2)]),
        (2, 500, 500)
    );
}

#[test]
fn a_session_of_a_clock_that_was_set_back_ends_nevertheless() {
    let table = table(10);
    learn(&table, b"a", FIRST, NOW_S + 1_000_000);
    assert_eq!(sweep(&table, NOW_S, |_| Some(LIMITS)), []);
    assert_eq!(
        sweep(&table, NOW_S + 61, |_| Some(LIMITS)),
        [(POOL, Ended::Expired)]
    );
}

#[test]
fn memory_is_given_back_after_a_flood() {
    let table = filled(20_000, 20_000);
    let full = table.memory_bytes();
    sweep(&table, u32::MAX, |_| Some(LIMITS));
    assert!(table.is_empty());
    assert!(table.memory_bytes() * 10 < full);
}

#[test]
fn a_session_takes_less_than_60_bytes_in_a_full_table_and_never_more_than_120() {
    let table = table(100_000);
    for number in 0..100_000_u32 {
        learn(&table, &number.to_le_bytes(), FIRST, NOW_S);
        let sessions = table.len();
        if sessions > 10_000 && sessions.is_multiple_of(5_000) {
            assert!(table.memory_bytes() < 120 * sessions, "with {sessions}");
        }
    }
    assert!(table.memory_bytes() < 60 * table.len());
}

#[test]
fn a_listed_session_can_be_forgotten_by_its_id() {
    let table = filled(2_000, 2_000);
    let listed = table.sessions().nth(1_234).unwrap();
    assert_eq!(table.forget_listed(PoolTag(listed.pool.0 + 1), listed.id), None);
    assert_eq!(table.forget_listed(listed.pool, listed.id), Some(listed));
    assert_eq!(table.forget_listed(listed.pool, listed.id), None);
    assert_eq!(table.len(), 1_999);
    assert!(!table.sessions().any(|session| session.id == listed.id));
}

#[test]
fn the_sessions_of_a_member_can_be_forgotten() {
    let table = filled(2_000, 1_000);
    learn(&table, b"other", SECOND, NOW_S);
    assert_eq!(table.forget_where(|listed| listed.session.member == FIRST), 1_000);
    assert_eq!(table.len(), 1);
    assert!(matches!(find(&table, b"other", NOW_S), Found::Held(_)));
}

#[test]
fn threads_that_learn_at_once_fill_the_table_and_no_more() {
    let table = table(3_000);
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let table = &table;
            scope.spawn(move || {
                for number in 0..2_000_u32 {
                    learn(
                        table,
                        &[thread, number / 2].map(u32::to_le_bytes).concat(),
                        FIRST,
                        NOW_S,
                    );
                }
            });
        }
    });
    assert_eq!(table.len(), 3_000);
    assert_eq!(table.sessions().count(), 3_000);
}

#[test]
fn no_value_gets_into_logs() {
    let table = table(10);
    learn(&table, b"secret", FIRST, NOW_S);
    assert_eq!(format!("{table:?}"), "AppCookies { capacity: 10, len: 1, .. }");
}
