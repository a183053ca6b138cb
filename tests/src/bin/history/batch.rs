//! Transactions: operations under references and tills, signed with a key that mostly may.

use serde_json::{Value, json};
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::transaction::Transaction;
use tally_contracts::types::{DAY_MS, HOUR_MS, MerchantId};

use crate::alliance::STORES;
use crate::propose::{Proposal, propose, role_of};
use crate::word;
use crate::world::{Key, Merchant, Sent, Stage, World};

/// How many transactions of a thousand are a partner's.
const PARTNERS: u64 = 80;

/// A transaction before it is signed.
pub struct Batch {
    pub merchant: u16,
    pub public_key: String,
    pub valid_until_ms: u64,
    pub atomic: bool,
    pub operations: Vec<Value>,
}

/// An operation on its way: a new proposal, or one that was sent before.
enum Draft {
    New(Proposal),
    Again { role: Option<String>, operation: Value },
}

impl Batch {
    /// The signed transaction.
    pub fn signed(&self, world: &World) -> Transaction {
        let operations = self.operations.iter().map(|operation| {
            serde_json::from_value(operation.clone()).unwrap_or_else(|e| panic!("{operation} is no operation: {e}"))
        });
        let mut transaction = Transaction {
            chain_id: world.chain_id,
            merchant: MerchantId(self.merchant),
            public_key: PublicKey::default(),
            valid_until_ms: self.valid_until_ms,
            atomic: self.atomic,
            operations: operations.collect(),
            signature: Signature::default(),
        };
        transaction.sign(world.signing_key(&self.public_key));
        transaction
    }

    /// A transaction of one merchant, in which nothing is left to chance: operations as given, under references of now, at
    /// no till, signed by the merchant's first key.
    pub fn of(world: &mut World, merchant: u16, proposals: Vec<Proposal>) -> Self {
        let public_key = world.merchant(merchant).map(|of| of.keys[0].public_key.clone()).unwrap_or_default();
        let mut operations = Vec::new();
        for Proposal { kind, says, .. } in proposals {
            let reference = world.reference_at(world.now);
            operations.push(json!({ "reference": reference, "body": { kind: says } }));
        }
        Self { merchant, public_key, valid_until_ms: world.now + HOUR_MS, atomic: false, operations }
    }
}

/// The next transaction of some merchant.
pub fn next(world: &mut World) -> Option<Batch> {
    let is_partner = world.random.chance(PARTNERS);
    let is_gone = world.random.chance(15);
    let fits = |of: &Merchant| of.is_partner == is_partner && (of.stage == Stage::Departed) == is_gone;
    let mut merchant = world.some_merchant(fits).or_else(|| world.some_merchant(|of| of.stage != Stage::Departed))?;
    if let Some(id) = busy_merchant(world)
        && world.random.chance(if is_gone { 0 } else { 400 })
    {
        merchant = id;
    }
    if world.random.chance(25)
        && let Some(batch) = together_again(world, merchant)
    {
        return Some(batch);
    }
    let count = match world.random.between(0, 99) {
        0..=54 => 1,
        55..=96 => world.random.between(2, 6),
        _ => world.random.between(7, 40),
    };
    let drafts: Vec<Draft> = (0..count).filter_map(|_| draft(world, merchant)).collect();
    if drafts.is_empty() {
        return None;
    }
    let (public_key, store) = signer(world, merchant, &drafts)?;
    let mut operations: Vec<Value> = drafts.into_iter().map(|draft| finished(world, draft, store)).collect();
    let is_twice = operations.len() > 1 && world.random.chance(20);
    if is_twice && let Some(first) = operations.first().cloned() {
        operations.push(first);
    }
    let atomic = if operations.len() > 1 { world.random.chance(250) } else { world.random.chance(30) };
    remember(world, merchant, atomic, &operations);
    Some(Batch { merchant, public_key, valid_until_ms: validity(world), atomic, operations })
}

/// The merchant whose keys change in this block, or of whose sale or hold something ends with this very instant.
fn busy_merchant(world: &World) -> Option<u16> {
    let now = world.now;
    let hold = world.holds.iter().find(|hold| hold.ends().contains(&now)).map(|hold| hold.merchant);
    let mut sales = world.sales.iter().chain(&world.purchases);
    let sale = sales.find(|sale| sale.ends(world.refund_window_ms).contains(&now)).map(|sale| sale.merchant);
    world.doomed_keys.last().map(|(id, _)| *id).or(hold).or(sale)
}

/// An atomic transaction that was sent before, as it was or with something new in it.
fn together_again(world: &mut World, merchant: u16) -> Option<Batch> {
    let sent = world.sent_together.iter().filter(|(id, _)| *id == merchant).map(|(_, operations)| operations.clone());
    let mut operations = world.random.one(&sent.collect::<Vec<_>>())?.clone();
    let (public_key, store) = signer(world, merchant, &[])?;
    if world.random.chance(350) {
        let proposal = propose(world, merchant)?;
        operations.push(operation(world, proposal, store));
    }
    Some(Batch { merchant, public_key, valid_until_ms: world.now + HOUR_MS, atomic: true, operations })
}

fn draft(world: &mut World, merchant: u16) -> Option<Draft> {
    if world.random.chance(35) {
        let sent = world.sent.iter().filter(|sent| sent.merchant == merchant);
        let sent: Vec<_> = sent.map(|sent| (sent.role.clone(), sent.operation.clone())).collect();
        let (role, mut operation) = world.random.one(&sent)?.clone();
        if world.random.chance(80) {
            operation["till"] = json!({ "store_id": world.random.between(1, STORES.into()), "till_id": 9 });
        }
        return Some(Draft::Again { role, operation });
    }
    propose(world, merchant).map(Draft::New)
}

/// A key that may sign the drafts, now and then one that may not; and the store that it is bound to.
fn signer(world: &mut World, merchant: u16, drafts: &[Draft]) -> Option<(String, Option<u32>)> {
    let needs: Vec<String> = drafts.iter().filter_map(role_needed).collect();
    let keys: Vec<Key> = world.merchant(merchant)?.keys.clone();
    let changing = world.fresh_keys.iter().chain(&world.doomed_keys).filter(|(id, _)| *id == merchant);
    let changing: Vec<Key> = changing.map(|(_, key)| key.clone()).collect();
    let bound = |key: &Key| (key.public_key.clone(), key.store);
    match world.random.between(0, 199) {
        0 | 1 => return Some((world.new_key(), None)),
        2 => return world.merchants.iter().find(|other| other.id != merchant).map(|other| bound(&other.keys[0])),
        3..=7 => {
            let revoked: Vec<&Key> = keys.iter().filter(|key| key.is_revoked).collect();
            if let Some(revoked) = world.random.one(&revoked) {
                return Some(bound(revoked));
            }
        }
        8..=11 => return world.random.one(&keys).map(bound),
        12..=80 => {
            if let Some(changing) = world.random.one(&changing) {
                return Some(bound(changing));
            }
        }
        _ => {}
    }
    let may = |key: &&Key| !key.is_revoked && needs.iter().all(|role| key.roles.contains(role));
    let able: Vec<&Key> = keys.iter().filter(may).collect();
    let in_use: Vec<&Key> = keys.iter().filter(|key| !key.is_revoked).collect();
    let chosen = if able.is_empty() { in_use } else { able };
    world.random.one(&chosen).map(|key| bound(key))
}

fn role_needed(draft: &Draft) -> Option<String> {
    match draft {
        Draft::New(proposal) => Some(role_of(proposal.kind)).filter(|role| *role != "clock").map(str::to_owned),
        Draft::Again { role, .. } => role.clone(),
    }
}

fn finished(world: &mut World, draft: Draft, store: Option<u32>) -> Value {
    match draft {
        Draft::Again { operation, .. } => operation,
        Draft::New(proposal) => operation(world, proposal, store),
    }
}

/// A proposal under a reference and at a till, with its authorization.
fn operation(world: &mut World, proposal: Proposal, bound_to: Option<u32>) -> Value {
    let reference = reference(world);
    let mut operation = json!({ "reference": reference, "body": { proposal.kind: proposal.says } });
    let random = &mut world.random;
    let any = random.between(1, STORES.into()) as u32;
    let store = match (bound_to, proposal.store) {
        (Some(_), _) if random.chance(40) => random.chance(500).then_some(any),
        (Some(store), _) => Some(store),
        (None, Some(store)) if random.chance(500) => Some(store),
        (None, _) => random.chance(400).then_some(any),
    };
    if let Some(store) = store {
        operation["till"] = json!({ "store_id": store, "till_id": random.between(1, 3) });
    }
    word::authorize(world, &mut operation, proposal.word.as_ref());
    operation
}

/// A new reference, now and then too old, too far ahead, just at the bounds, or one that was used.
fn reference(world: &mut World) -> String {
    let now = world.now;
    match world.random.between(0, 499) {
        0..=2 => world.reference_at(now - 90 * DAY_MS - 1),
        3 | 4 => world.reference_at(now - 90 * DAY_MS),
        5..=7 => world.reference_at(now + HOUR_MS + 1),
        8 | 9 => world.reference_at(now + HOUR_MS),
        10..=14 => match world.random.one(&world.sent) {
            Some(sent) => sent.operation["reference"].as_str().unwrap_or_default().to_owned(),
            None => world.reference(),
        },
        _ => world.reference(),
    }
}

fn validity(world: &mut World) -> u64 {
    let now = world.now;
    match world.random.between(0, 199) {
        0 | 1 => now - 1,
        2 => now - world.random.between(1, DAY_MS),
        3 => now + DAY_MS + 1,
        4 => u64::MAX,
        5..=9 => now,
        10..=14 => now + DAY_MS,
        _ => now + world.random.between(1, DAY_MS),
    }
}

fn remember(world: &mut World, merchant: u16, atomic: bool, operations: &[Value]) {
    if atomic {
        world.sent_together.push((merchant, operations.to_vec()));
    }
    for operation in operations {
        let kind = operation["body"].as_object().and_then(|body| body.keys().next().cloned()).unwrap_or_default();
        let role = Some(role_of(&kind)).filter(|role| *role != "clock").map(str::to_owned);
        world.sent.push(Sent { merchant, role, operation: operation.clone() });
    }
}
