//! The alliance pool of a dry run: what issuers owe it, and how each month shares it out (`docs/rules.md`, section 9).

use std::collections::BTreeMap;

use tally_contracts::genesis::{Genesis, Parameters};
use tally_contracts::pool::{Contribution, apportion, rebate_fen, weight};
use tally_contracts::settlement::{NetPosition, Payment, payments};
use tally_contracts::types::{Fen, MerchantId, Month, Obligation};

/// Months of a quarter.
const QUARTER: u16 = 3;

/// Claims, and what merchants honoured for others. Nobody refers members in the demo.
#[derive(Debug)]
pub struct Pool {
    parameters: Parameters,
    bases: Vec<(MerchantId, u128)>,
    claims: BTreeMap<MerchantId, i128>,
    honoured: BTreeMap<(Month, MerchantId), i128>,
}

impl Pool {
    pub fn new(genesis: &Genesis) -> Self {
        Self {
            parameters: genesis.parameters.clone(),
            bases: genesis.merchants.iter().map(|merchant| (merchant.id, merchant.base_share.into())).collect(),
            claims: BTreeMap::new(),
            honoured: BTreeMap::new(),
        }
    }

    /// What an issuer owes it.
    pub fn claim(&self, issuer: MerchantId) -> Obligation {
        Obligation(self.claims.get(&issuer).copied().unwrap_or(0))
    }

    /// Adds what an issuer came to owe it.
    pub fn owe(&mut self, issuer: MerchantId, amount: i128) {
        *self.claims.entry(issuer).or_default() += amount;
    }

    /// The levy on points of a value.
    pub fn levy(&mut self, issuer: MerchantId, value: Obligation) {
        self.owe(issuer, value.0 * i128::from(self.parameters.pool.levy.millionths()) / 1_000_000);
    }

    /// Counts points of others that a merchant honoured.
    pub fn honour(&mut self, month: Month, merchant: MerchantId, value: Obligation) {
        *self.honoured.entry((month, merchant)).or_default() += value.0;
    }

    /// Shares it out for a month that has ended; gives what merchants come to owe each other by it.
    pub fn share_out(&mut self, month: Month) -> Vec<Payment> {
        let whole: Vec<u64> = self.claims.values().map(|claim| whole_fen(*claim)).collect();
        let available = whole_fen(self.claims.values().sum()).min(whole.iter().sum());
        let due = self.rebates(month);
        let due_fen = due.iter().sum::<u64>().min(available);
        let (reserved, paid) = if (month.0 + 1).is_multiple_of(QUARTER) { (0, due_fen) } else { (due_fen, 0) };
        let rebates = apportion(paid, &due.iter().map(|fen| u128::from(*fen)).collect::<Vec<_>>());
        let shares = apportion(available - reserved - paid, &self.weights(month));
        let given = shares.iter().sum::<u64>() + paid;
        let by_issuer = apportion(given, &whole.iter().map(|fen| u128::from(*fen)).collect::<Vec<_>>());
        let mut net: BTreeMap<MerchantId, i64> = BTreeMap::new();
        let signed = |fen: u64| i64::try_from(fen).expect("a demo's pool is small");
        for ((issuer, claim), fen) in self.claims.iter_mut().zip(by_issuer) {
            *claim -= Obligation::from_fen(Fen(fen)).0;
            *net.entry(*issuer).or_default() -= signed(fen);
        }
        for ((merchant, _), fen) in self.bases.iter().zip(shares.iter().zip(rebates).map(|(share, r)| share + r)) {
            *net.entry(*merchant).or_default() += signed(fen);
        }
        let positions: Vec<NetPosition> =
            net.into_iter().map(|(merchant, net_fen)| NetPosition { merchant, net_fen }).collect();
        payments(&positions)
    }

    /// The rebate on each merchant's quarter so far.
    fn rebates(&self, month: Month) -> Vec<u64> {
        let quarter = Month(month.0 - month.0 % QUARTER);
        let volume = |merchant: MerchantId| -> i128 {
            (0..QUARTER).filter_map(|n| self.honoured.get(&(quarter.plus(n), merchant))).sum()
        };
        let rebate = |(merchant, _): &(MerchantId, u128)| {
            rebate_fen(&self.parameters.rebate, Fen(whole_fen(volume(*merchant)))).0
        };
        self.bases.iter().map(rebate).collect()
    }

    /// Base share by weight of each merchant.
    fn weights(&self, month: Month) -> Vec<u128> {
        let honoured = |merchant| Obligation(self.honoured.get(&(month, merchant)).copied().unwrap_or(0));
        let most = self.bases.iter().map(|(merchant, _)| honoured(*merchant)).max().unwrap_or_default();
        let weigh = |(merchant, base): &(MerchantId, u128)| {
            let contribution = Contribution { honoured: honoured(*merchant), ..Contribution::default() };
            base * u128::from(weight(&self.parameters.pool, &contribution, most).millionths())
        };
        self.bases.iter().map(weigh).collect()
    }
}

fn whole_fen(amount: i128) -> u64 {
    Obligation(amount.max(0)).floor_fen().expect("a demo's amounts are small").0
}
