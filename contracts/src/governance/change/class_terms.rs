//! A class's terms become others, by the word of its issuer and of the alliance.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Act, Subject};
use crate::governance;
use crate::points::{ClassTerms, PointClass, require_open_class};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{ClassId, Fen, MerchantId, Rate};

/// The terms that may change; the anchor has its own announcement, and what is out there keeps its expiry.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeClass {
    /// The class.
    pub class: ClassId,
    /// Points earned per CNY of a purchase.
    pub earn_rate: Rate,
    /// Full months that points issued from then on live, 1 to 24.
    pub life_months: u16,
    /// The merchants that accept the points; none of the present ones may be missing. Empty for all.
    pub accepted_by: Vec<MerchantId>,
    /// The industries whose merchants accept the points; none of the present ones may be missing. Empty for all.
    pub industries: Vec<u16>,
    /// What a custodian may take per day from one member's points, in fen.
    pub custodian_member_limit_fen: Fen,
    /// The same over all its members, in fen.
    pub custodian_limit_fen: Fen,
    /// The part of points issued from then on that is expected never to be spent, 0 to 1.
    pub breakage: Rate,
}

impl ChangeClass {
    fn new_terms(&self, present: &ClassTerms) -> ClassTerms {
        ClassTerms {
            earn_rate: self.earn_rate,
            life_months: self.life_months,
            accepted_by: self.accepted_by.clone(),
            industries: self.industries.clone(),
            custodian_member_limit_fen: self.custodian_member_limit_fen,
            custodian_limit_fen: self.custodian_limit_fen,
            breakage: self.breakage,
            ..present.clone()
        }
    }
}

impl Act for ChangeClass {
    fn subject(&self) -> Subject {
        Subject::Class(self.class)
    }

    /// # Errors
    /// `unknown_class`, `class_closed`, `wrong_party` (not its issuer), `class_out_of_bounds`, `unknown_merchant`,
    /// `scope_narrowed`.
    fn judge(&self, overlay: &mut Overlay<'_>, proposer: MerchantId) -> Result<(), Rejection> {
        let class = require_open_class(overlay, self.class)?;
        if class.issuer != proposer {
            return Err(Rejection::WrongParty);
        }
        if self.new_terms(&class.terms).check(&governance::parameters(overlay)).is_err() {
            return Err(Rejection::ClassOutOfBounds);
        }
        for acceptor in &self.accepted_by {
            overlay.merchants.get(acceptor).filter(|m| !m.is_partner).ok_or(Rejection::UnknownMerchant)?;
        }
        let is_wider =
            covers(&self.accepted_by, &class.terms.accepted_by) && covers(&self.industries, &class.terms.industries);
        if is_wider { Ok(()) } else { Err(Rejection::ScopeNarrowed) }
    }

    fn is_adverse(&self, overlay: &mut Overlay<'_>) -> bool {
        overlay.classes.get(&self.class).is_some_and(|class| {
            let present = &class.terms;
            self.earn_rate < present.earn_rate
                || self.life_months < present.life_months
                || self.custodian_member_limit_fen < present.custodian_member_limit_fen
                || self.custodian_limit_fen < present.custodian_limit_fen
        })
    }

    fn carry_out(&self, overlay: &mut Overlay<'_>) {
        let class = overlay.classes.get(&self.class).expect("it was judged just before");
        let changed = PointClass { terms: self.new_terms(&class.terms), ..(*class).clone() };
        overlay.classes.put(self.class, changed.into());
    }
}

/// Whether a list allows all that another allows; an empty one allows everything.
fn covers<T: PartialEq>(new: &[T], present: &[T]) -> bool {
    new.is_empty() || !present.is_empty() && present.iter().all(|one| new.contains(one))
}
