//! Holds: nothing is booked until one is captured; what comes back after its time expires then.

use anyhow::Context as _;
use tally_contracts::points::{Capture, Lot, PlaceHold, Reason};
use tally_contracts::types::{ClassId, Fen, MerchantId, Obligation, Points, Reference};

use super::super::books::{Act, At, Books};
use super::super::moves::Moves;
use super::redeem::Sale;
use super::split_first;

impl Books {
    /// Remembers the lots that a hold sets aside; they stay in their pools.
    pub(in super::super) fn held(&mut self, act: &Act, hold: &PlaceHold, moves: &Moves) {
        if !self.is_ours(hold.class) {
            return;
        }
        let lots = moves.lots(act.index, hold.class, Reason::Held);
        for lot in &lots {
            self.liability.hold((act.at.month, hold.class, lot.expires), i128::from(lot.points.0));
        }
        self.holds.insert((act.merchant, act.reference), (hold.class, lots));
    }

    /// A capture is a sale of the first lots; the rest is released.
    pub(in super::super) fn captured(
        &mut self,
        act: &Act,
        capture: &Capture,
        (class, cash_off_fen, obligation): (ClassId, Fen, Obligation),
    ) -> anyhow::Result<()> {
        let sale = Sale { class, points: capture.points.0, cash_off_fen, obligation: obligation.into() };
        if self.is_ours(class) {
            let lots = self.released((act.merchant, capture.hold), act.at, capture.points)?;
            self.spent(act, &sale, &lots)
        } else {
            self.honoured(act, &sale, 1);
            Ok(())
        }
    }

    /// Ends a hold, of which so many points are spent; gives their lots. Of the rest, what has lapsed expires.
    pub(in super::super) fn released(
        &mut self,
        hold: (MerchantId, Reference),
        at: At,
        spent: Points,
    ) -> anyhow::Result<Vec<Lot>> {
        let Some((class, lots)) = self.holds.remove(&hold) else { return Ok(Vec::new()) };
        for lot in &lots {
            self.liability.hold((at.month, class, lot.expires), -i128::from(lot.points.0));
        }
        let (spent, rest) = split_first(&lots, spent);
        let lapsed: Vec<Lot> = rest.into_iter().filter(|lot| lot.expires < at.month).collect();
        self.expired(at, class, &lapsed).context("what a hold gave back")?;
        Ok(spent)
    }
}
