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

#[test]
fn a_report_is_written_for_programs_and_for_people_in_their_language() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let chain = common::year_in_six_blocks();
    std::fs::write(path("genesis.json"), serde_json::to_vec(&common::genesis()).unwrap()).unwrap();
    let run = |archive: &[u8], report: &str, more: &[&str]| {
        std::fs::write(path("chain.tally"), archive).unwrap();
        let mut tally = Command::new(env!("CARGO_BIN_EXE_tally"));
        tally.arg("verify").arg(path("chain.tally")).arg("--genesis").arg(path("genesis.json"));
        let output = tally.arg("--report").arg(path(report)).args(more).output().expect("tally runs");
        let read = |name: &str| std::fs::read_to_string(path(report).join(name)).unwrap();
        (output.status.code(), read("report.html"), serde_json::from_str::<Value>(&read("report.json")).unwrap())
    };
    let (code, page, json) = run(&chain.archive(), "en", &[]);
    assert_eq!((code, json["verified"].as_bool()), (Some(0), Some(true)));
    let id = chain.blocks[5].0.header.id().to_string();
    for text in ["lang=\"en\"", id.as_str(), "What was checked, and what was not", "completeness", "not checked"] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("http"), "the page needs nothing from elsewhere");
    let (_, page, _) = run(&chain.archive(), "zh", &["--lang", "zh"]);
    assert!(page.contains("lang=\"zh\"") && page.contains("驗證報告"), "{page}");
    for check in json["report"]["checks"].as_array().unwrap() {
        let name = check["name"].as_str().unwrap();
        assert!(!page.contains(&format!("<td>{name}</td>")), "{name} has no Chinese name");
    }

    let mut damaged = chain.archive();
    let at = damaged.len() / 2;
    damaged[at] ^= 1;
    let (code, page, json) = run(&damaged, "damaged", &[]);
    assert_eq!((code, json["verified"].as_bool()), (Some(1), Some(false)));
    assert!(page.contains("NOT verified") && page.contains(&format!("byte {at} reads")), "{page}");
}

#[test]
fn a_later_run_goes_on_from_the_state_that_an_earlier_one_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let chain = common::year_in_six_blocks();
    std::fs::write(path("genesis.json"), serde_json::to_vec(&common::genesis()).unwrap()).unwrap();
    std::fs::write(path("short.tally"), common::archive_of(&common::genesis(), &chain.blocks[..4])).unwrap();
    std::fs::write(path("long.tally"), chain.archive()).unwrap();
    let run = |archive: &str| {
        let mut tally = Command::new(env!("CARGO_BIN_EXE_tally"));
        tally.arg("--json").arg("verify").arg(path(archive)).arg("--genesis").arg(path("genesis.json"));
        tally.arg("--state").arg(path("state")).output().expect("tally runs")
    };
    assert_eq!(answer(&run("short.tally"))["report"]["resumed_from"], Value::Null);
    let long = answer(&run("long.tally"));
    assert_eq!((long["report"]["resumed_from"].as_u64(), long["report"]["height"].as_u64()), (Some(4), Some(6)));
    assert_eq!(answer(&run("long.tally"))["report"]["resumed_from"], 6);
    // It goes further than this archive does: nothing is said of it.
    assert_eq!(run("short.tally").status.code(), Some(2));
}

#[test]
fn two_archives_are_compared_and_who_signed_both_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (mut one, mut other) = (common::year_in_six_blocks(), common::year_in_six_blocks());
    one.extend(one.head.time_ms + 10, &[]);
    other.extend(other.head.time_ms + 20, &[]);
    std::fs::write(path("genesis.json"), serde_json::to_vec(&common::genesis()).unwrap()).unwrap();
    std::fs::write(path("short.tally"), common::year_in_six_blocks().archive()).unwrap();
    std::fs::write(path("one.tally"), one.archive()).unwrap();
    std::fs::write(path("other.tally"), other.archive()).unwrap();
    let run = |first: &str, second: &str| {
        let mut tally = Command::new(env!("CARGO_BIN_EXE_tally"));
        tally.arg("compare").arg(path(first)).arg(path(second)).arg("--genesis").arg(path("genesis.json"));
        let output = tally.output().expect("tally runs");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = run("one.tally", "short.tally");
    assert_eq!(code, Some(0));
    assert!(text.contains("the same up to block 6") && text.contains("short.tally ends"), "{text}");
    let (code, text) = run("one.tally", "other.tally");
    assert_eq!(code, Some(1));
    assert!(
        text.contains("first block that differs is 7") && text.contains("Signed both: merchants 1, 2, 4."),
        "{text}"
    );
}
