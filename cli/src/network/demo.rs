//! The genesis of the demo year (docs/replay.md, section 2).

use tally_contracts::genesis::{Clock, Genesis, GenesisClass, GenesisMerchant, Parameters};
use tally_contracts::points::ClassTerms;
use tally_contracts::types::{ClassId, Fen, MerchantId, Rate};

/// The demo's merchants, by id from 1 on.
pub const MERCHANTS: [&str; 4] = ["supermarket", "fuel", "drugstore", "cafe"];
/// 2017-01-01T00:00 local.
const START_MS: u64 = 1_483_246_800_000;
const NET_DEBIT_CAP_FEN: u64 = 100_000_000;
const LIMIT_FEN: u64 = 100_000;

/// The genesis of the demo year; `merchants` bring names and keys, the rest is fixed.
pub fn genesis(clock: Clock, merchants: Vec<GenesisMerchant>) -> Genesis {
    Genesis {
        name: "Demo year 2017".into(),
        time_ms: START_MS,
        utc_offset_minutes: -300,
        clock,
        parameters: Parameters {
            idle_block_ms: 1_000,
            min_anchor: Rate::from_millionths(1_000),
            max_anchor: Rate::from_millionths(1_000_000),
            exchange_spread: Rate::from_millionths(20_000),
            no_consent_limit_fen: Fen(LIMIT_FEN),
            refund_window_days: 30,
        },
        merchants: merchants
            .into_iter()
            .map(|merchant| GenesisMerchant { net_debit_cap_fen: Fen(NET_DEBIT_CAP_FEN), ..merchant })
            .collect(),
        classes: vec![
            class(1, Terms { anchor: 10_000, earn_rate: 1_000_000, life_months: 12 }),
            class(2, Terms { anchor: 20_000, earn_rate: 500_000, life_months: 3 }),
            class(3, Terms { anchor: 15_000, earn_rate: 800_000, life_months: 12 }),
            class(4, Terms { anchor: 30_000, earn_rate: 400_000, life_months: 12 }),
        ],
    }
}

/// What differs between the demo's classes; rates in millionths.
struct Terms {
    anchor: u64,
    earn_rate: u64,
    life_months: u16,
}

/// Class `id`, issued by merchant `id`.
fn class(id: u16, terms: Terms) -> GenesisClass {
    GenesisClass {
        id: ClassId(u32::from(id)),
        name: format!("{} points", MERCHANTS[usize::from(id) - 1]),
        issuer: MerchantId(id),
        terms: ClassTerms {
            decimals: 0,
            anchor: Rate::from_millionths(terms.anchor),
            earn_rate: Rate::from_millionths(terms.earn_rate),
            life_months: terms.life_months,
            accepted_by: vec![],
            permissions: vec![],
            custodian_member_limit_fen: Fen(LIMIT_FEN),
            custodian_limit_fen: Fen(NET_DEBIT_CAP_FEN),
        },
    }
}
