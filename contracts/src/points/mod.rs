//! Points: classes, their issue, gifts, holds, redemption, reversal, and how they end.

mod buy_out;
mod capture;
mod create_class;
mod hold;
mod holding;
mod issue;
pub(crate) mod lapse;
mod limits;
mod redeem;
pub(crate) mod release;
mod reverse;
mod reverse_issue;
mod reverse_redeem;
mod set_store_limits;
mod spend;
mod standing;
mod state;
mod terms;
mod transfer;
mod void;

pub use buy_out::{BoughtOut, BoughtOutDebt};
pub use capture::Capture;
pub use create_class::CreateClass;
pub use hold::{MAX_HOLD_MS, PlaceHold};
pub use holding::{Holdings, LatestMovements, MovementId, history, holdings_of, latest_in};
pub use issue::{Issue, IssueLine};
pub use lapse::Lapsed;
pub use limits::{StoreLimits, spent_of_grant};
pub use redeem::Redeem;
pub use release::TimedOut;
pub use reverse_issue::ReverseIssue;
pub use reverse_redeem::ReverseRedeem;
pub use set_store_limits::SetStoreLimits;
pub(crate) use standing::sum;
pub use standing::{Charged, Hold, HoldState, Purchase, Redemption, Standing, StandingDebt, split_last};
pub use state::{AnnouncedAnchor, ClassEnd, ClassTotals, Lot, Movement, PointClass, Reason, StatementLine, balance_at};
pub use terms::{ClassTerms, Permission, SubTerms, Use};
pub use transfer::Transfer;
pub use void::Void;

pub(crate) use buy_out::buy_out;
pub(crate) use holding::{Released, claw_back, credit, debit, note_capture, release};
pub(crate) use limits::{
    CustodianGain, Spending, add_within, charge, charge_custodian, charge_store_redeem, charge_store_refund, give_back,
};

use std::sync::Arc;

use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::ClassId;

/// A class by its id.
///
/// # Errors
/// `unknown_class`.
pub(crate) fn require_class(overlay: &mut Overlay<'_>, class: ClassId) -> Result<Arc<PointClass>, Rejection> {
    overlay.classes.get(&class).ok_or(Rejection::UnknownClass)
}

/// A class whose points still serve.
///
/// # Errors
/// `unknown_class`, `class_closed`.
pub(crate) fn require_open_class(overlay: &mut Overlay<'_>, class: ClassId) -> Result<Arc<PointClass>, Rejection> {
    let class = require_class(overlay, class)?;
    if class.end.is_some() { Err(Rejection::ClassClosed) } else { Ok(class) }
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
    overlay.class_totals.try_change(&class, change).ok_or(Rejection::Overflow)
}

#[cfg(test)]
mod tests;
