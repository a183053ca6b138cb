//! Proposing: our own blocks, and blocks once more.

use std::sync::Arc;

use bytes::Bytes;
use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_app_channel::app::types::LocallyProposedValue;
use malachitebft_app_channel::{NetworkMsg, Reply};
use malachitebft_core_types::Round;
use tally_contracts::genesis::Clock;
use tally_contracts::types::{Height, MerchantId};
use tally_ledger::block::BlockId;
use tally_ledger::chain::CheckedBlock;

use super::{Author, Driver, MAX_TIME_SKEW_MS, blocking};
use crate::clock::now_ms;
use crate::consensus::context::{Context, EngineHeight, Part, PartOf, Value};
use crate::consensus::streams::cut;
use crate::consensus::{ConsensusError, proposer};
use crate::replica::Replica;

/// What of a proposal goes out.
pub(super) struct Publication {
    pub height: Height,
    pub round: u32,
    pub pol_round: Option<u32>,
    pub block_id: BlockId,
}

impl Driver {
    /// Answers with our block of the round, and sends it to the others.
    pub(super) async fn propose(
        &mut self,
        height: Height,
        round: u32,
        reply: Reply<LocallyProposedValue<Context>>,
    ) -> Result<(), ConsensusError> {
        let head = self.replica.head().height;
        if height != head.next() {
            return Err(ConsensusError::Engine(format!("a proposal for height {height} after {head}")));
        }
        let (block_id, bytes) = match self.built.get(&round).and_then(|id| Some((*id, self.replica.block(id)?))) {
            Some(built) => built,
            None => self.build(round).await?,
        };
        let _ = reply.send(LocallyProposedValue::new(EngineHeight(height), Round::new(round), Value(block_id)));
        self.publish(Publication { height, round, pol_round: None, block_id }, &bytes).await
    }

    /// Makes a block, or takes up the one that was made before a crash; stored and synced either way.
    async fn build(&mut self, round: u32) -> Result<(BlockId, Bytes), ConsensusError> {
        let (replica, mempool, merchant) =
            (Arc::clone(&self.replica), Arc::clone(&self.mempool), self.author()?.merchant);
        let is_first = self.built.is_empty();
        let stored = blocking(move || {
            if let Some(kept) = is_first.then(|| kept_block(&replica, merchant)).flatten() {
                return Ok(kept);
            }
            let bytes = proposer::build(&replica, &mempool, merchant);
            replica.check_new(&bytes, &|id| mempool.get(id))?;
            replica.store_block(&bytes).map(|id| (id, bytes))
        })
        .await?;
        self.built.insert(round, stored.0);
        Ok(stored)
    }

    /// Sends a proposal again: our own, or, as the engine's last resort, the one that `proposer` made.
    pub(super) async fn propose_again(&self, what: Publication, proposer: MerchantId) -> Result<(), ConsensusError> {
        let Publication { height, round, block_id, .. } = what;
        let Some(bytes) = self.replica.block(&block_id) else {
            tracing::warn!(%height, round, %block_id, "asked to propose a block again that is not here");
            return Ok(());
        };
        if self.is_author(proposer) {
            return self.publish(what, &bytes).await;
        }
        self.send(self.streams.again(height, round, block_id, &bytes)).await
    }

    async fn publish(&self, what: Publication, bytes: &Bytes) -> Result<(), ConsensusError> {
        let Publication { height, round, pol_round, block_id } = what;
        let total_bytes = u32::try_from(bytes.len()).expect("a block's length fits because blocks are bounded");
        let author = self.author()?;
        let of = PartOf { height, round, pol_round, proposer: author.merchant, block_id, total_bytes };
        self.send(cut(&author.signer, of, bytes)).await
    }

    fn author(&self) -> Result<&Author, ConsensusError> {
        self.author.as_ref().ok_or_else(|| ConsensusError::Engine("an observer is asked for a block".into()))
    }

    async fn send(&self, parts: Vec<Part>) -> Result<(), ConsensusError> {
        for part in parts {
            let of = &part.of;
            let mut stream_id = of.height.0.to_le_bytes().to_vec();
            stream_id.extend_from_slice(&of.round.to_le_bytes());
            stream_id.extend_from_slice(&of.proposer.0.to_le_bytes());
            let (stream_id, sequence) = (StreamId::new(stream_id.into()), u64::from(part.index));
            let message = StreamMessage::new(stream_id, sequence, StreamContent::Data(part));
            let sent = self.network.send(NetworkMsg::PublishProposalPart(message)).await;
            sent.map_err(|_| ConsensusError::Stopped)?;
        }
        Ok(())
    }
}

/// Our own block of the next height from before a crash, if it is still timely.
fn kept_block(replica: &Replica, merchant: MerchantId) -> Option<(BlockId, Bytes)> {
    let is_real = replica.chain().genesis().clock == Clock::Real;
    let is_ours = |block: &CheckedBlock| {
        let header = block.header();
        let is_timely = header.time_ms.abs_diff(now_ms()) <= MAX_TIME_SKEW_MS / 2;
        header.proposer == merchant && (is_timely || !is_real)
    };
    let stored = replica.undecided(replica.head().height.next());
    stored.into_iter().find(|(_, bytes)| replica.check(bytes).is_ok_and(|block| is_ours(&block)))
}
