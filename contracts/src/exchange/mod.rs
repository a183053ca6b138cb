//! Exchange: points of one class become points of another at the rate that the anchors give.

mod exchange_points;
mod rate;

pub use exchange_points::Exchange;
pub use rate::{Conversion, convert, split_lots};

#[cfg(test)]
mod tests;
