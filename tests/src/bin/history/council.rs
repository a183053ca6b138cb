//! What merchants decide together, as receipts and the ledger tell it: proposals, referrals, the parameters as they are, who
//! stays.

use serde_json::{Value, json};
use tally_contracts::crypto::PublicKey;
use tally_contracts::due::DueRecord;
use tally_contracts::encoding::decode_own;
use tally_contracts::execute::BlockRun;
use tally_contracts::genesis::Parameters;
use tally_contracts::governance::change::parameters_hash;
use tally_contracts::governance::{Protocol, epochs};
use tally_contracts::membership::{KeyRecord, Merchant as MerchantRecord, Phase};
use tally_contracts::points::PointClass;
use tally_contracts::receipt::{Applied as Receipt, Outcome};
use tally_contracts::state::{MemoryStore, Store as _, read_range, tag};
use tally_contracts::types::{ClassId, DAY_MS, MerchantId};

use crate::observe::{Applied, number, text};
use crate::terms;
use crate::world::{Key, Merchant, Stage, World};

/// What merchants decide together.
#[derive(Default)]
pub struct Council {
    pub proposals: Vec<Proposed>,
    pub referrals: Vec<Referred>,
    /// The parameters as they are, and what a change of them says that it replaces.
    pub parameters: Value,
    pub parameters_hash: String,
    pub version: u64,
    /// Keys whose attestation counts.
    pub attesters: Vec<String>,
    /// Keys that nodes have or had.
    pub validator_keys: Vec<String>,
    /// When holdings of closed classes are worked off.
    pub buy_outs_ms: Vec<u64>,
    /// When run-offs end.
    pub run_offs_ms: Vec<u64>,
}

/// A change that was proposed.
pub struct Proposed {
    pub merchant: u16,
    pub reference: String,
    pub voted: Vec<u16>,
    pub ends_ms: u64,
    /// When it takes effect, once it has passed.
    pub effective_ms: Option<u64>,
}

/// A member that one merchant sent to another.
pub struct Referred {
    pub by: u16,
    pub to: u16,
    pub member: String,
    pub time_ms: u64,
    pub is_converted: bool,
}

impl Council {
    /// The instants at which something ends or takes effect.
    pub fn instants(&self) -> impl Iterator<Item = u64> {
        let votes = self.proposals.iter().map(|proposal| proposal.effective_ms.unwrap_or(proposal.ends_ms));
        votes.chain(self.buy_outs_ms.iter().copied()).chain(self.run_offs_ms.iter().copied())
    }

    /// A proposal by its reference.
    pub fn proposal(&self, reference: &str) -> Option<&Proposed> {
        self.proposals.iter().find(|proposal| proposal.reference == reference)
    }
}

/// Learns from one applied operation.
pub fn observe(world: &mut World, applied: &Applied<'_>) {
    let (now, says, merchant) = (world.now, applied.says, applied.merchant);
    let effective_ms = applied.receipt["voted"]["effective_ms"].as_u64();
    let council = &mut world.council;
    match applied.kind {
        "propose" => {
            let days = council.parameters["governance"]["voting_days"].as_u64().unwrap_or(0);
            let reference = text(&applied.operation["reference"]);
            let ends_ms = now + days * DAY_MS;
            council.proposals.push(Proposed { merchant, reference, voted: vec![merchant], ends_ms, effective_ms });
        }
        "vote" => {
            let named = text(&says["proposal"]);
            if let Some(proposal) = council.proposals.iter_mut().find(|proposal| proposal.reference == named) {
                proposal.voted.push(merchant);
                proposal.effective_ms = effective_ms;
            }
        }
        "refer" => {
            let (to, member) = (number(&says["merchant"]) as u16, text(&says["member"]));
            council.referrals.push(Referred { by: merchant, to, member, time_ms: now, is_converted: false });
        }
        _ => {
            let (to, member) = (number(&says["merchant"]) as u16, text(&says["member"]));
            let mut referrals = council.referrals.iter_mut();
            if let Some(referral) = referrals.find(|referral| referral.to == to && referral.member == member) {
                referral.is_converted = true;
            }
        }
    }
}

/// Learns from a record of due work: members of a merchant that is wound up pass to its successor.
pub fn observe_due(world: &mut World, record: &DueRecord) {
    if let DueRecord::WoundUp(wound_up) = record {
        let of_it = world.members.iter_mut().filter(|member| member.custodian == wound_up.merchant.0);
        of_it.for_each(|member| member.custodian = wound_up.successor.0);
    }
}

/// Whether a block changed what [`refresh`] reads.
pub fn is_moved(run: &BlockRun) -> bool {
    let is_due = |record: &DueRecord| {
        matches!(record, DueRecord::WoundUp(_) | DueRecord::ChangeActivated(_) | DueRecord::BoughtOut(_))
    };
    let mut outcomes = run.receipts.iter().flatten().map(|receipt| &receipt.outcome);
    run.due.iter().any(is_due) || outcomes.any(|outcome| matches!(outcome, Outcome::Applied(Receipt::Departed { .. })))
}

/// Reads what changes by vote alone: parameters, who takes part and how, classes' terms.
pub fn refresh(world: &mut World, store: &MemoryStore) {
    let parameters: Parameters = decode_own(&store.get(&[tag::parameters]).expect("genesis wrote the parameters"));
    world.refund_window_ms = u64::from(parameters.refund_window_days) * DAY_MS;
    world.council.parameters_hash = parameters_hash(&parameters).to_string();
    world.council.parameters = json!(parameters);
    let protocol = store.get(&[tag::protocol]).map_or_else(Protocol::default, |bytes| decode_own(&bytes));
    world.council.version = protocol.version.into();
    let validators = epochs(store).into_iter().flat_map(|(_, set)| set.validators().to_vec());
    world.council.validator_keys =
        validators.flat_map(|of| [of.public_key, of.cosigner_key]).map(|key| key.to_string()).collect();
    let merchants: Vec<(MerchantId, MerchantRecord)> =
        read_range(store, tag::merchants, &MerchantId::POOL, None, usize::MAX);
    world.council.run_offs_ms.clear();
    for (id, record) in merchants {
        let stage = match record.phase {
            Phase::Staying => Stage::Staying,
            Phase::RunningOff { until_ms, .. } => Stage::RunningOff { until_ms },
            Phase::WoundUp { .. } => Stage::WoundUp,
            Phase::Departed { .. } => Stage::Departed,
        };
        if let Stage::RunningOff { until_ms } = stage {
            world.council.run_offs_ms.push(until_ms);
        }
        if world.merchant(id.0).is_none() {
            let keys = keys(store, id);
            world.merchants.push(Merchant { id: id.0, is_partner: false, is_suspended: false, stage, keys });
        }
        if let Some(known) = world.merchants.iter_mut().find(|known| known.id == id.0) {
            (known.is_suspended, known.stage) = (record.is_suspended, stage);
        }
    }
    let classes: Vec<(ClassId, PointClass)> = read_range(store, tag::classes, &ClassId(0), None, usize::MAX);
    for (id, record) in classes {
        if let Some(class) = world.class_mut(id.0) {
            class.is_closed = record.end.is_some();
            class.terms = json!(record.terms);
            class.changes_ms = record.announced.map(|announced| announced.effective_ms);
            class.anchor = terms::millionths(&class.terms["anchor"]);
        }
    }
    let buy_outs: Vec<((u64, ClassId), ())> = read_range(store, tag::buy_outs, &(0, ClassId(0)), None, usize::MAX);
    world.council.buy_outs_ms = buy_outs.into_iter().map(|((time_ms, _), ())| time_ms).collect();
}

/// The operator keys of a merchant that joined, those that may do everything first.
fn keys(store: &MemoryStore, id: MerchantId) -> Vec<Key> {
    let all: Vec<((MerchantId, PublicKey), KeyRecord)> = read_range(
        store,
        tag::operator_keys,
        &(id, PublicKey::default()),
        Some(&(MerchantId(id.0 + 1), PublicKey::default())),
        usize::MAX,
    );
    let key = |((_, public_key), record): ((MerchantId, PublicKey), KeyRecord)| Key {
        public_key: public_key.to_string(),
        roles: record.roles.iter().map(|role| text(&json!(role))).collect(),
        store: record.store_id.map(|store| store.0),
        is_revoked: record.revoked.is_some(),
    };
    let mut keys: Vec<Key> = all.into_iter().map(key).collect();
    keys.sort_by_key(|key| (key.store, usize::MAX - key.roles.len()));
    keys
}
