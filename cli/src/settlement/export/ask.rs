//! Asks a node for what a statement is made of.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use tally_contracts::types::{Calendar, MerchantId, Month};

use crate::client::{ApiError, Client, malformed};
use crate::connect::Status;

use super::answer::{Answer, Context};
use super::statement::{Alliance, Statement};
use super::text::clean;

/// What the genesis says that statements need.
#[derive(Deserialize)]
struct Agreement {
    name: String,
    time_ms: u64,
    utc_offset_minutes: i32,
}

#[derive(Deserialize)]
struct Merchants {
    items: Vec<Merchant>,
}

#[derive(Deserialize)]
struct Merchant {
    id: MerchantId,
    name: String,
}

/// A merchant's side of a closed cycle, by default that of the merchant whose node is asked; and which of the legs that
/// it pays are confirmed by now.
pub async fn statement(
    client: &Client,
    cycle: Month,
    merchant: Option<MerchantId>,
) -> anyhow::Result<(Statement, Vec<u16>)> {
    let status = Status::of(client).await?;
    let merchant = merchant.or(status.merchant).context("whose statement? Give --merchant ID")?;
    let agreement: Agreement = client.get_as("/v1/genesis").await?;
    let merchants: Merchants = client.get_as("/v1/merchants").await?;
    let names: BTreeMap<MerchantId, String> = merchants.items.into_iter().map(|m| (m.id, m.name)).collect();
    ensure!(names.contains_key(&merchant), "the alliance has no merchant {merchant}: tally query merchants");
    let path = format!("/v1/settlements/{cycle}");
    let answer: Answer = match client.get_as(&path).await {
        Err(ApiError::Problem(problem)) if problem.status == 404 => {
            bail!("{cycle} is no closed cycle; these are: tally settlement list")
        }
        answer => answer?,
    };
    if answer.cycle != cycle {
        return Err(malformed(&path, format!("it is about {}", answer.cycle)).into());
    }
    let calendar = Calendar { utc_offset_minutes: agreement.utc_offset_minutes };
    let name = clean(&agreement.name);
    let alliance = Alliance {
        chain_id: status.chain_id,
        name: if name.is_empty() { "Tally alliance".to_owned() } else { name },
        calendar,
        first_cycle: calendar.month(agreement.time_ms),
    };
    let statement = answer.statement(&Context { alliance, names }, merchant).map_err(|e| malformed(&path, e))?;
    Ok((statement, answer.confirmed(merchant)))
}
