//! Records of the pool.

use serde::Serialize;
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::types::{Fen, Height, MerchantId, Obligation, Rate};

/// What a merchant contributed in a month, net of what was undone in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Contribution {
    /// Members that it referred to another merchant.
    pub referrals: i64,
    /// Referrals of its that a purchase converted, less those whose purchase was refunded in whole.
    pub converted: i64,
    /// Value of others' points that it honoured, exact.
    pub honoured: Obligation,
}

/// A member that one merchant sent to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Referral {
    /// The merchant that referred.
    pub by: MerchantId,
    /// When, in ms since 1970.
    pub time_ms: u64,
    /// Whether a purchase has converted it.
    pub is_converted: bool,
}

/// How the pool was shared out when a month ended.
///
/// **Invariant**: `pool = shares + rebates + reserve + carry`, all in the same unit.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Distribution {
    /// The block.
    pub height: Height,
    /// Its time in ms since 1970.
    pub time_ms: u64,
    /// What the pool had, exact; less than zero where levies taken back outweigh what came in.
    pub pool: Obligation,
    /// By rising merchant: everyone with a share, a rebate or a volume.
    pub shares: Vec<PoolShare>,
    /// Kept for the rebates that this quarter has accrued so far, in fen.
    pub reserve_fen: Fen,
    /// What stays beside the reserve, exact: less than a fen for each issuer, or claims that no issuer's whole fen cover.
    pub carry: Obligation,
}

/// One merchant's part of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct PoolShare {
    /// Who.
    pub merchant: MerchantId,
    /// Parts of the base.
    pub base_share: u16,
    /// Its weight for the month.
    pub weight: Rate,
    /// Its share, in fen.
    pub share_fen: Fen,
    /// Redemptions honoured for others in the quarter so far, in fen.
    pub volume_fen: Fen,
    /// The rebate on that volume, in fen: due when the quarter ends, reserved until then.
    pub rebate_due_fen: Fen,
    /// What of it was paid, in fen: less than due where the pool did not suffice, 0 within a quarter.
    pub rebate_paid_fen: Fen,
}
