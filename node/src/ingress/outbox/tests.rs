//! The outbox on a disk that loses what was not synced, and its compaction.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::ingress::testing::{operation, operations, signed, unsigned};
use crate::storage::disk::RealDisk;
use crate::storage::lossy::LossyDisk;

fn accepted(id: u64, entry: &Entry) -> (EntryId, Vec<u8>) {
    (EntryId(id), encoding::encode(entry))
}

fn open(disk: &LossyDisk) -> (Outbox, Recovered) {
    Outbox::open(Arc::new(disk.clone()), &PathBuf::from("/outbox")).unwrap()
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let entries = [
        Entry::Operation(operation(1)),
        Entry::Group(operations(2..5)),
        Entry::Signed(signed(unsigned(vec![operation(9)]), 9).bytes().to_vec()),
    ];
    let expired = Expired { transaction_id: Hash([7; 32]), valid_until_ms: 5 };
    {
        let (mut outbox, recovered) = Outbox::open(Arc::new(RealDisk), dir.path()).unwrap();
        assert_eq!(recovered, Recovered { next_id: 1, ..Recovered::default() });
        let accepted = entries.iter().zip(1..).map(|(entry, id)| accepted(id, entry)).collect();
        outbox.write(&Changes { accepted, ..Changes::default() }).unwrap();
        let done = Changes { done: vec![EntryId(1)], expired: vec![expired], ..Changes::default() };
        outbox.write(&done).unwrap();
    }
    let (_, recovered) = Outbox::open(Arc::new(RealDisk), dir.path()).unwrap();
    let pending = BTreeMap::from([(EntryId(2), entries[1].clone()), (EntryId(3), entries[2].clone())]);
    assert_eq!(recovered, Recovered { pending, expired: VecDeque::from([expired]), next_id: 4 });
}

#[test]
fn a_crash_loses_nothing_that_was_acknowledged() {
    for seed in 0..200 {
        let disk = LossyDisk::new(seed);
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut acknowledged, mut done) = (BTreeSet::new(), BTreeSet::new());
        for _ in 0..6 {
            let (mut outbox, recovered) = open(&disk);
            let found: BTreeSet<u64> = recovered.pending.keys().map(|id| id.0).collect();
            let owed: BTreeSet<u64> = acknowledged.difference(&done).copied().collect();
            assert!(found.is_superset(&owed), "seed {seed}: {owed:?} are owed, {found:?} were found");
            assert!(found.iter().all(|id| acknowledged.contains(id)), "seed {seed}: what was synced only is pending");
            let mut next_id = acknowledged.last().map_or(recovered.next_id, |id| recovered.next_id.max(id + 1));
            for _ in 0..rng.gen_range(0..8) {
                let new: Vec<u64> = (next_id..next_id + rng.gen_range(0..4)).collect();
                next_id += new.len() as u64;
                let number = |id: &u64| Entry::Operation(operation(u32::try_from(*id).unwrap()));
                let pending: Vec<u64> = acknowledged.difference(&done).copied().collect();
                let over: Vec<u64> = pending.iter().copied().filter(|_| rng.gen_ratio(1, 3)).collect();
                let changes = Changes {
                    accepted: new.iter().map(|id| accepted(*id, &number(id))).collect(),
                    done: over.iter().map(|id| EntryId(*id)).collect(),
                    expired: Vec::new(),
                };
                outbox.write(&changes).unwrap();
                acknowledged.extend(new);
                done.extend(over);
                if rng.gen_ratio(1, 4) {
                    let pending: Vec<_> = acknowledged.difference(&done).map(|id| accepted(*id, &number(id))).collect();
                    outbox.compact(pending.iter().map(|(id, b)| (*id, b.as_slice())), &[]).unwrap();
                }
            }
            disk.crash();
        }
    }
}

#[test]
fn a_submission_larger_than_a_frame_is_read_back() {
    let disk = LossyDisk::new(1);
    let (mut outbox, _) = open(&disk);
    let count = 30_000;
    let all = (1..=count).map(|id| accepted(id, &Entry::Operation(operation(u32::try_from(id).unwrap()))));
    outbox.write(&Changes { accepted: all.collect(), ..Changes::default() }).unwrap();
    disk.crash();
    let (_, recovered) = open(&disk);
    assert_eq!(recovered.pending.len() as u64, count);
    assert_eq!(recovered.next_id, count + 1);
}

#[test]
fn the_journal_stays_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let (mut outbox, _) = Outbox::open(Arc::new(RealDisk), dir.path()).unwrap();
    let kept = Entry::Operation(operation(0));
    outbox.write(&Changes { accepted: vec![accepted(1, &kept)], ..Changes::default() }).unwrap();
    let group = Entry::Group(operations(1..400));
    let mut compactions = 0;
    for id in 2..2_000 {
        let changes = Changes { accepted: vec![accepted(id, &group)], done: vec![EntryId(id)], expired: Vec::new() };
        outbox.append_accepted(changes.accepted.iter().map(|(id, b)| (*id, b.as_slice()))).unwrap();
        outbox.write(&Changes { done: changes.done, ..Changes::default() }).unwrap();
        if outbox.is_bloated(100) {
            compactions += 1;
            let bytes = encoding::encode(&kept);
            outbox.compact([(EntryId(1), bytes.as_slice())].into_iter(), &[]).unwrap();
        }
    }
    assert!(compactions > 0);
    let bytes: u64 = std::fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < (MIN_COMPACTION_BYTES + 3 * SEGMENT_BYTES as usize) as u64, "{bytes} bytes");
    drop(outbox);
    let (_, recovered) = Outbox::open(Arc::new(RealDisk), dir.path()).unwrap();
    assert_eq!(recovered.pending, BTreeMap::from([(EntryId(1), kept)]));
}
