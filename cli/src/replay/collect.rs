//! What the ledger says of the year (docs/replay.md, section 6): asked of the nodes, never taken from the replay's account.
//!
//! Each merchant's operations are read from its own node, so a node that was killed has to have them all. That is also
//! where what was acknowledged is looked up again: by reference, one by one.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tally_contracts::genesis::Genesis;
use tally_contracts::points::{ClassTerms, Lot};
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::settlement::{DisputeState, Gross};
use tally_contracts::types::{Address, ClassId, Fen, Height, MerchantId, Month, Obligation, Points, Reference};

use super::account::ReportHead;
use super::drive::Driven;
use super::policy::Member;
use super::report::{
    ClassPoints, CycleReport, DisputeRow, GrossRow, Holdings, KINDS, LegRow, MerchantReport, Operations, PairRow,
    PartnerReport, Report, Totals, gross_rows,
};
use crate::client::Client;
use crate::connect::level;
use crate::network::Alliance;

/// Requests in flight at once.
const CONCURRENCY: usize = 8;

/// What was found out.
#[derive(Debug)]
pub struct Collected {
    /// The report.
    pub report: Report,
    /// Acknowledged operations that the ledger does not have as applied.
    pub lost: u64,
    /// The height that everything was read at, or above.
    pub height: Height,
}

/// Asks for everything.
pub async fn report(
    alliance: &Alliance,
    genesis: &Genesis,
    members: &[Member],
    driven: &Driven,
    head: ReportHead,
) -> anyhow::Result<Collected> {
    let clients: BTreeMap<MerchantId, Client> = alliance
        .nodes
        .iter()
        .map(|node| Ok((node.merchant, alliance.client(node.merchant)?)))
        .collect::<anyhow::Result<_>>()?;
    let height = level(clients.values()).await?;
    let first = clients.values().next().context("an alliance has a node")?;

    let (operations, lost) = look_up(&clients, genesis, driven).await?;
    let classes: Vec<ClassView> = items(first, "/v1/classes").await?;
    let (cycles, net_fen) = cycles(first).await?;
    let disputes: Vec<Dispute> = items(first, "/v1/disputes").await?;
    let disputes = disputes.into_iter().map(Dispute::row).collect();
    let open: Obligations = first.get_as("/v1/obligations").await?;
    let holdings = holdings(&clients, members).await?;
    let open_gross: BTreeMap<_, _> = open.pairs.iter().map(|p| ((p.debtor, p.creditor), p.gross())).collect();
    let open_gross = gross_rows(&open_gross);
    let ledger = Ledger { operations: &operations, classes: &classes, cycles: &cycles, open_gross: &open_gross };
    let nets = |participant| {
        let net = |cycle: &CycleReport| (cycle.cycle, net_fen.get(&(cycle.cycle, participant)).copied().unwrap_or(0));
        cycles.iter().map(net).collect()
    };
    let merchants = genesis.merchants.iter().map(|merchant| {
        let claim = open.pool_claims.iter().find(|claim| claim.debtor == merchant.id);
        Ok(MerchantReport {
            name: merchant.name.clone(),
            pool_claim: claim.map_or(Obligation(0), |claim| claim.amount),
            net_fen: nets(merchant.id),
            ..ledger.merchant(merchant.id)?
        })
    });
    let partners = genesis.partners.iter().map(|partner| {
        Ok(PartnerReport {
            partner: partner.id,
            name: partner.name.clone(),
            operations: Operations::of(&operations, Some(partner.id)),
            imported: ledger.imported(partner.id)?,
            net_fen: nets(partner.id),
        })
    });
    let report = Report {
        format: Report::FORMAT.into(),
        seed: head.seed,
        intervals: head.intervals,
        ended: head.ended,
        merchants: merchants.collect::<anyhow::Result<_>>()?,
        partners: partners.collect::<anyhow::Result<_>>()?,
        operations: Operations::of(&operations, None),
        cycles,
        open_gross,
        disputes,
        holdings,
    };
    Ok(Collected { report, lost, height })
}

/// What nodes submit by themselves, whatever is replayed.
const BY_NODES: [&str; 2] = ["attest", "anchor"];

/// Applied operations by kind and merchant, and how many acknowledged ones are not among them.
async fn look_up(
    clients: &BTreeMap<MerchantId, Client>,
    genesis: &Genesis,
    driven: &Driven,
) -> anyhow::Result<(BTreeMap<(&'static str, MerchantId), u64>, u64)> {
    let any = clients.values().next().context("an alliance has a node")?;
    let without_node = genesis.partners.iter().map(|partner| partner.id).chain([MerchantId::POOL]);
    let parties = clients.iter().map(|(merchant, client)| (*merchant, client)).chain(without_node.map(|id| (id, any)));
    let one = async |(merchant, client): (MerchantId, &Client)| -> anyhow::Result<_> {
        let mut counts: BTreeMap<(&'static str, MerchantId), u64> = BTreeMap::new();
        let mut applied: HashSet<Reference> = HashSet::new();
        let path = format!("/v1/operations?merchant={merchant}");
        client
            .pages(&path, |page: Vec<Listed>| {
                for listed in page.into_iter().filter(|listed| !BY_NODES.contains(&listed.kind.as_str())) {
                    if matches!(listed.receipt.outcome, Outcome::Applied(_)) && applied.insert(listed.receipt.reference)
                    {
                        *counts.entry((kind(&listed.kind), merchant)).or_default() += 1;
                    }
                }
            })
            .await?;
        let acknowledged = driven.acknowledged.get(&merchant).map_or(&[][..], Vec::as_slice);
        let missing: Vec<&Reference> = acknowledged.iter().filter(|reference| !applied.contains(reference)).collect();
        for reference in missing.iter().take(10) {
            eprintln!("lost: merchant {merchant} operation {reference} was acknowledged and is not in the ledger");
        }
        Ok((counts, missing.len() as u64))
    };
    let found = futures::future::try_join_all(parties.map(one)).await?;
    let lost = found.iter().map(|(_, lost)| lost).sum();
    Ok((found.into_iter().flat_map(|(counts, _)| counts).collect(), lost))
}

/// The kinds that a replay submits; any other is counted in the total only.
fn kind(name: &str) -> &'static str {
    KINDS.iter().find(|kind| **kind == name).copied().unwrap_or("other")
}

async fn cycles(client: &Client) -> anyhow::Result<(Vec<CycleReport>, BTreeMap<(Month, MerchantId), i64>)> {
    let closed: Vec<Cycle> = items(client, "/v1/settlements").await?;
    let (mut cycles, mut nets) = (Vec::new(), BTreeMap::new());
    for Cycle { cycle } in closed {
        let view: Settlement = client.get_as(&format!("/v1/settlements/{cycle}")).await?;
        let gross: BTreeMap<_, _> =
            view.pairs.iter().map(|pair| ((pair.debtor, pair.creditor), pair.gross())).collect();
        for position in &view.positions {
            nets.insert((cycle, position.merchant), integer(&position.net_fen)?);
        }
        let pair = |net: &NetPair| -> anyhow::Result<PairRow> {
            let net_fen = integer(&net.net_fen)?.to_string();
            Ok(PairRow { low: net.low, high: net.high, net_fen, closing: net.closing })
        };
        let leg = |leg: &Leg| LegRow {
            payer: leg.payer,
            payee: leg.payee,
            amount_fen: leg.amount_fen,
            reported: leg.bank_reference.clone(),
            confirmed: leg.is_confirmed(),
        };
        cycles.push(CycleReport {
            cycle,
            gross: gross_rows(&gross),
            pairs: view.nets.iter().map(pair).collect::<anyhow::Result<_>>()?,
            legs: view.legs.iter().map(leg).collect(),
        });
    }
    Ok((cycles, nets))
}

async fn holdings(clients: &BTreeMap<MerchantId, Client>, members: &[Member]) -> anyhow::Result<Holdings> {
    let lots = async |(i, member): (usize, &Member)| -> anyhow::Result<Vec<(u32, ClassId, Lot)>> {
        let client = clients.values().nth(i % clients.len()).expect("the index is below the length");
        let path = format!("/v1/members/{}", member.address);
        let view: MemberView = client.get_as(&path).await?;
        ensure!(view.member == member.address, "{path} answers for another member");
        let lot = |class, lot: &LotView| (member.number, class, Lot { expires: lot.expires, points: lot.points });
        Ok(view.balances.iter().flat_map(|b| b.lots.iter().map(move |l| lot(b.class, l))).collect())
    };
    let all = stream::iter(members.iter().enumerate()).map(lots).buffer_unordered(CONCURRENCY);
    let all: Vec<Vec<_>> = all.try_collect().await?;
    Ok(Holdings::of(all.into_iter().flatten().collect()))
}

/// What was read, as the merchants' rows need it.
struct Ledger<'a> {
    operations: &'a BTreeMap<(&'static str, MerchantId), u64>,
    classes: &'a [ClassView],
    cycles: &'a [CycleReport],
    open_gross: &'a [GrossRow],
}

impl Ledger<'_> {
    fn merchant(&self, merchant: MerchantId) -> anyhow::Result<MerchantReport> {
        let own = self.classes.iter().find(|class| class.issuer == merchant);
        let own = own.with_context(|| format!("the ledger has no class of merchant {merchant}"))?;
        let elsewhere: u64 = self
            .gross(|row| row.debtor == merchant)
            .try_fold(0, |sum, row| Ok::<_, anyhow::Error>(sum + own.points_of(row.redemption)?))?;
        let mut honoured = Vec::new();
        for class in self.classes.iter().filter(|class| class.issuer != merchant) {
            let owed = self.gross(|row| (row.debtor, row.creditor) == (class.issuer, merchant));
            let value = Obligation(owed.map(|row| row.redemption.0).sum());
            if value != Obligation(0) {
                honoured.push(ClassPoints::new(class.class, Points(class.points_of(value)?), value));
            }
        }
        let totals = &own.totals;
        let redeemed_at_home = totals.redeemed.0.checked_sub(elsewhere).with_context(|| {
            format!("settlement knows of {elsewhere} points redeemed of class {}, its total says less", own.class)
        })?;
        Ok(MerchantReport {
            merchant,
            name: String::new(),
            class: own.class,
            operations: Operations::of(self.operations, Some(merchant)),
            totals: Totals {
                issued: totals.issued.0,
                redeemed_at_home,
                redeemed_elsewhere: elsewhere,
                exchanged_in: totals.exchanged_in.0,
                exchanged_out: totals.exchanged_out.0,
                imported: totals.imported.0,
                lapsed: totals.lapsed.0,
            },
            outstanding: totals.outstanding.0,
            honoured,
            pool_claim: Obligation(0),
            net_fen: BTreeMap::new(),
        })
    }

    /// What a partner's own points became: of an issuer's only class, for that is whom it owes.
    fn imported(&self, partner: MerchantId) -> anyhow::Result<Vec<ClassPoints>> {
        let mut imported = Vec::new();
        for class in self.classes {
            let owed = self.gross(|row| (row.debtor, row.creditor) == (partner, class.issuer));
            let value = Obligation(owed.map(|row| row.import.0).sum());
            if value != Obligation(0) {
                imported.push(ClassPoints::new(class.class, Points(class.points_of(value)?), value));
            }
        }
        Ok(imported)
    }

    fn gross(&self, wanted: impl Fn(&GrossRow) -> bool) -> impl Iterator<Item = &GrossRow> {
        let all = self.cycles.iter().flat_map(|cycle| &cycle.gross).chain(self.open_gross);
        all.filter(move |row| wanted(row))
    }
}

impl ClassView {
    /// The points that an obligation was booked for; exact, for each point is worth the same.
    fn points_of(&self, value: Obligation) -> anyhow::Result<u64> {
        let one = self.terms.value(Points(1)).0;
        ensure!(one > 0 && value.0 % one == 0, "an obligation of {value} is no whole points of class {}", self.class);
        Ok(u64::try_from(value.0 / one)?)
    }
}

async fn items<T: DeserializeOwned>(client: &Client, path: &str) -> anyhow::Result<Vec<T>> {
    let mut all = Vec::new();
    client.pages(path, |page: Vec<T>| all.extend(page)).await?;
    Ok(all)
}

/// An integer that JSON gives as a number or as text.
fn integer(value: &Value) -> anyhow::Result<i64> {
    let parsed = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    parsed.with_context(|| format!("{value} is no integer"))
}

// --- The parts of the nodes' answers that a report needs ---

#[derive(Deserialize)]
struct Listed {
    kind: String,
    receipt: Receipt,
}

#[derive(Deserialize)]
struct ClassView {
    class: ClassId,
    issuer: MerchantId,
    terms: ClassTerms,
    totals: ClassCounters,
}

#[derive(Deserialize)]
struct ClassCounters {
    issued: Points,
    redeemed: Points,
    lapsed: Points,
    exchanged_in: Points,
    exchanged_out: Points,
    imported: Points,
    outstanding: Points,
}

#[derive(Deserialize)]
struct Cycle {
    cycle: Month,
}

#[derive(Deserialize)]
struct Obligations {
    pairs: Vec<GrossPair>,
    #[serde(default)]
    pool_claims: Vec<PoolClaim>,
}

#[derive(Deserialize)]
struct GrossPair {
    debtor: MerchantId,
    creditor: MerchantId,
    redemption: Obligation,
    exchange: Obligation,
    import: Obligation,
    adjustment: Obligation,
    distribution: Obligation,
}

impl GrossPair {
    fn gross(&self) -> Gross {
        let Self { redemption, exchange, import, adjustment, distribution, .. } = *self;
        Gross { redemption, exchange, import, adjustment, distribution, buy_out: Obligation(0) }
    }
}

#[derive(Deserialize)]
struct PoolClaim {
    debtor: MerchantId,
    amount: Obligation,
}

#[derive(Deserialize)]
struct Settlement {
    pairs: Vec<GrossPair>,
    nets: Vec<NetPair>,
    positions: Vec<Position>,
    legs: Vec<Leg>,
}

#[derive(Deserialize)]
struct NetPair {
    low: MerchantId,
    high: MerchantId,
    net_fen: Value,
    closing: Obligation,
}

#[derive(Deserialize)]
struct Position {
    merchant: MerchantId,
    net_fen: Value,
}

/// A payment of a closed cycle.
#[derive(Debug, Deserialize)]
pub struct Leg {
    /// Its number within the cycle.
    pub leg: u16,
    /// Who pays.
    pub payer: MerchantId,
    /// Who is paid, and confirms it.
    pub payee: MerchantId,
    /// How much.
    pub amount_fen: Fen,
    /// `open`, or `{"confirmed": {..}}`.
    pub state: Value,
    /// What the payer reported of the payment.
    pub bank_reference: Option<String>,
}

impl Leg {
    /// Whether it counts as paid.
    pub fn is_confirmed(&self) -> bool {
        self.state.as_str() != Some("open")
    }
}

#[derive(Deserialize)]
struct Dispute {
    merchant: MerchantId,
    original: Reference,
    debtor: MerchantId,
    creditor: MerchantId,
    amount: Obligation,
    state: DisputeState,
}

impl Dispute {
    fn row(self) -> DisputeRow {
        let Self { merchant, original, debtor, creditor, amount, state } = self;
        DisputeRow { merchant, original, debtor, creditor, amount, state }
    }
}

#[derive(Deserialize)]
struct MemberView {
    member: Address,
    balances: Vec<Balance>,
}

#[derive(Deserialize)]
struct Balance {
    class: ClassId,
    lots: Vec<LotView>,
}

#[derive(Deserialize)]
struct LotView {
    expires: Month,
    points: Points,
}
