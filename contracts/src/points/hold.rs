//! `hold`: sets a member's points aside for a checkout, until they are captured, voided or timed out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::spend::Spend;
use super::{Hold, HoldState, Reason, Standing, count};
use crate::execute;
use crate::operation::{Caller, Done, Takes, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement;
use crate::state::Overlay;
use crate::types::{Address, ClassId, DAY_MS, MerchantId, Points, Reference};

/// Longest time that a hold may last (docs/rules.md, 2).
pub const MAX_HOLD_MS: u64 = 7 * DAY_MS;

/// Sets points aside at the merchant that submits it; the hold is named by this operation's reference.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceHold {
    /// Which points.
    pub class: ClassId,
    /// Whose.
    pub member: Address,
    /// How many.
    pub points: Points,
    /// When it times out, as block time in ms since 1970; within the next [`MAX_HOLD_MS`].
    pub release_ms: u64,
}

impl Verb for PlaceHold {
    /// Cash off, balance.
    const MAX_RECEIPT_BYTES: usize = 8 + 8;
    const TAKES: Takes = Takes::WalletOrGrant;

    fn class(&self) -> Option<ClassId> {
        Some(self.class)
    }

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let spend = Spend::judge(overlay, caller, (self.class, self.member))?;
        if self.points == Points(0) {
            return Err(Rejection::AmountZero);
        }
        let now_ms = overlay.context.time_ms;
        if self.release_ms <= now_ms || self.release_ms > now_ms + MAX_HOLD_MS {
            return Err(Rejection::HoldPeriod);
        }
        let spent = spend.take(overlay, caller, self.points, Reason::Held)?;
        count(overlay, self.class, |t| {
            t.held = t.held.checked_add(self.points)?;
            Some(())
        })?;
        if spend.class.issuer != caller.merchant {
            settlement::reserve(overlay, spend.class.issuer, spent.value)?;
        }
        overlay.hold_timeouts.insert((self.release_ms, caller.merchant, caller.operation.reference), ());
        let hold = Hold {
            class: self.class,
            member: self.member,
            lots: spent.lots,
            anchor: spend.class.terms.anchor,
            release_ms: self.release_ms,
            day: overlay.context.day(),
            charged: spent.charged,
            store_id: spent.store_id,
        };
        overlay.holds.insert((caller.merchant, caller.operation.reference), hold);
        Ok(Done {
            applied: Applied::Held { cash_off_fen: spent.cash_off_fen, balance: spent.balance },
            standing: Standing::Hold(HoldState::Open),
        })
    }
}

/// A merchant's hold that can be captured or voided now.
///
/// # Errors
/// `unknown_hold`, `hold_captured`, `hold_voided`, `hold_timed_out`.
pub(super) fn require_open(
    overlay: &mut Overlay<'_>,
    merchant: MerchantId,
    reference: Reference,
) -> Result<Hold, Rejection> {
    if let Some(hold) = overlay.holds.get(&(merchant, reference)) {
        return if hold.release_ms > overlay.context.time_ms { Ok(hold) } else { Err(Rejection::HoldTimedOut) };
    }
    match execute::standing(overlay, merchant, reference) {
        Some(Standing::Hold(HoldState::Captured)) => Err(Rejection::HoldCaptured),
        Some(Standing::Hold(HoldState::Voided)) => Err(Rejection::HoldVoided),
        Some(Standing::Hold(HoldState::TimedOut)) => Err(Rejection::HoldTimedOut),
        _ => Err(Rejection::UnknownHold),
    }
}
