//! What we and others came to owe each other since the last close, by what it is for: each block that changes it on the
//! ledger is held against it, so that what a close nets is known by kind.

use std::collections::BTreeMap;

use anyhow::ensure;
use tally_contracts::encoding;
use tally_contracts::settlement::Gross;
use tally_contracts::state::{Key as _, WriteSet, tag};
use tally_contracts::types::{MerchantId, Month, Obligation};

use super::account::Account;
use super::amount::Cny;
use super::entries::Kind;
use super::moves::rows;

/// By debtor and creditor, one of which we are.
#[derive(Clone, Debug, Default)]
pub struct OpenCycle(BTreeMap<(MerchantId, MerchantId), Gross>);

impl OpenCycle {
    /// Notes a posting of ours, if it makes anyone owe anything.
    pub fn note(&mut self, us: MerchantId, kind: Kind, (account, amount): &(Account, Cny)) {
        let (pair, amount) = match account {
            Account::Receivable(other) => ((*other, us), amount.0),
            Account::Payable(other) => ((us, *other), -amount.0),
            _ => return,
        };
        if let Some(gross) = gross(kind, Obligation(amount)) {
            let sum = self.0.entry(pair).or_default();
            *sum = sum.plus(&gross);
        }
    }

    /// A cycle was closed: the next one begins with nothing.
    pub fn close(&mut self) {
        self.0.clear();
    }

    /// Compares the pairs that a block changed with the ledger, kind by kind.
    ///
    /// # Errors
    /// A pair differs: the rules do not know what was booked.
    pub fn tie(&self, us: MerchantId, writes: &WriteSet) -> anyhow::Result<()> {
        for (mut key, value) in rows(writes, tag::gross) {
            let (cycle, debtor, creditor) = <(Month, MerchantId, MerchantId)>::take(&mut key);
            let Some(value) = value.filter(|_| debtor == us || creditor == us) else { continue };
            let ours = self.0.get(&(debtor, creditor)).copied().unwrap_or_default();
            let theirs: Gross = encoding::decode_own(value);
            ensure!(
                ours == theirs,
                "cycle {cycle}: merchant {debtor} came to owe merchant {creditor} {ours:?}, on the ledger {theirs:?}"
            );
        }
        Ok(())
    }
}

/// What a kind of entry makes others owe, as the ledger has it; none where it settles what is owed.
fn gross(kind: Kind, amount: Obligation) -> Option<Gross> {
    let none = Gross::default();
    match kind {
        Kind::Redemption | Kind::Reversal | Kind::Honour | Kind::HonourReversal => {
            Some(Gross { redemption: amount, ..none })
        }
        Kind::ExchangeOut | Kind::ExchangeIn => Some(Gross { exchange: amount, ..none }),
        Kind::Import | Kind::ImportGiven => Some(Gross { import: amount, ..none }),
        Kind::AdjustmentGain | Kind::AdjustmentLoss => Some(Gross { adjustment: amount, ..none }),
        Kind::BuyOut | Kind::PayOut => Some(Gross { buy_out: amount, ..none }),
        Kind::Distribution => Some(Gross { distribution: amount, ..none }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tally_contracts::state::Writes;

    use super::*;

    #[test]
    fn a_pair_that_differs_in_one_kind_is_named() {
        let (us, other) = (MerchantId(1), MerchantId(2));
        let mut open = OpenCycle::default();
        open.note(us, Kind::Distribution, &(Account::Payable(other), Cny(-5)));
        open.note(us, Kind::Redemption, &(Account::Payable(other), Cny(-7)));
        open.note(us, Kind::Close, &(Account::Payable(other), Cny(12)));
        let tied = |gross: Gross| {
            let mut writes = Writes::default();
            let put_key = |bytes: &mut Vec<u8>| {
                bytes.push(tag::gross);
                (Month(564), us, other).put(bytes);
            };
            writes.put(put_key, Some(&gross));
            open.tie(us, &WriteSet::new(&writes))
        };
        let right = Gross { redemption: Obligation(7), distribution: Obligation(5), ..Gross::default() };
        assert!(tied(right).is_ok());
        let wrong = Gross { redemption: Obligation(5), distribution: Obligation(7), ..right };
        assert!(tied(wrong).unwrap_err().to_string().contains("merchant 1 came to owe merchant 2"));
    }
}
