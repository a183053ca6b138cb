//! The members of the load: who they are follows from the seed, so that a second run finds those of the first.
//!
//! Account `i` is in the custody of merchant `i mod n`. With `--signed-by wallet` it has a key of its own, made of the seed
//! too: a key of a benchmark, which guards nothing.

use ed25519_dalek::SigningKey;
use sha2::{Digest as _, Sha256};
use tally_contracts::authorization::{Authorization, WalletAuthorization};
use tally_contracts::crypto::PublicKey;
use tally_contracts::membership::{Enrol, EnrolWallet, HolderKind, member_address, wallet_address};
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::{Address, Hash, MerchantId, Reference};

use super::market::Market;
use super::settings::{Settings, SignedBy};

/// All members.
pub struct Accounts {
    seed: u64,
    addresses: Vec<Address>,
    /// One for each address, or none at all.
    keys: Vec<SigningKey>,
    merchants: Vec<MerchantId>,
}

impl Accounts {
    /// Works out who there is.
    pub fn new(settings: &Settings, market: &Market) -> Self {
        let merchants: Vec<MerchantId> = market.merchants.iter().map(|trader| trader.id).collect();
        let seed = settings.seed;
        let numbers = 0..u64::from(settings.accounts);
        let keys: Vec<SigningKey> = match settings.signed_by {
            SignedBy::Merchant => Vec::new(),
            SignedBy::Wallet => {
                numbers.clone().map(|i| SigningKey::from_bytes(&digest("wallet", &[seed, i]))).collect()
            }
        };
        let addresses = if keys.is_empty() {
            let address = |(i, merchant): (u64, &MerchantId)| member_address(*merchant, &commitment(seed, i));
            numbers.zip(merchants.iter().cycle()).map(address).collect()
        } else {
            keys.iter().map(|key| wallet_address(&PublicKey::of(key))).collect()
        };
        Self { seed, addresses, keys, merchants }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Its card code.
    pub fn address(&self, account: usize) -> Address {
        self.addresses[account]
    }

    /// Which merchant, by its place among them, has it in custody.
    pub const fn home(&self, account: usize) -> usize {
        account % self.merchants.len()
    }

    /// How many are in the custody of the merchant at a place.
    pub const fn count_at(&self, home: usize) -> usize {
        (self.addresses.len() + self.merchants.len() - 1 - home) / self.merchants.len()
    }

    /// The `n`th account in the custody of the merchant at a place.
    pub const fn at(&self, home: usize, n: usize) -> usize {
        n * self.merchants.len() + home
    }

    /// What enrols an account, at its home.
    pub fn enrol(&self, market: &Market, account: usize, reference: Reference) -> Operation {
        let Some(key) = self.keys.get(account) else {
            let commitment = commitment(self.seed, account as u64);
            return Operation::new(reference, Body::Enrol(Enrol { holder: HolderKind::Member, commitment }));
        };
        let enrol = EnrolWallet { holder: HolderKind::Member, wallet_key: PublicKey::of(key) };
        let operation = Operation::new(reference, Body::EnrolWallet(enrol));
        self.authorized(market, (self.home(account), account), operation)
    }

    /// The operation with the member's own word for it, at a merchant; as it is, where the member has no key.
    pub fn authorized(&self, market: &Market, (at, account): (usize, usize), mut operation: Operation) -> Operation {
        if let Some(key) = self.keys.get(account) {
            let what = (operation.reference, &operation.body);
            let for_whom = (market.chain_id, self.merchants[at]);
            let wallet = WalletAuthorization::sign(key, for_whom, market.valid_until_ms(), what);
            operation.authorization = Some(Authorization::Wallet(wallet));
        }
        operation
    }

    /// The last member to be enrolled, whom no load touches: where it is there, so are all others, with their points.
    pub fn marker(&self) -> (Operation, Address) {
        let kind = if self.keys.is_empty() { "prepared" } else { "prepared with wallets" };
        let all = [self.seed, self.addresses.len() as u64];
        let commitment = Hash(digest(kind, &all));
        let address = member_address(self.merchants[0], &commitment);
        let body = Body::Enrol(Enrol { holder: HolderKind::Member, commitment });
        (Operation::new(Reference::default(), body), address)
    }
}

fn commitment(seed: u64, account: u64) -> Hash {
    Hash(digest("member", &[seed, account]))
}

fn digest(kind: &str, numbers: &[u64]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(format!("tally-bench/{kind}/1"));
    for number in numbers {
        hash.update(number.to_be_bytes());
    }
    hash.finalize().into()
}
