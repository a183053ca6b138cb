//! Multilateral netting: from positions that sum to zero to at most n - 1 payments.

use super::NetPosition;
use crate::types::{Fen, MerchantId};

/// One payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Who pays.
    pub payer: MerchantId,
    /// Who is paid.
    pub payee: MerchantId,
    /// How much, more than zero.
    pub amount_fen: Fen,
}

/// Settles positions: the largest debtor pays the largest creditor as much as both allow, and so on; ties go to the lower
/// id. Each payment brings at least one of its two to zero, the last one both, so n positions need at most n - 1.
///
/// # Panics
/// When the positions do not sum to zero.
#[must_use]
pub fn payments(positions: &[NetPosition]) -> Vec<Payment> {
    let sum: i128 = positions.iter().map(|p| i128::from(p.net_fen)).sum();
    assert_eq!(sum, 0, "positions sum to zero because each pair enters once with either sign");
    let side = |wanted: fn(i64) -> bool| -> Vec<(u64, MerchantId)> {
        positions.iter().filter(|p| wanted(p.net_fen)).map(|p| (p.net_fen.unsigned_abs(), p.merchant)).collect()
    };
    let (mut debtors, mut creditors) = (side(|net| net < 0), side(|net| net > 0));
    let mut paid = Vec::new();
    while let (Some(debtor), Some(creditor)) = (largest(&debtors), largest(&creditors)) {
        let amount = debtors[debtor].0.min(creditors[creditor].0);
        paid.push(Payment { payer: debtors[debtor].1, payee: creditors[creditor].1, amount_fen: Fen(amount) });
        debtors[debtor].0 -= amount;
        creditors[creditor].0 -= amount;
    }
    paid
}

/// Position of the largest amount above zero, the lowest id among equals.
fn largest(side: &[(u64, MerchantId)]) -> Option<usize> {
    let open = (0..side.len()).filter(|&i| side[i].0 > 0);
    open.max_by_key(|&i| (side[i].0, std::cmp::Reverse(side[i].1)))
}
