//! Booking: one participant comes to owe another.

use super::{Gross, Position};
use crate::genesis::{MAX_CAP_FEN, MAX_MERCHANTS};
use crate::governance;
use crate::pool::contribute_honoured;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{MerchantId, Obligation};

/// A new obligation.
pub(crate) struct Debt {
    debtor: MerchantId,
    creditor: MerchantId,
    gross: Gross,
}

impl Debt {
    /// The creditor redeemed points of the debtor's.
    pub(crate) fn redemption(debtor: MerchantId, creditor: MerchantId, value: Obligation) -> Self {
        Self { debtor, creditor, gross: Gross { redemption: value, ..Gross::default() } }
    }

    /// Points of a partner's became points of the creditor's.
    pub(crate) fn import(debtor: MerchantId, creditor: MerchantId, value: Obligation) -> Self {
        Self { debtor, creditor, gross: Gross { import: value, ..Gross::default() } }
    }

    /// A dispute of the creditor's, about what it owed the debtor, succeeded.
    pub(crate) fn adjustment(debtor: MerchantId, creditor: MerchantId, value: Obligation) -> Self {
        Self { debtor, creditor, gross: Gross { adjustment: value, ..Gross::default() } }
    }

    /// The creditor pays its members for points of the debtor's, which leaves.
    pub(crate) fn buy_out(debtor: MerchantId, creditor: MerchantId, value: Obligation) -> Self {
        Self { debtor, creditor, gross: Gross { buy_out: value, ..Gross::default() } }
    }

    /// The pool passed on to the creditor what the debtor owed it.
    pub(crate) fn distribution(debtor: MerchantId, creditor: MerchantId, value: Obligation) -> Self {
        Self { debtor, creditor, gross: Gross { distribution: value, ..Gross::default() } }
    }

    /// Points of the debtor's became points of the creditor's.
    pub(crate) fn exchange(debtor: MerchantId, creditor: MerchantId, value: Obligation) -> Self {
        Self { debtor, creditor, gross: Gross { exchange: value, ..Gross::default() } }
    }
}

/// Most that one merchant may come to owe another in a cycle, either way, whatever it is owed in turn: the highest net
/// debit cap. So the nets of at most [`MAX_MERCHANTS`] merchants fit 63 bits of fen.
const MAX_PAIR: Obligation = Obligation::from_fen(MAX_CAP_FEN);
const _: () = assert!(2 * (MAX_CAP_FEN.0 + 1) * (MAX_MERCHANTS as u64) < i64::MAX as u64);

/// Books a debt into the cycle that the block's time lies in, judged at this place in the order against the net debit cap
/// of whoever comes to owe: the debtor, or the creditor where a reversal makes the debt negative.
///
/// # Errors
/// `overflow`, `net_debit_cap`.
pub(crate) fn book(overlay: &mut Overlay<'_>, debt: &Debt) -> Result<(), Rejection> {
    book_uncapped(overlay, debt)?;
    require_cap(overlay, if debt.gross.total() < Obligation(0) { debt.creditor } else { debt.debtor })
}

/// Books a debt without judging the cap: it was judged when it was reserved, is judged by another measure, or no cap may stop
/// it.
///
/// # Errors
/// `overflow`.
pub(crate) fn book_uncapped(overlay: &mut Overlay<'_>, debt: &Debt) -> Result<(), Rejection> {
    let Debt { debtor, creditor, gross } = debt;
    let amount = gross.total().0;
    let month = overlay.context.month();
    let cycle = governance::parameters(overlay).settlement.cycle_of(month);
    let key = (cycle, *debtor, *creditor);
    let booked = overlay.gross.get(&key).unwrap_or_default().plus(gross);
    if booked.total().0.abs() > MAX_PAIR.0 {
        return Err(Rejection::Overflow);
    }
    overlay.gross.put(key, booked);
    change_position(overlay, *creditor, |p| p.receivable.0 += amount);
    change_position(overlay, *debtor, |p| p.payable.0 += amount);
    contribute_honoured(overlay, *creditor, gross.redemption);
    Ok(())
}

/// Books a debt where neither the pair's total nor the debtor's cap stands in its way; tells whether it did. Nothing changes
/// otherwise, which due work cannot leave to an undo.
pub(crate) fn book_if_it_fits(overlay: &mut Overlay<'_>, debt: &Debt) -> bool {
    let mut position = overlay.positions.get(&debt.debtor).unwrap_or_default();
    position.payable.0 += debt.gross.total().0;
    position.net_debit() <= limit_of(overlay, debt.debtor) && book_uncapped(overlay, debt).is_ok()
}

/// Reserves what a hold may make an issuer owe.
///
/// # Errors
/// `net_debit_cap`.
pub(crate) fn reserve(overlay: &mut Overlay<'_>, debtor: MerchantId, value: Obligation) -> Result<(), Rejection> {
    change_position(overlay, debtor, |p| p.reserved.0 += value.0);
    require_cap(overlay, debtor)
}

/// Ends a reservation.
pub(crate) fn unreserve(overlay: &mut Overlay<'_>, debtor: MerchantId, value: Obligation) {
    change_position(overlay, debtor, |p| p.reserved.0 -= value.0);
}

fn require_cap(overlay: &mut Overlay<'_>, debtor: MerchantId) -> Result<(), Rejection> {
    if room(overlay, debtor) < Obligation(0) { Err(Rejection::NetDebitCap) } else { Ok(()) }
}

/// What a merchant owes that is not settled.
pub(crate) fn net_debit(overlay: &mut Overlay<'_>, merchant: MerchantId) -> Obligation {
    overlay.positions.get(&merchant).unwrap_or_default().net_debit()
}

/// How much more a merchant may come to owe; less than zero where it owes too much.
pub(crate) fn room(overlay: &mut Overlay<'_>, merchant: MerchantId) -> Obligation {
    Obligation(limit_of(overlay, merchant).0 - net_debit(overlay, merchant).0)
}

fn limit_of(overlay: &mut Overlay<'_>, merchant: MerchantId) -> Obligation {
    overlay.merchants.get(&merchant).expect("a party to a debt is a participant").net_debit_limit()
}

/// Books what an issuer owes the alliance pool. The pool's claims stay open across closes, outside caps and legs.
pub(crate) fn book_pool(overlay: &mut Overlay<'_>, debtor: MerchantId, amount: Obligation) {
    if amount == Obligation(0) {
        return;
    }
    overlay.pool_claims.change(&debtor, |claim| claim.0 += amount.0);
}

/// Changes a merchant's position in the open cycle.
pub(crate) fn change_position(overlay: &mut Overlay<'_>, merchant: MerchantId, change: impl FnOnce(&mut Position)) {
    overlay.positions.change(&merchant, change);
}
