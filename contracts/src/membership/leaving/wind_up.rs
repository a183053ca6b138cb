//! The end of a run-off: the merchant's points serve no more, and its members pass to its successor.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::governance::change::ClassExchange;
use crate::membership::{Merchant, Phase};
use crate::points::{ClassEnd, PointClass};
use crate::state::Overlay;
use crate::types::{ClassId, MerchantId};

/// Run-offs that one block ends, at most.
const PER_BLOCK: usize = 100;

/// A run-off under way, by its end.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize)]
pub struct RunOff {
    /// Which points become which.
    pub exchanges: Vec<ClassExchange>,
}

/// A merchant whose run-off is over.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
pub struct WoundUp {
    /// Who.
    pub merchant: MerchantId,
    /// Who has its members now.
    pub successor: MerchantId,
    /// How many classes of it are closed.
    pub classes: u32,
}

/// Ends run-offs whose time has come: closes the merchants' classes.
pub(crate) fn wind_up(overlay: &mut Overlay<'_>) -> Vec<WoundUp> {
    let end = (overlay.context.time_ms + 1, MerchantId::POOL);
    let due = overlay.run_offs.scan(&(0, MerchantId::POOL), &end, PER_BLOCK);
    let mut ended = Vec::with_capacity(due.len());
    for (key, run_off) in due {
        overlay.run_offs.delete(key);
        let merchant = overlay.merchants.get(&key.1).expect("a merchant stays on record");
        let Phase::RunningOff { successor, .. } = merchant.phase else { unreachable!("its run-off was under way") };
        overlay.merchants.put(key.1, Merchant { phase: Phase::WoundUp { successor }, ..merchant });
        let classes = close_classes(overlay, key.1, &run_off.exchanges);
        ended.push(WoundUp { merchant: key.1, successor, classes });
    }
    ended
}

/// Closes every class of a merchant; what is out there of it is due at once.
fn close_classes(overlay: &mut Overlay<'_>, merchant: MerchantId, exchanges: &[ClassExchange]) -> u32 {
    let all = overlay.classes.scan(&ClassId(0), &ClassId(u32::MAX), usize::MAX);
    let own = all.into_iter().filter(|(_, class)| class.issuer == merchant);
    let now_ms = overlay.context.time_ms;
    let mut closed = 0;
    for (id, class) in own {
        if let Some(announced) = class.announced {
            overlay.anchor_changes.delete((announced.effective_ms, id));
        }
        let into = exchanges.iter().find(|exchange| exchange.from_class == id).map(|exchange| exchange.to_class);
        let ended = PointClass { announced: None, end: Some(ClassEnd { into }), ..(*class).clone() };
        overlay.classes.put(id, Arc::new(ended));
        overlay.buy_outs.insert((now_ms, id), ());
        closed += 1;
    }
    closed
}
