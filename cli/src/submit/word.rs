//! The member's own word that travels with an operation: signed elsewhere, shown as a code, or signed here by a wallet key.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Args;
use ed25519_dalek::SigningKey;
use tally_contracts::authorization::{Authorization, SpendGrant, WalletAuthorization};
use tally_contracts::crypto::PublicKey;
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::{ChainId, MerchantId};

use super::read_text;
use crate::grant::code;
use crate::wallet::read_wallet;

/// Where the word comes from.
#[derive(Debug, Args)]
pub struct WordArgs {
    /// What the member's wallet signed for this very operation, as JSON (`tally wallet authorize`); - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["grant", "wallet"])]
    authorization: Option<PathBuf>,
    /// The spend grant that the member shows, for redeem and hold.
    #[arg(long, value_name = "CODE", conflicts_with = "wallet", value_parser = code::decode)]
    grant: Option<SpendGrant>,
    /// A wallet key on this machine, which authorizes the operation.
    #[arg(long, value_name = "FILE")]
    wallet: Option<PathBuf>,
}

/// A member's word, or the key that gives it.
pub enum Word {
    /// Given elsewhere.
    Given(Authorization),
    /// To be given here.
    Key(SigningKey),
}

impl WordArgs {
    /// Reads what is given.
    pub fn read(&self) -> anyhow::Result<Option<Word>> {
        if let Some(path) = &self.authorization {
            let text = read_text(path)?;
            let given = serde_json::from_str(&text)
                .with_context(|| format!("{} is no authorization of `tally wallet authorize`", path.display()))?;
            return Ok(Some(Word::Given(given)));
        }
        if let Some(grant) = &self.grant {
            return Ok(Some(Word::Given(Authorization::Grant(grant.clone()))));
        }
        self.wallet.as_deref().map(|path| read_wallet(path).map(Word::Key)).transpose()
    }
}

impl Word {
    /// The wallet key by whose word it is, where it is for one operation.
    pub fn wallet_key(&self) -> Option<PublicKey> {
        match self {
            Self::Key(key) => Some(PublicKey::of(key)),
            Self::Given(Authorization::Wallet(wallet)) => Some(wallet.public_key),
            Self::Given(Authorization::Grant(_)) => None,
        }
    }

    /// The authorization of an operation at a merchant; a key signs it, until `valid_until_ms`.
    pub fn on(self, operation: &Operation, for_whom: (ChainId, MerchantId), valid_until_ms: u64) -> Authorization {
        match self {
            Self::Given(given) => given,
            Self::Key(key) => {
                let what = (operation.reference, &operation.body);
                Authorization::Wallet(WalletAuthorization::sign(&key, for_whom, valid_until_ms, what))
            }
        }
    }
}

/// Refuses an operation that no node would take, whatever its state.
///
/// # Errors
/// Why, and what to do.
pub fn checked(operation: &Operation) -> anyhow::Result<()> {
    if operation.authorization.is_none() {
        let needs_word =
            matches!(operation.body, Body::EnrolWallet(_) | Body::RegisterWallet(_) | Body::RotateWallet(_));
        ensure!(
            !needs_word,
            "{} needs the word of the member's wallet: give --wallet with its key file, or --authorization with what it signed",
            operation.body.kind()
        );
    }
    operation
        .check_stateless()
        .map_err(|reason| anyhow::anyhow!("{}: {reason}; nothing was sent", operation.body.kind()))?;
    operation.check_authorization().context(
        "the authorization does not match this operation; nothing was sent. A wallet signs reference, body and merchant: \
         give the same --reference and flags, or let it sign again",
    )
}
