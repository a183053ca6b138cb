//! `answer_dispute`: the creditor accepts a dispute, or contests it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::super::book;
use super::{Dispute, DisputeState, adjusted, claim, start_clock, stop_clock};
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{MerchantId, Reference};

/// Answers a dispute; signed by a treasurer key of the creditor.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerDispute {
    /// The merchant that submitted the operation.
    pub merchant: MerchantId,
    /// The reference of the operation.
    pub original: Reference,
    /// Whether the claim is right; contested otherwise.
    pub accept: bool,
}

impl Verb for AnswerDispute {
    /// Debtor, creditor, adjustment.
    const MAX_RECEIPT_BYTES: usize = 2 + 2 + 16;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let subject = (self.merchant, self.original);
        let dispute = overlay.disputes.get(&subject).ok_or(Rejection::UnknownDispute)?;
        if dispute.creditor != caller.merchant {
            return Err(Rejection::WrongParty);
        }
        if dispute.state != DisputeState::Open {
            return Err(Rejection::DisputeClosed);
        }
        stop_clock(overlay, subject, &dispute);
        if !self.accept {
            let contested = Dispute { state: DisputeState::Contested, ..dispute };
            let decision_due_ms = start_clock(overlay, subject, contested);
            return Ok(Applied::DisputeContested { decision_due_ms }.into());
        }
        book(overlay, &claim(&dispute))?;
        let applied = adjusted(&dispute);
        overlay.disputes.put(subject, Dispute { state: DisputeState::Accepted, ..dispute });
        Ok(applied.into())
    }
}
