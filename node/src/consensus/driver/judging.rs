//! Judging blocks: received part by part, synced, or found on the disk after a start.

use std::sync::Arc;

use bytes::Bytes;
use malachitebft_app_channel::app::engine::host::SyncedValueOutcome;
use malachitebft_app_channel::app::streaming::StreamMessage;
use malachitebft_app_channel::app::types::ProposedValue;
use malachitebft_core_types::{Round, Validity};
use tally_contracts::genesis::Clock;
use tally_contracts::types::{Height, MerchantId};
use tally_ledger::block::{Block, BlockId};
use tally_ledger::chain::{CheckedBlock, InvalidBlock};

use super::{Driver, MAX_TIME_SKEW_MS, blocking, defined};
use crate::clock::now_ms;
use crate::consensus::ConsensusError;
use crate::consensus::context::{Address, Context, EngineHeight, Part, PartOf, Value};
use crate::consensus::signing::engine_round;
use crate::consensus::streams::Received;
use crate::storage::StorageError;

/// What came of judging a received block.
enum Judged {
    /// Checked and stored.
    Valid(BlockId),
    /// What its id pins makes it invalid: no node of our state may vote for it.
    Invalid(BlockId),
    /// Not the bytes of the block it was said to be: nothing is known of that block.
    Foreign(InvalidBlock),
}

/// What to do with a block that is valid after the head.
enum Verdict {
    /// Store it, vote for it.
    Keep,
    /// Do not vote for it.
    Refuse,
    /// It is not the block that was announced.
    Foreign,
}

impl Driver {
    /// The valid blocks of the height that the engine has not been told of: those that waited for their parent, and
    /// after a start those that were stored before it.
    pub(super) async fn started_round(
        &mut self,
        height: Height,
        round: u32,
    ) -> Result<Vec<ProposedValue<Context>>, ConsensusError> {
        metrics::gauge!("tally_round").set(f64::from(round));
        if round > 0 {
            tracing::info!(%height, round, "another round");
        }
        self.streams.started(height, round);
        let mut values = Vec::new();
        for received in self.streams.take_waiting(height) {
            values.extend(self.received_block(received).await?);
        }
        if self.restore.take_if(|restore| *restore <= height) == Some(height) {
            values.extend(self.restore(height).await);
        }
        Ok(values)
    }

    /// Checks the stored, undecided blocks of a height again. Each is named by the first round that was its proposer's.
    async fn restore(&self, height: Height) -> Vec<ProposedValue<Context>> {
        let replica = Arc::clone(&self.replica);
        let checked: Vec<CheckedBlock> = blocking(move || {
            let stored = replica.undecided(height);
            stored.iter().filter_map(|(_, bytes)| replica.check(bytes).ok()).collect()
        })
        .await;
        let validators = self.replica.validators(height);
        let rounds = 0..u32::try_from(validators.validators().len()).unwrap_or(u32::MAX);
        let value = |block: &CheckedBlock| {
            let proposer = block.header().proposer;
            let round = rounds.clone().find(|round| validators.proposer(height, *round).merchant == proposer)?;
            Some(Turn { height, round, pol_round: None, proposer }.proposed(block.id(), Validity::Valid))
        };
        checked.iter().filter_map(value).collect()
    }

    /// Takes a part; once its block is whole and its parent executed, judges the block.
    pub(super) async fn received_part(
        &mut self,
        message: StreamMessage<Part>,
    ) -> Result<Option<ProposedValue<Context>>, ConsensusError> {
        let Some(part) = message.content.into_data() else { return Ok(None) };
        let of = part.of;
        if self.is_author(of.proposer) {
            return Ok(None);
        }
        let head = self.replica.head();
        let validators = head.rota.of(of.height);
        match self.streams.add(head.height, validators, part) {
            Ok(None) => Ok(None),
            Ok(Some(received)) if of.height == head.height.next() => self.received_block(received).await,
            Ok(Some(received)) => {
                self.streams.wait(received);
                Ok(None)
            }
            Err(reason) => {
                tracing::debug!(height = %of.height, round = of.round, proposer = %of.proposer, %reason, "part dropped");
                Ok(None)
            }
        }
    }

    /// Judges a whole block of the next height. `None` if the bytes are not of the block they were said to be of.
    async fn received_block(&self, received: Received) -> Result<Option<ProposedValue<Context>>, ConsensusError> {
        let Received { of, bytes } = received;
        let clock = Arc::clone(&self.replica);
        let judged = self
            .judge(bytes, move |block| {
                let header = block.header();
                if block.id() != of.block_id {
                    return Verdict::Foreign;
                }
                let is_real = clock.chain().genesis().clock == Clock::Real;
                let now_ms = now_ms();
                // A block that was timely once is ahead of nobody's clock later: so this holds for every proposal,
                // whatever its parts claim about earlier rounds.
                let is_early = is_real && header.time_ms > now_ms.saturating_add(MAX_TIME_SKEW_MS);
                if is_early {
                    return Verdict::Refuse;
                }
                // A block proposed for the second time may be late, and may be another merchant's.
                if of.pol_round.is_some_and(|pol_round| pol_round < of.round) {
                    return Verdict::Keep;
                }
                let is_late = is_real && header.time_ms.saturating_add(MAX_TIME_SKEW_MS) < now_ms;
                if header.proposer != of.proposer || is_late { Verdict::Refuse } else { Verdict::Keep }
            })
            .await?;
        let (id, validity) = match judged {
            Judged::Valid(id) => (id, Validity::Valid),
            Judged::Invalid(id) if id == of.block_id => (id, Validity::Invalid),
            Judged::Invalid(_) | Judged::Foreign(_) => {
                refused("foreign", &of);
                return Ok(None);
            }
        };
        if validity.is_invalid() {
            refused("invalid", &of);
        }
        Ok(Some(Turn::of(&of).proposed(id, validity)))
    }

    /// Checks a block against the head, and stores it if it is valid and `accept` keeps it.
    async fn judge(
        &self,
        bytes: Bytes,
        accept: impl FnOnce(&CheckedBlock) -> Verdict + Send + 'static,
    ) -> Result<Judged, StorageError> {
        let (replica, mempool) = (Arc::clone(&self.replica), Arc::clone(&self.mempool));
        blocking(move || {
            // Nearly all of its transactions came here by themselves, and were checked then.
            let block = match replica.check_new(&bytes, &|id| mempool.get(id)) {
                Ok(block) => block,
                Err(error) => return Ok(invalid(&bytes, error)),
            };
            match accept(&block) {
                Verdict::Keep => replica.store_block(&bytes).map(Judged::Valid),
                Verdict::Refuse => Ok(Judged::Invalid(block.id())),
                Verdict::Foreign => Ok(Judged::Foreign(InvalidBlock::Oversized(bytes.len()))),
            }
        })
        .await
    }

    /// Judges a block that the engine holds a valid certificate for (it compares the ids afterwards).
    pub(super) async fn synced(
        &self,
        height: EngineHeight,
        round: Round,
        proposer: Address,
        bytes: Bytes,
    ) -> Result<SyncedValueOutcome<Context>, ConsensusError> {
        if height.0 != self.replica.head().height.next() {
            return Ok(SyncedValueOutcome::LocalTransientError);
        }
        let (id, validity) = match self.judge(bytes, |_| Verdict::Keep).await? {
            Judged::Valid(id) => (id, Validity::Valid),
            Judged::Invalid(id) => (id, Validity::Invalid),
            Judged::Foreign(error) => {
                tracing::warn!(%height, %error, "a peer sent what is not the block of this height");
                return Ok(SyncedValueOutcome::PeerFault);
            }
        };
        let turn = Turn { height: height.0, round: defined(round)?, pol_round: None, proposer: proposer.0 };
        Ok(SyncedValueOutcome::Verdict(turn.proposed(id, validity)))
    }
}

/// What is known of a block whose check failed.
fn invalid(bytes: &[u8], error: InvalidBlock) -> Judged {
    match Block::decode(bytes) {
        Ok(block) if error.is_pinned(&block) => {
            let id = block.header.id();
            tracing::warn!(block_id = %id, %error, "invalid block");
            Judged::Invalid(id)
        }
        _ => Judged::Foreign(error),
    }
}

fn refused(reason: &'static str, of: &PartOf) {
    metrics::counter!("tally_proposals_refused", "reason" => reason).increment(1);
    let PartOf { height, round, proposer, block_id, .. } = of;
    tracing::warn!(%height, round, %proposer, %block_id, reason, "proposal refused");
}

/// Who proposes, and when.
#[derive(Clone, Copy)]
struct Turn {
    height: Height,
    round: u32,
    pol_round: Option<u32>,
    proposer: MerchantId,
}

impl Turn {
    const fn of(of: &PartOf) -> Self {
        Self { height: of.height, round: of.round, pol_round: of.pol_round, proposer: of.proposer }
    }

    /// What the engine is told of the block that was proposed.
    fn proposed(self, block_id: BlockId, validity: Validity) -> ProposedValue<Context> {
        let Self { height, round, pol_round, proposer } = self;
        ProposedValue {
            height: EngineHeight(height),
            round: Round::new(round),
            valid_round: engine_round(pol_round),
            proposer: Address(proposer),
            value: Value(block_id),
            validity,
        }
    }
}
