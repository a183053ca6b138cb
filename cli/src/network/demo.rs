//! The genesis of the demo year (docs/replay.md, section 2), and the keys of its partner.

use std::path::Path;

use ed25519_dalek::SigningKey;
use tally_contracts::crypto::PublicKey;
use tally_contracts::exchange::ImportRatio;
use tally_contracts::genesis::{
    BusinessCalendar, Clock, ExchangeParameters, Genesis, GenesisClass, GenesisMerchant, GenesisPartner, Import,
    OperatorKey, Parameters, PoolParameters, Role,
};
use tally_contracts::points::ClassTerms;
use tally_contracts::types::{ClassId, Fen, MerchantId, Rate};

use super::init::make_private_dir;
use crate::keys::{generate, write_key};

/// The demo's merchants, by id from 1 on.
pub const MERCHANTS: [&str; 4] = ["supermarket", "fuel", "drugstore", "cafe"];
/// An airline, whose miles become points; it has no node.
const PARTNER: MerchantId = MerchantId(9);
const PARTNER_NAME: &str = "Sky Miles";
/// What the airline has prefunded: CNY 10,000.
const PREFUNDED_FEN: u64 = 1_000_000;
/// 2017-01-01T00:00 local.
const START_MS: u64 = 1_483_246_800_000;
const NET_DEBIT_CAP_FEN: u64 = 100_000_000;
const LIMIT_FEN: u64 = 100_000;

/// The keys of the demo's partner.
pub struct PartnerKeys {
    /// Imports.
    operator: SigningKey,
    /// Reports payments, confirms them, and disputes.
    treasurer: SigningKey,
}

impl PartnerKeys {
    /// Fresh keys from the operating system's randomness.
    pub fn generate() -> Self {
        Self { operator: generate(), treasurer: generate() }
    }

    /// What the genesis says of them.
    pub fn operator_keys(&self) -> Vec<OperatorKey> {
        let key =
            |key: &SigningKey, role| OperatorKey { public_key: PublicKey::of(key), roles: vec![role], store_id: None };
        vec![key(&self.operator, Role::Issuer), key(&self.treasurer, Role::Treasurer)]
    }

    /// Writes both into the partner's directory beside those of the merchants' treasuries.
    pub fn write(&self, treasury: &Path) -> anyhow::Result<()> {
        let dir = treasury.join(format!("partner-{PARTNER}"));
        make_private_dir(&dir)?;
        write_key(&dir.join("operator.key"), "operator", &self.operator)?;
        write_key(&dir.join("treasurer.key"), "treasurer", &self.treasurer)
    }
}

/// The genesis of the demo year; `merchants` bring names and keys, the partner its keys, the rest is fixed.
pub fn genesis(clock: Clock, merchants: Vec<GenesisMerchant>, partner_keys: Vec<OperatorKey>) -> Genesis {
    Genesis {
        name: "Demo year 2017".into(),
        time_ms: START_MS,
        utc_offset_minutes: -300,
        clock,
        parameters: Parameters {
            idle_block_ms: 1_000,
            min_anchor: Rate::from_millionths(1_000),
            max_anchor: Rate::from_millionths(1_000_000),
            exchange: ExchangeParameters { spread: Rate::from_millionths(20_000), ..ExchangeParameters::default() },
            no_consent_limit_fen: Fen(LIMIT_FEN),
            refund_window_days: 30,
            pool: PoolParameters { levy: Rate::from_millionths(10_000), ..PoolParameters::default() },
            ..Parameters::default()
        },
        merchants: merchants
            .into_iter()
            .map(|merchant| GenesisMerchant { net_debit_cap_fen: Fen(NET_DEBIT_CAP_FEN), ..merchant })
            .collect(),
        partners: vec![partner(partner_keys)],
        pairs: Vec::new(),
        calendar: BusinessCalendar::default(),
        classes: vec![
            class(1, Terms { anchor: 10_000, earn_rate: 1_000_000, life_months: 12 }),
            class(2, Terms { anchor: 20_000, earn_rate: 500_000, life_months: 3 }),
            class(3, Terms { anchor: 15_000, earn_rate: 800_000, life_months: 12 }),
            class(4, Terms { anchor: 30_000, earn_rate: 400_000, life_months: 12 }),
        ],
    }
}

/// The airline: 100 miles become 10 points of the supermarket's.
fn partner(operator_keys: Vec<OperatorKey>) -> GenesisPartner {
    GenesisPartner {
        id: PARTNER,
        name: PARTNER_NAME.into(),
        operator_keys,
        collateral_fen: Fen(PREFUNDED_FEN),
        imports: vec![Import { class: ClassId(1), ratio: ImportRatio { units: 100, points: 10 } }],
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
            industries: Vec::new(),
            sub: None,
            permissions: vec![],
            custodian_member_limit_fen: Fen(LIMIT_FEN),
            custodian_limit_fen: Fen(NET_DEBIT_CAP_FEN),
            breakage: Rate::ZERO,
        },
    }
}
