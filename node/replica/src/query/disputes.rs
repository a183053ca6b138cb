//! Disputes, open and ended; and which days are business days, by which their clocks go.

use serde::Serialize;
use tally_contracts::encoding;
use tally_contracts::governance::is_business_day;
use tally_contracts::settlement::Dispute;
use tally_contracts::state::{Key as _, read_range, tag};
use tally_contracts::types::{Day, Height, MerchantId, Reference};
use utoipa::ToSchema;

use super::page::{Cursor, List, Page, PageRequest, Scope};
use super::{QueryError, Snapshot};

/// A dispute.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DisputeView {
    /// The merchant that submitted the disputed operation.
    pub merchant: MerchantId,
    /// The operation's reference.
    pub original: Reference,
    /// Between whom, about what, and where it stands.
    #[serde(flatten)]
    pub dispute: Dispute,
}

/// Days of the calendar.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CalendarView {
    /// The days, by rising date.
    pub days: Vec<CalendarDay>,
    /// The height that they are as of.
    pub height: Height,
}

/// A day of the calendar.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CalendarDay {
    /// The day.
    pub day: Day,
    /// Whether it counts in notices and clocks.
    pub is_business: bool,
}

/// A page of all disputes, by merchant and reference of the disputed operation.
///
/// # Errors
/// [`QueryError`].
pub fn disputes(snapshot: &Snapshot<'_>, page: &PageRequest) -> Result<Page<DisputeView>, QueryError> {
    let scope = Scope::new(List::Disputes, &encoding::encode(&()));
    let (height, position) = page.start(snapshot, scope)?;
    let first = match position {
        None => (MerchantId::POOL, Reference(0)),
        Some(position) if position.len() == 2 + 16 => <(MerchantId, Reference)>::take(&mut &position[..]),
        Some(_) => return Err(QueryError::Cursor),
    };
    let mut found: Vec<((MerchantId, Reference), Dispute)> =
        read_range(snapshot.store, tag::disputes, &first, None, page.limit + 1);
    let next = (found.len() > page.limit).then(|| found.pop()).flatten();
    let next_cursor = next.map(|(key, _)| {
        let mut position = Vec::new();
        key.put(&mut position);
        Cursor { height, position }.encode(scope)
    });
    let view = |((merchant, original), dispute)| DisputeView { merchant, original, dispute };
    Ok(Page { items: found.into_iter().map(view).collect(), next_cursor, height: snapshot.head.height })
}

/// So many days from one on.
#[must_use]
pub fn calendar(snapshot: &Snapshot<'_>, from: Day, count: u32) -> CalendarView {
    let day = |day: Day| CalendarDay { day, is_business: is_business_day(snapshot.store, day) };
    CalendarView { days: (0..count).map(|n| day(from.plus(n))).collect(), height: snapshot.head.height }
}
