//! `reverse_redeem`: a sale paid with points is undone, in part or whole; the very lots come back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::reverse::{require_original, require_window};
use super::standing::{split_last, sum};
use super::{Lot, Reason, Redemption, Standing, charge_store_refund, count, credit, require_open_class};
use crate::execute;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement::{self, Debt};
use crate::state::Overlay;
use crate::types::{DAY_MS, Fen, Month, Obligation, Points, Reference};

/// How long a lot that comes back after it lapsed can be spent at least (docs/rules.md, 2).
const MIN_REVIVED_MS: u64 = 30 * DAY_MS;

/// Gives back points that a `redeem` or a `capture` of the merchant spent.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReverseRedeem {
    /// The reference of the original.
    pub original: Reference,
    /// How many points come back.
    pub points: Points,
}

impl Verb for ReverseRedeem {
    /// Member, class, cash off, obligation, balance.
    const MAX_RECEIPT_BYTES: usize = 20 + 4 + 8 + 16 + 8;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let standing = require_original(overlay, caller.merchant, self.original)?;
        let Standing::Redemption(spent) = standing else { return Err(Rejection::NotReversible) };
        require_window(overlay, self.original)?;
        if self.points == Points(0) {
            return Err(Rejection::AmountZero);
        }
        let before = sum(&spent.lots);
        let after = before.checked_sub(self.points).ok_or(Rejection::AboveOriginal)?;
        let class = require_open_class(overlay, spent.class)?;
        let value_at = |points| class.terms.value_at(points, spent.anchor);
        settlement::require_covered(overlay, (caller.merchant, self.original), value_at(after))?;
        let charged = value_at(self.points).ceil_fen().ok_or(Rejection::Overflow)?;
        charge_store_refund(overlay, (caller.merchant, caller.store_id()), charged)?;

        let (kept, returned) = split_last(spent.lots, self.points);
        let revived = first_month_for(overlay, MIN_REVIVED_MS);
        let month = overlay.context.month();
        let back = |lot: &Lot| if lot.expires < month { Lot { expires: revived, ..*lot } } else { *lot };
        let lots: Vec<Lot> = returned.iter().map(back).collect();
        let balance = credit(overlay, &(spent.member, spent.class), &lots, Reason::RedemptionReversed)?;
        count(overlay, spent.class, |t| {
            t.redemptions_reversed = t.redemptions_reversed.checked_add(self.points)?;
            Some(())
        })?;
        let is_own = class.issuer == caller.merchant;
        let obligation = if is_own { Obligation(0) } else { Obligation(-value_at(self.points).0) };
        if !is_own {
            settlement::book(overlay, &Debt::redemption(class.issuer, caller.merchant, obligation))?;
        }
        let cash_off = |points| value_at(points).floor_fen().ok_or(Rejection::Overflow);
        let cash_off_fen = Fen(cash_off(before)?.0 - cash_off(after)?.0);
        let left = Redemption { lots: kept, ..spent };
        let (member, class) = (left.member, left.class);
        execute::set_standing(overlay, caller.merchant, self.original, Standing::Redemption(left));
        Ok(Applied::RedemptionReversed { member, class, cash_off_fen, obligation, balance }.into())
    }
}

/// The first month whose end is at least so far away.
fn first_month_for(overlay: &Overlay<'_>, at_least_ms: u64) -> Month {
    // A month ends where the next starts, so the moment before what is asked for lies in it.
    overlay.context.calendar.month(overlay.context.time_ms + at_least_ms - 1)
}
