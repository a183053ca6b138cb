//! Which operation comes next: drawn from the mix, by a merchant, for a member.
//!
//! Everything but references follows from the seed. A member spends points of its home's class; at home by the custodian's
//! word, elsewhere without consent, within the daily limit of that. Transfers and exchanges, which need consent, are made at
//! home.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tally_contracts::exchange::Exchange;
use tally_contracts::points::{Capture, Issue, IssueLine, PlaceHold, Redeem, Transfer};
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::{Category, Fen, Points, Reference};

use super::accounts::Accounts;
use super::market::{Market, Trader};
use super::settings::{Settings, Skew, Workload};

/// Acts of the mix and how often each comes; a checkout is two operations, so that these make a hundred.
const MIXED: [(Act, u32); 5] =
    [(Act::Issue, 70), (Act::Redeem, 10), (Act::Checkout, 5), (Act::Exchange, 8), (Act::Transfer, 2)];
/// With `--skew hot`: percent of operations by the first merchant, and percent that touch a hot member.
const HOT_PERCENT: u32 = 80;
/// One member in so many is hot.
const HOT_ONE_IN: usize = 100;
/// What a purchase comes to.
const PURCHASE: Fen = Fen(10_000);
/// How long a hold may wait for its capture, which follows at once.
const HOLD_MS: u64 = 24 * 3_600_000;

/// What a member does at a till.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Issue,
    Redeem,
    /// A hold, and its capture.
    Checkout,
    Exchange,
    Transfer,
}

/// Draws operations without end.
pub struct Draw {
    choices: StdRng,
    references: References,
    market: Arc<Market>,
    accounts: Arc<Accounts>,
    acts: Vec<(Act, u32)>,
    skew: Skew,
}

impl Draw {
    /// Draws as the settings say.
    pub fn new(settings: &Settings, market: Arc<Market>, accounts: Arc<Accounts>) -> Self {
        let acts = match settings.workload {
            Workload::Mixed => MIXED.to_vec(),
            Workload::Issue => vec![(Act::Issue, 1)],
            Workload::Transfer => vec![(Act::Transfer, 1)],
        };
        let references = References::new(market.time_ms);
        let choices = StdRng::seed_from_u64(settings.seed);
        Self { choices, references, market, accounts, acts, skew: settings.skew }
    }

    /// The merchant, by its place, that submits the next operations.
    pub fn merchant(&mut self) -> usize {
        if self.skew == Skew::Hot && self.choices.gen_range(0..100) < HOT_PERCENT {
            return 0;
        }
        self.choices.gen_range(0..self.market.merchants.len())
    }

    /// The operations of one act at a merchant, in order: one, or two where there is room for two.
    pub fn next(&mut self, at: usize, room: usize) -> Vec<Operation> {
        let mut act = self.act();
        if act == Act::Checkout && room < 2 {
            act = Act::Redeem;
        }
        let market = Arc::clone(&self.market);
        let trader = &market.merchants[at];
        match act {
            Act::Issue => vec![self.issue(trader)],
            Act::Redeem => vec![self.redeem(at)],
            Act::Checkout => self.checkout(at).into(),
            Act::Exchange => match trader.exchange {
                Some(_) => vec![self.exchange(at)],
                // Alone, a merchant has no class to exchange into.
                None => vec![self.redeem(at)],
            },
            Act::Transfer => vec![self.transfer(at)],
        }
    }

    fn act(&mut self) -> Act {
        let sum: u32 = self.acts.iter().map(|(_, weight)| weight).sum();
        let mut drawn = self.choices.gen_range(0..sum);
        for (act, weight) in &self.acts {
            if drawn < *weight {
                return *act;
            }
            drawn -= weight;
        }
        unreachable!("a number below the sum of the weights falls into one of them")
    }

    /// One of so many, the first of them more often where that is asked for.
    fn pick(&mut self, count: usize) -> usize {
        if self.skew == Skew::Hot && self.choices.gen_range(0..100) < HOT_PERCENT {
            return self.choices.gen_range(0..count.div_ceil(HOT_ONE_IN));
        }
        self.choices.gen_range(0..count)
    }

    fn anyone(&mut self) -> usize {
        self.pick(self.accounts.len())
    }

    fn own(&mut self, at: usize) -> usize {
        let n = self.pick(self.accounts.count_at(at));
        self.accounts.at(at, n)
    }

    /// Someone, the trader at home, and one to three units of the points that are spent.
    fn spender(&mut self) -> (usize, usize, Points) {
        let account = self.anyone();
        let home = self.accounts.home(account);
        let units = self.choices.gen_range(1..=3);
        (account, home, Points(self.market.merchants[home].unit.0 * units))
    }

    fn issue(&mut self, trader: &Trader) -> Operation {
        let account = self.anyone();
        let category = Category(self.choices.gen_range(1..=20));
        let lines = vec![IssueLine { category, amount_fen: PURCHASE }];
        let member = self.accounts.address(account);
        Operation::new(self.references.next(), Body::Issue(Issue { class: trader.class, member, lines }))
    }

    fn redeem(&mut self, at: usize) -> Operation {
        let (account, home, points) = self.spender();
        let class = self.market.merchants[home].class;
        let body = Body::Redeem(Redeem { class, member: self.accounts.address(account), points });
        self.signed(at, account, body)
    }

    fn checkout(&mut self, at: usize) -> [Operation; 2] {
        let (account, home, points) = self.spender();
        let class = self.market.merchants[home].class;
        let member = self.accounts.address(account);
        let release_ms = self.references.time_ms() + HOLD_MS;
        let hold = self.signed(at, account, Body::Hold(PlaceHold { class, member, points, release_ms }));
        let capture = Capture { hold: hold.reference, points };
        [hold, Operation::new(self.references.next(), Body::Capture(capture))]
    }

    fn exchange(&mut self, at: usize) -> Operation {
        let account = self.own(at);
        let trader = &self.market.merchants[at];
        let (to_class, points) = trader.exchange.expect("asked for where there is one");
        let (member, from_class) = (self.accounts.address(account), trader.class);
        let body = Body::Exchange(Exchange { member, from_class, to_class, points, min_out: Points(1), quote: None });
        self.signed(at, account, body)
    }

    fn transfer(&mut self, at: usize) -> Operation {
        let from = self.own(at);
        let to = self.anyone();
        // Whoever would give to itself gives to its neighbour.
        let to = if to == from { (to + 1) % self.accounts.len() } else { to };
        let trader = &self.market.merchants[at];
        let (class, points) = (trader.class, trader.unit);
        let (from_address, to) = (self.accounts.address(from), self.accounts.address(to));
        self.signed(at, from, Body::Transfer(Transfer { class, from: from_address, to, points }))
    }

    fn signed(&mut self, at: usize, account: usize, body: Body) -> Operation {
        let operation = Operation::new(self.references.next(), body);
        self.accounts.authorized(&self.market, (at, account), operation)
    }
}

/// Fresh references: the time that it is, and free bits that no other run has.
pub struct References {
    free: StdRng,
    began_ms: u64,
    began: std::time::Instant,
}

impl References {
    /// References from a time on, in ms since 1970.
    pub fn new(time_ms: u64) -> Self {
        Self { free: StdRng::from_entropy(), began_ms: time_ms, began: std::time::Instant::now() }
    }

    /// The next one.
    pub fn next(&mut self) -> Reference {
        Reference::new(self.time_ms(), self.free.r#gen())
    }

    /// The time that the alliance goes by, in ms since 1970.
    fn time_ms(&self) -> u64 {
        self.began_ms + u64::try_from(self.began.elapsed().as_millis()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::testing;
    use super::*;

    fn kinds(settings: &Settings, count: usize) -> BTreeMap<&'static str, usize> {
        let mut draw = testing::draw(settings);
        let mut kinds = BTreeMap::new();
        let mut left = count;
        while left > 0 {
            let at = draw.merchant();
            for operation in draw.next(at, left) {
                operation.check_stateless().unwrap();
                operation.check_authorization().unwrap();
                *kinds.entry(operation.body.kind()).or_default() += 1;
                left -= 1;
            }
        }
        kinds
    }

    #[test]
    fn the_mix_is_what_it_says() {
        let kinds = kinds(&testing::settings(&[]), 20_000);
        let percent = |kind: &str| kinds[kind] as f64 / 200.0;
        for (kind, expected) in
            [("issue", 70.0), ("redeem", 10.0), ("hold", 5.0), ("capture", 5.0), ("exchange", 8.0), ("transfer", 2.0)]
        {
            assert!((percent(kind) - expected).abs() < 1.0, "{kind}: {} %", percent(kind));
        }
    }

    #[test]
    fn what_spends_carries_the_members_word() {
        let settings = testing::settings(&["--signed-by", "wallet", "--accounts", "50"]);
        let mut draw = testing::draw(&settings);
        for _ in 0..200 {
            for operation in draw.next(0, 2) {
                let spends = !matches!(operation.body, Body::Issue(_) | Body::Capture(_));
                assert_eq!(operation.authorization.is_some(), spends, "{}", operation.body.kind());
            }
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let bodies = || {
            let mut draw = testing::draw(&testing::settings(&["--workload", "transfer", "--skew", "hot"]));
            (0..50).flat_map(|i| draw.next(i % 4, 2)).map(|operation| operation.body).collect::<Vec<_>>()
        };
        assert_eq!(bodies(), bodies());
    }

    #[test]
    fn a_hot_merchant_submits_four_of_five() {
        let mut draw = testing::draw(&testing::settings(&["--skew", "hot"]));
        let first = (0..10_000).filter(|_| draw.merchant() == 0).count();
        // Eighty percent, and a quarter of the rest.
        assert!((8_300..8_700).contains(&first), "{first}");
    }
}
