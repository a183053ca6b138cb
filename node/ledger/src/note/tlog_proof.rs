//! Proofs that an entry stands in the log, as one text file (C2SP `tlog-proof`, extension `.tlog-proof`): the line
//! `c2sp.org/tlog-proof@v1`, `extra <base64>` if there is any, `index <n>`, the inclusion proof in base64, a hash a
//! line, an empty line, the signed checkpoint.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tally_contracts::types::Hash;

use super::checkpoint::Checkpoint;
use super::policy::{Policy, Refusal, Signer};
use super::signed::{NoteError, SignedNote};
use super::{TextError, decimal, hash};
use crate::log::{ProofError, leaf_hash, verify_inclusion};

/// First line.
const VERSION: &str = "c2sp.org/tlog-proof@v1";
/// Most hashes of an inclusion proof, for a tree has less than 2^64 leaves.
const MAX_PATH: usize = 64;

/// A proof of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// What the maker adds. **Nobody signs it**: it may be anything.
    pub extra: Option<Vec<u8>>,
    /// Position of the entry in the log, from 0.
    pub index: u64,
    /// The inclusion proof in the checkpoint's tree, the leaf's sibling first; at most 64 hashes.
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: SignedNote,
}

/// A proof that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Of the text before the checkpoint.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Of the signed checkpoint's form.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The checkpoint, by the policy.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The entry does not stand in the tree.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}

impl TlogProof {
    /// Checks that `leaf`, the bytes of an entry, stands at [`TlogProof::index`] of a log whose checkpoint satisfies
    /// the policy. Gives the checkpoint and who cosigned it.
    ///
    /// # Errors
    /// [`TlogProofError::Refused`], [`TlogProofError::Inclusion`].
    pub fn verify(&self, leaf: &[u8], policy: &Policy) -> Result<(Checkpoint, Vec<Signer>), TlogProofError> {
        let (checkpoint, signers) = Checkpoint::open(&self.checkpoint, policy)?;
        let log = &checkpoint.log;
        verify_inclusion(&leaf_hash(leaf), self.index, log.size, &self.path, &log.root)?;
        Ok((checkpoint, signers))
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{VERSION}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash.0)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for TlogProof {
    type Err = TlogProofError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |line| TextError { text: "proof", line };
        // The first empty line ends the proof itself.
        let (head, checkpoint) = text.split_once("\n\n").ok_or(wrong("the end"))?;
        let mut lines = head.split('\n').peekable();
        lines.next_if_eq(&VERSION).ok_or(wrong("the first line"))?;
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(|line| {
            let extra = line.strip_prefix("extra ").and_then(|extra| STANDARD.decode(extra).ok());
            extra.ok_or(wrong("the extra data"))
        });
        let extra = extra.transpose()?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(wrong("the index"))?;
        let path: Vec<Hash> =
            lines.take(MAX_PATH + 1).map(|line| hash(line).ok_or(wrong("a hash"))).collect::<Result<_, _>>()?;
        if path.len() > MAX_PATH {
            return Err(wrong("the number of hashes").into());
        }
        Ok(Self { extra, index, path, checkpoint: checkpoint.parse()? })
    }
}
