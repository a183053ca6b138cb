//! The driver: answers each question of the engine from the replica and the mempool.
//!
//! Questions come one after the other and are answered in that order, so the head never moves under a check. What touches
//! the disk runs on a blocking thread; what merely waits (for work, for peers, for old blocks) runs in a task of its own,
//! because the engine asks nothing else while a question is open.
//!
//! The proposer's wait for work happens *before* its height starts, not when the engine asks for the block: the engine
//! holds back everything else it has for us while that answer is due, sync for others included.

mod judging;
mod proposing;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use malachitebft_app_channel::app::consensus::VoteExtensionError;
use malachitebft_app_channel::app::engine::host::{HeightParams, Next};
use malachitebft_app_channel::app::types::sync::RawDecidedValue;
use malachitebft_app_channel::{AppMsg, Channels, NetworkMsg, NetworkRequest, Reply};
use malachitebft_core_types::{self as engine, Height as _, LinearTimeouts, Round};
use tally_contracts::crypto::PublicKey;
use tally_contracts::governance;
use tally_contracts::governance::change::PROTOCOL_VERSION;
use tally_contracts::types::{Height, MerchantId};
use tally_ledger::block::BlockId;
use tally_ledger::certificate::{CommitCertificate, CommitSignature};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::proposing::Publication;
use super::codec::engine_certificate;
use super::context::{Context, EngineHeight, ValidatorSet};
use super::engine::MAX_SYNC_RESPONSE_BYTES;
use super::proposer::LastBlock;
use super::signing::{Signer, Verifier};
use super::streams::Streams;
use super::{ConsensusError, is_among, proposer};
use crate::mempool::Mempool;
use crate::pace::Usual;
use crate::replica::Replica;

/// How far a live proposal's time may lie from our clock, in ms.
const MAX_TIME_SKEW_MS: u64 = 10_000;
/// How long to wait at start for more than two thirds of the validators, so that the first proposal is heard.
const PEERS_TIMEOUT: Duration = Duration::from_secs(3);
/// How often to look for them.
const PEERS_INTERVAL: Duration = Duration::from_millis(50);

/// The validator in whose name a node proposes, at heights at which it is one.
pub(super) struct Author {
    pub merchant: MerchantId,
    pub public_key: PublicKey,
    pub signer: Signer,
}

/// Answers the engine.
pub(super) struct Driver {
    /// Who proposes here; none for an observer.
    author: Option<Author>,
    /// Whether the author was a validator of the last height that started, and from which height on it is not, or is.
    duty: Option<(bool, Option<Height>)>,
    replica: Arc<Replica>,
    mempool: Arc<Mempool>,
    network: mpsc::Sender<NetworkMsg<Context>>,
    requests: mpsc::Sender<NetworkRequest>,
    timeouts: LinearTimeouts,
    streams: Streams,
    /// What this node proposed at the height after the head, by round: asked again, it proposes the same.
    built: BTreeMap<u32, BlockId>,
    /// The height whose stored blocks the engine has yet to be told of again, after a start.
    restore: Option<Height>,
    last_block: LastBlock,
    /// What waits; dropped with the driver.
    waits: JoinSet<()>,
}

impl Driver {
    pub fn new(
        author: Option<Author>,
        replica: Arc<Replica>,
        mempool: Arc<Mempool>,
        channels: &Channels<Context>,
        timeouts: LinearTimeouts,
    ) -> Self {
        Self {
            author,
            duty: None,
            streams: Streams::new(Verifier::of(replica.chain())),
            restore: Some(replica.head().height.next()),
            replica,
            mempool,
            network: channels.network.clone(),
            requests: channels.net_requests.clone(),
            timeouts,
            built: BTreeMap::new(),
            last_block: LastBlock { committed_at: Instant::now(), operations: 0, usual_bytes: Usual::default() },
            waits: JoinSet::new(),
        }
    }

    /// Whether this node is the merchant's validator.
    fn is_author(&self, merchant: MerchantId) -> bool {
        self.author.as_ref().is_some_and(|author| author.merchant == merchant)
    }

    /// When the last block was committed, or the driver made.
    pub const fn last_commit(&self) -> Instant {
        self.last_block.committed_at
    }

    /// Answers one question. Whether the engine still wants the answer does not matter, so failed replies are ignored.
    ///
    /// # Errors
    /// When the replica fails or the engine asks what makes no sense: the node must stop.
    pub async fn handle(&mut self, message: AppMsg<Context>) -> Result<(), ConsensusError> {
        match message {
            AppMsg::ConsensusReady { reply } => self.start(reply)?,
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
                self.next_height(reply)?;
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
    fn start(&mut self, reply: Reply<(EngineHeight, HeightParams<Context>)>) -> Result<(), ConsensusError> {
        let height = self.replica.head().height.next();
        let validators = self.replica.validators(height);
        let params = self.params(height, &validators)?;
        let peers = validators.validators().iter().filter(|v| !self.is_author(v.merchant)).count();
        let requests = self.requests.clone();
        self.waits.spawn(async move {
            wait_for_peers(&requests, peers).await;
            let _ = reply.send((EngineHeight(height), params));
        });
        Ok(())
    }

    /// What the engine is to know of a height that starts. Where the author is no validator, it follows like an observer.
    fn params(
        &mut self,
        height: Height,
        validators: &governance::ValidatorSet,
    ) -> Result<HeightParams<Context>, ConsensusError> {
        self.tell_duty(height, validators)?;
        self.replica.check_protocol()?;
        let protocol = self.replica.protocol();
        if protocol.version > PROTOCOL_VERSION {
            let (version, from_height) = (protocol.version, protocol.from_height);
            tracing::warn!(version, %from_height, "the protocol changes: this software stops before, install a newer one");
        }
        self.mempool.share_among(validators.validators().len());
        Ok(HeightParams::new(ValidatorSet::new(validators), self.timeouts, None))
    }

    /// Logs whether this node validates from here on, and until when, where that is news.
    fn tell_duty(&mut self, height: Height, validators: &governance::ValidatorSet) -> Result<(), ConsensusError> {
        let Some(author) = &self.author else { return Ok(()) };
        let merchant = author.merchant;
        let validates = is_among(validators, (merchant, author.public_key))?;
        let rota = self.replica.head().rota;
        let change = rota.coming(height).find(|(_, set)| set.get(merchant).is_some() != validates);
        let duty = (validates, change.map(|(from, _)| *from));
        if self.duty.replace(duty) != Some(duty) {
            let until_height = duty.1.map(|height| height.0);
            let what = if validates { "this node validates" } else { "this node follows: it is no validator" };
            tracing::info!(%height, %merchant, validators = validators.validators().len(), until_height, "{what}");
        }
        Ok(())
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
        let operations: usize = committed.executed.receipts.iter().map(Vec::len).sum();
        let transactions = committed.block.transactions();
        let mut usual_bytes = self.last_block.usual_bytes;
        usual_bytes.note(transactions.iter().map(|transaction| transaction.bytes().len()).sum());
        self.last_block = LastBlock { committed_at: Instant::now(), operations, usual_bytes };
        let transactions = transactions.len();
        metrics::histogram!("tally_block_operations").record(operations as f64);
        metrics::histogram!("tally_block_transactions").record(transactions as f64);
        tracing::debug!(height = %header.height, round = committed.certificate.round, transactions, operations, "block");
        Ok(())
    }

    /// Starts the next height: at once, or when we have something to propose, if it is for us to propose.
    fn next_height(&mut self, reply: Reply<Next<Context>>) -> Result<(), ConsensusError> {
        while self.waits.try_join_next().is_some() {}
        let height = self.replica.head().height.next();
        let validators = self.replica.validators(height);
        let next = Next::Start(EngineHeight(height), self.params(height, &validators)?);
        if !self.is_author(validators.proposer(height, 0).merchant) {
            let _ = reply.send(next);
            return Ok(());
        }
        let (replica, mempool) = (Arc::clone(&self.replica), Arc::clone(&self.mempool));
        let idle = Duration::from_millis(replica.chain().genesis().parameters.idle_block_ms);
        let last = self.last_block;
        self.waits.spawn(async move {
            proposer::wait_for_work(&replica, &mempool, last, idle).await;
            let _ = reply.send(next);
        });
        Ok(())
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

/// Runs what blocks; its panics are ours.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The run time is ending: nobody waits for the answer any more.
            Err(_) => std::future::pending().await,
        },
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
