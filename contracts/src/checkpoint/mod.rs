//! Checkpoints: blocks whose log and state merchants vouch for with signatures that anyone can check (ADR 0012).

mod text;
mod state;
mod clock;
mod attest;
mod anchor;
#[cfg(test)]
pub(crate) mod tests;

pub use anchor::{Anchor, Evidence, MAX_RESPONSE_BYTES};
pub use attest::{Attest, attested_texts, most_attested, needed};
pub(crate) use clock::mark;
pub use state::{AnchorPlace, Attestation, Checkpoint, CheckpointClock, CheckpointSignatures, Roots};
pub use text::{StateHead, TreeHead, checkpoint_text, cosigned_text, cosigner_name, origin, state_text, token_uri};
