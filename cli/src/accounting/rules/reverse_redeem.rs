//! A sale paid with points is undone: what it booked is booked back, by its own lots and their own amounts.

use anyhow::Context as _;
use tally_contracts::points::ReverseRedeem;
use tally_contracts::types::{ClassId, DAY_MS, Fen, Obligation};

use super::super::amount::Cny;
use super::super::books::{Act, Books};
use super::super::liability::Row;
use super::redeem::Sale;

/// How long a lot that comes back after it lapsed can be spent at least (docs/rules.md, section 2).
const MIN_REVIVED_MS: u64 = 30 * DAY_MS;

impl Books {
    /// Points come back by falling expiry, each with the amount it took with it, into the month that the ledger gives them.
    pub(in super::super) fn redemption_reversed(
        &mut self,
        act: &Act,
        reversal: &ReverseRedeem,
        (class, cash_off_fen, obligation): (ClassId, Fen, Obligation),
    ) -> anyhow::Result<()> {
        // The receipt's obligation is what the issuer owes more: negative.
        let sale = Sale { class, points: reversal.points.0, cash_off_fen, obligation: -Cny::from(obligation) };
        if !self.is_ours(class) {
            self.honoured(act, &sale, -1);
            return Ok(());
        }
        let key = (act.merchant, reversal.original);
        let sold = self.sales.get_mut(&key).with_context(|| format!("class {class}: the sale undone is not known"))?;
        let revived = self.calendar.month(act.at.time_ms + MIN_REVIVED_MS - 1);
        let (mut wanted, mut carrying) = (sale.points, Cny::ZERO);
        while wanted > 0 {
            let lot = sold.last_mut().with_context(|| format!("class {class}: more comes back than was spent"))?;
            let points = lot.points.min(wanted);
            let amount = lot.amount.share(points, lot.points);
            let expires = if lot.expires < act.at.month { revived } else { lot.expires };
            self.liability.add((act.at.month, class, expires), Row::RedemptionsReversed, points, amount);
            (lot.points, lot.amount) = (lot.points - points, lot.amount - amount);
            if lot.points == 0 {
                sold.pop();
            }
            (wanted, carrying) = (wanted - points, carrying + amount);
        }
        self.book_sale(act, &sale, carrying, -1);
        Ok(())
    }
}
