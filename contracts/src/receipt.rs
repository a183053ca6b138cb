//! Receipts: the recorded outcome of each operation, replicated and in the transparency log.

use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

use crate::rejection::Rejection;
use crate::types::{Address, Fen, Height, Month, Obligation, Points, Reference};

/// Most bytes of a receipt whose `Applied` has at most so many fields' bytes: the reference and the outcome's tag, then
/// `Applied` with its tag, or a duplicate's height and index, whichever is longer.
#[must_use]
pub const fn max_bytes(max_applied_bytes: usize) -> usize {
    let (applied, duplicate) = (4 + max_applied_bytes, 8 + 4);
    16 + 4 + if applied > duplicate { applied } else { duplicate }
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
pub struct Receipt {
    /// The operation's reference.
    pub reference: Reference,
    /// Applied, known already, or refused.
    pub outcome: Outcome,
}

/// Applied, known already, or refused.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// The clock stands at the block's time.
    #[wincode(tag = 1)]
    ClockSet,
    /// The class is open.
    #[wincode(tag = 2)]
    ClassCreated,
    /// The member is known by this address from now on.
    #[wincode(tag = 10)]
    Enrolled {
        /// The card code.
        member: Address,
    },
    /// Points were issued; zero where the purchase was too small to earn any.
    #[wincode(tag = 20)]
    Issued {
        /// Points earned.
        points: Points,
        /// The last month in which they can be spent.
        expires: Month,
        /// Live points of the class after it.
        balance: Points,
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
    /// The leg counts as paid.
    #[wincode(tag = 40)]
    LegConfirmed,
}

impl Receipt {
    /// The receipt of a refused operation.
    #[must_use]
    pub const fn rejected(reference: Reference, rejection: Rejection) -> Self {
        Self { reference, outcome: Outcome::Rejected(rejection) }
    }
}
