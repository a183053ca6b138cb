//! The alliance pool: issuers pay in, and each month it is shared out by what merchants contributed.
//!
//! Data flows one way: levies, spreads and floors are claims of the pool on issuers; redemptions honoured and referrals that
//! convert are counted by month; when a month ends, the [`distribution`](distribute) turns claims into debts between
//! merchants: rebates of an ended quarter first, then the shares. Rules: `docs/rules.md`, section 9.

mod apportion;
mod claim_referral;
mod contribution;
mod distribute;
mod levy;
mod refer;
mod state;
mod weigh;

pub use apportion::apportion;
pub use claim_referral::ClaimReferral;
pub use distribute::{Distributed, DistributedDebt};
pub use refer::Refer;
pub use state::{Contribution, Distribution, PoolShare, Referral};
pub use weigh::{rebate_fen, weight};

pub(crate) use contribution::{contribute, contribute_honoured};
pub(crate) use distribute::distribute;
pub(crate) use levy::levied;

#[cfg(test)]
mod tests;
