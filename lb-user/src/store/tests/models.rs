//! Whatever is committed, a map would hold the same.

use proptest::{collection::vec, prelude::*};

use super::*;

#[derive(Clone, Copy, Debug)]
enum Wish {
    Absent,
    Current,
    Earlier,
    Any,
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(u128, Wish, Option<String>)>),
    OpenAgain,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wish = prop_oneof![
        2 => Just(Wish::Absent),
        4 => Just(Wish::Current),
        1 => Just(Wish::Earlier),
        6 => Just(Wish::Any),
    ];
    let value = prop_oneof![
        4 => "[0-9]{1,3}".prop_map(|digits| Some(format!("[\"{digits}\"]"))),
        1 => (0..9000_usize).prop_map(|length| Some(format!("\"{}\"", "v".repeat(length)))),
        2 => Just(None),
    ];
    let changes = vec((0..8_u128, wish, value), 0..4);
    vec(
        prop_oneof![6 => changes.prop_map(Step::Commit), 1 => Just(Step::OpenAgain)],
        1..25,
    )
}

/// Makes the change in the map, if the map is as is expected.
fn make(model: &mut Contents, change: &Change) -> bool {
    let found = model.records.get(&change.key).map(|record| record.revision);
    if !change.expected.is_met_by(found) {
        return false;
    }
    let revision = model.revision;
    match change.value.clone() {
        Some(value) => model.records.insert(change.key, Record { revision, value }),
        None => model.records.remove(&change.key),
    };
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_store_holds_what_a_map_would_also_when_it_is_opened_again(steps in steps()) {
        let disk = Disk::empty();
        let mut store = disk.store().unwrap();
        let mut model = Contents::default();
        for step in steps {
            match step {
                Step::OpenAgain => {
                    drop(store);
                    store = disk.store().unwrap();
                }
                Step::Commit(wishes) => {
                    let changes: Vec<_> = wishes.into_iter().map(|(number, wish, value)| {
                        let found = model.records.get(&key(number)).map_or(Revision(0), |record| record.revision);
                        let expected = match wish {
                            Wish::Absent => Expected::Absent,
                            Wish::Current => Expected::Revision(found),
                            Wish::Earlier => Expected::Revision(Revision(found.0.saturating_sub(1))),
                            Wish::Any => Expected::Any,
                        };
                        change(number, expected, value.as_deref())
                    }).collect();
                    let mut next = model.clone();
                    next.revision = model.revision.next();
                    let made = changes.iter().all(|change| make(&mut next, change));
                    prop_assert_eq!(store.commit(&changes).ok(), made.then_some(next.revision));
                    if made {
                        model = next;
                    }
                }
            }
            prop_assert_eq!(&store.load().unwrap(), &model);
            prop_assert_eq!(*store.watch().borrow(), model.revision);
        }
    }
}
