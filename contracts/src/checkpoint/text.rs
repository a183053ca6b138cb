//! The texts that merchants sign for a checkpoint: those of C2SP, so that any program for transparency logs reads them.
//!
//! Sources: C2SP `signed-note`, `tlog-checkpoint`, `tlog-cosignature` v1; the state note is ours (ADR 0012).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::types::{ChainId, Hash, Height, MerchantId};

/// The transparency log at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeHead {
    /// Leaves.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Hash,
}

/// The name of an alliance's log: the first line of its checkpoints, and the name of the keys that sign for it.
#[must_use]
pub fn origin(chain_id: &ChainId) -> String {
    format!("tally/{chain_id}")
}

/// The name of a merchant's cosigner key.
#[must_use]
pub fn cosigner_name(chain_id: &ChainId, merchant: MerchantId) -> String {
    format!("{}/{merchant}", origin(chain_id))
}

/// A checkpoint of the log: origin, size in decimals, root in base64, a line each.
#[must_use]
pub fn checkpoint_text(chain_id: &ChainId, log: &TreeHead) -> String {
    format!("{}\n{}\n{}\n", origin(chain_id), log.size, STANDARD.encode(log.root.0))
}

/// What the contract of ERC-1155 answers to `uri`, whatever the class; it is part of the storage that `erc1155_root` is of.
#[must_use]
pub fn token_uri(chain_id: &ChainId) -> String {
    format!("tally:{chain_id}/{{id}}")
}

/// What a cosignature of type 0x04 is over: a header with the time in seconds since 1970, then the checkpoint.
#[must_use]
pub fn cosigned_text(time_s: u64, checkpoint: &str) -> String {
    format!("cosignature/v1\ntime {time_s}\n{checkpoint}")
}

/// What the state of the ledger was after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateHead {
    /// The block.
    pub height: Height,
    /// Its time in ms since 1970.
    pub time_ms: u64,
    /// Leaves of the log after it: where the state belongs in it.
    pub log_size: u64,
    /// RFC 6962 root over the sorted records of state.
    pub state_root: Hash,
    /// Root of the balances in the storage layout of ERC-1155.
    pub erc1155_root: Hash,
}

/// The state note: origin and `/state`, height, time in ms and log size in decimals, both roots in base64, a line each.
#[must_use]
pub fn state_text(chain_id: &ChainId, state: &StateHead) -> String {
    let StateHead { height, time_ms, log_size, state_root, erc1155_root } = state;
    let [state_root, erc1155_root] = [state_root, erc1155_root].map(|root| STANDARD.encode(root.0));
    format!("{}/state\n{height}\n{time_ms}\n{log_size}\n{state_root}\n{erc1155_root}\n", origin(chain_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_the_specifications_have_them() {
        let chain_id = Hash([0xab; 32]);
        let name = "ab".repeat(32);
        let checkpoint = checkpoint_text(&chain_id, &TreeHead { size: 70_000, root: Hash([1; 32]) });
        assert_eq!(checkpoint, format!("tally/{name}\n70000\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"));
        assert_eq!(cosigned_text(1_700_000_000, &checkpoint), format!("cosignature/v1\ntime 1700000000\n{checkpoint}"));
        assert_eq!(cosigner_name(&chain_id, MerchantId(7)), format!("tally/{name}/7"));
        let state = StateHead {
            height: Height(5),
            time_ms: 1_700_000_000_123,
            log_size: 70_000,
            state_root: Hash([1; 32]),
            erc1155_root: Hash([0; 32]),
        };
        let [ones, zeros] =
            ["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="];
        let expected = format!("tally/{name}/state\n5\n1700000000123\n70000\n{ones}\n{zeros}\n");
        assert_eq!(state_text(&chain_id, &state), expected);
    }
}
