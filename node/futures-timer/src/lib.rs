//! Delays for libp2p, by tokio's timers.
//!
//! libp2p sets one at each end of a stream, and one whenever a connection falls idle; and the engine opens a stream for each
//! message and peer. The crate of this name on crates.io keeps them on a thread of its own and wakes it whenever one is made or
//! dropped, which is most of what they cost. Here they are entries in the timers of the run time that polls them, and one that
//! is never polled is not even that. The workspace puts this crate in that one's place (`[patch.crates-io]`); its interface is
//! the one that libp2p uses.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Is ready from a time on. May be made anywhere; polled only within a tokio run time that has timers.
#[derive(Debug)]
pub struct Delay {
    deadline: Instant,
    /// From the first poll on.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Delay {
    /// Ready after `duration`; one that no clock can count lasts thirty years.
    #[must_use]
    pub fn new(duration: Duration) -> Self {
        Self { deadline: after(duration), sleep: None }
    }

    /// Ready after `duration` from now, whether it was ready or not.
    pub fn reset(&mut self, duration: Duration) {
        self.deadline = after(duration);
        if let Some(sleep) = &mut self.sleep {
            sleep.as_mut().reset(self.deadline);
        }
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(context)
    }
}

fn after(duration: Duration) -> Instant {
    const LONG: Duration = Duration::from_secs(30 * 365 * 86_400);
    let now = Instant::now();
    now.checked_add(duration).unwrap_or(now + LONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn ready_when_its_time_has_come_and_from_then_on() {
        let start = Instant::now();
        let mut delay = Delay::new(SECOND);
        (&mut delay).await;
        assert!(start.elapsed() >= SECOND && start.elapsed() < 2 * SECOND);
        (&mut delay).await;
        assert!(start.elapsed() < 2 * SECOND, "ready at once");
    }

    #[tokio::test(start_paused = true)]
    async fn counts_from_when_it_was_made_not_from_the_first_poll() {
        let start = Instant::now();
        let delay = Delay::new(SECOND);
        tokio::time::advance(SECOND).await;
        delay.await;
        assert!(start.elapsed() < 2 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn reset_puts_it_off_whether_polled_or_not() {
        for is_polled in [false, true] {
            let start = Instant::now();
            let mut delay = Delay::new(SECOND);
            if is_polled {
                (&mut delay).await;
            }
            delay.reset(5 * SECOND);
            delay.await;
            assert!(start.elapsed() >= 5 * SECOND, "polled: {is_polled}");
        }
    }

    #[test]
    fn may_be_made_outside_of_a_run_time_and_for_longer_than_clocks_count() {
        let mut delay = Delay::new(Duration::MAX);
        delay.reset(Duration::ZERO);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a run time");
        runtime.block_on(delay);
    }
}
