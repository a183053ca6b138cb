//! What an operation leaves for a later one to take up: kept with its reference, and as long.

use serde::Serialize;
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::Lot;
use crate::types::{Address, ClassId, Day, Fen, Hash, MerchantId, Month, Obligation, Points, Rate, StoreId};

/// What of an applied operation can still be captured, voided, reversed or disputed.
#[derive(Clone, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing; also after a refusal.
    #[default]
    #[wincode(tag = 0)]
    Nothing,
    /// A purchase that earned points.
    #[wincode(tag = 1)]
    Purchase(Purchase),
    /// Points that were spent.
    #[wincode(tag = 2)]
    Redemption(Redemption),
    /// Points that were set aside; while it is open, its record is among the holds.
    #[wincode(tag = 3)]
    Hold(HoldState),
    /// A debt between two participants that nothing but a dispute undoes: of an exchange or an import.
    #[wincode(tag = 4)]
    Debt(StandingDebt),
}

/// What an exchange or an import made one participant owe another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct StandingDebt {
    /// Who owes.
    pub debtor: MerchantId,
    /// Who is owed.
    pub creditor: MerchantId,
    /// How much, exact.
    pub amount: Obligation,
    /// The month in which it was booked.
    pub month: Month,
}

/// A purchase that earned points.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Purchase {
    /// The class of the points.
    pub class: ClassId,
    /// Who earned them.
    pub member: Address,
    /// What of the purchase's amount was not refunded.
    pub kept_fen: Fen,
    /// Points per CNY at the time.
    pub earn_rate: Rate,
    /// The last month in which the points can be spent.
    pub expires: Month,
    /// CNY per point at the time.
    pub anchor: Rate,
    /// The pool's levy at the time.
    pub levy: Rate,
    /// The merchant whose referral it converted.
    pub referred_by: Option<MerchantId>,
}

/// Points that were spent and did not come back.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Redemption {
    /// The class of the points.
    pub class: ClassId,
    /// Whose they were.
    pub member: Address,
    /// What stays spent, by rising expiry.
    pub lots: Vec<Lot>,
    /// CNY per point at the time.
    pub anchor: Rate,
    /// The month in which it was booked.
    pub month: Month,
}

/// Points that are set aside: an open hold.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Hold {
    /// The class of the points.
    pub class: ClassId,
    /// Whose they are.
    pub member: Address,
    /// The pinned lots, by rising expiry; they do not lapse.
    pub lots: Vec<Lot>,
    /// CNY per point when it was placed.
    pub anchor: Rate,
    /// From this block time on it can no longer be captured, in ms since 1970.
    pub release_ms: u64,
    /// The day whose limits it was charged to.
    pub day: Day,
    /// Which limit it was charged to.
    pub charged: Charged,
    /// The store whose redeem limit it was charged to.
    pub store_id: Option<StoreId>,
}

/// Which limit the spending of points was charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Charged {
    /// None: the member's own word, or the custodian's on its own class.
    #[wincode(tag = 1)]
    Nothing,
    /// A spend grant.
    #[wincode(tag = 2)]
    Grant {
        /// Its end, in ms since 1970.
        expires_ms: u64,
        /// What it is known by.
        id: Hash,
    },
    /// The member's daily limit without consent.
    #[wincode(tag = 3)]
    NoConsent,
    /// The class's limits for custodians.
    #[wincode(tag = 4)]
    Custodian,
}

/// What became of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// It holds its points.
    #[wincode(tag = 1)]
    Open,
    /// Captured, in part or whole.
    #[wincode(tag = 2)]
    Captured,
    /// Released by its merchant.
    #[wincode(tag = 3)]
    Voided,
    /// Released by time.
    #[wincode(tag = 4)]
    TimedOut,
}

/// Sum of lots.
pub(crate) fn sum(lots: &[Lot]) -> Points {
    Points(lots.iter().map(|lot| lot.points.0).sum())
}

/// Splits points off the end of lots by rising expiry: what is left of the lots, and what was split off.
///
/// # Panics
/// When the lots hold fewer.
#[must_use]
pub fn split_last(mut lots: Vec<Lot>, points: Points) -> (Vec<Lot>, Vec<Lot>) {
    let mut split = Vec::new();
    let mut wanted = points.0;
    while wanted > 0 {
        let lot = lots.last_mut().expect("no more is split off than there is");
        let part = lot.points.0.min(wanted);
        split.insert(0, Lot { expires: lot.expires, points: Points(part) });
        lot.points.0 -= part;
        wanted -= part;
        if lot.points.0 == 0 {
            lots.pop();
        }
    }
    (lots, split)
}
