//! The terms of a point class, and the arithmetic that follows from them: integers only, always floored.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::genesis::{MAX_MERCHANTS, Parameters};
use crate::membership::{HolderKind, Member};
use crate::rejection::Rejection;
use crate::types::{ClassId, Fen, MerchantId, Month, Obligation, Points, Rate};

/// What the points of a class are. The anchor changes by announcement, others of them by vote (`ChangeClass`).
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassTerms {
    /// Decimals of one point, 0 to 2.
    pub decimals: u8,
    /// Anchor value, CNY per point, within the alliance's bounds.
    pub anchor: Rate,
    /// Points earned per CNY of a purchase.
    pub earn_rate: Rate,
    /// Full months that points live after the month they were issued in, 1 to 24.
    pub life_months: u16,
    /// The merchants that accept the points, by rising id; empty for all.
    pub accepted_by: Vec<MerchantId>,
    /// The industries (codes of GB/T 4754) whose merchants accept the points, by rising code; empty for all.
    #[serde(default)]
    pub industries: Vec<u16>,
    /// What makes it a sub class: its points come out of a main class too, and serve in few places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<SubTerms>,
    /// What each kind of holder may do with the points, by rising kind; empty: members everything, others nothing.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// What a custodian may take per day from one member's points of this class, where it profits itself, in fen.
    pub custodian_member_limit_fen: Fen,
    /// The same over all its members, in fen.
    pub custodian_limit_fen: Fen,
    /// The part of points issued that is expected never to be spent, 0 to 1. Accounting alone reads it (docs/accounting.md).
    #[serde(default)]
    pub breakage: Rate,
}

/// How points of a main class become points of a sub class.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubTerms {
    /// The main class, of the same issuer.
    pub main: ClassId,
    /// Whole points of the sub class for one of the main class.
    pub split_rate: Rate,
}

impl SubTerms {
    /// Whether a split at these anchors yields no more value than goes in.
    #[must_use]
    pub fn is_covered(&self, sub_anchor: Rate, main_anchor: Rate) -> bool {
        let out = u128::from(self.split_rate.millionths()) * u128::from(sub_anchor.millionths());
        out <= u128::from(main_anchor.millionths()) * u128::from(Rate::ONE)
    }
}

/// What one kind of holder may do with the points of a class.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// The kind of holder.
    pub holder: HolderKind,
    /// What it may do, each once, in the order of [`Use`].
    pub uses: Vec<Use>,
}

/// What is done with points.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Earned from purchases.
    #[wincode(tag = 1)]
    Earn,
    /// Given and received as a gift.
    #[wincode(tag = 2)]
    Transfer,
    /// Spent, held and captured.
    #[wincode(tag = 3)]
    Redeem,
    /// Turned into and received for points of another class.
    #[wincode(tag = 4)]
    Exchange,
}

/// Industries that a class lists, at most: GB/T 4754 has fewer at its finest.
const MAX_INDUSTRIES: usize = 1_500;

/// Longest life of a lot: with one lot a month, a holding has at most 25.
pub const MAX_LIFE_MONTHS: u16 = 24;

impl ClassTerms {
    /// Checks terms against the alliance's parameters.
    ///
    /// # Errors
    /// The first fault, as a sentence that names the field.
    pub fn check(&self, parameters: &Parameters) -> Result<(), String> {
        if self.decimals > 2 {
            return Err(format!("decimals is {}, must be 0, 1 or 2", self.decimals));
        }
        if !(parameters.min_anchor..=parameters.max_anchor).contains(&self.anchor) {
            let (low, high) = (parameters.min_anchor, parameters.max_anchor);
            return Err(format!("anchor is {}, must lie in {low}..={high}", self.anchor));
        }
        if !(1..=MAX_LIFE_MONTHS).contains(&self.life_months) {
            return Err(format!("life_months is {}, must lie in 1..={MAX_LIFE_MONTHS}", self.life_months));
        }
        if self.breakage.millionths() > Rate::ONE {
            return Err(format!("breakage is {}, must be at most 1", self.breakage));
        }
        if self.accepted_by.len() > MAX_MERCHANTS {
            return Err(format!("accepted_by lists more than {MAX_MERCHANTS} merchants"));
        }
        if !self.accepted_by.is_sorted_by(|a, b| a < b) {
            return Err("accepted_by must list each merchant once, by rising id".into());
        }
        if self.industries.len() > MAX_INDUSTRIES || !self.industries.is_sorted_by(|a, b| a < b) {
            return Err(format!("industries must list each code once, by rising code, at most {MAX_INDUSTRIES}"));
        }
        if self.sub.is_some() && self.accepted_by.is_empty() && self.industries.is_empty() {
            return Err("a sub class must say in accepted_by or industries where its points are spent".into());
        }
        if !self.permissions.is_sorted_by(|a, b| a.holder < b.holder) {
            return Err("permissions must list each kind of holder once, in order".into());
        }
        if !self.permissions.iter().all(|p| p.uses.is_sorted_by(|a, b| a < b)) {
            return Err("permissions must list each use once, in order".into());
        }
        Ok(())
    }

    /// Minor units in one point.
    #[must_use]
    pub const fn scale(&self) -> u64 {
        10_u64.pow(self.decimals as u32)
    }

    /// Points earned for a purchase: `floor(amount x earn_rate)`, or `None` past what fits.
    #[must_use]
    pub fn earned(&self, amount: Fen) -> Option<Points> {
        self.earned_at(amount, self.earn_rate)
    }

    /// The same at another rate, in points per CNY.
    #[must_use]
    pub fn earned_at(&self, amount: Fen, earn_rate: Rate) -> Option<Points> {
        let numerator = u128::from(amount.0)
            .checked_mul(u128::from(earn_rate.millionths()))?
            .checked_mul(u128::from(self.scale()))?;
        let points = numerator / (100 * u128::from(Rate::ONE));
        u64::try_from(points).ok().map(Points)
    }

    /// The last month in which points issued in `month` can be spent.
    #[must_use]
    pub const fn expires(&self, month: Month) -> Month {
        month.plus(self.life_months)
    }

    /// What points are worth, exactly: `points x anchor` in 10^-8 CNY.
    #[must_use]
    pub fn value(&self, points: Points) -> Obligation {
        self.value_at(points, self.anchor)
    }

    /// The same at another anchor.
    #[must_use]
    pub fn value_at(&self, points: Points, anchor: Rate) -> Obligation {
        let per_minor_unit = i128::from(anchor.millionths()) * 100 / i128::from(self.scale());
        Obligation(i128::from(points.0) * per_minor_unit)
    }

    /// Whether a merchant is among those that accept the points.
    #[must_use]
    pub fn is_accepted_by(&self, merchant: MerchantId) -> bool {
        self.accepted_by.is_empty() || self.accepted_by.contains(&merchant)
    }

    /// Whether the merchants of an industry accept the points.
    #[must_use]
    pub fn is_accepted_in(&self, industry: u16) -> bool {
        self.industries.is_empty() || self.industries.contains(&industry)
    }

    /// Judges whether a member may spend the points at a merchant at all, as `redeem` and `hold` do (docs/rules.md, section 2):
    /// by whose word, how many and within which limits is judged after it. The merchant's industry is asked for only where
    /// it matters.
    ///
    /// # Errors
    /// `not_accepted`, `outside_industry`, `holder_not_permitted`, `member_frozen`.
    pub fn require_spendable(
        &self,
        member: &Member,
        merchant: MerchantId,
        industry: impl FnOnce() -> u16,
    ) -> Result<(), Rejection> {
        if !self.is_accepted_by(merchant) {
            return Err(Rejection::NotAccepted);
        }
        if !self.industries.is_empty() && !self.is_accepted_in(industry()) {
            return Err(Rejection::OutsideIndustry);
        }
        self.require_permission(member.holder, Use::Redeem)?;
        if member.is_frozen {
            return Err(Rejection::MemberFrozen);
        }
        Ok(())
    }

    /// # Errors
    /// `holder_not_permitted`.
    pub(crate) fn require_permission(&self, holder: HolderKind, wanted: Use) -> Result<(), Rejection> {
        let is_permitted = if self.permissions.is_empty() {
            holder == HolderKind::Member
        } else {
            self.permissions.iter().any(|p| p.holder == holder && p.uses.contains(&wanted))
        };
        if is_permitted { Ok(()) } else { Err(Rejection::HolderNotPermitted) }
    }
}
