//! `exchange`: a member's points of one class become points of another.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{convert, split_lots};
use crate::membership::consent::{self, Consent};
use crate::membership::require_member;
use crate::operation::{Caller, Done, Takes, Verb};
use crate::points::{CustodianGain, PointClass, Reason, Use, charge_custodian, count, credit, debit, require_class};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement::{self, Debt};
use crate::state::Overlay;
use crate::types::{Address, ClassId, Obligation, Points};

/// Exchanges points, by the member's own word or, while it has no wallet, its custodian's.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Whose points.
    pub member: Address,
    /// The class given up.
    pub from_class: ClassId,
    /// The class received.
    pub to_class: ClassId,
    /// How many are given up.
    pub points: Points,
    /// Fewer than this are not accepted: the member's protection against a rate that moved.
    pub min_out: Points,
}

impl Verb for Exchange {
    /// Points out, two balances, two obligations.
    const MAX_RECEIPT_BYTES: usize = 8 + 8 + 8 + 16 + 16;
    const TAKES: Takes = Takes::Wallet;

    fn class(&self) -> Option<ClassId> {
        Some(self.from_class)
    }

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let merchant = caller.merchant;
        let source = require_class(overlay, self.from_class)?;
        let target = require_class(overlay, self.to_class)?;
        let consent = self.consent(overlay, caller, (&source, &target))?;
        if self.points == Points(0) {
            return Err(Rejection::AmountZero);
        }
        if self.from_class == self.to_class {
            return Err(Rejection::SameParty);
        }
        let (given, from_balance) = debit(overlay, &(self.member, self.from_class), self.points, Reason::ExchangedOut)?;
        let spread = overlay.parameters.get(&()).expect("genesis wrote the parameters").exchange_spread;
        let conversion = convert(self.points, &source.terms, &target.terms, spread).ok_or(Rejection::Overflow)?;
        let points_out = conversion.points_out;
        if points_out == Points(0) || points_out < self.min_out {
            return Err(Rejection::BelowMinOut);
        }
        // The custodian profits as issuer of the target class: points that it issued come home to it.
        if consent == Consent::Custodian && target.issuer == merchant && source.issuer != merchant {
            let gain = CustodianGain {
                class_id: self.from_class,
                class: &source,
                custodian: merchant,
                member: self.member,
                value: source.terms.value(self.points).ceil_fen().ok_or(Rejection::Overflow)?,
            };
            charge_custodian(overlay, &gain)?;
        }
        count(overlay, self.from_class, |t| {
            t.exchanged_out = t.exchanged_out.checked_add(self.points)?;
            Some(())
        })?;
        count(overlay, self.to_class, |t| {
            t.exchanged_in = t.exchanged_in.checked_add(points_out)?;
            Some(())
        })?;
        let lots = split_lots(&given, points_out);
        let to_balance = credit(overlay, &(self.member, self.to_class), &lots, Reason::ExchangedIn)?;
        let pool_obligation = conversion.pool_obligation;
        settlement::book_pool(overlay, source.issuer, pool_obligation);
        let mut obligation = Obligation(0);
        if source.issuer != target.issuer {
            obligation = conversion.obligation;
            settlement::book(overlay, &Debt::exchange(source.issuer, target.issuer, obligation))?;
        }
        Ok(Applied::Exchanged { points_out, from_balance, to_balance, obligation, pool_obligation }.into())
    }
}

impl Exchange {
    /// # Errors
    /// `unknown_member`, `holder_not_permitted`, `member_frozen`, those of the consent.
    fn consent(
        &self,
        overlay: &mut Overlay<'_>,
        caller: &Caller<'_>,
        (source, target): (&PointClass, &PointClass),
    ) -> Result<Consent, Rejection> {
        let member = require_member(overlay, &self.member)?;
        source.terms.require_permission(member.holder, Use::Exchange)?;
        target.terms.require_permission(member.holder, Use::Exchange)?;
        if member.is_frozen {
            return Err(Rejection::MemberFrozen);
        }
        consent::require(overlay, caller, (&self.member, &member), self.from_class)
    }
}
