//! `report_payment`: the payer leaves the evidence that it has paid a leg.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Leg, LegState};
use crate::encoding;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::Month;

/// Longest bank reference, in bytes: ISO 20022 `Max35Text`.
pub const MAX_BANK_REFERENCE_BYTES: usize = 35;

/// Reports the payment of a leg; signed by a treasurer key of the payer. The payee's word alone makes the leg paid.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportPayment {
    /// The closed cycle.
    pub cycle: Month,
    /// The leg's number within it.
    pub leg: u16,
    /// The bank's name for the payment: 1 to 35 printable ASCII characters.
    pub bank_reference: String,
}

impl Verb for ReportPayment {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn check_stateless(&self) -> Result<(), &'static str> {
        if encoding::is_printable(&self.bank_reference, MAX_BANK_REFERENCE_BYTES) {
            Ok(())
        } else {
            Err("a bank reference is 1 to 35 printable ASCII characters")
        }
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let key = (self.cycle, self.leg);
        let leg = overlay.legs.get(&key).ok_or(Rejection::UnknownLeg)?;
        if leg.payer != caller.merchant {
            return Err(Rejection::WrongParty);
        }
        if leg.state != LegState::Open {
            return Err(Rejection::LegConfirmed);
        }
        if leg.bank_reference.is_some() {
            return Err(Rejection::PaymentReported);
        }
        overlay.legs.put(key, Leg { bank_reference: Some(self.bank_reference.clone()), ..leg });
        Ok(Applied::PaymentReported.into())
    }
}
