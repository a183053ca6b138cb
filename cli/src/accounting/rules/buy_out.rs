//! A merchant has left and its classes are closed: their points are paid for, or become points of another class.

use anyhow::Context as _;
use tally_contracts::points::BoughtOut;
use tally_contracts::types::ClassId;

use super::super::account::Account;
use super::super::amount::Cny;
use super::super::books::{At, Books};
use super::super::entries::{Kind, Subject};
use super::super::liability::Row;
use super::super::moves::Moves;
use super::redeem::loyalty;

impl Books {
    /// The issuer ends its contract liability and owes the custodians, who owe their members as much. Where the points
    /// become points of another class it is an exchange.
    pub(in super::super) fn bought_out(&mut self, at: At, bought: &BoughtOut, moves: &mut Moves) -> anyhow::Result<()> {
        let class = bought.class;
        let issuer = self.issuer(class).with_context(|| format!("class {class} is not known"))?;
        if let Some(into) = bought.into {
            return self.exchanged_for(at, (class, into), bought, moves);
        }
        if issuer == self.merchant {
            let lots = moves.take_bought_out(class, bought.points)?;
            let carrying = self.take(at, Row::BoughtOut, class, &lots)?;
            let owed = owed(bought);
            let mut postings = vec![(Account::ContractLiability(class), carrying), loyalty(class, owed - carrying, 1)];
            postings.extend(bought.debts.iter().map(|debt| (Account::Payable(debt.creditor), -Cny::from(debt.amount))));
            self.post(at, Kind::BuyOut, Subject::Class(class), &postings);
            return Ok(());
        }
        if let Some(debt) = bought.debts.iter().find(|debt| debt.creditor == self.merchant) {
            let amount = Cny::from(debt.amount);
            let postings = [(Account::Receivable(issuer), amount), (Account::Members(issuer), -amount)];
            self.post(at, Kind::PayOut, Subject::With(class, issuer), &postings);
        }
        Ok(())
    }

    fn exchanged_for(
        &mut self,
        at: At,
        (from, to): (ClassId, ClassId),
        bought: &BoughtOut,
        moves: &mut Moves,
    ) -> anyhow::Result<()> {
        let (mut given, mut received) = (Vec::new(), Vec::new());
        if self.is_ours(from) {
            given = moves.take_bought_out(from, bought.points)?;
        }
        if self.is_ours(to) {
            received = moves.take_bought_out(to, bought.points_out)?;
        }
        self.change_class(at, (from, to), (owed(bought), bought.pool_obligation.into()), (&given, &received))
    }
}

fn owed(bought: &BoughtOut) -> Cny {
    bought.debts.iter().map(|debt| Cny::from(debt.amount)).sum()
}
