//! Bytes -> commit certificate -> verdict: no panic, one encoding, and a verdict that a simple count shares.

#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tally_contracts::types::{Height, MerchantId};
use tally_fuzz::alliance::{Alliance, certify};
use tally_fuzz::codec;
use tally_fuzz::edits::damage;
use tally_fuzz::input::Input;
use tally_fuzz::world::Start;
use tally_ledger::certificate::{CommitCertificate, VoteKind, vote_bytes};

static ALLIANCE: LazyLock<Alliance> = LazyLock::new(|| Alliance::start(Start::Real));

fuzz_target!(|bytes: &[u8]| {
    if let Some(certificate) = codec::canonical::<CommitCertificate>(bytes) {
        judge(&certificate);
        codec::speaks_json(&certificate);
    }
    if let Ok(certificate) = serde_json::from_slice::<CommitCertificate>(bytes) {
        codec::speaks_json(&certificate);
        codec::encodes(&certificate);
    }
    forge(&mut Input::new(bytes));
});

/// A certificate for the head by any signers in any order, and a little damaged.
fn forge(input: &mut Input<'_>) {
    let (chain_id, head) = (ALLIANCE.chain.chain_id(), &ALLIANCE.head);
    let count = input.below(6);
    let signers: Vec<_> = (0..count).map(|_| MerchantId(input.pick(&[1, 2, 3, 4, 2, 9]))).collect();
    let mut certificate = certify(chain_id, head.height, &head.block_id, &signers);
    if input.once_in(2) {
        let mut signatures: Vec<u8> = certificate.signatures.iter().flat_map(|s| s.signature.0).collect();
        damage(input, &mut signatures);
        for (signature, bytes) in certificate.signatures.iter_mut().zip(signatures.chunks_exact(64)) {
            signature.signature.0 = bytes.try_into().expect("a chunk is as long as it is asked to be");
        }
    }
    certificate.round = input.pick(&[0, 0, 0, 1, u32::MAX]);
    certificate.height = Height(input.pick(&[head.height.0, head.height.0, 0, u64::MAX]));
    judge(&certificate);
}

fn judge(certificate: &CommitCertificate) {
    let (chain_id, head) = (ALLIANCE.chain.chain_id(), &ALLIANCE.head);
    let _ = certificate.hash();
    for height in [head.height, certificate.height] {
        let validators = head.rota.of(height);
        let block_id = if height == head.height { head.block_id } else { certificate.block_id };
        let is_signed = |merchant: MerchantId| {
            let Some(validator) = validators.get(merchant) else { return false };
            let vote = vote_bytes(chain_id, VoteKind::Precommit, height, certificate.round, Some(&block_id), merchant);
            certificate
                .signatures
                .iter()
                .any(|s| s.merchant == merchant && validator.public_key.verify(&vote, &s.signature).is_ok())
        };
        if ALLIANCE.chain.check_certificate(certificate, validators, height, &block_id).is_ok() {
            let signers: BTreeSet<_> = certificate.signatures.iter().map(|s| s.merchant).collect();
            assert_eq!(signers.len(), certificate.signatures.len(), "each validator once");
            assert!(signers.iter().all(|merchant| is_signed(*merchant)), "every signature is one");
            assert!(signers.len() >= 3, "more than two thirds of four");
        }
    }
}
