//! The close of a cycle: gross by pair -> net by pair -> positions -> legs. One step, for its pairs are of merchants and
//! partners only.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::book::change_position;
use super::deadlines::{leg_deadline_ms, leg_due_ms};
use super::{Leg, LegState, NetPosition, PairNet, Statement, payments};
use crate::genesis::MAX_MERCHANTS;
use crate::state::Overlay;
use crate::types::{MerchantId, Month, Obligation};

/// Ordered pairs of merchants, at most.
const MAX_PAIRS: usize = MAX_MERCHANTS * MAX_MERCHANTS;

/// What a close led to; the rest is state under its cycle.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct CycleClosed {
    /// The cycle.
    pub cycle: Month,
    /// Merchants with a net to pay or receive.
    pub positions: u16,
    /// Payments it asks for.
    pub legs: u16,
}

/// Closes a cycle, named by its first month, whose end has passed.
pub(crate) fn close_cycle(overlay: &mut Overlay<'_>, cycle: Month) -> CycleClosed {
    let mut net_fen: BTreeMap<MerchantId, i64> = BTreeMap::new();
    for ((low, high), pair) in pair_nets(overlay, cycle) {
        *net_fen.entry(low).or_default() -= pair.net_fen;
        *net_fen.entry(high).or_default() += pair.net_fen;
        overlay.pair_nets.put((cycle, low, high), pair);
        if pair.closing == Obligation(0) {
            overlay.carries.delete((low, high));
        } else {
            overlay.carries.put((low, high), pair.closing);
        }
    }
    reset_positions(overlay);
    let positions: Vec<NetPosition> = net_fen
        .into_iter()
        .filter(|(_, net_fen)| *net_fen != 0)
        .map(|(merchant, net_fen)| NetPosition { merchant, net_fen })
        .collect();
    let due_ms = leg_due_ms(overlay);
    let deadline_ms = leg_deadline_ms(overlay, due_ms);
    let mut legs = 0_u16;
    for payment in payments(&positions) {
        let (payer, payee, amount_fen) = (payment.payer, payment.payee, payment.amount_fen);
        let leg = Leg {
            payer,
            payee,
            amount_fen,
            due_ms,
            deadline_ms,
            bank_reference: None,
            is_escalated: false,
            state: LegState::Open,
        };
        overlay.legs.put((cycle, legs), leg);
        overlay.leg_deadlines.insert((deadline_ms, cycle, legs), ());
        change_position(overlay, payer, |p| p.unconfirmed_fen.0 += amount_fen.0);
        legs += 1;
    }
    let closed =
        CycleClosed { cycle, positions: u16::try_from(positions.len()).expect("merchant ids are 16 bits"), legs };
    let (height, time_ms) = (overlay.context.height, overlay.context.time_ms);
    overlay.statements.put(cycle, Statement { height, time_ms, positions, legs });
    closed
}

/// The net of every unordered pair with something to net: gross of the cycle, or a remainder of the one before.
fn pair_nets(overlay: &mut Overlay<'_>, cycle: Month) -> Vec<((MerchantId, MerchantId), PairNet)> {
    let first = MerchantId::POOL;
    let gross: BTreeMap<(MerchantId, MerchantId), i128> = overlay
        .gross
        .scan(&(cycle, first, first), &(cycle.plus(1), first, first), MAX_PAIRS)
        .into_iter()
        .map(|((_, debtor, creditor), gross)| ((debtor, creditor), gross.total().0))
        .collect();
    let last = MerchantId(u16::MAX);
    let carries: BTreeMap<_, _> = overlay.carries.scan(&(first, first), &(last, last), MAX_PAIRS).into_iter().collect();
    let unordered = |(a, b): (MerchantId, MerchantId)| (a.min(b), a.max(b));
    let pairs: BTreeSet<_> = gross.keys().map(|p| unordered(*p)).chain(carries.keys().copied()).collect();
    let net = |(low, high): (MerchantId, MerchantId)| {
        let owed = |debtor, creditor| gross.get(&(debtor, creditor)).copied().unwrap_or(0);
        let opening = carries.get(&(low, high)).copied().unwrap_or_default();
        let net = Obligation(opening.0 + owed(low, high) - owed(high, low));
        let (fen, closing) = net.split_fen();
        let net_fen = i64::try_from(fen).expect("booking bounds what a pair owes");
        ((low, high), PairNet { opening, net, net_fen, closing })
    };
    pairs.into_iter().map(net).collect()
}

/// Opens the next cycle's positions at zero; unconfirmed legs stay.
fn reset_positions(overlay: &mut Overlay<'_>) {
    let merchants = overlay.positions.scan(&MerchantId::POOL, &MerchantId(u16::MAX), usize::from(u16::MAX));
    for (merchant, _) in merchants {
        change_position(overlay, merchant, |p| {
            p.payable = Obligation(0);
            p.receivable = Obligation(0);
        });
    }
}
