//! Checkpoints as the ledger tells of them: which there are, who may vouch for them, and who has.

use tally_contracts::checkpoint::{Checkpoint as Record, Roots, TreeHead, attested_texts};
use tally_contracts::crypto::PublicKey;
use tally_contracts::encoding;
use tally_contracts::execute::BlockRun;
use tally_contracts::governance::{ValidatorSet, epochs};
use tally_contracts::state::{Key as _, MemoryStore, tag};
use tally_contracts::types::{ChainId, Hash, Height};

use tally_tests::random::Random;

use crate::observe::{Applied, number};
use crate::world::World;

/// Most leaves that a block adds to the log.
const MOST_LEAVES: u64 = 40;

/// A checkpoint on record.
pub struct Checkpoint {
    pub height: u64,
    pub record: Record,
    /// What most merchants say that state was, and what some say.
    pub roots: [Roots; 2],
    pub validators: ValidatorSet,
    pub attested: Vec<u16>,
    pub is_final: bool,
    /// Evidence that was brought for it.
    pub anchored: Vec<serde_json::Value>,
}

impl Checkpoint {
    /// The three texts that a merchant signs for it.
    pub fn texts(&self, chain_id: &ChainId, roots: &Roots) -> [String; 3] {
        attested_texts(chain_id, Height(self.height), &self.record, roots)
    }

    /// The key by which a merchant vouches for it, if it may.
    pub fn key_of(&self, merchant: u16) -> Option<PublicKey> {
        let set = self.validators.validators().iter();
        set.filter(|validator| validator.merchant.0 == merchant).map(|validator| validator.cosigner_key).next()
    }
}

/// The log after the block before; it grows with every block.
pub fn next_log(world: &mut World) -> TreeHead {
    world.log = TreeHead { size: world.log.size + world.random.between(1, MOST_LEAVES), root: hash(&mut world.random) };
    world.log
}

/// Learns from a block which other block is a checkpoint.
pub fn learn(world: &mut World, run: &BlockRun, store: &MemoryStore) {
    for (key, record) in run.writes.iter().filter(|(key, _)| key[0] == tag::checkpoints) {
        let Some(record) = record else { continue };
        let height = Height::take(&mut &key[1..]);
        let begun = epochs(store).into_iter().rfind(|(from, _)| *from <= height);
        let Some((_, validators)) = begun else { continue };
        let roots = [(); 2].map(|()| roots(&mut world.random));
        world.checkpoints.push(Checkpoint {
            height: height.0,
            record: encoding::decode_own(record),
            roots,
            validators,
            attested: Vec::new(),
            is_final: false,
            anchored: Vec::new(),
        });
    }
}

/// Learns from one applied operation.
pub fn observe(world: &mut World, applied: &Applied<'_>) {
    let named = if applied.kind == "attest" { "height" } else { "checkpoint" };
    let height = number(&applied.says[named]);
    let Some(checkpoint) = world.checkpoints.iter_mut().find(|checkpoint| checkpoint.height == height) else { return };
    if applied.kind == "attest" {
        checkpoint.attested.push(applied.merchant);
        checkpoint.is_final |= applied.receipt["attested"]["is_final"] == true;
    } else {
        checkpoint.anchored.push(applied.says["evidence"].clone());
    }
}

fn roots(random: &mut Random) -> Roots {
    Roots { state_root: hash(random), erc1155_root: hash(random) }
}

fn hash(random: &mut Random) -> Hash {
    let mut bytes = [0; 32];
    bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&random.number().to_le_bytes()));
    Hash(bytes)
}
