//! The state before the first block.

use super::{Schedule, ValidatorSet};
use crate::checkpoint::CheckpointClock;
use crate::execute::BlockContext;
use crate::genesis::Genesis;
use crate::membership::{Merchant, Phase, found};
use crate::points::PointClass;
use crate::state::{Cache, MemoryStore, Overlay, WriteSet};
use crate::types::{Fen, Height};

/// The writes that make the state of height 0 out of nothing.
///
/// `genesis` must have passed [`Genesis::check`].
#[must_use]
pub fn genesis_writes(genesis: &Genesis) -> WriteSet {
    let empty = MemoryStore::default();
    let context = BlockContext::new(genesis, genesis.chain_id(), Height(0), genesis.time_ms);
    let mut overlay = Overlay::new(&empty, context, Cache::default());
    let month = genesis.calendar().month(genesis.time_ms);
    overlay.parameters.put((), genesis.parameters.clone().into());
    let open_cycle = genesis.parameters.settlement.cycle_of(month);
    overlay.schedule.put((), Schedule { open_month: month, open_cycle, swept_before: month });
    for merchant in &genesis.merchants {
        found(
            &mut overlay,
            merchant.id,
            &merchant.operator_keys,
            Merchant {
                is_partner: false,
                industry: merchant.industry,
                net_debit_cap_fen: merchant.net_debit_cap_fen,
                collateral_fen: merchant.collateral_fen,
                governor_keys: 0,
                base_share: merchant.base_share,
                is_suspended: false,
                phase: Phase::Staying,
            },
        );
    }
    for partner in &genesis.partners {
        found(
            &mut overlay,
            partner.id,
            &partner.operator_keys,
            Merchant {
                is_partner: true,
                industry: 0,
                net_debit_cap_fen: Fen(0),
                collateral_fen: partner.collateral_fen,
                governor_keys: 0,
                base_share: 0,
                is_suspended: false,
                phase: Phase::Staying,
            },
        );
        for import in &partner.imports {
            overlay.import_ratios.put((partner.id, import.class), import.ratio);
        }
    }
    for class in &genesis.classes {
        overlay.classes.put(class.id, PointClass::new(class.issuer, class.terms.clone()).into());
    }
    for pair in &genesis.pairs {
        overlay.pairs.put((pair.from_class, pair.to_class), pair.terms);
    }
    for day in &genesis.calendar.holidays {
        overlay.business_days.put(*day, false);
    }
    for day in &genesis.calendar.workdays {
        overlay.business_days.put(*day, true);
    }
    let clock = CheckpointClock { last_ms: genesis.time_ms, is_pending: false, latest_final: None };
    overlay.checkpoint_clock.put((), clock);
    overlay.epochs.put(Height(1), ValidatorSet::of_genesis(genesis));
    overlay.keep();
    overlay.finish().0
}
