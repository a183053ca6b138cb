//! `tally settlement`: closed cycles, who pays whom, the payee's word that a leg was paid, and files for bookkeeping.

pub mod export;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use serde_json::Value;
use tally_contracts::settlement::ConfirmLeg;
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::{Fen, MerchantId, Month, Reference};

use crate::client::Client;
use crate::connect::{Connect, Status};
use crate::keys::read_key;
use crate::output::{Output, Table, Verdict, cny, cny_exact, items_of, text_of, utc_text};
use crate::submit::{Signing, new_reference, post, sign};

/// Asks for settlement, or confirms a leg.
#[derive(Debug, Args)]
pub struct Settlement {
    #[command(flatten)]
    connect: Connect,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Closed cycles.
    List,
    /// One cycle in full: gross by pair, nets, positions, legs.
    Show {
        /// The cycle, such as 2017-03.
        cycle: Month,
    },
    /// The legs of one cycle, or every leg that is still open.
    Legs {
        /// The cycle; all open legs if it is left out.
        cycle: Option<Month>,
    },
    /// Say that a leg was paid, as its payee's treasurer.
    Confirm {
        /// The cycle, such as 2017-03.
        cycle: Month,
        /// The leg's number.
        leg: u16,
        /// The treasurer's key file.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The amount that arrived, in fen; must be the leg's. Left out, the leg's own amount is confirmed.
        #[arg(long, value_name = "FEN")]
        amount_fen: Option<Fen>,
        /// The reference of an earlier try.
        #[arg(long, value_name = "UUID")]
        reference: Option<Reference>,
        /// How long to wait for the receipt, in seconds.
        #[arg(long, default_value_t = 10, value_name = "SECONDS")]
        wait: u32,
    },
    /// One merchant's side of a cycle as files for bookkeeping and bank: CSV, hledger, camt.053, pain.001.
    Export(export::Export),
}

impl Settlement {
    /// Runs the verb.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let client = self.connect.client()?;
        match &self.verb {
            Verb::List => {
                let list = client.get("/v1/settlements").await?;
                output.answer(&list, || cycles_table(&list));
                Ok(Verdict::Yes)
            }
            Verb::Show { cycle } => {
                let view = client.get(&format!("/v1/settlements/{cycle}")).await?;
                output.answer(&view, || statement_text(&view));
                Ok(Verdict::Yes)
            }
            Verb::Legs { cycle } => legs(&client, *cycle, output).await,
            Verb::Confirm { .. } => self.confirm(&client, output).await,
            Verb::Export(export) => export.run(&self.connect, output).await,
        }
    }

    async fn confirm(&self, client: &Client, output: Output) -> anyhow::Result<Verdict> {
        let Verb::Confirm { cycle, leg, key, amount_fen, reference, wait } = &self.verb else {
            unreachable!("the verb was matched before");
        };
        let (_, key) = read_key(key)?;
        let view = client.get(&format!("/v1/settlements/{cycle}")).await?;
        let found = legs_of(&view).iter().find(|l| l.get("leg").and_then(Value::as_u64) == Some(u64::from(*leg)));
        let found = found.with_context(|| format!("cycle {cycle} has no leg {leg}: tally settlement legs {cycle}"))?;
        let payee = found.get("payee").and_then(Value::as_u64).and_then(|id| u16::try_from(id).ok());
        let payee = MerchantId(payee.context("the leg names no payee")?);
        if let Some(merchant) = self.connect.merchant {
            ensure!(
                merchant == payee.0,
                "leg {leg} of {cycle} is paid to merchant {payee}: only its treasurer confirms it"
            );
        }
        let amount: Fen = text_of(found, "amount_fen").parse().map_err(anyhow::Error::msg)?;
        let status = Status::of(client).await?;
        let time_ms = status.time_ms()?;
        let confirm = ConfirmLeg { cycle: *cycle, leg: *leg, amount_fen: amount_fen.unwrap_or(amount) };
        let reference = reference.unwrap_or_else(|| new_reference(time_ms));
        let operation = Operation::new(reference, Body::ConfirmLeg(confirm));
        if !output.json {
            eprintln!("reference {}", operation.reference);
        }
        let valid_until_ms = time_ms + 3_600_000;
        let signing = Signing { chain_id: status.chain_id, merchant: payee, valid_until_ms, key: &key };
        post(client, &sign(&signing, vec![operation]), *wait, output).await
    }
}

async fn legs(client: &Client, cycle: Option<Month>, output: Output) -> anyhow::Result<Verdict> {
    let cycles: Vec<String> = match cycle {
        Some(cycle) => vec![cycle.to_string()],
        None => items_of(&client.get("/v1/settlements").await?).iter().map(|c| text_of(c, "cycle")).collect(),
    };
    let mut rows: Vec<Value> = Vec::new();
    for name in cycles {
        let view = client.get(&format!("/v1/settlements/{name}")).await?;
        for leg in
            legs_of(&view).iter().filter(|leg| cycle.is_some() || leg.get("state").is_some_and(|state| state == "open"))
        {
            let mut leg = leg.clone();
            if let Some(fields) = leg.as_object_mut() {
                fields.insert("cycle".into(), Value::String(name.clone()));
            }
            rows.push(leg);
        }
    }
    output.answer(&Value::Array(rows.clone()), || legs_table(&rows));
    Ok(Verdict::Yes)
}

fn legs_of(view: &Value) -> &[Value] {
    view.get("legs").map_or(&[], items_of)
}

/// `open`, or in which block it was confirmed or drawn from collateral.
fn state(leg: &Value) -> String {
    let Some(state) = leg.get("state") else { return String::new() };
    match (state.get("confirmed"), state.get("drawn")) {
        (Some(at), _) => format!("confirmed in block {}", text_of(at, "height")),
        (_, Some(at)) => format!("drawn from collateral in block {}", text_of(at, "height")),
        _ if leg.get("is_escalated") == Some(&Value::Bool(true)) => "open, before the governors".to_owned(),
        _ => "open".to_owned(),
    }
}

fn cycles_table(list: &Value) -> String {
    let mut table = Table::new(&["cycle", "closed at", "#block", "#legs", "positions, CNY"]);
    for cycle in items_of(list) {
        let time = text_of(cycle, "time_ms").parse().map(utc_text).unwrap_or_default();
        let positions = cycle.get("positions").map_or(&[][..], items_of).iter();
        let positions: Vec<String> =
            positions.map(|p| format!("{}: {}", text_of(p, "merchant"), cny(&text_of(p, "net_fen")))).collect();
        table.row([
            text_of(cycle, "cycle"),
            time,
            text_of(cycle, "height"),
            text_of(cycle, "legs"),
            positions.join("  "),
        ]);
    }
    table.text()
}

fn legs_table(legs: &[Value]) -> String {
    let mut table = Table::new(&["cycle", "#leg", "#payer", "#payee", "#CNY", "due before", "bank reference", "state"]);
    for leg in legs {
        let cells = ["cycle", "leg", "payer", "payee"].map(|field| text_of(leg, field));
        let due = text_of(leg, "due_ms").parse().map(utc_text).unwrap_or_default();
        let paid = [cny(&text_of(leg, "amount_fen")), due, text_of(leg, "bank_reference"), state(leg)];
        table.row(cells.into_iter().chain(paid));
    }
    table.text()
}

fn statement_text(view: &Value) -> String {
    let list = |field: &str| view.get(field).map_or(&[][..], items_of);
    let kinds = ["redemption", "exchange", "import", "adjustment", "buy_out", "distribution", "total"];
    let columns: Vec<String> = kinds.iter().map(|kind| format!("#{kind}, CNY")).collect();
    let columns = ["#debtor", "#creditor"].into_iter().chain(columns.iter().map(String::as_str));
    let mut gross = Table::new(&columns.collect::<Vec<_>>());
    for pair in list("pairs") {
        let exact = kinds.map(|field| cny_exact(&text_of(pair, field)));
        gross.row([text_of(pair, "debtor"), text_of(pair, "creditor")].into_iter().chain(exact));
    }
    let mut nets = Table::new(&["#low", "#high", "#carried in, CNY", "#net, CNY", "#settled, CNY", "#carried on, CNY"]);
    for net in list("nets") {
        let exact = |field| cny_exact(&text_of(net, field));
        let settled = cny(&text_of(net, "net_fen"));
        nets.row([
            text_of(net, "low"),
            text_of(net, "high"),
            exact("opening"),
            exact("net"),
            settled,
            exact("closing"),
        ]);
    }
    let mut positions = Table::new(&["#merchant", "#receives (+) or pays (-), CNY"]);
    for position in list("positions") {
        positions.row([text_of(position, "merchant"), cny(&text_of(position, "net_fen"))]);
    }
    let cycle = text_of(view, "cycle");
    let legs: Vec<Value> = list("legs")
        .iter()
        .map(|leg| {
            let mut leg = leg.clone();
            if let Some(fields) = leg.as_object_mut() {
                fields.insert("cycle".into(), Value::String(cycle.clone()));
            }
            leg
        })
        .collect();
    let closed = text_of(view, "closed_at_ms").parse().map(utc_text).unwrap_or_default();
    format!(
        "Cycle {cycle}, closed {closed} UTC in block {}\n\nGross\n{}\nNet by pair (positive: low owes high)\n{}\nPositions\n{}\n\
         Legs\n{}",
        text_of(view, "closed_at_height"),
        gross.text(),
        nets.text(),
        positions.text(),
        legs_table(&legs)
    )
}
