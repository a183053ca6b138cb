//! The rules on a transaction as a whole: its time, and its key.

use super::BlockContext;
use crate::genesis::{Clock, Genesis, MAX_TIME_MS};
use crate::membership::{KeyRecord, Merchant, Phase};
use crate::rejection::Rejection;
use crate::state::{Cache, Overlay, Store};
use crate::transaction::{Body, Operation, Transaction};
use crate::types::{DAY_MS, Height, MerchantId};

/// Furthest that `valid_until_ms` may lie after block time.
pub const MAX_VALIDITY_MS: u64 = DAY_MS;

/// What the signing key may do.
pub(super) enum Authority {
    /// Set the clock, and nothing else.
    Clock,
    /// What an operator key may.
    Operator(KeyRecord),
}

impl Authority {
    /// Whether it may sign an operation at all.
    ///
    /// # Errors
    /// `role_missing`, `wrong_store`.
    pub(super) fn require(&self, operation: &Operation) -> Result<(), Rejection> {
        match (self, operation.body.required_role()) {
            (Self::Clock, None) => Ok(()),
            (Self::Operator(key), Some(role)) if key.roles.contains(&role) => {
                let is_bound_elsewhere = key.store_id.is_some() && key.store_id != operation.till.map(|t| t.store_id);
                if is_bound_elsewhere { Err(Rejection::WrongStore) } else { Ok(()) }
            }
            _ => Err(Rejection::RoleMissing),
        }
    }
}

/// Judges time and key. A key's record is that of the state before the block: added in this block it signs nothing yet,
/// revoked in this block it still signs, whatever the order of transactions.
///
/// # Errors
/// `expired`, `valid_until_too_far`, `departed`, `unknown_key`, `key_revoked`.
pub(super) fn authorize(overlay: &Overlay<'_>, transaction: &Transaction) -> Result<Authority, Rejection> {
    let time_ms = overlay.context.time_ms;
    if transaction.valid_until_ms < time_ms {
        return Err(Rejection::Expired);
    }
    if transaction.valid_until_ms > time_ms.saturating_add(MAX_VALIDITY_MS) {
        return Err(Rejection::ValidUntilTooFar);
    }
    if transaction.merchant == MerchantId::POOL {
        // Clock keys act in no merchant's name; under a real clock there are none.
        let keys = overlay.context.clock_keys.unwrap_or_default();
        return if keys.contains(&transaction.public_key) { Ok(Authority::Clock) } else { Err(Rejection::UnknownKey) };
    }
    if has_left(overlay, transaction.merchant) {
        return Err(Rejection::Departed);
    }
    let key = (transaction.merchant, transaction.public_key);
    let record = overlay.operator_keys.committed(&key).ok_or(Rejection::UnknownKey)?;
    if record.revoked.is_some() {
        return Err(Rejection::KeyRevoked);
    }
    Ok(Authority::Operator(record))
}

/// Whether a merchant had left before the block.
fn has_left(overlay: &Overlay<'_>, merchant: MerchantId) -> bool {
    let departed = |record: Option<Merchant>| record.is_some_and(|m| matches!(m.phase, Phase::Departed { .. }));
    // What the block has met spares the store in all cases but the rare one.
    departed(overlay.merchants.peek(&merchant)) && departed(overlay.merchants.committed(&merchant))
}

/// A mempool's filter: what `authorize` would say if the next block had this time. It may be stale; execution decides.
///
/// # Errors
/// As for execution. `valid_until_too_far` may still come right when time has passed.
pub fn check_advisory(
    store: &dyn Store,
    genesis: &Genesis,
    time_ms: u64,
    transaction: &Transaction,
) -> Result<(), Rejection> {
    // A block that sets the clock has the time that it sets.
    let time_ms = match transaction.operations.as_slice() {
        [operation] => match &operation.body {
            Body::SetClock(set) if genesis.clock != Clock::Real => set.time_ms.min(MAX_TIME_MS),
            _ => time_ms,
        },
        _ => time_ms,
    };
    let context = BlockContext::new(genesis, transaction.chain_id, Height(0), time_ms);
    authorize(&Overlay::new(store, context, Cache::default()), transaction).map(|_| ())
}
