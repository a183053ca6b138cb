//! The thread that writes the outbox: the only one to wait for the disk.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tracing::error;

use super::{Alarm, Shared, UNPOISONED};
use crate::ingress::outbox::{Changes, Outbox, OutboxError};

/// Starts the writer.
pub(super) fn start(shared: Arc<Shared>, outbox: Outbox) -> JoinHandle<()> {
    let name = "outbox".to_owned();
    let thread = std::thread::Builder::new().name(name).spawn(move || run(&shared, outbox));
    thread.expect("a thread starts because the process has just begun")
}

fn run(shared: &Shared, mut outbox: Outbox) {
    let _alarm = Alarm(shared);
    while let Some((changes, ticket)) = next(shared) {
        if let Err(error) = write(shared, &mut outbox, &changes) {
            error!(%error, "the outbox failed, nothing more is accepted");
            shared.failed.send_replace(true);
            return;
        }
        let is_news = !changes.accepted.is_empty();
        shared.book().synced(changes.accepted.into_iter().map(|(id, _)| id));
        // Also where nothing was accepted: a ticket that is on disk stays so.
        shared.synced.send_replace(ticket);
        if is_news {
            shared.ready.notify_one();
        }
    }
}

/// Waits for changes that are due; none when the writer is to stop and nothing is left to write.
fn next(shared: &Shared) -> Option<(Changes, u64)> {
    let mut book = shared.book();
    loop {
        let wait = book.write_at().map(|at| at.saturating_duration_since(Instant::now()));
        book = match wait {
            None if *shared.stop.borrow() => return None,
            None => shared.to_write.wait(book).expect(UNPOISONED),
            Some(wait) if wait.is_zero() || *shared.stop.borrow() => return Some(book.take_changes()),
            Some(wait) => shared.to_write.wait_timeout(book, wait).expect(UNPOISONED).0,
        };
    }
}

fn write(shared: &Shared, outbox: &mut Outbox, changes: &Changes) -> Result<(), OutboxError> {
    outbox.write(changes)?;
    let pending_bytes = shared.book().bytes();
    if outbox.is_bloated(pending_bytes) {
        let (pending, expired) = shared.book().snapshot();
        outbox.compact(pending.iter().map(|(id, bytes)| (*id, bytes.as_slice())), &expired)?;
    }
    Ok(())
}
