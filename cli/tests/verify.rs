//! `tally verify` as an auditor runs it: a whole archive, a flipped byte, and an archive of someone else's.

#[path = "../../node/ledger/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn verify(archive: &Path, genesis: &Path) -> Output {
    let mut tally = Command::new(env!("CARGO_BIN_EXE_tally"));
    tally.arg("--json").arg("verify").arg(archive).arg("--genesis").arg(genesis).output().expect("tally runs")
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("tally answers in JSON")
}

#[test]
fn a_whole_archive_verifies_and_a_flipped_byte_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (archive, genesis) = (dir.path().join("chain.tally"), dir.path().join("genesis.json"));
    let mut bytes = common::year_in_six_blocks().archive();
    std::fs::write(&genesis, serde_json::to_vec(&common::genesis()).unwrap()).unwrap();
    std::fs::write(&archive, &bytes).unwrap();
    let whole = verify(&archive, &genesis);
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    assert_eq!(answer(&whole)["report"]["height"], 6);

    let at = bytes.len() / 2;
    let right = bytes[at];
    bytes[at] ^= 0x10;
    std::fs::write(&archive, &bytes).unwrap();
    let flipped = verify(&archive, &genesis);
    assert_eq!(flipped.status.code(), Some(1), "{flipped:?}");
    let byte = &answer(&flipped)["failure"]["found"]["byte"];
    assert_eq!((byte["offset"].as_u64(), byte["expected"].as_u64()), (Some(at as u64), Some(u64::from(right))));
}

#[test]
fn what_cannot_be_judged_ends_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let (archive, genesis) = (dir.path().join("chain.tally"), dir.path().join("genesis.json"));
    std::fs::write(&genesis, serde_json::to_vec(&common::genesis()).unwrap()).unwrap();
    let absent = verify(&archive, &genesis);
    assert_eq!(absent.status.code(), Some(2), "{absent:?}");
    assert!(String::from_utf8_lossy(&absent.stderr).contains("cannot read the archive"));
    std::fs::write(&archive, common::year_in_six_blocks().archive()).unwrap();
    std::fs::write(&genesis, "{}").unwrap();
    assert_eq!(verify(&archive, &genesis).status.code(), Some(2));
}
