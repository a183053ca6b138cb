//! `issue`: gives a member points for a purchase.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Lot, Purchase, Reason, Standing, Use, claw_back, count, credit, require_open_class};
use crate::governance;
use crate::membership::{require_issuing, require_member};
use crate::operation::{Caller, Done, Verb};
use crate::pool::levied;
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement;
use crate::state::Overlay;
use crate::types::{Address, Category, ClassId, Fen, Month, Points};

/// Lines of one purchase, at most.
const MAX_LINES: usize = 1_000;

/// Issues `floor(amount x earn_rate)` points, once for the whole purchase.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueLine {
    /// The merchant's category code.
    pub category: Category,
    /// Amount in fen.
    pub amount_fen: Fen,
}

impl Issue {
    /// The purchase's amount, or `None` past what fits.
    #[must_use]
    pub fn amount(&self) -> Option<Fen> {
        self.lines.iter().try_fold(0_u64, |sum, line| sum.checked_add(line.amount_fen.0)).map(Fen)
    }
}

impl Verb for Issue {
    /// Points, repaid, month, balance, what the pool is owed.
    const MAX_RECEIPT_BYTES: usize = 8 + 8 + 2 + 8 + 16;

    fn check_stateless(&self) -> Result<(), &'static str> {
        if self.lines.is_empty() || self.lines.len() > MAX_LINES {
            return Err("a purchase has 1 to 1000 lines");
        }
        Ok(())
    }

    fn class(&self) -> Option<ClassId> {
        Some(self.class)
    }

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let class = require_open_class(overlay, self.class)?;
        if class.issuer != caller.merchant {
            return Err(Rejection::WrongParty);
        }
        require_issuing(overlay, class.issuer)?;
        let member = require_member(overlay, &self.member)?;
        class.terms.require_permission(member.holder, Use::Earn)?;
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
        let owner = (self.member, self.class);
        let balance = credit(overlay, &owner, &[Lot { expires, points }], Reason::Issued)?;
        let (repaid, balance) = repay(overlay, &owner, points, expires)?.unwrap_or((Points(0), balance));
        let purchase = Purchase {
            class: self.class,
            member: self.member,
            kept_fen: amount,
            earn_rate: class.terms.earn_rate,
            expires,
            anchor: class.terms.anchor,
            levy: governance::parameters(overlay).pool.levy,
            referred_by: None,
        };
        let pool_obligation = levied(class.terms.value(points), purchase.levy);
        settlement::book_pool(overlay, class.issuer, pool_obligation);
        Ok(Done {
            applied: Applied::Issued { points, repaid, expires, balance, pool_obligation },
            standing: Standing::Purchase(purchase),
        })
    }
}

/// Repays owed points out of points just earned; gives how many, and the live points left.
///
/// # Errors
/// `overflow`.
fn repay(
    overlay: &mut Overlay<'_>,
    owner: &(Address, ClassId),
    earned: Points,
    expires: Month,
) -> Result<Option<(Points, Points)>, Rejection> {
    // Hardly anybody owes points, so that nobody does is not worth remembering for each.
    let Some(owed) = overlay.owed.peek(owner).filter(|_| earned > Points(0)) else { return Ok(None) };
    let repaid = owed.min(earned);
    if owed == repaid {
        overlay.owed.delete(*owner);
    } else {
        overlay.owed.put(*owner, Points(owed.0 - repaid.0));
    }
    claw_back(overlay, owner, repaid, expires).map(Some)
}
