//! A member's own word: signatures of a wallet key that travel with an operation.
//!
//! That the signature matches is decided by bytes alone, with the transaction's own, in one batch. What it authorizes is
//! judged at execution (`membership/consent.rs`).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::crypto::{self, Nonce, PublicKey, Signature, Signed};
use crate::encoding::Domain;
use crate::operation::{Body, Operation};
use crate::types::{Address, ChainId, ClassId, Hash, MerchantId, Points, Reference};

const AUTHORIZATION: Domain = Domain::new("tally/authorization/v1\0");
const GRANT: Domain = Domain::new("tally/grant/v1\0");

/// Merchants that one grant may name.
pub const MAX_GRANT_ACCEPTORS: usize = 16;

/// A member's own word.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Authorization {
    /// For this very operation.
    #[wincode(tag = 1)]
    Wallet(WalletAuthorization),
    /// For spending up to so many points.
    #[wincode(tag = 2)]
    Grant(SpendGrant),
}

/// A wallet's signature on one operation at one merchant.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletAuthorization {
    /// The alliance.
    pub chain_id: ChainId,
    /// The merchant that may submit the operation.
    pub acceptor: MerchantId,
    /// Last block time at which it holds, in ms since 1970.
    pub valid_until_ms: u64,
    /// The wallet key.
    pub public_key: PublicKey,
    /// Over [`WalletAuthorization::signing_hash`].
    pub signature: Signature,
}

/// What a phone shows as a code: a till may spend up to so many points with it.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpendGrant {
    /// The alliance.
    pub chain_id: ChainId,
    /// Whose points.
    pub member: Address,
    /// Which points.
    pub class: ClassId,
    /// Most that may be spent, over all uses, in minor units.
    pub max_points: Points,
    /// The merchants that may use it, 1 to [`MAX_GRANT_ACCEPTORS`], by rising id.
    pub acceptors: Vec<MerchantId>,
    /// From this block time on it serves no more, in ms since 1970; at most 24 h ahead when used.
    pub expires_ms: u64,
    /// Tells two equal grants apart.
    pub nonce: Nonce,
    /// The wallet key.
    pub public_key: PublicKey,
    /// Over [`SpendGrant::id`].
    pub signature: Signature,
}

/// What a wallet signs of an operation: everything of it but the till, which a phone does not know.
#[derive(SchemaWrite)]
struct AuthorizedOperation<'a> {
    chain_id: ChainId,
    acceptor: MerchantId,
    reference: Reference,
    valid_until_ms: u64,
    body: &'a Body,
}

impl WalletAuthorization {
    /// Signs an operation's reference and body for a merchant.
    #[must_use]
    pub fn sign(
        key: &ed25519_dalek::SigningKey,
        (chain_id, acceptor): (ChainId, MerchantId),
        valid_until_ms: u64,
        (reference, body): (Reference, &Body),
    ) -> Self {
        let public_key = PublicKey::of(key);
        let mut signed = Self { chain_id, acceptor, valid_until_ms, public_key, signature: Signature::default() };
        signed.signature = crypto::sign(key, &signed.signing_hash(reference, body).0);
        signed
    }

    /// The digest that the wallet signs for an operation.
    #[must_use]
    pub fn signing_hash(&self, reference: Reference, body: &Body) -> Hash {
        let Self { chain_id, acceptor, valid_until_ms, .. } = *self;
        let what = AuthorizedOperation { chain_id, acceptor, reference, valid_until_ms, body };
        AUTHORIZATION.hash(&[&wincode::serialize(&what).expect("an operation encodes because its length is bounded")])
    }
}

/// The signed part of a grant: all of it but the signature, in the same order.
#[derive(SchemaWrite)]
struct UnsignedGrant<'a> {
    chain_id: ChainId,
    member: Address,
    class: ClassId,
    max_points: Points,
    acceptors: &'a Vec<MerchantId>,
    expires_ms: u64,
    nonce: Nonce,
    public_key: PublicKey,
}

impl SpendGrant {
    /// What the wallet signs, and what the grant is known by.
    #[must_use]
    pub fn id(&self) -> Hash {
        let unsigned = UnsignedGrant {
            chain_id: self.chain_id,
            member: self.member,
            class: self.class,
            max_points: self.max_points,
            acceptors: &self.acceptors,
            expires_ms: self.expires_ms,
            nonce: self.nonce,
            public_key: self.public_key,
        };
        GRANT.hash(&[&wincode::serialize(&unsigned).expect("a grant encodes because its length is bounded")])
    }

    /// Sets public key and signature.
    pub fn sign(&mut self, key: &ed25519_dalek::SigningKey) {
        self.public_key = PublicKey::of(key);
        self.signature = crypto::sign(key, &self.id().0);
    }

    /// # Errors
    /// The broken rule, as a sentence.
    pub(crate) fn check_stateless(&self) -> Result<(), &'static str> {
        if self.acceptors.is_empty() || self.acceptors.len() > MAX_GRANT_ACCEPTORS {
            return Err("a spend grant names 1 to 16 merchants");
        }
        if !self.acceptors.is_sorted_by(|a, b| a < b) {
            return Err("a spend grant names each merchant once, by rising id");
        }
        Ok(())
    }
}

impl Authorization {
    /// The signature to be verified, for the operation that carries it.
    #[must_use]
    pub fn signed(&self, operation: &Operation) -> Signed {
        match self {
            Self::Wallet(wallet) => Signed {
                key: wallet.public_key,
                message: wallet.signing_hash(operation.reference, &operation.body),
                signature: wallet.signature,
            },
            Self::Grant(grant) => Signed { key: grant.public_key, message: grant.id(), signature: grant.signature },
        }
    }
}
