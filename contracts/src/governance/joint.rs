//! Joint acts: what takes the same word of more than two thirds of the merchants (`docs/rules.md`, section 1).
//!
//! A verb that is a joint act judges itself first, then asks here whether its merchant's voice makes up the number. If it
//! does not, the voice is its only effect.

use super::Voices;
use crate::encoding::{self, Domain};
use crate::membership::own_record;
use crate::operation::Caller;
use crate::receipt::Applied;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{DAY_MS, Hash, MerchantId};

const ACT: Domain = Domain::new("tally/joint-act/v1\0");

/// How long voices for an act are remembered.
const REMEMBERED_MS: u64 = 30 * DAY_MS;

/// Counts the caller's voice. `Some` is the receipt of a voice that waits for others; with `None` the act is to be carried
/// out. The merchants in `without` have no voice in it.
///
/// # Errors
/// `wrong_party`, `voiced_already`.
pub(crate) fn speak(
    overlay: &mut Overlay<'_>,
    caller: &Caller<'_>,
    without: &[MerchantId],
) -> Result<Option<Applied>, Rejection> {
    if own_record(overlay, caller.merchant).is_partner || without.contains(&caller.merchant) {
        return Err(Rejection::WrongParty);
    }
    let mut is_merchant = |id: &&MerchantId| overlay.merchants.get(id).is_some_and(|record| !record.is_partner);
    let parties = without.iter().filter(|id| is_merchant(id)).count();
    let eligible = usize::from(overlay.context.merchants) - parties;
    let now_ms = overlay.context.time_ms;
    let act: Hash = ACT.hash(&[&encoding::encode(&caller.operation.body)]);
    let known = overlay.voices.get(&act).filter(|voices| voices.since_ms + REMEMBERED_MS >= now_ms);
    let mut voices = known.unwrap_or(Voices { since_ms: now_ms, merchants: Vec::new() });
    if voices.merchants.contains(&caller.merchant) {
        return Err(Rejection::VoicedAlready);
    }
    voices.merchants.push(caller.merchant);
    let count = |number: usize| u16::try_from(number).expect("merchant ids are 16 bits");
    let (spoken, needed) = (count(voices.merchants.len()), count(eligible * 2 / 3 + 1));
    if spoken >= needed {
        overlay.voices.delete(act);
        return Ok(None);
    }
    overlay.voices.put(act, voices);
    Ok(Some(Applied::Voiced { voices: spoken, needed }))
}
