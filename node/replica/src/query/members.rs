//! Members: who holds what, and why, now and as of any earlier height.

use serde::Serialize;
use tally_contracts::encoding;
use tally_contracts::membership::{Member, Wallet};
use tally_contracts::points::{Lot, Movement, MovementId, Reason, balance_at, history, holdings_of, spent_of_grant};
use tally_contracts::state::{read, tag};
use tally_contracts::types::{Address, ClassId, Hash, Height, MerchantId, Points, Reference};
use utoipa::ToSchema;

use super::index::Place;
use super::operations::Rows;
use super::page::{Cursor, List, Page, PageRequest, Scope};
use super::{Missing, QueryError, Snapshot};

/// A member with what it holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MemberView {
    /// The card code.
    pub member: Address,
    /// Custodian, kind of holder, whether it is frozen, and its wallet: the key in effect, and a recovery under way.
    #[serde(flatten)]
    pub record: Member,
    /// Live points by rising class.
    pub balances: Vec<Balance>,
    /// Points that were spent before the purchase that earned them was refunded, by rising class: what the member earns
    /// next repays them.
    pub owed: Vec<Owed>,
    /// The height that the balances are as of.
    pub height: Height,
}

/// Points that a member owes.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Owed {
    /// The class.
    pub class: ClassId,
    /// How many, in minor units.
    pub points: Points,
}

/// What was spent of a grant.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct GrantView {
    /// What the grant is known by: the hash that the wallet signed.
    pub grant: Hash,
    /// Spent and held with it, in minor units; 0 too where no use of it is known.
    pub spent_points: Points,
    /// Whether its time is over at the head's block time; then it serves no more, whatever is left.
    pub is_ended: bool,
    /// The height that this is as of.
    pub height: Height,
}

/// A member's balances as of a height.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BalancesView {
    /// The card code.
    pub member: Address,
    /// Live points by rising class.
    pub balances: Vec<Balance>,
    /// The height that the balances are as of.
    pub height: Height,
    /// The time of that block: whether a lot counts is judged by it.
    pub time_ms: u64,
}

/// What is held of one class. A class whose points were all spent stays, with nothing in it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Balance {
    /// The class.
    pub class: ClassId,
    /// Live points, in minor units.
    pub points: Points,
    /// The live lots, by rising expiry.
    pub lots: Vec<Lot>,
}

/// One line of a statement.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatementLine {
    /// The block.
    pub height: Height,
    /// The position among the block's movements.
    pub index: u32,
    /// The block's time in ms since 1970.
    pub time_ms: u64,
    /// Why the holding changed.
    pub reason: Reason,
    /// Points gained or lost, in minor units, as text.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, pattern = "^-?[0-9]{1,19}$")]
    pub delta: i64,
    /// Live points after it, at the block's time.
    pub balance: Points,
    /// The operation that caused it; none where points lapsed by themselves.
    pub operation: Option<OperationName>,
    /// Chains all movements of the holding.
    pub statement_hash: Hash,
}

/// How an operation is found again.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct OperationName {
    /// Who submitted it.
    pub merchant: MerchantId,
    /// Under which reference.
    pub reference: Reference,
    /// Its position in the block.
    pub index: u32,
}

fn as_text<S: serde::Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A member with its present balances.
///
/// # Errors
/// [`QueryError::NotFound`].
pub fn member(snapshot: &Snapshot<'_>, address: &Address) -> Result<MemberView, QueryError> {
    let mut record = record(snapshot, address)?;
    let (height, time_ms) = (snapshot.head.height, snapshot.head.time_ms);
    record.wallet = record.wallet.map(|wallet| Wallet {
        key: wallet.key_at(time_ms),
        recovery: wallet.recovery.filter(|recovery| recovery.effective_ms > time_ms),
    });
    let balances = balances_at(snapshot, address, height);
    // Whoever owes points of a class has had some.
    let owed = |balance: &Balance| {
        let points = read(snapshot.store, tag::owed, &(*address, balance.class))?;
        Some(Owed { class: balance.class, points })
    };
    let owed = balances.iter().filter_map(owed).collect();
    Ok(MemberView { member: *address, record, balances, owed, height })
}

/// What was spent of a grant, by its end in ms since 1970 and what it is known by.
#[must_use]
pub fn grant(snapshot: &Snapshot<'_>, expires_ms: u64, grant: Hash) -> GrantView {
    let spent_points = spent_of_grant(snapshot.store, expires_ms, grant);
    GrantView { grant, spent_points, is_ended: expires_ms <= snapshot.head.time_ms, height: snapshot.head.height }
}

/// A member's balances as of a height, the head's where none is asked for.
///
/// # Errors
/// [`QueryError::NotFound`], [`QueryError::HeightAhead`].
pub fn balances(
    snapshot: &Snapshot<'_>,
    address: &Address,
    at_height: Option<Height>,
) -> Result<BalancesView, QueryError> {
    let height = snapshot.height(at_height)?;
    record(snapshot, address)?;
    let balances = balances_at(snapshot, address, height);
    Ok(BalancesView { member: *address, balances, height, time_ms: snapshot.time_ms(height) })
}

/// A page of the statement of one class, the newest movement first, as of a height.
///
/// # Errors
/// [`QueryError`].
pub fn statement(
    snapshot: &Snapshot<'_>,
    (address, class): &(Address, ClassId),
    at_height: Option<Height>,
    page: &PageRequest,
) -> Result<Page<StatementLine>, QueryError> {
    record(snapshot, address)?;
    if !super::classes::exists(snapshot, *class) {
        return Err(QueryError::NotFound(Missing::Class(*class)));
    }
    let scope = Scope::new(List::Statement, &encoding::encode(&(*address, *class)));
    let (pinned, position) = page.start(snapshot, scope)?;
    let height = snapshot.height(at_height)?;
    let (height, from) = match position {
        None => (height, (height, u32::MAX)),
        Some(_) if at_height.is_some_and(|asked| asked != pinned) => {
            let reason = format!("the cursor is of height {pinned}: leave at_height out, or give it again");
            return Err(QueryError::Parameters(reason));
        }
        Some(position) => (pinned, parse_position(&position)?),
    };
    let mut movements = history(snapshot.store, &(*address, *class), from, page.limit + 1);
    let next = (movements.len() > page.limit).then(|| movements.pop()).flatten();
    let next_cursor = next.map(|((at, index), _)| {
        let position = [&at.0.to_be_bytes()[..], &index.to_be_bytes()].concat();
        Cursor { height, position }.encode(scope)
    });
    let mut rows = Rows::new(snapshot);
    let items = movements.into_iter().map(|(id, movement)| line(&mut rows, id, &movement)).collect();
    Ok(Page { items, next_cursor, height })
}

pub(super) fn record(snapshot: &Snapshot<'_>, address: &Address) -> Result<Member, QueryError> {
    read(snapshot.store, tag::members, address).ok_or(QueryError::NotFound(Missing::Member(*address)))
}

pub(super) fn balances_at(snapshot: &Snapshot<'_>, address: &Address, height: Height) -> Vec<Balance> {
    let month = snapshot.calendar().month(snapshot.time_ms(height));
    let balance = |(class, movement): (ClassId, Movement)| {
        let lots: Vec<Lot> = movement.lots.into_iter().filter(|lot| lot.expires >= month).collect();
        Balance { class, points: balance_at(&lots, month), lots }
    };
    holdings_of(snapshot.store, address, height).into_iter().map(balance).collect()
}

fn line(rows: &mut Rows<'_>, (height, index): MovementId, movement: &Movement) -> StatementLine {
    let snapshot = rows.snapshot;
    let time_ms = snapshot.time_ms(height);
    let name = |index: u32| {
        let found = rows.get(Place { height, index })?;
        Some(OperationName { merchant: found.merchant, reference: found.receipt.reference, index })
    };
    StatementLine {
        height,
        index,
        time_ms,
        reason: movement.reason,
        delta: movement.delta,
        balance: balance_at(&movement.lots, snapshot.calendar().month(time_ms)),
        operation: movement.operation.and_then(name),
        statement_hash: movement.statement_hash,
    }
}

fn parse_position(position: &[u8]) -> Result<MovementId, QueryError> {
    let bytes: &[u8; 12] = position.try_into().map_err(|_| QueryError::Cursor)?;
    let (height, index) = bytes.split_at(8);
    let height = u64::from_be_bytes(height.try_into().map_err(|_| QueryError::Cursor)?);
    Ok((Height(height), u32::from_be_bytes(index.try_into().map_err(|_| QueryError::Cursor)?)))
}
