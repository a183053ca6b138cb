//! CRC-32 and the repair of a single damaged byte.
//!
//! A CRC is linear: damage changes it by an amount, the syndrome, that depends on the damage alone. For each position at
//! most one change of the byte there explains a syndrome, and walking the register backwards from the end finds it in one
//! step a position. In long payloads some innocent position fits by chance too (about one in 17 million): a repair is a
//! candidate until the repaired payload checks out.

/// One byte that, set to `expected`, would make the check sum right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Position in the message, or past its end in the four bytes of the check sum itself.
    pub position: usize,
    /// What to XOR onto the byte.
    pub mask: u8,
}

/// Every single byte of `message` and its stored check sum whose change would make the two agree, by position.
#[must_use]
pub fn repairs(message: &[u8], stored: u32) -> Vec<Repair> {
    let syndrome = crc32fast::hash(message) ^ stored;
    if syndrome == 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (n, byte) in syndrome.to_le_bytes().into_iter().enumerate() {
        if u32::from(byte) << (8 * n) == syndrome {
            found.push(Repair { position: message.len() + n, mask: byte });
        }
    }
    let mut register = syndrome;
    for position in (0..message.len()).rev() {
        let mask = index_of(register);
        if TABLE[usize::from(mask)] == register {
            found.push(Repair { position, mask });
        }
        // The step over a byte that is undamaged, backwards: delta' = TABLE[delta & 255] ^ (delta >> 8).
        register = ((register ^ TABLE[usize::from(mask)]) << 8) | u32::from(mask);
    }
    found.sort_unstable_by_key(|repair| repair.position);
    found
}

/// The byte whose table entry has the register's top byte: each top byte occurs once in the table.
const fn index_of(register: u32) -> u8 {
    INDEX[(register >> 24) as usize]
}

const TABLE: [u32; 256] = table();
const INDEX: [u8; 256] = index();

/// The table of the reflected polynomial 0xEDB88320.
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut register = n as u32;
        let mut bit = 0;
        while bit < 8 {
            register = if register & 1 == 1 { (register >> 1) ^ 0xEDB8_8320 } else { register >> 1 };
            bit += 1;
        }
        table[n] = register;
        n += 1;
    }
    table
}

const fn index() -> [u8; 256] {
    let mut index = [0; 256];
    let mut n = 0;
    while n < 256 {
        index[(TABLE[n] >> 24) as usize] = n as u8;
        n += 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_damaged_byte_of_message_or_check_sum_is_found() {
        let message: Vec<u8> = (0_u32..300).map(|n| (n * 31 % 251) as u8).collect();
        let stored = crc32fast::hash(&message);
        assert!(repairs(&message, stored).is_empty(), "what is whole needs no repair");
        for position in 0..message.len() + 4 {
            for mask in [1, 0x80, 0xff, (position % 255) as u8 + 1] {
                let mut damaged = message.clone();
                let mut sum = stored.to_le_bytes();
                match damaged.get_mut(position) {
                    Some(byte) => *byte ^= mask,
                    None => sum[position - message.len()] ^= mask,
                }
                let found = repairs(&damaged, u32::from_le_bytes(sum));
                assert!(found.contains(&Repair { position, mask }), "byte {position} ^ {mask:#x}: {found:?}");
            }
        }
    }

    #[test]
    fn two_damaged_bytes_far_apart_have_no_single_repair() {
        let mut message = vec![7; 1000];
        let stored = crc32fast::hash(&message);
        message[1] ^= 1;
        message[990] ^= 1;
        assert!(repairs(&message, stored).is_empty());
    }
}
