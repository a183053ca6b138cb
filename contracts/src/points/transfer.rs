//! `transfer`: a member gives points to another member.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Reason, Use, credit, debit, require_open_class};
use crate::membership::{consent, require_member};
use crate::operation::{Caller, Done, Takes, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, ClassId, Points};

/// Moves points, first-expiring first; they keep their expiry.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Which points.
    pub class: ClassId,
    /// The giver: authorizes it, or is in the merchant's custody and has no wallet.
    pub from: Address,
    /// The receiver, in anyone's.
    pub to: Address,
    /// How many.
    pub points: Points,
}

impl Verb for Transfer {
    /// Two balances.
    const MAX_RECEIPT_BYTES: usize = 8 + 8;
    const TAKES: Takes = Takes::Wallet;

    fn class(&self) -> Option<ClassId> {
        Some(self.class)
    }

    fn members(&self) -> Vec<Address> {
        vec![self.from, self.to]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let class = require_open_class(overlay, self.class)?;
        let receiver = require_member(overlay, &self.to)?;
        let giver = require_member(overlay, &self.from)?;
        class.terms.require_permission(giver.holder, Use::Transfer)?;
        class.terms.require_permission(receiver.holder, Use::Transfer)?;
        if giver.is_frozen {
            return Err(Rejection::MemberFrozen);
        }
        consent::require(overlay, caller, (&self.from, &giver), self.class)?;
        if self.points == Points(0) {
            return Err(Rejection::AmountZero);
        }
        if self.from == self.to {
            return Err(Rejection::SameParty);
        }
        let (lots, from_balance) = debit(overlay, &(self.from, self.class), self.points, Reason::TransferredOut)?;
        let to_balance = credit(overlay, &(self.to, self.class), &lots, Reason::TransferredIn)?;
        Ok(Applied::Transferred { from_balance, to_balance }.into())
    }
}
