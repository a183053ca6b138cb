//! One merchant's side of a closed cycle: what every format is written from.
//!
//! Amounts are turned to the merchant's view: positive is owed to it. What can change after the close (the state of a
//! leg, the node's height) is not in here, and kinds of which nothing was owed are left out, so every format gives the
//! same bytes for a cycle whenever, and by whichever later version, it is asked.
//!
//! **Invariant:** the sums of the ledger hold (docs/rules.md, section 4), which `answer` has checked: for each pair
//! `opening + receivable - payable = net = net_fen + closing`; over the pairs, `net_fen` is the position; the legs pay
//! exactly the position.

use tally_contracts::types::{Calendar, ChainId, Fen, MerchantId, Month, Obligation};

use super::text::{date, date_time};

/// A merchant's side of a closed cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The alliance.
    pub alliance: Alliance,
    /// The cycle.
    pub cycle: Month,
    /// When it closed, in ms since 1970: block time of a later month.
    pub closed_at_ms: u64,
    /// Whose statement this is.
    pub merchant: Party,
    /// What there was with each other merchant, by rising id.
    pub pairs: Vec<Pair>,
    /// The payments that the merchant makes or gets, by number.
    pub legs: Vec<Leg>,
}

/// The alliance, as its genesis has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alliance {
    /// Its identity.
    pub chain_id: ChainId,
    /// Its name, for people.
    pub name: String,
    /// What days and months it goes by.
    pub calendar: Calendar,
    /// The month of its genesis: the first cycle.
    pub first_cycle: Month,
}

/// A merchant with its name; the name is fit for any of the formats, though not for every length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its id.
    pub id: MerchantId,
    /// Its name, for people.
    pub name: String,
}

/// What there was with one other merchant; positive amounts are owed by it to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The other merchant.
    pub counterparty: Party,
    /// Remainder of the cycle before.
    pub opening: Obligation,
    /// What came to be owed, by kind in alphabetical order; kinds with nothing either way are left out.
    pub gross: Vec<Gross>,
    /// Opening, plus what we came to be owed, less what we came to owe.
    pub net: Obligation,
    /// Its whole fen, which the legs pay.
    pub net_fen: i64,
    /// What is left below a fen: the opening of the next cycle.
    pub closing: Obligation,
}

/// What came to be owed of one kind. Either may be less than zero: reversals of earlier cycles' sales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gross {
    /// `redemption`, `exchange`, ...: lower-case letters and underscores.
    pub kind: String,
    /// What the other came to owe us.
    pub receivable: Obligation,
    /// What we came to owe the other.
    pub payable: Obligation,
}

/// Which end of a leg we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We pay.
    Payer,
    /// We are paid.
    Payee,
}

/// One payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Its number within the cycle.
    pub number: u16,
    /// Which end of it we are.
    pub side: Side,
    /// Who is at the other end.
    pub counterparty: Party,
    /// How much, more than zero.
    pub amount_fen: Fen,
    /// When it is to be paid, in ms since 1970; nothing where the ledger sets no time.
    pub due_ms: Option<u64>,
}

impl Statement {
    /// What the merchant receives (positive) or pays for the cycle, in fen.
    pub fn position_fen(&self) -> i128 {
        self.pairs.iter().map(|pair| i128::from(pair.net_fen)).sum()
    }

    /// The legs at whose end we are.
    pub fn legs_as(&self, side: Side) -> impl Iterator<Item = &Leg> {
        self.legs.iter().filter(move |leg| leg.side == side)
    }

    /// Names this cycle among all that any alliance may export: 12 digits of the chain id, cycle and merchant; at most
    /// 26 characters.
    pub fn id(&self) -> String {
        format!("{}-{}-{}", self.alliance.short_id(), self.cycle, self.merchant.id)
    }

    /// How a leg is called, here as at the other end: the end-to-end id of its payment; at most 17 characters.
    pub fn leg_name(&self, leg: &Leg) -> String {
        format!("{}-leg-{}", self.cycle, leg.number)
    }

    /// The local time of the close.
    pub fn closed_at(&self) -> String {
        date_time(self.alliance.calendar, self.closed_at_ms)
    }

    /// Start of the cycle's first day and last millisecond of its last, in ms since 1970.
    pub fn period_ms(&self) -> (u64, u64) {
        let start = |month| self.alliance.calendar.start_ms(month);
        (start(self.cycle), start(self.cycle.plus(1)) - 1)
    }

    /// The cycle's number, from 1 with the alliance's first one on.
    pub const fn number(&self) -> u16 {
        self.cycle.0.saturating_sub(self.alliance.first_cycle.0) + 1
    }

    /// The local days that the cycle begins and ends with.
    pub fn days(&self) -> (String, String) {
        let (first_ms, last_ms) = self.period_ms();
        (date(self.alliance.calendar, first_ms), date(self.alliance.calendar, last_ms))
    }

    /// The local day on which a leg is to be paid: when it is due, or at once.
    pub fn due_day(&self, leg: &Leg) -> String {
        date(self.alliance.calendar, leg.due_ms.unwrap_or(self.closed_at_ms))
    }
}

impl Alliance {
    /// The first 12 digits of the chain id: short enough for the ids of ISO 20022.
    pub fn short_id(&self) -> String {
        self.chain_id.to_string().chars().take(12).collect()
    }
}

impl Pair {
    /// What the other came to owe us, all kinds together.
    pub fn receivable(&self) -> Obligation {
        Obligation(self.gross.iter().map(|gross| gross.receivable.0).sum())
    }

    /// What we came to owe the other, all kinds together.
    pub fn payable(&self) -> Obligation {
        Obligation(self.gross.iter().map(|gross| gross.payable.0).sum())
    }

    /// The whole fen, exactly.
    pub const fn settled(&self) -> Obligation {
        Obligation(self.net_fen as i128 * Obligation::PER_FEN)
    }
}

impl Leg {
    /// Positive where we are paid.
    pub fn signed_fen(&self) -> i128 {
        let fen = i128::from(self.amount_fen.0);
        if self.side == Side::Payee { fen } else { -fen }
    }
}
