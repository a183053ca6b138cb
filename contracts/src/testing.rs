//! A small world for tests: four merchants, a class each, a simulated clock, and one block per step.

use ed25519_dalek::SigningKey;

use crate::authorization::{Authorization, SpendGrant, WalletAuthorization};
use crate::checkpoint::TreeHead;
use crate::crypto::{Nonce, PublicKey, Signature};
use crate::encoding;
use crate::execute::{BlockContext, execute_block, execute_next};
use crate::genesis::{
    BusinessCalendar, Clock, ExchangeParameters, Genesis, GenesisClass, GenesisMerchant, OperatorKey, Parameters, Role,
    SettlementParameters,
};
use crate::governance::genesis_writes;
use crate::membership::{Enrol, EnrolWallet, HolderKind, member_address};
use crate::points::{ClassTerms, Issue, IssueLine};
use crate::receipt::{Applied, Outcome, Receipt};
use crate::rejection::Rejection;
use crate::state::{Cache, MemoryStore, WriteSet, tag};
use crate::transaction::{Body, CheckedTransaction, Operation, Transaction};
use crate::types::{
    Address, Category, ClassId, Fen, HOUR_MS, Hash, Height, MerchantId, Month, Points, Rate, Reference,
};

/// 2017-01-01T00:00 at an offset of -300 minutes.
pub const START_MS: u64 = 1_483_246_800_000;
pub const MERCHANTS: u16 = 4;

pub fn merchant(id: u16) -> MerchantId {
    MerchantId(id)
}

pub fn class(id: u32) -> ClassId {
    ClassId(id)
}

/// The log that test blocks go by.
pub fn log_before(height: Height) -> TreeHead {
    TreeHead { size: 3 * height.0, root: Hash([0x10; 32]) }
}

/// The test key of a merchant for a role; role 0 is the validator's, 9 the cosigner's.
pub fn key(merchant: u16, role: u8) -> SigningKey {
    let mut seed = [0x54; 32];
    seed[..2].copy_from_slice(&merchant.to_be_bytes());
    seed[2] = role;
    SigningKey::from_bytes(&seed)
}

pub const ALL_ROLES: [Role; 4] = [Role::Issuer, Role::Acceptor, Role::Treasurer, Role::Governor];

fn role_number(role: Role) -> u8 {
    ALL_ROLES.iter().position(|r| *r == role).expect("listed") as u8 + 1
}

pub fn terms(anchor: &str, life_months: u16) -> ClassTerms {
    ClassTerms {
        decimals: 0,
        anchor: anchor.parse().expect("an anchor"),
        earn_rate: Rate::from_millionths(Rate::ONE),
        life_months,
        accepted_by: Vec::new(),
        industries: Vec::new(),
        sub: None,
        permissions: Vec::new(),
        custodian_member_limit_fen: Fen(10_000),
        custodian_limit_fen: Fen(15_000),
        breakage: Rate::ZERO,
    }
}

/// Four merchants with one key a role; classes 1 to 4 with anchors 0.01, 0.02, 0.015 and 0.03; class 2 lives 3 months.
pub fn genesis() -> Genesis {
    let anchors = ["0.01", "0.02", "0.015", "0.03"];
    let merchants = (1..=MERCHANTS)
        .map(|id| GenesisMerchant {
            id: MerchantId(id),
            name: format!("merchant {id}"),
            validator_key: PublicKey::of(&key(id, 0)),
            cosigner_key: PublicKey::of(&key(id, 9)),
            operator_keys: ALL_ROLES
                .map(|role| OperatorKey {
                    public_key: PublicKey::of(&key(id, role_number(role))),
                    roles: vec![role],
                    store_id: None,
                })
                .to_vec(),
            net_debit_cap_fen: Fen(1_000_000),
            collateral_fen: Fen(0),
            industry: 5_200 + id,
            base_share: 1,
        })
        .collect();
    let class = |(id, anchor): (u32, &str)| GenesisClass {
        id: ClassId(id),
        name: format!("class {id}"),
        issuer: MerchantId(id as u16),
        terms: terms(anchor, if id == 2 { 3 } else { 12 }),
    };
    Genesis {
        name: "test".into(),
        time_ms: START_MS,
        utc_offset_minutes: -300,
        clock: Clock::Simulated { keys: vec![PublicKey::of(&key(0, 9))] },
        parameters: Parameters {
            idle_block_ms: 1_000,
            min_anchor: "0.01".parse().expect("a rate"),
            max_anchor: "0.03".parse().expect("a rate"),
            notice_business_days: 15,
            no_consent_limit_fen: Fen(20_000),
            refund_window_days: 30,
            exchange: ExchangeParameters::default(),
            settlement: SettlementParameters::default(),
            ..Parameters::default()
        },
        merchants,
        partners: Vec::new(),
        classes: (1..).zip(anchors).map(class).collect(),
        pairs: Vec::new(),
        calendar: BusinessCalendar::default(),
    }
}

/// An alliance under test.
pub struct World {
    pub genesis: Genesis,
    pub store: MemoryStore,
    pub height: Height,
    pub time_ms: u64,
    pub state_hash: Hash,
    references: u128,
    cache: Cache,
}

impl World {
    pub fn new(genesis: Genesis) -> Self {
        genesis.check().expect("a genesis that checks");
        let writes = genesis_writes(&genesis);
        let mut store = MemoryStore::default();
        store.apply(&writes);
        let state_hash = writes.state_hash(&genesis.chain_id());
        Self {
            time_ms: genesis.time_ms,
            genesis,
            store,
            height: Height(0),
            state_hash,
            references: 0,
            cache: Cache::default(),
        }
    }

    /// A world in which member `n` (1 to 4) is in merchant `n`'s custody and holds `points` of each class.
    pub fn with_members(points: u64) -> Self {
        let mut world = Self::new(genesis());
        for n in 1..=MERCHANTS {
            world.enrol(n, n.into());
        }
        for n in 1..=MERCHANTS {
            for class in 1..=u32::from(MERCHANTS) {
                if points > 0 {
                    world.issue(class, member(n), points * 100);
                }
            }
        }
        world
    }

    pub fn reference(&mut self) -> Reference {
        self.references += 1;
        Reference::new(self.time_ms, self.references)
    }

    pub fn operation(&mut self, body: Body) -> Operation {
        Operation::new(self.reference(), body)
    }

    /// A transaction signed with a merchant's key for a role.
    pub fn transaction(&self, id: u16, role: Role, operations: Vec<Operation>) -> Transaction {
        let mut transaction = Transaction {
            chain_id: self.genesis.chain_id(),
            merchant: MerchantId(id),
            public_key: PublicKey::default(),
            valid_until_ms: self.time_ms + HOUR_MS,
            atomic: false,
            operations,
            signature: Signature::default(),
        };
        transaction.sign(&key(id, role_number(role)));
        transaction
    }

    /// Runs a block one millisecond later.
    pub fn block(&mut self, transactions: Vec<Transaction>) -> (Vec<Vec<Receipt>>, WriteSet) {
        self.block_at(self.time_ms + 1, transactions)
    }

    pub fn block_at(&mut self, time_ms: u64, transactions: Vec<Transaction>) -> (Vec<Vec<Receipt>>, WriteSet) {
        self.time_ms = time_ms;
        self.height = self.height.next();
        let chain_id = self.genesis.chain_id();
        let bytes = transactions.iter().map(encoding::encode).collect();
        let checked = CheckedTransaction::check_all(bytes, &chain_id).expect("well-formed test transactions");
        let context =
            BlockContext::new(&self.genesis, chain_id, self.height, time_ms).after_log(log_before(self.height));
        let run = execute_next(&self.store, context, &checked, &mut self.cache);
        assert_eq!(run, execute_block(&self.store, context, &checked), "what blocks have met changes nothing");
        self.store.apply(&run.writes);
        self.state_hash = run.writes.state_hash(&self.state_hash);
        (run.receipts, run.writes)
    }

    /// Runs one operation with the key of the role it takes.
    pub fn run(&mut self, id: u16, body: Body) -> Outcome {
        let role = body.required_role().unwrap_or(Role::Issuer);
        self.run_as(id, role, body)
    }

    pub fn run_as(&mut self, id: u16, role: Role, body: Body) -> Outcome {
        let operation = self.operation(body);
        self.submit_as(id, role, operation)
    }

    /// Runs a ready operation with the key of the role it takes.
    pub fn submit(&mut self, id: u16, operation: Operation) -> Outcome {
        let role = operation.body.required_role().unwrap_or(Role::Issuer);
        self.submit_as(id, role, operation)
    }

    fn submit_as(&mut self, id: u16, role: Role, operation: Operation) -> Outcome {
        let transaction = self.transaction(id, role, vec![operation]);
        let (receipts, _) = self.block(vec![transaction]);
        receipts[0][0].outcome.clone()
    }

    pub fn applied(&mut self, id: u16, body: Body) -> Applied {
        match self.run(id, body) {
            Outcome::Applied(applied) => applied,
            other => panic!("expected an applied operation, got {other:?}"),
        }
    }

    /// Runs an operation that a wallet authorizes for the merchant that submits it.
    pub fn run_signed(&mut self, id: u16, wallet: &SigningKey, body: Body) -> Outcome {
        let operation = self.signed(id, wallet, body);
        self.submit(id, operation)
    }

    /// An operation with a wallet's authorization for a merchant, valid for an hour.
    pub fn signed(&mut self, id: u16, wallet: &SigningKey, body: Body) -> Operation {
        let mut operation = self.operation(body);
        let to = (self.genesis.chain_id(), MerchantId(id));
        let what = (operation.reference, &operation.body);
        let authorization = WalletAuthorization::sign(wallet, to, self.time_ms + HOUR_MS, what);
        operation.authorization = Some(Authorization::Wallet(authorization));
        operation
    }

    /// A grant on class 1 at merchants 2 and 3 for an hour, not signed yet.
    pub fn grant(&self, member: Address, max_points: u64) -> SpendGrant {
        SpendGrant {
            chain_id: self.genesis.chain_id(),
            member,
            class: ClassId(1),
            max_points: Points(max_points),
            acceptors: vec![MerchantId(2), MerchantId(3)],
            expires_ms: self.time_ms + HOUR_MS,
            nonce: Nonce([1; 16]),
            public_key: PublicKey::default(),
            signature: Signature::default(),
        }
    }

    /// Spends class 1 with a grant that this wallet signs first.
    pub fn redeem_granted(&mut self, id: u16, wallet: &SigningKey, mut grant: SpendGrant, points: u64) -> Outcome {
        grant.sign(wallet);
        let mut operation = self.operation(redeem(1, grant.member, points));
        operation.authorization = Some(Authorization::Grant(grant));
        self.submit(id, operation)
    }

    /// Enrols a member by its wallet at a merchant.
    pub fn enrol_wallet(&mut self, id: u16, wallet: &SigningKey) -> Address {
        let body = EnrolWallet { holder: HolderKind::Member, wallet_key: PublicKey::of(wallet) };
        match self.run_signed(id, wallet, Body::EnrolWallet(body)) {
            Outcome::Applied(Applied::Enrolled { member }) => member,
            other => panic!("expected an enrolment, got {other:?}"),
        }
    }

    /// Asserts that a ready operation is refused and that nothing of state changes but the index of references.
    pub fn refused_operation(&mut self, id: u16, operation: Operation, expected: Rejection) {
        let before = self.state_without_references();
        assert_eq!(self.submit(id, operation.clone()), Outcome::Rejected(expected), "{operation:?}");
        assert!(before == self.state_without_references(), "a refused operation changed state: {operation:?}");
    }

    /// Asserts that an operation is refused and that nothing of state changes but what every block writes.
    pub fn refused(&mut self, id: u16, body: Body, expected: Rejection) {
        let before = self.state_without_references();
        let outcome = self.run(id, body.clone());
        assert_eq!(outcome, Outcome::Rejected(expected), "{body:?}");
        let is_unchanged = before == self.state_without_references();
        assert!(is_unchanged, "a refused operation changed state: {body:?}");
    }

    pub fn state_without_references(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let by_block = [tag::references, tag::checkpoint_clock, tag::checkpoints];
        let is_state = |(key, _): &(&[u8], &[u8])| !by_block.contains(&key[0]);
        self.store.iter().filter(is_state).map(|(k, v)| (k.to_vec(), v.to_vec())).collect()
    }

    pub fn enrol(&mut self, id: u16, number: u64) -> Address {
        let body = Body::Enrol(Enrol { holder: HolderKind::Member, commitment: commitment(number) });
        let Applied::Enrolled { member } = self.applied(id, body) else { panic!("enrolled") };
        member
    }

    pub fn issue(&mut self, class: u32, member: Address, amount_fen: u64) -> Applied {
        let body = issue(class, member, amount_fen);
        self.applied(class as u16, body)
    }

    pub fn balance(&self, member: Address, class: u32) -> u64 {
        let month = self.month();
        let latest = crate::points::latest_in(&self.store, &(member, ClassId(class)), self.height);
        latest.map_or(0, |(_, m)| crate::points::balance_at(&m.lots, month).0)
    }

    pub fn lots(&self, member: Address, class: u32) -> Vec<(Month, u64)> {
        let latest = crate::points::latest_in(&self.store, &(member, ClassId(class)), self.height);
        latest.map_or_else(Vec::new, |(_, m)| m.lots.iter().map(|l| (l.expires, l.points.0)).collect())
    }

    pub fn month(&self) -> Month {
        self.genesis.calendar().month(self.time_ms)
    }

    /// Runs an empty block at the start of the month `months` later.
    pub fn skip_months(&mut self, months: u16) {
        let start_ms = self.genesis.calendar().start_ms(self.month().plus(months));
        self.block_at(start_ms, Vec::new());
    }

    pub fn skip_day(&mut self) {
        self.block_at(self.time_ms + crate::types::DAY_MS, Vec::new());
    }

    /// A committed record.
    pub fn record<K, V>(&self, tag: u8, key: &K) -> Option<V>
    where
        K: crate::state::Key,
        V: wincode::SchemaReadOwned<wincode::config::DefaultConfig, Dst = V>,
    {
        use crate::state::Store as _;
        let mut bytes = vec![tag];
        key.put(&mut bytes);
        self.store.get(&bytes).map(|bytes| encoding::decode_own(&bytes))
    }
}

pub fn commitment(number: u64) -> Hash {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    Hash(bytes)
}

/// Member `n`, enrolled by merchant `n`.
pub fn member(n: u16) -> Address {
    member_address(MerchantId(n), &commitment(n.into()))
}

pub fn issue(class: u32, member: Address, amount_fen: u64) -> Body {
    let line = IssueLine { category: Category(1), amount_fen: Fen(amount_fen) };
    Body::Issue(Issue { class: ClassId(class), member, lines: vec![line] })
}

pub fn redeem(class: u32, member: Address, points: u64) -> Body {
    Body::Redeem(crate::points::Redeem { class: ClassId(class), member, points: Points(points) })
}

pub fn hold(class: u32, member: Address, points: u64, release_ms: u64) -> Body {
    let (class, points) = (ClassId(class), Points(points));
    Body::Hold(crate::points::PlaceHold { class, member, points, release_ms })
}

pub fn capture(hold: Reference, points: u64) -> Body {
    Body::Capture(crate::points::Capture { hold, points: Points(points) })
}

pub fn void(hold: Reference) -> Body {
    Body::Void(crate::points::Void { hold })
}

pub fn reverse_redeem(original: Reference, points: u64) -> Body {
    Body::ReverseRedeem(crate::points::ReverseRedeem { original, points: Points(points) })
}

pub fn reverse_issue(original: Reference, amount_fen: u64) -> Body {
    Body::ReverseIssue(crate::points::ReverseIssue { original, amount_fen: Fen(amount_fen) })
}

/// The test key of a wallet.
pub fn wallet(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[0x77 ^ n; 32])
}

pub fn transfer(class: u32, from: Address, to: Address, points: u64) -> Body {
    Body::Transfer(crate::points::Transfer { class: ClassId(class), from, to, points: Points(points) })
}

pub fn exchange(member: Address, (from, to): (u32, u32), points: u64, min_out: u64) -> Body {
    Body::Exchange(crate::exchange::Exchange {
        member,
        from_class: ClassId(from),
        to_class: ClassId(to),
        points: Points(points),
        min_out: Points(min_out),
        quote: None,
    })
}
