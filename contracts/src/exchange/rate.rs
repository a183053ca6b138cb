//! The arithmetic of an exchange. Rates come only from anchors and a spread >= 0 and every division floors, so no chain of
//! exchanges returns more than went in (docs/rules.md, 3).

use crate::points::{Lot, PointClass};
use crate::types::{Obligation, Points, Rate};

/// What points of one class become in another, and who owes what for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// Points received.
    pub points_out: Points,
    /// What the source's issuer owes the target's: `out x received_B`, exact.
    pub obligation: Obligation,
    /// What the source's issuer owes the alliance pool: the rest of `in x anchor_A`, spread, floor and guard together.
    pub pool_obligation: Obligation,
}

/// `out = floor(in x given_A x (1 - spread) x 10^dB / (received_B x 10^dA))`, or `None` past what fits; given and received
/// are the guarded anchors of [`PointClass`].
///
/// `spread` lies in [0, 1); both anchors are greater than zero.
#[must_use]
pub fn convert(points_in: Points, source: &PointClass, target: &PointClass, spread: Rate) -> Option<Conversion> {
    let received = target.received_anchor();
    let kept = u128::from(Rate::ONE.checked_sub(spread.millionths())?);
    let numerator = u128::from(points_in.0)
        .checked_mul(u128::from(source.given_anchor().millionths()))?
        .checked_mul(kept)?
        .checked_mul(u128::from(target.terms.scale()))?;
    let denominator = u128::from(received.millionths())
        .checked_mul(u128::from(source.terms.scale()))?
        .checked_mul(u128::from(Rate::ONE))?;
    let points_out = Points(u64::try_from(numerator.checked_div(denominator)?).ok()?);
    let obligation = target.terms.value_at(points_out, received);
    let pool_obligation = Obligation(source.terms.value(points_in).0 - obligation.0);
    Some(Conversion { points_out, obligation, pool_obligation })
}

/// Spreads `points_out` over the expiry months of the lots given up, in their proportion: floors first, then one point
/// each by largest remainder, ties to the earlier expiry. Nothing is renewed by going round.
#[must_use]
pub fn split_lots(given: &[Lot], points_out: Points) -> Vec<Lot> {
    let total: u128 = given.iter().map(|lot| u128::from(lot.points.0)).sum();
    let share = |lot: &Lot| u128::from(points_out.0) * u128::from(lot.points.0);
    let floor = |lot: &Lot| u64::try_from(share(lot) / total).expect("a share is at most the whole");
    let mut received: Vec<Lot> =
        given.iter().map(|lot| Lot { expires: lot.expires, points: Points(floor(lot)) }).collect();
    let mut left = points_out.0 - received.iter().map(|lot| lot.points.0).sum::<u64>();
    let mut by_remainder: Vec<usize> = (0..given.len()).collect();
    by_remainder.sort_by_key(|&i| (std::cmp::Reverse(share(&given[i]) % total), given[i].expires));
    for i in by_remainder {
        if left == 0 {
            break;
        }
        received[i].points.0 += 1;
        left -= 1;
    }
    received.retain(|lot| lot.points > Points(0));
    received
}
