//! Settlement: receivables and payables of a pair are netted when the cycle closes, whole fen go into the legs, and a leg is
//! cleared when it counts as paid.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use tally_contracts::encoding;
use tally_contracts::settlement::{Leg, PairNet};
use tally_contracts::state::{Key as _, WriteSet, tag};
use tally_contracts::types::{MerchantId, Month, Obligation};

use super::super::account::Account;
use super::super::amount::Cny;
use super::super::books::{At, Books};
use super::super::entries::{Kind, Subject};
use super::super::moves::rows;

impl Books {
    /// Closes a cycle.
    ///
    /// # Errors
    /// A pair's net is not what the ledger says: it holds a kind of debt that these rules do not know.
    pub(in super::super) fn closed(&mut self, at: At, cycle: Month, writes: &WriteSet) -> anyhow::Result<()> {
        let nets = self.nets(cycle, writes);
        for other in self.counterparties().into_iter().chain(nets.keys().copied()).collect::<BTreeSet<_>>() {
            let (receivable, payable) = (Account::Receivable(other), Account::Payable(other));
            let (owed, owing) = (self.entries.balance(receivable), -self.entries.balance(payable));
            let net = owed - owing;
            let stated = nets.get(&other).copied().unwrap_or_default();
            ensure!(
                net == stated,
                "cycle {cycle}: merchant {other} owes {} on these books, on the ledger {}: it holds a kind of debt that \
                 this version does not know",
                net.exact(),
                stated.exact()
            );
            if (owed, owing) == (Cny::ZERO, Cny::ZERO) {
                continue;
            }
            let rest = net.below_fen();
            let (stays_owed, stays_owing) = (rest.max(Cny::ZERO), (-rest).max(Cny::ZERO));
            let postings =
                [(receivable, stays_owed - owed), (payable, owing - stays_owing), (Account::Settlement, net - rest)];
            self.post(at, Kind::Close, Subject::Merchant(other), &postings);
        }
        for (number, leg) in legs(cycle, writes) {
            let amount = Cny::of_fen(leg.amount_fen);
            let taken = match (leg.payee == self.merchant, leg.payer == self.merchant) {
                (true, _) => [(Account::LegsFrom(leg.payer), amount), (Account::Settlement, -amount)],
                (_, true) => [(Account::Settlement, amount), (Account::LegsTo(leg.payee), -amount)],
                _ => continue,
            };
            self.post(at, Kind::Leg, Subject::Leg(cycle, number), &taken);
            self.legs.insert((cycle, number), leg);
        }
        self.open_cycle.close();
        let open = self.entries.balance(Account::Settlement);
        ensure!(open == Cny::ZERO, "cycle {cycle}: the legs leave {} of the position", open.exact());
        Ok(())
    }

    /// A leg counts as paid: by the bank, or for its payer out of what it had posted.
    pub(in super::super) fn paid(&mut self, at: At, (cycle, number): (Month, u16), from: Account) {
        let Some(leg) = self.legs.remove(&(cycle, number)) else { return };
        let amount = Cny::of_fen(leg.amount_fen);
        let postings = if leg.payee == self.merchant {
            [(Account::Bank, amount), (Account::LegsFrom(leg.payer), -amount)]
        } else {
            [(Account::LegsTo(leg.payee), amount), (from, -amount)]
        };
        self.post(at, Kind::Paid, Subject::Leg(cycle, number), &postings);
    }

    /// With whom anything is open.
    fn counterparties(&self) -> BTreeSet<MerchantId> {
        let of = |account: &Account| match account {
            Account::Receivable(id) | Account::Payable(id) => Some(*id),
            _ => None,
        };
        self.entries.balances().keys().filter_map(of).collect()
    }

    /// What the ledger says that others owe us net for a cycle.
    fn nets(&self, cycle: Month, writes: &WriteSet) -> BTreeMap<MerchantId, Cny> {
        let mut nets = BTreeMap::new();
        for (mut key, value) in rows(writes, tag::pair_nets) {
            let (of, low, high) = <(Month, MerchantId, MerchantId)>::take(&mut key);
            let Some(value) = value.filter(|_| of == cycle) else { continue };
            let pair: PairNet = encoding::decode_own(value);
            let net = Cny::from(Obligation(pair.net.0));
            if low == self.merchant {
                nets.insert(high, -net);
            } else if high == self.merchant {
                nets.insert(low, net);
            }
        }
        nets
    }
}

/// The legs of a cycle that was closed in this block.
fn legs(cycle: Month, writes: &WriteSet) -> Vec<(u16, Leg)> {
    let of_cycle = |(mut key, value): (&[u8], Option<&[u8]>)| {
        let (of, number) = <(Month, u16)>::take(&mut key);
        value.filter(|_| of == cycle).map(|value| (number, encoding::decode_own(value)))
    };
    rows(writes, tag::legs).filter_map(of_cycle).collect()
}
