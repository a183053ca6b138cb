//! The distribution of a month: the pool's claims on issuers become what issuers owe merchants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Contribution, Distribution, PoolShare, apportion, rebate_fen, weight};
use crate::genesis::{MAX_CAP_FEN, MAX_MERCHANTS};
use crate::governance;
use crate::membership::Merchant;
use crate::rejection::Rejection;
use crate::settlement::{self, Debt, NetPosition, Payment, payments};
use crate::state::Overlay;
use crate::types::{Fen, MerchantId, Month, Obligation};

/// Months of a quarter.
const QUARTER: u16 = 3;

/// What a distribution came to; the rest is state under its month.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct Distributed {
    /// The month that ended.
    pub month: Month,
    /// Shares together, in fen.
    pub shares_fen: Fen,
    /// Rebates paid together, in fen.
    pub rebates_fen: Fen,
    /// What of the rebates due could not be paid, in fen.
    pub shortfall_fen: Fen,
    /// What issuers came to owe merchants by it.
    pub debts: Vec<DistributedDebt>,
}

/// What an issuer gave beyond what it got itself, and who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct DistributedDebt {
    /// Who owes.
    pub debtor: MerchantId,
    /// Who is owed.
    pub creditor: MerchantId,
    /// How much, in fen.
    pub amount_fen: Fen,
}

/// Shares the pool out for a month that has ended, booked in the open cycle; none where there is nothing to tell.
pub(crate) fn distribute(overlay: &mut Overlay<'_>, month: Month) -> Option<Distributed> {
    let claims = claims(overlay);
    let mut shares = parties(overlay, month);
    let pool = Obligation(claims.iter().map(|(_, claim)| claim.0).sum());
    // No claim counts for more than any merchant may owe: sums and products fit whatever was issued.
    let whole: Vec<u64> = claims.iter().map(|(_, claim)| whole_fen(*claim).min(MAX_CAP_FEN.0)).collect();
    // What there is to give is bounded by the pool and by the whole fen that issuers owe it.
    let available = whole_fen(pool).min(whole.iter().sum()).min(MAX_CAP_FEN.0);
    let due: u64 = shares.iter().map(|share| share.rebate_due_fen.0).sum();
    let ends_quarter = month.plus(1).0.is_multiple_of(QUARTER);
    let (reserved, paid) = if ends_quarter { (0, due.min(available)) } else { (due.min(available), 0) };
    let rebates = apportion(paid, &column(&shares, |share| share.rebate_due_fen.0.into()));
    let weighed = column(&shares, |share| u128::from(share.base_share) * u128::from(share.weight.millionths()));
    let parts = apportion(available - reserved - paid, &weighed);
    for ((share, part), rebate) in shares.iter_mut().zip(parts).zip(rebates) {
        share.share_fen = Fen(part);
        share.rebate_paid_fen = Fen(rebate);
    }
    let shares_fen: u64 = shares.iter().map(|share| share.share_fen.0).sum();
    let given = shares_fen + paid;
    if pool == Obligation(0) && due == 0 {
        return None;
    }
    let by_issuer = apportion(given, &whole.iter().map(|fen| u128::from(*fen)).collect::<Vec<_>>());
    overlay.keep();
    let Ok(debts) = pass_on(overlay, &claims, &by_issuer, &shares) else {
        // A pair's total of the cycle has no room for it: the claims stay for the next month.
        overlay.undo();
        return None;
    };
    let kept = Obligation::from_fen(Fen(given + reserved));
    let (height, time_ms) = (overlay.context.height, overlay.context.time_ms);
    let carry = Obligation(pool.0 - kept.0);
    overlay.distributions.put(month, Distribution { height, time_ms, pool, shares, reserve_fen: Fen(reserved), carry });
    let shortfall_fen = Fen(if ends_quarter { due - paid } else { 0 });
    Some(Distributed { month, shares_fen: Fen(shares_fen), rebates_fen: Fen(paid), shortfall_fen, debts })
}

fn column(shares: &[PoolShare], value: impl Fn(&PoolShare) -> u128) -> Vec<u128> {
    shares.iter().map(value).collect()
}

/// What each issuer owes the pool, by rising issuer.
fn claims(overlay: &mut Overlay<'_>) -> Vec<(MerchantId, Obligation)> {
    overlay.pool_claims.scan(&MerchantId::POOL, &MerchantId(u16::MAX), MAX_MERCHANTS)
}

/// Whole fen of an amount; none of one below zero.
fn whole_fen(amount: Obligation) -> u64 {
    Obligation(amount.0.max(0)).floor_fen().map_or(u64::MAX / MAX_MERCHANTS as u64, |fen| fen.0)
}

/// Every merchant whose run-off is not over, with its weight for the month and the rebate on its quarter so far.
fn parties(overlay: &mut Overlay<'_>, month: Month) -> Vec<PoolShare> {
    let parameters = governance::parameters(overlay);
    let merchants = overlay.merchants.scan(&MerchantId::POOL, &MerchantId(u16::MAX), MAX_MERCHANTS);
    let staying = merchants.into_iter().filter(|(_, m)| !m.is_partner && !m.is_wound_up());
    let of_month = contributions(overlay, month, 1);
    let of_quarter = contributions(overlay, Month(month.0 - month.0 % QUARTER), QUARTER);
    let most = of_month.values().map(|c| c.honoured).max().unwrap_or_default();
    let share = |(id, merchant): (MerchantId, Merchant)| {
        let volume = of_quarter.get(&id).copied().unwrap_or_default().honoured;
        let volume_fen = Fen(whole_fen(volume));
        PoolShare {
            merchant: id,
            base_share: merchant.base_share,
            weight: weight(&parameters.pool, &of_month.get(&id).copied().unwrap_or_default(), most),
            share_fen: Fen(0),
            volume_fen,
            rebate_due_fen: rebate_fen(&parameters.rebate, volume_fen),
            rebate_paid_fen: Fen(0),
        }
    };
    staying.map(share).collect()
}

/// What merchants contributed in so many months from a month on.
fn contributions(overlay: &mut Overlay<'_>, from: Month, months: u16) -> BTreeMap<MerchantId, Contribution> {
    let (start, end) = ((from, MerchantId::POOL), (from.plus(months), MerchantId::POOL));
    let rows = overlay.contributions.scan(&start, &end, MAX_MERCHANTS * usize::from(months));
    let mut sums: BTreeMap<MerchantId, Contribution> = BTreeMap::new();
    for ((_, merchant), row) in rows {
        let sum = sums.entry(merchant).or_default();
        sum.referrals += row.referrals;
        sum.converted += row.converted;
        sum.honoured.0 += row.honoured.0;
    }
    sums
}

/// Turns what is given of each claim into debts: what an issuer gives beyond its own share it owes those that get more.
///
/// # Errors
/// `overflow`.
fn pass_on(
    overlay: &mut Overlay<'_>,
    claims: &[(MerchantId, Obligation)],
    given: &[u64],
    shares: &[PoolShare],
) -> Result<Vec<DistributedDebt>, Rejection> {
    let mut net: BTreeMap<MerchantId, i64> = BTreeMap::new();
    let signed = |fen: u64| i64::try_from(fen).expect("no more is given than the highest cap");
    for ((issuer, claim), fen) in claims.iter().zip(given) {
        let left = Obligation(claim.0 - Obligation::from_fen(Fen(*fen)).0);
        if left == Obligation(0) {
            overlay.pool_claims.delete(*issuer);
        } else {
            overlay.pool_claims.put(*issuer, left);
        }
        *net.entry(*issuer).or_default() -= signed(*fen);
    }
    for share in shares {
        *net.entry(share.merchant).or_default() += signed(share.share_fen.0 + share.rebate_paid_fen.0);
    }
    let positions: Vec<NetPosition> =
        net.into_iter().map(|(merchant, net_fen)| NetPosition { merchant, net_fen }).collect();
    let book = |payment: Payment| {
        let Payment { payer: debtor, payee: creditor, amount_fen } = payment;
        settlement::book_uncapped(overlay, &Debt::distribution(debtor, creditor, Obligation::from_fen(amount_fen)))?;
        Ok(DistributedDebt { debtor, creditor, amount_fen })
    };
    payments(&positions).into_iter().map(book).collect()
}
