//! The executor: what a block leads to, worked out while it is synced and voted on.
//!
//! A block that this node has stored is nearly always the one that is decided. So it is executed at once, on a thread for
//! that, and its decision finds the result there. Nobody sees any of it before: where another block is decided, it is dropped.
//! A panic is whoever's who asks next, also where its block was never decided: a stopped replica is safe.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tally_contracts::execute::BlockRun;
use tally_contracts::state::{Store, WriteSet, Writes};
use tally_contracts::types::Height;
use tally_ledger::block::BlockId;
use tally_ledger::chain::{Chain, CheckedBlock, ExecutedBlock, Head, Warm};

use crate::query::index::add_log;
use crate::storage::state_db::StateDb;

const STOPPED: &str = "a replica that failed to execute stays stopped";

/// Rows by which queries find things: a function of the parent's state, the block and what contracts did, under tags of the
/// index, each key once. Rows of the transparency log are not among them: those every replica has.
pub type IndexWrites = fn(&Chain, &dyn Store, &CheckedBlock, &BlockRun) -> Writes;

/// See the module.
pub struct Executor {
    machine: Arc<Machine>,
    ahead: Mutex<Ahead>,
}

/// What a block led to, and the rows by which queries find it.
pub struct Run {
    /// What it led to.
    pub executed: ExecutedBlock,
    /// Rows of the query index.
    pub index: WriteSet,
}

impl Run {
    /// Executes a block on the state of its parent, which is given with the chain's end there.
    ///
    /// # Panics
    /// As [`Chain::execute_beside`].
    #[must_use]
    pub fn new(
        chain: &Chain,
        (store, head): (&dyn Store, &Head),
        block: &CheckedBlock,
        warm: &mut Warm,
        index: IndexWrites,
    ) -> Self {
        let (executed, mut rows) =
            chain.execute_beside(store, head, block, warm, |done| index(chain, store, block, done));
        add_log(&mut rows, executed.head.height, &executed.subtrees);
        Self { executed, index: WriteSet::new(&rows) }
    }
}

/// What executes.
struct Machine {
    chain: Arc<Chain>,
    state: Arc<StateDb>,
    index: IndexWrites,
    /// What execution remembers.
    warm: Mutex<Warm>,
}

/// The thread that executes what may be decided.
struct Ahead {
    /// The block that was started since the last decision.
    started: Option<BlockId>,
    /// The last height that was decided: no other block of it is started.
    decided: Height,
    /// None once the executor is gone.
    blocks: Option<Sender<CheckedBlock>>,
    runs: Receiver<Option<Run>>,
    thread: Option<JoinHandle<()>>,
}

impl Executor {
    /// Executes blocks of a chain on the state at its head.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(chain: Arc<Chain>, state: Arc<StateDb>, index: IndexWrites) -> io::Result<Self> {
        let machine = Arc::new(Machine { chain, state, index, warm: Mutex::default() });
        let ahead = Mutex::new(Ahead::new(Arc::clone(&machine))?);
        Ok(Self { machine, ahead })
    }

    /// Starts to execute a block that may be decided, unless one was started since the last decision.
    pub fn start(&self, block: &CheckedBlock) {
        let mut ahead = self.ahead.lock().expect(STOPPED);
        if ahead.started.is_none() && block.header().height > ahead.decided {
            ahead.started = Some(block.id());
            ahead.start(block.clone());
        }
    }

    /// What the decided successor of the head leads to.
    ///
    /// # Panics
    /// When the block does not follow the head, or the contracts break conservation.
    #[must_use]
    pub fn finish(&self, block: &CheckedBlock) -> Run {
        let mut ahead = self.ahead.lock().expect(STOPPED);
        ahead.decided = block.header().height;
        // Waited for also where it is another block: it has what execution remembers.
        let run = ahead.started.take().and_then(|id| ahead.finish().filter(|_| id == block.id()));
        run.or_else(|| self.machine.run(block)).expect("a decided block follows the head")
    }
}

impl Ahead {
    fn new(machine: Arc<Machine>) -> io::Result<Self> {
        let (blocks, started) = mpsc::channel::<CheckedBlock>();
        let (finished, runs) = mpsc::channel();
        let work = move || {
            for block in started {
                // Nobody waits for the last one when the node stops.
                let _ = finished.send(machine.run(&block));
            }
        };
        let thread = thread::Builder::new().name("execute".to_owned()).spawn(work)?;
        Ok(Self { started: None, decided: Height(0), blocks: Some(blocks), runs, thread: Some(thread) })
    }

    fn start(&self, block: CheckedBlock) {
        if let Some(blocks) = &self.blocks {
            // Where the thread has panicked, whoever waits for the run is told.
            let _ = blocks.send(block);
        }
    }

    /// The run of the block that was started.
    fn finish(&mut self) -> Option<Run> {
        self.runs.recv().unwrap_or_else(|_| match self.end() {
            Err(panic) => resume_unwind(panic),
            Ok(()) => unreachable!("the thread answers for each block until it panics"),
        })
    }

    /// Ends the thread, and waits for that: nothing uses the state any more.
    fn end(&mut self) -> thread::Result<()> {
        self.blocks = None;
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // A panic was told when it happened, and nobody saw anything of its block.
        drop(self.end());
    }
}

impl Machine {
    /// Executes a block; none where the head has moved past its parent.
    fn run(&self, block: &CheckedBlock) -> Option<Run> {
        let mut warm = self.warm.lock().expect(STOPPED);
        self.state.read(|view| {
            if block.header().parent_hash != view.head.block_id {
                return None;
            }
            Some(Run::new(&self.chain, (view.store, view.head), block, &mut warm, self.index))
        })
    }
}
