//! Records of settlement.

use serde::Serialize;
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::types::{Fen, Height, MerchantId, Obligation};

/// What one merchant came to owe another in a cycle, by what it is for; exact. Less than zero where reversals of earlier
/// cycles' sales outweigh it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Gross {
    /// Points of the debtor's that the creditor redeemed.
    pub redemption: Obligation,
    /// Points of the debtor's that became points of the creditor's.
    pub exchange: Obligation,
    /// Outside points of the debtor's, a partner, that became points of the creditor's.
    pub import: Obligation,
    /// What disputes of earlier operations came to.
    pub adjustment: Obligation,
    /// Points of the debtor's, a merchant that leaves, that the creditor pays members of its for.
    pub buy_out: Obligation,
    /// What the debtor owed the pool and the pool passed on to the creditor.
    pub distribution: Obligation,
}

impl Gross {
    /// All kinds together.
    #[must_use]
    pub const fn total(&self) -> Obligation {
        let Self { redemption, exchange, import, adjustment, buy_out, distribution } = self;
        Obligation(redemption.0 + exchange.0 + import.0 + adjustment.0 + buy_out.0 + distribution.0)
    }

    /// With another debt on top.
    #[must_use]
    pub const fn plus(&self, more: &Self) -> Self {
        Self {
            redemption: Obligation(self.redemption.0 + more.redemption.0),
            exchange: Obligation(self.exchange.0 + more.exchange.0),
            import: Obligation(self.import.0 + more.import.0),
            adjustment: Obligation(self.adjustment.0 + more.adjustment.0),
            buy_out: Obligation(self.buy_out.0 + more.buy_out.0),
            distribution: Obligation(self.distribution.0 + more.distribution.0),
        }
    }
}

/// Where a merchant stands in the open cycle. The pool's claims are not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Position {
    /// What it came to owe since the last close.
    pub payable: Obligation,
    /// What it came to be owed since the last close.
    pub receivable: Obligation,
    /// What open holds of its points at other merchants may make it owe.
    pub reserved: Obligation,
    /// Legs of closed cycles that it is to pay and that are not confirmed yet.
    pub unconfirmed_fen: Fen,
}

impl Position {
    /// What counts against the net debit cap (docs/rules.md, 4).
    #[must_use]
    pub fn net_debit(&self) -> Obligation {
        let open = (self.payable.0 - self.receivable.0).max(0);
        Obligation(open + self.reserved.0 + Obligation::from_fen(self.unconfirmed_fen).0)
    }
}

/// How an unordered pair of merchants `low < high` came out of a cycle. Positive amounts are owed by `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct PairNet {
    /// Remainder of the cycle before.
    pub opening: Obligation,
    /// Opening remainder plus gross low to high minus gross high to low.
    pub net: Obligation,
    /// Whole fen of the net, truncated toward zero: what enters the positions.
    pub net_fen: i64,
    /// What is left below a fen, with its sign: the opening of the next cycle.
    pub closing: Obligation,
}

/// A closed cycle. Its pairs, gross amounts and legs are records of their own under the same cycle.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Statement {
    /// The block that closed it.
    pub height: Height,
    /// Its time in ms since 1970.
    pub time_ms: u64,
    /// Net of each merchant that has one, in fen, by rising id: positive is to be received. Their sum is zero.
    pub positions: Vec<NetPosition>,
    /// How many legs pay it; fewer than there are positions.
    pub legs: u16,
}

/// What a merchant receives (positive) or pays (negative) for a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct NetPosition {
    /// Who.
    pub merchant: MerchantId,
    /// How much, in fen.
    pub net_fen: i64,
}

/// One payment that a cycle's close asks for.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Leg {
    /// Who pays.
    pub payer: MerchantId,
    /// Who is paid.
    pub payee: MerchantId,
    /// How much, more than zero.
    pub amount_fen: Fen,
    /// When it is due, in ms since 1970.
    pub due_ms: u64,
    /// When it goes to the governors if it is not confirmed by then, in ms since 1970.
    pub deadline_ms: u64,
    /// The payer's evidence of the payment: its bank's reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank_reference: Option<String>,
    /// Whether it was unconfirmed for so long that it is before the governors.
    pub is_escalated: bool,
    /// Whether it counts as paid.
    pub state: LegState,
}

/// Whether a leg counts as paid.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    /// Not yet: it counts against the payer's net debit cap.
    #[wincode(tag = 1)]
    Open,
    /// The payee has confirmed it.
    #[wincode(tag = 2)]
    Confirmed {
        /// In this block.
        height: Height,
    },
    /// It was paid from the payer's collateral.
    #[wincode(tag = 3)]
    Drawn {
        /// In this block.
        height: Height,
    },
}
