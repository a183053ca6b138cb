//! The pool is shared out: what issuers owed it they owe those that get more than they gave, and what merchants get is
//! income.

use anyhow::Context as _;
use tally_contracts::encoding;
use tally_contracts::pool::{Distributed, Distribution, PoolShare};
use tally_contracts::state::{Key as _, WriteSet, tag};
use tally_contracts::types::{Fen, Month};

use super::super::account::Account;
use super::super::amount::Cny;
use super::super::books::{At, Books};
use super::super::entries::{Kind, Subject};
use super::super::moves::rows;
use super::super::pool::PoolMonth;

impl Books {
    /// Books our side, at the end of the month that it is for. The debts are net: what of our claim was passed on is what we
    /// got, less what others came to owe us for it, and with what we came to owe.
    pub(in super::super) fn distributed(
        &mut self,
        at: At,
        done: &Distributed,
        writes: &WriteSet,
    ) -> anyhow::Result<()> {
        let record =
            record(done.month, writes).with_context(|| format!("{}: no distribution on record", done.month))?;
        let mut month = PoolMonth {
            due_to_all: record.shares.iter().map(|share| Cny::of_fen(share.rebate_due_fen)).sum(),
            reserved: Cny::of_fen(record.reserve_fen),
            ..PoolMonth::default()
        };
        if let Some(ours) = record.shares.iter().find(|share| share.merchant == self.merchant) {
            let PoolShare { share_fen, volume_fen, rebate_due_fen, rebate_paid_fen, .. } = ours;
            let cny = |fen: &Fen| Cny::of_fen(*fen);
            (month.share, month.rebate) = (cny(share_fen), cny(rebate_paid_fen));
            (month.volume, month.rebate_due) = (cny(volume_fen), cny(rebate_due_fen));
        }
        month.passed_on = month.share + month.rebate;
        let mut postings = vec![(Account::PoolShare, -month.share), (Account::Rebate, -month.rebate)];
        for debt in &done.debts {
            let amount = Cny::of_fen(debt.amount_fen);
            if debt.creditor == self.merchant {
                postings.push((Account::Receivable(debt.debtor), amount));
                month.passed_on -= amount;
            } else if debt.debtor == self.merchant {
                postings.push((Account::Payable(debt.creditor), -amount));
                month.passed_on += amount;
            }
        }
        postings.push((Account::Pool, month.passed_on));
        postings.retain(|(_, amount)| *amount != Cny::ZERO);
        if !postings.is_empty() {
            self.post(at, Kind::Distribution, Subject::Pool, &postings);
        }
        self.distributions.insert(done.month, month);
        Ok(())
    }
}

/// What a block put on record for a month.
fn record(month: Month, writes: &WriteSet) -> Option<Distribution> {
    let mut written = rows(writes, tag::distributions);
    let (_, value) = written.find(|(key, _)| Month::take(&mut &**key) == month)?;
    value.map(encoding::decode_own)
}
