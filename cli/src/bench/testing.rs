//! A market without nodes, for the tests of what makes the load.

use std::sync::Arc;

use clap::Parser;
use ed25519_dalek::SigningKey;
use tally_contracts::types::{ClassId, Fen, Hash, MerchantId, Points};

use super::accounts::Accounts;
use super::market::{Market, Trader};
use super::settings::Settings;
use super::workload::Draw;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

/// Settings by flags.
pub fn settings(arguments: &[&str]) -> Settings {
    Line::try_parse_from([&["bench"], arguments].concat()).unwrap().settings
}

/// Four merchants.
pub fn market() -> Market {
    let trader = |i: u16| Trader {
        id: MerchantId(i),
        key: SigningKey::from_bytes(&[u8::try_from(i).unwrap(); 32]),
        class: ClassId(i.into()),
        unit: Points(1),
        gift: Fen(1_000_000),
        exchange: Some((ClassId(u32::from(i % 4) + 1), Points(10))),
    };
    Market { chain_id: Hash([7; 32]), merchants: (1..=4).map(trader).collect(), time_ms: 1_700_000_000_000 }
}

/// Their members.
pub fn accounts(settings: &Settings) -> Accounts {
    Accounts::new(settings, &market())
}

/// What they do.
pub fn draw(settings: &Settings) -> Draw {
    Draw::new(settings, Arc::new(market()), Arc::new(accounts(settings)))
}
