//! The terms of an exchange as they are now: the pair's own or the alliance's, and what of the day's limits is used.

use serde::Serialize;
use utoipa::ToSchema;

use crate::governance;
use crate::points::add_within;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, ClassId, Fen, Rate};

/// A pair of classes, given up and received.
type Pair = (ClassId, ClassId);

/// What holds for an ordered pair of classes on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TermsOfDay {
    /// Part of an exchange's value that goes to the alliance pool, exchange days considered.
    pub spread: Rate,
    /// The least value that is exchanged at once, in fen.
    pub min_lot_fen: Fen,
    /// The most value that the pair takes in a day, over all members, in fen.
    pub pair_daily_limit_fen: Fen,
    /// The most value that a member gives up in a day, over all pairs, in fen.
    pub member_daily_limit_fen: Fen,
}

/// The terms of a pair, given up and received, on the block's day.
pub fn terms_of(overlay: &mut Overlay<'_>, pair: Pair) -> TermsOfDay {
    let own = overlay.pairs.get(&pair).unwrap_or_default();
    let parameters = governance::parameters(overlay);
    let general = &parameters.exchange;
    let weekday = overlay.context.day().weekday();
    TermsOfDay {
        spread: general.spread_on(weekday, own.spread),
        min_lot_fen: own.min_lot_fen.unwrap_or(general.min_lot_fen),
        pair_daily_limit_fen: own.daily_limit_fen.unwrap_or(general.pair_daily_limit_fen),
        member_daily_limit_fen: general.member_daily_limit_fen,
    }
}

/// The version of the rate table.
pub fn version(overlay: &mut Overlay<'_>) -> u32 {
    overlay.rates.get(&()).unwrap_or_default().version
}

/// What is left of the limits of the block's day: the member's, and the pair's.
pub fn limits_left(overlay: &mut Overlay<'_>, (member, pair): (Address, Pair), terms: &TermsOfDay) -> (Fen, Fen) {
    let day = overlay.context.day();
    let of_member = overlay.exchanged_by_member.get(&(day, member)).unwrap_or_default();
    let of_pair = overlay.exchanged_by_pair.get(&(day, pair.0, pair.1)).unwrap_or_default();
    let left = |limit: Fen, used: Fen| Fen(limit.0.saturating_sub(used.0));
    (left(terms.member_daily_limit_fen, of_member), left(terms.pair_daily_limit_fen, of_pair))
}

/// Charges what is given up to the member's day and the pair's.
///
/// # Errors
/// `exchange_member_limit`, `exchange_pair_limit`.
pub(super) fn charge(
    overlay: &mut Overlay<'_>,
    (member, pair): (Address, Pair),
    terms: &TermsOfDay,
    value: Fen,
) -> Result<(), Rejection> {
    let day = overlay.context.day();
    add_within(&mut overlay.exchanged_by_member, (day, member), value, terms.member_daily_limit_fen)
        .ok_or(Rejection::ExchangeMemberLimit)?;
    add_within(&mut overlay.exchanged_by_pair, (day, pair.0, pair.1), value, terms.pair_daily_limit_fen)
        .ok_or(Rejection::ExchangePairLimit)
}
