//! Which blocks are checkpoints: the first past each multiple of the interval.

use super::{Checkpoint, CheckpointClock};
use crate::governance;
use crate::state::Overlay;
use crate::types::Height;

/// Writes down the parent's log if the parent is a checkpoint, and tells whether this block is one.
pub(crate) fn mark(overlay: &mut Overlay<'_>) -> bool {
    let context = overlay.context;
    let clock = overlay.checkpoint_clock.get(&()).expect("genesis wrote the clock of checkpoints");
    if clock.is_pending {
        let (log_size, log_root) = (context.parent_log.size, context.parent_log.root);
        let parent = Height(context.height.0 - 1);
        overlay.checkpoints.put(parent, Checkpoint { time_ms: clock.last_ms, log_size, log_root });
    }
    let interval_ms = governance::parameters(overlay).checkpoint_interval_ms;
    let is_checkpoint = context.time_ms / interval_ms > clock.last_ms / interval_ms;
    if is_checkpoint || clock.is_pending {
        let last_ms = if is_checkpoint { context.time_ms } else { clock.last_ms };
        overlay.checkpoint_clock.put((), CheckpointClock { last_ms, is_pending: is_checkpoint, ..clock });
    }
    overlay.keep();
    is_checkpoint
}
