//! The alliance pool: what it is owed, what merchants contributed this month, and how ended months were shared out.

use serde::Serialize;
use tally_contracts::pool::{Contribution, Distribution};
use tally_contracts::state::{read, read_range, tag};
use tally_contracts::types::{Height, MerchantId, Month, Obligation};
use utoipa::ToSchema;

use super::classes::{Listing, MAX_LIST};
use super::{Missing, QueryError, Snapshot};

/// The pool as it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PoolView {
    /// What it is owed, all issuers together, in 10^-8 CNY.
    pub total: Obligation,
    /// By issuer, by rising number.
    pub claims: Vec<IssuerClaim>,
    /// The month that the head's block time lies in.
    pub month: Month,
    /// What merchants contributed in it so far, by rising number.
    pub contributions: Vec<ContributionView>,
    /// The height that this is as of.
    pub height: Height,
}

/// What an issuer owes the pool.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct IssuerClaim {
    /// The issuer.
    pub issuer: MerchantId,
    /// How much, in 10^-8 CNY; less than zero where levies taken back outweigh the rest.
    pub amount: Obligation,
}

/// What a merchant contributed in a month.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ContributionView {
    /// The merchant.
    pub merchant: MerchantId,
    /// Referrals, those that converted, and others' points honoured.
    #[serde(flatten)]
    pub contribution: Contribution,
}

/// How a month was shared out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DistributionView {
    /// The month.
    pub month: Month,
    /// Pool, shares, rebates, reserve and carry.
    #[serde(flatten)]
    pub distribution: Distribution,
}

/// The pool.
#[must_use]
pub fn pool(snapshot: &Snapshot<'_>) -> PoolView {
    let claims: Vec<(MerchantId, Obligation)> =
        read_range(snapshot.store, tag::pool_claims, &MerchantId(0), None, MAX_LIST);
    let month = snapshot.calendar().month(snapshot.head.time_ms);
    let (start, end) = ((month, MerchantId::POOL), (month.plus(1), MerchantId::POOL));
    let contributions: Vec<((Month, MerchantId), Contribution)> =
        read_range(snapshot.store, tag::contributions, &start, Some(&end), MAX_LIST);
    PoolView {
        total: Obligation(claims.iter().map(|(_, amount)| amount.0).sum()),
        claims: claims.into_iter().map(|(issuer, amount)| IssuerClaim { issuer, amount }).collect(),
        month,
        contributions: contributions
            .into_iter()
            .map(|((_, merchant), contribution)| ContributionView { merchant, contribution })
            .collect(),
        height: snapshot.head.height,
    }
}

/// Every distribution, oldest first.
#[must_use]
pub fn distributions(snapshot: &Snapshot<'_>) -> Listing<DistributionView> {
    let all: Vec<(Month, Distribution)> = read_range(snapshot.store, tag::distributions, &Month(0), None, MAX_LIST);
    let view = |(month, distribution)| DistributionView { month, distribution };
    Listing::new(snapshot, all.into_iter().map(view).collect())
}

/// The distribution of one month.
///
/// # Errors
/// [`QueryError::NotFound`], also for a month in which there was nothing to share out.
pub fn distribution(snapshot: &Snapshot<'_>, month: Month) -> Result<DistributionView, QueryError> {
    let found: Option<Distribution> = read(snapshot.store, tag::distributions, &month);
    let distribution = found.ok_or(QueryError::NotFound(Missing::Distribution(month)))?;
    Ok(DistributionView { month, distribution })
}
