//! What stands in a flag: tills, lines of a purchase, periods, keys.

use std::path::Path;
use std::str::FromStr;

use tally_contracts::crypto::PublicKey;
use tally_contracts::genesis::Role;
use tally_contracts::membership::HolderKind;
use tally_contracts::points::IssueLine;
use tally_contracts::transaction::Till;
use tally_contracts::types::{Category, Fen, StoreId, TillId};

/// A till from `STORE:TILL`.
pub fn parse_till(text: &str) -> Result<Till, String> {
    let (store_id, till_id): (StoreId, TillId) = parse_pair(text, "a store and a till such as 330:1")?;
    Ok(Till { store_id, till_id })
}

/// A part of a purchase from `CATEGORY:FEN`.
pub fn parse_line(text: &str) -> Result<IssueLine, String> {
    let (category, amount_fen): (Category, Fen) = parse_pair(text, "a category and an amount in fen such as 7:1285")?;
    Ok(IssueLine { category, amount_fen })
}

fn parse_pair<A: FromStr, B: FromStr>(text: &str, shape: &str) -> Result<(A, B), String> {
    let parsed = text.split_once(':').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parsed.ok_or_else(|| format!("`{text}` is not {shape}"))
}

/// Milliseconds from `90s`, `15m`, `2h` or `7d`.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_ms: Option<u64> = match &text[number.len()..] {
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let period_ms = unit_ms.and_then(|unit_ms| number.parse::<u64>().ok()?.checked_mul(unit_ms));
    // Far beyond any hold, and far from where a time would overflow.
    let period_ms = period_ms.filter(|period_ms| *period_ms <= 366 * 86_400_000);
    period_ms.ok_or_else(|| format!("`{text}` is no period such as 90s, 15m, 2h or 7d"))
}

/// A kind of holder by its name.
pub fn parse_holder(text: &str) -> Result<HolderKind, String> {
    match text {
        "member" => Ok(HolderKind::Member),
        "employee" => Ok(HolderKind::Employee),
        "supplier" => Ok(HolderKind::Supplier),
        _ => Err(format!("`{text}` is no kind of holder: member, employee, supplier")),
    }
}

/// A role by its name.
pub fn parse_role(text: &str) -> Result<Role, String> {
    crate::keys::parse_role(text).map_err(|error| error.to_string())
}

/// A public key in hexadecimal, or out of a key file or the public file of `tally keys new --roles`.
pub fn parse_key(text: &str) -> Result<PublicKey, String> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    crate::keys::read_public(Path::new(text))
        .map_err(|error| format!("neither a public key in hexadecimal nor a file with one: {error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_a_unit() {
        assert_eq!(parse_duration("90s"), Ok(90_000));
        assert_eq!(parse_duration("15m"), Ok(900_000));
        assert_eq!(parse_duration("7d"), Ok(604_800_000));
        for wrong in ["15", "m", "", "1.5h", "-1m", "15min", "99999999999999999999d", "18446744073709551615d", "９m"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
