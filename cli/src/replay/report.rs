//! The report of a year (docs/replay.md, section 6): its shape, and how people read it.
//!
//! A replay fills it from what the ledger answers ([`super::collect`]), a dry run from its own account; the shape is the
//! same, so that `tests/year_check.py --compare` reads either.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use tally_contracts::points::Lot;
use tally_contracts::settlement::{DisputeState, Gross};
use tally_contracts::types::{ClassId, Fen, Hash, MerchantId, Month, Obligation, Points, Reference};

use crate::output::{Table, cny, cny_exact};

/// The kinds that a replay submits, in the order of the phases (docs/replay.md, section 3).
pub const KINDS: [&str; 11] = [
    SET_CLOCK,
    "report_payment",
    "confirm_leg",
    "open_dispute",
    "answer_dispute",
    "decide_dispute",
    "enrol",
    "issue",
    "redeem",
    "exchange",
    "import",
];
/// Nobody's, so only in the sum over all participants.
const SET_CLOCK: &str = "set_clock";
const TOTAL: &str = "total";

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always [`Report::FORMAT`].
    pub format: String,
    /// The replay's seed.
    pub seed: u64,
    /// How many intervals ran.
    pub intervals: u32,
    /// Whether the end ran.
    pub ended: bool,
    /// Applied operations.
    pub operations: Operations,
    /// By rising id.
    pub merchants: Vec<MerchantReport>,
    /// By rising id.
    pub partners: Vec<PartnerReport>,
    /// Closed cycles in order.
    pub cycles: Vec<CycleReport>,
    /// Gross of the open cycle.
    pub open_gross: Vec<GrossRow>,
    /// All disputes.
    pub disputes: Vec<DisputeRow>,
    /// All live lots.
    pub holdings: Holdings,
}

impl Report {
    /// Name and version of the format.
    pub const FORMAT: &str = "tally-replay-report/2";
}

/// Applied operations by kind.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Operations(BTreeMap<&'static str, u64>);

impl Operations {
    /// The counts of one participant, or of all with the clock's and the sum.
    pub fn of(counts: &BTreeMap<(&'static str, MerchantId), u64>, participant: Option<MerchantId>) -> Self {
        let count = |kind: &str| {
            let matches = |(k, by): &(&str, MerchantId)| *k == kind && participant.is_none_or(|one| one == *by);
            counts.iter().filter(|(key, _)| matches(key)).map(|(_, count)| count).sum::<u64>()
        };
        let all = participant.is_none();
        let kinds = KINDS.into_iter().filter(|kind| all || *kind != SET_CLOCK);
        let total = all.then(|| (TOTAL, counts.values().sum()));
        Self(kinds.map(|kind| (kind, count(kind))).chain(total).collect())
    }

    /// All kinds together.
    pub fn total(&self) -> u64 {
        self.0.get(TOTAL).copied().unwrap_or_else(|| self.0.values().sum())
    }
}

/// What became of a class's points over the whole history.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub issued: u64,
    pub redeemed_at_home: u64,
    pub redeemed_elsewhere: u64,
    pub exchanged_in: u64,
    pub exchanged_out: u64,
    pub imported: u64,
    pub lapsed: u64,
}

/// One merchant.
#[derive(Clone, Debug)]
pub struct MerchantReport {
    pub merchant: MerchantId,
    pub name: String,
    pub class: ClassId,
    pub operations: Operations,
    pub totals: Totals,
    pub outstanding: u64,
    pub honoured: Vec<ClassPoints>,
    pub pool_claim: Obligation,
    pub net_fen: BTreeMap<Month, i64>,
}

impl MerchantReport {
    fn honoured_value(&self) -> Obligation {
        Obligation(self.honoured.iter().map(|row| row.value.0).sum())
    }
}

impl Serialize for MerchantReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            merchant: MerchantId,
            name: &'a str,
            class: ClassId,
            operations: &'a Operations,
            issued_points: Points,
            redeemed_points: Points,
            redeemed_at_home_points: Points,
            redeemed_elsewhere_points: Points,
            honoured: &'a [ClassPoints],
            honoured_value: Obligation,
            exchanged_in_points: Points,
            exchanged_out_points: Points,
            imported_points: Points,
            lapsed_points: Points,
            outstanding_points: Points,
            pool_claim: Obligation,
            net_fen: BTreeMap<String, String>,
        }
        let totals = &self.totals;
        Row {
            merchant: self.merchant,
            name: &self.name,
            class: self.class,
            operations: &self.operations,
            issued_points: Points(totals.issued),
            redeemed_points: Points(totals.redeemed_at_home + totals.redeemed_elsewhere),
            redeemed_at_home_points: Points(totals.redeemed_at_home),
            redeemed_elsewhere_points: Points(totals.redeemed_elsewhere),
            honoured: &self.honoured,
            honoured_value: self.honoured_value(),
            exchanged_in_points: Points(totals.exchanged_in),
            exchanged_out_points: Points(totals.exchanged_out),
            imported_points: Points(totals.imported),
            lapsed_points: Points(totals.lapsed),
            outstanding_points: Points(self.outstanding),
            pool_claim: self.pool_claim,
            net_fen: text_nets(&self.net_fen),
        }
        .serialize(serializer)
    }
}

fn text_nets(nets: &BTreeMap<Month, i64>) -> BTreeMap<String, String> {
    nets.iter().map(|(cycle, net)| (cycle.to_string(), net.to_string())).collect()
}

/// One partner.
#[derive(Clone, Debug)]
pub struct PartnerReport {
    pub partner: MerchantId,
    pub name: String,
    pub operations: Operations,
    /// What its own points became, by rising class.
    pub imported: Vec<ClassPoints>,
    pub net_fen: BTreeMap<Month, i64>,
}

impl Serialize for PartnerReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            partner: MerchantId,
            name: &'a str,
            operations: &'a Operations,
            imported: &'a [ClassPoints],
            imported_value: Obligation,
            net_fen: BTreeMap<String, String>,
        }
        Row {
            partner: self.partner,
            name: &self.name,
            operations: &self.operations,
            imported: &self.imported,
            imported_value: Obligation(self.imported.iter().map(|row| row.value.0).sum()),
            net_fen: text_nets(&self.net_fen),
        }
        .serialize(serializer)
    }
}

/// Points of a class that a merchant honoured for another, or that a partner's own became.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ClassPoints {
    class: ClassId,
    points: Points,
    value: Obligation,
}

impl ClassPoints {
    /// A row.
    pub const fn new(class: ClassId, points: Points, value: Obligation) -> Self {
        Self { class, points, value }
    }
}

/// A closed cycle.
#[derive(Clone, Debug, Serialize)]
pub struct CycleReport {
    /// Its month.
    pub cycle: Month,
    /// By debtor, then creditor.
    pub gross: Vec<GrossRow>,
    /// By low, then high.
    pub pairs: Vec<PairRow>,
    /// By number.
    pub legs: Vec<LegRow>,
}

/// What one participant came to owe another in a cycle.
#[derive(Clone, Debug, Serialize)]
pub struct GrossRow {
    /// Who owes.
    pub debtor: MerchantId,
    /// Who is owed.
    pub creditor: MerchantId,
    /// For points redeemed.
    pub redemption: Obligation,
    /// For points exchanged.
    pub exchange: Obligation,
    /// For points of a partner's.
    pub import: Obligation,
    /// For disputes that succeeded.
    pub adjustment: Obligation,
    /// What the pool passed on.
    pub distribution: Obligation,
}

/// Rows of gross amounts, without those of nothing.
pub fn gross_rows(gross: &BTreeMap<(MerchantId, MerchantId), Gross>) -> Vec<GrossRow> {
    let row = |(&(debtor, creditor), gross): (&(MerchantId, MerchantId), &Gross)| GrossRow {
        debtor,
        creditor,
        redemption: gross.redemption,
        exchange: gross.exchange,
        import: gross.import,
        adjustment: gross.adjustment,
        distribution: gross.distribution,
    };
    gross.iter().filter(|(_, gross)| gross.total() != Obligation(0)).map(row).collect()
}

/// How an unordered pair came out of a cycle.
#[derive(Clone, Debug, Serialize)]
pub struct PairRow {
    /// The lower id.
    pub low: MerchantId,
    /// The higher id.
    pub high: MerchantId,
    /// What `low` owes `high`, in fen, as text.
    pub net_fen: String,
    /// What is carried into the next cycle.
    pub closing: Obligation,
}

/// A payment.
#[derive(Clone, Debug, Serialize)]
pub struct LegRow {
    /// Who pays.
    pub payer: MerchantId,
    /// Who is paid.
    pub payee: MerchantId,
    /// How much.
    pub amount_fen: Fen,
    /// The bank's name for the payment, as the payer reported it.
    pub reported: Option<String>,
    /// Whether it counts as paid.
    pub confirmed: bool,
}

/// A dispute.
#[derive(Clone, Debug, Serialize)]
pub struct DisputeRow {
    /// Who submitted the disputed operation.
    pub merchant: MerchantId,
    /// The operation's reference.
    pub original: Reference,
    /// Who owed for it, and disputes it.
    pub debtor: MerchantId,
    /// Who was owed for it.
    pub creditor: MerchantId,
    /// What is claimed back.
    pub amount: Obligation,
    /// Where it stands.
    pub state: DisputeState,
}

/// All live lots as one hash: a single point on one wrong card shows.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Holdings {
    members: usize,
    sha256: Hash,
}

impl Holdings {
    /// Of lots by member number and class, in any order.
    pub fn of(mut lots: Vec<(u32, ClassId, Lot)>) -> Self {
        lots.sort_by_key(|(member, class, lot)| (*member, *class, lot.expires));
        let mut digest = Sha256::new();
        for (member, class, lot) in &lots {
            digest.update(format!("{member},{class},{},{}\n", lot.expires, lot.points));
        }
        lots.dedup_by_key(|(member, ..)| *member);
        Self { members: lots.len(), sha256: Hash(digest.finalize().into()) }
    }
}

impl Report {
    /// The year as people read it: what became of each merchant's points, who paid whom, and what was disputed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}", self.points_text(), self.nets_text(), self.disputes_text())
    }

    fn points_text(&self) -> String {
        let mut points = Table::new(&[
            "merchant",
            "#operations",
            "#issued",
            "#redeemed here",
            "#elsewhere",
            "#honoured for others",
            "#exchanged in",
            "#exchanged out",
            "#imported",
            "#expired",
            "#outstanding",
        ]);
        for m in &self.merchants {
            let numbers = [
                m.operations.total(),
                m.totals.issued,
                m.totals.redeemed_at_home,
                m.totals.redeemed_elsewhere,
                m.honoured.iter().map(|row| row.points.0).sum(),
                m.totals.exchanged_in,
                m.totals.exchanged_out,
                m.totals.imported,
                m.totals.lapsed,
                m.outstanding,
            ];
            points.row(std::iter::once(m.name.clone()).chain(numbers.iter().map(u64::to_string)));
        }
        points.text()
    }

    fn nets_text(&self) -> String {
        let merchants = self.merchants.iter().map(|m| (&m.name, &m.net_fen));
        let nets: Vec<_> = merchants.chain(self.partners.iter().map(|p| (&p.name, &p.net_fen))).collect();
        let headings: Vec<String> = nets.iter().map(|(name, _)| format!("#{name}")).collect();
        let headings: Vec<&str> = ["net, CNY"].into_iter().chain(headings.iter().map(String::as_str)).collect();
        let mut table = Table::new(&[&headings[..], &["#legs", "paid"]].concat());
        for cycle in &self.cycles {
            let net = |nets: &BTreeMap<Month, i64>| cny(&nets.get(&cycle.cycle).copied().unwrap_or(0).to_string());
            let paid = if cycle.legs.iter().all(|leg| leg.confirmed) { "yes" } else { "no" };
            let tail = [cycle.legs.len().to_string(), paid.into()];
            let nets = nets.iter().map(|(_, nets)| net(nets));
            table.row(std::iter::once(cycle.cycle.to_string()).chain(nets).chain(tail));
        }
        table.text()
    }

    fn disputes_text(&self) -> String {
        let mut table = Table::new(&["disputed operation", "#by", "#against", "#CNY", "outcome"]);
        for dispute in &self.disputes {
            table.row([
                dispute.original.to_string(),
                dispute.debtor.to_string(),
                dispute.creditor.to_string(),
                cny_exact(&dispute.amount.to_string()),
                format!("{:?}", dispute.state).to_lowercase(),
            ]);
        }
        table.text()
    }
}
