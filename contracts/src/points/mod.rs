//! Points: classes, their issue, gifts, redemption, and how they end.

mod create_class;
mod holding;
mod issue;
pub(crate) mod lapse;
mod limits;
mod redeem;
mod state;
mod terms;
mod transfer;

pub use create_class::CreateClass;
pub use holding::{Holdings, MovementId, history, holdings_of, latest_in};
pub use issue::{Issue, IssueLine};
pub use lapse::Lapsed;
pub use redeem::Redeem;
pub use state::{ClassTotals, Lot, Movement, PointClass, Reason, balance_at};
pub use terms::ClassTerms;
pub use transfer::Transfer;

pub(crate) use holding::{credit, debit};
pub(crate) use limits::{CustodianGain, charge_custodian};

use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::ClassId;

/// A class by its id.
///
/// # Errors
/// `unknown_class`.
pub(crate) fn require_class(overlay: &mut Overlay<'_>, class: ClassId) -> Result<PointClass, Rejection> {
    overlay.classes.get(&class).ok_or(Rejection::UnknownClass)
}

/// Changes the counters of a class.
///
/// # Errors
/// `overflow`, when the change says so.
pub(crate) fn count(
    overlay: &mut Overlay<'_>,
    class: ClassId,
    change: impl FnOnce(&mut ClassTotals) -> Option<()>,
) -> Result<(), Rejection> {
    let mut totals = overlay.class_totals.get(&class).unwrap_or_default();
    change(&mut totals).ok_or(Rejection::Overflow)?;
    overlay.class_totals.put(class, totals);
    Ok(())
}

#[cfg(test)]
mod tests;
