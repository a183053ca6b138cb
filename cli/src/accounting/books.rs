//! One merchant's books: fed with the chain block by block, they hold what is booked, and compare themselves with the
//! ledger after each block.
//!
//! The rules are in `rules/`, one file a kind of act. What the books rest on beside the operations' receipts is which lots
//! were moved ([`Moves`]), and, at a close, the nets and legs of the ledger, against which they hold their own.
//!
//! A kind of act that a later version of the contracts adds takes a file in `rules/` and a line in `operation` or `due` here.
//! Until then nothing wrong is written: where it moves points, the pool's claims or what merchants owe one another, the books
//! differ from the ledger's and refuse to go on.
//!
//! Memory grows with the sales that were paid with the merchant's points, as state does with movements.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use tally_contracts::due::DueRecord;
use tally_contracts::encoding;
use tally_contracts::genesis::Genesis;
use tally_contracts::membership::Admission;
use tally_contracts::points::{ClassTerms, Lot, PointClass};
use tally_contracts::receipt::{Applied, Outcome};
use tally_contracts::settlement::Leg;
use tally_contracts::state::{Key as _, WriteSet, tag};
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::{Calendar, ClassId, Day, Height, MerchantId, Month, Obligation, Points, Rate, Reference};
use tally_ledger::verify::Executed;

use super::account::Account;
use super::amount::Cny;
use super::entries::{Entries, EntryId, Kind, Subject};
use super::estimate::Estimates;
use super::liability::{Liability, Row};
use super::moves::{Moves, rows};
use super::open_cycle::OpenCycle;
use super::pool::PoolMonth;
use super::rules::SoldLot;
use super::supplies::{Supplied, SuppliesByMonth, Supply};

/// When something is booked.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The local month.
    pub month: Month,
    /// The local day in it.
    pub day: Day,
    /// The block's time in ms since 1970.
    pub time_ms: u64,
}

/// Who submitted an operation, under which reference, and where it stands in its block.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// When.
    pub at: At,
    /// Who.
    pub merchant: MerchantId,
    /// The operation's name.
    pub reference: Reference,
    /// Its position in the block.
    pub index: u32,
}

/// A class as the chain has it at this point.
#[derive(Clone, Debug)]
pub struct Class {
    /// A name for people; empty where the ledger knows none.
    pub name: String,
    /// Who issues it.
    pub issuer: MerchantId,
    /// The month in which it was opened; that of the alliance's beginning for those of the genesis.
    pub since: Month,
    /// The month in which it was closed: its issuer was wound up.
    pub closed: Option<Month>,
    /// What its points are, with the anchor of this time.
    pub terms: ClassTerms,
}

/// The books of a merchant or partner.
#[derive(Clone, Debug)]
pub struct Books {
    /// Whose.
    pub merchant: MerchantId,
    /// A name for people; none until the merchant is admitted.
    pub name: Option<String>,
    /// Breakage, where it is given; else it goes by the terms of each class.
    estimates: Estimates,
    /// The alliance's days.
    pub calendar: Calendar,
    /// Every class of the alliance.
    pub classes: BTreeMap<ClassId, Class>,
    /// Points that others may still spend.
    pub liability: Liability,
    /// The journal.
    pub entries: Entries,
    /// What was supplied for points.
    pub supplies: SuppliesByMonth,
    /// What the pool's distributions came to, by the month that they were for.
    pub distributions: BTreeMap<Month, PoolMonth>,
    /// When the alliance began, or the merchant was admitted, in ms since 1970.
    pub start_ms: u64,
    /// The time of the last block that was read, in ms since 1970.
    pub last_ms: u64,
    /// The last block of each month that has one.
    pub heights: BTreeMap<Month, Height>,
    /// Open holds of our points: class and lots.
    pub(super) holds: BTreeMap<(MerchantId, Reference), (ClassId, Vec<Lot>)>,
    /// Sales paid with our points: what stays spent.
    pub(super) sales: BTreeMap<(MerchantId, Reference), Vec<SoldLot>>,
    /// Legs that we pay or are paid.
    pub(super) legs: BTreeMap<(Month, u16), Leg>,
    /// What came to be owed since the last close, by kind.
    pub(super) open_cycle: OpenCycle,
    cycle_months: u16,
}

impl Books {
    /// Books before the first block.
    pub fn open(genesis: &Genesis, merchant: MerchantId, estimates: Estimates) -> Self {
        let calendar = genesis.calendar();
        let classes = genesis.classes.iter().map(|class| {
            let (name, issuer, terms) = (class.name.clone(), class.issuer, class.terms.clone());
            (class.id, Class { name, issuer, since: calendar.month(genesis.time_ms), closed: None, terms })
        });
        Self {
            merchant,
            name: founder(genesis, merchant).map(str::to_owned),
            estimates,
            calendar,
            classes: classes.collect(),
            liability: Liability::default(),
            entries: Entries::default(),
            supplies: SuppliesByMonth::default(),
            distributions: BTreeMap::new(),
            start_ms: genesis.time_ms,
            last_ms: genesis.time_ms,
            heights: BTreeMap::new(),
            holds: BTreeMap::new(),
            sales: BTreeMap::new(),
            legs: BTreeMap::new(),
            open_cycle: OpenCycle::default(),
            cycle_months: genesis.parameters.settlement.cycle_months,
        }
    }

    /// The part of what is issued in a month that is expected never to be spent; the terms are those of this point of the chain.
    pub fn breakage(&self, class: ClassId, month: Month) -> Rate {
        let of_terms = || self.classes.get(&class).map_or(Rate::ZERO, |class| class.terms.breakage);
        self.estimates.at(class, month).unwrap_or_else(of_terms)
    }

    /// Takes up the next block.
    ///
    /// # Errors
    /// The books do not come out as the ledger does; the message names the class or the merchant.
    pub fn take_up(&mut self, block: &Executed<'_>) -> anyhow::Result<()> {
        self.read(block).with_context(|| format!("merchant {}, block {}", self.merchant, block.height))
    }

    fn read(&mut self, block: &Executed<'_>) -> anyhow::Result<()> {
        let time_ms = block.time_ms;
        let at = At { month: self.calendar.month(time_ms), day: self.calendar.day(time_ms), time_ms };
        self.heights.insert(at.month, block.height);
        self.last_ms = time_ms;
        self.join(at, block.writes);
        self.update_classes(at, block.writes);
        let mut moves = Moves::of(block, |class| self.is_ours(class));
        for record in block.due {
            self.due(at, record, block.writes, &mut moves)?;
        }
        let mut index = 0;
        for (transaction, receipts) in block.transactions.iter().zip(block.receipts) {
            let transaction = transaction.transaction();
            for (operation, receipt) in transaction.operations.iter().zip(receipts) {
                let (merchant, reference) = (transaction.merchant, operation.reference);
                if let Outcome::Applied(applied) = &receipt.outcome {
                    self.operation(&Act { at, merchant, reference, index }, operation, applied, &moves)?;
                }
                index += 1;
            }
        }
        self.tie(block.writes)
    }

    /// The books of a merchant that is admitted begin then.
    fn join(&mut self, at: At, writes: &WriteSet) {
        for (mut key, value) in rows(writes, tag::admissions) {
            if MerchantId::take(&mut key) == self.merchant {
                let admission: Admission = encoding::decode_own(value.expect("an admission stays on record"));
                (self.name, self.start_ms) = (Some(admission.name), at.time_ms);
            }
        }
    }

    /// Takes up classes that are new or changed. The terms of one that is there change in due work only, ahead of the
    /// operations: those that the block leaves are the ones that its operations went by.
    fn update_classes(&mut self, at: At, writes: &WriteSet) {
        for (mut key, value) in rows(writes, tag::classes) {
            let id = ClassId::take(&mut key);
            let class: PointClass = encoding::decode_own(value.expect("classes are never deleted"));
            let (issuer, terms) = (class.issuer, class.terms);
            let new = Class { name: String::new(), issuer, since: at.month, closed: None, terms: terms.clone() };
            let known = self.classes.entry(id).or_insert(new);
            known.terms = terms;
            known.closed = known.closed.or_else(|| class.end.map(|_| at.month));
        }
    }

    fn due(&mut self, at: At, record: &DueRecord, writes: &WriteSet, moves: &mut Moves) -> anyhow::Result<()> {
        match record {
            DueRecord::TimedOut(hold) => self.released((hold.merchant, hold.hold), at, Points(0)).map(|_| ()),
            DueRecord::Closed(closed) => {
                let last = Month(closed.cycle.0 + self.cycle_months - 1);
                self.closed(self.end_of(last), closed.cycle, writes)
            }
            DueRecord::Lapsed(lapsed) => {
                let lot = Lot { expires: lapsed.month, points: lapsed.points };
                self.expired(self.end_of(lapsed.month), lapsed.class, &[lot])
            }
            DueRecord::DisputeTimedOut(ended) => {
                self.adjusted(at, (ended.debtor, ended.creditor), ended.adjustment.into());
                Ok(())
            }
            DueRecord::Distributed(done) => self.distributed(self.end_of(done.month), done, writes),
            DueRecord::BoughtOut(bought) => self.bought_out(at, bought, moves),
            DueRecord::Swept { .. }
            | DueRecord::AnchorChanged(_)
            | DueRecord::LegEscalated(_)
            | DueRecord::WoundUp(_)
            | DueRecord::ChangeActivated(_) => Ok(()),
        }
    }

    fn operation(&mut self, act: &Act, operation: &Operation, applied: &Applied, moves: &Moves) -> anyhow::Result<()> {
        let at = act.at;
        match (&operation.body, applied) {
            (Body::Issue(o), Applied::Issued { points, repaid, expires, pool_obligation, .. }) => {
                self.levied(at, o.class, (*pool_obligation).into());
                self.issued(at, o, (*points, *repaid), *expires)
            }
            (Body::Redeem(o), Applied::Redeemed { cash_off_fen, obligation, .. }) => {
                self.redeemed(act, o, (*cash_off_fen, *obligation), moves)
            }
            (Body::Hold(o), Applied::Held { .. }) => {
                self.held(act, o, moves);
                Ok(())
            }
            (Body::Capture(o), Applied::Captured { class, cash_off_fen, obligation, .. }) => {
                self.captured(act, o, (*class, *cash_off_fen, *obligation))
            }
            (Body::Void(o), Applied::Voided { .. }) => self.released((act.merchant, o.hold), at, Points(0)).map(|_| ()),
            (Body::ReverseRedeem(o), Applied::RedemptionReversed { class, cash_off_fen, obligation, .. }) => {
                self.redemption_reversed(act, o, (*class, *cash_off_fen, *obligation))
            }
            (Body::ReverseIssue(_), Applied::IssueReversed { class, pool_obligation, .. }) => {
                self.levied(at, *class, (*pool_obligation).into());
                self.issue_reversed(act, *class, moves)
            }
            (Body::Exchange(o), Applied::Exchanged { obligation, pool_obligation, .. }) => {
                self.exchanged(act, (o.from_class, o.to_class), (*obligation, *pool_obligation), moves)
            }
            (Body::Split(o), Applied::Split { pool_obligation, .. }) => {
                self.exchanged(act, (o.from_class, o.to_class), (Obligation(0), *pool_obligation), moves)
            }
            (Body::Import(o), Applied::Imported { points, expires, obligation, .. }) => {
                self.imported(act, o.class, (*points, *expires), *obligation)
            }
            (Body::ConfirmLeg(o), Applied::LegConfirmed) => {
                self.paid(at, (o.cycle, o.leg), Account::Bank);
                Ok(())
            }
            (Body::DrawCollateral(o), Applied::CollateralDrawn) => {
                self.paid(at, (o.cycle, o.leg), Account::Collateral);
                Ok(())
            }
            (_, Applied::DisputeAdjusted { debtor, creditor, adjustment }) => {
                self.adjusted(at, (*debtor, *creditor), (*adjustment).into());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Compares what a block changed of our classes, of what was owed and of the pool's claims with what it changed on the
    /// ledger.
    fn tie(&self, writes: &WriteSet) -> anyhow::Result<()> {
        for (mut key, value) in rows(writes, tag::class_totals) {
            let class = ClassId::take(&mut key);
            if let Some(totals) = value.filter(|_| self.is_ours(class)) {
                self.liability.tie(class, &encoding::decode_own(totals))?;
            }
        }
        for (mut key, value) in rows(writes, tag::outstanding) {
            let (expires, class) = <(Month, ClassId)>::take(&mut key);
            if self.is_ours(class) {
                let live = value.map_or(Points(0), encoding::decode_own);
                self.liability.tie_month(class, expires, live.0)?;
            }
        }
        for (mut key, value) in rows(writes, tag::pool_claims) {
            if MerchantId::take(&mut key) == self.merchant {
                let (ours, theirs) =
                    (-self.entries.balance(Account::Pool), value.map_or(Obligation(0), encoding::decode_own));
                ensure!(ours.0 == theirs.0, "the pool is owed {}, on the ledger {theirs}", ours.0);
            }
        }
        self.open_cycle.tie(self.merchant, writes)
    }

    /// The month in which the alliance began, or the merchant was admitted.
    pub fn first_month(&self) -> Month {
        self.calendar.month(self.start_ms)
    }

    /// Who issues a class.
    pub fn issuer(&self, class: ClassId) -> Option<MerchantId> {
        self.classes.get(&class).map(|class| class.issuer)
    }

    /// Whether we issue a class.
    pub fn is_ours(&self, class: ClassId) -> bool {
        self.issuer(class) == Some(self.merchant)
    }

    /// The last day of a month: where its end is booked.
    fn end_of(&self, month: Month) -> At {
        let time_ms = self.calendar.start_ms(month.plus(1)) - 1;
        At { month, day: self.calendar.day(time_ms), time_ms }
    }

    /// Books an act.
    pub(super) fn post(&mut self, at: At, kind: Kind, subject: Subject, postings: &[(Account, Cny)]) {
        self.entries.post(EntryId { month: at.month, day: at.day, kind, subject }, postings);
        postings.iter().for_each(|posting| self.open_cycle.note(self.merchant, kind, posting));
    }

    /// Takes lots out of their pools; gives their carrying amount.
    pub(super) fn take(&mut self, at: At, row: Row, class: ClassId, lots: &[Lot]) -> anyhow::Result<Cny> {
        let mut amount = Cny::ZERO;
        for lot in lots {
            amount += self.liability.take((at.month, class, lot.expires), row, lot.points.0)?;
        }
        Ok(amount)
    }

    /// Puts lots into their pools, with an amount that is theirs by their points.
    pub(super) fn add(&mut self, at: At, row: Row, class: ClassId, (lots, amount): (&[Lot], Cny)) {
        let (mut points_left, mut left) = (lots.iter().map(|lot| lot.points.0).sum::<u64>(), amount);
        for lot in lots {
            let part = left.share(lot.points.0, points_left);
            self.liability.add((at.month, class, lot.expires), row, lot.points.0, part);
            points_left -= lot.points.0;
            left -= part;
        }
    }

    /// Notes a supply, or where `sign` is -1 that it was undone.
    pub(super) fn supply(&mut self, at: At, key: (Supply, ClassId, MerchantId), sign: i128, supplied: &Supplied) {
        let Supplied { points, cash_off_fen, amount } = *supplied;
        let signed =
            Supplied { points: sign * points, cash_off_fen: sign * cash_off_fen, amount: Cny(sign * amount.0) };
        self.supplies.add(at.month, key, &signed);
    }
}

/// The name of a participant that founded the alliance.
fn founder(genesis: &Genesis, id: MerchantId) -> Option<&str> {
    let merchants = genesis.merchants.iter().map(|merchant| (merchant.id, merchant.name.as_str()));
    let mut all = merchants.chain(genesis.partners.iter().map(|partner| (partner.id, partner.name.as_str())));
    all.find(|(of, _)| *of == id).map(|(_, name)| name)
}
