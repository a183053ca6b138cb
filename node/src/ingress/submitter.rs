//! The submitter: takes operations from the merchant, promises them, and sees to it that the promise is kept.
//!
//! A submission is checked, entered into the book, written to the [outbox](super::outbox) and synced, and only then
//! acknowledged. Submissions gather for a moment before ([`Gathering`](crate::pace::Gathering)), for each sync and each
//! transaction costs the same again. A task then signs what is ready in batches as large as a log entry allows, puts them
//! into the node's own mempool and sends them to all peers, again where blocks pass them by, to a peer that returns at once.
//! Receipts in executed blocks end the entries. Where blocks were missed, after a restart or a lag, the index of references
//! in state tells what was executed.
//!
//! **Invariants.** Nothing is acknowledged that is not on disk. What is acknowledged is pending until a receipt exists or,
//! for what the node cannot sign again, until block time has passed its end of validity. Pending operations and bytes are
//! bounded. After a fault of the disk, or a panic of who writes or sends, nothing more is accepted and [`Submitter::fault`]
//! returns: the node must stop.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::genesis::Clock;
use tally_contracts::transaction::{CheckedTransaction, MAX_OPERATIONS, Operation};
use tally_contracts::types::{HOUR_MS, Hash, MerchantId, Reference};
use tokio::sync::{Notify, watch};

use super::admission::Admission;
use super::batch::{Room, Signer};
use super::book::{Book, Bounds, Prepared, Submission};
use super::outbox::{Outbox, OutboxError};
use crate::clock::now_ms;
use crate::mempool::Mempool;
use crate::network::NetworkHandle;
use crate::replica::Replica;
use crate::storage::disk::Disk;

pub use super::waiters::{Found, TransactionEnd};
pub use draft::Draft;
pub use error::SubmitError;

mod draft;
mod error;
mod task;
mod writer;

/// How the submitter works.
pub struct SubmitterOptions {
    /// Directory of the outbox.
    pub dir: PathBuf,
    /// The merchant whose node this is.
    pub merchant: MerchantId,
    /// The node's operator key.
    pub key: SigningKey,
    /// How long a signature is valid after head's time, in ms, at most 12 h; `None`: 10 min, under a simulated clock 12 h.
    pub validity_ms: Option<u64>,
    /// Most pending operations.
    pub max_operations: usize,
    /// Most bytes of pending entries.
    pub max_bytes: usize,
    /// How long a batch that is not full waits for more where little goes on, in ms.
    pub linger_ms: u64,
}

impl SubmitterOptions {
    /// Options with the usual bounds: twice the largest bulk request.
    #[must_use]
    pub const fn new(dir: PathBuf, merchant: MerchantId, key: SigningKey) -> Self {
        let (max_operations, max_bytes) = (200_000, 64 << 20);
        Self { dir, merchant, key, validity_ms: None, max_operations, max_bytes, linger_ms: 2 }
    }
}

/// What the submitter works with.
#[derive(Clone)]
pub struct Node {
    /// The chain and its state.
    pub replica: Arc<Replica>,
    /// The node's own mempool.
    pub mempool: Arc<Mempool>,
    /// The peers; none for a node alone.
    pub network: Option<NetworkHandle>,
}

/// How the operations of one submission belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each for itself.
    Each,
    /// All or none, in one transaction.
    Atomic,
}

/// What the node knows of something it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Acknowledged; no receipt yet.
    Pending,
    /// Ended without a receipt, for its validity was over. Remembered for the last 1,000 transactions signed elsewhere.
    Expired,
    /// Never given, or done: the chain knows.
    Unknown,
}

/// A submission that will be on disk soon.
#[must_use = "it is not acknowledged before it is synced"]
pub struct Entered {
    ticket: u64,
    synced: watch::Receiver<u64>,
    failed: watch::Receiver<bool>,
}

/// See the module. Ends when dropped, or by [`Submitter::shutdown`].
pub struct Submitter {
    shared: Arc<Shared>,
    tasks: Mutex<Tasks>,
}

/// What the submitter, its writer thread and its task share.
struct Shared {
    book: Mutex<Book>,
    /// Woken when the book is to be written at another time, or the writer is to stop.
    to_write: Condvar,
    /// Woken when entries became ready.
    ready: Notify,
    /// The last ticket that is on disk.
    synced: watch::Sender<u64>,
    /// Whether the disk has failed, or a part has panicked; apart, for who waits for that need not wake at each sync.
    failed: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    signer: Signer,
    node: Node,
    admission: Admission,
    clock: ClockKind,
    validity_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClockKind {
    Real,
    Simulated,
}

struct Tasks {
    writer: Option<std::thread::JoinHandle<()>>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Submitter {
    /// Opens the outbox, takes up what is pending and starts to work. Blocks on the disk; needs a tokio runtime.
    ///
    /// # Errors
    /// When what was acknowledged cannot be read back.
    pub fn open(options: SubmitterOptions, disk: Arc<dyn Disk>, node: Node) -> Result<Arc<Self>, OutboxError> {
        let SubmitterOptions { dir, merchant, key, validity_ms, max_operations, max_bytes, linger_ms } = options;
        let (outbox, recovered) = Outbox::open(disk, &dir)?;
        let chain_id = *node.replica.chain().chain_id();
        let signer = Signer::new(chain_id, merchant, key);
        let bounds = Bounds { operations: max_operations, bytes: max_bytes };
        let mut book = Book::new(merchant, signer.public_key(), bounds, Duration::from_millis(linger_ms));
        book.restore(recovered, |bytes| CheckedTransaction::check(bytes, &chain_id).ok());
        let clock = match node.replica.chain().genesis().clock {
            Clock::Real => ClockKind::Real,
            Clock::Simulated { .. } => ClockKind::Simulated,
        };
        let usual_ms = if clock == ClockKind::Real { 10 * 60_000 } else { MAX_VALIDITY_MS };
        let shared = Arc::new(Shared {
            book: Mutex::new(book),
            to_write: Condvar::new(),
            ready: Notify::new(),
            synced: watch::Sender::new(0),
            failed: watch::Sender::new(false),
            stop: watch::Sender::new(false),
            admission: Admission::new(node.replica.clone(), node.mempool.clone()),
            signer,
            node,
            clock,
            validity_ms: validity_ms.unwrap_or(usual_ms).min(MAX_VALIDITY_MS),
        });
        let writer = writer::start(shared.clone(), outbox);
        let task = tokio::spawn(task::run(shared.clone()));
        Ok(Arc::new(Self { shared, tasks: Mutex::new(Tasks { writer: Some(writer), task: Some(task) }) }))
    }

    /// Accepts operations of this merchant; on return they are on disk. Operations that are pending already, with the same
    /// body, are accepted again but not entered twice.
    ///
    /// # Errors
    /// [`SubmitError`]; nothing was accepted. After [`SubmitError::Fault`] that is not known.
    pub async fn submit(&self, operations: Vec<Operation>, mode: Mode) -> Result<(), SubmitError> {
        let submission = self.prepare(operations, mode)?;
        self.accept(submission)?.synced().await
    }

    /// The same for who waits for receipts: what it returns tells when the operations are on disk, and gives the receipt of
    /// each as soon as a block holds it, in order; of these operations alone, not of others that had their references before.
    /// Where no receipt comes it waits for ever: limit the time.
    ///
    /// # Errors
    /// As for [`Submitter::submit`].
    pub fn enter_awaited(
        &self,
        operations: Vec<Operation>,
        mode: Mode,
    ) -> Result<(Entered, Vec<impl Future<Output = Found> + Send + use<>>), SubmitError> {
        let references: Vec<Reference> = operations.iter().map(|operation| operation.reference).collect();
        let submission = self.prepare(operations, mode)?;
        let merchant = self.shared.signer.merchant;
        let (ticket, receipts) = self.shared.change(|book| {
            let ticket = book.accept(submission, Instant::now())?;
            let receipts = references.into_iter().map(|reference| book.waiters.wait(merchant, reference)).collect();
            Ok((ticket, receipts))
        })?;
        Ok((self.entered(ticket), receipts))
    }

    /// Accepts a transaction signed elsewhere; on return it is on disk.
    ///
    /// # Errors
    /// As for [`Submitter::submit`].
    pub async fn submit_signed(&self, transaction: CheckedTransaction) -> Result<(), SubmitError> {
        let shared = self.shared.clone();
        let checked = tokio::task::spawn_blocking(move || {
            shared.admission.check(transaction.transaction()).map(|()| transaction)
        });
        let transaction = checked.await.map_err(|_| SubmitError::Fault)?.map_err(SubmitError::Refused)?;
        self.accept(Submission::Signed(transaction))?.synced().await
    }

    /// The end of a transaction, whenever it comes. Waits from the call on, so call it before submitting; where no end comes it
    /// waits for ever: limit the time.
    pub fn wait_transaction(&self, id: Hash) -> impl Future<Output = TransactionEnd> + Send + use<> {
        self.shared.book().waiters.wait_transaction(id)
    }

    /// What the outbox knows of an operation.
    #[must_use]
    pub fn status(&self, merchant: MerchantId, reference: Reference) -> Status {
        if self.shared.book().is_pending(merchant, reference) { Status::Pending } else { Status::Unknown }
    }

    /// What the outbox knows of a transaction signed elsewhere.
    #[must_use]
    pub fn transaction_status(&self, id: &Hash) -> Status {
        let book = self.shared.book();
        match () {
            () if book.is_signed_pending(id) => Status::Pending,
            () if book.has_expired(id) => Status::Expired,
            () => Status::Unknown,
        }
    }

    /// Operations that are pending.
    #[must_use]
    pub fn pending_operations(&self) -> usize {
        self.shared.book().operations()
    }

    /// Bytes of what is pending.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.shared.book().bytes()
    }

    /// Returns when the disk has failed or a part has panicked. The node must stop then.
    pub async fn fault(&self) {
        // The sender lives as long as `self`.
        let _ = self.shared.failed.subscribe().wait_for(|failed| *failed).await;
    }

    /// Writes what is to be written and ends. What is pending stays in the outbox for the next start.
    pub async fn shutdown(&self) {
        self.shared.stop();
        let (writer, task) = {
            let mut tasks = self.tasks.lock().expect("no holder of the lock panics");
            (tasks.writer.take(), tasks.task.take())
        };
        if let Some(task) = task {
            // A task that panicked has been reported by its panic.
            let _ = task.await;
        }
        if let Some(writer) = writer {
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }

    /// The node's signature over a hash, by its operator key.
    #[must_use]
    pub fn sign_hash(&self, hash: &Hash) -> (PublicKey, Signature) {
        self.shared.signer.sign_hash(hash)
    }

    /// Checks what an operation is refused for whatever else is submitted with it, but for its size. Each operation must
    /// have passed before it is submitted: one whose authorization is wrong would spoil the batch that it is signed in.
    ///
    /// # Errors
    /// [`SubmitError::Malformed`], [`SubmitError::ReferenceAhead`], [`SubmitError::Authorization`].
    pub fn check(&self, operation: &Operation) -> Result<(), SubmitError> {
        check_at(operation, self.shared.latest_reference_ms())
    }

    /// Checks what bytes alone decide, and measures.
    fn prepare(&self, operations: Vec<Operation>, mode: Mode) -> Result<Submission, SubmitError> {
        if operations.is_empty() || (mode == Mode::Atomic && operations.len() > MAX_OPERATIONS) {
            return Err(SubmitError::OperationCount(operations.len()));
        }
        let latest_ms = self.shared.latest_reference_ms();
        let mut prepared = Vec::with_capacity(operations.len());
        let mut together = 0;
        for (index, operation) in operations.into_iter().enumerate() {
            check_alone(&operation, index, latest_ms)?;
            let one = Prepared::new(operation);
            let bytes = one.leaf_bytes();
            together += bytes;
            let bytes = if mode == Mode::Atomic { together } else { bytes };
            let room = Room::new().bytes();
            if bytes > room {
                return Err(SubmitError::Oversized { bytes, room });
            }
            prepared.push(one);
        }
        Ok(match mode {
            Mode::Each => Submission::Each(prepared),
            Mode::Atomic => Submission::Group(prepared),
        })
    }

    fn accept(&self, submission: Submission) -> Result<Entered, SubmitError> {
        Ok(self.entered(self.shared.change(|book| book.accept(submission, Instant::now()))?))
    }

    fn entered(&self, ticket: u64) -> Entered {
        Entered { ticket, synced: self.shared.synced.subscribe(), failed: self.shared.failed.subscribe() }
    }
}

impl Entered {
    /// What `receipt` gives, if it does so within a time: on disk or not, for a receipt is worth more.
    ///
    /// # Errors
    /// [`SubmitError::Fault`].
    pub async fn within<T>(
        &mut self,
        time: Duration,
        receipt: impl Future<Output = T>,
    ) -> Result<Option<T>, SubmitError> {
        tokio::select! {
            biased;
            receipt = tokio::time::timeout(time, receipt) => Ok(receipt.ok()),
            _ = self.failed.wait_for(|failed| *failed) => Err(SubmitError::Fault),
        }
    }

    /// Returns when it is on disk.
    ///
    /// # Errors
    /// [`SubmitError::Fault`].
    pub async fn synced(mut self) -> Result<(), SubmitError> {
        tokio::select! {
            biased;
            synced = self.synced.wait_for(|ticket| *ticket >= self.ticket) => synced.map(drop).map_err(|_| SubmitError::Fault),
            _ = self.failed.wait_for(|failed| *failed) => Err(SubmitError::Fault),
        }
    }
}

/// [`Submitter::check`] with this latest time of a reference.
///
/// # Errors
/// As there.
pub(crate) fn check_at(operation: &Operation, latest_ms: u64) -> Result<(), SubmitError> {
    check_alone(operation, 0, latest_ms)?;
    operation.check_authorization().map_err(SubmitError::Authorization)
}

/// Checks the operation at a position by itself, but for its authorization; `latest_ms` is the latest time of a reference.
fn check_alone(operation: &Operation, index: usize, latest_ms: u64) -> Result<(), SubmitError> {
    operation.check_stateless().map_err(|reason| SubmitError::Malformed { index, reason })?;
    let reference = operation.reference;
    if reference.time_ms() > latest_ms { Err(SubmitError::ReferenceAhead { reference }) } else { Ok(()) }
}

impl Drop for Submitter {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// Held by what must not end before the submitter: where it panics, what is acknowledged would wait for ever.
struct Alarm<'a>(&'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.send_replace(true);
        }
    }
}

/// Why the book's lock is never poisoned.
const UNPOISONED: &str = "no holder of the book panics";
/// Longest validity of an own signature: with the largest lead of our clock over head's time it stays within 24 h.
const MAX_VALIDITY_MS: u64 = 12 * HOUR_MS;

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect(UNPOISONED)
    }

    /// Changes the book, and wakes the writer where it is to write earlier than it knows.
    fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.book();
        let before = book.write_at();
        let result = change(&mut book);
        if book.write_at().is_some_and(|at| before.is_none_or(|before| at < before)) {
            self.to_write.notify_one();
        }
        result
    }

    fn stop(&self) {
        self.stop.send_replace(true);
        // Under the lock, so that the writer cannot miss it between its look and its wait; also after a panic.
        let _book = self.book.lock();
        self.to_write.notify_all();
    }

    /// The end of validity for a signature made now. Our clock counts where head lies behind it, but never so far that a
    /// block would find it too far ahead.
    fn valid_until_ms(&self, head_time_ms: u64) -> u64 {
        let from_ms = match self.clock {
            ClockKind::Simulated => head_time_ms,
            ClockKind::Real => now_ms().clamp(head_time_ms, head_time_ms + MAX_VALIDITY_MS),
        };
        from_ms + self.validity_ms
    }

    /// The latest time of a reference that is not refused as ahead.
    fn latest_reference_ms(&self) -> u64 {
        match self.clock {
            ClockKind::Simulated => u64::MAX,
            ClockKind::Real => now_ms() + HOUR_MS,
        }
    }
}

#[cfg(test)]
mod tests;
