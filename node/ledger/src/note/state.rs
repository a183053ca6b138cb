//! State notes (ADR 0012): the log's origin and `/state`, height, time in ms and log size in decimals, the root of the
//! state records and the root of the ERC-1155 storage in base64, a line each.
//!
//! Signed by the same keys as the checkpoint's cosignatures, with plain signatures: any program for signed notes opens
//! it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tally_contracts::checkpoint::StateHead;
use tally_contracts::types::Height;

use super::key::is_key_name;
use super::policy::{Policy, Refusal, Signer};
use super::signed::SignedNote;
use super::{TextError, decimal, hash, lines};

/// What a state note says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateNote {
    /// The name of the log that it goes with, without `/state`.
    pub origin: String,
    /// The state.
    pub state: StateHead,
}

impl StateNote {
    /// Reads a signed state note that satisfies a policy: of one of its logs, signed by its quorum. Gives with it who
    /// signed, in the policy's order.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn open(note: &SignedNote, policy: &Policy) -> Result<(Self, Vec<Signer>), Refusal> {
        let state: Self = note.text().parse()?;
        let signers = policy.judge_state(&state.origin, note)?;
        Ok((state, signers))
    }
}

impl fmt::Display for StateNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StateHead { height, time_ms, log_size, state_root, erc1155_root } = &self.state;
        let [state_root, erc1155_root] = [state_root, erc1155_root].map(|root| STANDARD.encode(root.0));
        write!(f, "{}/state\n{height}\n{time_ms}\n{log_size}\n{state_root}\n{erc1155_root}\n", self.origin)
    }
}

impl FromStr for StateNote {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |line| TextError { text: "state note", line };
        let lines = lines(text).ok_or(wrong("the end"))?;
        let [name, height, time_ms, log_size, state_root, erc1155_root] = lines[..] else {
            return Err(wrong("the number of lines"));
        };
        let origin = name.strip_suffix("/state").filter(|origin| is_key_name(origin)).ok_or(wrong("the name"))?;
        let state = StateHead {
            height: Height(decimal(height).ok_or(wrong("the height"))?),
            time_ms: decimal(time_ms).ok_or(wrong("the time"))?,
            log_size: decimal(log_size).ok_or(wrong("the log's size"))?,
            state_root: hash(state_root).ok_or(wrong("the state root"))?,
            erc1155_root: hash(erc1155_root).ok_or(wrong("the ERC-1155 root"))?,
        };
        Ok(Self { origin: origin.to_owned(), state })
    }
}
