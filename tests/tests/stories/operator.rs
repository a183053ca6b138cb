//! A merchant's operator: keys for tills, limits for stores, and the one key that must not get lost.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::desk::{Desk, Said};

const GOVERNOR: &str = "treasury/merchant-1/governor.key";

/// A new key in a directory of its own; gives the path of its public file.
fn new_key(desk: &Desk, dir: &str, roles: &str) -> Result<String> {
    let made = Desk::json(&["keys", "new", "--out", &desk.path(dir), "--roles", roles])?;
    let purpose = made["purpose"].as_str().context("a purpose")?;
    Ok(desk.path(&format!("{dir}/{purpose}.public.json")))
}

fn govern(desk: &Desk, key: &str, flags: &[&str]) -> Result<Said> {
    desk.signed(1, 1, key, flags)
}

/// The key goes into a till of store 12, works there at any node, and ends with the till.
pub async fn a_tills_key_acts_for_its_store_until_it_is_revoked(desk: &Desk) -> Result<()> {
    let card = desk.enrol(1, "D-1001")?;
    let public = new_key(desk, "till-12", "issuer,acceptor")?;
    let sale = ["issue", "--class", "1", "--member", &card, "--line", "3:5000"];
    let sell = |node: u16, till: &[&str]| desk.signed(node, 1, "till-12/operator.key", &[till, &sale[..]].concat());
    sell(2, &["--till", "12:1"])?.is_refused("unknown_key")?;

    let add = ["add-key", "--public-key", &public, "--role", "issuer,acceptor", "--store", "12"];
    desk.signed(1, 1, "treasury/merchant-1/treasurer.key", &add)?.is_refused("role_missing")?;
    govern(desk, GOVERNOR, &add)?.applied()?;
    govern(desk, GOVERNOR, &add)?.is_refused("key_exists")?;
    let sold = sell(1, &["--till", "12:1"])?.applied()?;
    ensure!(sold["points"] == "50", "{sold}");
    sell(3, &["--till", "12:2"])?.applied().context("any node takes it")?;
    sell(1, &["--till", "13:1"])?.is_refused("wrong_store")?;
    sell(1, &[])?.is_refused("wrong_store")?;

    let revoke = ["revoke-key", "--public-key", &public];
    let height = desk.alliance.height(1).await?;
    govern(desk, GOVERNOR, &revoke)?.applied()?;
    desk.alliance.reach(3, height + 1).await?;
    sell(1, &["--till", "12:1"])?.is_refused("key_revoked")?;
    sell(3, &["--till", "12:1"])?.is_refused("key_revoked")?;
    govern(desk, GOVERNOR, &revoke)?.is_refused("key_already_revoked")?;
    let keys = desk.query(&["keys", "--of", "1"])?;
    let stolen = keys["items"].as_array().into_iter().flatten().find(|key| key["store_id"] == 12);
    let stolen = stolen.with_context(|| format!("the till's key: {keys}"))?;
    ensure!(stolen["revoked"].is_u64() && stolen["roles"] == json!(["issuer", "acceptor"]), "{stolen}");
    govern(desk, GOVERNOR, &add)?.is_refused("key_exists")?;
    ensure!(desk.balance(&card, 1)?.0 == 100, "two sales counted");
    Ok(())
}

/// CNY 5 of points a day at store 30; other stores are not bound by it.
pub async fn a_store_spends_within_its_limits(desk: &Desk) -> Result<()> {
    let card = desk.enrol(1, "D-2001")?;
    desk.issue(1, &card, 200_000)?.applied()?;
    let limits = ["set-store-limits", "--store", "30", "--redeem-limit-fen", "500", "--refund-limit-fen", "100"];
    govern(desk, GOVERNOR, &limits)?.applied()?;
    let spend = |till: &'static str, points: &'static str| {
        desk.submit(1, &["--till", till, "redeem", "--class", "1", "--member", &card, "--points", points])
    };
    let sale = spend("30:1", "500")?;
    sale.applied()?;
    spend("30:2", "1")?.is_refused("store_redeem_limit")?;
    spend("31:1", "1")?.applied()?;
    let stores = desk.query(&["stores", "--of", "1"])?;
    let (used, limit) = (&stores["items"][0]["redeemed_fen"], &stores["items"][0]["redeem_limit_fen"]);
    ensure!(stores["items"][0]["store_id"] == 30 && used == "500" && limit == "500", "{stores}");
    let sale = sale.reference()?.to_string();
    let refund = ["--till", "30:1", "reverse-redeem", "--original", &sale, "--points", "101"];
    desk.refused(1, &refund, "store_refund_limit")
}

/// The governor's key moves to new hardware; what governs last stays.
pub async fn the_last_governor_key_is_replaced_and_never_revoked(desk: &Desk) -> Result<()> {
    let old: Value = Desk::json(&["keys", "show", &desk.path(GOVERNOR)])?;
    let old = old["public_key"].as_str().context("a key")?.to_owned();
    govern(desk, GOVERNOR, &["revoke-key", "--public-key", &old])?.is_refused("last_governor_key")?;
    let new = new_key(desk, "new-governor", "governor")?;
    govern(desk, GOVERNOR, &["rotate-key", "--public-key", &old, "--new-key", &new])?.applied()?;
    let revoke = ["revoke-key", "--public-key", &new];
    govern(desk, GOVERNOR, &revoke)?.is_refused("key_revoked")?;
    govern(desk, "new-governor/governor.key", &revoke)?.is_refused("last_governor_key")
}
