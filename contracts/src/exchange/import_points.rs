//! `import`: a partner's own points, such as miles, become points of a class, on what the partner has prefunded.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::encoding::{self, Domain};
use crate::membership::{own_record, require_issuing, require_member};
use crate::operation::{Caller, Done, Verb};
use crate::points::{Lot, Reason, Standing, StandingDebt, Use, count, credit, require_open_class};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement::{self, Debt};
use crate::state::Overlay;
use crate::types::{Address, ClassId, Hash, Obligation, Points};

const EXTERNAL: Domain = Domain::new("tally/external-reference/v1\0");

/// Longest external reference, in bytes.
pub const MAX_EXTERNAL_BYTES: usize = 64;

/// Imports points; signed by an issuer key of the partner.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportPoints {
    /// The partner's own name for it: 1 to 64 printable ASCII characters. It serves once, for ever.
    pub external_reference: String,
    /// The class that the points come into.
    pub class: ClassId,
    /// Who receives them.
    pub member: Address,
    /// How many of the partner's units are given up outside.
    pub units: u64,
}

impl Verb for ImportPoints {
    /// Points, expiry, balance, obligation.
    const MAX_RECEIPT_BYTES: usize = 8 + 2 + 8 + 16;

    fn check_stateless(&self) -> Result<(), &'static str> {
        if encoding::is_printable(&self.external_reference, MAX_EXTERNAL_BYTES) {
            Ok(())
        } else {
            Err("an external reference is 1 to 64 printable ASCII characters")
        }
    }

    fn class(&self) -> Option<ClassId> {
        Some(self.class)
    }

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        if !own_record(overlay, caller.merchant).is_partner {
            return Err(Rejection::WrongParty);
        }
        require_issuing(overlay, caller.merchant)?;
        let class = require_open_class(overlay, self.class)?;
        require_issuing(overlay, class.issuer)?;
        let ratio = overlay.import_ratios.get(&(caller.merchant, self.class)).ok_or(Rejection::UnknownRatio)?;
        let member = require_member(overlay, &self.member)?;
        class.terms.require_permission(member.holder, Use::Earn)?;
        if self.units == 0 {
            return Err(Rejection::AmountZero);
        }
        let known: Hash = EXTERNAL.hash(&[self.external_reference.as_bytes()]);
        if overlay.imports.get(&(caller.merchant, known)).is_some() {
            return Err(Rejection::ImportReused);
        }
        overlay.imports.put((caller.merchant, known), ());
        // 64 bits of units, 32 of points and 7 of scale.
        let scaled = u128::from(self.units) * u128::from(ratio.points) * u128::from(class.terms.scale());
        let points = u64::try_from(scaled / u128::from(ratio.units)).map(Points).map_err(|_| Rejection::Overflow)?;
        if points == Points(0) {
            return Err(Rejection::BelowMinOut);
        }
        let expires = class.terms.expires(overlay.context.month());
        let lot = Lot { expires, points };
        count(overlay, self.class, |t| {
            t.imported = t.imported.checked_add(points)?;
            Some(())
        })?;
        let balance = credit(overlay, &(self.member, self.class), &[lot], Reason::Imported)?;
        let obligation = class.terms.value_at(points, class.received_anchor());
        settlement::book_uncapped(overlay, &Debt::import(caller.merchant, class.issuer, obligation))?;
        if settlement::room(overlay, caller.merchant) < Obligation(0) {
            return Err(Rejection::NotPrefunded);
        }
        let month = overlay.context.month();
        let debt = StandingDebt { debtor: caller.merchant, creditor: class.issuer, amount: obligation, month };
        Ok(Done { applied: Applied::Imported { points, expires, balance, obligation }, standing: Standing::Debt(debt) })
    }
}
