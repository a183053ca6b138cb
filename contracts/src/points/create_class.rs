//! `create_class`: opens a point class of the merchant.

use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

use super::{ClassTerms, PointClass};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{ClassId, MerchantId};

/// Opens a class; signed by a governor key of its issuer.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateClass {
    /// Its number, not taken yet.
    pub class: ClassId,
    /// What its points are.
    pub terms: ClassTerms,
}

impl CreateClass {
    /// Most bytes of its `Applied`.
    pub const MAX_RECEIPT_BYTES: usize = 0;

    /// # Errors
    /// `class_exists`, `class_out_of_bounds`, `unknown_merchant`.
    pub(crate) fn execute(&self, overlay: &mut Overlay<'_>, merchant: MerchantId) -> Result<Applied, Rejection> {
        if overlay.classes.get(&self.class).is_some() {
            return Err(Rejection::ClassExists);
        }
        let parameters = overlay.parameters.get(&()).expect("genesis wrote the parameters");
        if self.terms.check(&parameters).is_err() {
            return Err(Rejection::ClassOutOfBounds);
        }
        for acceptor in &self.terms.accepted_by {
            overlay.merchants.get(acceptor).ok_or(Rejection::UnknownMerchant)?;
        }
        overlay.classes.put(self.class, PointClass { issuer: merchant, terms: self.terms.clone() });
        Ok(Applied::ClassCreated)
    }
}
