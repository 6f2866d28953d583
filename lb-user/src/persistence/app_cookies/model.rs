//! The table against a plain map, over random histories.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const NOW_S: u32 = 1_800_000_000;

#[derive(Clone, Debug)]
enum Step {
    Find(u8, u8),
    Learn(u8, u8, u8),
    MoveOn(u8, u8, u8, u8),
    Forget(u8, u8),
    /// The first that is listed, if there is one.
    ForgetListed,
    Sweep,
    Restart,
    Wait(u32),
    SetIdle(u32),
    SetAbsolute(Option<u32>),
    RemovePool(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let (pool, value, member) = (0_u8..3, 0_u8..40, 0_u8..4);
    prop_oneof![
        8 => (pool.clone(), value.clone()).prop_map(|(pool, value)| Step::Find(pool, value)),
        8 => (pool.clone(), value.clone(), member.clone()).prop_map(|(pool, value, member)| Step::Learn(pool, value, member)),
        3 => (pool.clone(), value.clone(), member.clone(), member)
            .prop_map(|(pool, value, from, to)| Step::MoveOn(pool, value, from, to)),
        2 => (pool.clone(), value).prop_map(|(pool, value)| Step::Forget(pool, value)),
        1 => Just(Step::ForgetListed),
        1 => Just(Step::Sweep),
        1 => Just(Step::Restart),
        3 => (0_u32..50).prop_map(Step::Wait),
        1 => (60_u32..200).prop_map(Step::SetIdle),
        1 => prop::option::of(60_u32..400).prop_map(Step::SetAbsolute),
        1 => pool.prop_map(Step::RemovePool),
    ]
}

/// What the table should do, without a bound.
struct Model {
    table: AppCookies,
    sessions: HashMap<(PoolTag, u8), Session>,
    limits: Limits,
    now_s: u32,
}

impl Model {
    fn new() -> Self {
        Self {
            table: AppCookies::new(1_000).unwrap(),
            sessions: HashMap::new(),
            limits: Limits {
                idle_s: 60,
                absolute_s: None,
            },
            now_s: NOW_S,
        }
    }

    fn is_over(&self, session: Session) -> bool {
        self.limits.are_passed(session.times, self.now_s)
    }

    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Find(pool, value) => self.find(PoolTag(pool.into()), value)?,
            Step::Learn(pool, value, member) => {
                self.learn(PoolTag(pool.into()), value, MemberTag(member.into()))?;
            }
            Step::MoveOn(pool, value, from, to) => {
                let [from, to] = [from, to].map(|member| MemberTag(member.into()));
                self.move_on(PoolTag(pool.into()), value, from, to)?;
            }
            Step::Forget(pool, value) => {
                let pool = PoolTag(pool.into());
                let forgotten = self.table.forget(pool, &[value], self.now_s);
                prop_assert_eq!(forgotten, self.sessions.remove(&(pool, value)));
            }
            Step::ForgetListed => self.forget_listed(),
            Step::Sweep => self.sweep(None)?,
            Step::RemovePool(pool) => self.sweep(Some(PoolTag(pool.into())))?,
            Step::Restart => {
                let mut snapshot = Vec::new();
                self.table.write_to(&mut snapshot).unwrap();
                self.table = AppCookies::read_from(1_000, snapshot.as_slice()).unwrap();
            }
            Step::Wait(seconds) => self.now_s += seconds,
            Step::SetIdle(idle_s) => self.limits.idle_s = idle_s,
            Step::SetAbsolute(absolute_s) => self.limits.absolute_s = absolute_s,
        }
        self.compare()
    }

    fn find(&mut self, pool: PoolTag, value: u8) -> Result<(), TestCaseError> {
        let expected = match self.sessions.get(&(pool, value)).copied() {
            None => Found::Absent,
            Some(session) if self.is_over(session) => {
                self.sessions.remove(&(pool, value));
                Found::Expired(session)
            }
            Some(session) => Found::Held(session),
        };
        if let Some(session) = self.sessions.get_mut(&(pool, value)) {
            session.times.seen_s = self.now_s;
        }
        let found = self.table.find(pool, &[value], self.limits, self.now_s);
        prop_assert_eq!(found, expected);
        Ok(())
    }

    fn learn(&mut self, pool: PoolTag, value: u8, member: MemberTag) -> Result<(), TestCaseError> {
        let mut times = Times::begin(self.now_s);
        let expected = match self.sessions.get(&(pool, value)).copied() {
            None => Learned::Created,
            Some(session) if self.is_over(session) => Learned::Restarted,
            Some(session) => {
                times.created_s = session.times.created_s;
                if session.member == member {
                    Learned::Same
                } else {
                    Learned::Moved { from: session.member }
                }
            }
        };
        self.sessions.insert((pool, value), Session { member, times });
        let learned = self.table.learn(pool, &[value], member, self.limits, self.now_s);
        prop_assert_eq!(learned, expected);
        Ok(())
    }

    fn move_on(
        &mut self,
        pool: PoolTag,
        value: u8,
        from: MemberTag,
        to: MemberTag,
    ) -> Result<(), TestCaseError> {
        let expected = match self.sessions.get_mut(&(pool, value)) {
            None => Moved::Absent,
            Some(session) => {
                session.times.seen_s = self.now_s;
                if session.member == from {
                    session.member = to;
                    Moved::Here
                } else {
                    Moved::Already(session.member)
                }
            }
        };
        let moved = self.table.move_on(pool, &[value], from, to, self.now_s);
        prop_assert_eq!(moved, expected);
        Ok(())
    }

    fn forget_listed(&mut self) {
        let Some(listed) = self.table.sessions().next() else {
            return;
        };
        let gone = self.table.forget_listed(listed.pool, listed.id);
        assert_eq!(gone, Some(listed));
        self.sessions
            .retain(|(pool, value), _| self.table.fingerprint(*pool, &[*value]).id != listed.id);
    }

    fn sweep(&mut self, removed: Option<PoolTag>) -> Result<(), TestCaseError> {
        let (limits, now_s) = (self.limits, self.now_s);
        let limits_of = |pool| (Some(pool) != removed).then_some(limits);
        let (mut cursor, mut ended) = (Cursor::default(), 0);
        while self.table.sweep(&mut cursor, now_s, limits_of, |_, _| ended += 1) == Round::GoesOn {}
        let had = self.sessions.len();
        self.sessions.retain(|(pool, _), session| {
            limits_of(*pool).is_some_and(|limits| !limits.are_passed(session.times, now_s))
        });
        prop_assert_eq!(ended, had - self.sessions.len());
        Ok(())
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.table.len(), self.sessions.len());
        let listed: HashMap<_, _> = self
            .table
            .sessions()
            .map(|listed| (listed.id, (listed.pool, listed.session)))
            .collect();
        prop_assert_eq!(listed.len(), self.sessions.len());
        for ((pool, value), session) in &self.sessions {
            let id = self.table.fingerprint(*pool, &[*value]).id;
            prop_assert_eq!(listed.get(&id), Some(&(*pool, *session)));
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn the_table_does_what_a_map_would(steps in prop::collection::vec(step(), 1..200)) {
        let mut model = Model::new();
        for step in &steps {
            model.run(step)?;
        }
    }

    #[test]
    fn a_table_that_is_full_never_holds_more_nor_loses_count(
        capacity in 1_usize..20,
        values in prop::collection::vec(0_u8..60, 1..300),
    ) {
        let limits = Limits { idle_s: 60, absolute_s: None };
        let table = AppCookies::new(capacity).unwrap();
        for (number, value) in (0..).zip(&values) {
            let had = table.len();
            let learned = table.learn(PoolTag(1), &[*value], MemberTag(1), limits, NOW_S + number / 20);
            let grown = usize::from(learned == Learned::Created);
            prop_assert_eq!(table.len(), had + grown);
            let evicted = learned == Learned::CreatedFor { evicted: PoolTag(1) };
            prop_assert!(!evicted || had == capacity);
            prop_assert!(matches!(table.find(PoolTag(1), &[*value], limits, NOW_S + number / 20), Found::Held(_)));
        }
        prop_assert!(table.len() <= capacity);
        prop_assert_eq!(table.sessions().count(), table.len());
    }
}
