//! At the till: purchases, checkouts with points, refunds, and a line that goes dead.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tally_tests::tally;

use super::desk::{Desk, number};

/// CNY 128.50, and then the answer is lost: the same again, at its own node and signed by hand at another's.
pub async fn a_purchase_that_is_sent_twice_counts_once(desk: &mut Desk) -> Result<()> {
    let card = desk.enrol(1, "A-1001")?;
    let reference = desk.alliance.reference();
    let named = reference.to_string();
    let sale = |line: &'static str| {
        let head = ["--reference", &named, "--till", "12:1"];
        [&head, &["issue", "--class", "1", "--member", &card, "--line", line][..]].concat()
    };
    let first = desk.applied(1, &sale("3:12850"))?;
    ensure!(first["points"] == "128" && first["balance"] == "128", "{first}");
    let receipt = desk.same_everywhere(1, reference).await?;

    let again = desk.submit(1, &sale("3:12850"))?;
    ensure!(again.applied()? == first, "the same receipt at its own node");
    let again = desk.signed(2, 1, "merchant-1/keys/operator.key", &sale("3:12850"))?;
    ensure!(again.is_duplicate() && again.applied()? == first, "the same receipt at another's");
    ensure!(desk.same_everywhere(1, reference).await? == receipt, "the receipt stays");
    ensure!(desk.balance(&card, 1)?.0 == 128, "counted once");

    desk.refused(1, &sale("3:12950"), "reference_reused")?;
    desk.signed(3, 1, "merchant-1/keys/operator.key", &sale("3:12950"))?.is_refused("reference_reused")?;
    let lines = json!([{ "category": 3, "amount_fen": "12950" }]);
    let body = json!({ "till": { "store_id": 12, "till_id": 1 },
                       "body": { "issue": { "class": 1, "member": card, "lines": lines } } });
    for (language, word) in [("en", "reference was used before"), ("zh-TW,zh;q=0.9", "此參考號已用於另一操作")]
    {
        let request = desk.alliance.post(1, "/v1/operations").header("Idempotency-Key", &named);
        let answer = request.header("Accept-Language", language).json(&body).send().await?;
        let (status, problem) = (answer.status().as_u16(), answer.json::<Value>().await?);
        ensure!(status == 422 && problem["code"] == "reference_reused", "{status}: {problem}");
        ensure!(problem["title"].as_str().is_some_and(|title| title.contains(word)), "{problem}");
    }
    Ok(())
}

/// 800 points and cash: held while the customer pays, captured; the next sale falls through.
pub async fn a_checkout_holds_points_until_the_cash_is_in(desk: &mut Desk) -> Result<()> {
    let card = desk.enrol(1, "A-1002")?;
    desk.issue(1, &card, 100_000)?.applied()?;
    let hold = |points: &'static str| -> Result<(String, Value)> {
        let flags = ["--till", "20:1", "hold", "--class", "1", "--member", &card, "--points", points];
        let said = desk.submit(2, &flags)?;
        Ok((said.reference()?.to_string(), said.applied()?))
    };
    let (sale, held) = hold("800")?;
    ensure!(held["cash_off_fen"] == "800" && held["balance"] == "200", "{held}");
    ensure!(desk.balance(&card, 1)?.0 == 200, "held points cannot be spent elsewhere");
    desk.refused(2, &["capture", "--hold", &sale, "--points", "801"], "above_hold")?;
    desk.refused(3, &["capture", "--hold", &sale, "--points", "800"], "unknown_hold")?;
    let captured = desk.applied(2, &["capture", "--hold", &sale, "--points", "800"])?;
    ensure!(captured["cash_off_fen"] == "800" && captured["released"] == "0", "{captured}");
    ensure!(captured["obligation"] == "800000000", "the issuer owes CNY 8: {captured}");
    desk.refused(2, &["capture", "--hold", &sale, "--points", "800"], "hold_captured")?;

    let (sale, _) = hold("150")?;
    let voided = desk.applied(2, &["void", "--hold", &sale])?;
    ensure!(voided["released"] == "150" && voided["balance"] == "200", "{voided}");
    desk.refused(2, &["capture", "--hold", &sale, "--points", "150"], "hold_voided")?;

    let hold_for = |period: &'static str| {
        desk.submit(2, &["hold", "--class", "1", "--member", &card, "--points", "30", "--for", period])
    };
    hold_for("8d")?.is_refused("hold_period")?;
    // A customer who walks away: the points come back by themselves.
    let left = hold_for("90s")?;
    left.applied()?;
    desk.set_clock(desk.time_ms()? + 91_000)?;
    let left = left.reference()?.to_string();
    desk.refused(2, &["capture", "--hold", &left, "--points", "30"], "hold_timed_out")?;
    ensure!(desk.balance(&card, 1)?.0 == 200, "nothing is lost");
    let owed = &desk.query(&["member", &card])?["owed"];
    ensure!(*owed == json!([]), "repaid: {owed}");
    let moved = desk.statement(&card, 1)?;
    let expected = [
        ("issued", 1000),
        ("held", -800),
        ("captured", 0),
        ("held", -150),
        ("released", 150),
        ("held", -30),
        ("released", 30),
    ];
    ensure!(moved == expected.map(|(reason, delta)| (reason.to_owned(), delta)), "{moved:?}");
    Ok(())
}

const QUEUED: u64 = 200;

/// The node is down; the till goes on selling and writes down what it sold. One line is wrong, the others count, once.
pub async fn what_queued_up_in_an_outage_goes_in_once(desk: &mut Desk) -> Result<()> {
    let cards = [desk.enrol(1, "A-2001")?, desk.enrol(1, "A-2002")?];
    desk.alliance.kill(1)?;
    let mut queue = String::new();
    let mut sum_fen = 0;
    for n in 0..QUEUED {
        let amount_fen = 1_000 + n;
        sum_fen += amount_fen;
        let lines = json!([{ "category": 1, "amount_fen": amount_fen.to_string() }]);
        let body = json!({ "issue": { "class": 1, "member": cards[usize::from(n % 2 == 1)], "lines": lines } });
        let till = json!({ "store_id": 77, "till_id": 1 });
        writeln!(queue, "{}", json!({ "reference": desk.alliance.reference(), "till": till, "body": body }))?;
    }
    let lines = json!([{ "category": 1, "amount_fen": "500" }]);
    let wrong = json!({ "issue": { "class": 99, "member": cards[0], "lines": lines } });
    let till = json!({ "store_id": 77, "till_id": 2 });
    writeln!(queue, "{}", json!({ "reference": desk.alliance.reference(), "till": till, "body": wrong }))?;
    let file = desk.path("queue.ndjson");
    std::fs::write(&file, queue)?;

    let dir = desk.path("");
    let deliver = ["--json", "submit", "--dir", &dir, "--merchant", "1", "--wait", "60", "--file", &file];
    let output = tally(&deliver)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.code() == Some(2) && said.contains("Is the node running?"), "{}: {said}", output.status);

    desk.alliance.spawn(1)?;
    desk.alliance.ready(1).await?;
    for is_first in [true, false] {
        let output = tally(&deliver)?;
        ensure!(output.status.code() == Some(1), "one line is wrong: {}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout)?;
        let lines: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        ensure!(lines.len() as u64 == QUEUED + 1 && lines.iter().all(|line| line["status"] == "final"), "{lines:?}");
        let applied = lines.iter().filter(|line| !line["receipt"]["outcome"]["applied"].is_null()).count() as u64;
        let is_known = |line: &&Value| !line["first"]["outcome"]["applied"].is_null();
        let known = lines.iter().filter(is_known).count() as u64;
        ensure!(applied + known == QUEUED && (known == 0 || !is_first), "{applied} applied, {known} known");
        let last = lines.last().context("the wrong one")?;
        let outcome = if last["first"].is_null() { &last["receipt"] } else { &last["first"] };
        ensure!(outcome["outcome"]["rejected"] == "unknown_class", "{last}");
        let days = desk.query(&["operations", "--of", "1", "--store", "77", "--days"])?;
        let issued = days["items"].as_array().into_iter().flatten().filter(|day| day["class"] == 1);
        let sum = |field: &str| issued.clone().map(|day| number(&day[field])).sum::<Result<u64>>();
        ensure!(sum("operations")? == QUEUED && sum("amount_fen")? == sum_fen, "{days}");
        let held = desk.balance(&cards[0], 1)?.0 + desk.balance(&cards[1], 1)?.0;
        ensure!(sum("points_in")? == held, "{held} held: {days}");
    }
    Ok(())
}

/// Points of two months are spent and half comes back; a purchase is refunded after its points were spent.
pub async fn a_refund_returns_the_very_lots_and_claws_back_what_was_earned(desk: &mut Desk) -> Result<()> {
    let card = desk.enrol(1, "A-3001")?;
    let old = desk.issue(1, &card, 10_000)?.applied()?["expires"].as_str().context("a month")?.to_owned();
    desk.set_clock(desk.time_ms()? + 31 * 86_400_000)?;
    let new = desk.issue(1, &card, 5_000)?.applied()?["expires"].as_str().context("a month")?.to_owned();
    let sale = desk.submit(2, &["redeem", "--class", "1", "--member", &card, "--points", "120"])?;
    sale.applied()?;
    ensure!(desk.balance(&card, 1)? == (30, vec![(30, new.clone())]), "what expires first is spent first");
    let sale = sale.reference()?.to_string();
    let back = desk.applied(2, &["reverse-redeem", "--original", &sale, "--points", "60"])?;
    ensure!(back["cash_off_fen"] == "60" && back["obligation"] == "-60000000", "{back}");
    ensure!(desk.balance(&card, 1)? == (90, vec![(40, old), (50, new)]), "the very lots");
    desk.refused(2, &["reverse-redeem", "--original", &sale, "--points", "61"], "above_original")?;
    desk.refused(3, &["reverse-redeem", "--original", &sale, "--points", "1"], "unknown_original")?;

    let purchase = desk.issue(1, &card, 20_000)?;
    purchase.applied()?;
    desk.applied(2, &["redeem", "--class", "1", "--member", &card, "--points", "250"])?;
    let purchase = purchase.reference()?.to_string();
    let back = desk.applied(1, &["reverse-issue", "--original", &purchase, "--amount-fen", "10000"])?;
    ensure!(back["points"] == "100" && back["owed"] == "60" && back["balance"] == "0", "{back}");
    let owed = &desk.query(&["member", &card])?["owed"];
    ensure!(*owed == json!([{ "class": 1, "points": "60" }]), "{owed}");
    let next = desk.issue(1, &card, 8_000)?.applied()?;
    ensure!(next["points"] == "80" && next["repaid"] == "60" && next["balance"] == "20", "{next}");
    let moved = desk.statement(&card, 1)?;
    let expected = [
        ("issued", 100),
        ("issued", 50),
        ("redeemed", -120),
        ("redemption_reversed", 60),
        ("issued", 200),
        ("redeemed", -250),
        ("issue_reversed", -40),
        ("issued", 80),
        ("issue_reversed", -60),
    ];
    ensure!(moved == expected.map(|(reason, delta)| (reason.to_owned(), delta)), "{moved:?}");

    desk.set_clock(desk.time_ms()? + 31 * 86_400_000)?;
    desk.refused(2, &["reverse-redeem", "--original", &sale, "--points", "1"], "refund_too_late")
}
