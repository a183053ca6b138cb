//! `redeem`: a member spends points for cash off at a merchant that accepts them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::spend::Spend;
use super::{Reason, Redemption, Standing, count};
use crate::operation::{Caller, Done, Takes, Verb};
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::settlement::{self, Debt};
use crate::state::Overlay;
use crate::types::{Address, ClassId, Obligation, Points};

/// Spends points at the merchant that submits it.
///
/// The member gets whole fen off; the issuer owes the merchant the exact value, so what lies below a fen stays with the
/// merchant that honoured the points.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    /// Which points.
    pub class: ClassId,
    /// Whose.
    pub member: Address,
    /// How many.
    pub points: Points,
}

impl Verb for Redeem {
    /// Cash off, obligation, balance.
    const MAX_RECEIPT_BYTES: usize = 8 + 16 + 8;
    const TAKES: Takes = Takes::WalletOrGrant;

    fn class(&self) -> Option<ClassId> {
        Some(self.class)
    }

    fn members(&self) -> Vec<Address> {
        vec![self.member]
    }

    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
        let spend = Spend::judge(overlay, caller, (self.class, self.member))?;
        if self.points == Points(0) {
            return Err(Rejection::AmountZero);
        }
        let spent = spend.take(overlay, caller, self.points, Reason::Redeemed)?;
        count(overlay, self.class, |t| {
            t.redeemed = t.redeemed.checked_add(self.points)?;
            Some(())
        })?;
        let is_own = spend.class.issuer == caller.merchant;
        let obligation = if is_own { Obligation(0) } else { spent.value };
        if !is_own {
            settlement::book(overlay, &Debt::redemption(spend.class.issuer, caller.merchant, obligation))?;
        }
        let redemption = Redemption {
            class: self.class,
            member: self.member,
            lots: spent.lots,
            anchor: spend.class.terms.anchor,
            month: overlay.context.month(),
        };
        Ok(Done {
            applied: Applied::Redeemed { cash_off_fen: spent.cash_off_fen, obligation, balance: spent.balance },
            standing: Standing::Redemption(redemption),
        })
    }
}
