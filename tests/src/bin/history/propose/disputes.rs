//! Disputes: opened by who owes, answered by who is owed.

use serde_json::{Value, json};
use tally_contracts::types::DAY_MS;

use super::Proposal;
use crate::world::{Debt, Dispute, World, time_of};

/// A debt disputed in part or whole, mostly a recent one of the merchant's own; now and then what it does not owe.
pub fn open_dispute(world: &mut World, merchant: u16) -> Option<Proposal> {
    let now = world.now;
    let named = |debt: &Debt| (debt.merchant, debt.reference.clone(), debt.amount);
    let own: Vec<_> = world.debts.iter().filter(|debt| debt.debtor == merchant).map(named).collect();
    let recent = |debt: &&Debt| debt.debtor == merchant && time_of(&debt.reference) + 10 * DAY_MS > now;
    let recent: Vec<_> = world.debts.iter().filter(recent).map(named).collect();
    let any: Vec<_> = world.debts.iter().map(named).collect();
    let sent = world.sent.iter().map(|sent| (sent.merchant, sent.operation["reference"].clone()));
    let sent: Vec<_> = sent.map(|(id, reference)| (id, reference.as_str().unwrap_or_default().to_owned(), 1)).collect();
    let (merchant, original, owed) = match world.random.between(0, 39) {
        0 => (merchant, world.reference(), 1),
        1 => world.random.one(&any)?.clone(),
        2..=4 => world.random.one(&sent)?.clone(),
        5..=20 => world.random.one(&own)?.clone(),
        _ => world.random.one(&recent)?.clone(),
    };
    let amount = match world.random.between(0, 9) {
        0 => owed + 1,
        1..=3 => owed / u128::from(world.random.between(2, 5)),
        4 => 1,
        _ => owed,
    };
    let says = json!({
        "merchant": merchant,
        "original": original,
        "amount": amount.max(1).to_string(),
        "reason": "the goods came back",
    });
    Some(Proposal::plain("open_dispute", says))
}

/// A dispute accepted or contested, mostly by the creditor. Each fourth is left alone, so that its clock runs out.
pub fn answer_dispute(world: &mut World, merchant: u16) -> Option<Proposal> {
    let may = |dispute: &Dispute| dispute.creditor == merchant && is_talked_about(dispute);
    let mut says = some_dispute(world, |dispute| may(dispute) && !dispute.is_contested)?;
    says["accept"] = json!(world.random.chance(350));
    Some(Proposal::plain("answer_dispute", says))
}

/// A dispute that fits and has not ended; now and then any, or one that is not there.
pub fn some_dispute(world: &mut World, fits: impl Fn(&Dispute) -> bool) -> Option<Value> {
    let wants_any = world.random.chance(80);
    let disputes = world.disputes.iter().filter(|dispute| (fits(dispute) && !dispute.is_ended) || wants_any);
    let named: Vec<_> = disputes.map(|dispute| (dispute.merchant, dispute.reference.clone())).collect();
    let (merchant, mut original) = world.random.one(&named)?.clone();
    if world.random.chance(40) {
        original = world.reference();
    }
    Some(json!({ "merchant": merchant, "original": original }))
}

/// Whether anybody takes care of a dispute.
pub fn is_talked_about(dispute: &Dispute) -> bool {
    !dispute.reference.ends_with(['0', '4', '8', 'c'])
}
