//! The prover: proofs as files, made of what this node holds (ADR 0012, `tally_ledger::proof`).
//!
//! What is in the log is proved under any final checkpoint past it; what state was, under those that the keeper holds on
//! to. **Invariant**: a proof that is handed out holds by the policy of its checkpoint's validators.

use std::sync::Arc;

use tally_contracts::checkpoint::Evidence;
use tally_contracts::encoding;
use tally_contracts::points::{Movement, MovementId, history};
use tally_contracts::settlement::Statement;
use tally_contracts::state::{read, tag};
use tally_contracts::transaction::{Body, Transaction};
use tally_contracts::types::{Address, ClassId, Hash, Height, MerchantId, Month, Reference};
use tally_ledger::block::Block;
use tally_ledger::note::{Policy, TlogProof};
use tally_ledger::proof::{
    AnchoredProof, BalanceProof, Fact, GrowthProof, Hex, NoteText, OperationProof, ProofFile, RecordPart,
    SettlementProof, SignedProof, StatementProof,
};
use tally_ledger::roots::records::{Record, RecordId};
use tally_ledger::roots::state_tree::NoRecordProof;

use crate::keeper::Kept;
use crate::query::checkpoints::{self, Attested};
use crate::query::index::Place;
use crate::query::log::Log;
use crate::query::{Missing, QueryError, Snapshot, operations};
use crate::replica::Replica;
use crate::storage::state_db::View;

/// Movements of a holding that one proof has room for.
const MAX_LINES: usize = 50_000;

/// A fact that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An operation with its receipt.
    Operation(MerchantId, Reference),
    /// That merchants vouch for a checkpoint.
    Signed,
    /// That the log begins with that of an earlier checkpoint.
    Growth(Height),
    /// A balance, also of nothing.
    Balance(Address, ClassId),
    /// Every movement of a holding, from its beginning or from an earlier checkpoint on.
    Statement(Address, ClassId, Option<Height>),
    /// A closed settlement cycle.
    Settlement(Month),
    /// That a checkpoint existed before a time, by a piece of evidence; by the first that is on record where none is named.
    Anchored(Option<Hash>),
}

/// Why a node has no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProof {
    /// There is no such thing.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// No final checkpoint is past it yet.
    #[error("no checkpoint past it is final yet: ask again after the next one")]
    NotYet,
    /// The state at that checkpoint is held on to no more, or not yet.
    #[error("the state at that height is not held on to; it is at {}", heights(.0))]
    NotKept(Vec<Height>),
    /// The node holds on to no state at all.
    #[error("this node is stopping, or holds on to no checkpoints")]
    Stopping,
    /// More than fits a file.
    #[error("the statement has more than {MAX_LINES} lines: ask from a later checkpoint on")]
    TooLong,
}

fn heights(heights: &[Height]) -> String {
    let heights: Vec<String> = heights.iter().map(ToString::to_string).collect();
    if heights.is_empty() { "none yet".to_owned() } else { heights.join(" and ") }
}

impl Replica {
    /// Proves a fact under the checkpoint of a height, under the latest final one where none is named. Waits for the proof:
    /// off the threads that serve.
    ///
    /// # Errors
    /// [`NoProof`].
    pub fn prove(&self, wanted: Wanted, at: Option<Height>) -> Result<ProofFile, NoProof> {
        let (attested, fact) = match wanted {
            Wanted::Operation(merchant, reference) => self.operation(merchant, reference, at)?,
            Wanted::Signed => {
                let attested = self.log_checkpoint(at, 0)?;
                let (checkpoint, state) = (self.log_note(&attested)?, self.state_note(&attested)?);
                (attested, Fact::Signed(SignedProof { checkpoint, state }))
            }
            Wanted::Growth(from) => self.growth(from, at)?,
            Wanted::Balance(holder, class) => {
                let (kept, attested, state) = self.state_checkpoint(at)?;
                let proof = kept.balance(holder, class).ok_or(NoProof::Stopping)?;
                (attested, Fact::Balance(BalanceProof::new(holder, class, proof, state)))
            }
            Wanted::Statement(holder, class, from) => self.statement((holder, class), from, at)?,
            Wanted::Settlement(cycle) => self.settlement(cycle, at)?,
            Wanted::Anchored(evidence) => self.anchored(evidence, at)?,
        };
        Ok(ProofFile::new(*self.chain().chain_id(), &policy(self, &attested), fact))
    }

    fn operation(
        &self,
        merchant: MerchantId,
        reference: Reference,
        at: Option<Height>,
    ) -> Result<(Attested, Fact), NoProof> {
        let (found, index) = self.asked(|snapshot| {
            let found = operations::by_reference(snapshot, merchant, reference);
            let found = found.ok_or(QueryError::NotFound(Missing::Operation(merchant, reference)))?;
            let index = Log(snapshot)
                .leaf_of(found.place)
                .ok_or(QueryError::NotFound(Missing::Operation(merchant, reference)))?;
            Ok((found, index))
        })?;
        let attested = self.log_checkpoint(at, index + 1)?;
        let leaf = self.leaf(index)?;
        let path = self.asked(|snapshot| Log(snapshot).inclusion(index, attested.checkpoint.log_size))?;
        let checkpoint = attested.log_note(self.chain().chain_id()).ok_or(NoProof::NotYet)?;
        let tlog_proof = TlogProof { extra: None, index, path, checkpoint }.to_string();
        let operation = u16::try_from(found.within.1).expect("a transaction has fewer operations than that");
        Ok((attested, Fact::Operation(OperationProof { operation, leaf: Hex(leaf), tlog_proof })))
    }

    fn growth(&self, from: Height, at: Option<Height>) -> Result<(Attested, Fact), NoProof> {
        let earlier = self.log_checkpoint(Some(from), 0)?;
        let later = self.log_checkpoint(at, earlier.checkpoint.log_size)?;
        let sizes = (earlier.checkpoint.log_size, later.checkpoint.log_size);
        let path = self.asked(|snapshot| Log(snapshot).consistency(sizes.0, sizes.1))?;
        let (from, to) = (self.log_note(&earlier)?, self.log_note(&later)?);
        Ok((later, Fact::Growth(GrowthProof { from, to, path })))
    }

    fn statement(
        &self,
        (holder, class): (Address, ClassId),
        from: Option<Height>,
        at: Option<Height>,
    ) -> Result<(Attested, Fact), NoProof> {
        let owner = (holder, class);
        let missing = |_| QueryError::NotFound(Missing::Holding(holder, class));
        let record = |at| {
            let (kept, attested, state) = self.state_checkpoint(at)?;
            let proof = kept.record(RecordId::Holding(holder, class)).ok_or(NoProof::Stopping)?;
            Ok::<_, NoProof>((attested, RecordPart::new(proof.map_err(missing)?, state)))
        };
        let from = from.map(|from| record(Some(from))).transpose()?.map(|(_, part)| part);
        let (attested, to) = record(at)?;
        let after = from.as_ref().and_then(movement_of);
        let until = movement_of(&to).ok_or(NoProof::Stopping)?;
        let movements = self.asked(|snapshot| Ok(history(snapshot.store, &owner, until, MAX_LINES + 1)))?;
        let mut lines: Vec<(MovementId, Movement)> = movements;
        lines.retain(|(id, _)| after.is_none_or(|after| *id > after));
        if lines.len() > MAX_LINES {
            return Err(NoProof::TooLong);
        }
        let line = |((height, index), movement): (MovementId, Movement)| {
            Hex(encoding::encode(&movement.into_line(owner, height, index)))
        };
        let lines = lines.into_iter().rev().map(line).collect();
        Ok((attested, Fact::Statement(StatementProof { holder, class, from, to, lines })))
    }

    fn settlement(&self, cycle: Month, at: Option<Height>) -> Result<(Attested, Fact), NoProof> {
        let missing = |_| QueryError::NotFound(Missing::ClosedCycle(cycle));
        let (kept, attested, state) = self.state_checkpoint(at)?;
        let record = |id| {
            let proof = kept.record(id).ok_or(NoProof::Stopping)?;
            Ok::<_, NoProof>(RecordPart::new(proof.map_err(|why: NoRecordProof| missing(why))?, state.clone()))
        };
        let statement = record(RecordId::Statement(cycle))?;
        let closed: Option<Statement> = self.read(|view| read(view.store, tag::statements, &cycle));
        let legs = closed.map_or(0, |statement| statement.legs);
        let legs = (0..legs).map(|number| record(RecordId::Leg(cycle, number))).collect::<Result<_, _>>()?;
        Ok((attested, Fact::Settlement(SettlementProof { cycle, statement, legs })))
    }

    fn anchored(&self, wanted: Option<Hash>, at: Option<Height>) -> Result<(Attested, Fact), NoProof> {
        let (height, place) = self.asked(|snapshot| {
            let anchors = checkpoints::anchors(snapshot.store, at);
            let found =
                anchors.into_iter().rev().find(|((_, evidence), _)| wanted.is_none_or(|wanted| wanted == *evidence));
            found.map(|((height, _), place)| (height, place)).ok_or(QueryError::NotFound(Missing::Anchor(wanted, at)))
        })?;
        let attested = self.log_checkpoint(Some(height), 0)?;
        let evidence = self.evidence(Place { height: place.height, index: place.index })?;
        let checkpoint = self.log_note(&attested)?;
        Ok((attested, Fact::Anchored(AnchoredProof { checkpoint, evidence })))
    }

    /// The evidence that an operation brought.
    fn evidence(&self, place: Place) -> Result<Evidence, NoProof> {
        let missing = || NoProof::from(QueryError::NotFound(Missing::Block(place.height)));
        let found = self.asked(|snapshot| Ok(operations::at(snapshot, place)))?.ok_or_else(missing)?;
        let (bytes, _) = self.committed(place.height).ok_or_else(missing)?;
        let (position, within) = found.within;
        let block = Block::decode(&bytes).map_err(|_| missing())?;
        let transaction = block.transactions.get(position as usize).ok_or_else(missing)?;
        let transaction: Transaction = encoding::decode(transaction).map_err(|_| missing())?;
        match transaction.operations.into_iter().nth(within).map(|operation| operation.body) {
            Some(Body::Anchor(anchor)) => Ok(anchor.evidence),
            _ => Err(missing()),
        }
    }

    /// The bytes of a leaf.
    fn leaf(&self, index: u64) -> Result<Vec<u8>, NoProof> {
        let missing = || NoProof::from(QueryError::NotFound(Missing::Entry(index)));
        self.entries(index..index + 1)?.pop().ok_or_else(missing)
    }

    /// The bytes of some leaves of the log, in order.
    ///
    /// # Errors
    /// `NotFound` where the log does not have them, or the blocks cannot be read.
    pub fn entries(&self, range: std::ops::Range<u64>) -> Result<Vec<Vec<u8>>, QueryError> {
        let of_blocks = self.query(|snapshot| Log(snapshot).blocks(range))?;
        let mut entries = Vec::new();
        for leaves in of_blocks {
            let missing = || QueryError::NotFound(Missing::Block(leaves.height));
            let (bytes, _) = self.committed(leaves.height).ok_or_else(missing)?;
            entries.extend(leaves.entries(&Block::decode(&bytes).map_err(|_| missing())?));
        }
        Ok(entries)
    }

    /// A checkpoint that is final and whose log has so many leaves: the one of a height, or the latest.
    fn log_checkpoint(&self, at: Option<Height>, leaves: u64) -> Result<Attested, NoProof> {
        let attested = self.asked(|snapshot| {
            let height = at.or_else(|| checkpoints::latest_final(snapshot.store));
            let Some(height) = height else { return Ok(None) };
            let found = Attested::read(snapshot.store, height);
            found.map(Some).ok_or(QueryError::NotFound(Missing::Checkpoint(height)))
        })?;
        attested.filter(|attested| attested.is_final() && attested.checkpoint.log_size >= leaves).ok_or(NoProof::NotYet)
    }

    /// A final checkpoint whose state is held on to, with its state note: the one of a height, or the latest.
    fn state_checkpoint(&self, at: Option<Height>) -> Result<(Arc<Kept>, Attested, NoteText), NoProof> {
        let keeper = self.keeper().ok_or(NoProof::Stopping)?;
        let kept = keeper.heights();
        for height in kept.iter().rev().filter(|height| at.is_none_or(|at| at == **height)) {
            let Some(kept) = keeper.at(*height) else { continue };
            let attested = self.read(|view| Attested::read(view.store, *height));
            let Some(attested) = attested.filter(|a| a.is_final() && a.roots() == Some(kept.roots)) else { continue };
            let state = self.state_note(&attested)?;
            return Ok((kept, attested, state));
        }
        match at {
            Some(at) if !kept.contains(&at) => Err(NoProof::NotKept(kept)),
            _ => Err(NoProof::NotYet),
        }
    }

    fn log_note(&self, attested: &Attested) -> Result<NoteText, NoProof> {
        attested.log_note(self.chain().chain_id()).as_ref().map(NoteText::from).ok_or(NoProof::NotYet)
    }

    fn state_note(&self, attested: &Attested) -> Result<NoteText, NoProof> {
        let note = attested.roots().and_then(|roots| attested.state_note(self.chain().chain_id(), &roots));
        note.as_ref().map(NoteText::from).ok_or(NoProof::NotYet)
    }

    fn asked<T>(&self, question: impl FnOnce(&Snapshot<'_>) -> Result<T, QueryError>) -> Result<T, NoProof> {
        Ok(self.query(question)?)
    }

    /// Asks a question about state at the head.
    ///
    /// # Errors
    /// Those of the question.
    pub fn query<T>(&self, question: impl FnOnce(&Snapshot<'_>) -> Result<T, QueryError>) -> Result<T, QueryError> {
        let genesis = self.chain().genesis();
        self.read(|view: &View<'_>| question(&Snapshot { head: view.head, store: view.store, genesis }))
    }
}

/// The policy of the validators at a checkpoint.
fn policy(replica: &Replica, attested: &Attested) -> Policy {
    let validators = attested.validators.validators();
    let cosigners: Vec<_> = validators.iter().map(|v| (v.merchant, v.cosigner_key)).collect();
    Policy::of_cosigners(replica.chain().chain_id(), &cosigners)
        .expect("the contracts admit usable keys only, each once")
}

/// The latest movement that a record of a holding is of.
fn movement_of(part: &RecordPart) -> Option<MovementId> {
    match encoding::decode(&part.leaf.0) {
        Ok(Record::Holding { height, index, .. }) => Some((height, index)),
        _ => None,
    }
}
