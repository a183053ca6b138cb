//! The record of a dispute.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::types::{MerchantId, Obligation};

/// A dispute, also when it has ended: an operation is disputed once.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Dispute {
    /// Who owed for the operation, and opened the dispute.
    pub debtor: MerchantId,
    /// Who was owed for it.
    pub creditor: MerchantId,
    /// What the debtor claims back, exact, more than zero.
    pub amount: Obligation,
    /// Why, in the debtor's words.
    pub reason: String,
    /// Where it stands.
    pub state: DisputeState,
    /// When the clock that runs, or ran last, runs out, in ms since 1970.
    pub due_ms: u64,
}

/// Where a dispute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    /// The creditor is to answer; its silence accepts.
    #[wincode(tag = 1)]
    Open,
    /// The governors are to decide; their silence dismisses.
    #[wincode(tag = 2)]
    Contested,
    /// The creditor accepted it: adjusted.
    #[wincode(tag = 3)]
    Accepted,
    /// The governors upheld it: adjusted.
    #[wincode(tag = 4)]
    Upheld,
    /// Without an adjustment.
    #[wincode(tag = 5)]
    Dismissed,
}
