//! The files of a small history, byte by byte: `tests/golden/accounting/`; `TALLY_BLESS=1` writes them anew.

use super::super::budget::Budget;
use super::super::estimate::Estimates;
use super::super::period::Period;
use super::super::summary::Summary;
use super::{NAMES, World};
use crate::output::Lang;
use serde_json::json;

/// January to March 2017, every kind of act, in odd amounts; the cafe leaves.
fn history() -> World {
    let estimates = Estimates::new(&["1=0.1".parse().unwrap(), "1=0.2@2017-02".parse().unwrap()]);
    let parameters = json!({
        "pool": { "levy": "0.013" },
        "rebate": { "tiers": [{ "from_fen": "100", "rate": "0.05" }] },
        "governance": { "run_off_days": 20 },
    });
    let mut world = World::new(&estimates, &parameters);
    let acts = [
        ("buy", 1, "issue", r#"{"class": 1, "member": "@anna", "lines": [{"category": 1, "amount_fen": "33333"}]}"#),
        ("beans", 2, "issue", r#"{"class": 2, "member": "@bert", "lines": [{"category": 1, "amount_fen": "7700"}]}"#),
        ("in", 9, "import", r#"{"external_reference": "CA-1", "class": 1, "member": "@bert", "units": 777}"#),
        ("own", 1, "redeem", r#"{"class": 1, "member": "@anna", "points": "50"}"#),
        ("far", 2, "redeem", r#"{"class": 1, "member": "@anna", "points": "70"}"#),
        ("hold", 3, "hold", r#"{"class": 1, "member": "@anna", "points": "31", "release_ms": 1483372800000}"#),
        ("take", 3, "capture", r#"{"hold": "@hold", "points": "17"}"#),
        ("bean", 1, "redeem", r#"{"class": 2, "member": "@bert", "points": "33"}"#),
        (
            "swap",
            1,
            "exchange",
            r#"{"member": "@anna", "from_class": 1, "to_class": 2, "points": "41", "min_out": "0"}"#,
        ),
        ("part", 1, "split", r#"{"member": "@anna", "from_class": 1, "to_class": 11, "points": "21", "min_out": "0"}"#),
        ("back", 2, "reverse_redeem", r#"{"original": "@far", "points": "9"}"#),
        ("gone", 1, "reverse_issue", r#"{"original": "@buy", "amount_fen": "20000"}"#),
        (
            "claim",
            1,
            "open_dispute",
            r#"{"merchant": 2, "original": "@far", "amount": "123456789", "reason": "twice"}"#,
        ),
        ("yes", 2, "answer_dispute", r#"{"merchant": 2, "original": "@far", "accept": true}"#),
    ];
    for (name, merchant, kind, body) in acts {
        world.act(name, merchant, kind, body);
    }
    world.start_of("2017-02-01");
    for ((cycle, leg), terms) in world.books(1).legs.clone() {
        let body = serde_json::json!({ "cycle": cycle, "leg": leg, "amount_fen": terms.amount_fen });
        world.act("paid", terms.payee.0, "confirm_leg", &body.to_string());
    }
    let again = r#"{"class": 1, "member": "@anna", "lines": [{"category": 1, "amount_fen": "99999"}]}"#;
    world.act("again", 1, "issue", again);
    world.enact(&json!({ "exit": { "merchant": 2, "successor": 3, "exchanges": [] } }));
    world.start_of("2017-03-03");
    world.start_of("2017-04-02");
    world
}

fn golden(name: &str, text: &str) {
    let dir = format!("{}/../tests/golden/accounting", env!("CARGO_MANIFEST_DIR"));
    let path = format!("{dir}/{name}");
    if std::env::var_os("TALLY_BLESS").is_some() {
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{name} differs from {path}; if that is meant, run with TALLY_BLESS=1. It is now:\n{text}"
    );
}

#[test]
fn a_history_gives_the_same_files_as_ever() {
    let world = history();
    let books = world.books(1);
    let budget = Budget { budget_fen: tally_contracts::types::Fen(5_000), alert: "0.15".parse().unwrap() };
    for month in ["2017-01", "2017-02", "2017-03"] {
        let period = Period::month(books, month.parse().unwrap()).unwrap();
        let summary = Summary::new(books, NAMES, &period, Some(budget));
        for (name, text) in super::super::texts(books, NAMES, &period, &summary) {
            golden(&format!("{month}.{name}"), &text);
        }
        golden(&format!("{month}.en.txt"), &summary.text(Lang::En));
        golden(&format!("{month}.zh.txt"), &summary.text(Lang::Zh));
    }
    for id in [2, 9] {
        let books = world.books(id);
        let text = super::super::journal::journal(books, &NAMES, &Period::whole(books));
        golden(&format!("merchant-{id}.journal.hledger"), &text);
    }
}

#[test]
fn a_month_that_is_not_over_has_no_files() {
    let world = history();
    for month in ["2016-12", "2017-04", "2018-01"] {
        assert!(Period::month(world.books(1), month.parse().unwrap()).is_err(), "{month}");
    }
}
