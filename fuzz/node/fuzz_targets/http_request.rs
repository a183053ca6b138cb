//! What else a client sends: header values, cursors of lists, ids of events. No panic; a cursor has one text, an id too.
//!
//! Lines, each a header's name by its first byte; the last one is read as a cursor and as an id.

#![no_main]

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use tally_contracts::types::{MerchantId, Month};
use tally_node::http::{Language, idempotency_key, media_type, wait_seconds};
use tally_node::query::events::EventId;
use tally_node::query::index::{DayKey, PairKey, operations_key, parse_operations_key};
use tally_node::query::page::{Cursor, List, Scope};

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    let mut lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    if let Some(text) = lines.pop().and_then(|line| std::str::from_utf8(line).ok()) {
        cursor(text);
        if let Ok(id) = text.parse::<EventId>() {
            assert_eq!(id.to_string().parse(), Ok(id), "an id prints as what reads as the same");
        }
    }
    for (name, value) in lines.iter().filter_map(|line| line.split_first()) {
        let name = match name % 4 {
            0 => HeaderName::from_static("idempotency-key"),
            1 => HeaderName::from_static("prefer"),
            2 => header::ACCEPT_LANGUAGE,
            _ => header::CONTENT_TYPE,
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    if let Ok(reference) = idempotency_key(&headers) {
        assert!(reference.is_valid());
    }
    let _ = (wait_seconds(&headers), media_type(&headers), Language::of(&headers));
});

fn cursor(text: &str) {
    for list in [List::Statement, List::Operations, List::Obligation, List::Days] {
        let scope = Scope::new(list, b"");
        let Ok(cursor) = Cursor::decode(text, scope) else { continue };
        assert_eq!(cursor.encode(scope), text.to_ascii_lowercase(), "a cursor is one text, but for its case");
        if let Some((merchant, store_id, first)) = parse_operations_key(&cursor.position) {
            assert_eq!(operations_key(merchant, store_id, first), cursor.position, "a position is one key");
        }
        if let Some(key) = DayKey::parse(&cursor.position) {
            assert_eq!(key.encode(), cursor.position, "a position is one key");
        }
        let pair = PairKey { cycle: Month(571), debtor: MerchantId(1), creditor: MerchantId(2) };
        if let Some(place) = pair.parse(&cursor.position) {
            assert_eq!(pair.encode(place), cursor.position, "a position is one key");
        }
    }
}
