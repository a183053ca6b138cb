//! What an exchange comes to: the rules that an exchange and a quote of one have in common, before any limit is charged.

use super::{Ask, Conversion, QuoteTerms, TermsOfDay, convert, terms};
use crate::membership::{Member, require_member};
use crate::points::{Lot, PointClass, Reason, Use, debit};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, Fen, Obligation, Points};

/// Points that have left the source, and what they become.
pub(super) struct Priced {
    pub given: Vec<Lot>,
    pub from_balance: Points,
    /// What is given up is worth, at the present anchor.
    pub value_given: Obligation,
    /// The same rounded up: what limits are charged.
    pub charged: Fen,
    pub terms: TermsOfDay,
    pub conversion: Conversion,
}

/// The member, if its points may go from one class into another.
///
/// # Errors
/// `unknown_member`, `holder_not_permitted`, `member_frozen`.
pub(super) fn require_holder(
    overlay: &mut Overlay<'_>,
    address: &Address,
    (source, target): (&PointClass, &PointClass),
) -> Result<Member, Rejection> {
    let member = require_member(overlay, address)?;
    source.terms.require_permission(member.holder, Use::Exchange)?;
    target.terms.require_permission(member.holder, Use::Exchange)?;
    if member.is_frozen { Err(Rejection::MemberFrozen) } else { Ok(member) }
}

/// Takes the points and works out what they become.
///
/// # Errors
/// `amount_zero`, `same_party`, `not_exchangeable`, `stale_quote`, `overflow`, `below_min_lot`, `insufficient_points`,
/// `below_min_out` where nothing comes out.
pub(super) fn price(
    overlay: &mut Overlay<'_>,
    ask: &Ask,
    (source, target): (&PointClass, &PointClass),
    quote: Option<QuoteTerms>,
) -> Result<Priced, Rejection> {
    let pair = (ask.from_class, ask.to_class);
    if ask.points == Points(0) {
        return Err(Rejection::AmountZero);
    }
    if pair.0 == pair.1 {
        return Err(Rejection::SameParty);
    }
    if source.terms.sub.is_some() || target.terms.sub.is_some() {
        return Err(Rejection::NotExchangeable);
    }
    if let Some(quote) = quote
        && (quote.version != terms::version(overlay) || quote.valid_until_ms < overlay.context.time_ms)
    {
        return Err(Rejection::StaleQuote);
    }
    let value_given = source.terms.value(ask.points);
    let charged = value_given.ceil_fen().ok_or(Rejection::Overflow)?;
    let terms = terms::terms_of(overlay, pair);
    if value_given.floor_fen().is_none_or(|fen| fen < terms.min_lot_fen) {
        return Err(Rejection::BelowMinLot);
    }
    let (given, from_balance) = debit(overlay, &(ask.member, pair.0), ask.points, Reason::ExchangedOut)?;
    let conversion = convert(ask.points, source, target, terms.spread).ok_or(Rejection::Overflow)?;
    if conversion.points_out == Points(0) {
        return Err(Rejection::BelowMinOut);
    }
    Ok(Priced { given, from_balance, value_given, charged, terms, conversion })
}
