//! Blocks and transactions as people read them. The bytes come from the block log, the receipts from the index.

use serde::Serialize;
use tally_contracts::due::DueRecord;
use tally_contracts::encoding;
use tally_contracts::transaction::Transaction;
use tally_contracts::types::{Hash, Height};
use tally_ledger::block::{Block, BlockId, Header};
use tally_ledger::certificate::CommitCertificate;
use utoipa::ToSchema;

use super::index::{self, Place, TransactionRow};
use super::operations::{ReceiptView, with_first};
use super::{Missing, QueryError, Snapshot};

/// A block with all that it led to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BlockView {
    /// Its height.
    pub height: Height,
    /// The hash of its header.
    pub block_id: BlockId,
    /// What was voted for.
    pub header: Header,
    /// The parent's commit certificate, which the block carries.
    pub last_commit: Option<CommitCertificate>,
    /// Work that fell due, in order.
    pub due: Vec<DueRecord>,
    /// The transactions with their receipts, in order.
    pub transactions: Vec<TransactionView>,
    /// The certificate that commits the block itself.
    pub certificate: CommitCertificate,
}

/// An executed transaction.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TransactionView {
    /// What it is known by.
    pub transaction_id: Hash,
    /// The block.
    pub height: Height,
    /// Its position in the block.
    pub position: u32,
    /// The block's time in ms since 1970.
    pub time_ms: u64,
    /// What was signed.
    pub transaction: Transaction,
    /// One for each operation, in order; with the operation's position in the block.
    pub receipts: Vec<PlacedReceipt>,
}

/// A receipt with where it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlacedReceipt {
    /// The operation's position in the block.
    pub index: u32,
    /// Its outcome. Of a transaction asked for by itself, a duplicate has the first receipt with it.
    #[serde(flatten)]
    pub receipt: ReceiptView,
}

/// An executed transaction, found by its id; its bytes are in the block.
pub struct Executed {
    /// Where its first operation stands.
    pub place: Place,
    /// Its position in the block.
    position: u32,
    id: Hash,
    receipts: Vec<ReceiptView>,
}

/// A block of the log, decoded.
pub struct StoredBlock {
    /// The block.
    pub block: Block,
    /// What commits it.
    pub certificate: CommitCertificate,
}

/// A whole block.
#[must_use]
pub fn block(snapshot: &Snapshot<'_>, stored: StoredBlock) -> BlockView {
    let StoredBlock { block, certificate } = stored;
    let height = block.header.height;
    let mut first = 0;
    let rows = index::transactions_at(snapshot.store, height);
    let view = |(bytes, row): (&Vec<u8>, TransactionRow)| {
        let TransactionRow { position, id, receipts, .. } = row;
        let place = Place { height, index: first };
        first += u32::try_from(receipts.len()).expect("a transaction's operations are bounded");
        let receipts = receipts.into_iter().map(|receipt| ReceiptView { receipt, first: None }).collect();
        view(&block, bytes, Executed { place, position, id, receipts })
    };
    let transactions = block.transactions.iter().zip(rows).map(view).collect();
    BlockView {
        height,
        block_id: block.header.id(),
        due: index::due_at(snapshot.store, height),
        transactions,
        certificate,
        header: block.header,
        last_commit: block.last_commit,
    }
}

/// An executed transaction by its id.
///
/// # Errors
/// [`QueryError::NotFound`].
pub fn executed(snapshot: &Snapshot<'_>, id: &Hash) -> Result<Executed, QueryError> {
    let place = index::place_of_transaction(snapshot.store, id);
    let place = place.ok_or(QueryError::NotFound(Missing::Transaction(*id)))?;
    let (row, _) = index::transaction_of(snapshot.store, place).expect("an indexed transaction has its row");
    let TransactionRow { position, id, receipts, .. } = row;
    Ok(Executed { place, position, id, receipts: with_first(snapshot, receipts) })
}

/// One transaction of a block.
#[must_use]
pub fn transaction(block: &Block, executed: Executed) -> TransactionView {
    view(block, &block.transactions[executed.position as usize], executed)
}

fn view(block: &Block, bytes: &[u8], executed: Executed) -> TransactionView {
    let Executed { place, position, id, receipts } = executed;
    let placed = |(receipt, index)| PlacedReceipt { index, receipt };
    TransactionView {
        transaction_id: id,
        height: place.height,
        position,
        time_ms: block.header.time_ms,
        transaction: encoding::decode_own(bytes),
        receipts: receipts.into_iter().zip(place.index..).map(placed).collect(),
    }
}
