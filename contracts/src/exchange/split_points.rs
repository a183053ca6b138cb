//! `split`: points of a main class become points of one of its sub classes, which serve in fewer places. One way.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{change_class, consent_to, require_classes};
use crate::operation::{Caller, Done, Takes, Verb};
use crate::points::{Reason, debit};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement;
use crate::state::Overlay;
use crate::types::{Address, ClassId, Obligation, Points, Rate};

/// Splits points, by the member's own word or, while it has no wallet, its custodian's.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Whose points.
    pub member: Address,
    /// The main class.
    pub from_class: ClassId,
    /// Its sub class.
    pub to_class: ClassId,
    /// How many main points are given up.
    pub points: Points,
    /// Fewer sub points than this are not accepted.
    pub min_out: Points,
}

impl Verb for Split {
    /// Points out, two balances, obligation.
    const MAX_RECEIPT_BYTES: usize = 8 + 8 + 8 + 16;
    const TAKES: Takes = Takes::Wallet;

    fn class(&self) -> Option<ClassId> {
        Some(self.from_class)
    }

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let (main, target) = require_classes(overlay, self.from_class, self.to_class)?;
        let sub = target.terms.sub.as_ref().filter(|sub| sub.main == self.from_class).ok_or(Rejection::NoSuchSplit)?;
        consent_to(overlay, caller, self.member, (self.from_class, &main, &target))?;
        if self.points == Points(0) {
            return Err(Rejection::AmountZero);
        }
        let (given, from_balance) = debit(overlay, &(self.member, self.from_class), self.points, Reason::SplitOut)?;
        let scaled = u128::from(self.points.0)
            .checked_mul(u128::from(sub.split_rate.millionths()))
            .and_then(|product| product.checked_mul(u128::from(target.terms.scale())))
            .ok_or(Rejection::Overflow)?;
        let points_out = scaled / (u128::from(Rate::ONE) * u128::from(main.terms.scale()));
        let points_out = u64::try_from(points_out).map(Points).map_err(|_| Rejection::Overflow)?;
        if points_out == Points(0) || points_out < self.min_out {
            return Err(Rejection::BelowMinOut);
        }
        let value_out = target.terms.value_at(points_out, target.received_anchor());
        if value_out > main.terms.value_at(self.points, main.given_anchor()) {
            return Err(Rejection::YieldsMore);
        }
        let to_balance = change_class(
            overlay,
            self.member,
            (self.from_class, &given),
            (self.to_class, points_out, Reason::SplitIn),
        )?;
        let pool_obligation = Obligation(main.terms.value(self.points).0 - value_out.0);
        settlement::book_pool(overlay, main.issuer, pool_obligation);
        Ok(Applied::Split { points_out, from_balance, to_balance, pool_obligation }.into())
    }
}
