//! Consensus: four or more validators agree on the next block, by the Tendermint algorithm of the Malachite engine.
//!
//! [`Consensus`] starts the engine (its own swarm, write-ahead log, sync and state machine) and answers what it asks: which block
//! to propose, whether a block is valid, what was decided before. Rules of the chain are not here but in the ledger, blocks
//! are not here but in the [replica](crate::replica); nothing of the engine's types is seen outside this module.
//!
//! **Invariants.**
//! - A block is stored and synced before a proposal or vote for it goes out, and only after it was checked, so what is
//!   found after a crash can be voted for again.
//! - The engine is told that a block is valid only when the replica's check against the head said so, on every path:
//!   live, replayed, proposed again, synced.
//! - A decision is durable and executed before the next height starts. A certified block that this node holds invalid
//!   stops it: one of the two has diverged, and a stopped replica is safe.
//! - One process signs with a validator's key: the data directory is locked for as long as the task of [`Consensus`] runs.

mod codec;
mod context;
mod doors;
mod driver;
mod engine;
mod proposer;
mod signing;
mod streams;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[doc(hidden)]
pub use codec::{MessageKind, reread};
pub use libp2p::Multiaddr;
use tally_contracts::crypto::PublicKey;
use tally_contracts::governance::ValidatorSet;
use tally_contracts::types::{Height, MerchantId};
use tally_ledger::block::BlockId;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use crate::guests::Guests;
use crate::mempool::Mempool;
use crate::replica::Replica;
use crate::storage::StorageError;

/// What a node needs to take part.
#[derive(Clone)]
pub struct ConsensusOptions {
    /// The validator that this is; none for an observer, which follows and says nothing.
    pub validator: Option<ValidatorOptions>,
    /// Secret Ed25519 key of the peer identity.
    pub network_key: [u8; 32],
    /// Where to listen, such as `/ip4/0.0.0.0/tcp/26000`.
    pub listen: Multiaddr,
    /// The other validators and the observers, each with its identity: `/ip4/192.0.2.7/tcp/26000/p2p/12D3...`. Nobody
    /// else may connect, but for the guests.
    pub peers: Vec<Multiaddr>,
    /// Who else may connect, without being dialled.
    pub guests: Guests,
    /// Where the engine's write-ahead log and the lock live; created if absent.
    pub data_dir: PathBuf,
    /// How long to wait for what.
    pub timeouts: ConsensusTimeouts,
    /// How messages reach the other validators.
    pub spread: Spread,
}

/// A merchant's validator.
#[derive(Clone)]
pub struct ValidatorOptions {
    /// The merchant.
    pub merchant: MerchantId,
    /// The key that signs votes and proposals; its public half stands in the genesis or in the merchant's admission.
    pub key: ed25519_dalek::SigningKey,
}

/// How long to wait for what, in ms. The same on all nodes for a smooth run; safety does not depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsensusTimeouts {
    /// For a proposal, on top of the genesis' `idle_block_ms`: what a dead proposer costs each time its turn comes.
    pub propose_ms: u64,
    /// For more votes, once more than two thirds voted, but not for one block.
    pub vote_ms: u64,
    /// What each further round adds to both.
    pub round_ms: u64,
    /// Without a new block for so long, a warning is logged; at least three times `idle_block_ms` is taken.
    pub stall_ms: u64,
}

impl Default for ConsensusTimeouts {
    fn default() -> Self {
        Self { propose_ms: 1_000, vote_ms: 500, round_ms: 500, stall_ms: 30_000 }
    }
}

/// How messages reach the other validators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// To each over its own connection: fastest, for alliances where every validator reaches every other.
    #[default]
    Direct,
    /// By gossip, for alliances where some do not.
    Gossip,
}

/// Why a validator does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ConsensusError {
    /// Another process runs on the same data: two signers of one key would be taken for a cheat.
    #[error("{0} is locked: another process runs this validator. Stop it first")]
    Locked(PathBuf),
    /// The data directory cannot be used.
    #[error("{path}: {source}")]
    DataDir {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The merchant validates with another key.
    #[error(
        "merchant {merchant} is on record as a validator with another key than {key}. Start the node with the key that the \
         genesis, or its admission, names"
    )]
    NotValidator {
        /// The configured merchant.
        merchant: MerchantId,
        /// The public half of the configured key.
        key: PublicKey,
    },
    /// The network key is none, or an address has no peer identity.
    #[error("{0}")]
    Network(String),
    /// The engine did not start.
    #[error("the consensus engine did not start: {0}")]
    Start(String),
    /// The engine stopped by itself; a restart is safe.
    #[error("the consensus engine stopped")]
    Stopped,
    /// The engine could not write what it was about to sign. It must not be restarted before the disk is seen to.
    #[error("the consensus engine halted for safety: its write-ahead log is damaged or cannot be written")]
    Unsafe,
    /// More than two thirds committed a block that is invalid by this node's state.
    #[error("block {block_id} of height {height} is committed, but invalid here: this node or the others diverged")]
    Diverged {
        /// Its height.
        height: Height,
        /// Its id.
        block_id: BlockId,
    },
    /// The engine broke its own rules.
    #[error("the consensus engine asked for what makes no sense: {0}")]
    Engine(String),
    /// The replica could not store or execute.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Consensus on threads of its own, so that no vote waits for requests that keep the others busy. Ends when dropped.
pub struct Consensus {
    task: JoinHandle<Result<(), ConsensusError>>,
    /// None once it is being dropped.
    runtime: Option<Runtime>,
}

/// Threads that carry messages and judge signatures; what waits for the disk has others.
const THREADS: usize = 2;

impl Consensus {
    /// Takes part wherever the merchant is a validator, and follows elsewhere, until `shutdown` turns true or its sender is gone.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        options: ConsensusOptions,
        replica: Arc<Replica>,
        mempool: Arc<Mempool>,
        shutdown: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("consensus")
            .enable_all()
            .build()?;
        let task = runtime.spawn(run(options, replica, mempool, shutdown));
        Ok(Self { task, runtime: Some(runtime) })
    }

    /// Returns when it has ended, and how; must not be called again then. After [`ConsensusError::Unsafe`] and
    /// [`ConsensusError::Diverged`] the node must stay down until an operator has looked.
    ///
    /// # Errors
    /// When it panicked.
    pub async fn ended(&mut self) -> Result<Result<(), ConsensusError>, JoinError> {
        (&mut self.task).await
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Consensus {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped where nothing may block.
            runtime.shutdown_background();
        }
    }
}

async fn run(
    options: ConsensusOptions,
    replica: Arc<Replica>,
    mempool: Arc<Mempool>,
    shutdown: watch::Receiver<bool>,
) -> Result<(), ConsensusError> {
    if let Some(validator) = &options.validator {
        let own = (validator.merchant, PublicKey::of(&validator.key));
        is_among(&replica.validators(replica.head().height.next()), own)?;
    }
    let _lock = lock(&options.data_dir)?;
    engine::run(options, replica, mempool, shutdown).await
}

/// Whether a validator is one of a set. The engine knows validators by merchant alone, so their keys are compared here.
fn is_among(validators: &ValidatorSet, (merchant, key): (MerchantId, PublicKey)) -> Result<bool, ConsensusError> {
    match validators.get(merchant) {
        None => Ok(false),
        Some(named) if named.public_key == key => Ok(true),
        Some(_) => Err(ConsensusError::NotValidator { merchant, key }),
    }
}

/// Locks the data directory; the lock goes with the file, or with the process.
fn lock(data_dir: &Path) -> Result<File, ConsensusError> {
    let path = data_dir.join("validator.lock");
    let fault = |source| ConsensusError::DataDir { path: path.clone(), source };
    std::fs::create_dir_all(data_dir).map_err(fault)?;
    let file = File::create(&path).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(ConsensusError::Locked(path)),
        Err(std::fs::TryLockError::Error(source)) => Err(ConsensusError::DataDir { path, source }),
    }
}

impl ConsensusTimeouts {
    fn stall(&self, idle_block_ms: u64) -> Duration {
        Duration::from_millis(self.stall_ms.max(3 * idle_block_ms))
    }
}
