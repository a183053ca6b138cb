//! Numbers of the alliance pool: what flows in, how it is shared, and the rebates paid from it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::types::{Fen, Rate};

/// Most tiers of the rebate.
const MAX_TIERS: usize = 16;

/// What the pool takes and how it is shared (`docs/rules.md`, section 9).
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoolParameters {
    /// Part of the anchor value of points issued that their issuer owes the pool, 0 to 1.
    pub levy: Rate,
    /// The weight of a merchant that contributed nothing.
    pub min_weight: Rate,
    /// The weight of a merchant that contributed in full; at most 10.
    pub max_weight: Rate,
    /// How much of the contribution are referrals, 0 to 1; the rest is redemptions honoured.
    pub referral_part: Rate,
    /// The part of a merchant's referrals that has to convert to count in full, more than 0.
    pub full_conversion: Rate,
    /// How long after a referral a purchase converts it, in days; 1 to 90.
    pub referral_days: u16,
}

impl Default for PoolParameters {
    fn default() -> Self {
        Self {
            levy: Rate::ZERO,
            min_weight: Rate::from_millionths(800_000),
            max_weight: Rate::from_millionths(1_500_000),
            referral_part: Rate::from_millionths(500_000),
            full_conversion: Rate::from_millionths(80_000),
            referral_days: 90,
        }
    }
}

/// What a merchant gets back of the redemptions that it honoured for others in a quarter.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RebateParameters {
    /// By rising volume.
    pub tiers: Vec<RebateTier>,
    /// Whether a tier's rate is for the volume within the tier alone; otherwise it is for the whole volume.
    pub is_marginal: bool,
}

/// From which volume on which rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RebateTier {
    /// Volume of the quarter, in fen.
    pub from_fen: Fen,
    /// Part of it, 0 to 1.
    pub rate: Rate,
}

impl Default for RebateParameters {
    fn default() -> Self {
        let tier = |from_cny: u64, percent: u64| RebateTier {
            from_fen: Fen(from_cny * 100),
            rate: Rate::from_millionths(percent * 10_000),
        };
        Self { tiers: vec![tier(100_000, 5), tier(500_000, 10), tier(1_000_000, 15)], is_marginal: false }
    }
}

impl PoolParameters {
    pub(super) fn check(&self) -> Result<(), String> {
        for (name, rate) in [("levy", self.levy), ("referral_part", self.referral_part)] {
            if rate.millionths() > Rate::ONE {
                return Err(format!("pool.{name} is {rate}, must be at most 1"));
            }
        }
        let Self { min_weight, max_weight, .. } = self;
        if *min_weight == Rate::ZERO || min_weight > max_weight || max_weight.millionths() > 10 * Rate::ONE {
            return Err(format!(
                "weights must satisfy 0 < pool.min_weight ({min_weight}) <= pool.max_weight ({max_weight}) <= 10"
            ));
        }
        if self.full_conversion == Rate::ZERO || self.full_conversion.millionths() > Rate::ONE {
            let part = self.full_conversion;
            return Err(format!("pool.full_conversion is {part}, must lie above 0 and be at most 1"));
        }
        if !(1..=90).contains(&self.referral_days) {
            return Err(format!("pool.referral_days is {}, must lie in 1..=90", self.referral_days));
        }
        Ok(())
    }
}

impl RebateParameters {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.tiers.len() > MAX_TIERS || !self.tiers.is_sorted_by(|a, b| a.from_fen < b.from_fen) {
            return Err(format!("rebate.tiers must be at most {MAX_TIERS}, by rising from_fen"));
        }
        match self.tiers.iter().find(|tier| tier.rate.millionths() > Rate::ONE) {
            Some(tier) => Err(format!("rebate.tiers: rate {} must be at most 1", tier.rate)),
            None => Ok(()),
        }
    }
}
