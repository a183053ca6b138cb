//! When to propose, and what.
//!
//! A block is made as soon as there is something for it: a transaction waits, or work has fallen due. Otherwise the
//! proposer lets `idle_block_ms` pass, so that an idle alliance is quiet yet seen to be alive. After a busy block it waits a
//! moment for more ([`pace`]).

use std::time::{Duration, Instant};

use bytes::Bytes;
use tally_contracts::due::due_at_ms;
use tally_contracts::genesis::Clock;
use tally_contracts::types::MerchantId;
use tally_ledger::block::MAX_BLOCK_BYTES;
use tally_ledger::chain::Proposal;

use crate::clock::now_ms;
use crate::mempool::Mempool;
use crate::pace::{self, Usual};
use crate::replica::Replica;

/// Room for the header and what surrounds the transactions, besides the parent's certificate.
const HEADER_BYTES: usize = 1_024;
/// Room for one signature of the parent's certificate.
const SIGNATURE_BYTES: usize = 66;

const _: () = assert!(HEADER_BYTES < MAX_BLOCK_BYTES / 2, "the header leaves room for transactions");

/// The last block, as far as the pace of the next depends on it.
#[derive(Clone, Copy)]
pub(super) struct LastBlock {
    /// When it was committed here.
    pub committed_at: Instant,
    /// How many operations were in it.
    pub operations: usize,
    /// Bytes of transactions that blocks lately had.
    pub usual_bytes: Usual,
}

/// Returns when there is something to propose, or the alliance has been idle for so long.
pub(super) async fn wait_for_work(replica: &Replica, mempool: &Mempool, last: LastBlock, idle: Duration) {
    if mempool.is_empty() {
        let idle_until = due_at(replica, last.committed_at + idle);
        tokio::select! {
            () = mempool.wait_nonempty() => {}
            () = tokio::time::sleep_until(idle_until.into()) => return,
        }
    }
    if last.operations >= pace::BUSY_OPERATIONS {
        let gather_until = last.committed_at + pace::GATHER;
        tokio::select! {
            () = mempool.wait_for_bytes(last.usual_bytes.nearly().min(pace::ENOUGH_BYTES)) => {}
            () = tokio::time::sleep_until(gather_until.into()) => {}
        }
    }
}

/// When work falls due, by our clock; at `latest` where it does later. Under a simulated clock: now, or not before somebody
/// moves it.
fn due_at(replica: &Replica, latest: Instant) -> Instant {
    let genesis = replica.chain().genesis();
    let now = Instant::now();
    let left_ms = u64::try_from(latest.saturating_duration_since(now).as_millis()).unwrap_or(u64::MAX);
    let (clock_ms, latest_ms, due_ms) = replica.read(|view| {
        let (clock_ms, ahead_ms) = match genesis.clock {
            Clock::Real => (now_ms(), left_ms),
            Clock::Simulated { .. } => (view.head.time_ms + 1, 1),
        };
        let latest_ms = clock_ms.saturating_add(ahead_ms);
        (clock_ms, latest_ms, due_at_ms(view.store, genesis.calendar(), latest_ms))
    });
    if due_ms < latest_ms { now + Duration::from_millis(due_ms.saturating_sub(clock_ms)) } else { latest }
}

/// The bytes of the block that follows the head: as many waiting transactions as fit. (A transaction that sets the clock
/// comes out of the mempool alone, as its block needs it.)
pub(super) fn build(replica: &Replica, mempool: &Mempool, proposer: MerchantId) -> Bytes {
    let (head, last_commit) = (replica.head(), replica.last_certificate());
    let certificate_bytes = SIGNATURE_BYTES * last_commit.as_ref().map_or(0, |c| c.signatures.len());
    let room = MAX_BLOCK_BYTES.saturating_sub(HEADER_BYTES + certificate_bytes);
    let mut transactions = mempool.take(room);
    loop {
        let (last_commit, transactions_now) = (last_commit.clone(), transactions.clone());
        let proposal = Proposal { proposer, now_ms: now_ms(), last_commit, transactions: transactions_now };
        let bytes = replica.chain().propose(&head, proposal).encode();
        if bytes.len() <= MAX_BLOCK_BYTES || transactions.pop().is_none() {
            return bytes.into();
        }
    }
}
