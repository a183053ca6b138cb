//! The contracts' state as the model writes its own, so that the two can be laid side by side (`tests/model/dump.py`).

use serde_json::{Map, Value, json};
use tally_contracts::authorization::SpendGrant;
use tally_contracts::crypto::PublicKey;
use tally_contracts::encoding::decode_own;
use tally_contracts::governance::Schedule;
use tally_contracts::membership::{KeyRecord, Member};
use tally_contracts::points::{ClassTotals, Hold, Lot, Movement, StoreLimits};
use tally_contracts::settlement::{Gross, Leg, LegState, PairNet, Position, Statement};
use tally_contracts::state::{Key, MemoryStore, Store as _, tag};
use tally_contracts::types::{
    Address, ClassId, Day, Fen, Hash, MerchantId, Month, Obligation, Points, Reference, StoreId,
};

use crate::world::World;

/// Every table that is compared.
pub fn dump(world: &World, store: &MemoryStore) -> Value {
    let schedule: Schedule = decode_own(&store.get(&[tag::schedule]).expect("genesis wrote the schedule"));
    let mut state = json!({
        "schedule": { "open_cycle": schedule.open_cycle },
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
    });
    settlement(store, &mut state);
    state
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
}

/// Every row of a table, by the name and the value that `row` makes of it.
fn table<K: Key>(store: &MemoryStore, tag: u8, row: impl Fn(K, &[u8]) -> (String, Value)) -> Value {
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
    let confirmed = match leg.state {
        LegState::Open => None,
        LegState::Confirmed { height } => Some(height),
    };
    json!({
        "payer": leg.payer.to_string(),
        "payee": leg.payee.to_string(),
        "amount_fen": leg.amount_fen,
        "confirmed": confirmed,
    })
}
