//! Which members there is no way to. Only pools are looked at again of which something has changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use crate::model::{Changed, Config, Pool};

/// Of more pools at a time, all are looked at: each is looked for by its name.
const FEW: usize = 64;

/// Which members there is no way to.
#[derive(Debug, Default)]
pub(super) struct Unreached {
    /// By pool.
    members: BTreeMap<String, Vec<String>>,
    touched: Touched,
}

/// The pools whose members may stand otherwise.
#[derive(Debug)]
enum Touched {
    All,
    These(BTreeSet<String>),
}

impl Default for Touched {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl Unreached {
    /// All of it may have changed.
    pub(super) fn note_all(&mut self) {
        self.touched = Touched::All;
    }

    /// Something of these pools may have changed.
    pub(super) fn note<'p>(&mut self, pools: impl IntoIterator<Item = &'p String>) {
        if let Touched::These(touched) = &mut self.touched {
            touched.extend(pools.into_iter().cloned());
            if touched.len() > FEW {
                self.touched = Touched::All;
            }
        }
    }

    /// A configuration has changed so.
    pub(super) fn note_change(&mut self, changed: &Changed<'_>) {
        let pools = changed.datapath_pools();
        let pools = pools.before.into_iter().chain(pools.after);
        self.note(pools.map(|pool| &pool.name));
    }

    /// Looks at the members of which something may have changed.
    pub(super) fn look(&mut self, config: &Config, is_unreached: impl Fn(&str, &str) -> bool) {
        let members = &mut self.members;
        let look_at = |members: &mut BTreeMap<String, Vec<String>>, pool: &Pool| {
            let on = pool.members.iter().filter(|member| member.admin_state_up);
            let unreached = on.filter(|member| is_unreached(&pool.name, &member.name));
            let unreached: Vec<String> = unreached.map(|member| member.name.clone()).collect();
            if !unreached.is_empty() {
                members.insert(pool.name.clone(), unreached);
            }
        };
        match mem::take(&mut self.touched) {
            Touched::All => {
                members.clear();
                for pool in config.datapath_pools() {
                    look_at(members, pool);
                }
            }
            Touched::These(touched) => {
                for name in touched {
                    members.remove(&name);
                    if let Some(pool) = config.pool(&name) {
                        look_at(members, pool);
                    }
                }
            }
        }
    }

    /// All that were found: their pools and names.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().flat_map(|(pool, members)| {
            let members = members.iter();
            members.map(move |member| (pool.as_str(), member.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(names: &[&str]) -> Config {
        let pool = |name: &&str| {
            format!(
                "[[pool]]\nname = \"{name}\"\nmember = [{{ name = \"m\", address = \"10.0.0.1\", port = 80 }}]\n"
            )
        };
        let text: String = names.iter().map(pool).collect();
        crate::config::parse(&text, "unreached.toml").unwrap().config
    }

    fn found(unreached: &Unreached) -> Vec<&str> {
        unreached.all().map(|(pool, _)| pool).collect()
    }

    #[test]
    fn a_pool_is_looked_at_where_something_has_changed_and_forgotten_where_it_is_gone() {
        let (mut unreached, before) = (Unreached::default(), config(&["a", "b", "c"]));
        unreached.note_all();
        unreached.look(&before, |pool, _| pool != "b");
        assert_eq!(found(&unreached), ["a", "c"]);
        // Nobody says that anything has changed.
        unreached.look(&before, |_, _| panic!("it is looked at"));
        unreached.note([&"b".to_owned()]);
        unreached.look(&before, |pool, _| {
            assert_eq!(pool, "b");
            true
        });
        assert_eq!(found(&unreached), ["a", "b", "c"]);
        let after = config(&["b", "c"]);
        unreached.note_change(&Changed::between(&before, &after));
        unreached.look(&after, |_, _| true);
        assert_eq!(found(&unreached), ["b", "c"]);
        unreached.note_all();
        unreached.look(&config(&["c"]), |_, _| true);
        assert_eq!(found(&unreached), ["c"]);
    }
}
