//! The rules written twice: random histories must come out alike in the contracts and in the model, `tests/model/`.
//!
//! `make model` does the same at length; this is the short run that every change passes. A lie in a history must be noticed,
//! or the agreement would mean nothing.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model");

/// The lines of a seed's history.
fn history(seed: u64, operations: u64) -> Result<Vec<Value>> {
    let arguments = ["--seed".to_owned(), seed.to_string(), "--operations".to_owned(), operations.to_string()];
    let output = Command::new(env!("CARGO_BIN_EXE_history")).args(arguments).output()?;
    ensure!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| serde_json::from_str(line).context("a line of JSON")).collect()
}

/// Runs the model over a history; without Python there is no answer, and no test passes.
fn model(arguments: &[&str], lines: &[Value]) -> Result<Output> {
    let mut python = Command::new("python3")
        .args(["-B", MODEL])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("python3 runs the model; scripts/setup.sh installs it")?;
    let mut input = python.stdin.take().context("the input is piped")?;
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    // A model that stops early closes its input; what it says then is what counts.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).is_ok());
    let output = python.wait_with_output()?;
    writer.join().ok().context("writing does not panic")?;
    Ok(output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What the model says to a history that it must not agree to.
fn disagreement(lines: &[Value]) -> Result<String> {
    let output = model(&[], lines)?;
    ensure!(output.status.code() == Some(1), "the model agrees: {}", said(&output));
    Ok(said(&output))
}

/// The first of something in a history.
fn find<'h, T>(lines: &'h mut [Value], look: impl Fn(&'h mut Value) -> Option<T>) -> Result<T> {
    lines.iter_mut().find_map(look).context("a history of this length has it")
}

/// The receipts of a block by the position of their operations, and the block's height.
fn receipts(line: &mut Value) -> Option<(u64, impl Iterator<Item = (usize, &mut Value)>)> {
    let block = line.get_mut("block")?;
    let height = block["height"].as_u64()?;
    let transactions = block["receipts"].as_array_mut()?.iter_mut();
    Some((height, transactions.filter_map(Value::as_array_mut).flatten().enumerate()))
}

#[test]
fn contracts_and_model_agree_under_either_clock() -> Result<()> {
    for seed in [101, 102] {
        let output = model(&[], &history(seed, 3_000)?)?;
        ensure!(output.status.success(), "seed {seed}: {}", said(&output));
        let last = said(&output).lines().last().unwrap_or_default().to_owned();
        ensure!(last.starts_with("model: operations=3") && last.ends_with(" mismatches=0"), "seed {seed}: {last}");
    }
    Ok(())
}

#[test]
fn a_seed_always_tells_the_same_history() -> Result<()> {
    ensure!(history(103, 400)? == history(103, 400)?);
    Ok(())
}

#[test]
fn an_altered_balance_is_noticed_with_its_block_operation_and_field() -> Result<()> {
    let mut lines = history(104, 600)?;
    let (height, index, receipt) = find(&mut lines, |line| {
        let (height, mut receipts) = receipts(line)?;
        let (index, receipt) = receipts.find(|(_, receipt)| receipt["outcome"]["applied"]["redeemed"].is_object())?;
        Some((height, index, receipt))
    })?;
    receipt["outcome"]["applied"]["redeemed"]["balance"] = json!("987654321");
    let reference = receipt["reference"].as_str().unwrap_or_default().to_owned();
    let told = disagreement(&lines)?;
    let place =
        format!("mismatch at block {height}, operation {index} (redeem, {reference}), applied.redeemed.balance");
    ensure!(told.contains(&place) && told.contains("'987654321'"), "{place} is not in: {told}");
    ensure!(told.ends_with("mismatches=1\n"), "{told}");
    Ok(())
}

#[test]
fn a_rejection_under_another_name_is_noticed() -> Result<()> {
    let mut lines = history(105, 600)?;
    let outcome = find(&mut lines, |line| {
        let mut outcomes = receipts(line)?.1.map(|(_, receipt)| &mut receipt["outcome"]);
        outcomes.find(|outcome| outcome["rejected"] == "insufficient_points")
    })?;
    outcome["rejected"] = json!("amount_zero");
    let told = disagreement(&lines)?;
    ensure!(told.contains("rejected: the contracts say 'amount_zero'"), "{told}");
    Ok(())
}

#[test]
fn a_movement_that_is_left_out_is_noticed() -> Result<()> {
    let mut lines = history(106, 600)?;
    let movements = find(&mut lines, |line| {
        line.get_mut("block")?["movements"].as_array_mut().filter(|movements| !movements.is_empty())
    })?;
    let movement = movements.remove(0);
    let told = disagreement(&lines)?;
    let member = movement["member"].as_str().context("a movement has a member")?;
    ensure!(told.contains(&format!("holding {member}/")), "{told}");
    Ok(())
}

#[test]
fn a_table_that_differs_is_noticed() -> Result<()> {
    let mut lines = history(107, 600)?;
    let positions = find(&mut lines, |line| line.get_mut("dump")?["positions"].as_object_mut())?;
    positions.values_mut().for_each(|position| position["unconfirmed_fen"] = json!("5"));
    let told = disagreement(&lines)?;
    ensure!(told.contains("state, positions."), "{told}");
    Ok(())
}

#[test]
fn a_history_that_breaks_off_is_not_agreed_to() -> Result<()> {
    let mut lines = history(108, 300)?;
    lines.pop();
    ensure!(disagreement(&lines)?.contains("the history breaks off"));
    disagreement(&[]).context("nothing is no history")?;
    Ok(())
}

#[test]
fn a_history_in_which_little_happened_is_not_complete() -> Result<()> {
    let lines = history(109, 100)?;
    let output = model(&["--complete"], &lines)?;
    ensure!(output.status.code() == Some(1), "{}", said(&output));
    ensure!(said(&output).contains("never occurred: capture: overflow"), "{}", said(&output));
    Ok(())
}
