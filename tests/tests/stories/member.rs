//! What a member sees of its points, and what an exchange leaves of them.

use anyhow::{Result, ensure};
use tally_tests::tally_ok;

use super::desk::{Desk, number};

/// Balances by brand with lots and next expiry, and a reason for every movement.
pub async fn a_member_sees_what_it_has_and_why_each_point_moved(desk: &mut Desk) -> Result<()> {
    let (card, friend) = (desk.enrol(1, "B-1001")?, desk.enrol(2, "B-1002")?);
    let expires = desk.issue(1, &card, 50_000)?.applied()?["expires"].as_str().unwrap_or_default().to_owned();
    desk.issue(2, &card, 7_000)?.applied()?;
    desk.applied(1, &["redeem", "--class", "1", "--member", &card, "--points", "100"])?;
    desk.applied(1, &["transfer", "--class", "1", "--from", &card, "--to", &friend, "--points", "30"])?;
    let flags = ["--from-class", "1", "--to-class", "2", "--points", "50", "--min-out", "49"];
    desk.applied(1, &[&["exchange", "--member", &card], &flags[..]].concat())?;

    ensure!(desk.balance(&card, 1)? == (320, vec![(320, expires.clone())]), "what is left of class 1");
    ensure!(desk.balance(&card, 2)? == (119, vec![(119, expires.clone())]), "what there is of class 2");
    let text = tally_ok(&["query", "--dir", &desk.path(""), "member", &card])?;
    for word in ["merchant-1 points", "merchant-2 points", "custodian 1", "320", "119", &expires] {
        ensure!(text.contains(word), "`{word}` is shown: {text}");
    }
    let moved = desk.statement(&card, 1)?;
    let expected = [("issued", 500), ("redeemed", -100), ("transferred_out", -30), ("exchanged_out", -50)];
    ensure!(moved == expected.map(|(reason, delta)| (reason.to_owned(), delta)), "{moved:?}");
    let moved = desk.statement(&card, 2)?;
    let expected = [("issued", 70), ("exchanged_in", 49)];
    ensure!(moved == expected.map(|(reason, delta)| (reason.to_owned(), delta)), "{moved:?}");
    ensure!(desk.statement(&friend, 1)? == [("transferred_in".to_owned(), 30)], "the friend's");
    Ok(())
}

/// Points of one brand into another's and back, again and again: fewer each time, and never fewer than was agreed.
pub async fn an_exchange_and_back_never_yields_more(desk: &mut Desk) -> Result<()> {
    let card = desk.enrol(1, "B-2001")?;
    desk.issue(1, &card, 300_000)?.applied()?;
    let mut points = 3_000;
    for (from, to) in [("1", "3"), ("3", "1"), ("1", "3"), ("3", "1")] {
        let rates = desk.query(&["rates"])?;
        ensure!(rates["pairs"][0]["spread"] == "0.02", "the spread is told beforehand: {rates}");
        let exchange = |min_out: u64| -> Vec<String> {
            let flags = format!("exchange --member {card} --from-class {from} --to-class {to}");
            let amounts = format!(" --points {points} --min-out {min_out}");
            (flags + &amounts).split(' ').map(ToOwned::to_owned).collect()
        };
        let all: Vec<String> = exchange(points);
        desk.refused(1, &all.iter().map(String::as_str).collect::<Vec<_>>(), "below_min_out")?;
        let fair: Vec<String> = exchange(points * 98 / 100);
        let exchanged = desk.applied(1, &fair.iter().map(String::as_str).collect::<Vec<_>>())?;
        let out = number(&exchanged["points_out"])?;
        ensure!(out < points, "{out} for {points}");
        points = out;
    }
    ensure!(desk.balance(&card, 1)?.0 == points && desk.balance(&card, 3)?.0 == 0, "{points} are left");
    Ok(())
}
