//! Frames of an outbox: any payload under a right checksum opens or is refused, without a panic; what was written, done and
//! compacted comes back as a simple model has it. The first byte says which.

#![no_main]

use std::collections::BTreeMap;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tally_contracts::encoding::encode;
use tally_contracts::transaction::Operation;
use tally_contracts::types::{Hash, Reference};
use tally_fuzz::bodies::{Kind, Scene};
use tally_fuzz::input::Input;
use tally_fuzz::word;
use tally_fuzz::world::{Start, World};
use tally_fuzz_node::disk::{DIR, MemoryDisk};
use tally_node::ingress::outbox::{Changes, Entry, EntryId, Expired, Outbox, Recovered};
use tally_node::storage::journal::{Journal, JournalOptions};

/// Writes of a run, at most.
const MAX_WRITES: usize = 12;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    if first % 2 == 0 { any_frame(rest) } else { follow(&mut Input::new(rest)) }
});

fn open(disk: &MemoryDisk) -> (Outbox, Recovered) {
    Outbox::open(disk.shared(), Path::new(DIR)).expect("what an outbox wrote opens")
}

/// Opens an outbox of one frame, and compacts what is in it. No node ever gives the last number.
fn any_frame(payload: &[u8]) {
    if payload.windows(8).any(|number| number == [0xff; 8]) {
        return;
    }
    let disk = MemoryDisk::default();
    let journal = Journal::open(disk.shared(), Path::new(DIR), JournalOptions::default(), |_, _| {});
    journal.and_then(|journal| journal.append(payload).map(|_| ())).expect("memory can be written");
    let Ok((mut outbox, recovered)) = Outbox::open(disk.shared(), Path::new(DIR)) else { return };
    compact(&mut outbox, &recovered.pending, recovered.expired.iter().copied().collect());
    drop(outbox);
    let (_, again) = open(&disk);
    assert_eq!(
        (again.pending, again.expired),
        (recovered.pending, recovered.expired),
        "compaction keeps what is pending"
    );
}

/// Writes this and that, and opens again and again.
fn follow(input: &mut Input<'_>) {
    let disk = MemoryDisk::default();
    let world = World::new(Start::Simulated);
    let mut model: BTreeMap<EntryId, Entry> = BTreeMap::new();
    let (mut outbox, mut recovered) = open(&disk);
    let mut next_id = recovered.next_id;
    for _ in 0..MAX_WRITES {
        if input.is_empty() {
            break;
        }
        match input.below(4) {
            0 => {
                drop(outbox);
                (outbox, recovered) = open(&disk);
                assert_eq!(recovered.pending, model, "what is pending");
                assert_eq!(recovered.next_id, next_id, "no number is given twice");
            }
            1 => compact(&mut outbox, &model, recovered.expired.iter().copied().collect()),
            _ => {
                let accepted: Vec<(EntryId, Entry)> =
                    (0..input.below(4) as u64).map(|n| (EntryId(next_id + n), entry(input, &world))).collect();
                next_id += accepted.len() as u64;
                model.extend(accepted.iter().cloned());
                let done: Vec<EntryId> = model.keys().copied().filter(|_| input.once_in(3)).collect();
                model.retain(|id, _| !done.contains(id));
                let expired = Expired { transaction_id: Hash([input.any(); 32]), valid_until_ms: input.any() };
                let expired = input.once_in(4).then_some(expired).into_iter().collect();
                let accepted = accepted.into_iter().map(|(id, entry)| (id, encode(&entry))).collect();
                outbox.write(&Changes { accepted, done, expired }).expect("memory can be written");
            }
        }
    }
}

fn entry(input: &mut Input<'_>, world: &World) -> Entry {
    let operation = |input: &mut Input<'_>| {
        let scene = Scene { world, merchant: 1, time_ms: world.time_ms };
        let body = input.pick(Kind::ALL).body(input, &scene);
        let reference = Reference::new(world.time_ms, input.any::<u16>().into());
        let authorization = word::on(input, &scene, (reference, &body));
        Operation { reference, till: None, body, authorization }
    };
    match input.below(3) {
        0 => Entry::Operation(operation(input)),
        1 => Entry::Group((0..input.below(4)).map(|_| operation(input)).collect()),
        _ => Entry::Signed(vec![input.any(); input.below(64)]),
    }
}

fn compact(outbox: &mut Outbox, pending: &BTreeMap<EntryId, Entry>, expired: Vec<Expired>) {
    let bytes: Vec<(EntryId, Vec<u8>)> = pending.iter().map(|(id, entry)| (*id, encode(entry))).collect();
    let pending = bytes.iter().map(|(id, bytes)| (*id, bytes.as_slice()));
    outbox.compact(pending, &expired).expect("memory can be written");
}
