//! Text -> identifier or amount: no panic, and what is read prints as what reads as the same.

#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use tally_contracts::crypto::{Nonce, PublicKey, Signature};
use tally_contracts::types::{
    Address, ClassId, Fen, Hash, Height, MerchantId, Month, Obligation, Points, Rate, Reference,
};
use tally_fuzz::codec;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(card_code) = prints::<Address>(text) {
        codec::speaks_json(&card_code);
        assert_eq!(card_code.to_string(), text.to_ascii_lowercase(), "a card code is one text, but for its case");
    }
    if let Some(reference) = prints::<Reference>(text) {
        codec::speaks_json(&reference);
        assert!(reference.is_valid());
        assert_eq!(reference.to_string(), text.to_ascii_lowercase(), "a reference is one text, but for its case");
    }
    if let Some(month) = prints::<Month>(text) {
        assert_eq!(month.to_string(), text, "a month is one text");
    }
    if let Some(rate) = prints::<Rate>(text) {
        codec::speaks_json(&rate);
        codec::encodes(&rate);
    }
    prints::<Hash>(text);
    prints::<PublicKey>(text).map(|key| key.check());
    prints::<Signature>(text);
    prints::<Nonce>(text);
    let amounts = [
        prints::<Points>(text).map(|points| points.to_string()),
        prints::<Fen>(text).map(|fen| fen.to_string()),
        prints::<Obligation>(text).map(|obligation| obligation.to_string()),
    ];
    assert!(amounts.iter().flatten().all(|printed| printed == text), "an amount is one text");
    prints::<MerchantId>(text);
    prints::<ClassId>(text);
    prints::<Height>(text);
});

fn prints<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    let again = value.to_string().parse::<T>();
    assert!(again.is_ok_and(|again| again == value), "{text} prints as {value}");
    Some(value)
}
