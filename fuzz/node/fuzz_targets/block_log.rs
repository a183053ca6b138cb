//! Records of the block log: any payloads under right checksums. Opening never panics, nor does reading what it found.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tally_contracts::types::Height;
use tally_fuzz_node::disk::{DIR, MemoryDisk};
use tally_node::storage::block_log::BlockLog;
use tally_node::storage::journal::{Journal, JournalOptions};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let disk = MemoryDisk::default();
    {
        let journal = Journal::open(disk.shared(), Path::new(DIR), JournalOptions::default(), |_, _| {});
        let journal = journal.expect("an empty disk has no damage");
        // A record begins where its first byte says how long it is.
        let mut left = rest;
        while let Some((length, after)) = left.split_first() {
            let (record, next) = after.split_at(usize::from(*length).min(after.len()));
            journal.append(record).expect("memory can be written");
            left = next;
        }
    }
    let head = Height(u64::from(*first));
    let Ok(opened) = BlockLog::open(disk.shared(), Path::new(DIR), head, None) else { return };
    for (decision, height) in opened.decisions.iter().zip(head.0 + 1..) {
        assert_eq!(decision.certificate.height, Height(height), "decisions follow the head without a gap");
        let _ = (decision.first(), opened.log.read_decided(decision.position));
    }
    let from = opened.log.replay_from().expect("the journal has not failed");
    let executed = Height(head.0 + opened.decisions.len() as u64);
    opened.log.forget_until(executed);
    let again = BlockLog::open(disk.shared(), Path::new(DIR), executed, Some(from));
    assert!(again.is_ok(), "the log opens from where it says that everything newer lies: {:?}", again.err());
});
