//! Signed notes: what merchants vouch for, as text that anyone can check with the keys of a policy alone.
//!
//! A [`VerifierKey`] opens a [`SignedNote`] (C2SP `signed-note`). Two texts are signed: the [`Checkpoint`] of the log
//! (C2SP `tlog-checkpoint`, cosigned as `tlog-cosignature` v1 says) and the [`StateNote`] (ADR 0012). Whose signatures
//! suffice is written in a [`Policy`] (C2SP `tlog-policy`), one for each set of validators. A [`TlogProof`] (C2SP
//! `tlog-proof`) joins a checkpoint with the inclusion proof of one entry.
//!
//! Every reader takes one form of a text only, the one that is printed, and no input makes it panic.
//!
//! **Invariant**: what a note says counts only after a policy has judged it. Notes are read by name and id of their
//! keys; lines of unknown keys are passed over, but one bad line of a known key spoils the note (`signed-note`,
//! "Signatures").

mod checkpoint;
mod key;
mod policy;
mod signed;
mod state;
mod tlog_proof;

pub use checkpoint::Checkpoint;
pub use key::{KeyError, SignatureType, VerifierKey};
pub use policy::{Policy, PolicyError, PolicyFault, Refusal, Signer};
pub use signed::{MAX_SIGNATURES, NoteError, NoteSignature, SignedNote, VerifyError};
pub use state::StateNote;
pub use tlog_proof::{TlogProof, TlogProofError};

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tally_contracts::types::Hash;

/// A text that is not of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line} of the {text} is not as its format has it; get the text again from where it was published")]
pub struct TextError {
    /// Which text.
    text: &'static str,
    /// Which line of it.
    line: &'static str,
}

/// A number in decimals, without sign or leading zeros.
pub(crate) fn decimal<N: FromStr + ToString>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number: &N| number.to_string() == text)
}

/// Thirty-two bytes in base64 (RFC 4648 section 4, padded).
fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok().map(Hash)
}

/// The lines of a text that ends with a newline.
fn lines(text: &str) -> Option<Vec<&str>> {
    Some(text.strip_suffix('\n')?.split('\n').collect())
}

#[cfg(test)]
mod tests;
