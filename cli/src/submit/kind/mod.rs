//! The kinds of operation that flags can give: one file for each thing they are about.

mod governance;
mod points;
mod members;
mod merchants;
mod parse;
mod settlement;

use clap::Subcommand;
use tally_contracts::crypto::PublicKey;
use tally_contracts::transaction::Body;

pub use parse::parse_till;

/// An operation given by flags.
#[derive(Debug, Subcommand)]
pub enum Kind {
    #[command(flatten)]
    Points(points::Kind),
    #[command(flatten)]
    Members(members::Kind),
    #[command(flatten)]
    Merchants(merchants::Kind),
    #[command(flatten)]
    Settlement(settlement::Kind),
    #[command(flatten)]
    Governance(governance::Kind),
}

/// What flags need not say.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// The time that the alliance goes by, in ms since 1970.
    pub time_ms: u64,
    /// The wallet key by whose word the operation is submitted.
    pub wallet_key: Option<PublicKey>,
}

impl Kind {
    /// The operation's body.
    ///
    /// # Errors
    /// When a file that it names cannot be read, or something is missing.
    pub fn body(&self, given: &Given) -> anyhow::Result<Body> {
        match self {
            Self::Points(kind) => Ok(kind.body(given)),
            Self::Members(kind) => kind.body(given),
            Self::Merchants(kind) => kind.body(),
            Self::Settlement(kind) => Ok(kind.body()),
            Self::Governance(kind) => kind.body(),
        }
    }
}
