//! Checkpoints (C2SP `tlog-checkpoint`): origin, size of the tree in decimals, root in base64, a line each. Ours have
//! no extension lines, so a text with any is refused.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tally_contracts::checkpoint::TreeHead;

use super::key::is_key_name;
use super::policy::{Policy, Refusal, Signer};
use super::signed::SignedNote;
use super::{TextError, decimal, hash, lines};

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log, which is also the name of its keys.
    pub origin: String,
    /// The tree.
    pub log: TreeHead,
}

impl Checkpoint {
    /// Reads a signed checkpoint that satisfies a policy: signed by one of its logs, cosigned by its quorum. Gives with
    /// it who cosigned, in the policy's order.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn open(note: &SignedNote, policy: &Policy) -> Result<(Self, Vec<Signer>), Refusal> {
        let checkpoint: Self = note.text().parse()?;
        let signers = policy.judge_checkpoint(&checkpoint.origin, note)?;
        Ok((checkpoint, signers))
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.log.size, STANDARD.encode(self.log.root.0))
    }
}

impl FromStr for Checkpoint {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |line| TextError { text: "checkpoint", line };
        let lines = lines(text).ok_or(wrong("the end"))?;
        let [origin, size, root] = lines[..] else { return Err(wrong("the number of lines")) };
        if !is_key_name(origin) {
            return Err(wrong("the origin"));
        }
        let size = decimal(size).ok_or(wrong("the size"))?;
        let root = hash(root).ok_or(wrong("the root"))?;
        Ok(Self { origin: origin.to_owned(), log: TreeHead { size, root } })
    }
}
