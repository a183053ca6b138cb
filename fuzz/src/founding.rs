//! The founding agreements that generated blocks start from.

use tally_contracts::crypto::PublicKey;
use tally_contracts::genesis::{
    BusinessCalendar, Clock, ExchangeParameters, Genesis, GenesisClass, GenesisMerchant, MAX_ANCHOR, MAX_CAP_FEN,
    MAX_REFUND_WINDOW_DAYS, MAX_TIME_MS, Parameters,
};
use tally_contracts::membership::HolderKind;
use tally_contracts::points::{ClassTerms, Permission, Use};
use tally_contracts::types::{ClassId, DAY_MS, Fen, MerchantId, Rate};

use crate::keys::{Signer, cosigner_key, operator_keys, validator_key};
use crate::world::{MERCHANTS, Start};

/// 2017-01-30T00:00Z: month ends are near.
const START_MS: u64 = 1_485_734_400_000;

fn merchant(id: u16, net_debit_cap_fen: Fen) -> GenesisMerchant {
    GenesisMerchant {
        id: MerchantId(id),
        name: format!("merchant {id}"),
        validator_key: PublicKey::of(&validator_key(MerchantId(id))),
        cosigner_key: PublicKey::of(&cosigner_key(MerchantId(id))),
        operator_keys: operator_keys(id),
        net_debit_cap_fen,
        collateral_fen: Fen(0),
        industry: 0,
        base_share: 1,
    }
}

fn class(id: u16, terms: ClassTerms) -> GenesisClass {
    GenesisClass { id: ClassId(id.into()), name: format!("class {id}"), issuer: MerchantId(id), terms }
}

/// The alliance's founding agreement.
#[must_use]
pub fn genesis(start: Start) -> Genesis {
    match start {
        Start::Simulated => ordinary(Clock::Simulated { keys: vec![Signer::Clock.public()] }),
        Start::Real => ordinary(Clock::Real),
        Start::Extreme => extreme(),
    }
}

fn ordinary(clock: Clock) -> Genesis {
    let terms = |anchor, decimals, life_months| ClassTerms {
        decimals,
        anchor: Rate::from_millionths(anchor),
        earn_rate: Rate::from_millionths(Rate::ONE),
        life_months,
        accepted_by: Vec::new(),
        industries: Vec::new(),
        sub: None,
        permissions: Vec::new(),
        custodian_member_limit_fen: Fen(10_000),
        custodian_limit_fen: Fen(15_000),
        breakage: Rate::ZERO,
    };
    let mut classes = vec![
        class(1, terms(10_000, 0, 12)),
        class(2, terms(20_001, 1, 1)),
        class(3, terms(15_000, 2, 3)),
        class(4, terms(30_000, 0, 24)),
    ];
    classes[2].terms.accepted_by = vec![MerchantId(1), MerchantId(3)];
    let all = vec![Use::Earn, Use::Transfer, Use::Redeem, Use::Exchange];
    classes[3].terms.permissions = vec![
        Permission { holder: HolderKind::Member, uses: all },
        Permission { holder: HolderKind::Employee, uses: vec![Use::Earn, Use::Redeem] },
    ];
    Genesis {
        name: "ordinary".into(),
        time_ms: START_MS,
        utc_offset_minutes: 480,
        clock,
        parameters: Parameters {
            idle_block_ms: 1_000,
            min_anchor: Rate::from_millionths(10_000),
            max_anchor: Rate::from_millionths(30_000),
            exchange: ExchangeParameters { spread: Rate::from_millionths(20_000), ..ExchangeParameters::default() },
            no_consent_limit_fen: Fen(20_000),
            refund_window_days: 30,
            ..Parameters::default()
        },
        merchants: (1..).zip([1_000_000, 15_000, 30_000, 0]).map(|(id, cap)| merchant(id, Fen(cap))).collect(),
        partners: Vec::new(),
        pairs: Vec::new(),
        calendar: BusinessCalendar::default(),
        classes,
    }
}

fn extreme() -> Genesis {
    let terms = |anchor, decimals, life_months| ClassTerms {
        decimals,
        anchor,
        earn_rate: Rate::from_millionths(u64::MAX),
        life_months,
        accepted_by: Vec::new(),
        industries: Vec::new(),
        sub: None,
        permissions: Vec::new(),
        custodian_member_limit_fen: Fen(u64::MAX),
        custodian_limit_fen: Fen(u64::MAX),
        breakage: Rate::ZERO,
    };
    let least = Rate::from_millionths(1);
    Genesis {
        name: "extreme".into(),
        time_ms: MAX_TIME_MS - 800 * DAY_MS,
        utc_offset_minutes: -720,
        clock: Clock::Real,
        parameters: Parameters {
            idle_block_ms: 10,
            checkpoint_interval_ms: 1_000,
            min_anchor: least,
            max_anchor: MAX_ANCHOR,
            exchange: ExchangeParameters {
                spread: Rate::ZERO,
                min_lot_fen: Fen(0),
                member_daily_limit_fen: Fen(u64::MAX),
                pair_daily_limit_fen: Fen(u64::MAX),
                days: Vec::new(),
            },
            no_consent_limit_fen: Fen(u64::MAX),
            refund_window_days: MAX_REFUND_WINDOW_DAYS,
            ..Parameters::default()
        },
        merchants: (1..=MERCHANTS).map(|id| merchant(id, MAX_CAP_FEN)).collect(),
        partners: Vec::new(),
        pairs: Vec::new(),
        calendar: BusinessCalendar::default(),
        classes: vec![
            class(1, terms(least, 0, 24)),
            class(2, terms(MAX_ANCHOR, 0, 24)),
            class(3, terms(least, 2, 1)),
            class(4, terms(MAX_ANCHOR, 2, 1)),
        ],
    }
}
