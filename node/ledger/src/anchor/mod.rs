//! Anchors: evidence from outside the alliance that a checkpoint of its log existed at a time, from somebody who is
//! no party to it. A merchant's node asks for it and submits it as an operation; whoever has the archive judges it
//! with [`Trust`] in operators of his own choice (ADR 0012).
//!
//! All of it is about a checkpoint's text (origin, size, root), which signatures that come later do not change. No
//! network and no clock: requests are made and answers judged here, sending them is the node's.

pub mod timestamp;
pub mod witness;

use sha2::{Digest, Sha256};
use tally_contracts::checkpoint::Evidence;

use crate::note::VerifierKey;
use timestamp::{Roots, RootsError, TimeStampError};
use witness::{WitnessError, witness_key};

/// Whom an auditor believes.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    authorities: Roots,
    witnesses: Vec<VerifierKey>,
}

/// What judged evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchored {
    /// Who vouches: the subject of an authority's certificate, or a witness's name.
    pub operator: String,
    /// When the checkpoint existed at the latest, in ms since 1970 by the operator's clock.
    pub time_ms: u64,
}

/// Evidence that proves nothing, or trust that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// The time stamp.
    #[error("time stamp: {0}")]
    TimeStamp(#[from] TimeStampError),
    /// The cosignature.
    #[error("witness: {0}")]
    Witness(#[from] WitnessError),
    /// A witness that the auditor did not name.
    #[error("the witness `{0}` is not among those that are trusted; add its key if you trust its operator")]
    UntrustedWitness(String),
    /// The roots of authorities.
    #[error("roots of time-stamp authorities: {0}")]
    Roots(#[from] RootsError),
}

/// What a time-stamp authority is asked to stamp: SHA-256 of a checkpoint's text.
#[must_use]
pub fn imprint(checkpoint_text: &str) -> [u8; 32] {
    Sha256::digest(checkpoint_text).into()
}

impl Trust {
    /// Trust in time-stamp authorities and in witnesses, by their keys.
    #[must_use]
    pub const fn new(authorities: Roots, witnesses: Vec<VerifierKey>) -> Self {
        Self { authorities, witnesses }
    }
}

/// Judges whether evidence is of this checkpoint (its text, without signatures), by someone who is trusted.
///
/// # Errors
/// [`AnchorError`].
pub fn judge(evidence: &Evidence, checkpoint_text: &str, trust: &Trust) -> Result<Anchored, AnchorError> {
    match evidence {
        Evidence::TimeStamp { response } => {
            let stamp = timestamp::judge(response, &imprint(checkpoint_text), None, &trust.authorities)?;
            Ok(Anchored { operator: stamp.authority, time_ms: stamp.time_ms })
        }
        Evidence::Witness { key, line } => {
            let key = witness_key(key)?;
            if !trust.witnesses.contains(&key) {
                return Err(AnchorError::UntrustedWitness(key.name().to_owned()));
            }
            let time_ms = witness::cosignature(line, checkpoint_text, &key)?.time_ms();
            Ok(Anchored { operator: key.name().to_owned(), time_ms })
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use tally_contracts::crypto::{PublicKey, sign};

    use super::*;
    use crate::note::{NoteSignature, SignatureType};

    #[test]
    fn a_witness_is_believed_by_who_trusts_it_and_for_its_checkpoint_alone() {
        let secret = SigningKey::from_bytes(&[1; 32]);
        let key = VerifierKey::new("w.example", SignatureType::Cosignature, PublicKey::of(&secret)).unwrap();
        let text = "tally/abc\n7\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
        let signature = sign(&secret, format!("cosignature/v1\ntime 1700000000\n{text}").as_bytes());
        let line = NoteSignature::cosignature(&key, 1_700_000_000, &signature).unwrap().to_string();
        let evidence = Evidence::Witness { key: key.to_string(), line };
        let trust = Trust::new(Roots::default(), vec![key]);
        let anchored = Anchored { operator: "w.example".into(), time_ms: 1_700_000_000_000 };
        assert_eq!(judge(&evidence, text, &trust), Ok(anchored));
        let other = judge(&evidence, "tally/abc\n8\n", &trust);
        assert_eq!(other, Err(AnchorError::Witness(WitnessError::Signature("w.example".into()))));
        let nobody = judge(&evidence, text, &Trust::default());
        assert_eq!(nobody, Err(AnchorError::UntrustedWitness("w.example".into())));
    }
}
