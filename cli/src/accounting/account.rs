//! The accounts that the books post to, and what they are called in a journal.

use std::fmt;

use tally_contracts::types::{ClassId, MerchantId};

/// An account. The order is that of its names in a journal's declarations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// What the bank's statement clears: legs that were confirmed as paid, in and out.
    Bank,
    /// What was posted with the alliance, from which an overdue leg was paid.
    Collateral,
    /// Legs of closed cycles that the merchant is to pay us.
    LegsFrom(MerchantId),
    /// What the merchant owes us since the last close, with the pair's remainder.
    Receivable(MerchantId),
    /// Whole fen of all pairs together, until the legs take them over: zero after a close.
    Settlement,
    /// The contract liability for points of a class.
    ContractLiability(ClassId),
    /// Legs of closed cycles that we are to pay the merchant.
    LegsTo(MerchantId),
    /// What we are to pay our members for points of the merchant's, which left: it owes it to us.
    Members(MerchantId),
    /// What we owe the merchant since the last close, with the pair's remainder.
    Payable(MerchantId),
    /// What we owe the alliance pool.
    Pool,
    /// What remainders below a fen make the posted balances differ by.
    Rounding,
    /// What disputes brought us.
    AdjustmentGain(MerchantId),
    /// Points that nobody will spend.
    Breakage(ClassId),
    /// What purchases' revenue was deferred by: a debit, less what reversals gave back.
    Deferral(ClassId),
    /// Points of the merchant's that we honoured with our goods.
    Honoured(MerchantId),
    /// What of the contract liability was more than what others are owed for the points.
    LoyaltyGain(ClassId),
    /// Points of ours that we honoured with our own goods.
    OwnGoods(ClassId),
    /// What the pool shared out to us.
    PoolShare,
    /// What the pool gave us back of a quarter's volume.
    Rebate,
    /// What disputes took from us.
    AdjustmentLoss(MerchantId),
    /// What we, a partner, owe the merchant for points that it made of ours.
    Imported(MerchantId),
    /// What the pool takes of the points that we issue.
    Levy(ClassId),
    /// What others are owed for points beyond the contract liability.
    Loyalty(ClassId),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bank => f.write_str("assets:bank-clearing"),
            Self::Collateral => f.write_str("assets:collateral"),
            Self::LegsFrom(id) => write!(f, "assets:legs:merchant-{id}"),
            Self::Receivable(id) => write!(f, "assets:receivable:merchant-{id}"),
            Self::Settlement => f.write_str("assets:settlement"),
            Self::ContractLiability(id) => write!(f, "liabilities:contract:class-{id}"),
            Self::LegsTo(id) => write!(f, "liabilities:legs:merchant-{id}"),
            Self::Members(id) => write!(f, "liabilities:members:merchant-{id}"),
            Self::Payable(id) => write!(f, "liabilities:payable:merchant-{id}"),
            Self::Pool => f.write_str("liabilities:pool"),
            Self::Rounding => f.write_str("equity:rounding"),
            Self::AdjustmentGain(id) => write!(f, "revenue:adjustment:merchant-{id}"),
            Self::Breakage(id) => write!(f, "revenue:breakage:class-{id}"),
            Self::Deferral(id) => write!(f, "revenue:deferral:class-{id}"),
            Self::Honoured(id) => write!(f, "revenue:honoured:merchant-{id}"),
            Self::LoyaltyGain(id) => write!(f, "revenue:loyalty:class-{id}"),
            Self::OwnGoods(id) => write!(f, "revenue:points:class-{id}"),
            Self::PoolShare => f.write_str("revenue:pool-share"),
            Self::Rebate => f.write_str("revenue:rebate"),
            Self::AdjustmentLoss(id) => write!(f, "expenses:adjustment:merchant-{id}"),
            Self::Imported(id) => write!(f, "expenses:import:merchant-{id}"),
            Self::Levy(id) => write!(f, "expenses:levy:class-{id}"),
            Self::Loyalty(id) => write!(f, "expenses:loyalty:class-{id}"),
        }
    }
}
