//! Booking: an operation makes an issuer owe a merchant.

use super::{Gross, Position};
use crate::genesis::{MAX_CAP_FEN, MAX_MERCHANTS};
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
    book_reserved(overlay, debt)?;
    require_cap(overlay, if debt.gross.total() < Obligation(0) { debt.creditor } else { debt.debtor })
}

/// Books a debt that was reserved before, and judged then.
///
/// # Errors
/// `overflow`.
pub(crate) fn book_reserved(overlay: &mut Overlay<'_>, debt: &Debt) -> Result<(), Rejection> {
    let Debt { debtor, creditor, gross } = debt;
    let amount = gross.total().0;
    let key = (overlay.context.month(), *debtor, *creditor);
    let mut booked = overlay.gross.get(&key).unwrap_or_default();
    booked.redemption.0 += gross.redemption.0;
    booked.exchange.0 += gross.exchange.0;
    if booked.total().0.abs() > MAX_PAIR.0 {
        return Err(Rejection::Overflow);
    }
    overlay.gross.put(key, booked);
    change_position(overlay, *creditor, |p| p.receivable.0 += amount);
    change_position(overlay, *debtor, |p| p.payable.0 += amount);
    Ok(())
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
    let position = overlay.positions.get(&debtor).unwrap_or_default();
    let cap = overlay.merchants.get(&debtor).expect("a party to a debt is a merchant").net_debit_cap_fen;
    if position.net_debit() > Obligation::from_fen(cap) { Err(Rejection::NetDebitCap) } else { Ok(()) }
}

/// Books what an issuer owes the alliance pool. The pool's claims stay open across closes, outside caps and legs.
pub(crate) fn book_pool(overlay: &mut Overlay<'_>, debtor: MerchantId, amount: Obligation) {
    if amount == Obligation(0) {
        return;
    }
    let claim = overlay.pool_claims.get(&debtor).unwrap_or_default();
    overlay.pool_claims.put(debtor, Obligation(claim.0 + amount.0));
}

/// Changes a merchant's position in the open cycle.
pub(crate) fn change_position(
    overlay: &mut Overlay<'_>,
    merchant: MerchantId,
    change: impl FnOnce(&mut Position),
) -> Position {
    let mut position = overlay.positions.get(&merchant).unwrap_or_default();
    change(&mut position);
    overlay.positions.put(merchant, position);
    position
}
