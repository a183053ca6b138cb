//! The levy: what an issuer owes the pool for points that it issues.

use crate::types::{Obligation, Rate};

/// The levied part of the value of points issued, floored to 10^-8 CNY.
///
/// `levy` is at most 1; a value has at most 100 bits, for points have 63 and an anchor 34.
#[must_use]
pub const fn levied(value: Obligation, levy: Rate) -> Obligation {
    Obligation(value.0 * levy.millionths() as i128 / Rate::ONE as i128)
}
