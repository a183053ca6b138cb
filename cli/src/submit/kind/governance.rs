//! What merchants decide together: proposals and votes, departures; and members that one refers to another.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ArgAction, Subcommand};
use tally_contracts::governance::{Propose, VoteOn};
use tally_contracts::membership::Depart;
use tally_contracts::pool::{ClaimReferral, Refer};
use tally_contracts::transaction::Body;
use tally_contracts::types::{Address, MerchantId, Reference};

#[derive(Debug, Subcommand)]
pub enum Kind {
    /// Propose a change, and vote for it; it is known by merchant and reference (governor).
    Propose {
        /// The change as JSON, such as {"suspend": {"merchant": 3}}; docs/governance.md has one of each kind.
        #[arg(long, value_name = "FILE")]
        change: PathBuf,
        /// From when on, in ms since 1970; as soon as it may where it is left out.
        #[arg(long, value_name = "MS", default_value_t = 0)]
        effective_ms: u64,
    },
    /// Vote for or against a proposal, once (governor).
    Vote {
        /// Who proposed it.
        #[arg(long, value_name = "ID")]
        of: MerchantId,
        /// The reference under which it did.
        #[arg(long, value_name = "UUID")]
        proposal: Reference,
        /// For it, or against.
        #[arg(long, action = ArgAction::Set, value_name = "true|false")]
        approves: bool,
    },
    /// Let a wound-up merchant go with which nothing is open any more (governor).
    Depart {
        /// Who leaves.
        #[arg(long, value_name = "ID")]
        of: MerchantId,
    },
    /// Refer a member to another merchant.
    Refer {
        /// The card code.
        #[arg(long)]
        member: Address,
        /// The other merchant.
        #[arg(long, value_name = "ID")]
        to: MerchantId,
    },
    /// Name the purchase that converted a referral.
    ClaimReferral {
        /// The card code.
        #[arg(long)]
        member: Address,
        /// The merchant that it was referred to.
        #[arg(long, value_name = "ID")]
        to: MerchantId,
        /// The reference of that merchant's issue for the purchase.
        #[arg(long, value_name = "UUID")]
        original: Reference,
    },
}

impl Kind {
    /// # Errors
    /// When the change cannot be read.
    pub fn body(&self) -> anyhow::Result<Body> {
        Ok(match *self {
            Self::Propose { ref change, effective_ms } => {
                let text =
                    std::fs::read_to_string(change).with_context(|| format!("cannot read {}", change.display()))?;
                let change = serde_json::from_str(&text).with_context(|| {
                    format!("{} is no change; docs/governance.md has one of each kind", change.display())
                })?;
                Body::Propose(Propose { change: Box::new(change), effective_ms })
            }
            Self::Vote { of: merchant, proposal, approves } => Body::Vote(VoteOn { merchant, proposal, approves }),
            Self::Depart { of: merchant } => Body::Depart(Depart { merchant }),
            Self::Refer { member, to: merchant } => Body::Refer(Refer { member, merchant }),
            Self::ClaimReferral { member, to: merchant, original } => {
                Body::ClaimReferral(ClaimReferral { member, merchant, original })
            }
        })
    }
}
