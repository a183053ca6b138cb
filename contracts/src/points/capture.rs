//! `capture`: a merchant spends points of its hold, all or a part; the rest returns to the member.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::hold::require_open;
use super::standing::sum;
use super::{HoldState, Redemption, Standing, count, release, require_class};
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement::{self, Debt};
use crate::state::Overlay;
use crate::types::{Fen, Obligation, Points, Reference};

/// Captures a hold, once; by any acceptor key of its merchant.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// The reference of the hold.
    pub hold: Reference,
    /// How many of its points are spent.
    pub points: Points,
}

impl Verb for Capture {
    /// Member, class, cash off, obligation, released, expired, balance.
    const MAX_RECEIPT_BYTES: usize = 20 + 4 + 8 + 16 + 8 + 8 + 8;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let hold = require_open(overlay, caller.merchant, self.hold)?;
        if self.points == Points(0) {
            return Err(Rejection::AmountZero);
        }
        if self.points > sum(&hold.lots) {
            return Err(Rejection::AboveHold);
        }
        let class = require_class(overlay, hold.class)?;
        let value = class.terms.value_at(self.points, hold.anchor);
        let cash_off_fen = value.floor_fen().ok_or(Rejection::Overflow)?;
        if cash_off_fen == Fen(0) {
            return Err(Rejection::BelowOneFen);
        }
        let (lots, released) =
            release::end(overlay, (caller.merchant, self.hold), &hold, (HoldState::Captured, self.points));
        count(overlay, hold.class, |t| {
            t.redeemed = t.redeemed.checked_add(self.points)?;
            Some(())
        })?;
        let is_own = class.issuer == caller.merchant;
        let obligation = if is_own { Obligation(0) } else { value };
        if !is_own {
            settlement::book_uncapped(overlay, &Debt::redemption(class.issuer, caller.merchant, obligation))?;
        }
        let month = overlay.context.month();
        let redemption = Redemption { class: hold.class, member: hold.member, lots, anchor: hold.anchor, month };
        Ok(Done {
            applied: Applied::Captured {
                member: hold.member,
                class: hold.class,
                cash_off_fen,
                obligation,
                released: released.live,
                expired: released.expired,
                balance: released.balance,
            },
            standing: Standing::Redemption(redemption),
        })
    }
}
