//! The weight of a merchant's share, and the rebate on its volume: integers only, floored.

use super::Contribution;
use crate::genesis::{PoolParameters, RebateParameters};
use crate::types::{Fen, Obligation, Rate};

/// `min + (max - min) x (p x r + (1 - p) x h)`: `r` is the part of the referrals that converted over the part that counts in
/// full, at most 1; `h` what was honoured over the most that any merchant honoured; each 0 where there is none.
#[must_use]
pub fn weight(parameters: &PoolParameters, contribution: &Contribution, most_honoured: Obligation) -> Rate {
    let one = u128::from(Rate::ONE);
    let positive = |count: i64| u128::from(u64::try_from(count).unwrap_or(0));
    let (referrals, converted) = (positive(contribution.referrals), positive(contribution.converted));
    let in_full = referrals * u128::from(parameters.full_conversion.millionths());
    let referral = if referrals == 0 { 0 } else { (converted * one * one / in_full).min(one) };
    let honoured = ratio(contribution.honoured, most_honoured);
    let part = u128::from(parameters.referral_part.millionths());
    let score = (part * referral + (one - part) * honoured) / one;
    let range = u128::from(parameters.max_weight.millionths() - parameters.min_weight.millionths());
    let above = u64::try_from(range * score / one).expect("a score is at most one");
    Rate::from_millionths(parameters.min_weight.millionths() + above)
}

/// `part / whole` in millionths, between 0 and 1.
fn ratio(part: Obligation, whole: Obligation) -> u128 {
    let (part, whole) = (part.0.max(0).unsigned_abs(), whole.0.max(0).unsigned_abs());
    let one = u128::from(Rate::ONE);
    (part * one).checked_div(whole).map_or(0, |ratio| ratio.min(one))
}

/// The rebate on a quarter's volume: its tier's rate for all of it or, where that is marginal, each tier's rate for what lies
/// within the tier.
#[must_use]
pub fn rebate_fen(parameters: &RebateParameters, volume: Fen) -> Fen {
    let of = |fen: u64, rate: Rate| u128::from(fen) * u128::from(rate.millionths());
    let reached = parameters.tiers.iter().take_while(|tier| tier.from_fen <= volume);
    let scaled: u128 = if parameters.is_marginal {
        let ends = parameters.tiers.iter().skip(1).map(|next| next.from_fen.min(volume)).chain([volume]);
        reached.zip(ends).map(|(tier, end)| of(end.0 - tier.from_fen.0, tier.rate)).sum()
    } else {
        reached.last().map_or(0, |tier| of(volume.0, tier.rate))
    };
    Fen(u64::try_from(scaled / u128::from(Rate::ONE)).expect("a rebate is at most the volume"))
}
