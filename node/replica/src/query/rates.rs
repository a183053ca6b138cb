//! Exchange rates, exactly: what one whole point of a class becomes in another.

use serde::Serialize;
use tally_contracts::genesis::Parameters;
use tally_contracts::points::PointClass;
use tally_contracts::state::{read, tag};
use tally_contracts::types::{ClassId, Height, Rate};
use utoipa::ToSchema;

use super::{QueryError, Snapshot};

/// Pairs that one answer lists, at most.
const MAX_PAIRS: usize = 10_000;
/// Decimals of a rate's approximation.
const DECIMALS: u32 = 9;

/// Anchors, spread and the rates that follow.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RatesView {
    /// Part of an exchange's value that goes to the alliance pool.
    pub exchange_spread: Rate,
    /// The value of one point of each class, by rising class.
    pub anchors: Vec<Anchor>,
    /// Every ordered pair asked for.
    pub pairs: Vec<Pair>,
    /// The height that the rates are as of.
    pub height: Height,
}

/// What a point is worth.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Anchor {
    /// The class.
    pub class: ClassId,
    /// CNY per whole point.
    pub anchor: Rate,
    /// Decimals of one point: an amount of 1285 with 2 decimals is 12.85 points.
    pub decimals: u8,
}

/// What one whole point of a class becomes in another. An exchange floors to the target's minor unit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Pair {
    /// The class given up.
    pub from_class: ClassId,
    /// The class received.
    pub to_class: ClassId,
    /// Points received for one point given, as an exact fraction in lowest terms.
    pub out_per_in: Fraction,
    /// The same, cut after nine decimals.
    pub out_per_in_decimal: String,
}

/// An exact fraction; integers as text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Fraction {
    /// Above the line.
    pub numerator: String,
    /// Below the line.
    pub denominator: String,
}

/// Which pairs are asked for; all where neither side is named.
#[derive(Clone, Copy, Debug, Default)]
pub struct RatesQuery {
    /// The class given up.
    pub from_class: Option<ClassId>,
    /// The class received.
    pub to_class: Option<ClassId>,
}

/// The present rates.
///
/// # Errors
/// [`QueryError::NotFound`] for an unknown class, [`QueryError::Parameters`] where there are too many pairs to list, or both
/// sides are one class.
pub fn rates(snapshot: &Snapshot<'_>, query: &RatesQuery) -> Result<RatesView, QueryError> {
    let classes = super::classes::all_classes(snapshot);
    let unknown = |wanted: &Option<ClassId>| wanted.is_some_and(|id| !classes.iter().any(|(c, _)| *c == id));
    if let Some(id) = [query.from_class, query.to_class].into_iter().find(unknown).flatten() {
        return Err(QueryError::not_found("class", id));
    }
    if query.from_class.is_some() && query.from_class == query.to_class {
        return Err(QueryError::Parameters("from_class and to_class are the same: nothing is exchanged".into()));
    }
    let side = |wanted: Option<ClassId>| classes.iter().filter(move |(id, _)| wanted.is_none_or(|w| w == *id));
    if side(query.from_class).count() * side(query.to_class).count() > MAX_PAIRS {
        let reason = "there are too many pairs for one answer: name from_class or to_class";
        return Err(QueryError::Parameters(reason.into()));
    }
    let parameters: Parameters = read(snapshot.store, tag::parameters, &()).expect("genesis wrote the parameters");
    let spread = parameters.exchange_spread;
    let pairs = side(query.from_class)
        .flat_map(|source| side(query.to_class).map(move |target| (source, target)))
        .filter(|(source, target)| source.0 != target.0)
        .map(|(source, target)| pair(source, target, spread))
        .collect();
    let anchor = |(class, c): &(ClassId, PointClass)| Anchor {
        class: *class,
        anchor: c.terms.anchor,
        decimals: c.terms.decimals,
    };
    let anchors = classes.iter().map(anchor).collect();
    Ok(RatesView { exchange_spread: spread, anchors, pairs, height: snapshot.head.height })
}

/// `anchor_A x (1 - spread) / anchor_B`: the rate of whole points, decimals aside.
fn pair(source: &(ClassId, PointClass), target: &(ClassId, PointClass), spread: Rate) -> Pair {
    let kept = u128::from(Rate::ONE - spread.millionths());
    let numerator = u128::from(source.1.terms.anchor.millionths()) * kept;
    let denominator = u128::from(target.1.terms.anchor.millionths()) * u128::from(Rate::ONE);
    let divisor = gcd(numerator, denominator);
    let (numerator, denominator) = (numerator / divisor, denominator / divisor);
    Pair {
        from_class: source.0,
        to_class: target.0,
        out_per_in: Fraction { numerator: numerator.to_string(), denominator: denominator.to_string() },
        out_per_in_decimal: decimal(numerator, denominator),
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The quotient cut after [`DECIMALS`] decimals.
fn decimal(numerator: u128, denominator: u128) -> String {
    let scale = 10_u128.pow(DECIMALS);
    let fraction = (numerator % denominator).checked_mul(scale).map_or(0, |n| n / denominator);
    format!("{}.{:0width$}", numerator / denominator, fraction, width = DECIMALS as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_cut_and_never_rounded() {
        assert_eq!(decimal(2, 3), "0.666666666");
        assert_eq!(decimal(7, 2), "3.500000000");
        assert_eq!(gcd(12, 18), 6);
    }
}
