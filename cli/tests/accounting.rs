//! `tally accounting export` as a finance department runs it: over a whole archive, a shorter one, a damaged one.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with a message")]

#[path = "../../node/ledger/tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let case = Self { dir: tempfile::tempdir().unwrap() };
        fs::write(case.path("genesis.json"), serde_json::to_vec(&common::genesis()).unwrap()).unwrap();
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn archive(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn export(&self, archive: &Path, out: &str, arguments: &[&str]) -> Output {
        let mut tally = Command::new(env!("CARGO_BIN_EXE_tally"));
        tally.args(["--json", "accounting", "export"]).arg(archive).arg("--genesis").arg(self.path("genesis.json"));
        tally.args(arguments).arg("--out").arg(self.path(out)).output().expect("tally runs")
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("tally answers in JSON: {output:?}"))
}

#[test]
fn a_month_has_the_same_files_from_any_longer_archive() {
    let case = Case::new();
    let chain = common::year_in_six_blocks();
    let whole = case.archive("whole.tally", &chain.archive());
    // The fifth block ends January, the sixth February.
    let shorter = case.archive("shorter.tally", &common::archive_of(chain.chain.genesis(), &chain.blocks[..5]));
    let merchants = ["--merchant", "1", "--merchant", "2", "--merchant", "3"];
    let january = [&merchants[..], &["--month", "2017-01"]].concat();
    for (archive, out) in [(&shorter, "short"), (&whole, "long")] {
        let output = case.export(archive, out, &january);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(answer(&output)["exports"].as_array().map(Vec::len), Some(3));
    }
    for merchant in 1..=3 {
        for name in ["journal.hledger", "roll-forward.csv", "liability-by-expiry.csv", "vat.csv", "summary.json"] {
            let path = format!("merchant-{merchant}/2017-01/{name}");
            assert_eq!(case.file(&format!("short/{path}")), case.file(&format!("long/{path}")), "{path}");
        }
    }
    // Written again they are the same; with another estimate they are others, and what is there stays.
    assert_eq!(case.export(&whole, "long", &january).status.code(), Some(0));
    let other = case.export(&whole, "long", &[&january[..], &["--breakage", "1=0.5"]].concat());
    assert_eq!(other.status.code(), Some(2), "{other:?}");
    assert!(String::from_utf8_lossy(&other.stderr).contains("not overwritten"));
}

#[test]
fn every_month_and_the_whole_come_to_the_same() {
    let case = Case::new();
    let archive = case.archive("chain.tally", &common::year_in_six_blocks().archive());
    let budget = ["--budget-fen", "10", "--merchant", "1"];
    let months = case.export(&archive, "books", &[&budget[..], &["--every-month"]].concat());
    let whole = case.export(&archive, "books", &budget);
    let some = case.export(&archive, "books", &[&budget[..], &["--to-height", "3"]].concat());
    let (months, whole, some) = (answer(&months), answer(&whole), answer(&some));
    let labels: Vec<&Value> =
        months["exports"].as_array().unwrap().iter().map(|e| &e["summary"]["period"]["label"]).collect();
    assert_eq!(labels, ["2017-01", "2017-02"]);
    assert_eq!(whole["exports"][0]["summary"]["period"]["label"], "to-6");
    assert_eq!(some["exports"][0]["summary"]["period"]["label"], "to-3");
    let closing = |answer: &Value, at: usize| answer["exports"][at]["summary"]["classes"][0]["closing"].clone();
    assert_eq!(closing(&months, 1), closing(&whole, 0));
    assert_eq!(months["exports"][0]["summary"]["budget"]["months"][0]["alert"], true);
}

#[test]
fn what_is_not_there_or_not_right_has_no_files() {
    let case = Case::new();
    let mut bytes = common::year_in_six_blocks().archive();
    let archive = case.archive("chain.tally", &bytes);
    for (arguments, wrong) in [
        (&["--merchant", "7"][..], "no merchant 7"),
        (&["--merchant", "1", "--month", "2017-09"], "not over"),
        (&["--merchant", "1", "--month", "2016-09"], "is no month of the alliance"),
        (&["--merchant", "1", "--to-height", "7"], "ends before block 7"),
        (&["--merchant", "1", "--breakage", "1=2"], "no estimate"),
        (&["--merchant", "1", "--month", "2017-01", "--every-month"], "cannot be used with"),
    ] {
        let output = case.export(&archive, "books", arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(wrong), "{arguments:?}: {output:?}");
    }
    let at = bytes.len() / 2;
    bytes[at] ^= 0x10;
    let damaged = case.export(&case.archive("damaged.tally", &bytes), "books", &["--merchant", "1"]);
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    assert_eq!(answer(&damaged)["verified"], false);
    assert!(!case.path("books").exists());
}
