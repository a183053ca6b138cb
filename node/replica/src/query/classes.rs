//! Point classes with their terms and counters.

use serde::Serialize;
use tally_contracts::points::{ClassTerms, ClassTotals, PointClass};
use tally_contracts::state::{read, read_range, tag};
use tally_contracts::types::{ClassId, Height, MerchantId};
use utoipa::ToSchema;

use super::{Missing, QueryError, Snapshot};

/// Classes or merchants that one answer lists, at most; far above what an alliance has.
pub(super) const MAX_LIST: usize = 1 << 16;

/// A class.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClassView {
    /// Its number.
    pub class: ClassId,
    /// Its name for people, of those that genesis names.
    pub name: Option<String>,
    /// The merchant that issues it and owes for it.
    pub issuer: MerchantId,
    /// What its points are.
    pub terms: ClassTerms,
    /// Its counters over the whole history, in minor units.
    pub totals: ClassTotals,
}

/// A whole list, which is short enough for one answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Listing<T> {
    /// The items, by rising id.
    pub items: Vec<T>,
    /// None: the list is whole.
    pub next_cursor: Option<String>,
    /// The height that the list is as of.
    pub height: Height,
}

impl<T> Listing<T> {
    /// A whole list as of the head.
    #[must_use]
    pub fn new(snapshot: &Snapshot<'_>, items: Vec<T>) -> Self {
        Self { items, next_cursor: None, height: snapshot.head.height }
    }
}

/// Every class.
#[must_use]
pub fn classes(snapshot: &Snapshot<'_>) -> Listing<ClassView> {
    let all = all_classes(snapshot).into_iter().map(|(id, class)| view(snapshot, id, class)).collect();
    Listing::new(snapshot, all)
}

/// One class.
///
/// # Errors
/// [`QueryError::NotFound`].
pub fn class(snapshot: &Snapshot<'_>, id: ClassId) -> Result<ClassView, QueryError> {
    let class: Option<PointClass> = read(snapshot.store, tag::classes, &id);
    class.map(|class| view(snapshot, id, class)).ok_or(QueryError::NotFound(Missing::Class(id)))
}

/// Whether there is such a class.
#[must_use]
pub fn exists(snapshot: &Snapshot<'_>, id: ClassId) -> bool {
    read::<_, PointClass>(snapshot.store, tag::classes, &id).is_some()
}

pub(super) fn all_classes(snapshot: &Snapshot<'_>) -> Vec<(ClassId, PointClass)> {
    read_range(snapshot.store, tag::classes, &ClassId(0), None, MAX_LIST)
}

fn view(snapshot: &Snapshot<'_>, id: ClassId, class: PointClass) -> ClassView {
    ClassView {
        class: id,
        name: snapshot.genesis.classes.iter().find(|c| c.id == id).map(|c| c.name.clone()),
        issuer: class.issuer,
        terms: class.terms,
        totals: read(snapshot.store, tag::class_totals, &id).unwrap_or_default(),
    }
}
