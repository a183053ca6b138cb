//! Numbers that hold for the whole alliance, with their defaults.

mod governance;
mod pool;

pub use governance::{AdmissionParameters, GovernanceParameters};
pub use pool::{PoolParameters, RebateParameters, RebateTier};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{MAX_ANCHOR, MAX_REFUND_WINDOW_DAYS};
use crate::types::{DAY_MS, Fen, Month, Rate};

/// Most business days that any notice or clock may take.
const MAX_BUSINESS_DAYS: u16 = 250;

/// Numbers that hold for the whole alliance.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// With nothing pending or due, a block comes only after this long, in ms.
    pub idle_block_ms: u64,
    /// The first block past each multiple of this is a checkpoint, in ms; 600,000 if it is left out.
    #[serde(default = "default_checkpoint_interval_ms")]
    pub checkpoint_interval_ms: u64,
    /// Lowest anchor value of a class, CNY per point.
    pub min_anchor: Rate,
    /// Highest anchor value of a class, CNY per point.
    pub max_anchor: Rate,
    /// How long before it takes effect a change to members' disadvantage is announced, in business days; 15 if it is left out.
    #[serde(default = "default_notice")]
    pub notice_business_days: u16,
    /// What may be redeemed from one member in one day without its consent, over all acceptors, in fen.
    pub no_consent_limit_fen: Fen,
    /// For how long after a sale it may be reversed, in days; at most [`MAX_REFUND_WINDOW_DAYS`].
    pub refund_window_days: u16,
    /// Terms of exchange.
    #[serde(default)]
    pub exchange: ExchangeParameters,
    /// Periods of settlement.
    #[serde(default)]
    pub settlement: SettlementParameters,
    /// The pool, and how it is shared.
    #[serde(default)]
    pub pool: PoolParameters,
    /// Rebates on redemptions honoured for others.
    #[serde(default)]
    pub rebate: RebateParameters,
    /// How the alliance decides.
    #[serde(default)]
    pub governance: GovernanceParameters,
    /// What a merchant must bring to be admitted.
    #[serde(default)]
    pub admission: AdmissionParameters,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            idle_block_ms: 1_000,
            checkpoint_interval_ms: default_checkpoint_interval_ms(),
            min_anchor: Rate::from_millionths(10_000),
            max_anchor: Rate::from_millionths(30_000),
            notice_business_days: default_notice(),
            no_consent_limit_fen: Fen(0),
            refund_window_days: 30,
            exchange: ExchangeParameters::default(),
            settlement: SettlementParameters::default(),
            pool: PoolParameters::default(),
            rebate: RebateParameters::default(),
            governance: GovernanceParameters::default(),
            admission: AdmissionParameters::default(),
        }
    }
}

/// Terms of exchange; a pair of classes may have its own.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExchangeParameters {
    /// Part of an exchange's value that goes to the alliance pool, from 0 up to less than 1.
    pub spread: Rate,
    /// The least value that is exchanged at once, in fen.
    pub min_lot_fen: Fen,
    /// The most value that a member gives up in a day, over all pairs, in fen.
    pub member_daily_limit_fen: Fen,
    /// The most value that an ordered pair takes in a day, over all members, in fen.
    pub pair_daily_limit_fen: Fen,
    /// Days with a lower spread, by rising weekday.
    pub days: Vec<ExchangeDay>,
}

impl Default for ExchangeParameters {
    fn default() -> Self {
        Self {
            spread: Rate::from_millionths(20_000),
            min_lot_fen: Fen(0),
            member_daily_limit_fen: Fen(500_000),
            pair_daily_limit_fen: Fen(100_000_000),
            days: Vec::new(),
        }
    }
}

/// A day of the week on which exchange costs less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeDay {
    /// 1 for Monday to 7 for Sunday (ISO 8601).
    pub weekday: u8,
    /// The spread where the pair's is not lower.
    pub spread: Rate,
}

/// Periods of settlement.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SettlementParameters {
    /// Calendar months of a cycle, counted from January: 1, 2, 3, 4, 6 or 12.
    pub cycle_months: u16,
    /// How long after the close a leg is due, in business days.
    pub payment_business_days: u16,
    /// How long after that an unconfirmed leg goes to the governors, in business days.
    pub escalation_business_days: u16,
    /// How long an operation may be disputed after its cycle, and how long each side of a dispute has, in business days.
    pub dispute_business_days: u16,
    /// The part of cap and collateral from which on readers are warned, 0 to 1.
    pub cap_warning: Rate,
}

impl Default for SettlementParameters {
    fn default() -> Self {
        Self {
            cycle_months: 1,
            payment_business_days: 5,
            escalation_business_days: 3,
            dispute_business_days: 7,
            cap_warning: Rate::from_millionths(800_000),
        }
    }
}

impl SettlementParameters {
    /// The first month of the cycle that a month lies in, by which the cycle is named.
    #[must_use]
    pub const fn cycle_of(&self, month: Month) -> Month {
        Month(month.0 - month.0 % self.cycle_months)
    }
}

impl Parameters {
    /// # Errors
    /// The first fault, as a sentence that names the field.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { min_anchor, max_anchor, .. } = self;
        if *min_anchor == Rate::ZERO || min_anchor > max_anchor {
            return Err(format!("anchors must satisfy 0 < min_anchor ({min_anchor}) <= max_anchor ({max_anchor})"));
        }
        if *max_anchor > MAX_ANCHOR {
            return Err(format!("max_anchor is {max_anchor}, must be at most {MAX_ANCHOR}"));
        }
        if !(10..=60_000).contains(&self.idle_block_ms) {
            return Err(format!("idle_block_ms is {}, must lie in 10..=60000", self.idle_block_ms));
        }
        if !(1_000..=DAY_MS).contains(&self.checkpoint_interval_ms) {
            return Err(format!(
                "checkpoint_interval_ms is {}, must lie in 1000..={DAY_MS}",
                self.checkpoint_interval_ms
            ));
        }
        if self.refund_window_days > MAX_REFUND_WINDOW_DAYS {
            let days = self.refund_window_days;
            return Err(format!("refund_window_days is {days}, must be at most {MAX_REFUND_WINDOW_DAYS}"));
        }
        check_business_days("notice_business_days", self.notice_business_days)?;
        self.exchange.check()?;
        self.settlement.check()?;
        self.pool.check()?;
        self.rebate.check()?;
        self.governance.check()?;
        self.admission.check()
    }
}

impl Parameters {
    /// Whether members are worse off with these than with the ones that were: dearer or tighter in anything.
    pub(crate) fn are_worse_than(&self, were: &Self) -> bool {
        self.min_anchor < were.min_anchor
            || self.max_anchor < were.max_anchor
            || self.notice_business_days < were.notice_business_days
            || self.no_consent_limit_fen < were.no_consent_limit_fen
            || self.refund_window_days < were.refund_window_days
            || self.exchange.are_worse_than(&were.exchange)
            || self.governance.run_off_days < were.governance.run_off_days
    }
}

impl ExchangeParameters {
    /// The spread on a weekday, 1 to 7, of a pair without a spread of its own; with one, `own` is that.
    pub(crate) fn spread_on(&self, weekday: u8, own: Option<Rate>) -> Rate {
        let spread = own.unwrap_or(self.spread);
        let of_day = self.days.iter().find(|day| day.weekday == weekday);
        of_day.map_or(spread, |day| day.spread.min(spread))
    }

    fn are_worse_than(&self, were: &Self) -> bool {
        // A pair of its own may have any spread; what a weekday takes off it is compared at the highest.
        let highest = Some(Rate::from_millionths(Rate::ONE));
        let is_dearer = |own| (1..=7).any(|weekday| self.spread_on(weekday, own) > were.spread_on(weekday, own));
        is_dearer(None)
            || is_dearer(highest)
            || self.min_lot_fen > were.min_lot_fen
            || self.member_daily_limit_fen < were.member_daily_limit_fen
            || self.pair_daily_limit_fen < were.pair_daily_limit_fen
    }

    fn check(&self) -> Result<(), String> {
        if self.spread.millionths() >= Rate::ONE {
            return Err(format!("exchange.spread is {}, must be less than 1", self.spread));
        }
        if !self.days.is_sorted_by(|a, b| a.weekday < b.weekday) {
            return Err("exchange.days must list each weekday once, in order".into());
        }
        match self.days.iter().find(|day| !(1..=7).contains(&day.weekday)) {
            Some(day) => Err(format!("exchange.days names weekday {}, must lie in 1..=7", day.weekday)),
            None => Ok(()),
        }
    }
}

impl SettlementParameters {
    fn check(&self) -> Result<(), String> {
        if self.cycle_months == 0 || 12 % self.cycle_months != 0 {
            let months = self.cycle_months;
            return Err(format!("settlement.cycle_months is {months}, must be 1, 2, 3, 4, 6 or 12"));
        }
        if self.cap_warning.millionths() > Rate::ONE {
            return Err(format!("settlement.cap_warning is {}, must be at most 1", self.cap_warning));
        }
        check_business_days("settlement.payment_business_days", self.payment_business_days)?;
        check_business_days("settlement.escalation_business_days", self.escalation_business_days)?;
        check_business_days("settlement.dispute_business_days", self.dispute_business_days)
    }
}

fn check_business_days(name: &str, days: u16) -> Result<(), String> {
    if days > MAX_BUSINESS_DAYS {
        Err(format!("{name} is {days}, must be at most {MAX_BUSINESS_DAYS}"))
    } else {
        Ok(())
    }
}

const fn default_notice() -> u16 {
    15
}

const fn default_checkpoint_interval_ms() -> u64 {
    600_000
}
