//! Settlement: what is owed in the open cycle, how closed cycles came out, and which operations stand behind a sum.

use serde::Serialize;
use tally_contracts::due::DueRecord;
use tally_contracts::encoding;
use tally_contracts::governance::Schedule;
use tally_contracts::points::PointClass;
use tally_contracts::settlement::{Gross, Leg, NetPosition, PairNet, Position, Statement};
use tally_contracts::state::{read, read_range, tag};
use tally_contracts::types::{Height, MerchantId, Month, Obligation, Reference};
use utoipa::ToSchema;

use super::classes::{Listing, MAX_LIST};
use super::index::{DUE_PLACES, ObligationRow, PairKey, Place, kind_name};
use super::merchants::require_participant;
use super::operations::Rows;
use super::page::{Cursor, List, Page, PageRequest, Scope};
use super::{Missing, QueryError, Snapshot};

/// Pairs that one answer lists, at most: a thousand merchants'.
const MAX_PAIRS: usize = 1 << 20;

/// What merchants owe each other in a cycle.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ObligationsView {
    /// The cycle.
    pub cycle: Month,
    /// Whether it is the open one.
    pub is_open: bool,
    /// Gross by ordered pair, exact.
    pub pairs: Vec<GrossPair>,
    /// Remainders below a fen that the cycle began with.
    pub carries: Vec<Carry>,
    /// Where merchants stand; of the open cycle only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positions: Option<Vec<MerchantPosition>>,
    /// What merchants owe the alliance pool; of the open cycle only, for claims stay open across closes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_claims: Option<Vec<PoolClaim>>,
    /// The height that it is as of.
    pub height: Height,
}

/// What one merchant owes another, in 10^-8 CNY.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GrossPair {
    /// Who owes.
    pub debtor: MerchantId,
    /// Who is owed.
    pub creditor: MerchantId,
    /// By kind.
    #[serde(flatten)]
    pub gross: Gross,
    /// All kinds together.
    pub total: Obligation,
}

/// A remainder of an unordered pair; positive where `low` owes `high`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Carry {
    /// The lower id.
    pub low: MerchantId,
    /// The higher id.
    pub high: MerchantId,
    /// How much, in 10^-8 CNY.
    pub amount: Obligation,
}

/// Where a merchant stands in the open cycle.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MerchantPosition {
    /// The merchant.
    pub merchant: MerchantId,
    /// Payable, receivable and unconfirmed.
    #[serde(flatten)]
    pub position: Position,
}

/// What a merchant owes the alliance pool.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PoolClaim {
    /// The merchant.
    pub debtor: MerchantId,
    /// How much, in 10^-8 CNY.
    pub amount: Obligation,
}

/// A closed cycle in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CycleView {
    /// The cycle.
    pub cycle: Month,
    /// When it closed, its nets, and how many legs pay it.
    #[serde(flatten)]
    pub statement: Statement,
}

/// A closed cycle in full.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SettlementView {
    /// The cycle.
    pub cycle: Month,
    /// The block that closed it.
    pub closed_at_height: Height,
    /// That block's time in ms since 1970.
    pub closed_at_ms: u64,
    /// Gross by ordered pair, exact.
    pub pairs: Vec<GrossPair>,
    /// How each unordered pair came out.
    pub nets: Vec<NetPair>,
    /// Net of each merchant, in fen; their sum is zero.
    pub positions: Vec<NetPosition>,
    /// The payments.
    pub legs: Vec<LegView>,
    /// The height that the legs' states are as of.
    pub height: Height,
}

/// How an unordered pair came out; positive amounts are owed by `low` to `high`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NetPair {
    /// The lower id.
    pub low: MerchantId,
    /// The higher id.
    pub high: MerchantId,
    /// Opening remainder, net, whole fen and closing remainder.
    #[serde(flatten)]
    pub net: PairNet,
}

/// One payment of a closed cycle.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LegView {
    /// Its number within the cycle, from 0 on.
    pub leg: u16,
    /// Payer, payee, amount and state.
    #[serde(flatten)]
    pub payment: Leg,
}

/// One operation behind an obligation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ObligationLine {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// The block's time in ms since 1970.
    pub time_ms: u64,
    /// Who submitted it; the pool (0) for a distribution, the issuer for a buy-out.
    pub merchant: MerchantId,
    /// Under which reference; none where no operation did it.
    pub reference: Option<Reference>,
    /// A kind of operation, `distribution` or `buy_out`.
    pub kind: &'static str,
    /// What it added, in 10^-8 CNY.
    pub amount: Obligation,
}

/// What merchants owe each other in a cycle, the open one where none is named.
///
/// # Errors
/// [`QueryError::NotFound`] for a cycle to come, or one before the alliance began.
pub fn obligations(snapshot: &Snapshot<'_>, cycle: Option<Month>) -> Result<ObligationsView, QueryError> {
    let open = open_cycle(snapshot);
    let cycle = cycle.unwrap_or(open);
    require_cycle(snapshot, cycle)?;
    let is_open = cycle == open;
    let carries = if is_open { carries(snapshot) } else { openings(snapshot, cycle) };
    let position = |(merchant, position)| MerchantPosition { merchant, position };
    let claim = |(debtor, amount)| PoolClaim { debtor, amount };
    let first = MerchantId::POOL;
    let positions = || read_range(snapshot.store, tag::positions, &first, None, MAX_LIST);
    let claims = || read_range(snapshot.store, tag::pool_claims, &first, None, MAX_LIST);
    Ok(ObligationsView {
        cycle,
        is_open,
        pairs: gross(snapshot, cycle),
        carries,
        positions: is_open.then(|| positions().into_iter().map(position).collect()),
        pool_claims: is_open.then(|| claims().into_iter().map(claim).collect()),
        height: snapshot.head.height,
    })
}

/// Every closed cycle, oldest first.
#[must_use]
pub fn settlements(snapshot: &Snapshot<'_>) -> Listing<CycleView> {
    let all: Vec<(Month, Statement)> = read_range(snapshot.store, tag::statements, &Month(0), None, MAX_LIST);
    Listing::new(snapshot, all.into_iter().map(|(cycle, statement)| CycleView { cycle, statement }).collect())
}

/// One closed cycle.
///
/// # Errors
/// [`QueryError::NotFound`], also for the open cycle.
pub fn settlement(snapshot: &Snapshot<'_>, cycle: Month) -> Result<SettlementView, QueryError> {
    let statement: Option<Statement> = read(snapshot.store, tag::statements, &cycle);
    let statement = statement.ok_or(QueryError::NotFound(Missing::ClosedCycle(cycle)))?;
    let legs: Vec<((Month, u16), Leg)> =
        read_range(snapshot.store, tag::legs, &(cycle, 0), Some(&(cycle.plus(1), 0)), MAX_LIST);
    let leg = |((_, leg), payment)| LegView { leg, payment };
    let net = |((_, low, high), net)| NetPair { low, high, net };
    Ok(SettlementView {
        cycle,
        closed_at_height: statement.height,
        closed_at_ms: statement.time_ms,
        pairs: gross(snapshot, cycle),
        nets: pair_nets(snapshot, cycle).into_iter().map(net).collect(),
        positions: statement.positions,
        legs: legs.into_iter().map(leg).collect(),
        height: snapshot.head.height,
    })
}

/// A page of the operations behind what a debtor owes a creditor in a cycle, in the order of the chain. The creditor may be
/// the alliance pool.
///
/// # Errors
/// [`QueryError`].
pub fn operations(
    snapshot: &Snapshot<'_>,
    pair: &PairKey,
    page: &PageRequest,
) -> Result<Page<ObligationLine>, QueryError> {
    require_cycle(snapshot, pair.cycle)?;
    require_participant(snapshot, pair.debtor)?;
    require_participant(snapshot, pair.creditor)?;
    if pair.debtor == pair.creditor {
        return Err(QueryError::Parameters("debtor and creditor are the same: nobody owes itself".into()));
    }
    let scope = Scope::new(List::Obligation, &encoding::encode(&(pair.cycle, pair.debtor, pair.creditor)));
    let (height, position) = page.start(snapshot, scope)?;
    let start = match position {
        None => pair.encode(Place { height: Height(0), index: 0 }),
        Some(key) if pair.parse(&key).is_some() => key,
        Some(_) => return Err(QueryError::Cursor),
    };
    let end = pair.encode(Place { height: height.next(), index: 0 });
    let mut rows = snapshot.store.scan(&start, &end, page.limit + 1);
    let next = (rows.len() > page.limit).then(|| rows.pop()).flatten();
    let next_cursor = next.map(|(key, _)| Cursor { height, position: key }.encode(scope));
    let mut transactions = Rows::new(snapshot);
    let line = |(key, value): (Vec<u8>, Vec<u8>)| {
        let place = pair.parse(&key).expect("the rows of a pair's range are the pair's");
        let row: ObligationRow = encoding::decode_own(&value);
        if let Some(number) = place.index.checked_sub(DUE_PLACES) {
            return line_of_due_work(snapshot, place, number, &row);
        }
        let operation = transactions.at(place);
        ObligationLine {
            place,
            time_ms: operation.time_ms,
            merchant: operation.merchant,
            reference: Some(operation.receipt.reference),
            kind: kind_name(row.kind),
            amount: row.amount,
        }
    };
    Ok(Page { items: rows.into_iter().map(line).collect(), next_cursor, height })
}

/// The line of a debt that no operation made: of a dispute that nobody answered it names the disputed operation; of a
/// distribution or a buy-out there is none, so it names the pool, or the issuer, and no reference.
fn line_of_due_work(snapshot: &Snapshot<'_>, place: Place, number: u32, row: &ObligationRow) -> ObligationLine {
    let due = super::index::due_at(snapshot.store, place.height);
    let (merchant, reference, kind) = match due.get(number as usize) {
        Some(DueRecord::DisputeTimedOut(ended)) => (ended.merchant, Some(ended.original), kind_name(row.kind)),
        Some(DueRecord::Distributed(_)) => (MerchantId::POOL, None, "distribution"),
        Some(DueRecord::BoughtOut(bought)) => {
            let class: PointClass = read(snapshot.store, tag::classes, &bought.class).expect("classes are not deleted");
            (class.issuer, None, "buy_out")
        }
        _ => unreachable!("the index lists due records that make debts only"),
    };
    ObligationLine {
        place,
        time_ms: super::index::block_time_ms(snapshot.store, place.height)
            .expect("a block with due records was executed"),
        merchant,
        reference,
        kind,
        amount: row.amount,
    }
}

fn open_cycle(snapshot: &Snapshot<'_>) -> Month {
    let schedule: Schedule = read(snapshot.store, tag::schedule, &()).expect("genesis wrote the schedule");
    schedule.open_cycle
}

fn require_cycle(snapshot: &Snapshot<'_>, cycle: Month) -> Result<(), QueryError> {
    let settlement = &snapshot.genesis.parameters.settlement;
    let first = settlement.cycle_of(snapshot.calendar().month(snapshot.genesis.time_ms));
    let is_known = (first..=open_cycle(snapshot)).contains(&cycle) && settlement.cycle_of(cycle) == cycle;
    if is_known { Ok(()) } else { Err(QueryError::NotFound(Missing::Cycle(cycle))) }
}

fn gross(snapshot: &Snapshot<'_>, cycle: Month) -> Vec<GrossPair> {
    let (start, end) = cycle_range(cycle);
    let all: Vec<((Month, MerchantId, MerchantId), Gross)> =
        read_range(snapshot.store, tag::gross, &start, Some(&end), MAX_PAIRS);
    let pair = |((_, debtor, creditor), gross): ((Month, MerchantId, MerchantId), Gross)| GrossPair {
        debtor,
        creditor,
        gross,
        total: gross.total(),
    };
    all.into_iter().map(pair).collect()
}

pub(super) fn pair_nets(snapshot: &Snapshot<'_>, cycle: Month) -> Vec<((Month, MerchantId, MerchantId), PairNet)> {
    let (start, end) = cycle_range(cycle);
    read_range(snapshot.store, tag::pair_nets, &start, Some(&end), MAX_PAIRS)
}

type PairOfCycle = (Month, MerchantId, MerchantId);

fn cycle_range(cycle: Month) -> (PairOfCycle, PairOfCycle) {
    let first = MerchantId::POOL;
    ((cycle, first, first), (cycle.plus(1), first, first))
}

fn carries(snapshot: &Snapshot<'_>) -> Vec<Carry> {
    let first = MerchantId::POOL;
    let all: Vec<((MerchantId, MerchantId), Obligation)> =
        read_range(snapshot.store, tag::carries, &(first, first), None, MAX_PAIRS);
    all.into_iter().map(|((low, high), amount)| Carry { low, high, amount }).collect()
}

fn openings(snapshot: &Snapshot<'_>, cycle: Month) -> Vec<Carry> {
    let nets = pair_nets(snapshot, cycle).into_iter();
    let carry = |((_, low, high), net): (PairOfCycle, PairNet)| Carry { low, high, amount: net.opening };
    nets.map(carry).filter(|carry| carry.amount != Obligation(0)).collect()
}
