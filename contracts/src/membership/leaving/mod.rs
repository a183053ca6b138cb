//! Leaving: the run-off ends, what is still out there is bought out or exchanged, and the merchant departs once nothing is open.
//!
//! Staying -> running off (an exit took effect) -> wound up (due work) -> departed (`depart`). How an exit is decided:
//! `governance/change/exit.rs`; how points are bought out: `points/buy_out.rs`.

mod depart;
mod wind_up;

pub use depart::Depart;
pub use wind_up::{RunOff, WoundUp};

pub(crate) use wind_up::wind_up;
