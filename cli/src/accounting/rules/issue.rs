//! Points for a purchase: a part of its price is deferred until they are spent; and the refund of a purchase.

use tally_contracts::points::{Issue, Lot, Reason};
use tally_contracts::types::{ClassId, Fen, Month, Points, Rate};

use super::super::account::Account;
use super::super::amount::{Cny, deferred};
use super::super::books::{Act, At, Books};
use super::super::entries::{Kind, Subject};
use super::super::liability::Row;
use super::super::moves::Moves;

impl Books {
    /// Defers what of the price goes to the points. What repays owed points is not kept by the member, so its part is not
    /// deferred.
    pub(in super::super) fn issued(
        &mut self,
        at: At,
        issue: &Issue,
        (points, repaid): (Points, Points),
        expires: Month,
    ) -> anyhow::Result<()> {
        if points == Points(0) || !self.is_ours(issue.class) {
            return Ok(());
        }
        let price = Cny::of_fen(issue.amount().unwrap_or(Fen(0)));
        let estimate = self.breakage(issue.class, at.month);
        let expected = Rate::from_millionths(Rate::ONE - estimate.millionths());
        let value = Cny::from(self.classes[&issue.class].terms.value(points)).part(expected);
        let amount = deferred(price, value);
        self.liability.add((at.month, issue.class, expires), Row::Issued, points.0, amount);
        let accounts = (Account::Deferral(issue.class), Account::ContractLiability(issue.class));
        self.post(at, Kind::Issue, Subject::Class(issue.class), &[(accounts.0, amount), (accounts.1, -amount)]);
        self.taken_back(at, issue.class, &[Lot { expires, points: repaid }])
    }

    /// Gives back what was deferred for points that a refund claws back. What the member no longer has is no asset: it is
    /// booked when it is repaid.
    pub(in super::super) fn issue_reversed(&mut self, act: &Act, class: ClassId, moves: &Moves) -> anyhow::Result<()> {
        if !self.is_ours(class) {
            return Ok(());
        }
        self.taken_back(act.at, class, &moves.lots(act.index, class, Reason::IssueReversed))
    }

    fn taken_back(&mut self, at: At, class: ClassId, lots: &[Lot]) -> anyhow::Result<()> {
        if lots.iter().all(|lot| lot.points == Points(0)) {
            return Ok(());
        }
        let amount = self.take(at, Row::IssuesReversed, class, lots)?;
        let accounts = (Account::ContractLiability(class), Account::Deferral(class));
        self.post(at, Kind::IssueReversal, Subject::Class(class), &[(accounts.0, amount), (accounts.1, -amount)]);
        Ok(())
    }
}
