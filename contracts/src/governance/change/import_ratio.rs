//! A partner's points come in at another ratio, or no more.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Act, Subject};
use crate::exchange::ImportRatio;
use crate::points::require_open_class;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{ClassId, MerchantId};

/// At which ratio a partner's points are imported into a class.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeImportRatio {
    /// The partner.
    pub partner: MerchantId,
    /// The class.
    pub class: ClassId,
    /// The ratio; none to end imports.
    #[serde(default)]
    pub ratio: Option<ImportRatio>,
}

impl Act for ChangeImportRatio {
    fn subject(&self) -> Subject {
        Subject::ImportRatio(self.partner, self.class)
    }

    /// # Errors
    /// `unknown_merchant`, `wrong_party` (no partner), `unknown_class`, `class_closed`, `parameters_out_of_bounds` (a zero).
    fn judge(&self, overlay: &mut Overlay<'_>, _: MerchantId) -> Result<(), Rejection> {
        let partner = overlay.merchants.get(&self.partner).ok_or(Rejection::UnknownMerchant)?;
        if !partner.is_partner {
            return Err(Rejection::WrongParty);
        }
        require_open_class(overlay, self.class)?;
        let has_zero = self.ratio.is_some_and(|ratio| ratio.units == 0 || ratio.points == 0);
        if has_zero { Err(Rejection::ParametersOutOfBounds) } else { Ok(()) }
    }

    fn is_adverse(&self, overlay: &mut Overlay<'_>) -> bool {
        let Some(were) = overlay.import_ratios.get(&(self.partner, self.class)) else { return false };
        self.ratio.is_none_or(|new| {
            u64::from(new.points) * u64::from(were.units) < u64::from(were.points) * u64::from(new.units)
        })
    }

    fn carry_out(&self, overlay: &mut Overlay<'_>) {
        let key = (self.partner, self.class);
        match self.ratio {
            Some(ratio) => overlay.import_ratios.put(key, ratio),
            None => overlay.import_ratios.delete(key),
        }
    }
}
