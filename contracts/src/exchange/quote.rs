//! A quote: what an exchange would give now, what of each limit is left, and until when that stands. It reads the state of
//! a block and changes nothing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::price::{self, Priced};
use super::{QuoteTerms, require_classes, split_lots, terms};
use crate::due;
use crate::encoding::{self, Domain};
use crate::execute::BlockContext;
use crate::points::Lot;
use crate::rejection::Rejection;
use crate::settlement;
use crate::state::{Cache, Overlay, Store};
use crate::types::{Address, ChainId, ClassId, Fen, Hash, MerchantId, Obligation, Points, Rate};

const QUOTE: Domain = Domain::new("tally/quote/v1\0");

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Whose points.
    pub member: Address,
    /// The class given up.
    pub from_class: ClassId,
    /// The class received.
    pub to_class: ClassId,
    /// How many are given up.
    pub points: Points,
}

/// An answer, as of a block. An exchange that carries [`Quote::terms`] and asks for no more than `points_out` gets it as long
/// as those stand, and points and limits suffice. By whose word it is made is judged with it, custodian limits included.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, Serialize, ToSchema)]
pub struct Quote {
    /// Whose points.
    pub member: Address,
    /// The class given up.
    pub from_class: ClassId,
    /// The class received.
    pub to_class: ClassId,
    /// How many are given up.
    pub points: Points,
    /// Points received.
    pub points_out: Points,
    /// When they can be spent: the last months of those given up.
    pub lots: Vec<Lot>,
    /// Part of the value that goes to the alliance pool today.
    pub spread: Rate,
    /// What the points given up are worth, in 10^-8 CNY.
    pub value_given: Obligation,
    /// What the points received are worth at their present anchor, in 10^-8 CNY.
    pub value_received: Obligation,
    /// Cash value lost by the exchange, in 10^-8 CNY.
    pub value_lost: Obligation,
    /// What of each limit is left before the exchange.
    pub limits: Vec<LimitLeft>,
    /// The rule by which it would be refused now, if a limit is used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_as: Option<Rejection>,
    /// What the exchange is to carry.
    pub terms: QuoteTerms,
}

/// What is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, Serialize, ToSchema)]
pub struct LimitLeft {
    /// The rule that speaks when it is used up.
    pub rule: Rejection,
    /// In fen.
    pub left_fen: Fen,
}

impl Quote {
    /// What a merchant's node signs to be held to it: SHA-256 over `tally/quote/v1\0`, chain id, merchant and the canonical
    /// bytes.
    #[must_use]
    pub fn signing_hash(&self, chain_id: &ChainId, merchant: MerchantId) -> Hash {
        QUOTE.hash(&[&chain_id.0, &encoding::encode(&merchant), &encoding::encode(self)])
    }
}

/// Answers as of a block that would come now, its due work done; the quote stands for `ttl_ms`, but not past the day, whose
/// spread and limits it is about.
///
/// # Errors
/// The rule by which the exchange would be refused, but for limits: what of them is left is part of the answer.
pub fn quote(store: &dyn Store, context: BlockContext<'_>, ask: &Ask, ttl_ms: u64) -> Result<Quote, Rejection> {
    let mut overlay = Overlay::new(store, context, Cache::default());
    let overlay = &mut overlay;
    due::run(overlay);
    let pair = (ask.from_class, ask.to_class);
    let (source, target) = require_classes(overlay, pair.0, pair.1)?;
    price::require_holder(overlay, &ask.member, (&source, &target))?;
    let Priced { given, value_given, charged, terms: today, conversion, .. } =
        price::price(overlay, ask, (&source, &target), None)?;
    let (member_left, pair_left) = terms::limits_left(overlay, (ask.member, pair), &today);
    let mut limits = vec![
        LimitLeft { rule: Rejection::ExchangeMemberLimit, left_fen: member_left },
        LimitLeft { rule: Rejection::ExchangePairLimit, left_fen: pair_left },
    ];
    let mut refused_as = limits.iter().find(|limit| limit.left_fen < charged).map(|limit| limit.rule);
    if source.issuer != target.issuer {
        let room = settlement::room(overlay, source.issuer);
        limits.push(LimitLeft { rule: Rejection::NetDebitCap, left_fen: room.floor_fen().unwrap_or_default() });
        if refused_as.is_none() && room < conversion.obligation {
            refused_as = Some(Rejection::NetDebitCap);
        }
    }
    let value_received = target.terms.value(conversion.points_out);
    let day_end_ms = context.calendar.day_start_ms(context.day().plus(1)) - 1;
    let version = terms::version(overlay);
    let valid_until_ms = context.time_ms.saturating_add(ttl_ms).min(day_end_ms);
    Ok(Quote {
        member: ask.member,
        from_class: ask.from_class,
        to_class: ask.to_class,
        points: ask.points,
        points_out: conversion.points_out,
        lots: split_lots(&given, conversion.points_out),
        spread: today.spread,
        value_given,
        value_received,
        value_lost: Obligation(value_given.0 - value_received.0),
        limits,
        refused_as,
        terms: QuoteTerms { version, valid_until_ms },
    })
}
