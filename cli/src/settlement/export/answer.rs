//! Reads the node's answer about a cycle into a [`Statement`], and refuses one that does not add up.
//!
//! Every field of a gross pair but `debtor`, `creditor` and `total` is an amount of a kind, so a kind that a later
//! version of the ledger adds comes by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use tally_contracts::types::{Fen, MerchantId, Month, Obligation};

use super::statement::{Alliance, Gross, Leg, Pair, Party, Side, Statement};
use super::text::clean;

/// What else a statement needs besides the cycle: who is asked for, and what all are called.
#[derive(Clone, Debug)]
pub struct Context {
    /// The alliance.
    pub alliance: Alliance,
    /// Each merchant's name.
    pub names: BTreeMap<MerchantId, String>,
}

impl Context {
    fn party(&self, id: MerchantId) -> Party {
        let name = clean(self.names.get(&id).map_or("", String::as_str));
        Party { id, name: if name.is_empty() { format!("merchant {id}") } else { name } }
    }
}

/// What `GET /v1/settlements/{cycle}` answers, as far as files need it.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    /// Which cycle it is about.
    pub cycle: Month,
    closed_at_ms: u64,
    pairs: Vec<GrossAnswer>,
    nets: Vec<NetAnswer>,
    positions: Vec<PositionAnswer>,
    legs: Vec<LegAnswer>,
}

#[derive(Clone, Debug, Deserialize)]
struct GrossAnswer {
    debtor: MerchantId,
    creditor: MerchantId,
    total: Obligation,
    #[serde(flatten)]
    kinds: BTreeMap<String, Obligation>,
}

#[derive(Clone, Debug, Deserialize)]
struct NetAnswer {
    low: MerchantId,
    high: MerchantId,
    opening: Obligation,
    net: Obligation,
    net_fen: i64,
    closing: Obligation,
}

#[derive(Clone, Debug, Deserialize)]
struct PositionAnswer {
    merchant: MerchantId,
    net_fen: i64,
}

#[derive(Clone, Debug, Deserialize)]
struct LegAnswer {
    leg: u16,
    payer: MerchantId,
    payee: MerchantId,
    amount_fen: Fen,
    #[serde(default)]
    due_ms: Option<u64>,
    state: Value,
}

impl Answer {
    /// The numbers of the legs that `payer` has to pay and whose payees said already that they were paid: of this
    /// moment, so no part of a statement.
    pub fn confirmed(&self, payer: MerchantId) -> Vec<u16> {
        let confirmed = |leg: &&LegAnswer| leg.payer == payer && leg.state != "open";
        self.legs.iter().filter(confirmed).map(|leg| leg.leg).collect()
    }

    /// A merchant's side of it.
    ///
    /// # Errors
    /// What does not add up: a sentence for people.
    pub fn statement(&self, context: &Context, merchant: MerchantId) -> Result<Statement, String> {
        let pairs = self.pairs_of(context, merchant)?;
        let mut legs: Vec<Leg> = self.legs.iter().filter_map(|leg| leg.seen_by(context, merchant)).collect();
        legs.sort_by_key(|leg| leg.number);
        let statement = Statement {
            alliance: context.alliance.clone(),
            cycle: self.cycle,
            closed_at_ms: self.closed_at_ms,
            merchant: context.party(merchant),
            pairs,
            legs,
        };
        let position = statement.position_fen();
        let told = self.positions.iter().find(|position| position.merchant == merchant);
        let told = told.map_or(0, |position| i128::from(position.net_fen));
        let paid: i128 = statement.legs.iter().map(Leg::signed_fen).sum();
        if position != told || position != paid {
            return Err(format!(
                "merchant {merchant}'s pairs come to {position} fen, its position is {told}, its legs pay {paid}"
            ));
        }
        Ok(statement)
    }

    fn pairs_of(&self, context: &Context, merchant: MerchantId) -> Result<Vec<Pair>, String> {
        let nets = self.nets.iter().filter(|net| net.low == merchant || net.high == merchant);
        let mut pairs = nets.map(|net| self.pair(context, merchant, net)).collect::<Result<Vec<Pair>, _>>()?;
        pairs.sort_by_key(|pair| pair.counterparty.id);
        let netted: BTreeSet<MerchantId> = pairs.iter().map(|pair| pair.counterparty.id).collect();
        let others = self.pairs.iter().filter_map(|gross| match (gross.debtor, gross.creditor) {
            (debtor, creditor) if debtor == merchant => Some(creditor),
            (debtor, creditor) if creditor == merchant => Some(debtor),
            _ => None,
        });
        match others.into_iter().find(|other| !netted.contains(other)) {
            Some(other) => Err(format!("merchants {merchant} and {other} owe each other and have no net")),
            None => Ok(pairs),
        }
    }

    fn pair(&self, context: &Context, merchant: MerchantId, net: &NetAnswer) -> Result<Pair, String> {
        // The ledger counts what the lower id owes the higher.
        let (other, sign) = if net.low == merchant { (net.high, -1) } else { (net.low, 1) };
        let receivable = self.kinds(other, merchant)?;
        let payable = self.kinds(merchant, other)?;
        let kinds: BTreeSet<&String> = receivable.keys().chain(payable.keys()).collect();
        let of = |side: &BTreeMap<String, Obligation>, kind| side.get(kind).copied().unwrap_or_default();
        let gross = kinds.into_iter().map(|kind| Gross {
            kind: kind.clone(),
            receivable: of(&receivable, kind),
            payable: of(&payable, kind),
        });
        let turned = |amount: Obligation| bounded(amount).map(|amount| Obligation(amount * sign));
        let pair = Pair {
            counterparty: context.party(other),
            opening: turned(net.opening)?,
            gross: gross.filter(|gross| gross.receivable.0 != 0 || gross.payable.0 != 0).collect(),
            net: turned(net.net)?,
            net_fen: if sign < 0 { net.net_fen.checked_neg().ok_or("a net is out of range")? } else { net.net_fen },
            closing: turned(net.closing)?,
        };
        let owed = pair.opening.0 + pair.receivable().0 - pair.payable().0;
        if owed != pair.net.0 || pair.settled().0 + pair.closing.0 != pair.net.0 {
            return Err(format!("what merchants {merchant} and {other} owe each other does not add up to their net"));
        }
        Ok(pair)
    }

    /// What one merchant came to owe another, by kind.
    fn kinds(&self, debtor: MerchantId, creditor: MerchantId) -> Result<BTreeMap<String, Obligation>, String> {
        let found = self.pairs.iter().find(|pair| pair.debtor == debtor && pair.creditor == creditor);
        let Some(pair) = found else { return Ok(BTreeMap::new()) };
        let is_plain =
            |kind: &str| !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if let Some(odd) = pair.kinds.keys().find(|kind| !is_plain(kind)) {
            return Err(format!("`{odd}` is no name of a kind of obligation"));
        }
        let amounts = pair.kinds.values().map(|amount| bounded(*amount)).collect::<Result<Vec<i128>, _>>()?;
        if amounts.iter().sum::<i128>() != pair.total.0 {
            return Err(format!("what merchant {debtor} owes {creditor} by kind is not {} in all", pair.total));
        }
        Ok(pair.kinds.clone())
    }
}

impl LegAnswer {
    fn seen_by(&self, context: &Context, merchant: MerchantId) -> Option<Leg> {
        let (side, other) = match merchant {
            id if id == self.payer => (Side::Payer, self.payee),
            id if id == self.payee => (Side::Payee, self.payer),
            _ => return None,
        };
        let (number, due_ms) = (self.leg, self.due_ms);
        Some(Leg { number, side, counterparty: context.party(other), amount_fen: self.amount_fen, due_ms })
    }
}

/// Far above what the ledger lets a pair owe (10^21), and so far below what an `i128` holds that no sum of such amounts
/// overflows.
const MOST: i128 = 1_000_000_000_000_000_000_000_000_000_000;

fn bounded(amount: Obligation) -> Result<i128, String> {
    if (-MOST..=MOST).contains(&amount.0) {
        Ok(amount.0)
    } else {
        Err(format!("{amount} is no amount of a settlement"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answer, empty, full, read};
    use super::*;

    #[test]
    fn amounts_are_turned_to_the_merchants_side() {
        let (payer, payee) = (full(), read(answer(), 1).unwrap());
        assert_eq!((payer.position_fen(), payee.position_fen()), (-1892, 814));
        let (ours, theirs) = (&payer.pairs[0], &payee.pairs[0]);
        assert_eq!((ours.counterparty.id, theirs.counterparty.id), (MerchantId(1), MerchantId(2)));
        assert_eq!((ours.opening, ours.net_fen, ours.closing), (Obligation(-250_000), -1114, Obligation(-249_999)));
        assert_eq!((theirs.opening, theirs.net_fen, theirs.closing), (Obligation(250_000), 1114, Obligation(249_999)));
        let kinds = |pair: &Pair| pair.gross.iter().map(|gross| gross.kind.clone()).collect::<Vec<_>>();
        assert_eq!(kinds(ours), ["adjustment", "exchange", "redemption"], "any kind is taken, as it comes");
        assert_eq!(payer.legs_as(Side::Payer).count(), 2);
        assert_eq!(payee.legs_as(Side::Payee).map(|leg| leg.counterparty.id).collect::<Vec<_>>(), [MerchantId(2)]);
    }

    #[test]
    fn a_merchant_without_a_name_or_a_part_in_it_has_a_statement_too() {
        let statement = read(answer(), 4).unwrap();
        assert_eq!((statement.merchant.name.as_str(), statement.legs.len()), ("merchant 4", 0));
        assert_eq!(read(answer(), 9).unwrap().pairs, []);
        assert_eq!(empty().pairs, []);
    }

    #[test]
    fn what_changes_after_the_close_changes_nothing() {
        let mut later = answer();
        later["height"] = 9_000.into();
        later["legs"][0]["state"] = serde_json::json!({ "confirmed": { "height": 120 } });
        later["pairs"][0]["import"] = "0".into();
        assert_eq!(read(later.clone(), 2).unwrap(), full());
        let answer: Answer = serde_json::from_value(later).unwrap();
        assert_eq!(answer.confirmed(MerchantId(2)), [0]);
        assert!(answer.confirmed(MerchantId(1)).is_empty(), "it pays no leg");
    }

    #[test]
    fn an_answer_that_does_not_add_up_is_refused() {
        for (pointer, value) in [
            ("/pairs/2/redemption", "1"),
            ("/pairs/2/total", "1"),
            ("/nets/0/opening", "1"),
            ("/nets/0/net", "1"),
            ("/nets/0/closing", "1"),
            ("/nets/0/net", "170141183460469231731687303715884105727"),
            ("/nets/0/opening", "-170141183460469231731687303715884105728"),
            ("/legs/0/amount_fen", "1079"),
            ("/legs/0/amount_fen", "18446744073709551615"),
        ] {
            let mut bad = answer();
            *bad.pointer_mut(pointer).unwrap() = value.into();
            assert!(read(bad, 2).is_err(), "{pointer} {value}");
        }
        for (pointer, value) in [("/nets/0/net_fen", 1_i64), ("/nets/0/net_fen", i64::MIN), ("/positions/1/net_fen", 0)]
        {
            let mut bad = answer();
            *bad.pointer_mut(pointer).unwrap() = value.into();
            assert!(read(bad, 2).is_err(), "{pointer} {value}");
        }
        let mut lost = answer();
        lost["nets"].as_array_mut().unwrap().remove(3);
        assert!(read(lost, 2).unwrap_err().contains("have no net"));
        let mut odd = answer();
        odd["pairs"][0]["bad kind"] = "0".into();
        assert!(read(odd, 2).unwrap_err().contains("no name of a kind"));
        let mut text = answer();
        text["pairs"][0]["note"] = "paid".into();
        assert!(read(text, 2).is_err());
    }
}
