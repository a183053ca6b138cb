//! What `redeem` and `hold` have in common: a member's points leave its holding at a merchant that accepts them.

use std::sync::Arc;

use super::{Charged, Lot, PointClass, Reason, Spending, charge, charge_store_redeem, debit, require_open_class};
use crate::membership::consent::{self, Consent};
use crate::membership::{Member, own_record, require_member};
use crate::operation::Caller;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, ClassId, Fen, Obligation, Points, StoreId};

/// Points to be spent, judged as far as their amount does not matter.
pub(super) struct Spend {
    class_id: ClassId,
    pub class: Arc<PointClass>,
    member: Address,
    consent: Consent,
}

/// Points that have left the holding.
pub(super) struct Spent {
    /// By rising expiry.
    pub lots: Vec<Lot>,
    /// Live points left.
    pub balance: Points,
    /// What the points are worth, exact.
    pub value: Obligation,
    /// Cash off for them.
    pub cash_off_fen: Fen,
    /// Which limit was charged.
    pub charged: Charged,
    /// The store that was charged, if it has limits.
    pub store_id: Option<StoreId>,
}

impl Spend {
    /// # Errors
    /// `unknown_class`, `class_closed`, `merchant_leaving`, `unknown_member`, `not_accepted`, `outside_industry`, `holder_not_permitted`, `member_frozen`,
    /// those of the consent.
    pub(super) fn judge(
        overlay: &mut Overlay<'_>,
        caller: &Caller<'_>,
        (class_id, address): (ClassId, Address),
    ) -> Result<Self, Rejection> {
        let class = require_open_class(overlay, class_id)?;
        if own_record(overlay, caller.merchant).is_wound_up() {
            return Err(Rejection::MerchantLeaving);
        }
        let member: Member = require_member(overlay, &address)?;
        let industry = || own_record(overlay, caller.merchant).industry;
        class.terms.require_spendable(&member, caller.merchant, industry)?;
        let consent = consent::judge(overlay, caller, (&address, &member), class_id)?;
        Ok(Self { class_id, class, member: address, consent })
    }

    /// Takes the points and charges the limits.
    ///
    /// # Errors
    /// `overflow`, `insufficient_points`, `below_one_fen`, those of [`charge`], `store_redeem_limit`.
    pub(super) fn take(
        &self,
        overlay: &mut Overlay<'_>,
        caller: &Caller<'_>,
        points: Points,
        reason: Reason,
    ) -> Result<Spent, Rejection> {
        let value = self.class.terms.value(points);
        let cash_off_fen = value.floor_fen().ok_or(Rejection::Overflow)?;
        let charged_fen = value.ceil_fen().ok_or(Rejection::Overflow)?;
        let (lots, balance) = debit(overlay, &(self.member, self.class_id), points, reason)?;
        if cash_off_fen == Fen(0) {
            return Err(Rejection::BelowOneFen);
        }
        let spending = Spending {
            class_id: self.class_id,
            class: &self.class,
            member: self.member,
            merchant: caller.merchant,
            points,
            value: charged_fen,
        };
        let charged = charge(overlay, &spending, &self.consent)?;
        let store_id = charge_store_redeem(overlay, (caller.merchant, caller.store_id()), charged_fen)?;
        Ok(Spent { lots, balance, value, cash_off_fen, charged, store_id })
    }
}
