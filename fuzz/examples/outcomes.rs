//! Which outcomes the inputs of `execute_block` lead to, by kind of operation, and which rules none of them meets: to see
//! whether a generator does what it is for. Takes folders of inputs.

use std::collections::BTreeMap;
use std::fs;

use tally_contracts::receipt::Outcome;
use tally_contracts::rejection::Rejection;
use tally_fuzz::execution::Execution;

fn main() {
    let mut counts: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for folder in std::env::args().skip(1) {
        for entry in fs::read_dir(&folder).expect("a folder of inputs") {
            let bytes = fs::read(entry.expect("a folder reads").path()).expect("an input reads");
            for (kind, outcome) in Execution::run(&bytes) {
                let outcome = match outcome {
                    Outcome::Applied(_) => "applied",
                    Outcome::Duplicate { .. } => "duplicate",
                    Outcome::Rejected(rejection) => rejection.name(),
                };
                *counts.entry((format!("{kind:?}"), outcome)).or_default() += 1;
            }
        }
    }
    for ((kind, outcome), count) in &counts {
        println!("{kind:<12} {outcome:<24} {count}");
    }
    let is_met = |rule: &Rejection| counts.keys().any(|(_, outcome)| *outcome == rule.name());
    let unmet: Vec<&str> = Rejection::ALL.iter().filter(|rule| !is_met(rule)).map(|rule| rule.name()).collect();
    println!("never met: {}", unmet.join(" "));
}
