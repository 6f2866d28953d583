//! Internet checksums (RFC 1071), kept right by the difference of what changed (RFC 1624).

/// A running sum of what a packet gained and lost, as ones' complement.
///
/// Words may be taken in any byte order as long as all are in the same one (RFC 1071 section 2B):
/// here they are as they stand on the wire.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sum(u64);

impl Sum {
    /// The sum of nothing.
    #[inline(always)]
    #[must_use]
    pub const fn zero() -> Self {
        Self(0)
    }

    /// Adds a 32-bit word as it stands on the wire.
    #[inline(always)]
    pub const fn add_word(&mut self, word: u32) {
        self.0 += word as u64;
    }

    /// Adds a 16-bit word given in the host's byte order.
    #[inline(always)]
    pub const fn add_u16(&mut self, value: u16) {
        self.0 += value.to_be() as u64;
    }

    /// Notes that a 32-bit word on the wire changed.
    #[inline(always)]
    pub const fn replace_word(&mut self, old: u32, new: u32) {
        self.0 += !old as u64 + new as u64;
    }

    /// Notes that a 16-bit field changed; values in the host's byte order.
    #[inline(always)]
    pub const fn replace_u16(&mut self, old: u16, new: u16) {
        self.0 += !old.to_be() as u64 + new.to_be() as u64;
    }

    /// The sum in sixteen bits, in the host's byte order.
    #[inline(always)]
    #[must_use]
    pub const fn folded(self) -> u16 {
        let mut sum = (self.0 >> 32) + (self.0 & 0xffff_ffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        u16::from_be(sum as u16)
    }

    /// The checksum of what was added.
    #[inline(always)]
    #[must_use]
    pub const fn checksum(self) -> u16 {
        !self.folded()
    }

    /// The checksum of a packet whose checksum was `old` before the noted changes (RFC 1624, equation 3).
    #[inline(always)]
    #[must_use]
    pub const fn applied_to(mut self, old: u16) -> u16 {
        self.add_u16(!old);
        self.checksum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checksum_of(bytes: &[u8]) -> u16 {
        let mut sum = Sum::zero();
        for pair in bytes.chunks(2) {
            sum.add_u16(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
        sum.checksum()
    }

    #[test]
    fn the_example_of_rfc_1071_adds_up() {
        // RFC 1071 section 3: the sum is ddf2, the checksum its complement.
        assert_eq!(
            checksum_of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            !0xddf2
        );
    }

    proptest! {
        #[test]
        fn an_updated_checksum_equals_one_made_anew(
            mut bytes in prop::collection::vec(any::<u8>(), 8..60),
            word: u32,
            half: u16,
        ) {
            bytes.truncate(bytes.len() & !1);
            let before = checksum_of(&bytes);
            let mut sum = Sum::zero();
            let old_word = u32::from_ne_bytes(bytes[0..4].try_into().unwrap());
            sum.replace_word(old_word, word);
            bytes[0..4].copy_from_slice(&word.to_ne_bytes());
            let old_half = u16::from_be_bytes(bytes[4..6].try_into().unwrap());
            sum.replace_u16(old_half, half);
            bytes[4..6].copy_from_slice(&half.to_be_bytes());
            let (updated, anew) = (sum.applied_to(before), checksum_of(&bytes));
            // Both zeros of ones' complement mean the same.
            prop_assert!(updated == anew || (updated | anew == 0xffff && updated & anew == 0));
        }
    }
}
