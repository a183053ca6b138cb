//! The journal on a disk that loses what was not synced.

use proptest::prelude::*;

use super::super::lossy::LossyDisk;
use super::*;

const DIR: &str = "/journal";

type Frames = Vec<(Position, Vec<u8>)>;

fn open_from(disk: &LossyDisk, replay_from: Option<Position>) -> Result<(Journal, Frames), JournalError> {
    let mut frames = Vec::new();
    let options = JournalOptions { segment_bytes: 400, replay_from };
    let journal = Journal::open(Arc::new(disk.clone()), Path::new(DIR), options, |position, payload| {
        frames.push((position, payload.to_vec()));
    })?;
    Ok((journal, frames))
}

fn open(disk: &LossyDisk) -> (Journal, Frames) {
    open_from(disk, None).expect("an undamaged journal opens")
}

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Sync,
    Crash,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_usize..120).prop_map(Step::Append),
        2 => Just(Step::Sync),
        1 => Just(Step::Crash),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    #[test]
    fn what_is_synced_survives_any_crash_and_what_survives_is_a_prefix(seed in any::<u64>(), steps in steps()) {
        let disk = LossyDisk::new(seed);
        let (mut journal, _) = open(&disk);
        let mut model: Frames = Vec::new();
        let mut synced = 0;
        for (step, n) in steps.into_iter().zip(0_u8..) {
            match step {
                Step::Append(length) => {
                    let payload = vec![n; length];
                    model.push((journal.append(&payload).expect("the disk has room"), payload));
                }
                Step::Sync => {
                    journal.sync().expect("the disk works");
                    synced = model.len();
                }
                Step::Crash => {
                    disk.crash();
                    let (reopened, frames) = open(&disk);
                    prop_assert!(frames.len() >= synced, "{} of {synced} synced frames are there", frames.len());
                    prop_assert_eq!(&frames[..], &model[..frames.len()]);
                    (journal, model) = (reopened, frames);
                    synced = model.len();
                }
                Step::Reopen => {
                    let (reopened, frames) = open(&disk);
                    prop_assert_eq!(&frames, &model);
                    journal = reopened;
                }
            }
            for (position, payload) in &model {
                prop_assert_eq!(&journal.read(*position).expect("a frame reads back"), payload);
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_never_taken_for_a_frame(offset in 0_usize..520) {
        let disk = LossyDisk::new(0);
        let (journal, _) = open(&disk);
        let mut model = Vec::new();
        for n in 0_u8..10 {
            model.push((journal.append(&[n; 40]).expect("the disk has room"), vec![n; 40]));
            journal.sync().expect("the disk works");
        }
        // Segment 1 holds header and 8 frames of 52 bytes, segment 2 the rest.
        let (number, offset) = if offset < 436 { (1, offset) } else { (2, offset - 436) };
        disk.flip_bit(&segment_path(Path::new(DIR), number), offset);
        match open_from(&disk, None) {
            Err(JournalError::Damaged { file, offset: at, .. }) => {
                prop_assert_eq!(file, segment_path(Path::new(DIR), number));
                let frame = if offset < 20 { 0 } else { offset - (offset - 20) % 52 };
                prop_assert_eq!(at as usize, frame);
            }
            // Nothing follows the very last frame that could tell damage from tearing.
            Ok((_, frames)) => {
                prop_assert!(number == 2 && offset >= 72);
                prop_assert_eq!(&frames[..], &model[..9]);
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

#[test]
fn replay_begins_where_it_is_told_to() {
    let disk = LossyDisk::new(1);
    let (journal, _) = open(&disk);
    let positions: Vec<_> = (0_u8..30).map(|n| journal.append(&[n; 30]).expect("the disk has room")).collect();
    journal.sync().expect("the disk works");
    for (n, position) in positions.iter().enumerate() {
        let (_, frames) = open_from(&disk, Some(*position)).expect("it opens");
        assert_eq!(frames.iter().map(|f| f.0).collect::<Vec<_>>(), positions[n..]);
    }
    let beyond = Position { segment: 99, offset: 20 };
    assert!(matches!(open_from(&disk, Some(beyond)), Err(JournalError::Missing(_))));
}

#[test]
fn removed_segments_stay_removed_and_the_rest_stays() {
    let disk = LossyDisk::new(2);
    let (journal, _) = open(&disk);
    let positions: Vec<_> = (0_u8..60).map(|n| journal.append(&[n; 30]).expect("the disk has room")).collect();
    journal.sync().expect("the disk works");
    let keep = positions[40];
    journal.truncate_before(keep).expect("the disk works");
    assert!(matches!(journal.read(positions[0]), Err(JournalError::Missing(_))));
    assert_eq!(journal.read(keep).expect("it is kept"), [40; 30]);
    disk.crash();
    let (_, frames) = open(&disk);
    assert_eq!(frames[0].0.segment, keep.segment);
    assert_eq!(frames.last().expect("there are frames").1, [59; 30]);
}

#[test]
fn a_missing_segment_is_named() {
    let disk = LossyDisk::new(3);
    let (journal, _) = open(&disk);
    for n in 0_u8..60 {
        journal.append(&[n; 30]).expect("the disk has room");
    }
    let second = segment_path(Path::new(DIR), 2);
    disk.remove(&second).expect("it is there");
    assert!(matches!(open_from(&disk, None), Err(JournalError::Missing(path)) if path == second));
}

#[test]
fn a_full_disk_is_an_error_and_the_journal_goes_on_once_there_is_room() {
    for free in 0..150 {
        let disk = LossyDisk::new(4);
        let (journal, _) = open(&disk);
        let mut model = Vec::new();
        disk.set_free_bytes(Some(330 + free));
        let error = loop {
            match journal.append(&[model.len() as u8; 30]) {
                Ok(position) => model.push((position, vec![model.len() as u8; 30])),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, JournalError::Disk { .. }), "{error}");
        disk.set_free_bytes(None);
        model.push((journal.append(b"after").expect("there is room"), b"after".to_vec()));
        journal.sync().expect("the disk works");
        disk.crash();
        assert_eq!(open(&disk).1, model, "with {free} bytes");
    }
}

#[test]
fn appends_from_many_threads_share_syncs_and_are_all_there() {
    let disk = LossyDisk::new(5);
    let (journal, _) = open(&disk);
    std::thread::scope(|scope| {
        for thread in 0_u8..8 {
            let journal = &journal;
            scope.spawn(move || {
                for n in 0_u8..50 {
                    journal.append(&[thread, n]).expect("the disk has room");
                    journal.sync().expect("the disk works");
                }
            });
        }
    });
    disk.crash();
    let (_, frames) = open(&disk);
    for thread in 0_u8..8 {
        let own = frames.iter().filter(|f| f.1[0] == thread).map(|f| f.1[1]);
        assert!(own.eq(0..50), "frames of one thread stay in order");
    }
}

#[test]
fn the_real_disk_keeps_a_journal() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path().join("a/b");
    let disk = Arc::new(super::super::disk::RealDisk);
    let journal = Journal::open(disk.clone(), &dir, JournalOptions::default(), |_, _| {}).expect("it opens");
    let position = journal.append(b"one").expect("the disk has room");
    journal.append(b"two").expect("the disk has room");
    journal.sync().expect("the disk works");
    drop(journal);
    let mut seen = Vec::new();
    let journal = Journal::open(disk, &dir, JournalOptions::default(), |_, payload| seen.push(payload.to_vec()));
    assert_eq!(seen, [b"one", b"two"]);
    assert_eq!(journal.expect("it opens").read(position).expect("it reads back"), b"one");
}
