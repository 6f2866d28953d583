//! Numbers used once. The documentation of [`super`] says why in blocks.

use std::sync::{Mutex, PoisonError};

use ring::rand::{SecureRandom as _, SystemRandom};

/// How many nonces in a row follow from a random one.
const BLOCK: u32 = 1 << 16;

#[derive(Default, Debug)]
pub(super) struct Nonces(Mutex<Block>);

#[derive(Default, Debug)]
struct Block {
    next: u128,
    left: u32,
}

impl Nonces {
    /// `None`: the system has no random numbers.
    pub(super) fn next(&self) -> Option<[u8; 12]> {
        let mut block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if block.left == 0 {
            let mut random = [0; 16];
            SystemRandom::new().fill(&mut random).ok()?;
            *block = Block {
                next: u128::from_be_bytes(random),
                left: BLOCK,
            };
        }
        block.left -= 1;
        block.next = block.next.wrapping_add(1);
        // The lower 96 bits.
        block.next.to_be_bytes().last_chunk().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_nonce_comes_twice() {
        let nonces = Nonces::default();
        let many = 3 * BLOCK as usize;
        let different: HashSet<_> = (0..many).map(|_| nonces.next().unwrap()).collect();
        assert_eq!(different.len(), many);
    }

    #[test]
    fn two_rings_begin_at_different_places() {
        assert_ne!(Nonces::default().next(), Nonces::default().next());
    }
}
