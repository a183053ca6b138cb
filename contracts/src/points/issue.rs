//! `issue`: gives a member points for a purchase.

use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

use super::{Lot, Reason, count, credit, require_class};
use crate::membership::require_member;
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, Category, ClassId, Fen, MerchantId};

/// Lines of one purchase, at most.
const MAX_LINES: usize = 1_000;

/// Issues `floor(amount x earn_rate)` points, once for the whole purchase.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// A class of the merchant.
    pub class: ClassId,
    /// Who earned them.
    pub member: Address,
    /// What was bought; the sum of the amounts is the purchase's amount.
    pub lines: Vec<IssueLine>,
}

/// A part of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueLine {
    /// The merchant's category code.
    pub category: Category,
    /// Amount in fen.
    pub amount_fen: Fen,
}

impl Issue {
    /// Most bytes of its `Applied`: points, month, balance.
    pub const MAX_RECEIPT_BYTES: usize = 8 + 2 + 8;

    pub(crate) fn check_stateless(&self) -> Result<(), &'static str> {
        if self.lines.is_empty() || self.lines.len() > MAX_LINES {
            return Err("a purchase has 1 to 1000 lines");
        }
        Ok(())
    }

    /// The purchase's amount, or `None` past what fits.
    #[must_use]
    pub fn amount(&self) -> Option<Fen> {
        self.lines.iter().try_fold(0_u64, |sum, line| sum.checked_add(line.amount_fen.0)).map(Fen)
    }

    /// # Errors
    /// `unknown_class`, `wrong_party`, `unknown_member`, `overflow`, `amount_zero`.
    pub(crate) fn execute(&self, overlay: &mut Overlay<'_>, merchant: MerchantId) -> Result<Applied, Rejection> {
        let class = require_class(overlay, self.class)?;
        if class.issuer != merchant {
            return Err(Rejection::WrongParty);
        }
        require_member(overlay, &self.member)?;
        let amount = self.amount().ok_or(Rejection::Overflow)?;
        if amount == Fen(0) {
            return Err(Rejection::AmountZero);
        }
        let points = class.terms.earned(amount).ok_or(Rejection::Overflow)?;
        let expires = class.terms.expires(overlay.context.month());
        count(overlay, self.class, |t| {
            t.issued = t.issued.checked_add(points)?;
            Some(())
        })?;
        let lot = Lot { expires, points };
        let balance = credit(overlay, &(self.member, self.class), &[lot], Reason::Issued)?;
        Ok(Applied::Issued { points, expires, balance })
    }
}
