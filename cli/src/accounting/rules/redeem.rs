//! Points spent for cash off: with us or with a third party, ours or another's.

use tally_contracts::points::{Lot, Reason, Redeem};
use tally_contracts::types::{ClassId, Fen, Month, Obligation};

use super::super::account::Account;
use super::super::amount::Cny;
use super::super::books::{Act, Books};
use super::super::entries::{Kind, Subject};
use super::super::liability::Row;
use super::super::moves::Moves;
use super::super::supplies::{Supplied, Supply};

/// Points of a lot that stay spent, with what their contract liability was.
#[derive(Clone, Copy, Debug)]
pub struct SoldLot {
    /// The last month in which they could be spent.
    pub expires: Month,
    /// In minor units.
    pub points: u64,
    /// The carrying amount that they took with them.
    pub amount: Cny,
}

/// Points spent in a sale.
#[derive(Clone, Copy, Debug)]
pub struct Sale {
    /// Which.
    pub class: ClassId,
    /// How many, in minor units.
    pub points: u64,
    /// What the customer was given off, in fen.
    pub cash_off_fen: Fen,
    /// What the issuer owes the acceptor; zero at the issuer's own till.
    pub obligation: Cny,
}

impl Books {
    /// A redemption: of ours, or with us.
    pub(in super::super) fn redeemed(
        &mut self,
        act: &Act,
        redeem: &Redeem,
        (cash_off_fen, obligation): (Fen, Obligation),
        moves: &Moves,
    ) -> anyhow::Result<()> {
        let sale = Sale { class: redeem.class, points: redeem.points.0, cash_off_fen, obligation: obligation.into() };
        if self.is_ours(sale.class) {
            self.spent(act, &sale, &moves.lots(act.index, sale.class, Reason::Redeemed))
        } else {
            self.honoured(act, &sale, 1);
            Ok(())
        }
    }

    /// Our points were spent: the contract liability ends, into revenue or into what the third party is owed.
    pub(super) fn spent(&mut self, act: &Act, sale: &Sale, lots: &[Lot]) -> anyhow::Result<()> {
        let mut sold = Vec::new();
        for lot in lots {
            let amount = self.take(act.at, Row::Redeemed, sale.class, std::slice::from_ref(lot))?;
            sold.push(SoldLot { expires: lot.expires, points: lot.points.0, amount });
        }
        let carrying: Cny = sold.iter().map(|lot| lot.amount).sum();
        self.sales.insert((act.merchant, act.reference), sold);
        self.book_sale(act, sale, carrying, 1);
        Ok(())
    }

    /// Books a sale of our points whose contract liability was `carrying`, or where `sign` is -1 that it was undone.
    pub(super) fn book_sale(&mut self, act: &Act, sale: &Sale, carrying: Cny, sign: i128) {
        let Sale { class, points, cash_off_fen, obligation } = *sale;
        let liability = Account::ContractLiability(class);
        let (acceptor, times) = (act.merchant, |amount: Cny| Cny(sign * amount.0));
        let supplied = |amount| Supplied { points: points.into(), cash_off_fen: cash_off_fen.0.into(), amount };
        if acceptor == self.merchant {
            let kind = if sign > 0 { Kind::OwnRedemption } else { Kind::OwnReversal };
            let postings = [(liability, times(carrying)), (Account::OwnGoods(class), times(-carrying))];
            self.post(act.at, kind, Subject::Class(class), &postings);
            self.supply(act.at, (Supply::OwnGoods, class, acceptor), sign, &supplied(carrying));
        } else {
            let kind = if sign > 0 { Kind::Redemption } else { Kind::Reversal };
            let postings = [
                (liability, times(carrying)),
                (Account::Payable(acceptor), times(-obligation)),
                loyalty(class, obligation - carrying, sign),
            ];
            self.post(act.at, kind, Subject::With(class, acceptor), &postings);
            self.supply(act.at, (Supply::ThirdPartyBought, class, acceptor), sign, &supplied(obligation));
        }
    }

    /// Another's points were spent with us, or where `sign` is -1 that was undone.
    pub(super) fn honoured(&mut self, act: &Act, sale: &Sale, sign: i128) {
        let Sale { class, points, cash_off_fen, obligation } = *sale;
        let Some(issuer) = self.issuer(class).filter(|_| act.merchant == self.merchant) else { return };
        let kind = if sign > 0 { Kind::Honour } else { Kind::HonourReversal };
        let amount = Cny(sign * obligation.0);
        let postings = [(Account::Receivable(issuer), amount), (Account::Honoured(issuer), -amount)];
        self.post(act.at, kind, Subject::With(class, issuer), &postings);
        let supplied = Supplied { points: points.into(), cash_off_fen: cash_off_fen.0.into(), amount: obligation };
        self.supply(act.at, (Supply::ThirdPartyHonoured, class, issuer), sign, &supplied);
    }
}

/// What others are owed for points beyond their contract liability: an expense, or where it is less, revenue.
pub(super) fn loyalty(class: ClassId, beyond: Cny, sign: i128) -> (Account, Cny) {
    let account = if beyond >= Cny::ZERO { Account::Loyalty(class) } else { Account::LoyaltyGain(class) };
    (account, Cny(sign * beyond.0))
}
