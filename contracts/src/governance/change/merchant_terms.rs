//! What the alliance allows a merchant becomes something else.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Act, Subject};
use crate::genesis::MAX_CAP_FEN;
use crate::membership::{Merchant, require_merchant};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Fen, MerchantId};

/// A merchant's cap, base share and industry; collateral is put on record by `set_collateral`.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMerchant {
    /// The merchant.
    pub merchant: MerchantId,
    /// The most it may owe before it is settled, beside its collateral, in fen.
    pub net_debit_cap_fen: Fen,
    /// How many parts of the pool's base it has.
    pub base_share: u16,
    /// A code of GB/T 4754, 0 for none.
    pub industry: u16,
}

impl Act for ChangeMerchant {
    fn subject(&self) -> Subject {
        Subject::Merchant(self.merchant)
    }

    /// # Errors
    /// `unknown_merchant`, `merchant_gone`, `parameters_out_of_bounds` (a cap past 10^13 CNY).
    fn judge(&self, overlay: &mut Overlay<'_>, _: MerchantId) -> Result<(), Rejection> {
        require_merchant(overlay, self.merchant)?;
        if self.net_debit_cap_fen > MAX_CAP_FEN { Err(Rejection::ParametersOutOfBounds) } else { Ok(()) }
    }

    fn carry_out(&self, overlay: &mut Overlay<'_>) {
        let merchant = overlay.merchants.get(&self.merchant).expect("it was judged just before");
        let Self { net_debit_cap_fen, base_share, industry, .. } = *self;
        overlay.merchants.put(self.merchant, Merchant { net_debit_cap_fen, base_share, industry, ..merchant });
    }
}
