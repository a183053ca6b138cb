//! What exists by now, as the receipts told it: what an operation can be about.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use serde_json::Value;
use tally_contracts::checkpoint::TreeHead;
use tally_contracts::crypto::PublicKey;
use tally_contracts::types::{Calendar, ChainId, DAY_MS, HOUR_MS, Reference};

use tally_tests::random::Random;

use crate::checkpoints::Checkpoint;
use crate::council::Council;

/// Most of each kind of record that is remembered: the older ones make room.
const REMEMBERED: usize = 400;

/// For so long the ledger knows a reference.
pub const KNOWN_FOR_MS: u64 = 90 * DAY_MS;

/// For so long voices for a joint act wait for others.
pub const VOICES_KNOWN_FOR_MS: u64 = 30 * DAY_MS;

/// The alliance as a generator of operations sees it.
pub struct World {
    pub random: Random,
    pub chain_id: ChainId,
    pub calendar: Calendar,
    pub is_simulated: bool,
    pub refund_window_ms: u64,
    pub rate_version: u32,
    /// Time and height of the block that is being made.
    pub now: u64,
    pub height: u64,
    pub clock_key: Option<String>,
    /// How many merchants founded the alliance: their ids are 1 up to this, partners' follow, then those of who joins.
    pub founders: u16,
    /// What merchants decide together.
    pub council: Council,
    /// The log after the block before, as the next block's header will have it.
    pub log: TreeHead,
    /// Checkpoints on record.
    pub checkpoints: Vec<Checkpoint>,
    pub merchants: Vec<Merchant>,
    pub classes: Vec<Class>,
    pub members: Vec<Member>,
    /// Lots by member and class: month and points.
    pub holdings: BTreeMap<(String, u32), Vec<(u16, u64)>>,
    pub holds: Vec<Hold>,
    pub sales: Vec<Sale>,
    pub purchases: Vec<Sale>,
    pub legs: Vec<Leg>,
    /// What operations made one party owe another.
    pub debts: Vec<Debt>,
    pub disputes: Vec<Dispute>,
    /// Joint acts that some merchants have asked for.
    pub acts: Vec<Act>,
    /// External references that imports carried, by partner.
    pub imported: Vec<(u16, String)>,
    pub grants: Vec<Value>,
    /// Operations that were sent, in single transactions and in atomic ones.
    pub sent: Vec<Sent>,
    pub sent_together: Vec<(u16, Vec<Value>)>,
    /// Operations that were to set the clock.
    pub clock_settings: Vec<Value>,
    /// Keys that operations of this block are to add; they count from the next one on.
    pub fresh_keys: Vec<(u16, Key)>,
    /// Keys that operations of this block are to revoke; they count in it.
    pub doomed_keys: Vec<(u16, Key)>,
    keyring: BTreeMap<String, SigningKey>,
    names: u64,
}

/// A merchant, or a partner, with its operator keys.
pub struct Merchant {
    pub id: u16,
    pub is_partner: bool,
    pub is_suspended: bool,
    pub stage: Stage,
    pub keys: Vec<Key>,
}

/// Where a merchant stands between admission and departure; a partner stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Staying,
    RunningOff { until_ms: u64 },
    WoundUp,
    Departed,
}

/// An operator key, as it will stand after this block.
#[derive(Clone)]
pub struct Key {
    pub public_key: String,
    pub roles: Vec<String>,
    pub store: Option<u32>,
    pub is_revoked: bool,
}

/// A point class.
pub struct Class {
    pub id: u32,
    pub issuer: u16,
    pub is_colossal: bool,
    /// Its present anchor, in millionths.
    pub anchor: u64,
    /// The main class of a sub class.
    pub main: Option<u32>,
    /// Its terms as they are.
    pub terms: Value,
    pub is_closed: bool,
    /// When the change of its anchor that was announced takes effect.
    pub changes_ms: Option<u64>,
}

/// A member.
pub struct Member {
    pub address: String,
    pub custodian: u16,
    pub wallet_key: Option<String>,
    pub recovery: Option<(String, u64)>,
    pub is_frozen: bool,
    /// Wallet keys that were in effect before.
    pub old_keys: Vec<String>,
}

/// A hold that was placed.
pub struct Hold {
    pub merchant: u16,
    pub reference: String,
    pub points: u64,
    pub release_ms: u64,
    pub store: Option<u32>,
    pub is_open: bool,
    /// The time in its reference.
    pub time_ms: u64,
}

/// A redemption, a capture or a purchase, and what of it is not reversed: points, or fen.
pub struct Sale {
    pub merchant: u16,
    pub reference: String,
    /// Whose; of a capture nobody's.
    pub member: String,
    pub left: u64,
    /// The time in its reference.
    pub time_ms: u64,
}

/// A payment leg.
pub struct Leg {
    pub cycle: String,
    pub number: u16,
    pub payer: u16,
    pub payee: u16,
    pub amount_fen: u64,
    pub is_reported: bool,
    pub is_escalated: bool,
    /// Confirmed, or drawn from collateral.
    pub is_paid: bool,
}

/// What an operation made one party owe another, in units of 10^-8 CNY.
pub struct Debt {
    pub merchant: u16,
    pub reference: String,
    pub debtor: u16,
    pub creditor: u16,
    pub amount: u128,
}

/// A dispute about what an operation made its debtor owe.
pub struct Dispute {
    pub merchant: u16,
    pub reference: String,
    pub debtor: u16,
    pub creditor: u16,
    /// When the clock that runs does so no longer.
    pub due_ms: u64,
    pub is_contested: bool,
    pub is_ended: bool,
}

/// A joint act under way.
pub struct Act {
    pub kind: String,
    pub says: Value,
    pub begun_ms: u64,
    pub voices: Vec<u16>,
}

/// An operation that was sent.
pub struct Sent {
    pub merchant: u16,
    pub role: Option<String>,
    pub operation: Value,
}

impl Member {
    /// The wallet key that counts now.
    pub fn key_at(&self, now: u64) -> Option<&String> {
        match &self.recovery {
            Some((key, effective_ms)) if *effective_ms <= now => Some(key),
            _ => self.wallet_key.as_ref(),
        }
    }
}

impl Hold {
    /// The instants at which something of it ends: the hold, or how long the ledger says what became of it.
    pub fn ends(&self) -> [u64; 2] {
        [if self.is_open { self.release_ms } else { 0 }, self.time_ms + KNOWN_FOR_MS]
    }
}

impl Sale {
    /// The instants at which something of it ends: its refund window, or how long it is known.
    pub fn ends(&self, refund_window_ms: u64) -> [u64; 2] {
        [self.time_ms + refund_window_ms, self.time_ms + KNOWN_FOR_MS]
    }
}

impl World {
    /// An alliance in which nothing has happened.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            chain_id: ChainId::ZERO,
            calendar: Calendar::default(),
            is_simulated: false,
            refund_window_ms: 0,
            rate_version: 1,
            now: 0,
            height: 0,
            clock_key: None,
            founders: 0,
            council: Council::default(),
            log: TreeHead::default(),
            checkpoints: Vec::new(),
            merchants: Vec::new(),
            classes: Vec::new(),
            members: Vec::new(),
            holdings: BTreeMap::new(),
            holds: Vec::new(),
            sales: Vec::new(),
            purchases: Vec::new(),
            legs: Vec::new(),
            debts: Vec::new(),
            disputes: Vec::new(),
            acts: Vec::new(),
            imported: Vec::new(),
            grants: Vec::new(),
            sent: Vec::new(),
            sent_together: Vec::new(),
            clock_settings: Vec::new(),
            fresh_keys: Vec::new(),
            doomed_keys: Vec::new(),
            keyring: BTreeMap::new(),
            names: 0,
        }
    }

    /// A key pair that nobody has yet, by its public key.
    pub fn new_key(&mut self) -> String {
        let mut seed = [0; 32];
        seed.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.random.number().to_le_bytes()));
        let key = SigningKey::from_bytes(&seed);
        let public_key = PublicKey::of(&key).to_string();
        self.keyring.insert(public_key.clone(), key);
        public_key
    }

    /// The secret half of a key that this world made.
    ///
    /// # Panics
    /// When it made no such key.
    pub fn signing_key(&self, public_key: &str) -> &SigningKey {
        self.keyring.get(public_key).expect("every key of this world is on its keyring")
    }

    /// A new reference of a time.
    pub fn reference_at(&mut self, time_ms: u64) -> String {
        self.names += 1;
        let free = u128::from(self.random.number()) << 32 | u128::from(self.names);
        Reference::new(time_ms, free).to_string()
    }

    /// A new reference of about now.
    pub fn reference(&mut self) -> String {
        let back = if self.random.chance(50) { self.random.between(0, 48 * HOUR_MS) } else { 0 };
        let ahead = if self.random.chance(20) { self.random.between(0, HOUR_MS) } else { 0 };
        self.reference_at(self.now.saturating_sub(back) + ahead)
    }

    /// A merchant by its id.
    pub fn merchant(&self, id: u16) -> Option<&Merchant> {
        self.merchants.iter().find(|merchant| merchant.id == id)
    }

    /// Some participant that fits, if there is one.
    pub fn some_merchant(&mut self, fits: impl Fn(&Merchant) -> bool) -> Option<u16> {
        let ids: Vec<u16> =
            self.merchants.iter().filter(|merchant| fits(merchant)).map(|merchant| merchant.id).collect();
        self.random.one(&ids).copied()
    }

    /// A member by its address.
    pub fn member(&self, address: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.address == address)
    }

    /// The same, to be changed.
    pub fn member_mut(&mut self, address: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.address == address)
    }

    /// A class by its id.
    pub fn class(&self, id: u32) -> Option<&Class> {
        self.classes.iter().find(|class| class.id == id)
    }

    /// The same, to be changed.
    pub fn class_mut(&mut self, id: u32) -> Option<&mut Class> {
        self.classes.iter_mut().find(|class| class.id == id)
    }

    /// The live points of a holding.
    pub fn balance(&self, member: &str, class: u32) -> u64 {
        let month = self.calendar.month(self.now).0;
        let lots = self.holdings.get(&(member.to_owned(), class));
        lots.map_or(0, |lots| lots.iter().filter(|(expires, _)| *expires >= month).map(|(_, points)| points).sum())
    }

    /// Forgets the oldest of what there is too much of.
    pub fn forget(&mut self) {
        keep_last(&mut self.holds);
        keep_last(&mut self.sales);
        keep_last(&mut self.purchases);
        keep_last(&mut self.sent);
        keep_last(&mut self.sent_together);
        keep_last(&mut self.legs);
        keep_last(&mut self.checkpoints);
        keep_last(&mut self.debts);
        keep_last(&mut self.disputes);
        keep_last(&mut self.imported);
        keep_last(&mut self.council.proposals);
        keep_last(&mut self.council.referrals);
        let oldest_ms = self.now.saturating_sub(VOICES_KNOWN_FOR_MS + HOUR_MS);
        self.acts.retain(|act| act.begun_ms > oldest_ms);
        self.grants.retain(|grant| grant["expires_ms"].as_u64().unwrap_or(0) + 2 * HOUR_MS > self.now);
    }
}

/// The time in a reference; none in what is no reference.
pub fn time_of(reference: &str) -> u64 {
    reference.parse().map_or(0, Reference::time_ms)
}

fn keep_last<T>(records: &mut Vec<T>) {
    if records.len() > REMEMBERED {
        records.drain(..records.len() - REMEMBERED);
    }
}
