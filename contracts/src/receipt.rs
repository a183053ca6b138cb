//! Receipts: the recorded outcome of each operation, replicated and in the transparency log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::rejection::Rejection;
use crate::types::{Address, ClassId, Fen, Height, MerchantId, Month, Obligation, Points, Reference};

/// Most bytes of a receipt whose `Applied` has at most so many fields' bytes: the reference and the outcome's tag, then
/// `Applied` with its tag, or a duplicate's height and index, whichever is longer.
#[must_use]
pub const fn max_bytes(max_applied_bytes: usize) -> usize {
    let (applied, duplicate) = (4 + max_applied_bytes, 8 + 4);
    16 + 4 + if applied > duplicate { applied } else { duplicate }
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// The operation's reference.
    pub reference: Reference,
    /// Applied, known already, or refused.
    pub outcome: Outcome,
}

/// Applied, known already, or refused.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It changed state as told.
    #[wincode(tag = 1)]
    Applied(Applied),
    /// The same reference with the same body had its outcome before; the first receipt stands there.
    #[wincode(tag = 2)]
    Duplicate {
        /// Block of the first receipt.
        height: Height,
        /// Position of the operation in that block, over all its transactions.
        index: u32,
    },
    /// A rule refused it.
    #[wincode(tag = 3)]
    Rejected(Rejection),
}

/// What an applied operation brought about.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// The clock stands at the block's time.
    #[wincode(tag = 1)]
    ClockSet,
    /// The class is open.
    #[wincode(tag = 2)]
    ClassCreated,
    /// The key signs from the next block on.
    #[wincode(tag = 3)]
    KeyAdded,
    /// The key signs nothing from the next block on.
    #[wincode(tag = 4)]
    KeyRevoked,
    /// From the next block on the new key signs in place of the old.
    #[wincode(tag = 5)]
    KeyRotated,
    /// The store's limits hold from now on.
    #[wincode(tag = 6)]
    StoreLimitsSet,
    /// The anchor takes effect by itself.
    #[wincode(tag = 7)]
    AnchorAnnounced {
        /// The version of the rate table that the announcement made.
        version: u32,
    },
    /// The calendar holds from now on.
    #[wincode(tag = 8)]
    BusinessDaysSet,
    /// The collateral is on record.
    #[wincode(tag = 9)]
    CollateralSet,
    /// The member is known by this address from now on.
    #[wincode(tag = 10)]
    Enrolled {
        /// The card code.
        member: Address,
    },
    /// The wallet key is on record.
    #[wincode(tag = 12)]
    WalletRegistered,
    /// The new wallet key is in effect.
    #[wincode(tag = 13)]
    WalletRotated,
    /// The new wallet key takes effect by itself, unless the old one is heard of before.
    #[wincode(tag = 14)]
    RecoveryStarted {
        /// From this block time on, in ms since 1970.
        effective_ms: u64,
    },
    /// The member gives nothing until it is unfrozen.
    #[wincode(tag = 15)]
    Frozen,
    /// The member gives again.
    #[wincode(tag = 16)]
    Unfrozen,
    /// Points were issued; zero where the purchase was too small to earn any.
    #[wincode(tag = 20)]
    Issued {
        /// Points earned.
        points: Points,
        /// How many of them went at once to repay owed points.
        repaid: Points,
        /// The last month in which they can be spent.
        expires: Month,
        /// Live points of the class after it.
        balance: Points,
        /// What the issuer owes the alliance pool for them, exact.
        pool_obligation: Obligation,
    },
    /// Points changed hands.
    #[wincode(tag = 21)]
    Transferred {
        /// The giver's live points of the class after it.
        from_balance: Points,
        /// The receiver's live points of the class after it.
        to_balance: Points,
    },
    /// Points were spent.
    #[wincode(tag = 22)]
    Redeemed {
        /// Cash off at the till, in whole fen.
        cash_off_fen: Fen,
        /// What the issuer owes the acceptor for it, exact; zero at the issuer's own till.
        obligation: Obligation,
        /// Live points of the class after it.
        balance: Points,
    },
    /// Points are set aside.
    #[wincode(tag = 23)]
    Held {
        /// Cash off at the till when all of it is captured, in whole fen.
        cash_off_fen: Fen,
        /// Live points of the class after it.
        balance: Points,
    },
    /// Points of a hold were spent; the rest is released.
    #[wincode(tag = 24)]
    Captured {
        /// Whose points.
        member: Address,
        /// Which points.
        class: ClassId,
        /// Cash off at the till, in whole fen.
        cash_off_fen: Fen,
        /// What the issuer owes the acceptor for it, exact; zero at the issuer's own till.
        obligation: Obligation,
        /// Live points given back.
        released: Points,
        /// Points given back that had lapsed.
        expired: Points,
        /// Live points of the class after it.
        balance: Points,
    },
    /// A hold was released.
    #[wincode(tag = 25)]
    Voided {
        /// Whose points.
        member: Address,
        /// Which points.
        class: ClassId,
        /// Live points given back.
        released: Points,
        /// Points given back that had lapsed.
        expired: Points,
        /// Live points of the class after it.
        balance: Points,
    },
    /// Spent points came back.
    #[wincode(tag = 26)]
    RedemptionReversed {
        /// Whose points.
        member: Address,
        /// Which points.
        class: ClassId,
        /// By how much the cash off of what stays spent fell, in whole fen.
        cash_off_fen: Fen,
        /// What the issuer owes the acceptor more: negative, exact; zero at the issuer's own till.
        obligation: Obligation,
        /// Live points of the class after it.
        balance: Points,
    },
    /// Points of a refunded purchase were clawed back.
    #[wincode(tag = 27)]
    IssueReversed {
        /// Whose points.
        member: Address,
        /// Which points.
        class: ClassId,
        /// Points that the refunded part had earned.
        points: Points,
        /// How many of them the member did not have and owes now.
        owed: Points,
        /// Live points of the class after it.
        balance: Points,
        /// What of its levy the issuer no longer owes the alliance pool, exact; zero or less.
        pool_obligation: Obligation,
    },
    /// Points became points of another class.
    #[wincode(tag = 30)]
    Exchanged {
        /// Points received.
        points_out: Points,
        /// Live points of the source class after it.
        from_balance: Points,
        /// Live points of the target class after it.
        to_balance: Points,
        /// What the source's issuer owes the target's, exact.
        obligation: Obligation,
        /// What the source's issuer owes the alliance pool, exact.
        pool_obligation: Obligation,
    },
    /// Points became points of a sub class.
    #[wincode(tag = 31)]
    Split {
        /// Points received.
        points_out: Points,
        /// Live points of the main class after it.
        from_balance: Points,
        /// Live points of the sub class after it.
        to_balance: Points,
        /// What the issuer owes the alliance pool, exact.
        pool_obligation: Obligation,
    },
    /// A partner's points became points of a class.
    #[wincode(tag = 32)]
    Imported {
        /// Points received.
        points: Points,
        /// The last month in which they can be spent.
        expires: Month,
        /// Live points of the class after it.
        balance: Points,
        /// What the partner owes the class's issuer, exact.
        obligation: Obligation,
    },
    /// The leg counts as paid.
    #[wincode(tag = 40)]
    LegConfirmed,
    /// The evidence of the payment is on record.
    #[wincode(tag = 41)]
    PaymentReported,
    /// The leg was paid from the payer's collateral.
    #[wincode(tag = 42)]
    CollateralDrawn,
    /// The creditor is asked to answer.
    #[wincode(tag = 43)]
    DisputeOpened {
        /// Without an answer before this block time the dispute is accepted, in ms since 1970.
        answer_due_ms: u64,
    },
    /// The creditor contests it: the governors are asked.
    #[wincode(tag = 44)]
    DisputeContested {
        /// Without a decision before this block time the dispute is dismissed, in ms since 1970.
        decision_due_ms: u64,
    },
    /// The dispute ended in favour of whoever opened it.
    #[wincode(tag = 45)]
    DisputeAdjusted {
        /// Who owed for the operation.
        debtor: MerchantId,
        /// Who was owed for it, and owes the adjustment.
        creditor: MerchantId,
        /// What the creditor owes the debtor, exact.
        adjustment: Obligation,
    },
    /// The dispute ended without an adjustment.
    #[wincode(tag = 46)]
    DisputeDismissed,
    /// The merchant's voice is counted; the act waits for others.
    #[wincode(tag = 47)]
    Voiced {
        /// Voices so far.
        voices: u16,
        /// How many carry it out.
        needed: u16,
    },
    /// The vote is counted.
    #[wincode(tag = 50)]
    Voted {
        /// Merchants for it so far.
        approvals: u16,
        /// Merchants against it so far.
        against: u16,
        /// How many have to be for it.
        needed: u16,
        /// Once it has passed: in the first block at or past this time it takes effect, in ms since 1970.
        effective_ms: Option<u64>,
    },
    /// The merchant has left.
    #[wincode(tag = 51)]
    Departed {
        /// The first height that its node does not validate.
        from_height: Height,
    },
    /// The referral is on record.
    #[wincode(tag = 60)]
    Referred,
    /// The referral counts as converted.
    #[wincode(tag = 61)]
    ReferralConverted,
    /// The merchant vouches for the checkpoint.
    #[wincode(tag = 70)]
    Attested {
        /// Merchants that vouch for the same roots so far.
        attested: u16,
        /// How many make the checkpoint final.
        needed: u16,
        /// Whether these roots make the checkpoint final.
        is_final: bool,
    },
    /// The evidence is on record.
    #[wincode(tag = 71)]
    Anchored,
}

impl Applied {
    /// Whose points of which class moved, where the operation's body names neither but an earlier operation.
    #[must_use]
    pub const fn holding(&self) -> Option<(Address, ClassId)> {
        match self {
            Self::Captured { member, class, .. }
            | Self::Voided { member, class, .. }
            | Self::RedemptionReversed { member, class, .. }
            | Self::IssueReversed { member, class, .. } => Some((*member, *class)),
            _ => None,
        }
    }
}

impl Receipt {
    /// The receipt of a refused operation.
    #[must_use]
    pub const fn rejected(reference: Reference, rejection: Rejection) -> Self {
        Self { reference, outcome: Outcome::Rejected(rejection) }
    }
}
