//! Settlement: what issuers owe the merchants that honour their points, netted each cycle and paid in few legs.
//!
//! Data flows one way: an operation books a [`Debt`]; the cycle's close turns gross debts into pair nets, positions and
//! legs; the payer reports a leg's payment, the payee confirms it, or after its deadline it is drawn from collateral.
//! Nothing of a closed cycle changes but the state of its legs: what a dispute brings is booked in the open one.

mod book;
mod close;
mod confirm_leg;
mod deadlines;
mod dispute;
mod draw_collateral;
mod net;
mod outstanding;
mod report_payment;
mod set_collateral;
mod state;

pub use close::CycleClosed;
pub use confirm_leg::ConfirmLeg;
pub use deadlines::LegEscalated;
pub use dispute::{
    AnswerDispute, DecideDispute, Dispute, DisputeState, DisputeTimedOut, MAX_REASON_CHARS, OpenDispute,
};
pub use draw_collateral::DrawCollateral;
pub use net::{Payment, payments};
pub use report_payment::{MAX_BANK_REFERENCE_BYTES, ReportPayment};
pub use set_collateral::SetCollateral;
pub use state::{Gross, Leg, LegState, NetPosition, PairNet, Position, Statement};

pub(crate) use book::{Debt, book, book_if_it_fits, book_pool, book_uncapped, reserve, room, unreserve};
pub(crate) use close::close_cycle;
pub(crate) use deadlines::escalate_legs;
pub(crate) use dispute::{require_covered, time_out_disputes};
pub(crate) use outstanding::is_open;

#[cfg(test)]
mod tests;
