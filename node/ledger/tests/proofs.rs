//! Proofs out of a chain's own log, as a member or a merchant is shown them: a forged receipt and a stale checkpoint are
//! refused, each for what it is.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with a message")]

mod common;

use common::*;
use tally_contracts::checkpoint::{TreeHead, checkpoint_text, cosigned_text, cosigner_name, origin};
use tally_contracts::crypto::{PublicKey, sign};
use tally_contracts::encoding::encode;
use tally_contracts::receipt::{Applied, Outcome, Receipt};
use tally_contracts::types::{Hash, MerchantId, Points};
use tally_ledger::leaf::Leaf;
use tally_ledger::log::path::inclusion;
use tally_ledger::log::{Frontier, ProofError, TileId, Tiles, leaf_hash};
use tally_ledger::note::{
    NoteSignature, Policy, Refusal, SignatureType, SignedNote, TlogProof, TlogProofError, VerifierKey,
};

/// A log within one tile.
struct Leaves(Vec<Hash>);

impl Tiles for Leaves {
    type Error = ();

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, ()> {
        Ok(self.0[..usize::from(id.width)].to_vec())
    }
}

/// The leaves of some blocks of shopping, the size of the log at each block's end, and where a receipt of points issued
/// stands, with its leaf's bytes as they are and as a forger would have them.
struct Shopping {
    chain: TestChain,
    leaves: Vec<Hash>,
    sizes: Vec<u64>,
    issued: u64,
    right: Vec<u8>,
    forged: Vec<u8>,
}

fn shopping() -> Shopping {
    let mut chain = TestChain::new(genesis());
    let t = START_MS + 1_000;
    let (mut leaves, mut sizes, mut frontier) = (Vec::new(), Vec::new(), Frontier::default());
    let mut found = None;
    for (n, body) in [enrol(1), issue(1, member(1, 1), &[12_850]), enrol(2)].into_iter().enumerate() {
        let transaction = chain.transaction(1, t, vec![body]);
        let block = chain.propose(t + 10 * n as u64, &[transaction]);
        let checked = chain.chain.check(&chain.head, &block.encode()).unwrap();
        let executed = chain.commit(block);
        for leaf in checked.leaves(&executed.due, &executed.receipts) {
            if let Leaf::Transaction { height, index, bytes, receipts } = leaf
                && n == 1
            {
                let forged = double(receipts);
                let forged = encode(&Leaf::Transaction { height, index, bytes, receipts: &forged });
                found = Some((leaves.len() as u64, encode(&leaf), forged));
            }
            leaves.push(leaf_hash(&encode(&leaf)));
            frontier.append(&encode(&leaf));
        }
        sizes.push(frontier.size());
        assert_eq!((frontier.size(), frontier.root()), (chain.head.outcome.log_size, chain.head.outcome.log_root));
    }
    let (issued, right, forged) = found.unwrap();
    Shopping { chain, leaves, sizes, issued, right, forged }
}

/// The receipts with twice the points.
fn double(receipts: &[Receipt]) -> Vec<Receipt> {
    let mut receipts = receipts.to_vec();
    for receipt in &mut receipts {
        let Outcome::Applied(Applied::Issued { points, .. }) = &mut receipt.outcome else {
            panic!("points are issued")
        };
        *points = Points(points.0 * 2);
    }
    receipts
}

impl Shopping {
    /// The checkpoint of a size, signed by these merchants.
    fn checkpoint(&self, size: u64, merchants: &[u16]) -> SignedNote {
        let mut frontier = Frontier::default();
        self.leaves[..size as usize].iter().for_each(|leaf| frontier.append_hash(*leaf));
        let chain_id = self.chain.chain.chain_id();
        let text = checkpoint_text(chain_id, &TreeHead { size, root: frontier.root() });
        let lines = merchants.iter().flat_map(|merchant| {
            let (secret, name) = (cosigner_key(*merchant), cosigner_name(chain_id, MerchantId(*merchant)));
            let public = PublicKey::of(&secret);
            let log = VerifierKey::new(&origin(chain_id), SignatureType::Ed25519, public).unwrap();
            let witness = VerifierKey::new(&name, SignatureType::Cosignature, public).unwrap();
            let cosigned = sign(&secret, cosigned_text(7, &text).as_bytes());
            [
                NoteSignature::plain(&log, &sign(&secret, text.as_bytes())).unwrap(),
                NoteSignature::cosignature(&witness, 7, &cosigned).unwrap(),
            ]
        });
        let lines = lines.collect();
        SignedNote::new(text, lines).unwrap()
    }

    fn policy(&self) -> Policy {
        let validators = self.chain.head.rota.of(self.chain.head.height).validators();
        let cosigners: Vec<_> = validators.iter().map(|v| (v.merchant, v.cosigner_key)).collect();
        Policy::of_cosigners(self.chain.chain.chain_id(), &cosigners).unwrap()
    }

    fn proof(&self, size: u64, merchants: &[u16]) -> TlogProof {
        let leaves = Leaves(self.leaves.clone());
        let path = inclusion(&leaves, self.issued, size).unwrap();
        TlogProof { extra: None, index: self.issued, path, checkpoint: self.checkpoint(size, merchants) }
    }
}

#[test]
fn a_receipt_is_proven_and_a_forged_one_leads_to_another_root() {
    let shopping = shopping();
    let (policy, size) = (shopping.policy(), *shopping.sizes.last().unwrap());
    let proof = shopping.proof(size, &[1, 2, 4]);
    let (checkpoint, signers) = proof.verify(&shopping.right, &policy).unwrap();
    assert_eq!((checkpoint.log.size, signers.len()), (size, 3));
    let refused = proof.verify(&shopping.forged, &policy).unwrap_err();
    assert_eq!(refused, TlogProofError::Inclusion(ProofError::Root));
    assert!(refused.to_string().contains("not in that tree"), "{refused}");
}

#[test]
fn a_stale_checkpoint_says_nothing_of_a_newer_leaf() {
    let shopping = shopping();
    let (policy, size) = (shopping.policy(), *shopping.sizes.last().unwrap());
    // Rightly signed, of the log before the points were issued.
    let stale =
        TlogProof { checkpoint: shopping.checkpoint(shopping.sizes[0], &[1, 2, 4]), ..shopping.proof(size, &[1]) };
    let refused = stale.verify(&shopping.right, &policy).unwrap_err();
    assert_eq!(refused, TlogProofError::Inclusion(ProofError::Beyond));
    assert!(refused.to_string().contains("a later checkpoint"), "{refused}");
    // Of a size that has the leaf, but not of this path.
    let other =
        TlogProof { checkpoint: shopping.checkpoint(shopping.sizes[1], &[1, 2, 4]), ..shopping.proof(size, &[1]) };
    assert!(matches!(other.verify(&shopping.right, &policy), Err(TlogProofError::Inclusion(_))));
}

#[test]
fn a_checkpoint_that_too_few_signed_proves_nothing() {
    let shopping = shopping();
    let (policy, size) = (shopping.policy(), *shopping.sizes.last().unwrap());
    let refused = shopping.proof(size, &[2, 3]).verify(&shopping.right, &policy).unwrap_err();
    assert_eq!(refused, TlogProofError::Refused(Refusal::NoQuorum { signed: 2, known: 4 }));
}
