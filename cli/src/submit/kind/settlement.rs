//! Settlement between merchants: legs, collateral, disputes; and what the merchants say jointly of the calendar.

use clap::{ArgAction, Subcommand};
use tally_contracts::governance::{SetBusinessDays, SetDay};
use tally_contracts::settlement::{
    AnswerDispute, ConfirmLeg, DecideDispute, DrawCollateral, OpenDispute, ReportPayment, SetCollateral,
};
use tally_contracts::transaction::Body;
use tally_contracts::types::{Day, Fen, MerchantId, Month, Obligation, Reference};

#[derive(Debug, Subcommand)]
pub enum Kind {
    /// Confirm that a settlement leg was paid (treasurer of the payee).
    ConfirmLeg {
        #[arg(long)]
        cycle: Month,
        #[arg(long)]
        leg: u16,
        #[arg(long)]
        amount_fen: Fen,
    },
    /// Leave the evidence that a settlement leg was paid (treasurer of the payer).
    ReportPayment {
        #[arg(long)]
        cycle: Month,
        #[arg(long)]
        leg: u16,
        /// The bank's name for the payment.
        #[arg(long, value_name = "TEXT")]
        bank_reference: String,
    },
    /// Pay an escalated leg from the payer's collateral; more than two thirds of the others say the same (governor).
    DrawCollateral {
        #[arg(long)]
        cycle: Month,
        #[arg(long)]
        leg: u16,
    },
    /// Put on record what a merchant or partner has posted; more than two thirds say the same (governor).
    SetCollateral {
        /// Whose.
        #[arg(long, value_name = "ID")]
        of: MerchantId,
        /// All that it has posted.
        #[arg(long, value_name = "FEN")]
        collateral_fen: Fen,
    },
    /// Claim back part of what an operation made the merchant owe (its treasurer).
    OpenDispute {
        #[command(flatten)]
        subject: Subject,
        /// What is claimed, in 10^-8 CNY.
        #[arg(long, value_name = "1E-8 CNY")]
        amount: Obligation,
        /// Why, in at most 140 characters.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Accept a dispute, or contest it (treasurer of the creditor).
    AnswerDispute {
        #[command(flatten)]
        subject: Subject,
        /// Whether the claim is right.
        #[arg(long, action = ArgAction::Set, value_name = "true|false")]
        accept: bool,
    },
    /// Decide a contested dispute; more than two thirds of those who are no party say the same (governor).
    DecideDispute {
        #[command(flatten)]
        subject: Subject,
        /// Whether the claim is right.
        #[arg(long, action = ArgAction::Set, value_name = "true|false")]
        upheld: bool,
    },
    /// Say of days whether they are business days; more than two thirds say the same (governor).
    SetBusinessDays {
        /// Days off, such as 2027-02-08.
        #[arg(long = "holiday", value_name = "DAY", value_delimiter = ',', required_unless_present = "workdays")]
        holidays: Vec<Day>,
        /// Make-up working days.
        #[arg(long = "workday", value_name = "DAY", value_delimiter = ',')]
        workdays: Vec<Day>,
    },
}

/// The operation that a dispute is about.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Subject {
    /// The merchant that submitted the operation.
    #[arg(long, value_name = "ID")]
    of: MerchantId,
    /// The operation's reference.
    #[arg(long, value_name = "UUID")]
    original: Reference,
}

impl Kind {
    pub fn body(&self) -> Body {
        match *self {
            Self::ConfirmLeg { cycle, leg, amount_fen } => Body::ConfirmLeg(ConfirmLeg { cycle, leg, amount_fen }),
            Self::ReportPayment { cycle, leg, ref bank_reference } => {
                Body::ReportPayment(ReportPayment { cycle, leg, bank_reference: bank_reference.clone() })
            }
            Self::DrawCollateral { cycle, leg } => Body::DrawCollateral(DrawCollateral { cycle, leg }),
            Self::SetCollateral { of: merchant, collateral_fen } => {
                Body::SetCollateral(SetCollateral { merchant, collateral_fen })
            }
            Self::OpenDispute { subject: Subject { of: merchant, original }, amount, ref reason } => {
                Body::OpenDispute(OpenDispute { merchant, original, amount, reason: reason.clone() })
            }
            Self::AnswerDispute { subject: Subject { of: merchant, original }, accept } => {
                Body::AnswerDispute(AnswerDispute { merchant, original, accept })
            }
            Self::DecideDispute { subject: Subject { of: merchant, original }, upheld } => {
                Body::DecideDispute(DecideDispute { merchant, original, upheld })
            }
            Self::SetBusinessDays { ref holidays, ref workdays } => {
                let set = |days: Vec<Day>, is_business| days.into_iter().map(move |day| SetDay { day, is_business });
                let mut days: Vec<SetDay> = set(holidays.clone(), false).chain(set(workdays.clone(), true)).collect();
                days.sort_by_key(|set| set.day);
                Body::SetBusinessDays(SetBusinessDays { days })
            }
        }
    }
}
