//! The state before the first block.

use super::Schedule;
use crate::execute::BlockContext;
use crate::genesis::{Genesis, OperatorKey, Role};
use crate::membership::{KeyRecord, Merchant};
use crate::points::PointClass;
use crate::state::{Cache, MemoryStore, Overlay, WriteSet};
use crate::types::Height;

/// The writes that make the state of height 0 out of nothing.
///
/// `genesis` must have passed [`Genesis::check`].
#[must_use]
pub fn genesis_writes(genesis: &Genesis) -> WriteSet {
    let empty = MemoryStore::default();
    let context = BlockContext::new(genesis, genesis.chain_id(), Height(0), genesis.time_ms);
    let mut overlay = Overlay::new(&empty, context, Cache::default());
    let month = genesis.calendar().month(genesis.time_ms);
    overlay.parameters.put((), genesis.parameters.clone());
    overlay.schedule.put((), Schedule { open_cycle: month, swept_before: month });
    for merchant in &genesis.merchants {
        let governors = merchant.operator_keys.iter().filter(|key| key.roles.contains(&Role::Governor)).count();
        let governor_keys = u32::try_from(governors).expect("a genesis is far smaller");
        let net_debit_cap_fen = merchant.net_debit_cap_fen;
        overlay.merchants.put(merchant.id, Merchant { net_debit_cap_fen, governor_keys });
        for OperatorKey { public_key, roles, store_id } in &merchant.operator_keys {
            let record = KeyRecord { roles: roles.clone(), store_id: *store_id, revoked: None };
            overlay.operator_keys.put((merchant.id, *public_key), record);
        }
    }
    for class in &genesis.classes {
        overlay.classes.put(class.id, PointClass { issuer: class.issuer, terms: class.terms.clone() }.into());
    }
    overlay.keep();
    overlay.finish().0
}
