//! The member's own word: which authorization an operation carries, mostly the right one.

use serde_json::{Value, json};
use tally_contracts::authorization::{SpendGrant, WalletAuthorization};
use tally_contracts::types::{DAY_MS, HOUR_MS, Hash, MerchantId};

use crate::world::{Member, World};

/// An authorization that an operation is to carry.
#[derive(Clone)]
pub enum Word {
    /// By a wallet key, for a chain, at a merchant, until a time; signed once the operation is whole.
    Wallet { key: String, chain_id: Hash, acceptor: u16, valid_until_ms: u64 },
    /// A spend grant, signed.
    Grant(Value),
}

/// A wallet's word by a key, now and then for another chain or merchant, too late, or by another key.
pub fn wallet(world: &mut World, key: &str, merchant: u16) -> Word {
    let mut key = key.to_owned();
    let (mut chain_id, mut acceptor, mut valid_until_ms) = (world.chain_id, merchant, world.now + HOUR_MS);
    // Now and then two things are wrong at once: which is said first is a rule too.
    let (times, last) = if world.random.chance(60) { (4, 7) } else { (1, 79) };
    for _ in 0..times {
        match world.random.between(0, last) {
            0 => chain_id = Hash([7; 32]),
            1 => acceptor = merchant % 6 + 1,
            2 => valid_until_ms = world.now - 1,
            3 => valid_until_ms = world.now,
            4 => valid_until_ms = u64::MAX,
            5 | 6 => key = another_key(world, &key),
            _ => {}
        }
    }
    Word::Wallet { key, chain_id, acceptor, valid_until_ms }
}

/// A key that is not in effect: of another wallet, of this one before, or of nobody.
fn another_key(world: &mut World, key: &str) -> String {
    let owners = world.members.iter().filter(|member| member.key_at(world.now).is_some_and(|current| current == key));
    let recovering = |member: &Member| member.recovery.as_ref().map(|(key, _)| key.clone());
    let others: Vec<String> =
        owners.flat_map(|member| member.old_keys.iter().cloned().chain(recovering(member))).collect();
    match world.random.one(&others) {
        Some(old) => old.clone(),
        None => world.new_key(),
    }
}

/// What a transfer or an exchange of a member's points carries.
pub fn for_giving(world: &mut World, member: &str, merchant: u16) -> Option<Word> {
    let key = world.member(member).and_then(|member| member.key_at(world.now).cloned());
    match key {
        Some(key) if !world.random.chance(60) => Some(wallet(world, &key, merchant)),
        None if world.random.chance(15) => {
            let nobody = world.new_key();
            Some(wallet(world, &nobody, merchant))
        }
        _ => None,
    }
}

/// What a redemption or a hold of a member's points carries.
pub fn for_spending(world: &mut World, (member, class): (&str, u32), merchant: u16) -> Option<Word> {
    let has_key = world.member(member).is_some_and(|member| member.key_at(world.now).is_some());
    if !has_key || world.random.chance(450) {
        return for_giving(world, member, merchant);
    }
    if world.random.chance(150) { None } else { grant(world, (member, class), merchant) }
}

/// A grant that is known already, or a new one; now and then the wrong one.
fn grant(world: &mut World, (member, class): (&str, u32), merchant: u16) -> Option<Word> {
    let fits = |grant: &&Value| grant["member"] == member && grant["class"] == class;
    let known: Vec<Value> = world.grants.iter().filter(fits).cloned().collect();
    if let Some(known) = world.random.one(&known)
        && world.random.chance(700)
    {
        let is_signed_anew = world.random.chance(60);
        let grant = if is_signed_anew { signed_anew(world, known.clone())? } else { known.clone() };
        return Some(Word::Grant(grant));
    }
    let any = world.random.position(world.grants.len()).map(|at| world.grants[at].clone());
    if any.is_some() && world.random.chance(50) {
        return any.map(Word::Grant);
    }
    let new = new_grant(world, (member, class), merchant)?;
    world.grants.push(new.clone());
    Some(Word::Grant(new))
}

fn new_grant(world: &mut World, (member, class): (&str, u32), merchant: u16) -> Option<Value> {
    let mut key = world.member(member)?.key_at(world.now)?.clone();
    let all = 1..=world.merchants.len() as u16;
    let mut acceptors: Vec<u16> = all.filter(|id| *id == merchant || world.random.chance(300)).collect();
    let mut expires_ms = world.now + world.random.between(1, DAY_MS);
    let (mut chain_id, mut member, mut class) = (world.chain_id, member.to_owned(), class);
    let (times, last) = if world.random.chance(60) { (4, 9) } else { (1, 59) };
    for _ in 0..times {
        match world.random.between(0, last) {
            0 => chain_id = Hash([9; 32]),
            1 => acceptors = vec![merchant % 6 + 1],
            2 => expires_ms = world.now,
            3 => expires_ms = world.now + DAY_MS + 1,
            4 => expires_ms = world.now + DAY_MS,
            5 => key = another_key(world, &key),
            6 => member = world.members.first()?.address.clone(),
            7 => class += 1,
            _ => {}
        }
    }
    let balance = world.balance(&member, class);
    let max_points = world.random.between(balance / 4, balance + balance / 2);
    let nonce = format!("{:032x}", world.random.number());
    let grant = json!({
        "chain_id": chain_id.to_string(),
        "member": member,
        "class": class,
        "max_points": max_points.to_string(),
        "acceptors": acceptors,
        "expires_ms": expires_ms,
        "nonce": nonce,
        "public_key": key,
        "signature": "00".repeat(64),
    });
    Some(signed(world, grant, &key))
}

/// The same grant by the key that counts now: after a rotation it is another grant.
fn signed_anew(world: &mut World, grant: Value) -> Option<Value> {
    let key = world.member(grant["member"].as_str()?)?.key_at(world.now)?.clone();
    let new = signed(world, grant, &key);
    if !world.grants.contains(&new) {
        world.grants.push(new.clone());
    }
    Some(new)
}

fn signed(world: &World, grant: Value, key: &str) -> Value {
    let mut signed: SpendGrant = serde_json::from_value(grant).expect("a grant as docs/formats.md has it");
    signed.sign(world.signing_key(key));
    json!(signed)
}

/// Puts an authorization on an operation; a wallet signs its reference and body.
pub fn authorize(world: &World, operation: &mut Value, word: Option<&Word>) {
    match word {
        None => {}
        Some(Word::Grant(grant)) => operation["authorization"] = json!({ "grant": grant }),
        Some(Word::Wallet { key, chain_id, acceptor, valid_until_ms }) => {
            let reference = serde_json::from_value(operation["reference"].clone()).expect("a reference");
            let body = serde_json::from_value(operation["body"].clone()).expect("a body as docs/formats.md has it");
            let place = (*chain_id, MerchantId(*acceptor));
            let signed = WalletAuthorization::sign(world.signing_key(key), place, *valid_until_ms, (reference, &body));
            operation["authorization"] = json!({ "wallet": signed });
        }
    }
}
