//! What things are called: their key, and what people say.

use super::{Listener, LoadBalancer, Member, Policy, Pool};

/// Something that has a key, and perhaps another name among people.
pub trait Titled {
    /// The key. It stays the same, whatever people call it.
    fn name(&self) -> &str;

    /// What people call it, where that is not the key. Others may be called so too.
    fn display_name(&self) -> Option<&str>;

    /// What it is called where people read it.
    fn title(&self) -> &str {
        self.display_name().unwrap_or_else(|| self.name())
    }
}

/// Has things titled by their fields `name` and `display_name`.
macro_rules! titled {
    ($($kind:ty),+) => {$(
        impl $crate::model::Titled for $kind {
            fn name(&self) -> &str {
                &self.name
            }

            fn display_name(&self) -> Option<&str> {
                self.display_name.as_deref().filter(|name| !name.is_empty())
            }
        }
    )+};
}

pub(crate) use titled;

titled!(LoadBalancer, Listener, Policy, Pool, Member);

/// The one of `all` that somebody means who says `wanted`: its key counts first, then what it is called, if no other is
/// called so too. Where several are, they are told apart in an error. `kinds` is what they are: `pools`.
pub fn meant<'t, T: Titled>(
    kinds: &str,
    all: impl Iterator<Item = &'t T> + Clone,
    wanted: &str,
) -> Result<Option<&'t T>, String> {
    if let Some(found) = all.clone().find(|one| one.name() == wanted) {
        return Ok(Some(found));
    }
    let called: Vec<&T> = all.filter(|one| one.display_name() == Some(wanted)).collect();
    match called[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => {
            let keys: Vec<&str> = called.iter().map(|one| one.name()).collect();
            Err(format!(
                "several {kinds} are called \"{wanted}\"; name one by its id: {}",
                keys.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, display_name: Option<&str>) -> Member {
        Member {
            name: name.into(),
            display_name: display_name.map(Into::into),
            address: "10.0.0.1".parse().unwrap(),
            port: None,
            weight: 1,
            admin_state_up: true,
            probe_address: None,
            probe_port: None,
        }
    }

    #[test]
    fn people_read_the_key_of_what_has_no_other_name() {
        assert_eq!(member("7f", Some("web")).title(), "web");
        assert_eq!(member("web", None).title(), "web");
        assert_eq!(member("7f", Some("")).title(), "7f");
    }

    #[test]
    fn the_key_of_one_counts_before_the_name_of_another() {
        let all = [
            member("a", Some("b")),
            member("b", Some("a")),
            member("c", Some("d")),
            member("e", Some("f")),
            member("g", Some("f")),
        ];
        let meant = |wanted| meant("members", all.iter(), wanted).map(|one| one.map(Titled::name));
        assert_eq!(meant("a"), Ok(Some("a")));
        assert_eq!(meant("d"), Ok(Some("c")));
        assert_eq!(meant("h"), Ok(None));
        assert_eq!(
            meant("f"),
            Err("several members are called \"f\"; name one by its id: e, g".into())
        );
    }
}
