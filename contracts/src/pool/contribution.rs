//! Counting what merchants contribute, in the month in which it happens or is undone.

use super::Contribution;
use crate::state::Overlay;
use crate::types::{MerchantId, Obligation};

/// Changes what a merchant has contributed this month.
pub(crate) fn contribute(overlay: &mut Overlay<'_>, merchant: MerchantId, change: impl FnOnce(&mut Contribution)) {
    let key = (overlay.context.month(), merchant);
    overlay.contributions.change(&key, change);
}

/// Counts points of others that a merchant honoured; less than zero where a sale was undone.
pub(crate) fn contribute_honoured(overlay: &mut Overlay<'_>, merchant: MerchantId, value: Obligation) {
    if value != Obligation(0) {
        contribute(overlay, merchant, |c| c.honoured.0 += value.0);
    }
}
