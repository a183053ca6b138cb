//! Identifiers, amounts and times: the words every record is made of.

mod amount;
mod id;
mod time;

pub use amount::{Fen, Obligation, Points, Rate, RateError};
pub(crate) use id::serde_as_text;
pub use id::{
    Address, AddressError, Category, ChainId, ClassId, Hash, Height, MerchantId, Reference, ReferenceError, StoreId,
    TillId,
};
pub use time::{Calendar, DAY_MS, Day, DayError, HOUR_MS, Month, MonthError};
