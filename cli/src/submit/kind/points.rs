//! What is done with points: earned, given, spent, held, given back, exchanged.

use clap::Subcommand;
use tally_contracts::exchange::{Exchange, ImportPoints, QuoteTerms, Split};
use tally_contracts::points::{
    Capture, Issue, IssueLine, PlaceHold, Redeem, ReverseIssue, ReverseRedeem, Transfer, Void,
};
use tally_contracts::transaction::Body;
use tally_contracts::types::{Address, ClassId, Fen, Points, Reference};

use super::Given;
use super::parse::{parse_duration, parse_line};

#[derive(Debug, Subcommand)]
pub enum Kind {
    /// Issue points for a purchase.
    Issue {
        #[arg(long)]
        class: ClassId,
        /// The card code.
        #[arg(long)]
        member: Address,
        /// A part of the purchase; may be given more than once.
        #[arg(long = "line", value_name = "CATEGORY:FEN", value_parser = parse_line, required = true)]
        lines: Vec<IssueLine>,
    },
    /// Give points to another member.
    Transfer {
        #[arg(long)]
        class: ClassId,
        /// The giver's card code.
        #[arg(long)]
        from: Address,
        /// The receiver's card code.
        #[arg(long)]
        to: Address,
        #[arg(long)]
        points: Points,
    },
    /// Spend points for cash off.
    Redeem {
        #[arg(long)]
        class: ClassId,
        /// The card code.
        #[arg(long)]
        member: Address,
        #[arg(long)]
        points: Points,
    },
    /// Set points aside for a checkout; the reference names the hold.
    Hold {
        #[arg(long)]
        class: ClassId,
        /// The card code.
        #[arg(long)]
        member: Address,
        #[arg(long)]
        points: Points,
        /// How long, from now on: 90s, 15m, 2h or 7d at most.
        #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "15m")]
        period_ms: u64,
        /// When it times out, as block time in ms since 1970.
        #[arg(long, value_name = "MS", conflicts_with = "period_ms")]
        release_ms: Option<u64>,
    },
    /// Spend points of a hold; the rest goes back to the member.
    Capture {
        /// The reference of the hold.
        #[arg(long, value_name = "UUID")]
        hold: Reference,
        #[arg(long)]
        points: Points,
    },
    /// Release a hold: all its points go back to the member.
    Void {
        /// The reference of the hold.
        #[arg(long, value_name = "UUID")]
        hold: Reference,
    },
    /// Give points back that a sale had spent, by redeem or capture.
    ReverseRedeem {
        /// The reference of the redeem or capture.
        #[arg(long, value_name = "UUID")]
        original: Reference,
        #[arg(long)]
        points: Points,
    },
    /// Claw back what the refunded part of a purchase had earned.
    ReverseIssue {
        /// The reference of the issue.
        #[arg(long, value_name = "UUID")]
        original: Reference,
        /// How much of the purchase is refunded, in fen.
        #[arg(long, value_name = "FEN")]
        amount_fen: Fen,
    },
    /// Turn points of one class into points of another.
    Exchange {
        #[command(flatten)]
        change: Change,
        /// The rate table's version of the quote that it goes by.
        #[arg(long, value_name = "VERSION", requires = "quote_until_ms")]
        quote_version: Option<u32>,
        /// The end of that quote, in ms since 1970.
        #[arg(long, value_name = "MS", requires = "quote_version")]
        quote_until_ms: Option<u64>,
    },
    /// Turn points of a main class into points of one of its sub classes.
    Split {
        #[command(flatten)]
        change: Change,
    },
    /// Turn a partner's own points into points of a class, as the partner.
    Import {
        /// The partner's own name for it, which serves once.
        #[arg(long, value_name = "TEXT")]
        external_reference: String,
        #[arg(long)]
        class: ClassId,
        /// The card code.
        #[arg(long)]
        member: Address,
        /// How many of the partner's units.
        #[arg(long)]
        units: u64,
    },
}

/// Points of one class that become points of another.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Change {
    /// The card code.
    #[arg(long)]
    member: Address,
    #[arg(long)]
    from_class: ClassId,
    #[arg(long)]
    to_class: ClassId,
    #[arg(long)]
    points: Points,
    /// Fewer than this are not accepted.
    #[arg(long)]
    min_out: Points,
}

impl Kind {
    pub fn body(&self, given: &Given) -> Body {
        match *self {
            Self::Issue { class, member, ref lines } => Body::Issue(Issue { class, member, lines: lines.clone() }),
            Self::Transfer { class, from, to, points } => Body::Transfer(Transfer { class, from, to, points }),
            Self::Redeem { class, member, points } => Body::Redeem(Redeem { class, member, points }),
            Self::Hold { class, member, points, period_ms, release_ms } => {
                let release_ms = release_ms.unwrap_or(given.time_ms + period_ms);
                Body::Hold(PlaceHold { class, member, points, release_ms })
            }
            Self::Capture { hold, points } => Body::Capture(Capture { hold, points }),
            Self::Void { hold } => Body::Void(Void { hold }),
            Self::ReverseRedeem { original, points } => Body::ReverseRedeem(ReverseRedeem { original, points }),
            Self::ReverseIssue { original, amount_fen } => Body::ReverseIssue(ReverseIssue { original, amount_fen }),
            Self::Exchange { change, quote_version, quote_until_ms } => {
                let Change { member, from_class, to_class, points, min_out } = change;
                let terms = |(version, valid_until_ms)| QuoteTerms { version, valid_until_ms };
                let quote = quote_version.zip(quote_until_ms).map(terms);
                Body::Exchange(Exchange { member, from_class, to_class, points, min_out, quote })
            }
            Self::Split { change } => {
                let Change { member, from_class, to_class, points, min_out } = change;
                Body::Split(Split { member, from_class, to_class, points, min_out })
            }
            Self::Import { ref external_reference, class, member, units } => {
                let external_reference = external_reference.clone();
                Body::Import(ImportPoints { external_reference, class, member, units })
            }
        }
    }
}
