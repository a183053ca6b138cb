//! Damage: what a bad disk, a bad line or a forger does to bytes.

use crate::input::Input;

/// Changes to one sequence of bytes, at most.
const MAX_EDITS: usize = 8;
/// Bytes that one change inserts, copies or removes, at most.
const MAX_RUN: usize = 64;

/// Changes bytes here and there, at least once.
pub fn damage(input: &mut Input<'_>, bytes: &mut Vec<u8>) {
    let edits = 1 + input.below(MAX_EDITS);
    for _ in 0..edits {
        edit(input, bytes);
    }
}

fn edit(input: &mut Input<'_>, bytes: &mut Vec<u8>) {
    let choice = input.below(8);
    let at = input.below(bytes.len() + 1);
    let end = (at + 1 + input.below(MAX_RUN)).min(bytes.len());
    match choice {
        0..=2 if at < bytes.len() => bytes[at] ^= 1 << input.below(8),
        3 if at < bytes.len() => bytes[at] = input.any(),
        4 => drop(bytes.splice(at..at, [input.any()])),
        5 => drop(bytes.drain(at.min(end)..end)),
        6 => {
            let from = input.below(bytes.len() + 1).min(at);
            let copy = bytes[from..(from + end - at.min(end)).min(bytes.len())].to_vec();
            bytes.splice(at..at, copy);
        }
        _ => bytes.truncate(at),
    }
}
