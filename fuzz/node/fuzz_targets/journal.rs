//! Segments of a journal, as a disk may give them back: any bytes, or written ones of which some have changed. Opening never
//! panics; what it replays of damaged segments was written, in that order; what it opened can be written to and opens
//! again. The first byte says which.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tally_fuzz::input::Input;
use tally_fuzz_node::disk::{DIR, MemoryDisk};
use tally_node::storage::journal::{Journal, JournalError, JournalOptions};

/// Frames that a run writes, at most.
const MAX_FRAMES: usize = 12;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let disk = MemoryDisk::default();
    if first % 2 == 0 {
        let cut = rest.len() * usize::from(first >> 1) / 127;
        if cut < rest.len() {
            disk.put_segment(2, rest[cut..].to_vec());
        }
        disk.put_segment(1, rest[..cut].to_vec());
        reopen(&disk, None);
    } else {
        let mut input = Input::new(rest);
        let written = write(&disk, &mut input);
        disk.change_segments(|bytes| decay(&mut input, bytes));
        reopen(&disk, Some(&written));
    }
});

/// Writes frames, some of them synced, into segments of some size.
fn write(disk: &MemoryDisk, input: &mut Input<'_>) -> Vec<Vec<u8>> {
    let options = JournalOptions { segment_bytes: input.pick(&[20, 60, 200, 1 << 20]), replay_from: None };
    let journal =
        Journal::open(disk.shared(), Path::new(DIR), options, |_, _| {}).expect("an empty disk has no damage");
    let mut written = Vec::new();
    for number in 0..=input.below(MAX_FRAMES) {
        let payload = vec![number as u8; input.pick(&[0, 1, 9, 40, 300])];
        let position = journal.append(&payload).expect("memory can be written");
        assert_eq!(journal.read(position).expect("what was appended reads"), payload);
        if input.once_in(3) {
            journal.sync().expect("memory can be synced");
        }
        written.push(payload);
    }
    written
}

/// Turns bits, loses ends, zeroes stretches: what a disk does.
fn decay(input: &mut Input<'_>, bytes: &mut Vec<u8>) {
    for _ in 0..input.below(4) {
        let at = input.below(bytes.len());
        match input.below(3) {
            0 if at < bytes.len() => bytes[at] ^= 1 << input.below(8),
            1 => bytes.truncate(at),
            _ => {
                let end = (at + input.below(32)).min(bytes.len());
                bytes[at..end].fill(0);
            }
        }
    }
}

/// Opens what is there, writes to it, and opens it again.
fn reopen(disk: &MemoryDisk, written: Option<&[Vec<u8>]>) {
    let Ok((journal, mut frames)) = open(disk) else { return };
    if let Some(written) = written {
        // Frames may be missing between others: a segment that ends early, right between two frames, looks whole.
        let mut rest = written.iter();
        let is_in_order = frames.iter().all(|frame| rest.any(|other| other == frame));
        assert!(is_in_order, "frames that nobody wrote, or not in their order");
    }
    journal.append(b"one more").expect("an opened journal takes frames");
    journal.sync().expect("memory can be synced");
    drop(journal);
    frames.push(b"one more".to_vec());
    let (journal, again) = open(disk).expect("what was opened and written opens again");
    assert_eq!(again, frames);
    assert!(journal.cut().is_none(), "nothing is torn");
}

fn open(disk: &MemoryDisk) -> Result<(Journal, Vec<Vec<u8>>), JournalError> {
    let mut frames = Vec::new();
    let mut positions = Vec::new();
    let journal = Journal::open(disk.shared(), Path::new(DIR), JournalOptions::default(), |position, payload| {
        positions.push(position);
        frames.push(payload.to_vec());
    })?;
    for (position, frame) in positions.iter().zip(&frames) {
        assert_eq!(journal.read(*position).expect("a replayed frame reads"), *frame);
    }
    Ok((journal, frames))
}
