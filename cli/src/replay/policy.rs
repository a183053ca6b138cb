//! What follows from the rows (docs/replay.md, sections 3 and 5): intervals, references, members, draws, and the
//! operations of each phase in the order in which they are submitted.
//!
//! **Invariant:** all choices come from the files and the document alone, never from what a ledger answers.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};
use tally_contracts::exchange::{Exchange, ImportPoints};
use tally_contracts::genesis::Genesis;
use tally_contracts::membership::{Enrol, HolderKind, member_address};
use tally_contracts::points::{Issue, Redeem};
use tally_contracts::transaction::{Body, Operation, Till};
use tally_contracts::types::{
    Address, Calendar, ClassId, DAY_MS, Hash, MerchantId, Month, Obligation, Points, Reference, TillId,
};

use super::account::Account;
use super::data::{CouponUse, Purchase, Year};
use super::dispute::{Docket, Redemption};
use super::report::DisputeRow;

/// An operation and who submits it.
#[derive(Clone, Debug)]
pub struct Task {
    /// The submitting merchant.
    pub merchant: MerchantId,
    /// What it submits.
    pub operation: Operation,
}

/// A period whose operations are executed together at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// From 1 on.
    pub number: u32,
    /// Its first instant, in ms since 1970.
    pub start_ms: u64,
    /// The first instant after it.
    pub end_ms: u64,
    /// The month of its start.
    pub month: Month,
    /// Whether the month ends with it.
    pub is_last_of_month: bool,
}

/// The operations of an interval by phase, but for the clock and the legs.
#[derive(Debug)]
pub struct Plan {
    /// When.
    pub interval: Interval,
    /// Phase 3, in this order over all merchants.
    pub dispute: Vec<Task>,
    /// Phase 4.
    pub enrol: Vec<Task>,
    /// Phase 5.
    pub issue: Vec<Task>,
    /// Phase 6.
    pub redeem: Vec<Task>,
    /// Phase 7.
    pub exchange: Vec<Task>,
    /// Phase 8, by partners.
    pub import: Vec<Task>,
}

/// Of the members, those whose number this divides import.
const IMPORTERS: u32 = 20;
/// What each of them imports beside one mile for each of its number.
const IMPORTED_MILES: u64 = 1_000;

/// The bank's name for the payment of a leg: its end-to-end id, as the payer's pain.001 has it.
pub fn bank_reference(cycle: Month, leg: u16) -> String {
    format!("{cycle}-leg-{leg}")
}

/// The year's intervals: weeks from its first day on, cut at month ends.
pub fn intervals(calendar: Calendar, first: Month) -> Vec<Interval> {
    let (year_ms, end_ms) = (calendar.start_ms(first), calendar.start_ms(first.plus(12)));
    let starts: Vec<u64> = (year_ms..end_ms)
        .step_by(usize::try_from(DAY_MS).expect("a day in ms fits"))
        .enumerate()
        .filter(|(day, start_ms)| day % 7 == 0 || calendar.start_ms(calendar.month(*start_ms)) == *start_ms)
        .map(|(_, start_ms)| start_ms)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([end_ms]);
    let interval = |((number, start_ms), end_ms): ((u32, u64), u64)| {
        let month = calendar.month(start_ms);
        Interval { number, start_ms, end_ms, month, is_last_of_month: calendar.month(end_ms) != month }
    };
    (1..).zip(starts.iter().copied()).zip(ends).map(interval).collect()
}

/// What names and salts are made of.
#[derive(Clone, Copy, Debug)]
pub struct Seed(pub u64);

impl Seed {
    /// The reference of an operation; `time_ms` is what it carries.
    pub fn reference(self, kind: &str, merchant: MerchantId, key: &str, time_ms: u64) -> Reference {
        let digest = digest(&format!("tally-replay/reference/1:{}:{kind}:{merchant}:{key}", self.0));
        let (_, last) = digest.split_last_chunk::<16>().expect("32 bytes have 16");
        Reference::new(time_ms, u128::from_be_bytes(*last))
    }

    /// The salted commitment to a member's number.
    pub fn commitment(self, member: u32) -> Hash {
        let salt = digest(&format!("tally-replay/salt/1:{}:{member}", self.0));
        let mut hash = Sha256::new();
        hash.update(&salt[..16]);
        hash.update(member.to_string());
        Hash(hash.finalize().into())
    }

    /// Whether a member may exchange at the end of a month: one in eight.
    pub fn is_drawn(self, member: u32, month: Month) -> bool {
        digest(&format!("tally-replay/exchange/1:{}:{member}:{month}", self.0))[0] < 32
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// A member that has appeared.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The file's number.
    pub number: u32,
    /// The first merchant seen.
    pub custodian: MerchantId,
    /// Follows from custodian and commitment.
    pub address: Address,
}

/// Turns rows into operations, interval by interval, and keeps the account that the choices need.
#[derive(Debug)]
pub struct Policy<'a> {
    seed: Seed,
    year: &'a Year,
    /// Holdings and everything else that follows.
    pub account: Account,
    /// In order of appearance.
    pub members: Vec<Member>,
    docket: Docket,
    by_number: HashMap<u32, usize>,
    class_of: HashMap<MerchantId, ClassId>,
    /// The partner whose miles are imported, and the class that they become points of.
    import: (MerchantId, ClassId),
    /// Members that imported, with the first month of the quarter.
    imported: HashSet<(u32, Month)>,
    next_purchase: usize,
    next_coupon: usize,
}

impl<'a> Policy<'a> {
    /// The policy before the first interval.
    ///
    /// # Errors
    /// When the genesis is not one that the document describes.
    pub fn new(seed: Seed, year: &'a Year, genesis: &Genesis) -> anyhow::Result<Self> {
        let mut class_of = HashMap::new();
        for class in &genesis.classes {
            let first = class_of.insert(class.issuer, class.id).is_none();
            ensure!(first, "merchant {} has two classes; the replay needs an alliance made with --demo", class.issuer);
        }
        let without = genesis.merchants.iter().find(|merchant| !class_of.contains_key(&merchant.id));
        ensure!(without.is_none(), "a merchant has no class; the replay needs an alliance made with --demo");
        let import = genesis.partners.first().and_then(|partner| Some((partner.id, partner.imports.first()?.class)));
        Ok(Self {
            seed,
            year,
            account: Account::new(genesis),
            members: Vec::new(),
            docket: Docket::new(seed, genesis),
            import: import.context("nobody imports; the replay needs an alliance made with --demo")?,
            imported: HashSet::new(),
            by_number: HashMap::new(),
            class_of,
            next_purchase: 0,
            next_coupon: 0,
        })
    }

    /// The operations of the next interval.
    ///
    /// # Errors
    /// When a row lies before the interval.
    pub fn plan(&mut self, interval: Interval) -> anyhow::Result<Plan> {
        self.start(interval.month, interval.start_ms, interval.number > 1);
        let purchases = &self.year.purchases[self.next_purchase..];
        let purchases = &purchases[..purchases.partition_point(|purchase| purchase.time_ms < interval.end_ms)];
        self.next_purchase += purchases.len();
        let early = purchases.first().is_some_and(|purchase| purchase.time_ms < interval.start_ms);
        ensure!(!early, "a purchase lies before the year's first interval");

        let dispute = self.docket.acts(&interval, &mut self.account);
        let mut plan =
            Plan { interval, dispute, enrol: vec![], issue: vec![], redeem: vec![], exchange: vec![], import: vec![] };
        for purchase in purchases {
            if !self.by_number.contains_key(&purchase.member) {
                plan.enrol.push(self.enrol(purchase.member, purchase.merchant, purchase.time_ms));
            }
        }
        for purchase in purchases {
            let class = self.class_of[&purchase.merchant];
            let member = self.members[self.by_number[&purchase.member]];
            let body = Issue { class, member: member.address, lines: purchase.lines.clone() };
            self.account.issue(member.number, &body).context("a purchase's points do not fit")?;
            let key = purchase.receipt.to_string();
            let reference = self.seed.reference("issue", purchase.merchant, &key, purchase.time_ms);
            let till = Some(Till { store_id: purchase.store, till_id: TillId(1) });
            let operation = Operation { till, ..Operation::new(reference, Body::Issue(body)) };
            plan.issue.push(Task { merchant: purchase.merchant, operation });
        }
        let coupons = &self.year.coupons[self.next_coupon..];
        let coupons = &coupons[..coupons.partition_point(|coupon| coupon.day_ms < interval.end_ms)];
        self.next_coupon += coupons.len();
        for coupon in coupons {
            plan.redeem.extend(self.redeem(coupon, interval.month));
        }
        if interval.is_last_of_month {
            let members: Vec<Member> = self.members.clone();
            plan.exchange = members.iter().filter_map(|member| self.exchange(member, &interval)).collect();
        }
        for purchase in purchases {
            plan.import.extend(self.import(purchase, &interval)?);
        }
        Ok(plan)
    }

    /// The end of the year.
    pub fn end(&mut self, month: Month, start_ms: u64) {
        self.start(month, start_ms, true);
    }

    /// All disputes so far.
    pub fn disputes(&self) -> Vec<DisputeRow> {
        self.docket.rows()
    }

    /// Phases 1 and 2.
    fn start(&mut self, month: Month, start_ms: u64, is_counted: bool) {
        self.account.set_clock(month, is_counted);
        self.docket.time_out(start_ms, &mut self.account);
        self.account.settle_legs();
    }

    /// Whether every row has had its interval.
    pub fn is_complete(&self) -> bool {
        self.next_purchase == self.year.purchases.len() && self.next_coupon == self.year.coupons.len()
    }

    fn enrol(&mut self, number: u32, custodian: MerchantId, time_ms: u64) -> Task {
        let commitment = self.seed.commitment(number);
        self.by_number.insert(number, self.members.len());
        self.members.push(Member { number, custodian, address: member_address(custodian, &commitment) });
        self.account.count("enrol", custodian);
        let reference = self.seed.reference("enrol", custodian, &number.to_string(), time_ms);
        let body = Body::Enrol(Enrol { holder: HolderKind::Member, commitment });
        Task { merchant: custodian, operation: Operation::new(reference, body) }
    }

    /// All points of the largest foreign holding, if they are worth a fen.
    fn redeem(&mut self, coupon: &CouponUse, month: Month) -> Option<Task> {
        let acceptor = coupon.merchant;
        let member = self.members[*self.by_number.get(&coupon.member)?];
        let foreign = self.account.held(coupon.member).into_iter().filter(|h| self.account.issuer(h.class) != acceptor);
        let largest = foreign.max_by_key(|h| (h.value, std::cmp::Reverse(h.class)))?;
        if largest.value.0 < Obligation::PER_FEN {
            return None;
        }
        let issuer = self.account.issuer(largest.class);
        let value = self.account.redeem(acceptor, coupon.member, largest.class);
        let reference = self.seed.reference("redeem", acceptor, &coupon.row.to_string(), coupon.day_ms);
        self.docket.note(month, Redemption { acceptor, reference, issuer, value });
        let body = Redeem { class: largest.class, member: member.address, points: largest.points };
        Some(Task { merchant: acceptor, operation: Operation::new(reference, Body::Redeem(body)) })
    }

    /// The whole smallest holding into the class of the largest, for who holds several and is drawn.
    fn exchange(&mut self, member: &Member, interval: &Interval) -> Option<Task> {
        if !self.seed.is_drawn(member.number, interval.month) {
            return None;
        }
        let held = self.account.held(member.number);
        let source = *held.iter().min_by_key(|h| (h.value, h.class))?;
        let others = held.iter().filter(|h| h.class != source.class);
        let target = *others.max_by_key(|h| (h.value, std::cmp::Reverse(h.class)))?;
        let min_out = self.account.exchange(member, source.class, target.class)?;
        let key = format!("{}:{}", member.number, interval.month);
        let body = Exchange {
            member: member.address,
            from_class: source.class,
            to_class: target.class,
            points: source.points,
            min_out,
            quote: None,
        };
        let reference = self.seed.reference("exchange", member.custodian, &key, interval.end_ms - 1);
        Some(Task { merchant: member.custodian, operation: Operation::new(reference, Body::Exchange(body)) })
    }

    /// Miles of who bought something, once a quarter.
    fn import(&mut self, purchase: &Purchase, interval: &Interval) -> anyhow::Result<Option<Task>> {
        let number = purchase.member;
        let quarter = Month(interval.month.0 - interval.month.0 % 3);
        if !number.is_multiple_of(IMPORTERS) || !self.imported.insert((number, quarter)) {
            return Ok(None);
        }
        let (partner, class) = self.import;
        let units = IMPORTED_MILES + u64::from(number);
        self.account.import(partner, number, class, units).context("a member's miles do not fit")?;
        let body = ImportPoints {
            external_reference: format!("{number}/{quarter}"),
            class,
            member: self.members[self.by_number[&number]].address,
            units,
        };
        let reference = self.seed.reference("import", partner, &format!("{number}:{quarter}"), interval.end_ms - 1);
        Ok(Some(Task { merchant: partner, operation: Operation::new(reference, Body::Import(body)) }))
    }
}

/// Live points of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Which.
    pub class: ClassId,
    /// How many, more than zero.
    pub points: Points,
    /// What they are worth, exactly.
    pub value: Obligation,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OHIO: Calendar = Calendar { utc_offset_minutes: -300 };

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    #[test]
    fn references_are_the_documents() {
        let seed = Seed(2017);
        let purchase_ms = 1_483_271_606_000;
        let cases = [
            (
                seed.reference("set_clock", MerchantId(0), "1483851600000", 1_483_851_600_000),
                "01597c72-9080-7ae6-ab76-1c876c24a3dd",
            ),
            (
                seed.reference("confirm_leg", MerchantId(3), "2017-01:0", OHIO.start_ms(month("2017-02"))),
                "0159f80b-3080-7ab1-b1aa-75652dd38e7c",
            ),
            (
                seed.reference("report_payment", MerchantId(1), "2017-01:0", OHIO.start_ms(month("2017-02"))),
                "0159f80b-3080-7c1a-a05f-2e6e965a16fd",
            ),
            (
                seed.reference("open_dispute", MerchantId(1), "2017-03", OHIO.start_ms(month("2017-04"))),
                "015b27e2-6480-7daf-b602-abada64a5ff0",
            ),
            (
                seed.reference("import", MerchantId(9), "900:2017-01", 1_483_851_599_999),
                "01597c72-907f-7dfe-9d29-f775c3630186",
            ),
            (seed.reference("enrol", MerchantId(4), "900", purchase_ms), "015959e0-8ef0-7d26-b0d0-79a1d5a09333"),
            (
                seed.reference("issue", MerchantId(4), "31198570044", purchase_ms),
                "015959e0-8ef0-745e-87ce-cccadd2a57a7",
            ),
            (seed.reference("redeem", MerchantId(1), "1", 1_483_246_800_000), "01595866-0c80-7a60-b94c-131e4d2e88c9"),
            (
                seed.reference("exchange", MerchantId(1), "900:2017-12", OHIO.start_ms(month("2018-01")) - 1),
                "0160b017-387f-7aa6-8042-15e9fb69faa6",
            ),
        ];
        for (reference, expected) in cases {
            assert_eq!(reference.to_string(), expected);
            assert!(reference.is_valid());
        }
    }

    #[test]
    fn members_and_draws_are_the_documents() {
        let seed = Seed(2017);
        let commitment = "d5b1c118398d9085480c3f9a7825df75e10776dea18315da1def81c57d6a6142";
        assert_eq!(seed.commitment(900).to_string(), commitment);
        let drawn: Vec<String> = (0..12)
            .map(|n| month("2017-01").plus(n))
            .filter(|m| seed.is_drawn(900, *m))
            .map(|m| m.to_string())
            .collect();
        assert_eq!(drawn, ["2017-01", "2017-06", "2017-07", "2017-09"]);
    }

    #[test]
    fn intervals_are_weeks_cut_at_month_ends() {
        let all = intervals(OHIO, month("2017-01"));
        assert_eq!(all.len(), 63);
        assert_eq!((all[0].start_ms, all[0].end_ms), (1_483_246_800_000, 1_483_851_600_000));
        assert!(all.windows(2).all(|pair| pair[0].end_ms == pair[1].start_ms));
        assert_eq!(all[62].end_ms, 1_514_782_800_000);
        assert_eq!(all.iter().filter(|interval| interval.is_last_of_month).count(), 12);
        assert!(all[62].is_last_of_month);
    }
}
