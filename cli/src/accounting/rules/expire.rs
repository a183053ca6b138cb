//! Points that nobody spent in time: what is left of their contract liability is revenue. What was expected to expire was
//! never deferred, so this is the true-up of the estimate.

use tally_contracts::points::Lot;
use tally_contracts::types::{ClassId, Points};

use super::super::account::Account;
use super::super::books::{At, Books};
use super::super::entries::{Kind, Subject};
use super::super::liability::Row;

impl Books {
    /// Lots of a class that expired.
    pub(in super::super) fn expired(&mut self, at: At, class: ClassId, lots: &[Lot]) -> anyhow::Result<()> {
        if !self.is_ours(class) || lots.iter().all(|lot| lot.points == Points(0)) {
            return Ok(());
        }
        let amount = self.take(at, Row::Expired, class, lots)?;
        let postings = [(Account::ContractLiability(class), amount), (Account::Breakage(class), -amount)];
        self.post(at, Kind::Expiry, Subject::Class(class), &postings);
        Ok(())
    }
}
