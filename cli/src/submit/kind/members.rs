//! What is done for members: custody, wallets, freezing.

use anyhow::Context as _;
use clap::Subcommand;
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};
use tally_contracts::crypto::PublicKey;
use tally_contracts::membership::{
    Enrol, EnrolWallet, Freeze, HolderKind, RecoverWallet, RegisterWallet, RotateWallet, Unfreeze,
};
use tally_contracts::transaction::Body;
use tally_contracts::types::{Address, Hash};

use super::Given;
use super::parse::{parse_holder, parse_key};

#[derive(Debug, Subcommand)]
pub enum Kind {
    /// Take a customer into the merchant's custody.
    Enrol {
        /// The salted commitment to the member number, 32 bytes in hexadecimal.
        #[arg(long, value_name = "HEX", required_unless_present = "number")]
        commitment: Option<Hash>,
        /// Make salt and commitment for this member number; keep the salt that is shown.
        #[arg(long, value_name = "TEXT", conflicts_with = "commitment")]
        number: Option<String>,
        /// Which kind of holder: member, employee or supplier.
        #[arg(long, value_parser = parse_holder, default_value = "member")]
        holder: HolderKind,
    },
    /// Take a customer with a wallet key of its own, which authorizes it (--wallet or --authorization).
    EnrolWallet {
        /// The wallet key; by default the one that authorizes.
        #[arg(long, value_name = "HEX|FILE", value_parser = parse_key)]
        wallet_key: Option<PublicKey>,
        /// Which kind of holder: member, employee or supplier.
        #[arg(long, value_parser = parse_holder, default_value = "member")]
        holder: HolderKind,
    },
    /// Put a first wallet key on record, which authorizes it (--wallet or --authorization).
    RegisterWallet {
        /// The card code.
        #[arg(long)]
        member: Address,
        /// The wallet key; by default the one that authorizes.
        #[arg(long, value_name = "HEX|FILE", value_parser = parse_key)]
        wallet_key: Option<PublicKey>,
    },
    /// Replace a wallet key, authorized by the old one (--wallet or --authorization); at any merchant.
    RotateWallet {
        /// The card code.
        #[arg(long)]
        member: Address,
        /// The new wallet key.
        #[arg(long, value_name = "HEX|FILE", value_parser = parse_key)]
        wallet_key: PublicKey,
    },
    /// Replace a lost wallet key, as the member's custodian: visible at once, in effect 7 days later.
    RecoverWallet {
        /// The card code.
        #[arg(long)]
        member: Address,
        /// The new wallet key.
        #[arg(long, value_name = "HEX|FILE", value_parser = parse_key)]
        wallet_key: PublicKey,
    },
    /// Stop what a member gives, as its custodian.
    Freeze {
        /// The card code.
        #[arg(long)]
        member: Address,
    },
    /// Let a frozen member give again.
    Unfreeze {
        /// The card code.
        #[arg(long)]
        member: Address,
    },
}

impl Kind {
    pub fn body(&self, given: &Given) -> anyhow::Result<Body> {
        let first_key = |flag: Option<PublicKey>| {
            flag.or(given.wallet_key).context(
                "whose wallet? Give --wallet with its key file, or --authorization with what it signed and --wallet-key",
            )
        };
        Ok(match *self {
            Self::Enrol { commitment, ref number, holder } => {
                let commitment = match (commitment, number) {
                    (Some(commitment), _) => commitment,
                    (None, number) => commit(number.as_deref().context("give --commitment or --number")?),
                };
                Body::Enrol(Enrol { holder, commitment })
            }
            Self::EnrolWallet { wallet_key, holder } => {
                Body::EnrolWallet(EnrolWallet { holder, wallet_key: first_key(wallet_key)? })
            }
            Self::RegisterWallet { member, wallet_key } => {
                Body::RegisterWallet(RegisterWallet { member, wallet_key: first_key(wallet_key)? })
            }
            Self::RotateWallet { member, wallet_key } => Body::RotateWallet(RotateWallet { member, wallet_key }),
            Self::RecoverWallet { member, wallet_key } => Body::RecoverWallet(RecoverWallet { member, wallet_key }),
            Self::Freeze { member } => Body::Freeze(Freeze { member }),
            Self::Unfreeze { member } => Body::Unfreeze(Unfreeze { member }),
        })
    }
}

/// A commitment to a member number under a fresh salt, which is shown once.
fn commit(number: &str) -> Hash {
    let mut salt = [0; 16];
    rand::rngs::OsRng.fill_bytes(&mut salt);
    eprintln!(
        "salt {}  (keep it with member number {number}; without it nobody can show whose card this is)",
        hex::encode(salt)
    );
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update(number);
    Hash(hash.finalize().into())
}
