//! The index of references: every operation is executed once, however often it is sent (docs/rules.md, 1).

use wincode::{SchemaRead, SchemaWrite};

use crate::encoding;
use crate::points::Standing;
use crate::rejection::Rejection;
use crate::state::{Key, Overlay, Store, tag};
use crate::transaction::Operation;
use crate::types::{Calendar, DAY_MS, Day, HOUR_MS, Hash, Height, MerchantId, Reference};

/// A reference older than this, by block time, is refused; so the index is bounded.
pub const MAX_AGE_MS: u64 = 90 * DAY_MS;
/// A reference further ahead than this, by real block time, is refused.
pub const MAX_AHEAD_MS: u64 = HOUR_MS;

/// An operation whose outcome is kept.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct KnownReference {
    /// [`Operation::body_hash`].
    pub body_hash: Hash,
    /// Block of its receipt.
    pub height: Height,
    /// Position of the operation in that block.
    pub index: u32,
    /// What of it a later operation may take up.
    pub standing: Standing,
}

/// What the index says of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// New.
    Never,
    /// Its outcome stands there.
    Before {
        /// The block.
        height: Height,
        /// The position in it.
        index: u32,
    },
    /// `role_missing`, `wrong_store`, `reference_too_old`, `reference_ahead` or `reference_reused`.
    Refused(Rejection),
}

/// Looks an operation up.
pub(super) fn look_up(overlay: &Overlay<'_>, merchant: MerchantId, operation: &Operation) -> Seen {
    if is_too_old(overlay, operation.reference) {
        return Seen::Refused(Rejection::ReferenceTooOld);
    }
    let is_real_clock = overlay.context.clock_keys.is_none();
    if is_real_clock && operation.reference.time_ms() > overlay.context.time_ms + MAX_AHEAD_MS {
        return Seen::Refused(Rejection::ReferenceAhead);
    }
    match overlay.references.peek(&index_key(merchant, operation.reference)) {
        None => Seen::Never,
        Some(known) if known.body_hash == operation.body_hash() => {
            Seen::Before { height: known.height, index: known.index }
        }
        Some(_) => Seen::Refused(Rejection::ReferenceReused),
    }
}

/// Keeps the outcome of an operation under its reference, which is new.
pub(super) fn remember(overlay: &mut Overlay<'_>, merchant: MerchantId, reference: Reference, known: KnownReference) {
    overlay.references.insert(index_key(merchant, reference), known);
}

/// What an operation of the last 90 days left for a later one to take up; none if the index does not know it.
pub(crate) fn standing(overlay: &mut Overlay<'_>, merchant: MerchantId, reference: Reference) -> Option<Standing> {
    recent(overlay, merchant, reference).map(|known| known.standing)
}

/// Changes what an operation left, while the index knows it.
pub(crate) fn set_standing(overlay: &mut Overlay<'_>, merchant: MerchantId, reference: Reference, standing: Standing) {
    if let Some(known) = recent(overlay, merchant, reference) {
        overlay.references.put(index_key(merchant, reference), KnownReference { standing, ..known });
    }
}

/// A row of the index that is not too old to be read.
fn recent(overlay: &mut Overlay<'_>, merchant: MerchantId, reference: Reference) -> Option<KnownReference> {
    if is_too_old(overlay, reference) {
        return None;
    }
    overlay.references.get(&index_key(merchant, reference))
}

fn is_too_old(overlay: &Overlay<'_>, reference: Reference) -> bool {
    reference.time_ms().saturating_add(MAX_AGE_MS) < overlay.context.time_ms
}

/// What the index holds under a merchant's reference.
#[must_use]
pub fn known_reference(store: &dyn Store, merchant: MerchantId, reference: Reference) -> Option<KnownReference> {
    let mut key = vec![tag::references];
    index_key(merchant, reference).put(&mut key);
    store.get(&key).map(|bytes| encoding::decode_own(&bytes))
}

/// By UTC day of the reference, so that days fall out of the index as ranges.
fn index_key(merchant: MerchantId, reference: Reference) -> (Day, MerchantId, Reference) {
    (Calendar::default().day(reference.time_ms()), merchant, reference)
}
