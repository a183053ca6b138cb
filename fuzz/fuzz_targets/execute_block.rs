//! Blocks of any operations on the contracts alone: what must hold of every block is asserted by the contracts and by
//! [`Execution`].

#![no_main]

use libfuzzer_sys::fuzz_target;
use tally_fuzz::execution::Execution;

fuzz_target!(|bytes: &[u8]| {
    Execution::run(bytes);
});
