//! The replay's own account (docs/replay.md, section 4): the holdings that its choices need, and the totals that follow.
//!
//! What a dry run reports comes from here; what a replay reports never does.

use std::collections::{BTreeMap, HashMap};

use tally_contracts::exchange::{ImportRatio, convert, split_lots};
use tally_contracts::genesis::Genesis;
use tally_contracts::points::{Issue, Lot, PointClass};
use tally_contracts::settlement::{Gross, NetPosition, Payment, payments};
use tally_contracts::types::{ClassId, MerchantId, Month, Obligation, Points, Rate};

use super::policy::{Holding, Member, bank_reference};
use super::pool::Pool;
use super::report::{
    ClassPoints, CycleReport, DisputeRow, GrossRow, Holdings, LegRow, MerchantReport, Operations, PairRow,
    PartnerReport, Report, Totals, gross_rows,
};

/// Everything that follows from the operations so far.
#[derive(Debug)]
pub struct Account {
    classes: BTreeMap<ClassId, Class>,
    merchants: Vec<(MerchantId, String)>,
    partners: Vec<(MerchantId, String)>,
    ratios: BTreeMap<(MerchantId, ClassId), ImportRatio>,
    spread: Rate,
    month: Month,
    lots: HashMap<(u32, ClassId), Vec<Lot>>,
    operations: BTreeMap<(&'static str, MerchantId), u64>,
    /// Points of others redeemed at a merchant, and what they are worth.
    honoured: BTreeMap<(MerchantId, ClassId), (u64, i128)>,
    /// Points that came of a partner's own, and what they are worth.
    imported: BTreeMap<(MerchantId, ClassId), (u64, i128)>,
    gross: BTreeMap<(MerchantId, MerchantId), Gross>,
    pool: Pool,
    carries: BTreeMap<(MerchantId, MerchantId), i128>,
    cycles: Vec<CycleReport>,
    net_fen: BTreeMap<(MerchantId, Month), i64>,
    /// Payer and payee.
    open_legs: Vec<(MerchantId, MerchantId)>,
}

#[derive(Debug)]
struct Class {
    of: PointClass,
    totals: Totals,
}

impl Account {
    /// Before the first operation.
    pub fn new(genesis: &Genesis) -> Self {
        let class = |class: &tally_contracts::genesis::GenesisClass| {
            let of = PointClass::new(class.issuer, class.terms.clone());
            (class.id, Class { of, totals: Totals::default() })
        };
        let ratios = genesis.partners.iter().flat_map(|partner| {
            let of = |import: &tally_contracts::genesis::Import| ((partner.id, import.class), import.ratio);
            partner.imports.iter().map(of)
        });
        Self {
            classes: genesis.classes.iter().map(class).collect(),
            merchants: genesis.merchants.iter().map(|merchant| (merchant.id, merchant.name.clone())).collect(),
            partners: genesis.partners.iter().map(|partner| (partner.id, partner.name.clone())).collect(),
            ratios: ratios.collect(),
            spread: genesis.parameters.exchange.spread,
            month: genesis.calendar().month(genesis.time_ms),
            lots: HashMap::new(),
            operations: BTreeMap::new(),
            honoured: BTreeMap::new(),
            imported: BTreeMap::new(),
            gross: BTreeMap::new(),
            pool: Pool::new(genesis),
            carries: BTreeMap::new(),
            cycles: Vec::new(),
            net_fen: BTreeMap::new(),
            open_legs: Vec::new(),
        }
    }

    /// The issuer of a class.
    pub fn issuer(&self, class: ClassId) -> MerchantId {
        self.classes[&class].of.issuer
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.operations.values().sum()
    }

    /// Live holdings of a member, by class.
    pub fn held(&self, member: u32) -> Vec<Holding> {
        let holding = |(class, of): (ClassId, &PointClass)| {
            let lots = self.lots.get(&(member, class))?;
            let points = Points(lots.iter().map(|lot| lot.points.0).sum());
            (points > Points(0)).then(|| Holding { class, points, value: of.terms.value(points) })
        };
        self.classes.iter().map(|(id, class)| (*id, &class.of)).filter_map(holding).collect()
    }

    /// Counts an operation.
    pub fn count(&mut self, kind: &'static str, merchant: MerchantId) {
        *self.operations.entry((kind, merchant)).or_default() += 1;
    }

    /// Moves on to a month: closes the cycle before, what ended with it lapses, and the pool is shared out.
    pub fn set_clock(&mut self, month: Month, counted: bool) {
        if counted {
            self.count("set_clock", MerchantId::POOL);
        }
        let ended = self.month.0..month.0.max(self.month.0);
        while self.month < month {
            self.close();
            self.month = self.month.plus(1);
            for ((_, class), lots) in &mut self.lots {
                let totals = &mut self.classes.get_mut(class).expect("a holding is of a class").totals;
                lots.retain(|lot| {
                    let lives = lot.expires >= self.month;
                    totals.lapsed += if lives { 0 } else { lot.points.0 };
                    lives
                });
            }
        }
        for Payment { payer, payee, amount_fen } in ended.flat_map(|month| self.pool.share_out(Month(month))) {
            self.gross.entry((payer, payee)).or_default().distribution.0 += Obligation::from_fen(amount_fen).0;
        }
    }

    /// Reports the payment of all open legs, and confirms them.
    pub fn settle_legs(&mut self) {
        for (payer, payee) in std::mem::take(&mut self.open_legs) {
            self.count("report_payment", payer);
            self.count("confirm_leg", payee);
        }
        for cycle in &mut self.cycles {
            for (number, leg) in (0..).zip(&mut cycle.legs) {
                (leg.reported, leg.confirmed) = (Some(bank_reference(cycle.cycle, number)), true);
            }
        }
    }

    /// Issues for a purchase; `None` past what fits.
    pub fn issue(&mut self, member: u32, issue: &Issue) -> Option<()> {
        let class = self.classes.get_mut(&issue.class)?;
        let issuer = class.of.issuer;
        let points = class.of.terms.earned(issue.amount()?)?;
        class.totals.issued += points.0;
        let lot = Lot { expires: class.of.terms.expires(self.month), points };
        self.pool.levy(issuer, class.of.terms.value(points));
        self.count("issue", issuer);
        if points > Points(0) {
            merge(self.lots.entry((member, issue.class)).or_default(), lot);
        }
        Some(())
    }

    /// Redeems a whole holding at a merchant that is not its issuer; gives what the issuer owes for it.
    pub fn redeem(&mut self, acceptor: MerchantId, member: u32, class_id: ClassId) -> Obligation {
        let points = self.take(member, class_id).iter().map(|lot| lot.points.0).sum();
        let class = self.classes.get_mut(&class_id).expect("a holding is of a class");
        class.totals.redeemed_elsewhere += points;
        let value = class.of.terms.value(Points(points));
        let honoured = self.honoured.entry((acceptor, class_id)).or_default();
        *honoured = (honoured.0 + points, honoured.1 + value.0);
        self.gross.entry((class.of.issuer, acceptor)).or_default().redemption.0 += value.0;
        self.pool.honour(self.month, acceptor, value);
        self.count("redeem", acceptor);
        value
    }

    /// Makes a partner's units points of a class; `None` past what fits, or where the partner has no ratio for it.
    pub fn import(&mut self, partner: MerchantId, member: u32, class_id: ClassId, units: u64) -> Option<()> {
        let ratio = self.ratios.get(&(partner, class_id))?;
        let class = self.classes.get_mut(&class_id)?;
        let scaled = u128::from(units) * u128::from(ratio.points) * u128::from(class.of.terms.scale());
        let points = Points(u64::try_from(scaled / u128::from(ratio.units)).ok()?);
        class.totals.imported += points.0;
        let value = class.of.terms.value(points);
        let lot = Lot { expires: class.of.terms.expires(self.month), points };
        let imported = self.imported.entry((partner, class_id)).or_default();
        *imported = (imported.0 + points.0, imported.1 + value.0);
        self.gross.entry((partner, class.of.issuer)).or_default().import.0 += value.0;
        merge(self.lots.entry((member, class_id)).or_default(), lot);
        self.count("import", partner);
        Some(())
    }

    /// Books what a dispute came to.
    pub fn adjust(&mut self, debtor: MerchantId, creditor: MerchantId, amount: Obligation) {
        self.gross.entry((debtor, creditor)).or_default().adjustment.0 += amount.0;
    }

    /// Exchanges a whole holding; gives the points received, or `None` (and does nothing) where that is none.
    pub fn exchange(&mut self, member: &Member, from: ClassId, to: ClassId) -> Option<Points> {
        let (source, target) = (&self.classes[&from], &self.classes[&to]);
        let points: u64 = self.lots[&(member.number, from)].iter().map(|lot| lot.points.0).sum();
        let conversion = convert(Points(points), &source.of, &target.of, self.spread)?;
        let out = conversion.points_out;
        if out == Points(0) {
            return None;
        }
        self.gross.entry((source.of.issuer, target.of.issuer)).or_default().exchange.0 += conversion.obligation.0;
        let given = self.take(member.number, from);
        let received = self.lots.entry((member.number, to)).or_default();
        for lot in split_lots(&given, out) {
            merge(received, lot);
        }
        let source = self.classes.get_mut(&from).expect("a holding is of a class");
        source.totals.exchanged_out += points;
        self.pool.owe(source.of.issuer, conversion.pool_obligation.0);
        self.classes.get_mut(&to).expect("a holding is of a class").totals.exchanged_in += out.0;
        self.count("exchange", member.custodian);
        Some(out)
    }

    fn take(&mut self, member: u32, class: ClassId) -> Vec<Lot> {
        self.lots.remove(&(member, class)).expect("what is spent is held")
    }

    fn close(&mut self) {
        let cycle = self.month;
        let gross: Vec<GrossRow> = gross_rows(&self.gross);
        let owed = |a, b| self.gross.get(&(a, b)).map_or(0, |gross| gross.total().0);
        let participants = self.merchants.iter().chain(&self.partners);
        let mut positions: BTreeMap<MerchantId, i64> = participants.map(|(id, _)| (*id, 0)).collect();
        let mut pairs = Vec::new();
        let ids: Vec<MerchantId> = positions.keys().copied().collect();
        for (i, &low) in ids.iter().enumerate() {
            for &high in &ids[i + 1..] {
                let opening = self.carries.get(&(low, high)).copied().unwrap_or(0);
                let (due, back) = (owed(low, high), owed(high, low));
                if opening == 0 && due == 0 && back == 0 {
                    continue;
                }
                let (net_fen, closing) = Obligation(opening + due - back).split_fen();
                let net_fen = i64::try_from(net_fen).expect("a demo's nets are small");
                *positions.entry(low).or_default() -= net_fen;
                *positions.entry(high).or_default() += net_fen;
                self.carries.insert((low, high), closing.0);
                pairs.push(PairRow { low, high, net_fen: net_fen.to_string(), closing });
            }
        }
        let net = |(merchant, net_fen): (&MerchantId, &i64)| NetPosition { merchant: *merchant, net_fen: *net_fen };
        let nets: Vec<NetPosition> = positions.iter().map(net).collect();
        let mut legs = Vec::new();
        for leg in payments(&nets) {
            let Payment { payer, payee, amount_fen } = leg;
            self.open_legs.push((payer, payee));
            legs.push(LegRow { payer, payee, amount_fen, reported: None, confirmed: false });
        }
        self.net_fen.extend(positions.into_iter().map(|(merchant, net_fen)| ((merchant, cycle), net_fen)));
        self.cycles.push(CycleReport { cycle, gross, pairs, legs });
        self.gross.clear();
    }

    /// The report of a dry run.
    pub fn report(&self, head: &ReportHead, disputes: Vec<DisputeRow>) -> Report {
        let partners = self.partners.iter().map(|(id, name)| self.partner_report(*id, name)).collect();
        let merchants = self.merchants.iter().map(|(id, name)| self.merchant_report(*id, name)).collect();
        let lots = self.lots.iter().flat_map(|((member, class), lots)| lots.iter().map(|lot| (*member, *class, *lot)));
        Report {
            format: Report::FORMAT.into(),
            seed: head.seed,
            intervals: head.intervals,
            ended: head.ended,
            operations: Operations::of(&self.operations, None),
            merchants,
            partners,
            cycles: self.cycles.clone(),
            open_gross: gross_rows(&self.gross),
            disputes,
            holdings: Holdings::of(lots.collect()),
        }
    }

    fn merchant_report(&self, merchant: MerchantId, name: &str) -> MerchantReport {
        let own = self.classes.iter().find(|(_, class)| class.of.issuer == merchant);
        let (class_id, class) = own.expect("each merchant of the demo has a class");
        let outstanding = self.lots.iter().filter(|((_, class), _)| class == class_id).flat_map(|(_, lots)| lots);
        MerchantReport {
            merchant,
            name: name.to_owned(),
            class: *class_id,
            operations: Operations::of(&self.operations, Some(merchant)),
            totals: class.totals,
            outstanding: outstanding.map(|lot| lot.points.0).sum(),
            honoured: class_points(&self.honoured, merchant),
            pool_claim: self.pool.claim(merchant),
            net_fen: self.nets(merchant),
        }
    }

    fn partner_report(&self, partner: MerchantId, name: &str) -> PartnerReport {
        PartnerReport {
            partner,
            name: name.to_owned(),
            operations: Operations::of(&self.operations, Some(partner)),
            imported: class_points(&self.imported, partner),
            net_fen: self.nets(partner),
        }
    }

    fn nets(&self, participant: MerchantId) -> BTreeMap<Month, i64> {
        let nets = self.net_fen.range((participant, Month(0))..=(participant, Month(u16::MAX)));
        nets.map(|((_, cycle), net_fen)| (*cycle, *net_fen)).collect()
    }
}

fn class_points(of: &BTreeMap<(MerchantId, ClassId), (u64, i128)>, participant: MerchantId) -> Vec<ClassPoints> {
    let own = of.range((participant, ClassId(0))..=(participant, ClassId(u32::MAX)));
    own.map(|((_, class), (points, value))| ClassPoints::new(*class, Points(*points), Obligation(*value))).collect()
}

/// What a report says of the run itself.
#[derive(Clone, Copy, Debug)]
pub struct ReportHead {
    /// The replay's seed.
    pub seed: u64,
    /// How many intervals ran.
    pub intervals: u32,
    /// Whether the end ran.
    pub ended: bool,
}

/// Adds a lot to those of a holding, which stand by rising expiry, one a month.
fn merge(lots: &mut Vec<Lot>, lot: Lot) {
    match lots.binary_search_by_key(&lot.expires, |lot| lot.expires) {
        Ok(i) => lots[i].points.0 += lot.points.0,
        Err(i) => lots.insert(i, lot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::keyless_genesis;
    use tally_contracts::points::IssueLine;
    use tally_contracts::types::{Address, Category, Fen};

    fn account() -> Account {
        Account::new(&keyless_genesis())
    }

    fn buy(account: &mut Account, class: u32, amount_fen: u64) {
        let lines = vec![IssueLine { category: Category(1), amount_fen: Fen(amount_fen) }];
        account.issue(7, &Issue { class: ClassId(class), member: Address::default(), lines }).unwrap();
    }

    fn member() -> Member {
        Member { number: 7, custodian: MerchantId(1), address: Address::default() }
    }

    #[test]
    fn the_median_purchases_earn_what_the_document_says() {
        for (class, amount_fen, points) in [(1, 1407, 14), (2, 2405, 12), (3, 538, 4), (4, 459, 1)] {
            let mut account = account();
            buy(&mut account, class, amount_fen);
            assert_eq!(account.held(7)[0].points, Points(points), "class {class}");
        }
    }

    #[test]
    fn fuel_points_of_january_lapse_when_april_ends() {
        let mut account = account();
        buy(&mut account, 2, 2405);
        account.set_clock("2017-04".parse().unwrap(), true);
        assert_eq!(account.held(7).len(), 1);
        account.set_clock("2017-05".parse().unwrap(), true);
        assert_eq!(account.held(7).len(), 0);
        assert_eq!(account.classes[&ClassId(2)].totals.lapsed, 12);
    }

    #[test]
    fn an_exchange_keeps_expiry_and_pays_the_pool_the_rest() {
        let mut account = account();
        buy(&mut account, 2, 2400);
        account.set_clock("2017-02".parse().unwrap(), true);
        buy(&mut account, 2, 1400);
        // 19 points x 0.02 x 0.98 / 0.03 = 12.41: 12 points, 12 x 12 / 19 = 7.58 and 12 x 7 / 19 = 4.42 by lot.
        assert_eq!(account.exchange(&member(), ClassId(2), ClassId(4)), Some(Points(12)));
        let months: Vec<(String, u64)> =
            account.lots[&(7, ClassId(4))].iter().map(|lot| (lot.expires.to_string(), lot.points.0)).collect();
        assert_eq!(months, [("2017-04".to_owned(), 8), ("2017-05".to_owned(), 4)]);
        // The levy on 12 and 7 points is less than a fen, so that of January was not shared out when it ended.
        let levy = 19 * 2_000_000 / 100;
        assert_eq!(account.pool.claim(MerchantId(2)), Obligation(19 * 2_000_000 - 12 * 3_000_000 + levy));
    }

    #[test]
    fn miles_become_whole_points_that_the_partner_owes_for() {
        let mut account = account();
        account.import(MerchantId(9), 7, ClassId(1), 2_907).unwrap();
        assert_eq!(account.held(7)[0].points, Points(290));
        assert_eq!(account.import(MerchantId(9), 7, ClassId(2), 2_907), None, "there is no ratio for fuel points");
        account.set_clock("2017-02".parse().unwrap(), true);
        let cycle = &account.cycles[0];
        assert_eq!((cycle.gross[0].debtor, cycle.gross[0].import), (MerchantId(9), Obligation(290_000_000)));
        assert_eq!((cycle.legs[0].payer, cycle.legs[0].amount_fen), (MerchantId(9), Fen(290)));
    }

    #[test]
    fn a_close_carries_what_lies_below_a_fen() {
        let mut account = account();
        buy(&mut account, 3, 125);
        assert_eq!(account.held(7)[0].value, Obligation(1_500_000));
        account.redeem(MerchantId(1), 7, ClassId(3));
        account.set_clock("2017-02".parse().unwrap(), true);
        let cycle = &account.cycles[0];
        // Merchant 1 is the low one of the pair and is owed, so the net is negative.
        assert_eq!((cycle.pairs[0].net_fen.as_str(), cycle.pairs[0].closing), ("-1", Obligation(-500_000)));
        assert_eq!(
            (cycle.legs[0].payer, cycle.legs[0].payee, cycle.legs[0].amount_fen),
            (MerchantId(3), MerchantId(1), Fen(1))
        );
    }
}
