//! What is executed: an alliance of four merchants, its members, and what they do, by a seed.

use std::str::FromStr;

use anyhow::bail;
use ed25519_dalek::SigningKey;
use serde_json::json;
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::exchange::Exchange;
use tally_contracts::genesis::Genesis;
use tally_contracts::membership::{Enrol, HolderKind, member_address};
use tally_contracts::points::{Issue, IssueLine, Redeem, Transfer};
use tally_contracts::transaction::{Body, Operation, Transaction};
use tally_contracts::types::{
    Address, Category, ChainId, ClassId, DAY_MS, Fen, HOUR_MS, Hash, MerchantId, Points, Reference,
};
use tally_tests::random::Random;

/// 2026-01-05T00:00:00Z.
const GENESIS_MS: u64 = 1_767_571_200_000;
const MERCHANTS: u16 = 4;

/// How often each account comes up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Skew {
    /// Equally often.
    Uniform,
    /// Half of all operations are merchant 1's, and nine in ten are about a tenth of the accounts.
    Hot,
}

impl Skew {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Hot => "hot",
        }
    }
}

impl FromStr for Skew {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> anyhow::Result<Self> {
        Ok(match text {
            "uniform" => Self::Uniform,
            "hot" => Self::Hot,
            _ => bail!("a skew is `uniform` or `hot`"),
        })
    }
}

/// A source of transactions.
pub struct Load {
    pub genesis: Genesis,
    chain_id: ChainId,
    accounts: u64,
    skew: Skew,
    /// Enrolled so far.
    enrolled: u64,
    /// Operations so far; also numbers the references.
    count: u64,
    /// The time that it is at least, in ms since 1970.
    time_ms: u64,
    random: Random,
}

/// The keys of the validators.
pub fn validators() -> Vec<(MerchantId, SigningKey)> {
    (1..=MERCHANTS).map(|id| (MerchantId(id), key(0, id))).collect()
}

fn key(purpose: u8, merchant: u16) -> SigningKey {
    let mut seed = [purpose; 32];
    seed[..2].copy_from_slice(&merchant.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

impl Load {
    pub fn new(accounts: u64, skew: Skew, seed: u64) -> Self {
        let genesis = genesis();
        let (chain_id, random) = (genesis.chain_id(), Random::new(seed));
        Self { chain_id, genesis, accounts, skew, enrolled: 0, count: 0, time_ms: GENESIS_MS, random }
    }

    /// The time that it is at least, in ms since 1970.
    pub const fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// Lets a month pass: what is earned from now on is a lot of its own.
    pub const fn skip_month(&mut self) {
        self.time_ms += 31 * DAY_MS;
    }

    /// The next enrolments; none once all are enrolled. Each of the new members has points at once.
    pub fn enrolments(&mut self, batch: u64, transactions: usize) -> Option<Vec<Vec<u8>>> {
        if self.enrolled >= self.accounts {
            return None;
        }
        let mut blocks = Vec::new();
        for _ in 0..transactions {
            let first = self.enrolled;
            let last = (first + batch / 2 * u64::from(MERCHANTS)).min(self.accounts);
            for merchant in 1..=MERCHANTS {
                let own = (first..last).filter(|account| custodian(*account) == MerchantId(merchant));
                let mut bodies = Vec::new();
                for account in own {
                    let commitment = commitment(account);
                    bodies.push(Body::Enrol(Enrol { holder: HolderKind::Member, commitment }));
                    bodies.push(purchase(account, 1_000_000));
                }
                if !bodies.is_empty() {
                    blocks.push(self.sign(MerchantId(merchant), bodies));
                }
            }
            self.enrolled = last;
        }
        Some(blocks)
    }

    /// The next operations: 70 % issue, 20 % redeem, 8 % exchange, 2 % transfer.
    pub fn operations(&mut self, batch: u64, transactions: usize) -> Vec<Vec<u8>> {
        let transaction = |load: &mut Self| {
            let merchant = load.merchant();
            let bodies = (0..batch).map(|_| load.body(merchant)).collect();
            load.sign(merchant, bodies)
        };
        (0..transactions).map(|_| transaction(self)).collect()
    }

    fn merchant(&mut self) -> MerchantId {
        let is_hot = self.skew == Skew::Hot && self.random.below(2) == 0;
        MerchantId(if is_hot { 1 } else { 1 + self.random.below(u64::from(MERCHANTS)) as u16 })
    }

    fn body(&mut self, merchant: MerchantId) -> Body {
        let (account, other) = (self.account(merchant), self.account(merchant));
        let (member, class) = (address(account), ClassId(u32::from(merchant.0)));
        let points = Points(1 + self.random.below(100));
        match self.random.below(100) {
            0..70 => purchase(account, 100 * (1 + self.random.below(500))),
            70..90 => Body::Redeem(Redeem { class, member, points }),
            90..98 => {
                let to_class = ClassId(u32::from(merchant.0 % MERCHANTS + 1));
                Body::Exchange(Exchange {
                    member,
                    from_class: class,
                    to_class,
                    points: Points(points.0 + 10),
                    min_out: Points(1),
                    quote: None,
                })
            }
            _ => Body::Transfer(Transfer { class, from: member, to: address(other), points }),
        }
    }

    /// An account in a merchant's custody.
    fn account(&mut self, merchant: MerchantId) -> u64 {
        let own = self.accounts / u64::from(MERCHANTS);
        let is_hot = self.skew == Skew::Hot && self.random.below(10) != 0;
        let at = self.random.below(if is_hot { own.div_ceil(10) } else { own });
        at * u64::from(MERCHANTS) + u64::from(merchant.0 - 1)
    }

    fn sign(&mut self, merchant: MerchantId, bodies: Vec<Body>) -> Vec<u8> {
        let operation = |body| {
            self.count += 1;
            Operation::new(Reference::new(self.time_ms + self.count / 1_000, u128::from(self.count)), body)
        };
        let operations = bodies.into_iter().map(operation).collect();
        let mut transaction = Transaction {
            chain_id: self.chain_id,
            merchant,
            public_key: PublicKey::default(),
            valid_until_ms: self.time_ms + 12 * HOUR_MS,
            atomic: false,
            operations,
            signature: Signature::default(),
        };
        transaction.sign(&key(1, merchant.0));
        encoding::encode(&transaction)
    }
}

fn purchase(account: u64, amount_fen: u64) -> Body {
    let class = ClassId(u32::from(custodian(account).0));
    let line = IssueLine { category: Category(1), amount_fen: Fen(amount_fen) };
    Body::Issue(Issue { class, member: address(account), lines: vec![line] })
}

const fn custodian(account: u64) -> MerchantId {
    MerchantId((account % MERCHANTS as u64) as u16 + 1)
}

fn commitment(account: u64) -> Hash {
    let mut commitment = [7; 32];
    commitment[..8].copy_from_slice(&account.to_be_bytes());
    Hash(commitment)
}

fn address(account: u64) -> Address {
    member_address(custodian(account), &commitment(account))
}

fn genesis() -> Genesis {
    let merchant = |id: u16| {
        json!({
            "id": id, "name": format!("merchant {id}"), "validator_key": PublicKey::of(&key(0, id)), "cosigner_key": PublicKey::of(&key(9, id)),
            "net_debit_cap_fen": "100000000000000",
            "operator_keys": [
                { "public_key": PublicKey::of(&key(1, id)), "roles": ["issuer", "acceptor"] },
                { "public_key": PublicKey::of(&key(2, id)), "roles": ["governor"] },
            ],
        })
    };
    let class = |id: u16| {
        json!({
            "id": id, "name": format!("points {id}"), "issuer": id,
            "terms": {
                "decimals": 0, "anchor": "0.01", "earn_rate": "1", "life_months": 12, "accepted_by": [],
                "custodian_member_limit_fen": "0", "custodian_limit_fen": "0",
            },
        })
    };
    let genesis = json!({
        "name": "bench", "time_ms": GENESIS_MS, "utc_offset_minutes": 480, "clock": "real",
        "parameters": {
            "idle_block_ms": 1000, "min_anchor": "0.001", "max_anchor": "1", "exchange": { "spread": "0.02" },
            "no_consent_limit_fen": "0", "refund_window_days": 30,
        },
        "merchants": (1..=MERCHANTS).map(merchant).collect::<Vec<_>>(),
        "classes": (1..=MERCHANTS).map(class).collect::<Vec<_>>(),
    });
    serde_json::from_value(genesis).expect("a genesis that the contracts read")
}
