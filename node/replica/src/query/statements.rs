//! A merchant's settlement statement of a closed cycle: the same bytes at whatever later height it is asked for.
//!
//! So it holds what the close fixed and nothing that moves on: no state of legs, no height of the answer.

use serde::Serialize;
use tally_contracts::settlement::{Gross, Leg, PairNet, Statement};
use tally_contracts::state::{read, read_range, tag};
use tally_contracts::types::{ChainId, Fen, Height, MerchantId, Month, Obligation};
use utoipa::ToSchema;

use super::classes::MAX_LIST;
use super::merchants::{name_of, require_merchant};
use super::settlements::pair_nets;
use super::{Missing, QueryError, Snapshot};

/// What a cycle came to for one merchant.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MerchantStatement {
    /// The alliance.
    pub chain_id: ChainId,
    /// The cycle, by its first month.
    pub cycle: Month,
    /// The first month after it.
    pub end: Month,
    /// Whose statement.
    pub merchant: MerchantId,
    /// Its name for people.
    pub name: Option<String>,
    /// The block that closed the cycle.
    pub closed_at_height: Height,
    /// That block's time in ms since 1970.
    pub closed_at_ms: u64,
    /// Every participant with something to net, by rising number.
    pub counterparties: Vec<Counterparty>,
    /// What the merchant is to receive for the cycle, or to pay where it is negative, in fen: the sum of its pairs.
    pub net_fen: i64,
    /// The payments that settle it.
    pub legs: Vec<StatementLeg>,
}

/// One pair, seen from the merchant: positive is in its favour.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Counterparty {
    /// Who.
    pub merchant: MerchantId,
    /// Its name for people.
    pub name: Option<String>,
    /// Remainder of the cycle before, in 10^-8 CNY.
    pub opening: Obligation,
    /// What it came to owe the merchant, by kind. `/v1/settlements/{cycle}/operations` has the operations behind it.
    pub receivable: Gross,
    /// What the merchant came to owe it, by kind.
    pub payable: Gross,
    /// Opening, and receivable less payable.
    pub net: Obligation,
    /// Its whole fen, truncated toward zero.
    pub net_fen: i64,
    /// What is left below a fen: the opening of the next cycle.
    pub closing: Obligation,
}

/// A payment of the merchant's, or to it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatementLeg {
    /// Its number within the cycle.
    pub leg: u16,
    /// Who pays.
    pub payer: MerchantId,
    /// Who is paid.
    pub payee: MerchantId,
    /// How much, in fen.
    pub amount_fen: Fen,
    /// When it is due, in ms since 1970.
    pub due_ms: u64,
}

/// The statement of a merchant.
///
/// # Errors
/// [`QueryError::NotFound`], also for the open cycle.
pub fn statement(snapshot: &Snapshot<'_>, cycle: Month, merchant: MerchantId) -> Result<MerchantStatement, QueryError> {
    require_merchant(snapshot, merchant)?;
    let closed: Option<Statement> = read(snapshot.store, tag::statements, &cycle);
    let closed = closed.ok_or(QueryError::NotFound(Missing::ClosedCycle(cycle)))?;
    let owed = |debtor, creditor| -> Gross {
        read(snapshot.store, tag::gross, &(cycle, debtor, creditor)).unwrap_or_default()
    };
    let counterparty = |((_, low, high), net): ((Month, MerchantId, MerchantId), PairNet)| {
        let (other, sign) = match merchant {
            m if m == low => (high, -1_i64),
            m if m == high => (low, 1),
            _ => return None,
        };
        Some(Counterparty {
            merchant: other,
            name: name_of(snapshot, other),
            opening: Obligation(i128::from(sign) * net.opening.0),
            receivable: owed(other, merchant),
            payable: owed(merchant, other),
            net: Obligation(i128::from(sign) * net.net.0),
            net_fen: sign * net.net_fen,
            closing: Obligation(i128::from(sign) * net.closing.0),
        })
    };
    let counterparties: Vec<Counterparty> = pair_nets(snapshot, cycle).into_iter().filter_map(counterparty).collect();
    let legs: Vec<((Month, u16), Leg)> =
        read_range(snapshot.store, tag::legs, &(cycle, 0), Some(&(cycle.plus(1), 0)), MAX_LIST);
    let own = legs.into_iter().filter(|(_, leg)| leg.payer == merchant || leg.payee == merchant);
    let leg = |((_, leg), l): ((Month, u16), Leg)| StatementLeg {
        leg,
        payer: l.payer,
        payee: l.payee,
        amount_fen: l.amount_fen,
        due_ms: l.due_ms,
    };
    Ok(MerchantStatement {
        chain_id: snapshot.genesis.chain_id(),
        cycle,
        end: cycle.plus(snapshot.genesis.parameters.settlement.cycle_months),
        merchant,
        name: name_of(snapshot, merchant),
        closed_at_height: closed.height,
        closed_at_ms: closed.time_ms,
        net_fen: counterparties.iter().map(|c| c.net_fen).sum(),
        counterparties,
        legs: own.map(leg).collect(),
    })
}
