//! Nodes end with kill -9 while operations arrive: first one of four, then two. Nothing acknowledged is lost.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tally_contracts::types::{MerchantId, Reference};
use tally_tests::Alliance;

/// What a node said it had taken (202) or decided (200).
type Acknowledged = Vec<(u16, Reference)>;

fn purchase(merchant: u16, member: &str, fen: u64) -> Value {
    let lines = json!([{ "category": 1, "amount_fen": fen.to_string() }]);
    json!({ "issue": { "class": merchant, "member": member, "lines": lines } })
}

/// Submits purchases without waiting for receipts; keeps what was acknowledged.
async fn buy(
    alliance: &mut Alliance,
    merchants: &[u16],
    member: &str,
    rounds: u64,
    taken: &mut Acknowledged,
) -> Result<()> {
    for round in 0..rounds {
        for merchant in merchants {
            let reference = alliance.reference();
            let body = purchase(*merchant, member, 10_000 + round);
            let answer = alliance.submit(*merchant, reference, &body, 0).await?;
            anyhow::ensure!(answer.status().as_u16() == 202, "{}: {}", answer.status(), answer.text().await?);
            taken.push((*merchant, reference));
        }
    }
    Ok(())
}

/// Every acknowledged operation has the same receipt on every node.
async fn find_all(alliance: &Alliance, taken: &Acknowledged) -> Result<()> {
    for (merchant, reference) in taken {
        let mut first: Option<Value> = None;
        for node in 1..=4 {
            let found = alliance.until(|| alliance.receipt(node, MerchantId(*merchant), *reference)).await;
            let found = found.with_context(|| format!("{reference} of {merchant} is not on node {node}"))?;
            anyhow::ensure!(!found["receipt"]["outcome"]["applied"].is_null(), "{found}");
            let receipt = json!([found["height"], found["index"], found["receipt"]]);
            anyhow::ensure!(*first.get_or_insert(receipt.clone()) == receipt, "node {node} differs: {receipt}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_the_end_of_one_node_and_of_two() -> Result<()> {
    let mut alliance = Alliance::start(4).await?;
    let member = alliance.enrol(1, 7).await?;
    let mut taken = Acknowledged::new();

    // One of four: its last operations are acknowledged and perhaps not sent; the others go on.
    buy(&mut alliance, &[1, 2, 3, 4], &member, 5, &mut taken).await?;
    alliance.kill(4)?;
    buy(&mut alliance, &[1, 2, 3], &member, 5, &mut taken).await?;
    let reference = alliance.reference();
    let answer = alliance.submit(1, reference, &purchase(1, &member, 700), 30).await?;
    anyhow::ensure!(answer.status().as_u16() == 200, "three of four decide: {}", answer.text().await?);
    taken.push((1, reference));

    // Two of four: no quorum. Operations are still taken, reads still answered; nothing is decided.
    alliance.kill(3)?;
    buy(&mut alliance, &[1, 2], &member, 3, &mut taken).await?;
    let (last_merchant, last) = *taken.last().context("some were taken")?;
    anyhow::ensure!(alliance.receipt(1, MerchantId(last_merchant), last).await.is_none(), "two of four decide nothing");
    alliance.read(1, &format!("/v1/members/{member}")).await?;

    // Both return and need no repair.
    alliance.spawn(3)?;
    alliance.spawn(4)?;
    find_all(&alliance, &taken).await?;

    let mut heights = Vec::new();
    for node in 1..=4 {
        heights.push(alliance.height(node).await?);
    }
    let height = *heights.iter().min().context("four")?;
    let mut blocks = Vec::new();
    for node in 1..=4 {
        blocks.push(alliance.read(node, &format!("/v1/blocks/{height}")).await?["header"].clone());
    }
    anyhow::ensure!(blocks.iter().all(|b| *b == blocks[0]), "the nodes differ at height {height}: {blocks:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_asked_to_stop_stops_and_resumes() -> Result<()> {
    let mut alliance = Alliance::start(1).await?;
    let member = alliance.enrol(1, 7).await?;
    let status = alliance.stop(1)?;
    anyhow::ensure!(status.success(), "{status}: {}", alliance.log_end(1));
    alliance.spawn(1)?;
    alliance.ready(1).await?;
    alliance.applied(1, &purchase(1, &member, 500)).await?;
    Ok(())
}
