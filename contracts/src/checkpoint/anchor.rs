//! `anchor`: evidence from outside that a checkpoint existed, brought into the ledger where everyone has it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{AnchorPlace, attest};
use crate::encoding::{self, Domain};
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Hash, Height};

const EVIDENCE: Domain = Domain::new("tally/evidence/v1\0");

/// Longest response of a time-stamp authority, in bytes: some ten times what they send.
pub const MAX_RESPONSE_BYTES: usize = 32 << 10;
/// Longest line or key of a witness, in bytes.
const MAX_LINE_BYTES: usize = 1_000;

/// Puts evidence for a final checkpoint on record. Whether it convinces is for whoever reads it: the contracts know no
/// authority (ADR 0012).
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// The checkpoint's block.
    pub checkpoint: Height,
    /// The evidence.
    pub evidence: Evidence,
}

/// What somebody outside the alliance gave.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Evidence {
    /// RFC 3161: a time-stamp response whose imprint is the SHA-256 of the checkpoint's text.
    #[wincode(tag = 1)]
    TimeStamp {
        /// The DER of the response, at most 32 KiB; hexadecimal as text.
        #[serde(with = "hex::serde")]
        #[schema(value_type = String)]
        response: Vec<u8>,
    },
    /// C2SP: a witness's cosignature of the checkpoint.
    #[wincode(tag = 2)]
    Witness {
        /// The witness's key, as `name+id+base64`.
        key: String,
        /// Its line of the signed note.
        line: String,
    },
}

impl Evidence {
    /// What it is known by.
    #[must_use]
    pub fn hash(&self) -> Hash {
        EVIDENCE.hash(&[&encoding::encode(self)])
    }
}

impl Verb for Anchor {
    /// Nothing but that it was done.
    const MAX_RECEIPT_BYTES: usize = 0;

    fn check_stateless(&self) -> Result<(), &'static str> {
        let is_line = |text: &str| text.len() <= MAX_LINE_BYTES && !text.chars().any(char::is_control);
        match &self.evidence {
            Evidence::TimeStamp { response } if response.is_empty() || response.len() > MAX_RESPONSE_BYTES => {
                Err("a time stamp's response has 1 to 32,768 bytes")
            }
            Evidence::Witness { key, line } if !is_line(key) || !is_line(line) => {
                Err("key and line of a witness are lines of at most 1,000 bytes")
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// `unknown_checkpoint`, `checkpoint_not_final`, `anchored_already`.
    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        overlay.checkpoints.get(&self.checkpoint).ok_or(Rejection::UnknownCheckpoint)?;
        if !attest::is_final(overlay, self.checkpoint) {
            return Err(Rejection::CheckpointNotFinal);
        }
        let key = (self.checkpoint, self.evidence.hash());
        if overlay.anchors.get(&key).is_some() {
            return Err(Rejection::AnchoredAlready);
        }
        let (height, index) = (overlay.context.height, overlay.context.operation);
        let index = index.expect("an operation is being executed");
        overlay.anchors.put(key, AnchorPlace { merchant: caller.merchant, height, index });
        Ok(Applied::Anchored.into())
    }
}
