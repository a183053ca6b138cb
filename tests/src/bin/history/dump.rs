//! The contracts' state as the model writes its own, so that the two can be laid side by side (`tests/model/dump.py`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tally_contracts::authorization::SpendGrant;
use tally_contracts::crypto::PublicKey;
use tally_contracts::encoding::decode_own;
use tally_contracts::exchange::{RateTable, RateVersion};
use tally_contracts::governance::{Schedule, Voices};
use tally_contracts::membership::{KeyRecord, Member, Merchant};
use tally_contracts::points::{AnnouncedAnchor, ClassTotals, Hold, Lot, Movement, PointClass, StoreLimits};
use tally_contracts::settlement::{Dispute, Gross, Leg, LegState, PairNet, Position, Statement};
use tally_contracts::state::{Key, MemoryStore, Store as _, tag};
use tally_contracts::types::{
    Address, ClassId, Day, Fen, Hash, MerchantId, Month, Obligation, Points, Reference, StoreId,
};

use crate::dump_governance;
use crate::world::{VOICES_KNOWN_FOR_MS, World};

/// Weekdays before this one are business days where the calendar does not say otherwise.
const SATURDAY: u8 = 6;

/// Every table that is compared.
pub fn dump(world: &World, store: &MemoryStore) -> Value {
    let schedule: Schedule = decode_own(&store.get(&[tag::schedule]).expect("genesis wrote the schedule"));
    let mut state = json!({
        "schedule": { "open_month": schedule.open_month, "open_cycle": schedule.open_cycle },
        "voices": voices(world, store),
        "business_days": business_days(store),
        "members": table(store, tag::members, |name: Address, bytes| {
            (name.to_string(), member(world.now, &decode_own(bytes)))
        }),
        "keys": table(store, tag::operator_keys, operator_key),
        "stores": table(store, tag::store_limits, |(merchant, store): (MerchantId, StoreId), bytes| {
            (format!("{merchant}/{store}"), json!(decode_own::<StoreLimits>(bytes)))
        }),
        "holdings": holdings(store),
        "owed": table(store, tag::owed, |(member, class): (Address, ClassId), bytes| {
            (format!("{member}/{class}"), json!(decode_own::<Points>(bytes)))
        }),
        "holds": table(store, tag::holds, |(merchant, reference): (MerchantId, Reference), bytes| {
            (format!("{merchant}/{reference}"), hold(&decode_own(bytes)))
        }),
        "classes": table(store, tag::class_totals, |class: ClassId, bytes| {
            (class.to_string(), counters(&decode_own(bytes)))
        }),
        "live": table(store, tag::outstanding, |(month, class): (Month, ClassId), bytes| {
            (format!("{class}/{month}"), json!(decode_own::<Points>(bytes)))
        }),
        "used": used(world, store),
        "imports": imports(store),
    });
    rates(store, &mut state);
    settlement(store, &mut state);
    dump_governance::add(world, store, &mut state);
    state
}

/// The rate table, and what is to come of it.
fn rates(store: &MemoryStore, state: &mut Value) {
    let rates: RateTable = store.get(&[tag::rates]).map_or_else(RateTable::default, |bytes| decode_own(&bytes));
    state["rates"] = json!({ "version": rates.version.to_string() });
    state["versions"] =
        table(store, tag::rate_versions, |version: u32, bytes| (version.to_string(), rate_version(&decode_own(bytes))));
    state["anchors"] = table(store, tag::classes, |class: ClassId, bytes| {
        (class.to_string(), json!(decode_own::<PointClass>(bytes).terms.anchor))
    });
    state["announced"] = table(store, tag::classes, |class: ClassId, bytes| {
        (class.to_string(), json!(decode_own::<PointClass>(bytes).announced.map(announced)))
    });
}

fn settlement(store: &MemoryStore, state: &mut Value) {
    type Pair = (Month, MerchantId, MerchantId);
    state["gross"] = table(store, tag::gross, |(cycle, debtor, creditor): Pair, bytes| {
        (format!("{cycle}/{debtor}/{creditor}"), json!(decode_own::<Gross>(bytes)))
    });
    state["positions"] = table(store, tag::positions, |merchant: MerchantId, bytes| {
        (merchant.to_string(), json!(decode_own::<Position>(bytes)))
    });
    state["claims"] = table(store, tag::pool_claims, |merchant: MerchantId, bytes| {
        (merchant.to_string(), json!(decode_own::<Obligation>(bytes)))
    });
    state["carries"] = table(store, tag::carries, |(low, high): (MerchantId, MerchantId), bytes| {
        (format!("{low}/{high}"), json!(decode_own::<Obligation>(bytes)))
    });
    state["statements"] =
        table(store, tag::statements, |cycle: Month, bytes| (cycle.to_string(), statement(&decode_own(bytes))));
    state["pair_nets"] = table(store, tag::pair_nets, |(cycle, low, high): Pair, bytes| {
        (format!("{cycle}/{low}/{high}"), pair_net(&decode_own(bytes)))
    });
    state["legs"] = table(store, tag::legs, |(cycle, number): (Month, u16), bytes| {
        (format!("{cycle}/{number}"), leg(&decode_own(bytes)))
    });
    state["collateral"] = table(store, tag::merchants, |party: MerchantId, bytes| {
        (party.to_string(), json!(decode_own::<Merchant>(bytes).collateral_fen))
    });
    state["disputes"] = table(store, tag::disputes, |(merchant, reference): (MerchantId, Reference), bytes| {
        (format!("{merchant}/{reference}"), dispute(&decode_own(bytes)))
    });
}

/// Every row of a table, by the name and the value that `row` makes of it.
pub fn table<K: Key>(store: &MemoryStore, tag: u8, row: impl Fn(K, &[u8]) -> (String, Value)) -> Value {
    let rows = store.scan(&[tag], &[tag + 1], usize::MAX);
    Value::Object(rows.iter().map(|(key, bytes)| row(K::take(&mut &key[1..]), bytes)).collect())
}

fn member(now: u64, member: &Member) -> Value {
    let pending = member.wallet.as_ref().and_then(|wallet| wallet.recovery.as_ref()).filter(|r| r.effective_ms > now);
    json!({
        "custodian": member.custodian.to_string(),
        "holder": member.holder,
        "wallet_key": member.wallet_key(now),
        "recovery": pending.map(|r| json!({ "wallet_key": r.key, "effective_ms": r.effective_ms.to_string() })),
        "frozen": member.is_frozen,
    })
}

fn operator_key((merchant, key): (MerchantId, PublicKey), bytes: &[u8]) -> (String, Value) {
    let record: KeyRecord = decode_own(bytes);
    let record = json!({ "roles": record.roles, "store_id": record.store_id, "revoked": record.revoked.is_some() });
    (format!("{merchant}/{key}"), record)
}

/// The lots of every holding: those of its latest movement, which comes first.
fn holdings(store: &MemoryStore) -> Value {
    let mut latest = Map::new();
    for (key, bytes) in store.scan(&[tag::HOLDINGS], &[tag::HOLDINGS + 1], usize::MAX) {
        let (member, class) = <(Address, ClassId)>::take(&mut &key[1..]);
        let name = format!("{member}/{class}");
        if !latest.contains_key(&name) {
            latest.insert(name, lots(&decode_own::<Movement>(&bytes).lots));
        }
    }
    Value::Object(latest)
}

fn lots(lots: &[Lot]) -> Value {
    Value::Object(lots.iter().map(|lot| (lot.expires.to_string(), json!(lot.points))).collect())
}

fn hold(hold: &Hold) -> Value {
    json!({
        "member": hold.member,
        "class": hold.class.to_string(),
        "release_ms": hold.release_ms.to_string(),
        "lots": lots(&hold.lots),
    })
}

/// All counters but `swept`, which tells how far the sweep is and is no matter of the rules.
fn counters(totals: &ClassTotals) -> Value {
    let mut counters = json!(totals);
    counters.as_object_mut().expect("counters are an object").remove("swept");
    counters
}

/// Who has asked for joint acts that wait, by when that began; what is asked for is not said.
fn voices(world: &World, store: &MemoryStore) -> Value {
    let mut waiting: BTreeMap<String, u64> = BTreeMap::new();
    for (_, bytes) in store.scan(&[tag::voices], &[tag::voices + 1], usize::MAX) {
        let voices: Voices = decode_own(&bytes);
        if voices.since_ms + VOICES_KNOWN_FOR_MS < world.now {
            continue;
        }
        let mut merchants: Vec<u16> = voices.merchants.iter().map(|merchant| merchant.0).collect();
        merchants.sort_unstable();
        let merchants: String = merchants.iter().map(|merchant| format!("/{merchant}")).collect();
        *waiting.entry(format!("{}{merchants}", voices.since_ms)).or_default() += 1;
    }
    waiting.into_iter().map(|(name, acts)| (name, json!(acts.to_string()))).collect()
}

/// The days that are not what their weekday makes them.
fn business_days(store: &MemoryStore) -> Value {
    let mut days = Map::new();
    for (key, bytes) in store.scan(&[tag::business_days], &[tag::business_days + 1], usize::MAX) {
        let (day, is_business) = (Day::take(&mut &key[1..]), decode_own::<bool>(&bytes));
        if is_business != (day.weekday() < SATURDAY) {
            days.insert(day.to_string(), json!(if is_business { "yes" } else { "no" }));
        }
    }
    Value::Object(days)
}

/// How many external references of each partner have served.
fn imports(store: &MemoryStore) -> Value {
    let mut served: BTreeMap<String, u64> = BTreeMap::new();
    for (key, _) in store.scan(&[tag::imports], &[tag::imports + 1], usize::MAX) {
        *served.entry(MerchantId::take(&mut &key[1..]).to_string()).or_default() += 1;
    }
    served.into_iter().map(|(partner, count)| (partner, json!(count.to_string()))).collect()
}

fn rate_version(version: &RateVersion) -> Value {
    json!({
        "class": version.class.to_string(),
        "anchor": version.anchor,
        "effective_ms": version.effective_ms.to_string(),
        "in_effect": version.is_effective,
        "time_ms": version.time_ms.to_string(),
    })
}

fn announced(change: AnnouncedAnchor) -> Value {
    json!({ "anchor": change.anchor, "effective_ms": change.effective_ms.to_string() })
}

/// What the limits of today and the grants that are good still were charged.
fn used(world: &World, store: &MemoryStore) -> Value {
    let today = world.calendar.day(world.now);
    let mut used = Map::new();
    let mut add = |tag: u8, name: &dyn Fn(&mut &[u8]) -> String| {
        for (key, bytes) in store.scan(&[tag], &[tag + 1], usize::MAX) {
            let mut rest = &key[1..];
            if Day::take(&mut rest) == today {
                used.insert(name(&mut rest), json!(decode_own::<Fen>(&bytes)));
            }
        }
    };
    add(tag::no_consent_used, &|key| format!("no_consent/{}", Address::take(key)));
    add(tag::custodian_member_used, &|key| format!("custodian_member/{}/{}", ClassId::take(key), Address::take(key)));
    add(tag::custodian_used, &|key| format!("custodian/{}/{}", ClassId::take(key), MerchantId::take(key)));
    add(tag::store_redeemed, &|key| format!("store_redeem/{}/{}", MerchantId::take(key), StoreId::take(key)));
    add(tag::store_refunded, &|key| format!("store_refund/{}/{}", MerchantId::take(key), StoreId::take(key)));
    add(tag::exchanged_by_member, &|key| format!("exchange_member/{}", Address::take(key)));
    add(tag::exchanged_by_pair, &|key| format!("exchange_pair/{}/{}", ClassId::take(key), ClassId::take(key)));
    for (key, bytes) in store.scan(&[tag::grants_used], &[tag::grants_used + 1], usize::MAX) {
        let (_, id) = <(Day, Hash)>::take(&mut &key[1..]);
        if let Some(name) = grant_name(world, &id) {
            used.insert(name, json!(decode_own::<Points>(&bytes)));
        }
    }
    Value::Object(used)
}

/// A grant that is good still, by its key, class and nonce.
fn grant_name(world: &World, id: &Hash) -> Option<String> {
    let grants = world.grants.iter().filter_map(|grant| serde_json::from_value::<SpendGrant>(grant.clone()).ok());
    let grant = grants.into_iter().find(|grant| grant.id() == *id).filter(|grant| grant.expires_ms > world.now)?;
    Some(format!("grant/{}/{}/{}", grant.public_key, grant.class, grant.nonce))
}

fn statement(statement: &Statement) -> Value {
    let positions = statement.positions.iter();
    let positions: Map<String, Value> =
        positions.map(|p| (p.merchant.to_string(), json!(p.net_fen.to_string()))).collect();
    json!({
        "height": statement.height.to_string(),
        "time_ms": statement.time_ms.to_string(),
        "positions": positions,
        "legs": statement.legs.to_string(),
    })
}

fn pair_net(net: &PairNet) -> Value {
    json!({ "opening": net.opening, "net": net.net, "net_fen": net.net_fen.to_string(), "closing": net.closing })
}

fn leg(leg: &Leg) -> Value {
    let (state, ended) = match leg.state {
        LegState::Open => ("open", None),
        LegState::Confirmed { height } => ("confirmed", Some(height)),
        LegState::Drawn { height } => ("drawn", Some(height)),
    };
    json!({
        "payer": leg.payer.to_string(),
        "payee": leg.payee.to_string(),
        "amount_fen": leg.amount_fen,
        "due_ms": leg.due_ms.to_string(),
        "deadline_ms": leg.deadline_ms.to_string(),
        "bank_reference": leg.bank_reference,
        "is_escalated": leg.is_escalated,
        "state": state,
        "ended": ended,
    })
}

fn dispute(dispute: &Dispute) -> Value {
    json!({
        "debtor": dispute.debtor.to_string(),
        "creditor": dispute.creditor.to_string(),
        "amount": dispute.amount,
        "reason": dispute.reason,
        "state": dispute.state,
        "due_ms": dispute.due_ms.to_string(),
    })
}
