//! What merchants vouch for: notes that three of the alliance's four signed, over any log and any state, and proofs
//! under them. A log has one entry here and a state one record, so that their hashes are the roots.

use std::sync::LazyLock;

use alloy_primitives::keccak256;
use tally_contracts::checkpoint::{
    Evidence, StateHead, TreeHead, checkpoint_text, cosigned_text, cosigner_name, origin, state_text,
};
use tally_contracts::crypto::{PublicKey, sign};
use tally_contracts::encoding::encode;
use tally_contracts::points::{Lot, Reason, StatementLine};
use tally_contracts::receipt::Receipt;
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::Transaction;
use tally_contracts::types::{ChainId, ClassId, Hash, Height, MerchantId, Month, Points};
use tally_ledger::anchor::Trust;
use tally_ledger::anchor::timestamp::Roots;
use tally_ledger::leaf::Leaf;
use tally_ledger::log::{Frontier, leaf_hash};
use tally_ledger::note::{NoteSignature, Policy, SignatureType, SignedNote, TlogProof, VerifierKey};
use tally_ledger::proof::{
    AnchoredProof, BalanceProof, Fact, GrowthProof, Hex, NoteText, OperationProof, ProofFile, RecordPart,
    SettlementProof, SignedProof, StatementProof,
};
use tally_ledger::roots::erc1155::{BalancesBuilder, balance_slot};
use tally_ledger::roots::records::Record;
use tally_ledger::roots::trie::StorageTrie;

use crate::alliance::Alliance;
use crate::founding::genesis;
use crate::golden;
use crate::keys::{Signer, cosigner_key};
use crate::world::{Start, member};

/// Who signs: more than two thirds of four.
const SIGNERS: [MerchantId; 3] = [MerchantId(1), MerchantId(2), MerchantId(4)];
/// When cosignatures were made, in seconds since 1970.
const TIME_S: u64 = 1_485_734_401;
/// The witness outside that is believed.
const WITNESS: Signer = Signer::Wallet(1);
/// The class that the proofs are about.
const CLASS: ClassId = ClassId(1);

/// An alliance whose cosigner keys are known, and whom a checker trusts.
#[derive(Debug)]
pub struct Vouching {
    /// The alliance.
    pub chain_id: ChainId,
    /// The keys of its founders.
    pub policy: Policy,
    /// The witness, and no authority.
    pub trust: Trust,
}

/// The alliance that starts with [`Start::Real`].
pub static VOUCHING: LazyLock<Vouching> = LazyLock::new(Vouching::start);

impl Vouching {
    fn start() -> Self {
        let genesis = genesis(Start::Real);
        let chain_id = genesis.chain_id();
        let cosigners: Vec<_> = genesis.merchants.iter().map(|m| (m.id, m.cosigner_key)).collect();
        let policy = Policy::of_cosigners(&chain_id, &cosigners).expect("four keys of four merchants");
        Self { chain_id, policy, trust: Trust::new(Roots::default(), vec![witness()]) }
    }

    /// A checkpoint of a log that merchants signed.
    #[must_use]
    pub fn checkpoint(&self, size: u64, root: Hash) -> SignedNote {
        let text = checkpoint_text(&self.chain_id, &TreeHead { size, root });
        let lines = SIGNERS.iter().flat_map(|merchant| {
            let cosigned = sign(&cosigner_key(*merchant), cosigned_text(TIME_S, &text).as_bytes());
            let plain = sign(&cosigner_key(*merchant), text.as_bytes());
            [
                NoteSignature::plain(&self.key(&origin(&self.chain_id), *merchant, SignatureType::Ed25519), &plain),
                NoteSignature::cosignature(&self.cosigner(*merchant), TIME_S, &cosigned),
            ]
        });
        note(text.clone(), lines.map(|line| line.expect("a key of the line's type")).collect())
    }

    /// A state note that merchants signed.
    #[must_use]
    pub fn state(&self, state_root: Hash, erc1155_root: Hash) -> NoteText {
        let (height, time_ms, log_size) = (Height(3), TIME_S * 1_000, 1);
        let text = state_text(&self.chain_id, &StateHead { height, time_ms, log_size, state_root, erc1155_root });
        let lines = SIGNERS.map(|merchant| {
            let name = cosigner_name(&self.chain_id, merchant);
            let key = self.key(&name, merchant, SignatureType::Ed25519);
            NoteSignature::plain(&key, &sign(&cosigner_key(merchant), text.as_bytes())).expect("a key of that type")
        });
        NoteText(note(text, lines.to_vec()).to_string())
    }

    fn cosigner(&self, merchant: MerchantId) -> VerifierKey {
        self.key(&cosigner_name(&self.chain_id, merchant), merchant, SignatureType::Cosignature)
    }

    fn key(&self, name: &str, merchant: MerchantId, kind: SignatureType) -> VerifierKey {
        VerifierKey::new(name, kind, PublicKey::of(&cosigner_key(merchant))).expect("an origin names a key")
    }

    /// A file of a fact.
    #[must_use]
    pub fn file(&self, fact: Fact) -> ProofFile {
        ProofFile::new(self.chain_id, &self.policy, fact)
    }

    /// An operation of the log's only entry, whose bytes are any.
    #[must_use]
    pub fn operation(&self, leaf: Vec<u8>, operation: u16) -> Fact {
        let checkpoint = self.checkpoint(1, leaf_hash(&leaf));
        let tlog_proof = TlogProof { extra: None, index: 0, path: Vec::new(), checkpoint }.to_string();
        Fact::Operation(OperationProof { operation, leaf: Hex(leaf), tlog_proof })
    }

    /// The only record of a state, whose bytes are any.
    #[must_use]
    pub fn record(&self, leaf: Vec<u8>) -> RecordPart {
        let state = self.state(leaf_hash(&leaf), Hash::ZERO);
        RecordPart { leaf: Hex(leaf), index: 0, size: 1, path: Vec::new(), state }
    }

    /// A balance of the first member under a trie of any nodes.
    #[must_use]
    pub fn balance(&self, points: Points, nodes: Vec<Vec<u8>>) -> Fact {
        let root = nodes.first().map_or(Hash::ZERO, |node| Hash(keccak256(node).0));
        let (holder, state) = (member(1), self.state(Hash::ZERO, root));
        let slot = Hex(balance_slot(&holder, CLASS).to_vec());
        Fact::Balance(BalanceProof {
            holder,
            class: CLASS,
            points,
            slot,
            nodes: nodes.into_iter().map(Hex).collect(),
            state,
        })
    }

    /// A true fact of each kind.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let entry = transaction_leaf();
        let hashes = [leaf_hash(&entry), leaf_hash(b"another")];
        let mut log = Frontier::default();
        hashes.iter().for_each(|hash| log.append_hash(*hash));
        let text = |size, root| NoteText(self.checkpoint(size, root).to_string());
        let grown = GrowthProof { from: text(1, hashes[0]), to: text(2, log.root()), path: vec![hashes[1]] };
        let signed = SignedProof { checkpoint: text(1, hashes[0]), state: self.state(Hash::ZERO, Hash::ZERO) };
        vec![
            self.operation(entry, 0),
            Fact::Signed(signed),
            Fact::Growth(grown),
            self.true_balance(100),
            self.true_balance(0),
            self.statement(),
            self.settlement(),
            self.anchored(),
        ]
    }

    fn true_balance(&self, points: u64) -> Fact {
        let mut balances = BalancesBuilder::default();
        balances.push(&member(1), CLASS, Points(points));
        balances.push(&member(2), CLASS, Points(7));
        let balances = balances.finish("", 1);
        let trie = StorageTrie::new(&balances, 1);
        let proof = trie.prove(&balance_slot(&member(1), CLASS), |range| balances.entries()[range].to_vec());
        Fact::Balance(BalanceProof::new(member(1), CLASS, proof, self.state(Hash::ZERO, trie.root())))
    }

    fn statement(&self) -> Fact {
        let (address, height, index) = (member(1), Height(2), 0);
        let lots = vec![Lot { expires: Month(600), points: Points(100) }];
        let (operation, delta, reason) = (Some(0), 100, Reason::Issued);
        let line = StatementLine { address, class: CLASS, height, index, operation, delta, reason, lots: lots.clone() };
        let line = encode(&line);
        let statement_hash = StatementLine::chain(&Hash::ZERO, &line);
        let record = Record::Holding { address, class: CLASS, height, index, lots, statement_hash };
        let (to, lines) = (self.record(encode(&record)), vec![Hex(line)]);
        Fact::Statement(StatementProof { holder: address, class: CLASS, from: None, to, lines })
    }

    fn settlement(&self) -> Fact {
        let cycle = Month(571);
        let mut statement = golden::record("settlement.statement");
        // It has no legs here: their number is last.
        let length = statement.len();
        statement[length - 2..].fill(0);
        let statement = self.record([&2_u32.to_le_bytes()[..], &encode(&cycle), &statement].concat());
        Fact::Settlement(SettlementProof { cycle, statement, legs: Vec::new() })
    }

    fn anchored(&self) -> Fact {
        let checkpoint = self.checkpoint(1, Hash::ZERO);
        let signature = sign(WITNESS.key(), cosigned_text(TIME_S, checkpoint.text()).as_bytes());
        let line = NoteSignature::cosignature(&witness(), TIME_S, &signature).expect("a witness's key").to_string();
        let evidence = Evidence::Witness { key: witness().to_string(), line };
        Fact::Anchored(AnchoredProof { checkpoint: NoteText(checkpoint.to_string()), evidence })
    }
}

/// The entry of a transaction of one operation, which was refused.
fn transaction_leaf() -> Vec<u8> {
    let alliance = Alliance::start(Start::Real);
    let (block, _) = &alliance.blocks[1];
    let bytes = &block.transactions[0];
    let transaction: Transaction = tally_contracts::encoding::decode(bytes).expect("what a block holds is one");
    let refused = |reference| Receipt::rejected(reference, Rejection::UnknownClass);
    let receipts: Vec<_> = transaction.operations.iter().map(|operation| refused(operation.reference)).collect();
    encode(&Leaf::Transaction { height: block.header.height, index: 0, bytes, receipts: &receipts })
}

fn witness() -> VerifierKey {
    VerifierKey::new("witness.example/fuzz", SignatureType::Cosignature, WITNESS.public()).expect("a name is one")
}

fn note(text: String, lines: Vec<NoteSignature>) -> SignedNote {
    SignedNote::new(text, lines).expect("a text of lines, and a few signatures")
}
