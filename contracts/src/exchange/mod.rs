//! Exchange: points of one class become points of another at the rate that the anchors give, main points become sub points,
//! and partners' points come in.
//!
//! Anchors lie in the classes; an announced one takes effect by itself, and each step makes a version of the rate table.

mod announce_anchor;
mod exchange_points;
mod import_points;
mod price;
mod quote;
mod rate;
mod split_points;
mod state;
mod terms;

pub use announce_anchor::{AnchorChanged, AnnounceAnchor};
pub use exchange_points::{Exchange, QuoteTerms};
pub use import_points::{ImportPoints, MAX_EXTERNAL_BYTES};
pub use quote::{Ask, LimitLeft, Quote, quote};
pub use rate::{Conversion, convert, split_lots};
pub use split_points::Split;
pub use state::{ImportRatio, PairTerms, RateTable, RateVersion};
pub use terms::{TermsOfDay, limits_left, terms_of, version};

pub(crate) use announce_anchor::change_anchors;

use std::sync::Arc;

use crate::membership::consent::{self, Consent};
use crate::membership::require_issuing;
use crate::operation::Caller;
use crate::points::{Lot, PointClass, Reason, count, credit, require_open_class, sum};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, ClassId, Points};

/// Two classes whose points may turn from the first into the second.
///
/// # Errors
/// `unknown_class` and `class_closed` of the source, then of the target; `merchant_suspended`, `merchant_leaving` of the
/// target's issuer.
fn require_classes(
    overlay: &mut Overlay<'_>,
    from_class: ClassId,
    to_class: ClassId,
) -> Result<(Arc<PointClass>, Arc<PointClass>), Rejection> {
    let source = require_open_class(overlay, from_class)?;
    let target = require_open_class(overlay, to_class)?;
    require_issuing(overlay, target.issuer)?;
    Ok((source, target))
}

/// Judges whether a member's points may go from one class into another, and by whose word.
///
/// # Errors
/// `unknown_member`, `holder_not_permitted`, `member_frozen`, those of the consent.
fn consent_to(
    overlay: &mut Overlay<'_>,
    caller: &Caller<'_>,
    address: Address,
    (from_class, source, target): (ClassId, &PointClass, &PointClass),
) -> Result<Consent, Rejection> {
    let member = price::require_holder(overlay, &address, (source, target))?;
    consent::require(overlay, caller, (&address, &member), from_class)
}

/// Puts points into the target class for lots that have left the source; gives the live points of the target after it.
///
/// # Errors
/// `overflow`.
pub(crate) fn change_class(
    overlay: &mut Overlay<'_>,
    member: Address,
    (from_class, given): (ClassId, &[Lot]),
    (to_class, points_out, reason): (ClassId, Points, Reason),
) -> Result<Points, Rejection> {
    let points_in = sum(given);
    count(overlay, from_class, |t| {
        t.exchanged_out = t.exchanged_out.checked_add(points_in)?;
        Some(())
    })?;
    count(overlay, to_class, |t| {
        t.exchanged_in = t.exchanged_in.checked_add(points_out)?;
        Some(())
    })?;
    credit(overlay, &(member, to_class), &split_lots(given, points_out), reason)
}

#[cfg(test)]
mod tests;
