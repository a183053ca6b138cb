//! Governance: what the alliance agreed on, how its merchants act jointly, its calendar of business days, and the simulated
//! clock of demonstrations.

pub(crate) mod business_days;
pub(crate) mod joint;
mod set_business_days;
mod set_clock;
mod start;
mod state;

pub use business_days::is_business_day;
pub use set_business_days::{MAX_DAYS, SetBusinessDays, SetDay};
pub use set_clock::SetClock;
pub use start::genesis_writes;
pub use state::{Schedule, Voices};

use std::sync::Arc;

use crate::genesis::Parameters;
use crate::state::Overlay;

/// The alliance's parameters as they are.
pub(crate) fn parameters(overlay: &mut Overlay<'_>) -> Arc<Parameters> {
    overlay.parameters.get(&()).expect("genesis wrote the parameters")
}

#[cfg(test)]
mod tests;
