//! The leaves of the transparency log. Per block, in order: due-work records, each transaction with its receipts, and one
//! header leaf that closes the block.

use serde::Serialize;
use tally_contracts::due::DueRecord;
use tally_contracts::receipt::Receipt;
use tally_contracts::transaction::{LEAF_OVERHEAD_BYTES, MAX_LEAF_BYTES};
use tally_contracts::types::Height;
use wincode::{SchemaRead, SchemaWrite};

use crate::block::Header;

/// One entry of the log; at most [`MAX_LEAF_BYTES`] encoded.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize)]
pub enum Leaf {
    /// Work that fell due by block time.
    #[wincode(tag = 1)]
    Due {
        /// The block it ran in.
        height: Height,
        /// What was done.
        record: DueRecord,
    },
    /// An executed transaction.
    #[wincode(tag = 2)]
    Transaction {
        /// The block it stands in.
        height: Height,
        /// Its position in the block.
        index: u32,
        /// Its canonical bytes.
        bytes: Vec<u8>,
        /// One for each of its operations, in order.
        receipts: Vec<Receipt>,
    },
    /// The end of a block. What the block led to stands in the next block's header.
    #[wincode(tag = 3)]
    Header(Header),
}

const _: () = assert!(LEAF_OVERHEAD_BYTES >= 4 + 8 + 4 + 8 + 8 && LEAF_OVERHEAD_BYTES < MAX_LEAF_BYTES);
