//! `reverse_issue`: a purchase is refunded, in part or whole; what it earned is clawed back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::reverse::{require_original, require_window};
use super::{Purchase, Standing, charge_store_refund, claw_back, require_open_class};
use crate::execute;
use crate::operation::{Caller, Done, Verb};
use crate::pool::{contribute, levied};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement;
use crate::state::Overlay;
use crate::types::{Fen, Obligation, Points, Reference};

/// Claws back what a part of a purchase had earned; what the member no longer has, it owes.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReverseIssue {
    /// The reference of the original.
    pub original: Reference,
    /// How much of the purchase's amount is refunded, in fen.
    pub amount_fen: Fen,
}

impl Verb for ReverseIssue {
    /// Member, class, points, owed, balance, what the pool is owed.
    const MAX_RECEIPT_BYTES: usize = 20 + 4 + 8 + 8 + 8 + 16;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let standing = require_original(overlay, caller.merchant, self.original)?;
        let Standing::Purchase(purchase) = standing else { return Err(Rejection::NotReversible) };
        require_window(overlay, self.original)?;
        if self.amount_fen == Fen(0) {
            return Err(Rejection::AmountZero);
        }
        let kept_fen = purchase.kept_fen.0.checked_sub(self.amount_fen.0).map(Fen).ok_or(Rejection::AboveOriginal)?;
        let class = require_open_class(overlay, purchase.class)?;
        charge_store_refund(overlay, (caller.merchant, caller.store_id()), self.amount_fen)?;
        let earned = |amount| class.terms.earned_at(amount, purchase.earn_rate).ok_or(Rejection::Overflow);
        let (before, after) = (earned(purchase.kept_fen)?, earned(kept_fen)?);
        let points = Points(before.0 - after.0);
        let levy_on = |points| levied(class.terms.value_at(points, purchase.anchor), purchase.levy);
        let pool_obligation = Obligation(levy_on(after).0 - levy_on(before).0);
        settlement::book_pool(overlay, caller.merchant, pool_obligation);
        if let Some(referrer) = purchase.referred_by.filter(|_| kept_fen == Fen(0)) {
            contribute(overlay, referrer, |c| c.converted -= 1);
        }

        let owner = (purchase.member, purchase.class);
        let (taken, balance) = claw_back(overlay, &owner, points, purchase.expires)?;
        let owed = Points(points.0 - taken.0);
        if owed > Points(0) {
            let before = overlay.owed.get(&owner).unwrap_or_default();
            overlay.owed.put(owner, before.checked_add(owed).ok_or(Rejection::Overflow)?);
        }
        let left = Purchase { kept_fen, ..purchase };
        execute::set_standing(overlay, caller.merchant, self.original, Standing::Purchase(left));
        let (member, class) = owner;
        Ok(Applied::IssueReversed { member, class, points, owed, balance, pool_obligation }.into())
    }
}
