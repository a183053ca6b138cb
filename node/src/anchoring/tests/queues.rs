//! The queue on disk, and the waits between tries.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tally_contracts::checkpoint::Evidence;
use tally_contracts::types::Height;

use crate::anchoring::Delays;
use crate::anchoring::queue::{Keep, MAX_JOBS, Mark, Queue, QueueError};
use crate::storage::disk::{Disk, RealDisk};
use crate::storage::lossy::LossyDisk;

fn mark(height: u64) -> Mark {
    Mark { height: Height(height), time_ms: height * 1_000 }
}

#[test]
fn the_oldest_are_given_up_and_a_witness_waits_for_the_newest_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(Arc::new(RealDisk), dir.path(), "a").unwrap();
    let given_up: usize = (1..=70).map(|height| queue.take(mark(height), Keep::Each)).sum();
    assert_eq!((given_up, queue.standing().queued), (6, MAX_JOBS));
    assert_eq!(queue.standing().waiting_since, Some(mark(7)));
    assert_eq!(queue.newest().unwrap().height, Height(70));
    assert_eq!(queue.take(mark(71), Keep::Newest), 0);
    assert_eq!((queue.standing().queued, queue.taken()), (1, Some(mark(71))));
}

#[test]
fn the_latest_that_was_anchored_is_what_counts() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(Arc::new(RealDisk), dir.path(), "a").unwrap();
    for height in 1..=3 {
        queue.take(mark(height), Keep::Each);
    }
    assert_eq!(queue.standing().lag_ms(5_000), Some(4_000), "since the first that waits");
    queue.finish(mark(2));
    queue.finish(mark(1));
    assert_eq!((queue.standing().anchored, queue.standing().queued), (Some(mark(2)), 1));
    assert_eq!(queue.standing().lag_ms(5_000), Some(3_000));
}

#[tokio::test]
async fn after_a_power_cut_the_queue_is_as_last_saved_or_as_before() {
    let dir = Path::new("/anchors");
    for seed in 0..20 {
        let disk = LossyDisk::new(seed);
        let mut queue = Queue::open(Arc::new(disk.clone()), dir, "a").unwrap();
        for height in 1..=seed {
            queue.take(mark(height), Keep::Each);
            queue.set_evidence(Height(height), Some(Evidence::TimeStamp { response: vec![7; 100] }));
            queue.set_witness_size(height);
            queue.save().await.unwrap();
        }
        let before = queue.standing();
        // This one does not come through.
        queue.take(mark(99), Keep::Each);
        disk.set_free_bytes(Some(10));
        queue.save().await.unwrap_err();
        disk.crash();
        disk.set_free_bytes(None);
        let queue = Queue::open(Arc::new(disk.clone()), dir, "a").unwrap();
        assert_eq!((queue.standing(), queue.witness_size()), (before, seed), "seed {seed}");
        assert!(queue.newest().is_none_or(|job| job.evidence.is_some()), "seed {seed}");
        queue.save().await.expect("and it can be written again");
    }
}

#[test]
fn a_damaged_queue_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    for text in ["", "{}", "not JSON", r#"{"version":2,"taken":null,"anchored":null,"witness_size":0,"jobs":[]}"#] {
        std::fs::write(dir.path().join("a.json"), text).unwrap();
        let Err(error) = Queue::open(disk.clone(), dir.path(), "a") else { panic!("{text} is taken for a queue") };
        assert!(matches!(error, QueueError::Format { .. }), "{error}");
        assert!(error.to_string().contains("a.json"), "{error}");
    }
}

#[test]
fn waits_double_up_to_the_longest() {
    let seconds: Vec<u64> = (1..=9).map(|failures| Delays::default().after(failures).as_secs()).collect();
    assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
    assert_eq!(Delays::default().after(u32::MAX), Duration::from_secs(600));
}
