//! `announce_anchor`: a class's issuer says what its points will be worth, and from when on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{RateTable, RateVersion};
use crate::governance::{self, business_days};
use crate::operation::{Caller, Done, Verb};
use crate::points::{AnnouncedAnchor, PointClass, require_class, require_open_class};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{ClassId, DAY_MS, Rate};

/// Anchors that one block's due work puts into effect, at most.
const CHANGES_PER_BLOCK: usize = 1_000;

/// Furthest that a change may lie behind the end of the notice: until it takes effect points change class at the worse of
/// both anchors, which must not become a price of its own.
const MAX_AHEAD_MS: u64 = 90 * DAY_MS;

/// Announces an anchor; it takes effect by itself. A lower one needs notice, for it is to the members' disadvantage.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnounceAnchor {
    /// The class.
    pub class: ClassId,
    /// CNY per point, within the alliance's bounds.
    pub anchor: Rate,
    /// From this block time on, in ms since 1970.
    pub effective_ms: u64,
}

/// An anchor that took effect.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct AnchorChanged {
    /// The class.
    pub class: ClassId,
    /// CNY per point from now on.
    pub anchor: Rate,
    /// The version of the rate table that it made.
    pub version: u32,
}

impl Verb for AnnounceAnchor {
    /// The version.
    const MAX_RECEIPT_BYTES: usize = 4;

    fn class(&self) -> Option<ClassId> {
        Some(self.class)
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let class = require_open_class(overlay, self.class)?;
        if class.issuer != caller.merchant {
            return Err(Rejection::WrongParty);
        }
        let parameters = governance::parameters(overlay);
        if !(parameters.min_anchor..=parameters.max_anchor).contains(&self.anchor) {
            return Err(Rejection::ClassOutOfBounds);
        }
        if self.anchor == class.terms.anchor {
            return Err(Rejection::AnchorUnchanged);
        }
        if class.announced.is_some() {
            return Err(Rejection::AnchorPending);
        }
        let now_ms = overlay.context.time_ms;
        let is_lower = self.anchor < class.terms.anchor;
        let notice = parameters.notice_business_days;
        let notice_end_ms = business_days::after(overlay, now_ms, notice);
        if self.effective_ms <= now_ms || is_lower && self.effective_ms < notice_end_ms {
            return Err(Rejection::NoticeTooShort);
        }
        if self.effective_ms > notice_end_ms + MAX_AHEAD_MS {
            return Err(Rejection::NoticeTooLong);
        }
        let announced = Some(AnnouncedAnchor { anchor: self.anchor, effective_ms: self.effective_ms });
        overlay.classes.put(self.class, Arc::new(PointClass { announced, ..(*class).clone() }));
        overlay.anchor_changes.put((self.effective_ms, self.class), ());
        let version = new_version(overlay, self.class, (self.anchor, self.effective_ms), false);
        Ok(Applied::AnchorAnnounced { version }.into())
    }
}

/// Puts announced anchors into effect whose time has come.
pub(crate) fn change_anchors(overlay: &mut Overlay<'_>) -> Vec<AnchorChanged> {
    let end_ms = overlay.context.time_ms + 1;
    let due = overlay.anchor_changes.scan(&(0, ClassId(0)), &(end_ms, ClassId(0)), CHANGES_PER_BLOCK);
    let mut changed = Vec::with_capacity(due.len());
    for ((effective_ms, class_id), ()) in due {
        overlay.anchor_changes.delete((effective_ms, class_id));
        let class = require_class(overlay, class_id).expect("classes are not deleted");
        let anchor = class.announced.expect("what is due was announced").anchor;
        let mut class = PointClass { announced: None, ..(*class).clone() };
        class.terms.anchor = anchor;
        overlay.classes.put(class_id, class.into());
        let version = new_version(overlay, class_id, (anchor, effective_ms), true);
        changed.push(AnchorChanged { class: class_id, anchor, version });
    }
    changed
}

fn new_version(
    overlay: &mut Overlay<'_>,
    class: ClassId,
    (anchor, effective_ms): (Rate, u64),
    is_effective: bool,
) -> u32 {
    let version = super::terms::version(overlay).saturating_add(1);
    let time_ms = overlay.context.time_ms;
    overlay.rates.put((), RateTable { version });
    overlay.rate_versions.put(version, RateVersion { class, anchor, effective_ms, is_effective, time_ms });
    version
}
