//! Numbers of governance: how long a vote lasts, who is admitted, how long a merchant takes to leave.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::crypto::PublicKey;
use crate::types::Fen;

/// Most attesters.
const MAX_ATTESTERS: usize = 64;

/// How the alliance decides (`docs/rules.md`, section 8).
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GovernanceParameters {
    /// How long merchants may vote on a proposal, in days; 1 to 365.
    pub voting_days: u16,
    /// How long the points of a leaving merchant can still be spent, in days; 1 to 730.
    pub run_off_days: u16,
}

impl Default for GovernanceParameters {
    fn default() -> Self {
        Self { voting_days: 30, run_off_days: 90 }
    }
}

/// What a merchant must bring to be admitted.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdmissionParameters {
    /// The least revenue of its last business year, in fen.
    pub min_annual_revenue_fen: Fen,
    /// The fewest members.
    pub min_members: u64,
    /// Whose signature attests what a merchant is admitted on (auditors, a chamber of commerce), by rising key; without one
    /// nobody is admitted.
    pub attesters: Vec<PublicKey>,
}

impl Default for AdmissionParameters {
    fn default() -> Self {
        Self { min_annual_revenue_fen: Fen(500_000_000), min_members: 10_000, attesters: Vec::new() }
    }
}

impl GovernanceParameters {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=365).contains(&self.voting_days) {
            return Err(format!("governance.voting_days is {}, must lie in 1..=365", self.voting_days));
        }
        if !(1..=730).contains(&self.run_off_days) {
            return Err(format!("governance.run_off_days is {}, must lie in 1..=730", self.run_off_days));
        }
        Ok(())
    }
}

impl AdmissionParameters {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.attesters.len() > MAX_ATTESTERS || !self.attesters.is_sorted_by(|a, b| a < b) {
            return Err(format!("admission.attesters must be at most {MAX_ATTESTERS}, each once, by rising key"));
        }
        self.attesters
            .iter()
            .try_for_each(|key| key.check().map_err(|e| format!("admission.attesters: key {key}: {e}")))
    }
}
