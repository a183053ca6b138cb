//! Notes of a small alliance with keys from fixed seeds; of foreign notes and keys what their own programs say of them.

mod keys_and_notes;
mod policies;
mod proofs;
mod texts;

use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use tally_contracts::checkpoint::{TreeHead, checkpoint_text, cosigned_text, cosigner_name, origin};
use tally_contracts::crypto::{PublicKey, sign};
use tally_contracts::types::{ChainId, Hash, MerchantId};

use super::*;

/// The alliance.
const CHAIN_ID: ChainId = Hash([0xab; 32]);
/// When its checkpoints are cosigned.
const TIME_S: u64 = 1_700_000_000;

fn seed(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn cosigners(count: u8) -> Vec<(MerchantId, PublicKey)> {
    (1..=count).map(|n| (MerchantId(n.into()), PublicKey::of(&seed(n)))).collect()
}

fn policy(count: u8) -> Policy {
    Policy::of_cosigners(&CHAIN_ID, &cosigners(count)).unwrap()
}

fn key(n: u8, name: &str, kind: SignatureType) -> VerifierKey {
    VerifierKey::new(name, kind, PublicKey::of(&seed(n))).unwrap()
}

/// A merchant's signature for the log.
fn log_signature(n: u8, text: &str) -> NoteSignature {
    let key = key(n, &origin(&CHAIN_ID), SignatureType::Ed25519);
    NoteSignature::plain(&key, &sign(&seed(n), text.as_bytes())).unwrap()
}

/// A merchant's cosignature.
fn cosignature(n: u8, text: &str) -> NoteSignature {
    let key = key(n, &cosigner_name(&CHAIN_ID, MerchantId(n.into())), SignatureType::Cosignature);
    NoteSignature::cosignature(&key, TIME_S, &sign(&seed(n), cosigned_text(TIME_S, text).as_bytes())).unwrap()
}

/// A merchant's signature of a state note.
fn state_signature(n: u8, text: &str) -> NoteSignature {
    let key = key(n, &cosigner_name(&CHAIN_ID, MerchantId(n.into())), SignatureType::Ed25519);
    NoteSignature::plain(&key, &sign(&seed(n), text.as_bytes())).unwrap()
}

/// A checkpoint with the signatures of these merchants.
fn signed_checkpoint(log: &TreeHead, logs: &[u8], witnesses: &[u8]) -> SignedNote {
    let text = checkpoint_text(&CHAIN_ID, log);
    let logs = logs.iter().map(|n| log_signature(*n, &text));
    let lines = logs.chain(witnesses.iter().map(|n| cosignature(*n, &text))).collect();
    SignedNote::new(text, lines).unwrap()
}

/// Every text that has one byte of `text` changed by `change`, as far as it is still UTF-8.
fn with_a_changed_byte(text: &str, change: u8) -> impl Iterator<Item = String> {
    (0..text.len()).filter_map(move |at| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= change;
        String::from_utf8(bytes).ok()
    })
}

/// A golden file; written anew where `TALLY_BLESS` is set, as those of `tests/golden.rs` are.
fn golden(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("TALLY_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    assert_eq!(golden, text, "{name}: the format changed");
    golden
}
