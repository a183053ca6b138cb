//! Joint acts: what takes the same word of more than two thirds of the merchants (`docs/rules.md`, section 1).
//!
//! A verb that is a joint act judges itself first, then asks here whether its merchant's voice makes up the number. If it
//! does not, the voice is its only effect.

use super::Voices;
use super::electorate::Electorate;
use crate::encoding::{self, Domain};
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
/// `merchant_suspended`, `wrong_party`, `voiced_already`.
pub(crate) fn speak(
    overlay: &mut Overlay<'_>,
    caller: &Caller<'_>,
    without: &[MerchantId],
) -> Result<Option<Applied>, Rejection> {
    let electorate = Electorate::now(overlay, without);
    electorate.require(overlay, caller.merchant)?;
    let now_ms = overlay.context.time_ms;
    let act: Hash = ACT.hash(&[&encoding::encode(&caller.operation.body)]);
    let known = overlay.voices.get(&act).filter(|voices| voices.since_ms + REMEMBERED_MS >= now_ms);
    let mut voices = known.unwrap_or(Voices { since_ms: now_ms, merchants: Vec::new() });
    if voices.merchants.contains(&caller.merchant) {
        return Err(Rejection::VoicedAlready);
    }
    voices.merchants.push(caller.merchant);
    let (spoken, needed) = (electorate.count(&voices.merchants), electorate.needed());
    if spoken >= needed {
        overlay.voices.delete(act);
        return Ok(None);
    }
    overlay.voices.put(act, voices);
    Ok(Some(Applied::Voiced { voices: spoken, needed }))
}
