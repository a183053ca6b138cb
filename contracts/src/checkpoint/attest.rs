//! `attest`: a merchant's node vouches for the log and the state at a checkpoint.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{
    Attestation, Checkpoint, CheckpointClock, CheckpointSignatures, Roots, StateHead, TreeHead, checkpoint_text,
    cosigned_text, state_text,
};
use crate::crypto::{PublicKey, SignatureError};
use crate::genesis::MAX_MERCHANTS;
use crate::governance::{ValidatorSet, validators};
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{ChainId, Hash, Height, MerchantId};

/// Vouches for a checkpoint (ADR 0012).
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attest {
    /// The checkpoint's block.
    pub height: Height,
    /// RFC 6962 root over the sorted records of state.
    pub state_root: Hash,
    /// Root of the balances in the storage layout of ERC-1155.
    pub erc1155_root: Hash,
    /// By the cosigner key. Apart, so that operations in general stay small in memory.
    pub signatures: Box<CheckpointSignatures>,
}

/// The three texts that a merchant signs for a checkpoint: for the log, as a cosigner, and for state.
#[must_use]
pub fn attested_texts(chain_id: &ChainId, height: Height, checkpoint: &Checkpoint, roots: &Roots) -> [String; 3] {
    let Checkpoint { time_ms, log_size, log_root } = *checkpoint;
    let log = checkpoint_text(chain_id, &TreeHead { size: log_size, root: log_root });
    let cosigned = cosigned_text(time_ms / 1_000, &log);
    let Roots { state_root, erc1155_root } = *roots;
    let state = state_text(chain_id, &StateHead { height, time_ms, log_size, state_root, erc1155_root });
    [log, cosigned, state]
}

impl Attest {
    fn roots(&self) -> Roots {
        Roots { state_root: self.state_root, erc1155_root: self.erc1155_root }
    }

    fn check_signatures(
        &self,
        key: &PublicKey,
        chain_id: &ChainId,
        checkpoint: &Checkpoint,
    ) -> Result<(), SignatureError> {
        let texts = attested_texts(chain_id, self.height, checkpoint, &self.roots());
        let CheckpointSignatures { log, cosigner, state } = &*self.signatures;
        texts
            .iter()
            .zip([log, cosigner, state])
            .try_for_each(|(text, signature)| key.verify(text.as_bytes(), signature))
    }
}

impl Verb for Attest {
    /// Two counts and a flag.
    const MAX_RECEIPT_BYTES: usize = 2 + 2 + 1;

    /// # Errors
    /// `unknown_checkpoint`, `not_validating`, `attested_already`, `wrong_attestation`.
    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let checkpoint = overlay.checkpoints.get(&self.height).ok_or(Rejection::UnknownCheckpoint)?;
        let set = validators::at(overlay, self.height);
        let validator = set.get(caller.merchant).ok_or(Rejection::NotValidating)?;
        if overlay.attestations.get(&(self.height, caller.merchant)).is_some() {
            return Err(Rejection::AttestedAlready);
        }
        let chain_id = overlay.context.chain_id;
        if self.check_signatures(&validator.cosigner_key, &chain_id, &checkpoint).is_err() {
            return Err(Rejection::WrongAttestation);
        }
        let attestation = Attestation { roots: self.roots(), signatures: *self.signatures };
        overlay.attestations.put((self.height, caller.merchant), attestation);
        let alike = attested_roots(overlay, self.height).iter().filter(|roots| **roots == self.roots()).count();
        let attested = u16::try_from(alike).expect("an alliance has at most 1,000 merchants");
        let needed = needed(&set);
        let is_final = attested >= needed;
        let clock = overlay.checkpoint_clock.get(&()).expect("genesis wrote the clock of checkpoints");
        if is_final && clock.latest_final < Some(self.height) {
            overlay.checkpoint_clock.put((), CheckpointClock { latest_final: Some(self.height), ..clock });
        }
        Ok(Applied::Attested { attested, needed, is_final }.into())
    }
}

fn attested_roots(overlay: &mut Overlay<'_>, height: Height) -> Vec<Roots> {
    let (first, end) = ((height, MerchantId::POOL), (height, MerchantId(u16::MAX)));
    let rows = overlay.attestations.scan(&first, &end, MAX_MERCHANTS);
    rows.into_iter().map(|(_, attestation)| attestation.roots).collect()
}

/// The roots that most merchants attested, of equally many the first, and how many they are.
#[must_use]
pub fn most_attested(attested: impl IntoIterator<Item = Roots>) -> Option<(Roots, u16)> {
    let mut counts: Vec<(Roots, u16)> = Vec::new();
    for roots in attested {
        match counts.iter_mut().find(|(other, _)| *other == roots) {
            Some((_, count)) => *count += 1,
            None => counts.push((roots, 1)),
        }
    }
    counts.into_iter().reduce(|most, one| if one.1 > most.1 { one } else { most })
}

/// How many validators make a checkpoint final: more than two thirds of those of its height.
#[must_use]
pub fn needed(set: &ValidatorSet) -> u16 {
    let count = set.validators().len();
    u16::try_from(count * 2 / 3 + 1).expect("an alliance has at most 1,000 merchants")
}

/// Whether enough merchants attested some roots at a height for it to be final.
pub(super) fn is_final(overlay: &mut Overlay<'_>, height: Height) -> bool {
    let needed = needed(&validators::at(overlay, height));
    most_attested(attested_roots(overlay, height)).is_some_and(|(_, attested)| attested >= needed)
}
