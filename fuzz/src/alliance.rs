//! Whole chains: blocks proposed, checked, executed and certified as validators do, and archives of them.

use std::sync::LazyLock;

use tally_contracts::crypto::sign;
use tally_contracts::receipt::Outcome;
use tally_contracts::transaction::Transaction;
use tally_contracts::types::{ChainId, Height, MerchantId};
use tally_ledger::archive::ArchiveWriter;
use tally_ledger::block::{Block, BlockId};
use tally_ledger::certificate::{CommitCertificate, CommitSignature, VoteKind, vote_bytes};
use tally_ledger::chain::{Chain, Head, Proposal};

use crate::execution::valid;
use crate::first_blocks;
use crate::keys::validator_key;
use crate::world::{Start, World};

/// Who signs for a block: three of four, which is more than two thirds.
const SIGNERS: [MerchantId; 3] = [MerchantId(1), MerchantId(2), MerchantId(4)];

/// A chain in the making.
#[derive(Clone, Debug)]
pub struct Alliance {
    /// As transactions are made for it.
    pub world: World,
    /// Its rules.
    pub chain: Chain,
    /// Its end.
    pub head: Head,
    /// Every block with its own certificate.
    pub blocks: Vec<(Block, CommitCertificate)>,
    /// Operations so far, and of these the applied ones.
    pub operations: (u64, u64),
}

/// One of each [`Start`], with members that hold points.
static STARTED: LazyLock<[Alliance; 3]> = LazyLock::new(|| Start::ALL.map(Alliance::prepare));

impl Alliance {
    /// A chain of three blocks: members are enrolled, and hold points.
    #[must_use]
    pub fn start(start: Start) -> Self {
        let at = Start::ALL.iter().position(|s| *s == start).expect("every start is listed");
        STARTED[at].clone()
    }

    fn prepare(start: Start) -> Self {
        let world = World::new(start);
        let chain = Chain::new(world.genesis.clone());
        let (head, _) = chain.start();
        let mut alliance = Self { world, chain, head, blocks: Vec::new(), operations: (0, 0) };
        for make in first_blocks::ALL {
            let transactions = make(&mut alliance.world);
            let block = alliance.propose(alliance.head.time_ms + 1, &transactions);
            alliance.commit(block);
        }
        alliance
    }

    /// The next block, of those transactions that are valid.
    #[must_use]
    pub fn propose(&self, now_ms: u64, transactions: &[Transaction]) -> Block {
        let height = self.head.height.next();
        let proposal = Proposal {
            proposer: self.head.rota.of(height).proposer(height, 0).merchant,
            now_ms,
            last_commit: self.blocks.last().map(|(_, certificate)| certificate.clone()),
            transactions: valid(transactions, self.chain.chain_id()),
        };
        self.chain.propose(&self.head, proposal)
    }

    /// Checks, executes and certifies the next block.
    ///
    /// # Panics
    /// When the chain does not take it.
    pub fn commit(&mut self, block: Block) {
        let checked = self.chain.check(&self.head, &block.encode()).expect("an honest block is valid");
        let executed = self.chain.execute(&self.world.store, &self.head, &checked);
        self.world.store.apply(&executed.writes);
        self.head = executed.head.clone();
        (self.world.height, self.world.time_ms) = (self.head.height, self.head.time_ms);
        for receipt in executed.receipts.iter().flatten() {
            self.operations.0 += 1;
            self.operations.1 += u64::from(matches!(receipt.outcome, Outcome::Applied(_)));
        }
        let certificate = certify(self.chain.chain_id(), block.header.height, &block.header.id(), &SIGNERS);
        self.blocks.push((block, certificate));
    }

    /// The archive of the chain.
    #[must_use]
    pub fn archive(&self) -> Vec<u8> {
        let mut writer = ArchiveWriter::new(Vec::new(), self.chain.genesis()).expect("memory can be written");
        for (block, certificate) in &self.blocks {
            writer.append(&block.encode(), certificate).expect("memory can be written");
        }
        writer.finish().expect("memory can be written")
    }
}

/// A certificate signed by these merchants' validators.
#[must_use]
pub fn certify(chain_id: &ChainId, height: Height, block_id: &BlockId, merchants: &[MerchantId]) -> CommitCertificate {
    let round = 0;
    let signature = |merchant: &MerchantId| {
        let bytes = vote_bytes(chain_id, VoteKind::Precommit, height, round, Some(block_id), *merchant);
        CommitSignature { merchant: *merchant, signature: sign(&validator_key(*merchant), &bytes) }
    };
    CommitCertificate { height, round, block_id: *block_id, signatures: merchants.iter().map(signature).collect() }
}
