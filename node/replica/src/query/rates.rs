//! Exchange rates, exactly: what one whole point of a class becomes in another.

use serde::Serialize;
use tally_contracts::exchange::{self, RateVersion, TermsOfDay, terms_of};
use tally_contracts::genesis::{ExchangeDay, Parameters};
use tally_contracts::points::{AnnouncedAnchor, PointClass};
use tally_contracts::state::{Cache, Overlay, read, read_range, tag};
use tally_contracts::types::{ClassId, Height, Rate};
use utoipa::ToSchema;

use super::{Missing, QueryError, Snapshot};

/// Pairs that one answer lists, at most.
const MAX_PAIRS: usize = 10_000;
/// Versions of the rate table that one answer tells of, at most.
const MAX_HISTORY: u32 = 100;
/// Decimals of a rate's approximation.
const DECIMALS: u32 = 9;

/// Anchors, spreads and the rates that follow, today.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RatesView {
    /// The version of the rate table: it rises with each announcement and each anchor that takes effect.
    pub version: u32,
    /// What made the latest versions, newest first; the first version is genesis.
    pub history: Vec<VersionView>,
    /// Days of the week with a lower spread.
    pub exchange_days: Vec<ExchangeDay>,
    /// The value of one point of each class, by rising class.
    pub anchors: Vec<Anchor>,
    /// Every ordered pair asked for.
    pub pairs: Vec<Pair>,
    /// The height that the rates are as of.
    pub height: Height,
}

/// What a point is worth.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ClassAnchor)]
pub struct Anchor {
    /// The class.
    pub class: ClassId,
    /// CNY per whole point.
    pub anchor: Rate,
    /// An anchor to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced: Option<AnnouncedAnchor>,
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
    /// Spread, least lot and daily limits, today.
    #[serde(flatten)]
    pub terms: TermsOfDay,
    /// Points received for one point given, as an exact fraction in lowest terms.
    pub out_per_in: Fraction,
    /// The same, cut after nine decimals.
    pub out_per_in_decimal: String,
}

/// A version of the rate table.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VersionView {
    /// Its number.
    pub version: u32,
    /// What made it.
    #[serde(flatten)]
    pub made_by: RateVersion,
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
        return Err(QueryError::NotFound(Missing::Class(id)));
    }
    if query.from_class.is_some() && query.from_class == query.to_class {
        return Err(QueryError::Parameters("from_class and to_class are the same: nothing is exchanged".into()));
    }
    let side = |wanted: Option<ClassId>| classes.iter().filter(move |(id, _)| wanted.is_none_or(|w| w == *id));
    if side(query.from_class).count() * side(query.to_class).count() > MAX_PAIRS {
        let reason = "there are too many pairs for one answer: name from_class or to_class";
        return Err(QueryError::Parameters(reason.into()));
    }
    let mut overlay = Overlay::new(snapshot.store, snapshot.context(), Cache::default());
    let pairs = side(query.from_class)
        .flat_map(|source| side(query.to_class).map(move |target| (source, target)))
        .filter(|(source, target)| source.0 != target.0)
        .filter(|(source, target)| source.1.terms.sub.is_none() && target.1.terms.sub.is_none())
        .map(|(source, target)| pair(source, target, terms_of(&mut overlay, (source.0, target.0))))
        .collect();
    let anchor = |(class, c): &(ClassId, PointClass)| Anchor {
        class: *class,
        anchor: c.terms.anchor,
        announced: c.announced,
        decimals: c.terms.decimals,
    };
    let version = exchange::version(&mut overlay);
    let since = (version + 1).saturating_sub(MAX_HISTORY);
    let versions: Vec<(u32, RateVersion)> =
        read_range(snapshot.store, tag::rate_versions, &since, None, MAX_HISTORY as usize);
    let parameters: Parameters = read(snapshot.store, tag::parameters, &()).expect("genesis wrote the parameters");
    Ok(RatesView {
        version,
        history: versions.into_iter().rev().map(|(version, made_by)| VersionView { version, made_by }).collect(),
        exchange_days: parameters.exchange.days,
        anchors: classes.iter().map(anchor).collect(),
        pairs,
        height: snapshot.head.height,
    })
}

/// `given_A x (1 - spread) / received_B`: the rate of whole points, decimals aside.
fn pair(source: &(ClassId, PointClass), target: &(ClassId, PointClass), terms: TermsOfDay) -> Pair {
    let kept = u128::from(Rate::ONE - terms.spread.millionths());
    let numerator = u128::from(source.1.given_anchor().millionths()) * kept;
    let denominator = u128::from(target.1.received_anchor().millionths()) * u128::from(Rate::ONE);
    let divisor = gcd(numerator, denominator);
    let (numerator, denominator) = (numerator / divisor, denominator / divisor);
    Pair {
        from_class: source.0,
        to_class: target.0,
        terms,
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
