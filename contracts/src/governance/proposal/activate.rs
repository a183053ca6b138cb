//! What passed takes effect when its time comes: due work.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Proposal, ProposalState};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{MerchantId, Reference};

/// Changes that one block puts into effect, at most.
const PER_BLOCK: usize = 100;

/// A change whose time has come.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct ChangeActivated {
    /// Who proposed it.
    pub merchant: MerchantId,
    /// The reference under which it did.
    pub proposal: Reference,
    /// What stood in its way; none: it is in effect.
    pub void: Option<Rejection>,
}

/// Puts changes into effect whose time has come, by `(time, merchant, reference)`.
pub(crate) fn activate(overlay: &mut Overlay<'_>) -> Vec<ChangeActivated> {
    let start = (0, MerchantId::POOL, Reference(0));
    let end = (overlay.context.time_ms + 1, MerchantId::POOL, Reference(0));
    let due = overlay.activations.scan(&start, &end, PER_BLOCK);
    let mut activated = Vec::with_capacity(due.len());
    for (key, ()) in due {
        overlay.activations.delete(key);
        let id = (key.1, key.2);
        let proposal = overlay.proposals.get(&id).expect("what waits was proposed");
        let void = proposal.change.judge(overlay, id.0).err();
        if void.is_none() {
            proposal.change.carry_out(overlay);
        }
        let height = overlay.context.height;
        let state = void.map_or(ProposalState::Active { height }, |rejection| ProposalState::Void { rejection });
        overlay.proposals.put(id, Proposal { state, ..proposal });
        activated.push(ChangeActivated { merchant: id.0, proposal: id.1, void });
    }
    activated
}
