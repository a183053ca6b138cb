//! Settlement: what issuers owe the merchants that honour their points, netted each cycle and paid in few legs.
//!
//! Data flows one way: an operation books a [`Debt`]; the cycle's close turns gross debts into pair nets, positions and
//! legs; the payee confirms a leg. Nothing of a closed cycle changes but the state of its legs.

mod book;
mod close;
mod confirm_leg;
mod net;
mod state;

pub use confirm_leg::ConfirmLeg;
pub use net::{Payment, payments};
pub use state::{Gross, Leg, LegState, NetPosition, PairNet, Position, Statement};

pub(crate) use book::{Debt, book, book_pool, book_reserved, reserve, unreserve};
pub use close::CycleClosed;
pub(crate) use close::close_cycle;

#[cfg(test)]
mod tests;
