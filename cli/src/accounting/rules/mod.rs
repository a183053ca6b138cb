//! The rules: what each kind of act is booked as (docs/accounting.md). Each is a part of [`Books`](super::books::Books).

mod issue;
mod levy;
mod redeem;
mod hold;
mod reverse_redeem;
mod expire;
mod exchange;
mod buy_out;
mod import;
mod dispute;
mod settle;
mod distribute;

pub use redeem::SoldLot;

use tally_contracts::points::Lot;
use tally_contracts::types::Points;

/// The first points of lots by rising expiry, and the rest.
///
/// # Panics
/// When the lots hold fewer.
fn split_first(lots: &[Lot], points: Points) -> (Vec<Lot>, Vec<Lot>) {
    let (mut first, mut rest, mut wanted) = (Vec::new(), Vec::new(), points.0);
    for lot in lots {
        let part = lot.points.0.min(wanted);
        wanted -= part;
        if part > 0 {
            first.push(Lot { points: Points(part), ..*lot });
        }
        if part < lot.points.0 {
            rest.push(Lot { points: Points(lot.points.0 - part), ..*lot });
        }
    }
    assert_eq!(wanted, 0, "no more is split off than there is");
    (first, rest)
}
