//! The alliance's parameters become others.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Act, Subject};
use crate::encoding::{self, Domain};
use crate::genesis::Parameters;
use crate::governance;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Hash, MerchantId};

const PARAMETERS: Domain = Domain::new("tally/parameters/v1\0");

/// All parameters, those that stay as they are too.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeParameters {
    /// [`parameters_hash`] of the parameters that it was made from: it changes no others, so that no change undoes another.
    pub replaces: Hash,
    /// The new ones; the length of the settlement cycle is fixed.
    pub parameters: Parameters,
}

/// What a change of parameters names those by that it replaces.
#[must_use]
pub fn parameters_hash(parameters: &Parameters) -> Hash {
    PARAMETERS.hash(&[&encoding::encode(parameters)])
}

impl Act for ChangeParameters {
    fn subject(&self) -> Subject {
        Subject::Parameters
    }

    /// # Errors
    /// `change_superseded`, `parameters_out_of_bounds`.
    fn judge(&self, overlay: &mut Overlay<'_>, _: MerchantId) -> Result<(), Rejection> {
        let present = governance::parameters(overlay);
        if parameters_hash(&present) != self.replaces {
            return Err(Rejection::ChangeSuperseded);
        }
        let is_fixed_kept = self.parameters.settlement.cycle_months == present.settlement.cycle_months;
        if !is_fixed_kept || self.parameters.check().is_err() {
            return Err(Rejection::ParametersOutOfBounds);
        }
        Ok(())
    }

    fn is_adverse(&self, overlay: &mut Overlay<'_>) -> bool {
        self.parameters.are_worse_than(&governance::parameters(overlay))
    }

    fn carry_out(&self, overlay: &mut Overlay<'_>) {
        overlay.parameters.put((), self.parameters.clone().into());
    }
}
