//! The replay's own account (docs/replay.md, section 4): the holdings that its choices need, and the totals that follow.
//!
//! What a dry run reports comes from here; what a replay reports never does.

use std::collections::{BTreeMap, HashMap};

use tally_contracts::exchange::{convert, split_lots};
use tally_contracts::genesis::Genesis;
use tally_contracts::points::{ClassTerms, Issue, Lot};
use tally_contracts::settlement::{Gross, NetPosition, payments};
use tally_contracts::types::{ClassId, MerchantId, Month, Obligation, Points, Rate};

use super::policy::{Holding, Member};
use super::report::{
    ClassPoints, CycleReport, GrossRow, Holdings, LegRow, MerchantReport, Operations, PairRow, Report, Totals,
    gross_rows,
};

/// Everything that follows from the operations so far.
#[derive(Debug)]
pub struct Account {
    classes: BTreeMap<ClassId, Class>,
    merchants: Vec<(MerchantId, String)>,
    spread: Rate,
    month: Month,
    lots: HashMap<(u32, ClassId), Vec<Lot>>,
    operations: BTreeMap<(&'static str, MerchantId), u64>,
    honoured: BTreeMap<(MerchantId, ClassId), (u64, i128)>,
    gross: BTreeMap<(MerchantId, MerchantId), Gross>,
    carries: BTreeMap<(MerchantId, MerchantId), i128>,
    cycles: Vec<CycleReport>,
    net_fen: BTreeMap<(MerchantId, Month), i64>,
    open_legs: Vec<MerchantId>,
}

#[derive(Debug)]
struct Class {
    issuer: MerchantId,
    terms: ClassTerms,
    totals: Totals,
    pool_claim: Obligation,
}

impl Account {
    /// Before the first operation.
    pub fn new(genesis: &Genesis) -> Self {
        let class = |class: &tally_contracts::genesis::GenesisClass| {
            let terms = class.terms.clone();
            (class.id, Class { issuer: class.issuer, terms, totals: Totals::default(), pool_claim: Obligation(0) })
        };
        Self {
            classes: genesis.classes.iter().map(class).collect(),
            merchants: genesis.merchants.iter().map(|merchant| (merchant.id, merchant.name.clone())).collect(),
            spread: genesis.parameters.exchange_spread,
            month: genesis.calendar().month(genesis.time_ms),
            lots: HashMap::new(),
            operations: BTreeMap::new(),
            honoured: BTreeMap::new(),
            gross: BTreeMap::new(),
            carries: BTreeMap::new(),
            cycles: Vec::new(),
            net_fen: BTreeMap::new(),
            open_legs: Vec::new(),
        }
    }

    /// The issuer of a class.
    pub fn issuer(&self, class: ClassId) -> MerchantId {
        self.classes[&class].issuer
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.operations.values().sum()
    }

    /// Live holdings of a member, by class.
    pub fn held(&self, member: u32) -> Vec<Holding> {
        let holding = |(class, terms): (ClassId, &ClassTerms)| {
            let lots = self.lots.get(&(member, class))?;
            let points = Points(lots.iter().map(|lot| lot.points.0).sum());
            (points > Points(0)).then(|| Holding { class, points, value: terms.value(points) })
        };
        self.classes.iter().map(|(id, class)| (*id, &class.terms)).filter_map(holding).collect()
    }

    /// Counts an operation.
    pub fn count(&mut self, kind: &'static str, merchant: MerchantId) {
        *self.operations.entry((kind, merchant)).or_default() += 1;
    }

    /// Moves on to a month: closes the cycle before, and what ended with it lapses.
    pub fn set_clock(&mut self, month: Month, counted: bool) {
        if counted {
            self.count("set_clock", MerchantId::POOL);
        }
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
    }

    /// Confirms all open legs.
    pub fn confirm_legs(&mut self) {
        for payee in std::mem::take(&mut self.open_legs) {
            self.count("confirm_leg", payee);
        }
        for leg in self.cycles.iter_mut().flat_map(|cycle| &mut cycle.legs) {
            leg.confirmed = true;
        }
    }

    /// Issues for a purchase; `None` past what fits.
    pub fn issue(&mut self, member: u32, issue: &Issue) -> Option<()> {
        let class = self.classes.get_mut(&issue.class)?;
        let issuer = class.issuer;
        let points = class.terms.earned(issue.amount()?)?;
        class.totals.issued += points.0;
        let lot = Lot { expires: class.terms.expires(self.month), points };
        self.count("issue", issuer);
        if points > Points(0) {
            merge(self.lots.entry((member, issue.class)).or_default(), lot);
        }
        Some(())
    }

    /// Redeems a whole holding at a merchant that is not its issuer.
    pub fn redeem(&mut self, acceptor: MerchantId, member: u32, class_id: ClassId) {
        let points = self.take(member, class_id).iter().map(|lot| lot.points.0).sum();
        let class = self.classes.get_mut(&class_id).expect("a holding is of a class");
        class.totals.redeemed_elsewhere += points;
        let value = class.terms.value(Points(points));
        let honoured = self.honoured.entry((acceptor, class_id)).or_default();
        *honoured = (honoured.0 + points, honoured.1 + value.0);
        self.gross.entry((class.issuer, acceptor)).or_default().redemption.0 += value.0;
        self.count("redeem", acceptor);
    }

    /// Exchanges a whole holding; gives the points received, or `None` (and does nothing) where that is none.
    pub fn exchange(&mut self, member: &Member, from: ClassId, to: ClassId) -> Option<Points> {
        let (source, target) = (&self.classes[&from], &self.classes[&to]);
        let points: u64 = self.lots[&(member.number, from)].iter().map(|lot| lot.points.0).sum();
        let conversion = convert(Points(points), &source.terms, &target.terms, self.spread)?;
        let out = conversion.points_out;
        if out == Points(0) {
            return None;
        }
        self.gross.entry((source.issuer, target.issuer)).or_default().exchange.0 += conversion.obligation.0;
        let given = self.take(member.number, from);
        let received = self.lots.entry((member.number, to)).or_default();
        for lot in split_lots(&given, out) {
            merge(received, lot);
        }
        let source = self.classes.get_mut(&from).expect("a holding is of a class");
        source.totals.exchanged_out += points;
        source.pool_claim.0 += conversion.pool_obligation.0;
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
        let mut positions: BTreeMap<MerchantId, i64> = self.merchants.iter().map(|(id, _)| (*id, 0)).collect();
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
            self.open_legs.push(leg.payee);
            legs.push(LegRow { payer: leg.payer, payee: leg.payee, amount_fen: leg.amount_fen, confirmed: false });
        }
        self.net_fen.extend(positions.into_iter().map(|(merchant, net_fen)| ((merchant, cycle), net_fen)));
        self.cycles.push(CycleReport { cycle, gross, pairs, legs });
        self.gross.clear();
    }

    /// The report of a dry run.
    pub fn report(&self, head: &ReportHead) -> Report {
        let merchants = self.merchants.iter().map(|(id, name)| self.merchant_report(*id, name)).collect();
        let lots = self.lots.iter().flat_map(|((member, class), lots)| lots.iter().map(|lot| (*member, *class, *lot)));
        Report {
            format: Report::FORMAT.into(),
            seed: head.seed,
            intervals: head.intervals,
            ended: head.ended,
            operations: Operations::of(&self.operations, None),
            merchants,
            cycles: self.cycles.clone(),
            open_gross: gross_rows(&self.gross),
            holdings: Holdings::of(lots.collect()),
        }
    }

    fn merchant_report(&self, merchant: MerchantId, name: &str) -> MerchantReport {
        let own = self.classes.iter().find(|(_, class)| class.issuer == merchant);
        let (class_id, class) = own.expect("each merchant of the demo has a class");
        let honoured = self.honoured.range((merchant, ClassId(0))..=(merchant, ClassId(u32::MAX)));
        let honoured: Vec<ClassPoints> = honoured
            .map(|((_, class), (points, value))| ClassPoints::new(*class, Points(*points), Obligation(*value)))
            .collect();
        let outstanding = self.lots.iter().filter(|((_, class), _)| class == class_id).flat_map(|(_, lots)| lots);
        let nets = self.net_fen.range((merchant, Month(0))..=(merchant, Month(u16::MAX)));
        MerchantReport {
            merchant,
            name: name.to_owned(),
            class: *class_id,
            operations: Operations::of(&self.operations, Some(merchant)),
            totals: class.totals,
            outstanding: outstanding.map(|lot| lot.points.0).sum(),
            honoured,
            pool_claim: class.pool_claim,
            net_fen: nets.map(|((_, cycle), net_fen)| (*cycle, *net_fen)).collect(),
        }
    }
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
    use crate::network::demo_genesis;
    use tally_contracts::genesis::{Clock, GenesisMerchant};
    use tally_contracts::points::IssueLine;
    use tally_contracts::types::{Address, Category, Fen};

    fn account() -> Account {
        let merchant = |id: u16| GenesisMerchant {
            id: MerchantId(id),
            name: format!("m{id}"),
            validator_key: Default::default(),
            operator_keys: vec![],
            net_debit_cap_fen: Fen(0),
        };
        Account::new(&demo_genesis(Clock::Real, (1..=4).map(merchant).collect()))
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
        assert_eq!(account.classes[&ClassId(2)].pool_claim, Obligation(19 * 2_000_000 - 12 * 3_000_000));
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
