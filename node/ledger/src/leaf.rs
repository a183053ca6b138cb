//! The leaves of the transparency log. Per block, in order: due-work records, each transaction with its receipts, and one
//! header leaf that closes the block.

use tally_contracts::due::DueRecord;
use tally_contracts::encoding;
use tally_contracts::receipt::Receipt;
use tally_contracts::types::Height;
use wincode::{SchemaRead, SchemaWrite};

use crate::block::Header;

/// One entry of the log; at most [`MAX_LEAF_BYTES`](tally_contracts::transaction::MAX_LEAF_BYTES) encoded. It is made to be
/// hashed, so it borrows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite)]
pub enum Leaf<'a> {
    /// Work that fell due by block time.
    #[wincode(tag = 1)]
    Due {
        /// The block it ran in.
        height: Height,
        /// What was done.
        record: &'a DueRecord,
    },
    /// An executed transaction.
    #[wincode(tag = 2)]
    Transaction {
        /// The block it stands in.
        height: Height,
        /// Its position in the block.
        index: u32,
        /// Its canonical bytes.
        bytes: &'a [u8],
        /// One for each of its operations, in order.
        receipts: &'a [Receipt],
    },
    /// The end of a block. What the block led to stands in the next block's header.
    #[wincode(tag = 3)]
    Header(&'a Header),
}

/// A leaf of a transaction, read back.
#[derive(Clone, Debug, PartialEq, Eq, SchemaRead)]
pub struct LoggedTransaction {
    /// The block it stands in.
    pub height: Height,
    /// Its position in the block.
    pub index: u32,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
    /// One for each of its operations, in order.
    pub receipts: Vec<Receipt>,
}

/// The tag of a transaction's leaf.
const TRANSACTION: [u8; 4] = 2_u32.to_le_bytes();

impl LoggedTransaction {
    /// Reads a leaf; none where it is not one of a transaction.
    #[must_use]
    pub fn read(leaf: &[u8]) -> Option<Self> {
        encoding::decode(leaf.strip_prefix(&TRANSACTION)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use tally_contracts::encoding::encode;
    use tally_contracts::rejection::Rejection;
    use tally_contracts::transaction::LEAF_OVERHEAD_BYTES;

    use tally_contracts::types::Reference;

    use super::*;

    #[test]
    fn a_leaf_of_a_transaction_is_read_back() {
        let receipts = vec![Receipt::rejected(Reference::new(7, 7), Rejection::UnknownClass)];
        let leaf = encode(&Leaf::Transaction { height: Height(5), index: 3, bytes: &[1, 2], receipts: &receipts });
        let read = LoggedTransaction { height: Height(5), index: 3, bytes: vec![1, 2], receipts };
        assert_eq!(LoggedTransaction::read(&leaf), Some(read));
        assert_eq!(LoggedTransaction::read(&leaf[..leaf.len() - 1]), None);
        let due = encode(&Leaf::Due { height: Height(5), record: &DueRecord::Swept { holdings: 1 } });
        assert_eq!(LoggedTransaction::read(&due), None);
    }

    #[test]
    fn a_leaf_adds_what_the_bound_on_a_transaction_counts() {
        let empty = Leaf::Transaction { height: Height(1), index: 0, bytes: &[], receipts: &[] };
        assert_eq!(encode(&empty).len(), LEAF_OVERHEAD_BYTES);
    }
}
