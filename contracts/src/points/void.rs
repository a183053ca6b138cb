//! `void`: a merchant releases its hold; all points return to the member.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::hold::require_open;
use super::{HoldState, release};
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Points, Reference};

/// Voids a hold; by any acceptor key of its merchant.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Void {
    /// The reference of the hold.
    pub hold: Reference,
}

impl Verb for Void {
    /// Member, class, released, expired, balance.
    const MAX_RECEIPT_BYTES: usize = 20 + 4 + 8 + 8 + 8;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let hold = require_open(overlay, caller.merchant, self.hold)?;
        let named = (caller.merchant, self.hold);
        let (_, released) = release::end(overlay, named, &hold, (HoldState::Voided, Points(0)));
        let applied = Applied::Voided {
            member: hold.member,
            class: hold.class,
            released: released.live,
            expired: released.expired,
            balance: released.balance,
        };
        Ok(applied.into())
    }
}
