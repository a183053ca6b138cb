//! A partner's points that become points of a class.

use tally_contracts::types::{ClassId, Month, Obligation, Points};

use super::super::account::Account;
use super::super::amount::Cny;
use super::super::books::{Act, Books};
use super::super::entries::{Kind, Subject};
use super::super::liability::Row;

impl Books {
    /// The issuer takes on a contract liability of what the partner owes it; to the partner it is an expense.
    pub(in super::super) fn imported(
        &mut self,
        act: &Act,
        class: ClassId,
        (points, expires): (Points, Month),
        obligation: Obligation,
    ) -> anyhow::Result<()> {
        let amount = Cny::from(obligation);
        if self.is_ours(class) {
            self.liability.add((act.at.month, class, expires), Row::Imported, points.0, amount);
            let postings = [(Account::Receivable(act.merchant), amount), (Account::ContractLiability(class), -amount)];
            self.post(act.at, Kind::Import, Subject::With(class, act.merchant), &postings);
        } else if let Some(issuer) = self.issuer(class).filter(|_| act.merchant == self.merchant) {
            let postings = [(Account::Imported(issuer), amount), (Account::Payable(issuer), -amount)];
            self.post(act.at, Kind::ImportGiven, Subject::With(class, issuer), &postings);
        }
        Ok(())
    }
}
