//! What both reversals ask of their original. Transfers and changes of class do not reverse.

use super::Standing;
use crate::execute;
use crate::governance;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{DAY_MS, MerchantId, Reference};

/// What an operation of the merchant left to be reversed.
///
/// # Errors
/// `unknown_original`.
pub(super) fn require_original(
    overlay: &mut Overlay<'_>,
    merchant: MerchantId,
    original: Reference,
) -> Result<Standing, Rejection> {
    execute::standing(overlay, merchant, original).ok_or(Rejection::UnknownOriginal)
}

/// # Errors
/// `refund_too_late`, by the time that the original's reference carries.
pub(super) fn require_window(overlay: &mut Overlay<'_>, original: Reference) -> Result<(), Rejection> {
    let days = governance::parameters(overlay).refund_window_days;
    let end_ms = original.time_ms().saturating_add(u64::from(days) * DAY_MS);
    if end_ms < overlay.context.time_ms { Err(Rejection::RefundTooLate) } else { Ok(()) }
}
