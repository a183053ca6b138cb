//! `set_business_days`: the merchants jointly put days into the calendar, as the State Council's list of a year comes out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::joint;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::Day;

/// Days that one operation sets, at most.
pub const MAX_DAYS: usize = 64;

/// Says of days whether they are business days. What was worked out before stands.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetBusinessDays {
    /// The days, 1 to [`MAX_DAYS`] by rising date.
    pub days: Vec<SetDay>,
}

/// One day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetDay {
    /// The day.
    pub day: Day,
    /// A make-up working day, or a day off.
    pub is_business: bool,
}

impl Verb for SetBusinessDays {
    /// Voices, and how many are needed.
    const MAX_RECEIPT_BYTES: usize = 2 + 2;

    fn check_stateless(&self) -> Result<(), &'static str> {
        if self.days.is_empty() || self.days.len() > MAX_DAYS {
            return Err("an operation sets 1 to 64 days");
        }
        if self.days.iter().any(|set| set.day > Day::MAX) {
            return Err("a day lies after the year 6000");
        }
        if self.days.is_sorted_by(|a, b| a.day < b.day) { Ok(()) } else { Err("days must rise, each once") }
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        if let Some(counted) = joint::speak(overlay, caller, &[])? {
            return Ok(counted.into());
        }
        for SetDay { day, is_business } in &self.days {
            overlay.business_days.put(*day, *is_business);
        }
        Ok(Applied::BusinessDaysSet.into())
    }
}
