//! Random histories: whatever happens, the books come out as the ledger does, after every block and for every participant.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use tally_contracts::types::{DAY_MS, Month};

use super::super::estimate::Estimates;
use super::super::journal::{journal, posted};
use super::super::period::Period;
use super::super::tables::RollForward;
use super::{MEMBERS, NAMES, World, files};

const CLASSES: [u32; 3] = [1, 2, 11];

#[test]
fn the_books_follow_any_history() {
    let mut applied = std::collections::BTreeMap::new();
    let mut due = std::collections::BTreeMap::new();
    for seed in 1..=12 {
        let mut history = History::new(seed);
        for step in 0..250 {
            if step == 150 {
                history.leave();
            }
            history.step();
        }
        history.end();
        for (kind, times) in &history.world.due {
            *due.entry(kind.clone()).or_insert(0) += times;
        }
        for (kind, times) in history.applied {
            *applied.entry(kind).or_insert(0) += times;
        }
    }
    let kinds = [
        "issue",
        "transfer",
        "redeem",
        "hold",
        "capture",
        "void",
        "reverse_redeem",
        "reverse_issue",
        "exchange",
        "split",
        "import",
        "confirm_leg",
        "open_dispute",
        "answer_dispute",
        "announce_anchor",
    ];
    for kind in kinds {
        assert!(applied.get(kind).is_some_and(|times| *times >= 5), "{kind}: {applied:?}");
    }
    for kind in ["closed", "lapsed", "timed_out", "anchor_changed", "distributed", "wound_up", "bought_out"] {
        assert!(due.get(kind).is_some_and(|times| *times >= 5), "{kind}: {due:?}");
    }
}

struct History {
    seed: u64,
    random: StdRng,
    world: World,
    /// Sales, purchases, holds and disputes to take up later: kind, merchant, reference.
    past: Vec<(&'static str, u16, String)>,
    imports: u32,
    applied: std::collections::BTreeMap<&'static str, u32>,
    /// The files of each month and participant as they were when it ended.
    ended: Vec<(Month, u16, String)>,
}

impl History {
    fn new(seed: u64) -> Self {
        let estimates = Estimates::new(&["1=0.13".parse().unwrap(), "2=0.4@2017-02".parse().unwrap()]);
        let parameters = json!({
            "pool": { "levy": "0.013" },
            "rebate": { "tiers": [{ "from_fen": "500", "rate": "0.05" }, { "from_fen": "3000", "rate": "0.1" }] },
            "governance": { "run_off_days": 20 },
        });
        let world = World::new(&estimates, &parameters);
        let (random, past, ended) = (StdRng::seed_from_u64(seed), Vec::new(), Vec::new());
        Self { seed, random, world, past, imports: 0, applied: std::collections::BTreeMap::new(), ended }
    }

    fn step(&mut self) {
        if self.random.gen_ratio(1, 8) {
            self.wait();
        }
        let (merchant, kind, body) = self.propose();
        let (reference, outcome) = self.world.operation(merchant, kind, &body.to_string()).unwrap();
        if outcome.get("rejected").is_none() {
            *self.applied.entry(kind).or_insert(0) += 1;
            if matches!(kind, "issue" | "redeem" | "hold" | "capture" | "exchange") {
                self.past.push((kind, merchant, reference.to_string()));
            }
        }
    }

    /// A merchant leaves: its points are bought out, become another's, or, of two classes, one this and one that.
    fn leave(&mut self) {
        let (merchant, successor, exchanges) = match self.seed % 3 {
            0 => (2, 1, json!([])),
            1 => (2, 1, json!([{ "from_class": 2, "to_class": 1 }])),
            _ => (1, 3, json!([{ "from_class": 1, "to_class": 2 }])),
        };
        let exit = json!({ "merchant": merchant, "successor": successor, "exchanges": exchanges });
        self.world.enact(&json!({ "exit": exit }));
    }

    /// Time goes on by up to some days, sometimes by months.
    fn wait(&mut self) {
        let before = self.world.books(1).calendar.month(self.world.time_ms);
        let days = if self.random.gen_ratio(1, 10) { 70 } else { self.random.gen_range(1..9) };
        let time_ms = self.world.time_ms + self.random.gen_range(1..=days * DAY_MS);
        self.world.block(time_ms, &[]);
        let after = self.world.books(1).calendar.month(time_ms);
        for month in (before.0..after.0).map(Month) {
            for books in &self.world.books {
                let period = Period::month(books, month).unwrap();
                self.ended.push((month, books.merchant.0, files(books, &period)));
            }
        }
        self.confirm();
    }

    /// Most legs are paid at some time.
    fn confirm(&mut self) {
        let legs: Vec<_> = self.world.books.iter().flat_map(|books| books.legs.clone()).collect();
        for ((cycle, leg), terms) in legs {
            if self.random.gen_ratio(1, 3) {
                let body = json!({ "cycle": cycle, "leg": leg, "amount_fen": terms.amount_fen });
                let (_, outcome) = self.world.operation(terms.payee.0, "confirm_leg", &body.to_string()).unwrap();
                if outcome.get("rejected").is_none() {
                    *self.applied.entry("confirm_leg").or_insert(0) += 1;
                }
            }
        }
    }

    fn propose(&mut self) -> (u16, &'static str, Value) {
        let random = &mut self.random;
        let merchant = random.gen_range(1..=3);
        let class = *CLASSES.choose(random).unwrap();
        let issuer = if class == 2 { 2 } else { 1 };
        let mut member = || format!("@{}", MEMBERS.choose(random).unwrap());
        let (one, other) = (member(), member());
        let points = random.gen_range(1..200_u64).to_string();
        match random.gen_range(0..20) {
            0..=4 => {
                let lines = json!([{ "category": 1, "amount_fen": random.gen_range(1..60_000_u64).to_string() }]);
                (issuer, "issue", json!({ "class": class, "member": one, "lines": lines }))
            }
            5..=7 => (merchant, "redeem", json!({ "class": class, "member": one, "points": points })),
            8 => (1, "transfer", json!({ "class": class, "from": one, "to": other, "points": points })),
            9 => {
                let release_ms = self.world.time_ms + random.gen_range(2..6 * DAY_MS);
                (merchant, "hold", json!({ "class": class, "member": one, "points": points, "release_ms": release_ms }))
            }
            10 => {
                let (from, to) = if random.gen_ratio(1, 2) { (1, 2) } else { (2, 1) };
                let ends =
                    json!({ "member": one, "from_class": from, "to_class": to, "points": points, "min_out": "0" });
                (1, "exchange", ends)
            }
            11 => (
                1,
                "split",
                json!({ "member": one, "from_class": 1, "to_class": 11, "points": points, "min_out": "0" }),
            ),
            12 => {
                self.imports += 1;
                let (name, units) = (format!("I-{}", self.imports), random.gen_range(10..3_000_u64));
                (9, "import", json!({ "external_reference": name, "class": 1, "member": one, "units": units }))
            }
            13 => {
                let effective_ms = self.world.time_ms + 40 * DAY_MS;
                let anchor = *["0.05", "0.07", "0.11", "0.15"].choose(random).unwrap();
                (issuer, "announce_anchor", json!({ "class": class, "anchor": anchor, "effective_ms": effective_ms }))
            }
            _ => self.take_up(&points),
        }
    }

    /// Something about an earlier operation.
    fn take_up(&mut self, points: &str) -> (u16, &'static str, Value) {
        let nothing = (1, "void", json!({ "hold": "01597c72-9080-7ae6-ab76-1c876c24a3dd" }));
        let recent = &self.past[self.past.len().saturating_sub(15)..];
        let Some((kind, merchant, reference)) = recent.choose(&mut self.random).cloned() else { return nothing };
        let subject = json!({ "merchant": merchant, "original": reference });
        match kind {
            "hold" if self.random.gen_ratio(1, 3) => (merchant, "void", json!({ "hold": reference })),
            "hold" => (merchant, "capture", json!({ "hold": reference, "points": points })),
            "redeem" | "capture" if self.random.gen_ratio(1, 2) => {
                (merchant, "reverse_redeem", json!({ "original": reference, "points": points }))
            }
            "redeem" | "capture" | "exchange" => {
                let debtor = self.random.gen_range(1..=2);
                let claim =
                    json!({ "amount": self.random.gen_range(1..900_000_000_u64).to_string(), "reason": "not so" });
                let body = merged(subject, claim);
                self.past.push(("open_dispute", merchant, reference));
                (debtor, "open_dispute", body)
            }
            "issue" => {
                let amount_fen = self.random.gen_range(1..60_000_u64).to_string();
                (merchant, "reverse_issue", json!({ "original": reference, "amount_fen": amount_fen }))
            }
            "open_dispute" => {
                let accept = json!({ "accept": self.random.gen_ratio(1, 2) });
                (self.random.gen_range(1..=3), "answer_dispute", merged(subject, accept))
            }
            _ => nothing,
        }
    }

    fn end(&self) {
        for (month, merchant, then) in &self.ended {
            let books = self.world.books(*merchant);
            let now = files(books, &Period::month(books, *month).unwrap());
            assert!(*then == now, "seed {}: {month} of merchant {merchant} changed later", self.seed);
        }
        for books in &self.world.books {
            let whole = Period::whole(books);
            journal_adds_up(&journal(books, &NAMES, &whole));
            let closing = posted(books, &whole).1.accounts();
            assert!(closing.values().map(|(fen, _)| fen).sum::<i128>() == 0, "seed {}", self.seed);
            for class in RollForward::all(books, &whole) {
                let account = format!("liabilities:contract:class-{}", class.class);
                let posted = closing.iter().find(|(of, _)| of.to_string() == account).map_or(0, |(_, (fen, _))| -*fen);
                assert_eq!(posted, class.closing.amount.whole_fen(), "seed {}: {account}", self.seed);
            }
        }
    }
}

fn merged(mut one: Value, other: Value) -> Value {
    let fields = other.as_object().unwrap().clone();
    one.as_object_mut().unwrap().extend(fields);
    one
}

/// Reads a journal that stands alone as plain text: each transaction sums to zero, each assertion holds.
fn journal_adds_up(text: &str) {
    let fen = |amount: &str| amount.replace('.', "").parse::<i128>().unwrap();
    let mut balances = std::collections::BTreeMap::new();
    for transaction in text.split("\n\n").filter(|part| part.contains(" * (")) {
        let mut sum = 0;
        for line in transaction.lines().filter(|line| line.starts_with("    ")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let balance = balances.entry(words[0].to_owned()).or_insert(0);
            *balance += fen(words[1]);
            sum += fen(words[1]);
            if let Some(at) = words.iter().position(|word| *word == "=") {
                assert_eq!(*balance, fen(words[at + 1]), "{transaction}");
            }
        }
        assert_eq!(sum, 0, "{transaction}");
    }
}
