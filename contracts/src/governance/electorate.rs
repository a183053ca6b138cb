//! Who has a voice where merchants decide, and how many of them carry it (`docs/rules.md`, sections 1 and 8).

use crate::genesis::MAX_MERCHANTS;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::MerchantId;

/// Merchants that decide together: neither suspended nor gone.
pub(crate) struct Electorate(Vec<MerchantId>);

impl Electorate {
    /// Who has a voice now, but for the merchants in `without`: they are party to what is decided.
    pub(crate) fn now(overlay: &mut Overlay<'_>, without: &[MerchantId]) -> Self {
        let all = overlay.merchants.scan(&MerchantId::POOL, &MerchantId(u16::MAX), MAX_MERCHANTS);
        let voices = all.into_iter().filter(|(_, merchant)| merchant.has_voice()).map(|(id, _)| id);
        Self(voices.filter(|id| !without.contains(id)).collect())
    }

    /// # Errors
    /// `merchant_suspended`, `wrong_party`.
    pub(crate) fn require(&self, overlay: &mut Overlay<'_>, merchant: MerchantId) -> Result<(), Rejection> {
        if overlay.merchants.get(&merchant).is_some_and(|record| record.is_suspended) {
            return Err(Rejection::MerchantSuspended);
        }
        if self.0.contains(&merchant) { Ok(()) } else { Err(Rejection::WrongParty) }
    }

    /// How many of these have a voice.
    pub(crate) fn count(&self, merchants: &[MerchantId]) -> u16 {
        number(merchants.iter().filter(|merchant| self.0.contains(merchant)).count())
    }

    /// How many there are.
    pub(crate) fn size(&self) -> u16 {
        number(self.0.len())
    }

    /// How many make more than two thirds.
    pub(crate) fn needed(&self) -> u16 {
        number(self.0.len() * 2 / 3 + 1)
    }
}

fn number(count: usize) -> u16 {
    u16::try_from(count).expect("merchant ids are 16 bits")
}
