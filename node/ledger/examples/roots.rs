//! Time and memory of a checkpoint's roots: `cargo run --release -p tally-ledger --example roots -- 1000000`.
//!
//! The holdings are made up as they are read, so the figures leave out what a database takes to read them.

use std::fs;
use std::ops::ControlFlow;
use std::time::Instant;

use tally_contracts::points::{Lot, Movement, Reason, balance_at};
use tally_contracts::state::{Key, Store, tag};
use tally_contracts::types::{Address, ClassId, Hash, Month, Points};
use tally_ledger::roots::erc1155::{BalancesBuilder, balance_slot};
use tally_ledger::roots::records::{Record, RecordId, visit_records};
use tally_ledger::roots::state_tree::StateTree;
use tally_ledger::roots::trie::StorageTrie;

const MONTH: Month = Month(564);
/// Classes that each member holds.
const CLASSES: u64 = 5;

/// A store of so many holdings, each with two lots and one movement.
struct MadeUp(u64);

impl Store for MadeUp {
    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn scan(&self, start: &[u8], _: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        if start[0] != tag::HOLDINGS {
            return Vec::new();
        }
        let first = start.get(1..25).map_or(0, |owner| {
            let ((address, class), is_past) = (<(Address, ClassId)>::take(&mut &owner[..]), start.len() > 25);
            number(&address) * CLASSES + u64::from(class.0) + u64::from(is_past)
        });
        (first..self.0).take(limit).map(row).collect()
    }
}

fn number(address: &Address) -> u64 {
    let (_, last) = address.0.split_last_chunk::<8>().expect("20 bytes have 8");
    u64::from_be_bytes(*last)
}

fn row(n: u64) -> (Vec<u8>, Vec<u8>) {
    let mut address = Address::default();
    address.0[12..].copy_from_slice(&(n / CLASSES).to_be_bytes());
    let mut key = vec![tag::HOLDINGS];
    ((address, ClassId((n % CLASSES) as u32)), (!n, !0_u32)).put(&mut key);
    let lots = [0, 1].map(|later| Lot { expires: MONTH.plus(later), points: Points(n % 1000 + 1) }).to_vec();
    let movement =
        Movement { operation: Some(0), delta: 1, reason: Reason::Issued, lots, statement_hash: Hash([7; 32]) };
    (key, tally_contracts::encoding::encode(&movement))
}

fn main() {
    let counts: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    for count in counts {
        measure(&MadeUp(count), threads);
    }
}

fn measure(store: &MadeUp, threads: usize) {
    println!("{} holdings, {threads} threads", store.0);
    let mut started = Instant::now();
    let mut lap = |what: &str| {
        println!("  {what}: {:.3} s, peak {}", started.elapsed().as_secs_f64(), peak());
        started = Instant::now();
    };
    let mut read = 0;
    visit_records(store, &RecordId::FIRST, |_| {
        read += 1;
        ControlFlow::Continue(())
    });
    lap(&format!("make up and read {read} records"));
    let mut state = StateTree::default();
    let mut balances = BalancesBuilder::default();
    visit_records(store, &RecordId::FIRST, |record| {
        state.push(record);
        if let Record::Holding { address, class, lots, .. } = record {
            balances.push(address, *class, balance_at(lots, MONTH));
        }
        ControlFlow::Continue(())
    });
    let state_root = state.root();
    lap("the same, with the state root");
    let balances = balances.finish("https://example.org/{id}.json", threads);
    lap("balances hashed and sorted");
    let storage = StorageTrie::new(&balances, threads);
    lap("the storage root");
    let holder = Address::default();
    let slot = balance_slot(&holder, ClassId(0));
    let proof = storage.prove(&slot, |range| balances.entries()[range].to_vec());
    lap(&format!("a storage proof of {} nodes", proof.nodes.len()));
    let is_valid = proof.verify(&storage.root()).is_ok();
    lap(&format!("its verification, valid: {is_valid}"));
    let record = state.prove(store, &RecordId::Holding(holder, ClassId(0)));
    lap("a record's proof");
    let is_valid = record.is_ok_and(|proof| proof.verify(&state_root).is_ok());
    lap(&format!("its verification, valid: {is_valid}"));
}

/// The most memory that the process had, as Linux tells it.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".into(), |line| line.trim().to_owned())
}
