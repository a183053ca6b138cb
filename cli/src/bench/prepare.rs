//! Enrols the accounts and gives them points, before any clock starts.
//!
//! Each account's enrolment and purchase stand in one transaction, so that a member is either there with its points or not at
//! all. The marker is enrolled after all others: a later run that finds it has nothing to do.

use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use tally_contracts::points::{Issue, IssueLine};
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::Category;

use anyhow::{bail, ensure};

use super::accounts::Accounts;
use super::deliver::{Counts, Courier};
use super::market::Market;
use super::pack::{Room, signed};
use super::settings::Door;
use super::supply::Request;
use super::workload::References;
use crate::client::ApiError;

/// Transactions of one merchant under way at once.
const UNDER_WAY: usize = 4;

/// Sees to it that every account is enrolled and has points.
///
/// # Errors
/// When a node refuses, or an account cannot be made.
pub async fn prepare(
    market: &Market,
    accounts: &Accounts,
    courier: &Courier,
    made: &ProgressBar,
) -> anyhow::Result<()> {
    let (marker, address) = accounts.marker();
    let (_, client) = &courier.nodes[0];
    match client.get(&format!("/v1/members/{address}")).await {
        Ok(_) => return Ok(()),
        Err(ApiError::Problem(problem)) if problem.status == 404 => {}
        Err(error) => return Err(error.into()),
    }
    let courier = Courier { door: Door::Transactions, ..courier.clone() };
    let preparation = Preparation { market, accounts, courier: &courier, made };
    try_join_all((0..market.merchants.len()).map(|at| preparation.merchant(at))).await?;
    let marker = Operation { reference: References::new(market.time_ms).next(), ..marker };
    preparation.send(0, vec![marker]).await
}

struct Preparation<'a> {
    market: &'a Market,
    accounts: &'a Accounts,
    courier: &'a Courier,
    made: &'a ProgressBar,
}

impl Preparation<'_> {
    /// All accounts of the merchant at a place.
    async fn merchant(&self, at: usize) -> anyhow::Result<()> {
        let mut references = References::new(self.market.time_ms);
        let mut accounts = (0..self.accounts.count_at(at)).map(|n| self.accounts.at(at, n));
        let mut carry: Vec<Operation> = Vec::new();
        let transactions = std::iter::from_fn(move || {
            let mut room = Room::new(usize::MAX);
            let mut operations = std::mem::take(&mut carry);
            room.take(&operations);
            for account in accounts.by_ref() {
                let pair = self.account(at, account, &mut references);
                if !room.take(&pair) {
                    carry = pair;
                    break;
                }
                operations.extend(pair);
            }
            (!operations.is_empty()).then_some(operations)
        });
        let send = |operations| self.send(at, operations);
        stream::iter(transactions).map(send).buffer_unordered(UNDER_WAY).try_collect::<()>().await
    }

    /// What makes one account: it comes to its home, and buys something.
    fn account(&self, at: usize, account: usize, references: &mut References) -> Vec<Operation> {
        let trader = &self.market.merchants[at];
        let lines = vec![IssueLine { category: Category(1), amount_fen: trader.gift }];
        let issue = Issue { class: trader.class, member: self.accounts.address(account), lines };
        vec![
            self.accounts.enrol(self.market, account, references.next()),
            Operation::new(references.next(), Body::Issue(issue)),
        ]
    }

    async fn send(&self, at: usize, operations: Vec<Operation>) -> anyhow::Result<()> {
        let trader = &self.market.merchants[at];
        let references: Vec<_> = operations.iter().map(|operation| operation.reference).collect();
        let request = Request { references, bytes: signed(self.market, trader, operations) };
        let counts = self.courier.deliver(at, &request).await;
        self.made.inc(counts.operations());
        check(&counts).map_err(|e| e.context(format!("merchant {}: the accounts cannot be made", trader.id)))
    }
}

/// An account that is there already is as good as a new one.
fn check(counts: &Counts) -> anyhow::Result<()> {
    if let Some((rule, _)) = counts.rejected.iter().find(|(rule, _)| **rule != Rejection::MemberExists) {
        bail!("{}: {rule}. Make a fresh alliance for the load: tally network init --out DIR", rule.name());
    }
    let trouble = counts.trouble.as_deref().unwrap_or("an operation has no receipt");
    ensure!(counts.lost == 0 && counts.refused.is_empty(), "{trouble}; look at `tally network status`");
    Ok(())
}
