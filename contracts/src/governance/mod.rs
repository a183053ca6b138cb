//! Governance: what the alliance agreed on, and the simulated clock of demonstrations.

mod set_clock;
mod start;
mod state;

pub use set_clock::SetClock;
pub use start::genesis_writes;
pub use state::Schedule;

#[cfg(test)]
mod tests;
