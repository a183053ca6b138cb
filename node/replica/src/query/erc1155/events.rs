//! The movements of a block as events of ERC-1155: whatever raised or lowered a holding.
//!
//! Given from one member to another, points are transferred; what else comes into a holding is minted (from the zero
//! address), what else leaves it is burnt (to the zero address): also what a hold sets aside, which no longer counts as
//! the member's. Transfers of one atomic transaction between the same two members that follow each other are one
//! `TransferBatch`; what lapses meanwhile stands between no two of them. **Invariant**: the events up to a block sum up
//! to what is held after it, lapsed points included that no movement has taken off yet.

use std::sync::LazyLock;

use tally_contracts::points::{Reason, history};
use tally_contracts::types::{Address, ClassId, Hash, Height, MerchantId};

use super::abi::{self, Arguments, Value, Word, address_word, topic, uint_word};
use super::operator;
use crate::query::Snapshot;
use crate::query::index::{self, MovementsRow, TransactionRow};

/// From where points are minted, and where they go when they are burnt.
const NOBODY: Address = Address([0; 20]);
/// Topics of an event: its name, operator, from, to.
pub const TOPICS: usize = 4;
/// Movements of one holder that are read at once.
const PAGE: usize = 1_000;

static SINGLE: LazyLock<Word> = LazyLock::new(|| topic("TransferSingle(address,address,address,uint256,uint256)"));
static BATCH: LazyLock<Word> = LazyLock::new(|| topic("TransferBatch(address,address,address,uint256[],uint256[])"));

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its position among the events of its block.
    pub index: u32,
    /// The transaction that caused it; the block's own id where time did.
    pub transaction: Hash,
    /// That transaction's position: see [`transaction_hashes`].
    pub transaction_index: u32,
    /// The event's name, operator, from and to.
    pub topics: [Word; TOPICS],
    /// Id and value, or ids and values.
    pub data: Vec<u8>,
}

/// Which events are asked for: at each position one of some topics, or any.
#[derive(Clone, Debug, Default)]
pub struct TopicFilter(Vec<Option<Vec<Word>>>);

/// Events of a block that a filter takes.
#[derive(Clone, Debug)]
pub struct BlockLogs {
    /// The block.
    pub height: Height,
    /// Its id.
    pub block_id: Hash,
    /// How many movements it has: what was looked at.
    pub movements: usize,
    /// The events, in order.
    pub logs: Vec<Log>,
}

/// A movement, with what its key says.
struct Moved {
    holder: Address,
    class: ClassId,
    delta: i64,
    reason: Reason,
    operation: Option<u32>,
}

/// By whom and in what points were moved.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cause {
    operator: Address,
    transaction: Hash,
    transaction_index: u32,
    is_atomic: bool,
}

/// An event under way.
struct Transfer {
    cause: Cause,
    from: Address,
    to: Address,
    moved: Vec<(ClassId, u64)>,
}

impl TopicFilter {
    /// A filter; positions that are left out take any topic. None where it has more positions than an event has topics,
    /// for it would take nothing.
    #[must_use]
    pub fn new(positions: Vec<Option<Vec<Word>>>) -> Option<Self> {
        (positions.len() <= TOPICS).then_some(Self(positions))
    }

    /// Members one of whom is part of every event that it takes: where they are named, only blocks that moved their
    /// points need be looked at. None where anyone may be.
    #[must_use]
    pub fn members(&self) -> Option<Vec<Address>> {
        let named = |wanted: &Vec<Word>| {
            let members: Option<Vec<Address>> =
                wanted.iter().map(|word| Arguments::new(word).address(0).ok()).collect();
            members.filter(|members| !members.contains(&NOBODY))
        };
        self.0.iter().skip(2).flatten().filter_map(named).min_by_key(Vec::len)
    }

    fn takes(&self, log: &Log) -> bool {
        let takes = |(wanted, topic): (&Option<Vec<Word>>, &Word)| wanted.as_ref().is_none_or(|w| w.contains(topic));
        self.0.iter().zip(&log.topics).all(takes)
    }

    /// Whether holders may be in an event that it takes: where it names members, one of them must be among those.
    fn may_take(&self, row: &MovementsRow) -> bool {
        let is_met = |wanted: &Vec<Word>| {
            let is_holder = |word: &Word| row.owners.iter().any(|(holder, _)| address_word(holder) == *word);
            wanted.iter().any(|word| *word == address_word(&NOBODY) || is_holder(word))
        };
        self.0.iter().skip(2).flatten().all(is_met)
    }
}

/// The events that a filter takes in the first block from one height to another, both among them, that moved points at
/// all; none where no block did.
#[must_use]
pub fn next_block(snapshot: &Snapshot<'_>, (from, to): (Height, Height), filter: &TopicFilter) -> Option<BlockLogs> {
    let (height, row) = index::movements_from(snapshot.store, from, to)?;
    let (block_id, movements) = (row.block_id, row.owners.len());
    let mut logs = if filter.may_take(&row) { logs(snapshot, height, &row) } else { Vec::new() };
    logs.retain(|log| filter.takes(log));
    Some(BlockLogs { height, block_id, movements, logs })
}

/// Heights from one to another, both among them, at which a holder's points of a class moved, the latest first, and,
/// where more than a page of movements there is, the height up to which to go on.
#[must_use]
pub fn heights(
    snapshot: &Snapshot<'_>,
    owner: &(Address, ClassId),
    (from, to): (Height, Height),
) -> (Vec<Height>, Option<Height>) {
    let movements = history(snapshot.store, owner, (to, u32::MAX), PAGE);
    let is_full = movements.len() == PAGE;
    let all = movements.into_iter().map(|((height, _), _)| height);
    let mut heights: Vec<Height> = all.take_while(|height| *height >= from).collect();
    heights.dedup();
    // What is left of the last height is found with it.
    let next = heights.last().filter(|last| is_full && **last > from).map(|last| Height(last.0 - 1));
    (heights, next)
}

/// What a block's transactions are known by, in order. Work that fell due counts as a transaction that comes first,
/// under the block's own id.
#[must_use]
pub fn transaction_hashes(snapshot: &Snapshot<'_>, height: Height, block_id: Hash) -> Vec<Hash> {
    let due = has_due_work(snapshot, height).then_some(block_id);
    due.into_iter().chain(index::transactions_at(snapshot.store, height).into_iter().map(|row| row.id)).collect()
}

fn has_due_work(snapshot: &Snapshot<'_>, height: Height) -> bool {
    !index::due_at(snapshot.store, height).is_empty()
}

/// All events of a block.
fn logs(snapshot: &Snapshot<'_>, height: Height, row: &MovementsRow) -> Vec<Log> {
    let causes = Causes::of(snapshot, height, row.block_id);
    let mut transfers: Vec<Transfer> = Vec::new();
    let (mut giver, mut open) = (NOBODY, None);
    for moved in movements(snapshot, height, row) {
        let cause = causes.at(moved.operation);
        let value = (moved.class, moved.delta.unsigned_abs());
        match moved.reason {
            Reason::TransferredOut => giver = moved.holder,
            Reason::TransferredIn => {
                let (from, to) = (giver, moved.holder);
                let is_same =
                    |last: &&mut Transfer| cause.is_atomic && (last.cause, last.from, last.to) == (cause, from, to);
                match open.and_then(|at: usize| transfers.get_mut(at)).filter(is_same) {
                    Some(last) => last.moved.push(value),
                    None => {
                        open = Some(transfers.len());
                        transfers.push(Transfer { cause, from, to, moved: vec![value] });
                    }
                }
            }
            reason => {
                let (from, to) = if moved.delta > 0 { (NOBODY, moved.holder) } else { (moved.holder, NOBODY) };
                open = open.filter(|_| reason == Reason::Expired);
                transfers.push(Transfer { cause, from, to, moved: vec![value] });
            }
        }
    }
    transfers.iter().zip(0..).map(|(transfer, index)| transfer.log(index)).collect()
}

/// The movements of a block that changed a holding, in order.
fn movements<'a>(
    snapshot: &'a Snapshot<'_>,
    height: Height,
    row: &'a MovementsRow,
) -> impl Iterator<Item = Moved> + 'a {
    let read = move |((holder, class), index): (&(Address, ClassId), u32)| {
        let (_, movement) = history(snapshot.store, &(*holder, *class), (height, index), 1).pop()?;
        let (holder, class) = (*holder, *class);
        Some(Moved { holder, class, delta: movement.delta, reason: movement.reason, operation: movement.operation })
    };
    row.owners.iter().zip(0..).filter_map(read).filter(|moved| moved.delta != 0)
}

/// What can have moved points in a block.
struct Causes {
    /// Work that fell due.
    due: Cause,
    /// Transactions, each with the position of its first operation.
    transactions: Vec<(u32, Cause)>,
}

impl Causes {
    fn of(snapshot: &Snapshot<'_>, height: Height, block_id: Hash) -> Self {
        let due = Cause {
            operator: operator(MerchantId::POOL),
            transaction: block_id,
            transaction_index: 0,
            is_atomic: false,
        };
        let mut first = 0;
        let shift = u32::from(has_due_work(snapshot, height));
        let cause = |row: TransactionRow| {
            let cause = Cause {
                operator: operator(row.merchant),
                transaction: row.id,
                transaction_index: shift + row.position,
                is_atomic: row.is_atomic,
            };
            let placed = (first, cause);
            first += u32::try_from(row.receipts.len()).expect("a transaction's operations are bounded");
            placed
        };
        let transactions = index::transactions_at(snapshot.store, height).into_iter().map(cause).collect();
        Self { due, transactions }
    }

    /// What an operation, by its position in the block, belongs to.
    fn at(&self, operation: Option<u32>) -> Cause {
        let Some(operation) = operation else { return self.due };
        let after = self.transactions.partition_point(|(first, _)| *first <= operation);
        after.checked_sub(1).map_or(self.due, |at| self.transactions[at].1)
    }
}

impl Transfer {
    fn log(&self, index: u32) -> Log {
        let Cause { operator, transaction, transaction_index, .. } = self.cause;
        let (name, data) = match self.moved[..] {
            [(class, value)] => {
                let words = [uint_word(class.0.into()), uint_word(value)];
                (*SINGLE, abi::encode(&words.map(Value::Word)))
            }
            _ => {
                let ids: Vec<Word> = self.moved.iter().map(|(class, _)| uint_word(class.0.into())).collect();
                let values: Vec<Word> = self.moved.iter().map(|(_, value)| uint_word(*value)).collect();
                (*BATCH, abi::encode(&[Value::Words(&ids), Value::Words(&values)]))
            }
        };
        let topics = [name, address_word(&operator), address_word(&self.from), address_word(&self.to)];
        Log { index, transaction, transaction_index, topics, data }
    }
}
