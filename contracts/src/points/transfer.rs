//! `transfer`: a member gives points to another member.

use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

use super::{Reason, credit, debit, require_class};
use crate::membership::{require_custody, require_member};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, ClassId, MerchantId, Points};

/// Moves points, first-expiring first; they keep their expiry.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Which points.
    pub class: ClassId,
    /// The giver, in the merchant's custody.
    pub from: Address,
    /// The receiver, in anyone's.
    pub to: Address,
    /// How many.
    pub points: Points,
}

impl Transfer {
    /// Most bytes of its `Applied`: two balances.
    pub const MAX_RECEIPT_BYTES: usize = 8 + 8;

    /// # Errors
    /// `unknown_class`, `unknown_member`, `foreign_custodian`, `amount_zero`, `same_party`, `insufficient_points`,
    /// `overflow`.
    pub(crate) fn execute(&self, overlay: &mut Overlay<'_>, merchant: MerchantId) -> Result<Applied, Rejection> {
        require_class(overlay, self.class)?;
        require_member(overlay, &self.to)?;
        require_custody(overlay, &self.from, merchant)?;
        if self.points == Points(0) {
            return Err(Rejection::AmountZero);
        }
        if self.from == self.to {
            return Err(Rejection::SameParty);
        }
        let (lots, from_balance) = debit(overlay, &(self.from, self.class), self.points, Reason::TransferredOut)?;
        let to_balance = credit(overlay, &(self.to, self.class), &lots, Reason::TransferredIn)?;
        Ok(Applied::Transferred { from_balance, to_balance })
    }
}
