//! The part of a dump that tells of governance, the pool and checkpoints, as the model writes its own
//! (`tests/model/written_governance.py`).

use serde_json::{Map, Value, json};
use tally_contracts::checkpoint::{AnchorPlace, Attestation, Checkpoint, CheckpointClock};
use tally_contracts::encoding::decode_own;
use tally_contracts::exchange::{ImportRatio, PairTerms};
use tally_contracts::genesis::Parameters;
use tally_contracts::governance::{Proposal, ProposalState, Protocol, ValidatorSet};
use tally_contracts::membership::{Admission, Merchant, Phase, RunOff};
use tally_contracts::points::PointClass;
use tally_contracts::pool::{Contribution, Distribution, PoolShare, Referral};
use tally_contracts::state::{MemoryStore, Store as _, read_range, tag};
use tally_contracts::types::{Address, ClassId, Hash, Height, MerchantId, Month, Reference};

use crate::dump::table;
use crate::world::World;

/// Adds the tables of governance, of the pool and of checkpoints to a dump.
pub fn add(world: &World, store: &MemoryStore, state: &mut Value) {
    let parameters: Parameters = decode_own(&store.get(&[tag::parameters]).expect("genesis wrote the parameters"));
    let protocol = store.get(&[tag::protocol]).map_or_else(Protocol::default, |bytes| decode_own(&bytes));
    state["parameters"] = json!(parameters);
    state["protocol"] =
        json!({ "version": protocol.version.to_string(), "from_height": protocol.from_height.to_string() });
    state["merchants"] =
        table(store, tag::merchants, |id: MerchantId, bytes| (id.to_string(), party(store, id, &decode_own(bytes))));
    state["epochs"] =
        table(store, tag::epochs, |height: Height, bytes| (height.to_string(), validators(&decode_own(bytes))));
    state["admissions"] =
        table(store, tag::admissions, |id: MerchantId, bytes| (id.to_string(), admission(&decode_own(bytes))));
    state["proposals"] = table(store, tag::proposals, |(merchant, reference): (MerchantId, Reference), bytes| {
        (format!("{merchant}/{reference}"), proposal(&decode_own(bytes)))
    });
    state["pairs"] = table(store, tag::pairs, |(from, to): (ClassId, ClassId), bytes| {
        (format!("{from}/{to}"), pair(&decode_own(bytes)))
    });
    state["ratios"] = table(store, tag::import_ratios, |(partner, class): (MerchantId, ClassId), bytes| {
        let ratio: ImportRatio = decode_own(bytes);
        (format!("{partner}/{class}"), json!(format!("{} for {}", ratio.units, ratio.points)))
    });
    state["terms"] = table(store, tag::classes, |class: ClassId, bytes| (class.to_string(), terms(&decode_own(bytes))));
    state["ended"] = ended(store);
    state["buy_outs"] = buy_outs(world, store);
    pool(store, state);
    checkpoints(store, state);
}

fn pool(store: &MemoryStore, state: &mut Value) {
    state["contributions"] = table(store, tag::contributions, |(month, merchant): (Month, MerchantId), bytes| {
        let Contribution { referrals, converted, honoured } = decode_own(bytes);
        let record =
            json!({ "referrals": referrals.to_string(), "converted": converted.to_string(), "honoured": honoured });
        (format!("{month}/{merchant}"), record)
    });
    state["distributions"] =
        table(store, tag::distributions, |month: Month, bytes| (month.to_string(), distribution(&decode_own(bytes))));
    state["referrals"] = table(store, tag::referrals, |(merchant, member): (MerchantId, Address), bytes| {
        let Referral { by, time_ms, is_converted } = decode_own(bytes);
        let record = json!({ "by": by.to_string(), "time_ms": time_ms.to_string(), "is_converted": is_converted });
        (format!("{merchant}/{member}"), record)
    });
}

fn checkpoints(store: &MemoryStore, state: &mut Value) {
    let clock = store.get(&[tag::checkpoint_clock]).expect("genesis wrote the clock of checkpoints");
    let CheckpointClock { last_ms, is_pending, latest_final } = decode_own(&clock);
    let latest_final = latest_final.map(|height| height.to_string());
    state["checkpoint_clock"] =
        json!({ "last_ms": last_ms.to_string(), "is_pending": is_pending, "latest_final": latest_final });
    state["checkpoints"] = table(store, tag::checkpoints, |height: Height, bytes| {
        let Checkpoint { time_ms, log_size, log_root } = decode_own(bytes);
        let record = json!({ "time_ms": time_ms.to_string(), "log_size": log_size.to_string(), "log_root": log_root });
        (height.to_string(), record)
    });
    state["attestations"] = table(store, tag::attestations, |(height, merchant): (Height, MerchantId), bytes| {
        (format!("{height}/{merchant}"), json!(decode_own::<Attestation>(bytes)))
    });
    state["evidence"] = table(store, tag::anchors, |(height, evidence): (Height, Hash), bytes| {
        let AnchorPlace { merchant, height: at, index } = decode_own(bytes);
        let place = format!("{merchant} at {at}/{index}");
        (format!("{height}/{evidence}"), json!(place))
    });
}

/// A merchant or a partner, with what its run-off names.
fn party(store: &MemoryStore, id: MerchantId, record: &Merchant) -> Value {
    let mut party = json!({ "net_debit_cap_fen": record.net_debit_cap_fen, "is_suspended": record.is_suspended });
    if record.is_partner {
        party["is_partner"] = json!(true);
    } else {
        party["industry"] = json!(record.industry.to_string());
        party["base_share"] = json!(record.base_share.to_string());
    }
    let (phase, until_ms, successor, from_height) = match record.phase {
        Phase::Staying => ("staying", None, None, None),
        Phase::RunningOff { until_ms, successor } => ("running_off", Some(until_ms), Some(successor), None),
        Phase::WoundUp { successor } => ("wound_up", None, Some(successor), None),
        Phase::Departed { successor, from_height } => ("departed", None, Some(successor), Some(from_height)),
    };
    party["phase"] = json!(phase);
    party["until_ms"] = json!(until_ms.map(|time_ms| time_ms.to_string()));
    party["successor"] = json!(successor.map(|successor| successor.to_string()));
    party["from_height"] = json!(from_height.map(|height| height.to_string()));
    let run_offs: Vec<((u64, MerchantId), RunOff)> =
        read_range(store, tag::run_offs, &(0, MerchantId::POOL), None, usize::MAX);
    let exchanges =
        run_offs.into_iter().filter(|((_, merchant), _)| *merchant == id).flat_map(|(_, off)| off.exchanges);
    party["exchanges"] = exchanges.map(|of| (of.from_class.to_string(), json!(of.to_class.to_string()))).collect();
    party
}

fn validators(set: &ValidatorSet) -> Value {
    set.validators().iter().map(|of| (of.merchant.to_string(), json!([of.public_key, of.cosigner_key]))).collect()
}

fn admission(record: &Admission) -> Value {
    json!({
        "name": record.name,
        "validator_key": record.validator_key,
        "network_key": record.network_key,
        "criteria": record.criteria,
        "attester": record.attester,
        "from_height": record.from_height.to_string(),
    })
}

fn proposal(record: &Proposal) -> Value {
    let ballots = record.ballots.iter();
    let ballots: Vec<String> = ballots
        .map(|ballot| format!("{} {}", ballot.merchant, if ballot.approves { "for" } else { "against" }))
        .collect();
    let mut proposal = json!({
        "change": record.change,
        "proposed_ms": record.proposed_ms.to_string(),
        "asked_ms": record.asked_ms.to_string(),
        "voting_ends_ms": record.voting_ends_ms.to_string(),
        "ballots": ballots,
    });
    proposal["state"] = match record.state {
        ProposalState::Open => json!("open"),
        ProposalState::Refused => json!("refused"),
        ProposalState::Passed { effective_ms } => {
            proposal["effective_ms"] = json!(effective_ms.to_string());
            json!("passed")
        }
        ProposalState::Active { height } => {
            proposal["height"] = json!(height.to_string());
            json!("active")
        }
        ProposalState::Void { rejection } => {
            proposal["void"] = json!(rejection.name());
            json!("void")
        }
    };
    proposal
}

fn pair(terms: &PairTerms) -> Value {
    let mut pair = Map::new();
    let fen = [("min_lot_fen", terms.min_lot_fen), ("daily_limit_fen", terms.daily_limit_fen)];
    for (name, value) in fen {
        if let Some(value) = value {
            pair.insert(name.to_owned(), json!(format!("{} fen", value.0)));
        }
    }
    if let Some(spread) = terms.spread {
        pair.insert("spread".to_owned(), json!(format!("{spread} of it")));
    }
    Value::Object(pair)
}

/// What of a class can be changed, and its issuer.
fn terms(class: &PointClass) -> Value {
    json!({
        "issuer": class.issuer.to_string(),
        "earn_rate": class.terms.earn_rate,
        "life_months": class.terms.life_months.to_string(),
        "accepted_by": class.terms.accepted_by,
        "industries": class.terms.industries,
        "custodian_member_limit_fen": class.terms.custodian_member_limit_fen,
        "custodian_limit_fen": class.terms.custodian_limit_fen,
        "breakage": class.terms.breakage,
    })
}

/// What points of closed classes become.
fn ended(store: &MemoryStore) -> Value {
    let classes: Vec<(ClassId, PointClass)> = read_range(store, tag::classes, &ClassId(0), None, usize::MAX);
    let ended = classes.into_iter().filter_map(|(class, record)| Some((class, record.end?)));
    let into = |into: Option<ClassId>| into.map_or_else(|| "bought out".to_owned(), |class| class.to_string());
    ended.map(|(class, end)| (class.to_string(), json!(into(end.into)))).collect()
}

/// When closed classes are looked at again; what is due already, in the next block.
fn buy_outs(world: &World, store: &MemoryStore) -> Value {
    let waiting: Vec<((u64, ClassId), ())> = read_range(store, tag::buy_outs, &(0, ClassId(0)), None, usize::MAX);
    let later = |time_ms: u64| if time_ms > world.now { time_ms.to_string() } else { "next".to_owned() };
    waiting.into_iter().map(|((time_ms, class), ())| (class.to_string(), json!(later(time_ms)))).collect()
}

fn distribution(record: &Distribution) -> Value {
    let shares: Map<String, Value> =
        record.shares.iter().map(|part| (part.merchant.to_string(), share(part))).collect();
    json!({
        "height": record.height.to_string(),
        "time_ms": record.time_ms.to_string(),
        "pool": record.pool,
        "shares": shares,
        "reserve_fen": record.reserve_fen,
        "carry": record.carry,
    })
}

fn share(part: &PoolShare) -> Value {
    json!({
        "base_share": part.base_share.to_string(),
        "weight": part.weight,
        "share_fen": part.share_fen,
        "volume_fen": part.volume_fen,
        "rebate_due_fen": part.rebate_due_fen,
        "rebate_paid_fen": part.rebate_paid_fen,
    })
}
