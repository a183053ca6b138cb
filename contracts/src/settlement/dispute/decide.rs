//! `decide_dispute`: the merchants that are not party to a contested dispute decide it jointly.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::super::book_uncapped;
use super::{Dispute, DisputeState, adjusted, claim, stop_clock};
use crate::governance::joint;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{MerchantId, Reference};

/// Decides a contested dispute.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideDispute {
    /// The merchant that submitted the operation.
    pub merchant: MerchantId,
    /// The reference of the operation.
    pub original: Reference,
    /// Whether the claim is right; dismissed otherwise.
    pub upheld: bool,
}

impl Verb for DecideDispute {
    /// Debtor, creditor, adjustment.
    const MAX_RECEIPT_BYTES: usize = 2 + 2 + 16;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let subject = (self.merchant, self.original);
        let dispute = overlay.disputes.get(&subject).ok_or(Rejection::UnknownDispute)?;
        if dispute.state != DisputeState::Contested {
            return Err(Rejection::DisputeNotContested);
        }
        if let Some(counted) = joint::speak(overlay, caller, &[dispute.debtor, dispute.creditor])? {
            return Ok(counted.into());
        }
        stop_clock(overlay, subject, &dispute);
        let (state, applied) = if self.upheld {
            // What the others decide is not stopped by anybody's cap.
            book_uncapped(overlay, &claim(&dispute))?;
            (DisputeState::Upheld, adjusted(&dispute))
        } else {
            (DisputeState::Dismissed, Applied::DisputeDismissed)
        };
        overlay.disputes.put(subject, Dispute { state, ..dispute });
        Ok(applied.into())
    }
}
