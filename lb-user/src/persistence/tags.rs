//! What pools and members are called where ids do not reach: in cookies, in snapshots, on other nodes.

use std::net::SocketAddr;

use ring::digest::{Context, SHA256};

/// A pool, by the hash of what it is called; the same on every node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PoolTag(pub u64);

/// A member, by the hash of what makes it this one and no other; the same on every node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MemberTag(pub u64);

impl PoolTag {
    /// The tag of the pool of that name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(hash("pool", name))
    }
}

impl MemberTag {
    /// The tag of the member at that address.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self::of(&address.to_string())
    }

    /// The tag of the member with that identity.
    #[must_use]
    pub fn of(identity: &str) -> Self {
        Self(hash("member", identity))
    }
}

fn hash(kind: &str, name: &str) -> u64 {
    let mut context = Context::new(&SHA256);
    context.update(kind.as_bytes());
    context.update(b"\0");
    context.update(name.as_bytes());
    let digest = context.finish();
    let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cookies of other nodes, and of the release before, hold these.
    #[test]
    fn a_tag_is_the_same_on_every_node_and_in_every_release() {
        assert_eq!(PoolTag::of("web"), PoolTag(0x59c3_591b_ea92_4027));
        assert_eq!(MemberTag::of("web/10.0.0.1:80"), MemberTag(0xa3bd_b8fe_cec5_dbf5));
    }

    #[test]
    fn a_pool_and_a_member_of_one_name_have_different_tags() {
        assert_ne!(PoolTag::of("a").0, MemberTag::of("a").0);
    }
}
