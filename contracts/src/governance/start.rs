//! The state before the first block.

use super::Schedule;
use crate::execute::BlockContext;
use crate::genesis::Genesis;
use crate::membership::{KeyRoles, Merchant};
use crate::points::PointClass;
use crate::state::{MemoryStore, Overlay, WriteSet};
use crate::types::Height;

/// The writes that make the state of height 0 out of nothing.
///
/// `genesis` must have passed [`Genesis::check`].
#[must_use]
pub fn genesis_writes(genesis: &Genesis) -> WriteSet {
    let empty = MemoryStore::default();
    let mut overlay = Overlay::new(&empty, BlockContext::new(genesis, Height(0), genesis.time_ms));
    let month = genesis.calendar().month(genesis.time_ms);
    overlay.parameters.put((), genesis.parameters.clone());
    overlay.schedule.put((), Schedule { open_cycle: month, swept_before: month });
    for merchant in &genesis.merchants {
        overlay.merchants.put(merchant.id, Merchant { net_debit_cap_fen: merchant.net_debit_cap_fen });
        for key in &merchant.operator_keys {
            overlay.operator_keys.put((merchant.id, key.public_key), KeyRoles { roles: key.roles.clone() });
        }
    }
    for class in &genesis.classes {
        overlay.classes.put(class.id, PointClass { issuer: class.issuer, terms: class.terms.clone() });
    }
    overlay.keep();
    overlay.into_writes()
}
