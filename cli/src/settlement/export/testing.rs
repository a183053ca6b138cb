//! An example for the tests of the formats: four merchants, one of which pays two others, with what is odd about
//! cycles: remainders, a reversal that outweighs, a kind that this version has never heard of, a pair that nets to
//! nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tally_contracts::types::{Calendar, Hash, MerchantId, Month};

use super::accounts::Accounts;
use super::answer::{Answer, Context};
use super::statement::{Alliance, Statement};

/// Compares with `tests/golden/settlement/`; `TALLY_BLESS=1` writes it anew.
pub fn golden(name: &str, text: &str) {
    let path = format!("{}/../tests/golden/settlement/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("TALLY_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{name} differs from {path}; if that is meant, run with TALLY_BLESS=1. It is now:\n{text}"
    );
}

/// The answer of a node about the cycle.
pub fn answer() -> Value {
    let net = |low: u16, high: u16, opening: i64, net: i64| {
        json!({ "low": low, "high": high, "opening": opening.to_string(), "net": net.to_string(),
            "net_fen": net / 1_000_000, "closing": (net % 1_000_000).to_string() })
    };
    let leg = |leg: u16, payee: u16, fen: &str| -> Value {
        json!({ "leg": leg, "payer": 2, "payee": payee, "amount_fen": fen, "state": "open" })
    };
    json!({
        "cycle": "2017-03",
        "closed_at_height": 115,
        "closed_at_ms": 1_491_224_400_000_u64,
        "pairs": [
            { "debtor": 1, "creditor": 2, "redemption": "100000000", "exchange": "20000001", "total": "120000001" },
            { "debtor": 1, "creditor": 3, "redemption": "300000000", "exchange": "0", "total": "300000000" },
            { "debtor": 2, "creditor": 1, "redemption": "1234500000", "exchange": "0", "adjustment": "-500000",
                "total": "1234000000" },
            { "debtor": 2, "creditor": 3, "redemption": "0", "exchange": "777000000", "total": "777000000" },
            { "debtor": 3, "creditor": 2, "redemption": "-1000000", "exchange": "0", "total": "-1000000" },
            { "debtor": 4, "creditor": 2, "redemption": "0", "exchange": "0", "import": "500000", "total": "500000" },
        ],
        "nets": [
            net(1, 2, -250_000, -1_114_249_999),
            net(1, 3, 0, 300_000_000),
            net(2, 3, 0, 778_000_000),
            net(2, 4, 250_000, -250_000),
        ],
        "positions": [
            { "merchant": 1, "net_fen": 814 },
            { "merchant": 2, "net_fen": -1892 },
            { "merchant": 3, "net_fen": 1078 },
        ],
        "legs": [leg(0, 3, "1078"), leg(1, 1, "814")],
        "height": 200,
    })
}

/// A cycle in which nothing was owed.
pub fn empty_answer() -> Value {
    json!({ "cycle": "2017-02", "closed_at_height": 7, "closed_at_ms": 1_488_344_400_000_u64, "pairs": [], "nets": [],
        "positions": [], "legs": [], "height": 7 })
}

/// A merchant's side of an answer.
pub fn read(answer: Value, merchant: u16) -> Result<Statement, String> {
    let names = [(1, "Market & Söhne <1>"), (2, "便利店"), (3, "Fuel \"3\"")];
    let context = Context {
        alliance: Alliance {
            chain_id: Hash([0x1c; 32]),
            name: "Riverside alliance".into(),
            calendar: Calendar { utc_offset_minutes: -300 },
            first_cycle: "2017-01".parse::<Month>().unwrap(),
        },
        names: BTreeMap::from(names.map(|(id, name)| (MerchantId(id), name.to_owned()))),
    };
    let answer: Answer = serde_json::from_value(answer).map_err(|e| e.to_string())?;
    answer.statement(&context, MerchantId(merchant))
}

/// The side of the merchant that pays.
pub fn full() -> Statement {
    read(answer(), 2).unwrap()
}

/// A statement without anything.
pub fn empty() -> Statement {
    read(empty_answer(), 2).unwrap()
}

/// Accounts of the payer and its payees, each in another way.
pub fn accounts() -> Accounts {
    let text = "[merchant.1]\naccount = \"6222 0202 0011 2233 445\"\ncnaps = \"102100099996\"\n\
        [merchant.2]\nname = \"便利店有限公司\"\naccount = \"0200001\"\nbic = \"ICBKCNBJ\"\n\
        [merchant.3]\niban = \"DE89370400440532013000\"\n";
    Accounts::parse(text, false).unwrap()
}
