//! An ordered pair of classes gets terms of its own, or loses them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Act, Subject};
use crate::exchange::PairTerms;
use crate::governance;
use crate::points::require_open_class;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{ClassId, MerchantId, Rate};

/// The terms of an ordered pair of classes.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePair {
    /// The class given up.
    pub from_class: ClassId,
    /// The class received.
    pub to_class: ClassId,
    /// What differs from the alliance's terms; nothing in it: the pair has no terms of its own.
    pub terms: PairTerms,
}

impl Act for ChangePair {
    fn subject(&self) -> Subject {
        Subject::Pair(self.from_class, self.to_class)
    }

    /// # Errors
    /// `unknown_class`, `class_closed` (source, then target), `same_party`, `parameters_out_of_bounds`.
    fn judge(&self, overlay: &mut Overlay<'_>, _: MerchantId) -> Result<(), Rejection> {
        require_open_class(overlay, self.from_class)?;
        require_open_class(overlay, self.to_class)?;
        if self.from_class == self.to_class {
            return Err(Rejection::SameParty);
        }
        let is_whole = self.terms.spread.is_some_and(|spread| spread.millionths() >= Rate::ONE);
        if is_whole { Err(Rejection::ParametersOutOfBounds) } else { Ok(()) }
    }

    fn is_adverse(&self, overlay: &mut Overlay<'_>) -> bool {
        let were = overlay.pairs.get(&(self.from_class, self.to_class)).unwrap_or_default();
        let parameters = governance::parameters(overlay);
        let general = &parameters.exchange;
        let (new, old) = (&self.terms, &were);
        new.spread.unwrap_or(general.spread) > old.spread.unwrap_or(general.spread)
            || new.min_lot_fen.unwrap_or(general.min_lot_fen) > old.min_lot_fen.unwrap_or(general.min_lot_fen)
            || new.daily_limit_fen.unwrap_or(general.pair_daily_limit_fen)
                < old.daily_limit_fen.unwrap_or(general.pair_daily_limit_fen)
    }

    fn carry_out(&self, overlay: &mut Overlay<'_>) {
        let pair = (self.from_class, self.to_class);
        if self.terms == PairTerms::default() {
            overlay.pairs.delete(pair);
        } else {
            overlay.pairs.put(pair, self.terms);
        }
    }
}
