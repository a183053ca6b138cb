//! A member with a key of its own: nobody moves its points without its word, and a lost phone loses nothing.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tally_contracts::membership::RECOVERY_MS;
use tally_tests::{tally, tally_ok};

use super::desk::{Desk, number};

/// A wallet key file, and the member whose it is.
pub struct Phone {
    key: String,
    card: String,
}

impl Phone {
    /// A new wallet, enrolled at merchant 1, with 1,000 points of class 1.
    pub async fn enrol(desk: &mut Desk) -> Result<Self> {
        let phone = Self::named(desk, "alice.key")?;
        desk.refused(2, &["freeze", "--member", &phone.card], "unknown_member")?;
        let enrolled = desk.applied(1, &phone.by(&["enrol-wallet"]))?;
        ensure!(enrolled["member"] == phone.card.as_str(), "the card code follows from the key: {enrolled}");
        desk.refused(2, &phone.by(&["enrol-wallet"]), "member_exists")?;
        desk.issue(1, &phone.card, 100_000)?.applied()?;
        Ok(phone)
    }

    /// A new wallet key.
    fn named(desk: &Desk, name: &str) -> Result<Self> {
        let key = desk.path(name);
        let made = Desk::json(&["wallet", "new", "--out", &key])?;
        Ok(Self { key, card: made["member"].as_str().context("a card code")?.to_owned() })
    }

    /// Flags with the word of this phone's key.
    fn by<'a>(&'a self, flags: &[&'a str]) -> Vec<&'a str> {
        [&["--wallet", &self.key], flags].concat()
    }

    fn transfer<'a>(&'a self, to: &'a str) -> Vec<&'a str> {
        vec!["transfer", "--class", "1", "--from", &self.card, "--to", to, "--points", "10"]
    }

    fn redeem(&self) -> Vec<&str> {
        self.redeem_points("10")
    }

    fn redeem_points<'a>(&'a self, points: &'a str) -> Vec<&'a str> {
        vec!["redeem", "--class", "1", "--member", &self.card, "--points", points]
    }
}

pub async fn points_move_by_the_members_word_only(desk: &mut Desk, phone: &Phone) -> Result<()> {
    let friend = desk.enrol(2, "C-1001")?;
    for merchant in [1, 2] {
        desk.refused(merchant, &phone.transfer(&friend), "authorization_required")?;
    }
    let given = desk.applied(2, &phone.by(&phone.transfer(&friend)))?;
    ensure!(given["from_balance"] == "990" && given["to_balance"] == "10", "{given}");
    let stranger = Phone::named(desk, "mallory.key")?;
    desk.refused(2, &stranger.by(&phone.transfer(&friend)), "wrong_wallet_key")
}

/// The phone shows a code for 300 points at merchant 2; its till spends them in two sales.
pub async fn a_code_is_spent_at_the_merchants_it_names(desk: &mut Desk, phone: &Phone) -> Result<()> {
    let dir = desk.path("");
    let flags = ["--dir", &dir, "--class", "1", "--max-points", "300", "--merchant", "2", "--minutes", "30"];
    let shown = tally_ok(&[&["grant", "create", "--key", &phone.key], &flags[..]].concat())?;
    let code = shown.lines().next().context("a code")?;
    ensure!(code.starts_with("TALLYGRANT1") && shown.contains('█'), "{shown}");
    let holds = Desk::json(&["grant", "show", code, "--dir", &dir])?;
    ensure!(holds["holds"] == true && holds["grant"]["max_points"] == "300", "{holds}");
    let offline = Desk::json(&["grant", "show", &code.to_lowercase()])?;
    ensure!(offline["holds"] == true && offline["id"] == holds["id"], "{offline}");

    let with = |flags: Vec<&'static str>| -> Vec<String> {
        let card = ["--class", "1", "--member", &phone.card].map(ToOwned::to_owned);
        let mut all = vec!["--grant".to_owned(), code.to_owned(), flags[0].to_owned()];
        all.extend(card);
        all.extend(flags[1..].iter().map(|flag| (*flag).to_owned()));
        all
    };
    let submit = |merchant: u16, flags: Vec<&'static str>| {
        let flags = with(flags);
        desk.submit(merchant, &flags.iter().map(String::as_str).collect::<Vec<_>>())
    };
    submit(3, vec!["redeem", "--points", "1"])?.is_refused("grant_acceptor")?;
    let spent = submit(2, vec!["redeem", "--points", "200"])?.applied()?;
    ensure!(spent["cash_off_fen"] == "200" && spent["balance"] == "790", "{spent}");
    submit(2, vec!["redeem", "--points", "101"])?.is_refused("grant_exhausted")?;
    // A hold takes up the rest, and gives it back when the sale falls through.
    let hold = submit(2, vec!["hold", "--points", "100"])?;
    hold.applied()?;
    submit(2, vec!["redeem", "--points", "1"])?.is_refused("grant_exhausted")?;
    let spent = worthless(code, &dir)?;
    let points = spent["checks"].as_array().into_iter().flatten().find(|check| check["check"] == "points");
    ensure!(points.is_some_and(|check| check["holds"] == false), "{spent}");
    let open = desk.query(&["holds", "--of", "2"])?;
    let (reference, member) = (&open["items"][0]["reference"], &open["items"][0]["member"]);
    ensure!(*reference == hold.reference()?.to_string() && *member == phone.card.as_str(), "{open}");
    desk.applied(2, &["void", "--hold", &hold.reference()?.to_string()])?;
    let open = desk.query(&["holds", "--of", "2"])?;
    ensure!(open["items"] == json!([]), "{open}");
    submit(2, vec!["redeem", "--points", "100"])?.applied()?;

    let friend = desk.enrol(2, "C-1002")?;
    let output = tally(
        &[&["submit", "--dir", &dir, "--merchant", "2", "--grant", code], &phone.transfer(&friend)[..]].concat(),
    )?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(2) && said.contains("authorizes redeem and hold only"), "{said}");
    let flags = ["submit", "--dir", &dir, "--merchant", "2", "--grant", code];
    let output = tally(&[&flags, &phone.redeem()[..]].concat())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(said.contains("grant_exhausted (504)") && said.contains("Spend less"), "people read what to do: {said}");
    Ok(())
}

/// What the phone signed for merchant 2 is of no use elsewhere, nor is what it signed for another alliance.
pub async fn a_word_counts_for_its_merchant_and_alliance(desk: &mut Desk, phone: &Phone) -> Result<()> {
    let (dir, order, word) = (desk.path(""), desk.path("order.json"), desk.path("word.json"));
    let printed = tally_ok(&[&["submit", "--dir", &dir, "--merchant", "2", "--print"], &phone.redeem()[..]].concat())?;
    std::fs::write(&order, printed)?;
    let authorize = |flags: &[&str]| -> Result<()> {
        let head = ["wallet", "authorize", "--key", &phone.key, "--acceptor", "2", &order];
        Ok(std::fs::write(&word, tally_ok(&[&head, flags].concat())?)?)
    };
    let flags = ["--file", &order, "--authorization", &word];
    authorize(&["--chain-id", &"11".repeat(32)])?;
    desk.refused(2, &flags, "authorization_chain")?;
    let other = desk.alliance.reference().to_string();
    let printed = tally_ok(
        &[&["submit", "--dir", &dir, "--merchant", "2", "--reference", &other, "--print"], &phone.redeem()[..]]
            .concat(),
    )?;
    std::fs::write(&order, printed)?;
    authorize(&["--dir", &dir])?;
    desk.refused(3, &flags, "authorization_acceptor")?;
    let spent = desk.applied(2, &flags)?;
    ensure!(spent["cash_off_fen"] == "10", "{spent}");

    // Another amount than the phone has seen never leaves the till.
    let more = std::fs::read_to_string(&order)?.replace("\"points\":\"10\"", "\"points\":\"1000\"");
    std::fs::write(&order, more)?;
    let output = tally(&[&["submit", "--dir", &dir, "--merchant", "2"], &flags[..]].concat())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(2) && said.contains("does not match"), "{said}");
    Ok(())
}

pub async fn a_frozen_member_gives_nothing(desk: &mut Desk, phone: &Phone) -> Result<()> {
    desk.refused(2, &["freeze", "--member", &phone.card], "foreign_custodian")?;
    desk.applied(1, &["freeze", "--member", &phone.card])?;
    desk.refused(1, &["freeze", "--member", &phone.card], "member_frozen")?;
    desk.refused(2, &phone.by(&phone.redeem()), "member_frozen")?;
    desk.refused(
        2,
        &phone.by(&["rotate-wallet", "--member", &phone.card, "--wallet-key", &phone.key]),
        "member_frozen",
    )?;
    desk.issue(1, &phone.card, 1_000)?.applied().context("it receives")?;
    let text = tally_ok(&["query", "--dir", &desk.path(""), "member", &phone.card])?;
    ensure!(text.contains("FROZEN"), "{text}");
    desk.applied(1, &["unfreeze", "--member", &phone.card])?;
    desk.refused(1, &["unfreeze", "--member", &phone.card], "member_not_frozen")?;
    desk.applied(2, &phone.by(&phone.redeem())).map(|_| ())
}

/// A new phone, authorized by the old one, at a merchant that is not even its custodian.
pub async fn a_new_key_takes_over_by_the_old_ones_word(desk: &mut Desk, phone: &Phone) -> Result<()> {
    let dir = desk.path("");
    let grant = ["--dir", &dir, "--class", "1", "--max-points", "5", "--merchant", "2,3"];
    let grant = Desk::json(&[&["grant", "create", "--key", &phone.key], &grant[..]].concat())?;
    let code = grant["code"].as_str().context("a code")?;
    let new = Phone { card: phone.card.clone(), ..Phone::named(desk, "alice-2.key")? };
    let rotate = ["rotate-wallet", "--member", &phone.card, "--wallet-key", &new.key];
    desk.refused(3, &new.by(&rotate), "wrong_wallet_key")?;
    desk.applied(3, &phone.by(&rotate))?;
    desk.refused(2, &phone.by(&phone.redeem()), "wrong_wallet_key")?;
    desk.applied(2, &new.by(&phone.redeem()))?;
    // The old key's code is worth nothing any more, and a till can see it before it tries.
    let flags = [&["--grant", code], &phone.redeem_points("5")[..]].concat();
    desk.refused(2, &flags, "wrong_wallet_key")?;
    worthless(code, &dir).map(drop)
}

/// What is shown of a code that cannot be spent any more.
fn worthless(code: &str, dir: &str) -> Result<Value> {
    let output = tally(&["--json", "grant", "show", code, "--dir", dir])?;
    let shown: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.code() == Some(1) && shown["holds"] == false, "{shown}");
    Ok(shown)
}

/// The custodian puts a new key on record; everyone sees it coming for seven days, then the old one is of no use.
pub async fn a_lost_key_is_replaced_after_seven_days(desk: &mut Desk) -> Result<()> {
    let card = desk.enrol(1, "C-3001")?;
    desk.issue(1, &card, 50_000)?.applied()?;
    let lost = Phone { card: card.clone(), ..Phone::named(desk, "lost.key")? };
    let new = Phone { card: card.clone(), ..Phone::named(desk, "found.key")? };
    let recover = ["recover-wallet", "--member", &card, "--wallet-key", &new.key];
    desk.refused(1, &recover, "wallet_missing")?;
    desk.applied(1, &lost.by(&["register-wallet", "--member", &card]))?;
    desk.refused(1, &new.by(&["register-wallet", "--member", &card]), "wallet_exists")?;
    desk.refused(2, &recover, "foreign_custodian")?;
    let before_ms = desk.time_ms()?;
    let effective_ms = number(&desk.applied(1, &recover)?["effective_ms"])?;
    ensure!((before_ms + RECOVERY_MS..before_ms + RECOVERY_MS + 60_000).contains(&effective_ms), "{effective_ms}");
    let wallet = desk.query(&["member", &card])?["wallet"].clone();
    ensure!(number(&wallet["recovery"]["effective_ms"])? == effective_ms, "all can see it: {wallet}");
    ensure!(wallet["key"] != wallet["recovery"]["key"], "{wallet}");

    desk.set_clock(effective_ms - 3_600_000)?;
    desk.refused(2, &new.by(&new.redeem()), "wrong_wallet_key")?;
    desk.applied(2, &lost.by(&lost.redeem()))?;
    desk.set_clock(effective_ms)?;
    desk.applied(2, &new.by(&new.redeem()))?;
    desk.refused(2, &lost.by(&lost.redeem()), "wrong_wallet_key")?;
    let now = desk.query(&["member", &card])?["wallet"].clone();
    ensure!(now["key"] == wallet["recovery"]["key"] && now["recovery"].is_null(), "{now}");
    ensure!(desk.balance(&card, 1)?.0 == 480, "a lost phone loses nothing");
    Ok(())
}
