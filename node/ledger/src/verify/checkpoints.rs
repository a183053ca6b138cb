//! Checkpoints: what merchants attested against what re-execution leads to, and against each other.
//!
//! That an attestation is rightly signed, by a validator of its height, was judged when it was executed. What only an
//! auditor's own state can tell is whether the roots are those of the state: they are worked out here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::Serialize;
use tally_contracts::checkpoint::{Attestation, Checkpoint, CheckpointClock, Roots, most_attested, needed, token_uri};
use tally_contracts::encoding;
use tally_contracts::genesis::MAX_MERCHANTS;
use tally_contracts::governance::{ValidatorSet, epochs};
use tally_contracts::state::{Key as _, MemoryStore, read, read_range, tag};
use tally_contracts::types::{Hash, Height, MerchantId};

use super::history::{AsOf, Versions};
use super::report::{Finding, FindingKind};
use crate::chain::Chain;
use crate::roots::checkpoint_roots;

/// Most checkpoints and anchors that a report lists; all of them are counted.
pub const MAX_LISTED: usize = 1_000;

/// Of which checkpoints the roots are worked out anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RootsOf {
    /// Of none: attested roots are only compared with each other.
    None,
    /// Of the last that is final.
    #[default]
    Last,
    /// Of each that somebody attested.
    All,
}

/// What became of the checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checkpoints {
    /// On record.
    pub count: u64,
    /// Final: more than two thirds of the validators of their height attested equal roots.
    pub finals: u64,
    /// The last of them.
    pub latest_final: Option<Height>,
    /// Attestations, each with three valid signatures.
    pub attestations: u64,
    /// Checkpoints whose roots were worked out from the re-executed state.
    pub worked_out: u64,
    /// Checkpoints whose attested roots were only compared with each other.
    pub compared: u64,
    /// The last checkpoints, by rising height; at most [`MAX_LISTED`].
    pub listed: Vec<CheckpointRow>,
    /// The first that never became final; at most [`MAX_LISTED`]. The last ones of an archive may become so after it.
    pub never_final: Vec<Height>,
}

/// One checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointRow {
    /// Its block.
    pub height: Height,
    /// The block's time in ms since 1970.
    pub time_ms: u64,
    /// Leaves of the log.
    pub log_size: u64,
    /// RFC 6962 root of the log.
    pub log_root: Hash,
    /// Merchants that attested equal roots: the most that agree.
    pub attested: u16,
    /// How many make it final.
    pub needed: u16,
    /// Whether they did.
    pub is_final: bool,
    /// Whether its roots were worked out from the re-executed state.
    pub worked_out: bool,
    /// The roots: those worked out, else those that most merchants attested.
    pub roots: Option<Roots>,
}

/// A checkpoint that is final with roots that are not those of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongRoots {
    /// Its block.
    pub height: Height,
    /// Which root.
    pub field: &'static str,
    /// What is wrong, as a sentence.
    pub reason: String,
}

/// What to judge checkpoints by.
pub struct Judge<'a> {
    /// The alliance.
    pub chain: &'a Chain,
    /// State at the end.
    pub store: &'a MemoryStore,
    /// How settlement records came to be.
    pub versions: &'a Versions,
    /// Of which checkpoints roots are worked out.
    pub which: RootsOf,
    /// Checkpoints after this height only, but for the last final one: an earlier run saw to the others.
    pub after: Height,
    /// How many are worked out at once.
    pub threads: usize,
}

impl Judge<'_> {
    /// Judges every checkpoint on record.
    ///
    /// # Errors
    /// The first that is final with roots that are not those of the state.
    pub fn check(&self) -> Result<(Checkpoints, Vec<Finding>), WrongRoots> {
        let clock: Option<CheckpointClock> = read(self.store, tag::checkpoint_clock, &());
        let latest_final = clock.and_then(|clock| clock.latest_final);
        let worked_out = self.work_out(&self.wanted(latest_final));
        let epochs = epochs(self.store);
        let mut found = Checkpoints { latest_final, ..Checkpoints::default() };
        let mut findings = Vec::new();
        for (key, value) in self.store.range(&[tag::checkpoints], &[tag::checkpoints + 1]) {
            let (height, checkpoint) = (Height::take(&mut &key[1..]), encoding::decode_own(value));
            let row = self.judge_one(height, &checkpoint, set_of(&epochs, height), &worked_out, &mut findings)?;
            found.add(row, self.attestations(height).len());
        }
        Ok((found, findings))
    }

    fn attestations(&self, height: Height) -> Vec<((Height, MerchantId), Attestation)> {
        let (first, end) = ((height, MerchantId::POOL), (height.next(), MerchantId::POOL));
        read_range(self.store, tag::attestations, &first, Some(&end), MAX_MERCHANTS)
    }

    /// The heights whose roots are to be worked out, with their times in ms since 1970.
    fn wanted(&self, latest_final: Option<Height>) -> Vec<(Height, u64)> {
        let checkpoints = self.store.range(&[tag::checkpoints], &[tag::checkpoints + 1]);
        let checkpoints = checkpoints.map(|(key, value)| {
            let checkpoint: Checkpoint = encoding::decode_own(value);
            (Height::take(&mut &key[1..]), checkpoint.time_ms)
        });
        let is_wanted = |height: Height| match self.which {
            RootsOf::None => false,
            RootsOf::Last => Some(height) == latest_final,
            RootsOf::All => {
                Some(height) == latest_final || height > self.after && !self.attestations(height).is_empty()
            }
        };
        checkpoints.filter(|(height, _)| is_wanted(*height)).collect()
    }

    /// Roots of checkpoints, several at once.
    fn work_out(&self, wanted: &[(Height, u64)]) -> BTreeMap<Height, Roots> {
        let (next, uri) = (AtomicUsize::new(0), token_uri(self.chain.chain_id()));
        // A single one gets all threads for itself.
        let lanes = self.threads.clamp(1, wanted.len().max(1));
        let lane = || {
            let mut done = Vec::new();
            while let Some((height, time_ms)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                let store = AsOf { store: self.store, versions: self.versions, height: *height };
                let month = self.chain.genesis().calendar().month(*time_ms);
                let built = checkpoint_roots(&store, month, &uri, self.threads / lanes);
                done.push((*height, Roots { state_root: built.state.root(), erc1155_root: built.storage.root() }));
            }
            done
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().expect("roots of a sound state panic nowhere"))
                .collect()
        })
    }

    fn judge_one(
        &self,
        height: Height,
        checkpoint: &Checkpoint,
        set: &ValidatorSet,
        worked_out: &BTreeMap<Height, Roots>,
        findings: &mut Vec<Finding>,
    ) -> Result<CheckpointRow, WrongRoots> {
        let attestations = self.attestations(height);
        let majority = most_attested(attestations.iter().map(|(_, attestation)| attestation.roots));
        let (majority, attested) = (majority.map(|(roots, _)| roots), majority.map_or(0, |(_, count)| count));
        let (needed, ours) = (needed(set), worked_out.get(&height).copied());
        let is_final = attested >= needed;
        if let (true, Some(theirs), Some(ours)) = (is_final, majority, ours)
            && theirs != ours
        {
            return Err(wrong_roots(height, attested, &theirs, &ours));
        }
        if let Some(expected) = ours.or(majority.filter(|_| is_final)) {
            let others = attestations.iter().filter(|(_, attestation)| attestation.roots != expected);
            let source = if ours.is_some() { "re-execution leads to" } else { "the others attested" };
            findings.extend(others.map(|((_, merchant), attestation)| Finding {
                kind: FindingKind::OtherRoots,
                height,
                merchant: *merchant,
                reason: format!("attested {}, {source} {}", said(&attestation.roots), said(&expected)),
            }));
        }
        let Checkpoint { time_ms, log_size, log_root } = *checkpoint;
        let (worked_out, roots) = (ours.is_some(), ours.or(majority));
        Ok(CheckpointRow { height, time_ms, log_size, log_root, attested, needed, is_final, worked_out, roots })
    }
}

impl Checkpoints {
    /// Adds the next.
    fn add(&mut self, row: CheckpointRow, attestations: usize) {
        self.count += 1;
        self.attestations += attestations as u64;
        self.finals += u64::from(row.is_final);
        self.worked_out += u64::from(row.worked_out);
        self.compared += u64::from(!row.worked_out && attestations > 0);
        if !row.is_final && self.never_final.len() < MAX_LISTED {
            self.never_final.push(row.height);
        }
        if self.listed.len() == MAX_LISTED {
            self.listed.remove(0);
        }
        self.listed.push(row);
    }
}

/// The validators of a height.
fn set_of(epochs: &[(Height, ValidatorSet)], height: Height) -> &ValidatorSet {
    let begun = epochs.partition_point(|(from, _)| *from <= height);
    &epochs[begun.saturating_sub(1)].1
}

fn wrong_roots(height: Height, attested: u16, theirs: &Roots, ours: &Roots) -> WrongRoots {
    let field = if theirs.state_root == ours.state_root { "erc1155_root" } else { "state_root" };
    let reason = format!(
        "{attested} merchants attested {}, which makes the checkpoint final; re-execution leads to {}",
        said(theirs),
        said(ours)
    );
    WrongRoots { height, field, reason }
}

fn said(roots: &Roots) -> String {
    format!("state root {} and ERC-1155 root {}", roots.state_root, roots.erc1155_root)
}
