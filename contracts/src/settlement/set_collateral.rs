//! `set_collateral`: the merchants jointly put on record what one of them, or a partner, has posted with the alliance.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::book::net_debit;
use crate::genesis::MAX_CAP_FEN;
use crate::governance::joint;
use crate::membership::Merchant;
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Fen, MerchantId};

/// Sets collateral: it adds to the net debit cap, and of a partner it is what it has prefunded.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCollateral {
    /// Whose.
    pub merchant: MerchantId,
    /// All that it has posted, in fen.
    pub collateral_fen: Fen,
}

impl Verb for SetCollateral {
    /// Voices, and how many are needed.
    const MAX_RECEIPT_BYTES: usize = 2 + 2;

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let record = overlay.merchants.get(&self.merchant).ok_or(Rejection::UnknownMerchant)?;
        if self.collateral_fen > MAX_CAP_FEN {
            return Err(Rejection::Overflow);
        }
        let is_lower = self.collateral_fen < record.collateral_fen;
        let record = Merchant { collateral_fen: self.collateral_fen, ..record };
        if is_lower && net_debit(overlay, self.merchant) > record.net_debit_limit() {
            return Err(Rejection::NetDebitCap);
        }
        if let Some(counted) = joint::speak(overlay, caller, &[])? {
            return Ok(counted.into());
        }
        overlay.merchants.put(self.merchant, record);
        Ok(Applied::CollateralSet.into())
    }
}
