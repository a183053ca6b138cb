//! Points that become points of another class, by exchange or split: for the issuer of either.

use tally_contracts::points::{Lot, Reason};
use tally_contracts::types::{ClassId, Obligation};

use super::super::account::Account;
use super::super::amount::Cny;
use super::super::books::{Act, At, Books};
use super::super::entries::{Kind, Subject};
use super::super::liability::Row;
use super::super::moves::Moves;
use super::redeem::loyalty;

impl Books {
    /// An exchange or a split.
    pub(in super::super) fn exchanged(
        &mut self,
        act: &Act,
        (from, to): (ClassId, ClassId),
        (obligation, pool_obligation): (Obligation, Obligation),
        moves: &Moves,
    ) -> anyhow::Result<()> {
        let given = lots(act, from, moves, [Reason::ExchangedOut, Reason::SplitOut]);
        let received = lots(act, to, moves, [Reason::ExchangedIn, Reason::SplitIn]);
        self.change_class(act.at, (from, to), (obligation.into(), pool_obligation.into()), (&given, &received))
    }

    /// The source's issuer ends its contract liability and owes the target's, and the pool; the target's takes on one of
    /// what it is owed. Where both are one, the carrying amount goes over as it is, and what the pool is owed is an expense.
    pub(super) fn change_class(
        &mut self,
        at: At,
        (from, to): (ClassId, ClassId),
        (obligation, pool_obligation): (Cny, Cny),
        (given, received): (&[Lot], &[Lot]),
    ) -> anyhow::Result<()> {
        let (is_source, is_target) = (self.is_ours(from), self.is_ours(to));
        let subject = Subject::Classes(from, to);
        let mut carrying = obligation;
        if is_source {
            carrying = self.take(at, Row::ExchangedOut, from, given)?;
        }
        if is_target {
            // What the target's issuer takes on: what it is owed, or what it carried itself.
            self.add(at, Row::ExchangedIn, to, (received, carrying));
        }
        let (source, target) = (Account::ContractLiability(from), Account::ContractLiability(to));
        let pool = (Account::Pool, -pool_obligation);
        match (is_source, is_target) {
            (true, true) => {
                let spread = (Account::Loyalty(from), pool_obligation);
                self.post(at, Kind::Conversion, subject, &[(source, carrying), (target, -carrying), spread, pool]);
            }
            (true, false) => {
                let Some(issuer) = self.issuer(to) else { return Ok(()) };
                let beyond = loyalty(from, obligation + pool_obligation - carrying, 1);
                let payable = (Account::Payable(issuer), -obligation);
                self.post(at, Kind::ExchangeOut, subject, &[(source, carrying), payable, pool, beyond]);
            }
            (false, true) => {
                let Some(issuer) = self.issuer(from) else { return Ok(()) };
                let postings = [(Account::Receivable(issuer), obligation), (target, -obligation)];
                self.post(at, Kind::ExchangeIn, subject, &postings);
            }
            (false, false) => {}
        }
        Ok(())
    }
}

fn lots(act: &Act, class: ClassId, moves: &Moves, reasons: [Reason; 2]) -> Vec<Lot> {
    reasons.into_iter().flat_map(|reason| moves.lots(act.index, class, reason)).collect()
}
