//! CRC-32C, as RFC 4960 appendix B has it (the polynomial of Castagnoli, bits reflected).

const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut remainder = index as u32;
        let mut bit = 0;
        while bit < 8 {
            remainder = (remainder >> 1) ^ if remainder & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[index] = remainder;
        index += 1;
    }
    table
}

/// The checksum of all parts, one after the other.
pub(super) fn checksum(parts: &[&[u8]]) -> u32 {
    !parts.iter().copied().flatten().fold(u32::MAX, |sum, &byte| {
        let index = (sum ^ u32::from(byte)) & 0xff;
        (sum >> 8) ^ TABLE[index as usize]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_3720_add_up() {
        // RFC 3720 appendix B.4, whose bytes stand in the order of the wire.
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(checksum(&[&[0; 32]]), 0x8a91_36aa);
        assert_eq!(checksum(&[&[0xff; 32]]), 0x62a8_ab43);
        assert_eq!(checksum(&[&ascending]), 0x46dd_794e);
        assert_eq!(checksum(&[b"123456789"]), 0xe306_9283);
    }

    #[test]
    fn it_does_not_matter_where_parts_meet() {
        assert_eq!(checksum(&[b"1234", b"", b"56789"]), checksum(&[b"123456789"]));
        assert_eq!(checksum(&[]), 0);
    }
}
