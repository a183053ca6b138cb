//! `open_dispute`: whoever owes for an operation claims part of it back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Dispute, DisputeState, start_clock};
use crate::execute;
use crate::governance::{self, business_days};
use crate::membership::require_participant;
use crate::operation::{Caller, Done, Verb};
use crate::points::{Redemption, Standing, StandingDebt, require_class, sum};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{MerchantId, Month, Obligation, Reference};

/// Longest reason, in characters: ISO 20022 `Max140Text`.
pub const MAX_REASON_CHARS: usize = 140;

/// Opens a dispute; signed by a treasurer key of the debtor.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenDispute {
    /// The merchant that submitted the operation.
    pub merchant: MerchantId,
    /// The reference of the operation.
    pub original: Reference,
    /// What is claimed back, in 10^-8 CNY.
    pub amount: Obligation,
    /// Why: 1 to 140 characters, none of them a control character.
    pub reason: String,
}

impl Verb for OpenDispute {
    /// When the answer is due.
    const MAX_RECEIPT_BYTES: usize = 8;

    fn check_stateless(&self) -> Result<(), &'static str> {
        if self.amount <= Obligation(0) {
            return Err("a dispute claims more than zero");
        }
        let chars = self.reason.chars().count();
        if !(1..=MAX_REASON_CHARS).contains(&chars) || self.reason.chars().any(char::is_control) {
            return Err("a reason is 1 to 140 characters, none of them a control character");
        }
        Ok(())
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let subject = (self.merchant, self.original);
        let standing = execute::standing(overlay, self.merchant, self.original).ok_or(Rejection::UnknownOriginal)?;
        let debt = standing_debt(overlay, self.merchant, standing).ok_or(Rejection::NotDisputable)?;
        if debt.debtor != caller.merchant {
            return Err(Rejection::WrongParty);
        }
        require_participant(overlay, debt.creditor)?;
        if overlay.disputes.get(&subject).is_some() {
            return Err(Rejection::DisputeExists);
        }
        if overlay.context.time_ms >= last_ms(overlay, debt.month) {
            return Err(Rejection::DisputeLate);
        }
        if self.amount > debt.amount {
            return Err(Rejection::DisputeUnbalanced);
        }
        let dispute = Dispute {
            debtor: debt.debtor,
            creditor: debt.creditor,
            amount: self.amount,
            reason: self.reason.clone(),
            state: DisputeState::Open,
            due_ms: 0,
        };
        let answer_due_ms = start_clock(overlay, subject, dispute);
        Ok(Applied::DisputeOpened { answer_due_ms }.into())
    }
}

/// What one participant still owes another for an operation; none where nobody does.
fn standing_debt(overlay: &mut Overlay<'_>, merchant: MerchantId, standing: Standing) -> Option<StandingDebt> {
    match standing {
        Standing::Debt(debt) => Some(debt),
        Standing::Redemption(Redemption { class, lots, anchor, month, .. }) => {
            let class = require_class(overlay, class).expect("classes are not deleted");
            let amount = class.terms.value_at(sum(&lots), anchor);
            let debt = StandingDebt { debtor: class.issuer, creditor: merchant, amount, month };
            (class.issuer != merchant).then_some(debt)
        }
        _ => None,
    }
}

/// From when on an operation that was booked in a month can no longer be disputed.
fn last_ms(overlay: &mut Overlay<'_>, month: Month) -> u64 {
    let settlement = governance::parameters(overlay).settlement.clone();
    let next_cycle = settlement.cycle_of(month).plus(settlement.cycle_months);
    let end_ms = overlay.context.calendar.start_ms(next_cycle);
    business_days::after(overlay, end_ms - 1, settlement.dispute_business_days)
}
