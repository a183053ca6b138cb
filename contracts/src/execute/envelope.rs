//! The rules on a transaction as a whole: its time, and its key.

use super::BlockContext;
use crate::genesis::{Clock, Genesis, Role};
use crate::membership::KeyRoles;
use crate::rejection::Rejection;
use crate::state::{Overlay, Store};
use crate::transaction::{Body, Transaction};
use crate::types::{DAY_MS, Height, MerchantId};

/// Furthest that `valid_until_ms` may lie after block time.
pub const MAX_VALIDITY_MS: u64 = DAY_MS;

/// Judges time and key; gives the key's roles.
///
/// # Errors
/// `expired`, `valid_until_too_far`, `unknown_key`.
pub(super) fn authorize(overlay: &mut Overlay<'_>, transaction: &Transaction) -> Result<Vec<Role>, Rejection> {
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
        return if keys.contains(&transaction.public_key) { Ok(Vec::new()) } else { Err(Rejection::UnknownKey) };
    }
    let key = (transaction.merchant, transaction.public_key);
    let KeyRoles { roles } = overlay.operator_keys.get(&key).ok_or(Rejection::UnknownKey)?;
    Ok(roles)
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
            Body::SetClock(set) if genesis.clock != Clock::Real => set.time_ms,
            _ => time_ms,
        },
        _ => time_ms,
    };
    let mut overlay = Overlay::new(store, BlockContext::new(genesis, Height(0), time_ms));
    authorize(&mut overlay, transaction).map(|_| ())
}
