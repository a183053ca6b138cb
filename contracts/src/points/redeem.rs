//! `redeem`: a member spends points for cash off at a merchant that accepts them.

use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

use super::limits::charge_no_consent;
use super::{CustodianGain, Reason, charge_custodian, count, debit, require_class};
use crate::membership::require_member;
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement::{self, Debt};
use crate::state::Overlay;
use crate::types::{Address, ClassId, Fen, MerchantId, Obligation, Points};

/// Spends points at the merchant that submits it.
///
/// The member gets whole fen off; the issuer owes the merchant the exact value, so what lies below a fen stays with the
/// merchant that honoured the points.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    /// Which points.
    pub class: ClassId,
    /// Whose.
    pub member: Address,
    /// How many.
    pub points: Points,
}

impl Redeem {
    /// Most bytes of its `Applied`: cash off, obligation, balance.
    pub const MAX_RECEIPT_BYTES: usize = 8 + 16 + 8;

    /// # Errors
    /// `unknown_class`, `unknown_member`, `not_accepted`, `amount_zero`, `overflow`, `insufficient_points`,
    /// `below_one_fen`, `no_consent_limit`, `custodian_member_limit`, `custodian_limit`, `net_debit_cap`.
    pub(crate) fn execute(&self, overlay: &mut Overlay<'_>, merchant: MerchantId) -> Result<Applied, Rejection> {
        let class = require_class(overlay, self.class)?;
        let member = require_member(overlay, &self.member)?;
        if !class.terms.is_accepted_by(merchant) {
            return Err(Rejection::NotAccepted);
        }
        if self.points == Points(0) {
            return Err(Rejection::AmountZero);
        }
        let value = class.terms.value(self.points);
        let cash_off_fen = Fen(u64::try_from(value.split_fen().0).map_err(|_| Rejection::Overflow)?);
        let (_, balance) = debit(overlay, &(self.member, self.class), self.points, Reason::Redeemed)?;
        if cash_off_fen == Fen(0) {
            return Err(Rejection::BelowOneFen);
        }
        let charged = value.ceil_fen().ok_or(Rejection::Overflow)?;
        if member.custodian != merchant {
            charge_no_consent(overlay, self.member, charged)?;
        } else if class.issuer != merchant {
            let gain = CustodianGain {
                class_id: self.class,
                class: &class,
                custodian: merchant,
                member: self.member,
                value: charged,
            };
            charge_custodian(overlay, &gain)?;
        }
        count(overlay, self.class, |t| {
            t.redeemed = t.redeemed.checked_add(self.points)?;
            Some(())
        })?;
        let own_till = class.issuer == merchant;
        let obligation = if own_till { Obligation(0) } else { value };
        if !own_till {
            settlement::book(overlay, &Debt::redemption(class.issuer, merchant, value))?;
        }
        Ok(Applied::Redeemed { cash_off_fen, obligation, balance })
    }
}
