//! A small alliance whose validators' keys the tests hold, and chains of it.

#![allow(dead_code, clippy::unwrap_used)]

use ed25519_dalek::SigningKey;
use tally_contracts::crypto::{PublicKey, sign};
use tally_contracts::exchange::Exchange;
use tally_contracts::genesis::{
    BusinessCalendar, Clock, ExchangeParameters, Genesis, GenesisClass, GenesisMerchant, OperatorKey, Parameters, Role,
};
use tally_contracts::membership::{Enrol, HolderKind, member_address};
use tally_contracts::points::{ClassTerms, Issue, IssueLine, Redeem, Transfer};
use tally_contracts::state::MemoryStore;
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Till, Transaction};
use tally_contracts::types::{
    Address, Category, ChainId, ClassId, DAY_MS, Fen, HOUR_MS, Hash, Height, MerchantId, Points, Rate, Reference,
    StoreId, TillId,
};
use tally_ledger::archive::ArchiveWriter;
use tally_ledger::block::{Block, BlockId};
use tally_ledger::certificate::{CommitCertificate, CommitSignature, VoteKind, vote_bytes};
use tally_ledger::chain::{Chain, ExecutedBlock, Head, Proposal};

/// 2017-01-30 in UTC: the second day from here is in the next settlement cycle.
pub const START_MS: u64 = 1_485_734_400_000;

/// A merchant's validator key.
pub fn validator_key(merchant: u16) -> SigningKey {
    SigningKey::from_bytes(&[u8::try_from(merchant).unwrap(); 32])
}

/// A merchant's cosigner key.
pub fn cosigner_key(merchant: u16) -> SigningKey {
    SigningKey::from_bytes(&[200 + u8::try_from(merchant).unwrap(); 32])
}

/// A merchant's operator key, with every role.
pub fn operator_key(merchant: u16) -> SigningKey {
    SigningKey::from_bytes(&[100 + u8::try_from(merchant).unwrap(); 32])
}

/// Four merchants, two classes of the first two.
pub fn genesis() -> Genesis {
    let merchant = |id: u16| GenesisMerchant {
        id: MerchantId(id),
        name: format!("merchant {id}"),
        validator_key: PublicKey::of(&validator_key(id)),
        cosigner_key: PublicKey::of(&cosigner_key(id)),
        operator_keys: vec![OperatorKey {
            public_key: PublicKey::of(&operator_key(id)),
            roles: vec![Role::Issuer, Role::Acceptor, Role::Treasurer, Role::Governor],
            store_id: None,
        }],
        net_debit_cap_fen: Fen(100_000_000),
        collateral_fen: Fen(0),
        industry: 0,
        base_share: 1,
    };
    let class = |id: u32, anchor: u64| GenesisClass {
        id: ClassId(id),
        name: format!("points {id}"),
        issuer: MerchantId(u16::try_from(id).unwrap()),
        terms: ClassTerms {
            decimals: 1,
            anchor: Rate::from_millionths(anchor),
            earn_rate: Rate::from_millionths(1_000_000),
            life_months: 1,
            accepted_by: Vec::new(),
            industries: Vec::new(),
            sub: None,
            permissions: Vec::new(),
            custodian_member_limit_fen: Fen(1_000_000),
            custodian_limit_fen: Fen(1_000_000),
            breakage: Rate::ZERO,
        },
    };
    Genesis {
        name: "four merchants".into(),
        time_ms: START_MS,
        utc_offset_minutes: 0,
        clock: Clock::Real,
        parameters: Parameters {
            idle_block_ms: 1000,
            min_anchor: Rate::from_millionths(1_000),
            max_anchor: Rate::from_millionths(1_000_000),
            exchange: ExchangeParameters { spread: Rate::from_millionths(10_000), ..ExchangeParameters::default() },
            no_consent_limit_fen: Fen(1_000_000),
            refund_window_days: 30,
            ..Parameters::default()
        },
        merchants: (1..=4).map(merchant).collect(),
        partners: Vec::new(),
        pairs: Vec::new(),
        calendar: BusinessCalendar::default(),
        classes: vec![class(1, 15_000), class(2, 20_000)],
    }
}

/// The commitment to a member number, without any salt.
pub fn commitment(number: u8) -> Hash {
    Hash([number; 32])
}

/// The address of a member that a merchant enrols.
pub fn member(merchant: u16, number: u8) -> Address {
    member_address(MerchantId(merchant), &commitment(number))
}

/// A chain in the making.
pub struct TestChain {
    pub chain: Chain,
    pub head: Head,
    pub store: MemoryStore,
    pub blocks: Vec<(Block, CommitCertificate)>,
    references: u128,
}

impl TestChain {
    pub fn new(genesis: Genesis) -> Self {
        let chain = Chain::new(genesis);
        let (head, writes) = chain.start();
        let mut store = MemoryStore::default();
        store.apply(&writes);
        Self { chain, head, store, blocks: Vec::new(), references: 0 }
    }

    /// A signed transaction of a merchant.
    pub fn transaction(&mut self, merchant: u16, time_ms: u64, bodies: Vec<Body>) -> Transaction {
        let mut operations = Vec::new();
        for body in bodies {
            self.references += 1;
            let till = matches!(body, Body::Redeem(_)).then_some(Till { store_id: StoreId(7), till_id: TillId(2) });
            operations.push(Operation {
                reference: Reference::new(time_ms, self.references),
                till,
                body,
                authorization: None,
            });
        }
        let mut transaction = Transaction {
            chain_id: *self.chain.chain_id(),
            merchant: MerchantId(merchant),
            public_key: PublicKey::default(),
            valid_until_ms: time_ms + HOUR_MS,
            atomic: false,
            operations,
            signature: Default::default(),
        };
        transaction.sign(&operator_key(merchant));
        transaction
    }

    /// Proposes, certifies and executes the next block.
    pub fn extend(&mut self, now_ms: u64, transactions: &[Transaction]) -> ExecutedBlock {
        let block = self.propose(now_ms, transactions);
        self.commit(block)
    }

    pub fn propose(&self, now_ms: u64, transactions: &[Transaction]) -> Block {
        let checked = transactions
            .iter()
            .map(|t| CheckedTransaction::check(tally_contracts::encoding::encode(t), self.chain.chain_id()).unwrap());
        let proposal = Proposal {
            proposer: self.head.rota.of(self.head.height.next()).proposer(self.head.height.next(), 0).merchant,
            now_ms,
            last_commit: self.blocks.last().map(|(_, certificate)| certificate.clone()),
            transactions: checked.collect(),
        };
        self.chain.propose(&self.head, proposal)
    }

    pub fn commit(&mut self, block: Block) -> ExecutedBlock {
        let checked = self.chain.check(&self.head, &block.encode()).expect("an honest block is valid");
        let executed = self.chain.execute(&self.store, &self.head, &checked);
        self.store.apply(&executed.writes);
        let signers = self.signers(block.header.height);
        self.head = executed.head.clone();
        let certificate = certify(self.chain.chain_id(), block.header.height, &block.header.id(), &signers);
        self.blocks.push((block, certificate));
        executed
    }

    /// Who signs for a block of the next height: all but merchant 3.
    pub fn signers(&self, height: Height) -> Vec<u16> {
        let validators = self.head.rota.of(height).validators();
        validators.iter().map(|validator| validator.merchant.0).filter(|merchant| *merchant != 3).collect()
    }

    pub fn archive(&self) -> Vec<u8> {
        archive_of(self.chain.genesis(), &self.blocks)
    }
}

/// An archive of any blocks and certificates.
pub fn archive_of(genesis: &Genesis, blocks: &[(Block, CommitCertificate)]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new(), genesis).unwrap();
    for (block, certificate) in blocks {
        writer.append(&block.encode(), certificate).unwrap();
    }
    writer.finish().unwrap()
}

/// A certificate signed by these merchants' validators.
pub fn certify(chain_id: &ChainId, height: Height, block_id: &BlockId, merchants: &[u16]) -> CommitCertificate {
    let round = 0;
    let signature = |merchant: &u16| {
        let id = MerchantId(*merchant);
        let bytes = vote_bytes(chain_id, VoteKind::Precommit, height, round, Some(block_id), id);
        CommitSignature { merchant: id, signature: sign(&validator_key(*merchant), &bytes) }
    };
    CommitCertificate { height, round, block_id: *block_id, signatures: merchants.iter().map(signature).collect() }
}

pub fn enrol(number: u8) -> Body {
    Body::Enrol(Enrol { holder: HolderKind::Member, commitment: commitment(number) })
}

pub fn issue(class: u32, member: Address, amounts: &[u64]) -> Body {
    let line = |amount: &u64| IssueLine { category: Category(11), amount_fen: Fen(*amount) };
    Body::Issue(Issue { class: ClassId(class), member, lines: amounts.iter().map(line).collect() })
}

pub fn transfer(class: u32, from: Address, to: Address, points: u64) -> Body {
    Body::Transfer(Transfer { class: ClassId(class), from, to, points: Points(points) })
}

pub fn redeem(class: u32, member: Address, points: u64) -> Body {
    Body::Redeem(Redeem { class: ClassId(class), member, points: Points(points) })
}

pub fn exchange(from: u32, to: u32, member: Address, points: u64) -> Body {
    Body::Exchange(Exchange {
        member,
        from_class: ClassId(from),
        to_class: ClassId(to),
        points: Points(points),
        min_out: Points(1),
        quote: None,
    })
}

/// A chain with every kind of shopping, over a month's end and the lapse of what was not spent: the fifth block closes a
/// cycle, the sixth lapses.
pub fn year_in_six_blocks() -> TestChain {
    let mut chain = TestChain::new(genesis());
    let (anna, bert) = (member(1, 1), member(2, 2));
    let t = START_MS + HOUR_MS;
    let enrolments = [chain.transaction(1, t, vec![enrol(1)]), chain.transaction(2, t, vec![enrol(2)])];
    chain.extend(t, &enrolments);
    let purchases = [
        chain.transaction(1, t, vec![issue(1, anna, &[12_850, 99]), issue(1, bert, &[500_000])]),
        chain.transaction(2, t, vec![issue(2, bert, &[70_000]), issue(9, bert, &[1])]),
    ];
    chain.extend(t + 10, &purchases);
    let spending = [
        chain.transaction(3, t, vec![redeem(1, bert, 20_003)]),
        chain.transaction(2, t, vec![exchange(1, 2, bert, 10_001), transfer(2, bert, anna, 33)]),
    ];
    chain.extend(t + 20, &spending);
    let again = purchases[0].clone();
    chain.extend(t + 30, &[again]);
    chain.extend(t + 3 * DAY_MS, &[]);
    chain.extend(t + 40 * DAY_MS, &[]);
    chain
}
