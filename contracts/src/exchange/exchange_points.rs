//! `exchange`: a member's points of one class become points of another.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::price::{Priced, price};
use super::{Ask, Conversion, change_class, consent_to, require_classes, terms};
use crate::membership::consent::Consent;
use crate::operation::{Caller, Done, Takes, Verb};
use crate::points::{CustodianGain, Reason, Standing, StandingDebt, charge_custodian};
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
    /// The quote that it goes by, if it goes by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<QuoteTerms>,
}

/// What of a quote the ledger holds an exchange to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteTerms {
    /// The version of the rate table.
    pub version: u32,
    /// The last block time at which it stands, in ms since 1970.
    pub valid_until_ms: u64,
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
        let (source, target) = require_classes(overlay, self.from_class, self.to_class)?;
        let consent = consent_to(overlay, caller, self.member, (self.from_class, &source, &target))?;
        let Self { member, from_class, to_class, points, .. } = *self;
        let ask = Ask { member, from_class, to_class, points };
        let priced = price(overlay, &ask, (&source, &target), self.quote)?;
        let Priced { given, from_balance, charged: value, terms, conversion, .. } = priced;
        if conversion.points_out < self.min_out {
            return Err(Rejection::BelowMinOut);
        }
        terms::charge(overlay, (member, (from_class, to_class)), &terms, value)?;
        let merchant = caller.merchant;
        // The custodian profits as issuer of the target class: points that it issued come home to it.
        if consent == Consent::Custodian && target.issuer == merchant && source.issuer != merchant {
            let (class_id, class) = (self.from_class, &*source);
            let gain = CustodianGain { class_id, class, custodian: merchant, member: self.member, value };
            charge_custodian(overlay, &gain)?;
        }
        let Conversion { points_out, obligation, pool_obligation } = conversion;
        let received = (self.to_class, points_out, Reason::ExchangedIn);
        let to_balance = change_class(overlay, self.member, (self.from_class, &given), received)?;
        settlement::book_pool(overlay, source.issuer, pool_obligation);
        if source.issuer == target.issuer {
            let obligation = Obligation(0);
            return Ok(Applied::Exchanged { points_out, from_balance, to_balance, obligation, pool_obligation }.into());
        }
        settlement::book(overlay, &Debt::exchange(source.issuer, target.issuer, obligation))?;
        let month = overlay.context.month();
        let debt = StandingDebt { debtor: source.issuer, creditor: target.issuer, amount: obligation, month };
        Ok(Done {
            applied: Applied::Exchanged { points_out, from_balance, to_balance, obligation, pool_obligation },
            standing: Standing::Debt(debt),
        })
    }
}
