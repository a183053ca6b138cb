//! What a merchant does for itself: keys, stores, classes and their anchors; and the simulated clock.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use tally_contracts::crypto::PublicKey;
use tally_contracts::exchange::AnnounceAnchor;
use tally_contracts::genesis::Role;
use tally_contracts::governance::SetClock;
use tally_contracts::membership::{AddKey, RevokeKey, RotateKey};
use tally_contracts::points::{CreateClass, SetStoreLimits};
use tally_contracts::transaction::Body;
use tally_contracts::types::{ClassId, Fen, Rate, StoreId};

use super::parse::{parse_key, parse_role};

#[derive(Debug, Subcommand)]
pub enum Kind {
    /// Add an operator key, say a till's; it signs from the next block on (governor).
    AddKey {
        /// The key, or a file of `tally keys new` that holds it.
        #[arg(long, value_name = "HEX|FILE", value_parser = parse_key)]
        public_key: PublicKey,
        /// What it may sign: issuer, acceptor, treasurer, governor; may be given more than once.
        #[arg(long = "role", value_name = "ROLE", value_parser = parse_role, value_delimiter = ',', required = true)]
        roles: Vec<Role>,
        /// The store that it acts for, and no other.
        #[arg(long, value_name = "ID")]
        store: Option<StoreId>,
    },
    /// Revoke an operator key for good; it signs nothing from the next block on (governor).
    RevokeKey {
        /// The key, or a file that holds it.
        #[arg(long, value_name = "HEX|FILE", value_parser = parse_key)]
        public_key: PublicKey,
    },
    /// Replace an operator key by a new one with its roles and store (governor).
    RotateKey {
        /// The old key, or a file that holds it.
        #[arg(long, value_name = "HEX|FILE", value_parser = parse_key)]
        public_key: PublicKey,
        /// The new key, or a file of `tally keys new` that holds it.
        #[arg(long, value_name = "HEX|FILE", value_parser = parse_key)]
        new_key: PublicKey,
    },
    /// Bound what a store may do in a day (governor).
    SetStoreLimits {
        /// The store.
        #[arg(long, value_name = "ID")]
        store: StoreId,
        /// What it may redeem and hold in a day.
        #[arg(long, value_name = "FEN")]
        redeem_limit_fen: Fen,
        /// What it may reverse in a day.
        #[arg(long, value_name = "FEN")]
        refund_limit_fen: Fen,
    },
    /// Open a point class (governor).
    CreateClass {
        #[arg(long)]
        class: ClassId,
        /// The terms as JSON, as in genesis.json.
        #[arg(long, value_name = "FILE")]
        terms: PathBuf,
    },
    /// Announce what a point of the merchant's class will be worth; a lower value needs notice (governor).
    AnnounceAnchor {
        #[arg(long)]
        class: ClassId,
        /// CNY per point.
        #[arg(long, value_name = "CNY")]
        anchor: Rate,
        /// From when on, in ms since 1970.
        #[arg(long, value_name = "MS")]
        effective_ms: u64,
    },
    /// Set the simulated clock (clock key, --merchant 0).
    SetClock {
        /// The new time, in ms since 1970.
        #[arg(long)]
        time_ms: u64,
    },
}

impl Kind {
    pub fn body(&self) -> anyhow::Result<Body> {
        Ok(match *self {
            Self::AddKey { public_key, ref roles, store } => {
                let mut roles = roles.clone();
                roles.sort();
                roles.dedup();
                Body::AddKey(AddKey { public_key, roles, store_id: store })
            }
            Self::RevokeKey { public_key } => Body::RevokeKey(RevokeKey { public_key }),
            Self::RotateKey { public_key, new_key } => Body::RotateKey(RotateKey { public_key, new_key }),
            Self::SetStoreLimits { store, redeem_limit_fen, refund_limit_fen } => {
                Body::SetStoreLimits(SetStoreLimits { store_id: store, redeem_limit_fen, refund_limit_fen })
            }
            Self::CreateClass { class, ref terms } => {
                let text =
                    std::fs::read_to_string(terms).with_context(|| format!("cannot read {}", terms.display()))?;
                let terms = serde_json::from_str(&text).with_context(|| format!("{}", terms.display()))?;
                Body::CreateClass(CreateClass { class, terms })
            }
            Self::AnnounceAnchor { class, anchor, effective_ms } => {
                Body::AnnounceAnchor(AnnounceAnchor { class, anchor, effective_ms })
            }
            Self::SetClock { time_ms } => Body::SetClock(SetClock { time_ms }),
        })
    }
}
