//! CSV of every operation behind a cycle's sums: one row an operation and pair, so that each sum can be traced to its
//! receipts.
//!
//! By counterparty, first what it came to owe us, then what we came to owe it, each in the order of the chain. What is
//! owed to the alliance pool is in no sum of a settlement, so it is not here. What no operation did, a distribution of the
//! pool or a buy-out, has no reference: its cell is empty.

use serde::Deserialize;
use tally_contracts::types::{Height, MerchantId, Obligation, Reference};

use crate::client::{Client, malformed};

use super::statement::{Pair, Statement};
use super::summary::Table;
use super::text::{date_time, exact};

const HEADINGS: [&str; 11] = [
    "cycle",
    "merchant",
    "counterparty",
    "time",
    "height",
    "index",
    "submitted_by",
    "reference",
    "operation",
    "receivable_cny",
    "payable_cny",
];

/// One operation behind a sum.
#[derive(Clone, Debug, Deserialize)]
pub struct Line {
    height: Height,
    index: u32,
    time_ms: u64,
    merchant: MerchantId,
    reference: Option<Reference>,
    kind: String,
    amount: Obligation,
}

/// The operations between us and one other merchant.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Those by which it came to owe us.
    pub receivable: Vec<Line>,
    /// Those by which we came to owe it.
    pub payable: Vec<Line>,
}

/// Asks for the operations behind each pair of a statement, in its order.
///
/// # Errors
/// No answer, or operations that do not add up to what the statement says.
pub async fn ask(client: &Client, statement: &Statement) -> anyhow::Result<Vec<Lines>> {
    let mut all = Vec::with_capacity(statement.pairs.len());
    for pair in &statement.pairs {
        let (us, other) = (statement.merchant.id, pair.counterparty.id);
        let receivable = behind(client, statement, (other, us), pair.receivable()).await?;
        let payable = behind(client, statement, (us, other), pair.payable()).await?;
        all.push(Lines { receivable, payable });
    }
    Ok(all)
}

async fn behind(
    client: &Client,
    statement: &Statement,
    (debtor, creditor): (MerchantId, MerchantId),
    total: Obligation,
) -> anyhow::Result<Vec<Line>> {
    let path = format!("/v1/settlements/{}/operations?debtor={debtor}&creditor={creditor}", statement.cycle);
    let mut lines: Vec<Line> = Vec::new();
    client.pages(&path, |page| lines.extend(page)).await?;
    let sum = lines.iter().try_fold(0_i128, |sum, line| sum.checked_add(line.amount.0));
    if sum != Some(total.0) {
        let reason = format!("the operations do not add up to the {} CNY of the cycle", exact(total));
        return Err(malformed(&path, reason).into());
    }
    Ok(lines)
}

/// The table; `lines` has what is behind each pair of the statement, in its order.
pub fn operations(statement: &Statement, lines: &[Lines]) -> String {
    let mut table = Table::new(&HEADINGS);
    for (pair, lines) in statement.pairs.iter().zip(lines) {
        for line in &lines.receivable {
            table.row(row(statement, pair, line, [exact(line.amount), exact(Obligation(0))]));
        }
        for line in &lines.payable {
            table.row(row(statement, pair, line, [exact(Obligation(0)), exact(line.amount)]));
        }
    }
    table.text()
}

fn row(statement: &Statement, pair: &Pair, line: &Line, amounts: [String; 2]) -> impl Iterator<Item = String> {
    let cells = [
        statement.cycle.to_string(),
        statement.merchant.id.to_string(),
        pair.counterparty.id.to_string(),
        date_time(statement.alliance.calendar, line.time_ms),
        line.height.to_string(),
        line.index.to_string(),
        line.merchant.to_string(),
        line.reference.map(|reference| reference.to_string()).unwrap_or_default(),
        line.kind.clone(),
    ];
    cells.into_iter().chain(amounts)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{empty, full, golden};
    use super::*;

    fn line(index: u32, kind: &str, amount: i128) -> Line {
        Line {
            height: Height(100),
            index,
            time_ms: 1_489_000_000_123,
            merchant: MerchantId(2),
            reference: Some(Reference::new(1_489_000_000_000, u128::from(index))),
            kind: kind.into(),
            amount: Obligation(amount),
        }
    }

    #[test]
    fn operations_stand_on_the_side_they_are_owed_on() {
        let mut statement = full();
        statement.pairs.truncate(1);
        let receivable = vec![line(0, "redeem", 1_000_001), line(3, "reverse_redeem", -1)];
        let pool = Line { merchant: MerchantId(0), reference: None, ..line(1 << 31, "distribution", 42_000_000) };
        let lines = Lines { receivable, payable: vec![line(1, "exchange", 5), pool] };
        golden("operations.csv", &operations(&statement, &[lines]));
    }

    #[test]
    fn a_cycle_without_anything_is_its_headings() {
        assert_eq!(operations(&empty(), &[]), HEADINGS.join(",") + "\r\n");
    }
}
