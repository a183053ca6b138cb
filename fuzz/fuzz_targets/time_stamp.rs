//! Time stamps of RFC 3161: any bytes, and a true response damaged. No panic; what a damaged response shows is what the
//! true one shows, or nothing. So it is with roots, any text. The first byte says which.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tally_fuzz::edits::damage;
use tally_fuzz::input::Input;
use tally_ledger::anchor::timestamp::{Roots, TimeStamp, judge};

/// What was stamped.
const IMPRINT: [u8; 32] = [0xa5; 32];
const ROOT: &str = include_str!("../golden/authority.pem");
const RESPONSE: &[u8] = include_bytes!("../golden/stamp.tsr");

static ROOTS: LazyLock<Roots> = LazyLock::new(|| Roots::from_pem(ROOT).expect("the authority's root reads"));
static STAMP: LazyLock<TimeStamp> =
    LazyLock::new(|| judge(RESPONSE, &IMPRINT, None, &ROOTS).expect("the authority's response is good"));

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    match first % 3 {
        0 => same(rest),
        1 => {
            let mut response = RESPONSE.to_vec();
            damage(&mut Input::new(rest), &mut response);
            same(&response);
        }
        _ => {
            let mut pem = ROOT.as_bytes().to_vec();
            damage(&mut Input::new(rest), &mut pem);
            if let Ok(roots) = Roots::from_pem(&String::from_utf8_lossy(&pem)) {
                let judged = judge(RESPONSE, &IMPRINT, None, &roots);
                assert!(judged.is_err() || judged.as_ref() == Ok(&*STAMP), "another root, another stamp: {judged:?}");
            }
        }
    }
});

/// A response that is believed says what the true one says.
fn same(response: &[u8]) {
    if let Ok(stamp) = judge(response, &IMPRINT, None, &ROOTS) {
        assert_eq!(stamp, *STAMP, "the authority signed no such stamp");
    }
    let another = judge(response, &[0x5a; 32], None, &ROOTS);
    assert!(another.is_err(), "a stamp of something else is believed");
}
