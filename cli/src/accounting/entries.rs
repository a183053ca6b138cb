//! Journal entries: what is booked on a day for one reason, one class and one counterparty, exactly.
//!
//! **Invariant**: the postings of an entry sum to zero, so assets are liabilities and equity after each of them.

use std::collections::BTreeMap;

use tally_contracts::types::{ClassId, Day, MerchantId, Month};

use super::account::Account;
use super::amount::Cny;

/// Why something is booked; in the order of a day's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Points were issued.
    Issue,
    /// Points of refunded purchases were clawed back, or taken to repay owed points.
    IssueReversal,
    /// The pool is owed its part of points that were issued.
    Levy,
    /// That was taken back with them.
    LevyReversal,
    /// A partner's points became ours.
    Import,
    /// Our points, a partner's, became another's.
    ImportGiven,
    /// Our points were spent with us.
    OwnRedemption,
    /// That was undone.
    OwnReversal,
    /// Our points were spent with another.
    Redemption,
    /// That was undone.
    Reversal,
    /// Another's points were spent with us.
    Honour,
    /// That was undone.
    HonourReversal,
    /// Our points became another's.
    ExchangeOut,
    /// Another's points became ours.
    ExchangeIn,
    /// Our points became ours of another class.
    Conversion,
    /// A class of ours was closed, and its points are paid for.
    BuyOut,
    /// Our members are paid for points of a merchant that left.
    PayOut,
    /// A dispute gave us something.
    AdjustmentGain,
    /// A dispute took something from us.
    AdjustmentLoss,
    /// A leg was confirmed as paid, or drawn from collateral.
    Paid,
    /// Points expired.
    Expiry,
    /// A cycle was closed: receivable and payable of a pair, netted.
    Close,
    /// A payment that the close asks for.
    Leg,
    /// The pool was shared out for a month.
    Distribution,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::IssueReversal => "reverse-issue",
            Self::Levy => "levy",
            Self::LevyReversal => "reverse-levy",
            Self::Import => "import",
            Self::ImportGiven => "import-given",
            Self::OwnRedemption => "redeem-own",
            Self::OwnReversal => "reverse-own",
            Self::Redemption => "redeem",
            Self::Reversal => "reverse",
            Self::Honour => "honour",
            Self::HonourReversal => "reverse-honour",
            Self::ExchangeOut => "exchange-out",
            Self::ExchangeIn => "exchange-in",
            Self::Conversion => "convert",
            Self::BuyOut => "buy-out",
            Self::PayOut => "pay-out",
            Self::AdjustmentGain => "adjust-for",
            Self::AdjustmentLoss => "adjust-against",
            Self::Paid => "paid",
            Self::Expiry => "expire",
            Self::Close => "net",
            Self::Leg => "leg",
            Self::Distribution => "distribute",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Issue => "points issued for purchases",
            Self::IssueReversal => "points of purchases taken back",
            Self::Levy => "the pool's part of points issued",
            Self::LevyReversal => "the pool's part of points taken back",
            Self::Import => "a partner's points became ours",
            Self::ImportGiven => "our points became another's",
            Self::OwnRedemption => "points spent on our own goods",
            Self::OwnReversal => "points spent on our own goods came back",
            Self::Redemption => "points spent with a third party",
            Self::Reversal => "points spent with a third party came back",
            Self::Honour => "another's points spent with us",
            Self::HonourReversal => "another's points spent with us went back",
            Self::ExchangeOut => "points became another's",
            Self::ExchangeIn => "another's points became ours",
            Self::Conversion => "points became ours of another class",
            Self::BuyOut => "class closed, points bought out",
            Self::PayOut => "points of a merchant that left, for which our members are paid",
            Self::AdjustmentGain => "dispute that ended for us",
            Self::AdjustmentLoss => "dispute that ended against us",
            Self::Paid => "payment confirmed or drawn",
            Self::Expiry => "points expired",
            Self::Close => "cycle closed, whole fen netted",
            Self::Leg => "payment that the close asks for",
            Self::Distribution => "month ended, shared out",
        }
    }
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A class by itself.
    Class(ClassId),
    /// A class, and who spent or gave for it.
    With(ClassId, MerchantId),
    /// A class, and the class that it came from or became.
    Classes(ClassId, ClassId),
    /// A pair.
    Merchant(MerchantId),
    /// A leg of a cycle.
    Leg(Month, u16),
    /// The alliance pool.
    Pool,
}

/// What an entry is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// The month in which it is booked.
    pub month: Month,
    /// The local day in that month.
    pub day: Day,
    /// Why.
    pub kind: Kind,
    /// Of what.
    pub subject: Subject,
}

impl EntryId {
    /// Its code in a journal, unique in a merchant's books.
    pub fn code(&self) -> String {
        let Self { day, kind, subject, .. } = self;
        let name = kind.name();
        match subject {
            Subject::Class(class) => format!("{day}-{name}-{class}"),
            Subject::With(class, merchant) => format!("{day}-{name}-{class}-{merchant}"),
            Subject::Classes(class, other) => format!("{day}-{name}-{class}-{other}"),
            Subject::Merchant(merchant) => format!("{day}-{name}-{merchant}"),
            Subject::Leg(cycle, leg) if *kind == Kind::Leg => format!("{cycle}-leg-{leg}"),
            Subject::Leg(cycle, leg) => format!("{cycle}-leg-{leg}-{name}"),
            Subject::Pool => format!("{day}-{name}"),
        }
    }

    /// What it says in a journal.
    pub fn sentence(&self) -> String {
        let sentence = self.kind.sentence();
        match self.subject {
            Subject::Class(class) => format!("class {class}: {sentence}"),
            Subject::With(class, merchant) => format!("class {class}, merchant {merchant}: {sentence}"),
            Subject::Classes(class, other) => format!("class {class}, class {other}: {sentence}"),
            Subject::Merchant(merchant) => format!("merchant {merchant}: {sentence}"),
            Subject::Leg(cycle, leg) => format!("leg {leg} of {cycle}: {sentence}"),
            Subject::Pool => format!("pool: {sentence}"),
        }
    }
}

/// What was booked under an id: the sum of all acts of the day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Acts summed up.
    pub acts: u64,
    /// By account; debits above zero.
    pub postings: BTreeMap<Account, Cny>,
}

/// All entries of a merchant, and what they come to.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    entries: BTreeMap<EntryId, Entry>,
    balances: BTreeMap<Account, Cny>,
}

impl Entries {
    /// Books an act.
    ///
    /// # Panics
    /// When the postings do not sum to zero: a rule is wrong.
    pub fn post(&mut self, id: EntryId, postings: &[(Account, Cny)]) {
        let sum: Cny = postings.iter().map(|(_, amount)| *amount).sum();
        assert_eq!(sum, Cny::ZERO, "{}: the postings of an entry sum to zero", id.code());
        let entry = self.entries.entry(id).or_default();
        entry.acts += 1;
        for (account, amount) in postings {
            *entry.postings.entry(*account).or_default() += *amount;
            *self.balances.entry(*account).or_default() += *amount;
        }
    }

    /// What an account stands at.
    pub fn balance(&self, account: Account) -> Cny {
        self.balances.get(&account).copied().unwrap_or_default()
    }

    /// Every account that was posted to, with what it stands at.
    pub fn balances(&self) -> &BTreeMap<Account, Cny> {
        &self.balances
    }

    /// The entries, in the order of the journal.
    pub fn iter(&self) -> impl Iterator<Item = (&EntryId, &Entry)> {
        self.entries.iter()
    }
}
