//! Every key of the generated alliance, at hand by what it is for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ed25519_dalek::SigningKey;
use tally_contracts::crypto::PublicKey;
use tally_contracts::genesis::{OperatorKey, Role};
use tally_contracts::types::{MerchantId, StoreId};

use crate::world::MERCHANTS;

/// Operator keys of each merchant that are on no record at first.
pub const SPARES: u8 = 3;
/// Wallet keys, from 1 on.
pub const WALLETS: u8 = 6;
/// The store that a till's key of each merchant is bound to.
pub const STORE: StoreId = StoreId(12);
/// The roles, in their order.
pub const ROLES: [Role; 4] = [Role::Issuer, Role::Acceptor, Role::Treasurer, Role::Governor];

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signer {
    /// A merchant's, with every role.
    All(u16),
    /// A merchant's, with one role.
    One(u16, Role),
    /// A merchant's till's, bound to [`STORE`].
    Store(u16),
    /// To be put on a merchant's record, from 1 to [`SPARES`].
    Spare(u16, u8),
    /// The simulated clock's.
    Clock,
    /// On no record.
    Stranger,
    /// A member's, from 1 to [`WALLETS`].
    Wallet(u8),
}

struct Keys {
    secrets: BTreeMap<Signer, SigningKey>,
    signers: BTreeMap<PublicKey, Signer>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let of_merchant = |id| {
        let spares = (1..=SPARES).map(move |number| Signer::Spare(id, number));
        ROLES
            .into_iter()
            .map(move |role| Signer::One(id, role))
            .chain([Signer::All(id), Signer::Store(id)])
            .chain(spares)
    };
    let wallets = (1..=WALLETS).map(Signer::Wallet);
    let all = (1..=MERCHANTS).flat_map(of_merchant).chain([Signer::Clock, Signer::Stranger]).chain(wallets);
    let secrets: BTreeMap<Signer, SigningKey> = all.map(|signer| (signer, signer.make())).collect();
    let signers = secrets.iter().map(|(signer, key)| (PublicKey::of(key), *signer)).collect();
    Keys { secrets, signers }
});

fn secret(owner: u16, purpose: u8) -> SigningKey {
    let mut seed = [0x66; 32];
    seed[..2].copy_from_slice(&owner.to_be_bytes());
    seed[2] = purpose;
    SigningKey::from_bytes(&seed)
}

impl Signer {
    /// The secret key.
    ///
    /// # Panics
    /// For a merchant, a spare key or a wallet that there is not.
    #[must_use]
    pub fn key(self) -> &'static SigningKey {
        KEYS.secrets.get(&self).expect("every signer is listed")
    }

    /// The public key.
    #[must_use]
    pub fn public(self) -> PublicKey {
        PublicKey::of(self.key())
    }

    /// Whose a public key is.
    #[must_use]
    pub fn of(public: &PublicKey) -> Option<Self> {
        KEYS.signers.get(public).copied()
    }

    fn make(self) -> SigningKey {
        match self {
            Self::Clock => secret(0, 1),
            Self::Stranger => secret(0, 2),
            Self::Wallet(number) => secret(number.into(), 3),
            Self::All(merchant) => secret(merchant, 10),
            Self::One(merchant, role) => secret(merchant, 10 + role as u8 + 1),
            Self::Store(merchant) => secret(merchant, 20),
            Self::Spare(merchant, number) => secret(merchant, 30 + number),
        }
    }
}

/// A merchant's validator key.
#[must_use]
pub fn validator_key(merchant: MerchantId) -> SigningKey {
    secret(merchant.0, 1)
}

/// A merchant's cosigner key.
#[must_use]
pub fn cosigner_key(merchant: MerchantId) -> SigningKey {
    secret(merchant.0, 200)
}

/// The operator keys that a merchant starts with.
#[must_use]
pub fn operator_keys(merchant: u16) -> Vec<OperatorKey> {
    let one = ROLES.map(|role| (Signer::One(merchant, role), vec![role], None));
    let all = (Signer::All(merchant), ROLES.to_vec(), None);
    let till = (Signer::Store(merchant), vec![Role::Issuer, Role::Acceptor], Some(STORE));
    [all, till]
        .into_iter()
        .chain(one)
        .map(|(signer, roles, store_id)| OperatorKey { public_key: signer.public(), roles, store_id })
        .collect()
}
