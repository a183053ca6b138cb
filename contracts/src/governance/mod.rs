//! Governance: what the alliance agreed on, how its merchants change it by vote and act jointly, who validates, its calendar of
//! business days, and the simulated clock of demonstrations.

pub(crate) mod business_days;
mod electorate;
pub(crate) mod joint;
pub mod change;
mod proposal;
mod set_business_days;
mod set_clock;
mod start;
mod state;
pub(crate) mod validators;

pub use business_days::is_business_day;
pub use proposal::{Ballot, ChangeActivated, Proposal, ProposalState, Propose, VoteOn};
pub use set_business_days::{MAX_DAYS, SetBusinessDays, SetDay};
pub use set_clock::SetClock;
pub use start::genesis_writes;
pub use state::{Protocol, Schedule, Voices};
pub use validators::{NOTICE_BLOCKS, Validator, ValidatorSet, epochs};

pub(crate) use proposal::activate;

use std::sync::Arc;

use crate::genesis::Parameters;
use crate::state::Overlay;

/// The alliance's parameters as they are.
pub(crate) fn parameters(overlay: &mut Overlay<'_>) -> Arc<Parameters> {
    overlay.parameters.get(&()).expect("genesis wrote the parameters")
}

#[cfg(test)]
pub(crate) mod tests;
