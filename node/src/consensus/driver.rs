//! The driver: answers each question of the engine from the replica and the mempool.
//!
//! Questions come one after the other and are answered in that order, so the head never moves under a check. What touches
//! the disk runs on a blocking thread; what merely waits (for work, for peers, for old blocks) runs in a task of its own,
//! because the engine asks nothing else while a question is open.
//!
//! The proposer's wait for work happens *before* its height starts, not when the engine asks for the block: the engine
//! holds back everything else it has for us while that answer is due, sync for others included.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use malachitebft_app_channel::app::consensus::VoteExtensionError;
use malachitebft_app_channel::app::engine::host::{HeightParams, Next, SyncedValueOutcome};
use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_app_channel::app::types::sync::RawDecidedValue;
use malachitebft_app_channel::app::types::{LocallyProposedValue, ProposedValue};
use malachitebft_app_channel::{AppMsg, Channels, NetworkMsg, NetworkRequest, Reply};
use malachitebft_core_types::{self as engine, Height as _, LinearTimeouts, Round, Validity};
use tally_contracts::genesis::Clock;
use tally_contracts::types::{Height, MerchantId};
use tally_ledger::block::{Block, BlockId};
use tally_ledger::certificate::{CommitCertificate, CommitSignature};
use tally_ledger::chain::{CheckedBlock, InvalidBlock};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::codec::engine_certificate;
use super::context::{Address, Context, EngineHeight, Part, PartOf, ValidatorSet, Value};
use super::engine::MAX_SYNC_RESPONSE_BYTES;
use super::signing::{Signer, Verifier, engine_round};
use super::streams::{Received, Streams, cut};
use super::{ConsensusError, ConsensusOptions, proposer};
use crate::mempool::Mempool;
use crate::replica::Replica;
use crate::storage::StorageError;

/// How far a live proposal's time may lie from our clock, in ms.
const MAX_TIME_SKEW_MS: u64 = 10_000;
/// How long to wait at start for more than two thirds of the validators, so that the first proposal is heard.
const PEERS_TIMEOUT: Duration = Duration::from_secs(3);
/// How often to look for them.
const PEERS_INTERVAL: Duration = Duration::from_millis(50);

/// Answers the engine.
pub(super) struct Driver {
    merchant: MerchantId,
    signer: Signer,
    replica: Arc<Replica>,
    mempool: Arc<Mempool>,
    network: mpsc::Sender<NetworkMsg<Context>>,
    requests: mpsc::Sender<NetworkRequest>,
    timeouts: LinearTimeouts,
    streams: Streams,
    /// What this node proposed at the height after the head, by round: asked again, it proposes the same.
    built: BTreeMap<u32, BlockId>,
    /// The height whose stored blocks were looked through after a start.
    restored: Height,
    last_commit: Instant,
    /// What waits; dropped with the driver.
    waits: JoinSet<()>,
}

/// What came of judging a received block.
enum Judged {
    /// Checked and stored.
    Valid(BlockId),
    /// Its header, which its id pins, makes it invalid: no node of our state may vote for it.
    Invalid(BlockId),
    /// Not the bytes of the block it was said to be: nothing is known of that block.
    Foreign(InvalidBlock),
}

impl Driver {
    pub fn new(
        options: &ConsensusOptions,
        signer: Signer,
        replica: Arc<Replica>,
        mempool: Arc<Mempool>,
        channels: &Channels<Context>,
        timeouts: LinearTimeouts,
    ) -> Self {
        Self {
            merchant: options.merchant,
            streams: Streams::new(Verifier { chain_id: signer.chain_id }),
            signer,
            replica,
            mempool,
            network: channels.network.clone(),
            requests: channels.net_requests.clone(),
            timeouts,
            built: BTreeMap::new(),
            restored: Height(0),
            last_commit: Instant::now(),
            waits: JoinSet::new(),
        }
    }

    /// When the last block was committed, or the driver made.
    pub const fn last_commit(&self) -> Instant {
        self.last_commit
    }

    /// Answers one question. Whether the engine still wants the answer does not matter, so failed replies are ignored.
    ///
    /// # Errors
    /// When the replica fails or the engine asks what makes no sense: the node must stop.
    pub async fn handle(&mut self, message: AppMsg<Context>) -> Result<(), ConsensusError> {
        match message {
            AppMsg::ConsensusReady { reply } => self.start(reply),
            AppMsg::StartedRound { height, round, reply_value, .. } => {
                let values = self.started_round(height.0, defined(round)?).await?;
                let _ = reply_value.send(values);
            }
            AppMsg::GetValue { height, round, reply, .. } => self.propose(height.0, defined(round)?, reply).await?,
            AppMsg::RestreamProposal { height, round, valid_round, address, value_id } => {
                let (round, pol_round) = (defined(round)?, valid_round.as_u32());
                let what = Publication { height: height.0, round, pol_round, block_id: value_id.0 };
                self.propose_again(what, address.0).await?;
            }
            AppMsg::ReceivedProposalPart { part, reply, .. } => {
                let value = self.received_part(part).await?;
                let _ = reply.send(value);
            }
            AppMsg::ProcessSyncedValue { height, round, proposer, value_bytes, reply } => {
                let outcome = self.synced(height, round, proposer, value_bytes).await?;
                let _ = reply.send(outcome);
            }
            AppMsg::Decided { certificate, reply, .. } => {
                self.decided(&certificate).await?;
                let _ = reply.send(());
            }
            AppMsg::Finalized { certificate, evidence, reply, .. } => {
                if !evidence.is_empty() {
                    metrics::counter!("tally_equivocations").increment(1);
                    tracing::error!(height = %certificate.height, ?evidence, "a validator signed two things at once");
                }
                self.next_height(reply);
            }
            AppMsg::GetHistoryMinHeight { reply } => {
                let _ = reply.send(EngineHeight::INITIAL);
            }
            AppMsg::GetDecidedValues { range, reply } => self.serve_decided(range, reply),
            // Votes carry no extensions: the policy of every height says so.
            AppMsg::ExtendVote { reply, .. } => {
                let _ = reply.send(None);
            }
            AppMsg::VerifyVoteExtensions { extensions, reply, .. } => {
                let refuse = |(address, _)| (address, Err(VoteExtensionError::InvalidVoteExtension));
                let _ = reply.send(extensions.into_iter().map(refuse).collect());
            }
        }
        Ok(())
    }

    /// Starts at the height after the head, once enough peers are there to hear of it.
    fn start(&mut self, reply: Reply<(EngineHeight, HeightParams<Context>)>) {
        let height = self.replica.head().height.next();
        let params = self.params(height);
        let peers = self.replica.chain().validators(height).validators().len() - 1;
        let requests = self.requests.clone();
        self.waits.spawn(async move {
            wait_for_peers(&requests, peers).await;
            let _ = reply.send((EngineHeight(height), params));
        });
    }

    fn params(&self, height: Height) -> HeightParams<Context> {
        let validators = ValidatorSet::new(self.replica.chain().validators(height));
        HeightParams::new(validators, self.timeouts, None)
    }

    /// The valid blocks of the height that the engine has not been told of: those that waited for their parent, and
    /// after a start those that were stored before it.
    async fn started_round(
        &mut self,
        height: Height,
        round: u32,
    ) -> Result<Vec<ProposedValue<Context>>, ConsensusError> {
        metrics::gauge!("tally_round").set(f64::from(round));
        if round > 0 {
            tracing::info!(%height, round, "another round");
        }
        let mut values = Vec::new();
        for received in self.streams.take_waiting(height) {
            values.extend(self.received_block(received).await?);
        }
        if self.restored < height {
            self.restored = height;
            values.extend(self.restore(height).await?);
        }
        Ok(values)
    }

    /// Checks the stored, undecided blocks of a height again. Each is named by the first round that was its proposer's.
    async fn restore(&self, height: Height) -> Result<Vec<ProposedValue<Context>>, ConsensusError> {
        if height != self.replica.head().height.next() {
            return Ok(Vec::new());
        }
        let replica = Arc::clone(&self.replica);
        let checked: Vec<CheckedBlock> = blocking(move || {
            let stored = replica.undecided(height);
            stored.iter().filter_map(|(_, bytes)| replica.check(bytes).ok()).collect()
        })
        .await;
        let validators = self.replica.chain().validators(height);
        let rounds = 0..u32::try_from(validators.validators().len()).unwrap_or(u32::MAX);
        let value = |block: &CheckedBlock| {
            let proposer = block.header().proposer;
            let round = rounds.clone().find(|round| validators.proposer(height, *round).merchant == proposer)?;
            Some(proposed(height, round, None, proposer, (block.id(), Validity::Valid)))
        };
        Ok(checked.iter().filter_map(value).collect())
    }

    /// Answers with our block of the round, and sends it to the others.
    async fn propose(
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
        let (replica, mempool, merchant) = (Arc::clone(&self.replica), Arc::clone(&self.mempool), self.merchant);
        let is_first = self.built.is_empty();
        let stored = blocking(move || {
            if let Some(kept) = is_first.then(|| kept_block(&replica, merchant)).flatten() {
                return Ok(kept);
            }
            let bytes = proposer::build(&replica, &mempool, merchant);
            replica.store_block(&bytes).map(|id| (id, bytes))
        })
        .await?;
        self.built.insert(round, stored.0);
        Ok(stored)
    }

    /// Sends a proposal again: our own, or, as the engine's last resort, the one that `proposer` made.
    async fn propose_again(&self, what: Publication, proposer: MerchantId) -> Result<(), ConsensusError> {
        let Publication { height, round, block_id, .. } = what;
        let Some(bytes) = self.replica.block(&block_id) else {
            tracing::warn!(%height, round, %block_id, "asked to propose a block again that is not here");
            return Ok(());
        };
        if proposer == self.merchant {
            return self.publish(what, &bytes).await;
        }
        self.send(self.streams.again(height, round, block_id, &bytes)).await
    }

    async fn publish(&self, what: Publication, bytes: &Bytes) -> Result<(), ConsensusError> {
        let Publication { height, round, pol_round, block_id } = what;
        let total_bytes = u32::try_from(bytes.len()).expect("a block's length fits because blocks are bounded");
        let of = PartOf { height, round, pol_round, proposer: self.merchant, block_id, total_bytes };
        self.send(cut(&self.signer, of, bytes)).await
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

    /// Takes a part; once its block is whole and its parent executed, judges the block.
    async fn received_part(
        &mut self,
        message: StreamMessage<Part>,
    ) -> Result<Option<ProposedValue<Context>>, ConsensusError> {
        let Some(part) = message.content.into_data() else { return Ok(None) };
        let of = part.of;
        if of.proposer == self.merchant {
            return Ok(None);
        }
        let head = self.replica.head().height;
        let validators = self.replica.chain().validators(of.height);
        match self.streams.add(head, validators, part) {
            Ok(None) => Ok(None),
            Ok(Some(received)) if of.height == head.next() => self.received_block(received).await,
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
                // A block proposed for the second time was others' to time, and may be another merchant's.
                if of.pol_round.is_some() {
                    return Verdict::Keep;
                }
                let is_real = clock.chain().genesis().clock == Clock::Real;
                let is_timely = header.time_ms.abs_diff(proposer::now_ms()) <= MAX_TIME_SKEW_MS;
                if header.proposer != of.proposer || (is_real && !is_timely) { Verdict::Refuse } else { Verdict::Keep }
            })
            .await?;
        let verdict = match judged {
            Judged::Valid(id) => (id, Validity::Valid),
            Judged::Invalid(id) if id == of.block_id => (id, Validity::Invalid),
            Judged::Invalid(_) | Judged::Foreign(_) => {
                refused("foreign", &of);
                return Ok(None);
            }
        };
        if verdict.1.is_invalid() {
            refused("invalid", &of);
        }
        Ok(Some(proposed(of.height, of.round, of.pol_round, of.proposer, verdict)))
    }

    /// Checks a block against the head, and stores it if it is valid and `accept` keeps it.
    async fn judge(
        &self,
        bytes: Bytes,
        accept: impl FnOnce(&CheckedBlock) -> Verdict + Send + 'static,
    ) -> Result<Judged, StorageError> {
        let replica = Arc::clone(&self.replica);
        blocking(move || {
            let block = match replica.check(&bytes) {
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
    async fn synced(
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
        let value = proposed(height.0, defined(round)?, None, proposer.0, (id, validity));
        Ok(SyncedValueOutcome::Verdict(value))
    }

    /// Commits and executes the decided block, then lets go of what belonged to its height.
    async fn decided(&mut self, certificate: &engine::CommitCertificate<Context>) -> Result<(), ConsensusError> {
        let certificate = ledger_certificate(certificate)?;
        let replica = Arc::clone(&self.replica);
        let committed = blocking(move || replica.commit(certificate)).await?;
        let header = committed.block.header();
        self.mempool.remove_committed(&committed.block);
        self.mempool.expire(header.time_ms);
        self.streams.prune(header.height);
        self.built.clear();
        self.last_commit = Instant::now();
        let operations: usize = committed.executed.receipts.iter().map(Vec::len).sum();
        let transactions = committed.block.transactions().len();
        metrics::gauge!("tally_height").set(header.height.0 as f64);
        metrics::counter!("tally_blocks").increment(1);
        metrics::counter!("tally_operations").increment(operations as u64);
        metrics::histogram!("tally_block_operations").record(operations as f64);
        metrics::histogram!("tally_block_transactions").record(transactions as f64);
        tracing::debug!(height = %header.height, round = committed.certificate.round, transactions, operations, "block");
        Ok(())
    }

    /// Starts the next height: at once, or when we have something to propose, if it is for us to propose.
    fn next_height(&mut self, reply: Reply<Next<Context>>) {
        while self.waits.try_join_next().is_some() {}
        let height = self.replica.head().height.next();
        let next = Next::Start(EngineHeight(height), self.params(height));
        if self.replica.chain().validators(height).proposer(height, 0).merchant != self.merchant {
            let _ = reply.send(next);
            return;
        }
        let (replica, mempool) = (Arc::clone(&self.replica), Arc::clone(&self.mempool));
        let idle_until = self.last_commit + Duration::from_millis(replica.chain().genesis().parameters.idle_block_ms);
        self.waits.spawn(async move {
            proposer::wait_for_work(&replica, &mempool, idle_until).await;
            let _ = reply.send(next);
        });
    }

    /// Serves decided blocks, as many as fit one answer.
    fn serve_decided(&mut self, range: RangeInclusive<EngineHeight>, reply: Reply<Vec<RawDecidedValue<Context>>>) {
        let replica = Arc::clone(&self.replica);
        self.waits.spawn_blocking(move || {
            let mut bytes_left = MAX_SYNC_RESPONSE_BYTES;
            let mut values = Vec::new();
            for height in range.start().0.0..=range.end().0.0 {
                let Some((block, certificate)) = replica.committed(Height(height)) else { break };
                let Some(left) = bytes_left.checked_sub(block.len()) else { break };
                bytes_left = left;
                values.push(RawDecidedValue::new(block, engine_certificate(&certificate)));
            }
            let _ = reply.send(values);
        });
    }
}

/// What of a proposal goes out.
struct Publication {
    height: Height,
    round: u32,
    pol_round: Option<u32>,
    block_id: BlockId,
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

/// Runs what blocks; its panics are ours.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Our own block of the next height from before a crash, if it is still timely.
fn kept_block(replica: &Replica, merchant: MerchantId) -> Option<(BlockId, Bytes)> {
    let is_real = replica.chain().genesis().clock == Clock::Real;
    let is_ours = |block: &CheckedBlock| {
        let header = block.header();
        let is_timely = header.time_ms.abs_diff(proposer::now_ms()) <= MAX_TIME_SKEW_MS / 2;
        header.proposer == merchant && (is_timely || !is_real)
    };
    let stored = replica.undecided(replica.head().height.next());
    stored.into_iter().find(|(_, bytes)| replica.check(bytes).is_ok_and(|block| is_ours(&block)))
}

/// Whether the header alone makes a block invalid, so that its id is known to be that of an invalid block.
fn invalid(bytes: &[u8], error: InvalidBlock) -> Judged {
    let of_header = match &error {
        InvalidBlock::Header { field, .. } => !["transactions_root", "last_commit_hash"].contains(field),
        InvalidBlock::Certificate(_) => true,
        InvalidBlock::Encoding(_) | InvalidBlock::Oversized(_) | InvalidBlock::Transaction { .. } => false,
    };
    match Block::decode(bytes) {
        Ok(block) if of_header => {
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

fn proposed(
    height: Height,
    round: u32,
    pol_round: Option<u32>,
    proposer: MerchantId,
    (block_id, validity): (BlockId, Validity),
) -> ProposedValue<Context> {
    ProposedValue {
        height: EngineHeight(height),
        round: Round::new(round),
        valid_round: engine_round(pol_round),
        proposer: Address(proposer),
        value: Value(block_id),
        validity,
    }
}

fn defined(round: Round) -> Result<u32, ConsensusError> {
    round.as_u32().ok_or_else(|| ConsensusError::Engine("an answer for no round".into()))
}

/// The ledger's certificate: its signatures by rising merchant, each once.
fn ledger_certificate(certificate: &engine::CommitCertificate<Context>) -> Result<CommitCertificate, ConsensusError> {
    let signature =
        |s: &engine::CommitSignature<Context>| CommitSignature { merchant: s.address.0, signature: s.signature };
    let mut signatures: Vec<CommitSignature> = certificate.commit_signatures.iter().map(signature).collect();
    signatures.sort_by_key(|s| s.merchant);
    signatures.dedup_by_key(|s| s.merchant);
    let (height, block_id) = (certificate.height.0, certificate.value_id.0);
    Ok(CommitCertificate { height, round: defined(certificate.round)?, block_id, signatures })
}

/// Returns when all of `peers`, or after a moment more than two thirds of the validators, are connected; in the end anyway.
async fn wait_for_peers(requests: &mpsc::Sender<NetworkRequest>, peers: usize) {
    let start = Instant::now();
    let mut quorum_since = None;
    while start.elapsed() < PEERS_TIMEOUT {
        let connected = match NetworkRequest::dump_state(requests).await {
            Ok(Some(dump)) => dump.peers.len(),
            _ => 0,
        };
        if connected >= peers {
            // They are connected; a moment later they also listen.
            tokio::time::sleep(PEERS_INTERVAL).await;
            return;
        }
        if (connected + 1) * 3 > (peers + 1) * 2 {
            let since: &Instant = quorum_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= 10 * PEERS_INTERVAL {
                return;
            }
        }
        tokio::time::sleep(PEERS_INTERVAL).await;
    }
}
