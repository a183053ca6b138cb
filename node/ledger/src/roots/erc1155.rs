//! Live balances in the storage layout of OpenZeppelin's ERC-1155, as Ethereum's storage trie has them.
//!
//! Layout (OpenZeppelin Contracts 5, `ERC1155.sol`; Solidity, "Layout of State Variables in Storage"): slot 0 holds
//! `_balances`, a mapping of ids to mappings of holders, so a balance lies at `keccak256(holder ‖ keccak256(id ‖ 0))`,
//! each padded to 32 bytes. Slot 1 holds approvals, of which there are none here. Slot 2 holds the URI. In the trie the
//! key is the Keccak-256 of the slot, and a slot that is zero is not there.

use std::collections::BTreeMap;
use std::thread;

use alloy_primitives::{U256, keccak256};
use tally_contracts::types::{Address, ClassId, Points};

/// Slot of `_balances`.
const BALANCES: u8 = 0;
/// Slot of `_uri`.
const URI: u8 = 2;
/// Fewer entries than this are sorted by one thread.
const MIN_PARALLEL: usize = 1 << 14;

/// A position in a contract's storage.
pub type Slot = [u8; 32];

/// A balance by its key in the trie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Keccak-256 of the slot.
    pub key: [u8; 32],
    /// Points in minor units. Zero, which no balance here is, stands for a word of the URI.
    pub value: u64,
}

/// A word of the URI by its key in the trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Keccak-256 of the slot.
    pub key: [u8; 32],
    /// What is stored there, other than zero.
    pub value: U256,
}

/// All that the contract stores, by rising key: 40 bytes a balance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balances {
    entries: Vec<Entry>,
    words: Vec<Word>,
}

/// Balances as they are collected, in any order. Until all are there, a key holds holder and class, to be hashed in
/// place.
#[derive(Clone, Debug, Default)]
pub struct BalancesBuilder {
    entries: Vec<Entry>,
}

/// The slot of a holder's balance.
#[must_use]
pub fn balance_slot(holder: &Address, class: ClassId) -> Slot {
    mapping_slot(&padded(&holder.0), &class_slot(class))
}

/// The slot of the mapping of a class's holders.
fn class_slot(class: ClassId) -> Slot {
    mapping_slot(&padded(&class.0.to_be_bytes()), &padded(&[BALANCES]))
}

fn mapping_slot(key: &[u8; 32], mapping: &Slot) -> Slot {
    keccak256([*key, *mapping].concat()).0
}

/// Bytes as a word, with zeros before them.
fn padded(bytes: &[u8]) -> [u8; 32] {
    let mut word = [0; 32];
    word[32 - bytes.len()..].copy_from_slice(bytes);
    word
}

/// What a string at a slot stores: up to 31 bytes lie in the slot itself, with twice their number in the last byte; a
/// longer one has twice its length and one there, and its bytes from `keccak256(slot)` on.
fn string_words(slot: &Slot, text: &str) -> Vec<(Slot, [u8; 32])> {
    let filled = |bytes: &[u8]| {
        let mut word = [0; 32];
        word[..bytes.len()].copy_from_slice(bytes);
        word
    };
    if let length @ 0..32 = text.len() {
        let mut word = filled(text.as_bytes());
        word[31] = (2 * length) as u8;
        return vec![(*slot, word)];
    }
    let first = U256::from_be_bytes(keccak256(slot).0);
    let rest = text.as_bytes().chunks(32).enumerate();
    let rest = rest.map(|(at, bytes)| (first.wrapping_add(U256::from(at)).to_be_bytes(), filled(bytes)));
    [(*slot, U256::from(2 * text.len() + 1).to_be_bytes())].into_iter().chain(rest).collect()
}

impl BalancesBuilder {
    /// Adds a holder's balance of a class; each holder and class once.
    pub fn push(&mut self, holder: &Address, class: ClassId, points: Points) {
        if points > Points(0) {
            let mut key = [0; 32];
            key[..20].copy_from_slice(&holder.0);
            key[20..24].copy_from_slice(&class.0.to_be_bytes());
            self.entries.push(Entry { key, value: points.0 });
        }
    }

    /// Hashes and sorts what was collected, on so many threads; the result does not depend on their number. `uri` is
    /// what the contract was constructed with.
    ///
    /// # Panics
    /// When a holder and class came twice.
    #[must_use]
    pub fn finish(self, uri: &str, threads: usize) -> Balances {
        let Self { mut entries } = self;
        let threads = threads.max(1);
        let share = entries.len().div_ceil(threads).max(MIN_PARALLEL);
        thread::scope(|scope| {
            for part in entries.chunks_mut(share) {
                scope.spawn(|| hash_keys(part));
            }
        });
        let words = string_words(&padded(&[URI]), uri).into_iter();
        let words = words.map(|(slot, word)| Word { key: keccak256(slot).0, value: U256::from_be_bytes(word) });
        let mut words: Vec<Word> = words.filter(|word| !word.value.is_zero()).collect();
        words.sort_unstable_by_key(|word| word.key);
        entries.extend(words.iter().map(|word| Entry { key: word.key, value: 0 }));
        sort(&mut entries, threads);
        entries.shrink_to_fit();
        assert!(entries.is_sorted_by(|a, b| a.key < b.key), "a holder has one balance of a class");
        Balances { entries, words }
    }
}

impl Balances {
    /// Balances and, with value 0, the URI's words, by rising key.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Balances whose keys are made up.
    #[cfg(test)]
    pub(super) const fn of_entries(entries: Vec<Entry>) -> Self {
        Self { entries, words: Vec::new() }
    }

    /// The URI's words, by rising key.
    #[must_use]
    pub fn words(&self) -> &[Word] {
        &self.words
    }
}

/// Turns holder and class into the key in the trie.
fn hash_keys(entries: &mut [Entry]) {
    let mut classes = BTreeMap::new();
    for Entry { key, .. } in entries {
        let (holder, rest) = key.split_first_chunk::<20>().expect("32 bytes have 20");
        let class = ClassId(u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]));
        let mapping = classes.entry(class).or_insert_with(|| class_slot(class));
        *key = keccak256(mapping_slot(&padded(holder), mapping)).0;
    }
}

/// Sorts by key, on so many threads: the halves around the median are sorted apart.
fn sort(entries: &mut [Entry], threads: usize) {
    if threads < 2 || entries.len() < MIN_PARALLEL {
        entries.sort_unstable_by_key(|entry| entry.key);
        return;
    }
    let middle = entries.len() / 2;
    entries.select_nth_unstable_by_key(middle, |entry| entry.key);
    let (low, high) = entries.split_at_mut(middle);
    thread::scope(|scope| {
        scope.spawn(|| sort(low, threads / 2));
        sort(high, threads - threads / 2);
    });
}
