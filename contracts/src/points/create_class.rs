//! `create_class`: opens a point class of the merchant.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{ClassTerms, PointClass};
use crate::governance;
use crate::membership::{own_record, require_issuing};
use crate::operation::{Caller, Done, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::ClassId;

/// Opens a class; signed by a governor key of its issuer.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateClass {
    /// Its number, not taken yet.
    pub class: ClassId,
    /// What its points are.
    pub terms: ClassTerms,
}

impl Verb for CreateClass {
    const MAX_RECEIPT_BYTES: usize = 0;

    fn class(&self) -> Option<ClassId> {
        Some(self.class)
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        if own_record(overlay, caller.merchant).is_partner {
            return Err(Rejection::WrongParty);
        }
        require_issuing(overlay, caller.merchant)?;
        if overlay.classes.get(&self.class).is_some() {
            return Err(Rejection::ClassExists);
        }
        let parameters = governance::parameters(overlay);
        if self.terms.check(&parameters).is_err() {
            return Err(Rejection::ClassOutOfBounds);
        }
        for acceptor in &self.terms.accepted_by {
            overlay.merchants.get(acceptor).filter(|m| !m.is_partner).ok_or(Rejection::UnknownMerchant)?;
        }
        if let Some(sub) = &self.terms.sub {
            let main = overlay.classes.get(&sub.main).ok_or(Rejection::NoSuchSplit)?;
            if main.issuer != caller.merchant || main.terms.sub.is_some() {
                return Err(Rejection::NoSuchSplit);
            }
            if !sub.is_covered(self.terms.anchor, main.terms.anchor) {
                return Err(Rejection::YieldsMore);
            }
        }
        overlay.classes.put(self.class, PointClass::new(caller.merchant, self.terms.clone()).into());
        Ok(Applied::ClassCreated.into())
    }
}
