//! The golden bytes of the contracts and the ledger, as the tests pin them.

use tally_contracts::encoding;
use tally_contracts::genesis::Genesis;
use tally_ledger::archive::ArchiveReader;

/// Lines `name = hex`, of every record of the contracts.
pub const CONTRACTS: &str = include_str!("../../tests/golden/contracts.txt");

const ARCHIVE: &str = include_str!("../../node/ledger/tests/golden/archive.hex");

/// Reads hexadecimal, whatever its lines.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text.split_whitespace().collect::<String>()).expect("golden bytes are hexadecimal")
}

/// A golden record of the contracts.
///
/// # Panics
/// When there is none of that name.
#[must_use]
pub fn record(name: &str) -> Vec<u8> {
    let mut lines = CONTRACTS.lines().filter_map(|line| line.split_once(" = "));
    unhex(lines.find(|(found, _)| *found == name).expect("a golden record has its line").1)
}

/// The golden archive: six blocks.
#[must_use]
pub fn archive() -> Vec<u8> {
    unhex(ARCHIVE)
}

/// The genesis that the golden archive starts from.
///
/// # Panics
/// When the golden archive is none.
#[must_use]
pub fn genesis() -> Genesis {
    let archive = archive();
    let frame = ArchiveReader::new(archive.as_slice()).and_then(|mut reader| reader.frame());
    let frame = frame.expect("the golden archive reads").expect("an archive starts with its genesis");
    encoding::decode(&frame.payload).expect("the genesis frame holds a genesis")
}
