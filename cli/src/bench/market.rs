//! What the load needs to know of an alliance: who submits, under which key, in which class, and in which amounts.
//!
//! Amounts are small against every limit of a class or merchant, so that no run ends in business rejections: a member
//! gives up at most a dozen units at a time, and holds ten thousand from the start.

use anyhow::{Context as _, ensure};
use ed25519_dalek::SigningKey;
use tally_contracts::genesis::{Genesis, GenesisClass};
use tally_contracts::points::ClassTerms;
use tally_contracts::types::{ChainId, ClassId, Fen, MerchantId, Points};

use crate::keys::read_key;
use crate::network::Alliance;

/// The alliance as the load sees it.
pub struct Market {
    /// Which it is.
    pub chain_id: ChainId,
    /// Those whose nodes are loaded, by rising id; at least one.
    pub merchants: Vec<Trader>,
    /// The time that the alliance goes by when the run begins, in ms since 1970.
    pub time_ms: u64,
}

/// A merchant that submits.
pub struct Trader {
    /// Who.
    pub id: MerchantId,
    /// Signs its transactions, as its node would.
    pub key: SigningKey,
    /// The class that it issues, and that its members spend.
    pub class: ClassId,
    /// The least points of it that are worth a fen.
    pub unit: Points,
    /// What is bought for the points that a member gets at first.
    pub gift: Fen,
    /// Into which class its members exchange, and how many points at a time.
    pub exchange: Option<(ClassId, Points)>,
}

/// How many units a member is given at first.
const GIFT_UNITS: u64 = 10_000;
/// Fewest units of an exchange.
const EXCHANGE_UNITS: u64 = 10;

impl Market {
    /// Reads keys and terms of an alliance on this machine.
    ///
    /// # Errors
    /// When a key is not here, or a merchant issues nothing.
    pub fn open(alliance: &Alliance, genesis: &Genesis, time_ms: u64) -> anyhow::Result<Self> {
        let own = |merchant: MerchantId| -> anyhow::Result<&GenesisClass> {
            let own = genesis.classes.iter().find(|class| class.issuer == merchant);
            own.with_context(|| {
                format!("merchant {merchant} issues no class: the load needs one of each; see `tally network init`")
            })
        };
        let count = alliance.nodes.len();
        let trader = |(i, id): (usize, MerchantId)| -> anyhow::Result<Trader> {
            let class = own(id)?;
            let next = own(alliance.nodes[(i + 1) % count].merchant)?;
            let unit = unit(&class.terms)?;
            Ok(Trader {
                id,
                key: operator_key(alliance, id)?,
                class: class.id,
                unit,
                gift: gift(&class.terms, Points(unit.0.saturating_mul(GIFT_UNITS))),
                exchange: (next.id != class.id).then(|| (next.id, exchanged(class, next, unit))),
            })
        };
        let merchants = alliance.nodes.iter().map(|node| node.merchant).enumerate().map(trader);
        Ok(Self { chain_id: genesis.chain_id(), merchants: merchants.collect::<anyhow::Result<_>>()?, time_ms })
    }

    /// Until when what is signed now may be executed, in ms since 1970: well within the 24 h that there are.
    pub const fn valid_until_ms(&self) -> u64 {
        self.time_ms + 12 * 3_600_000
    }
}

fn operator_key(alliance: &Alliance, merchant: MerchantId) -> anyhow::Result<SigningKey> {
    let path = alliance.operator_key(merchant);
    let (purpose, key) = read_key(&path).with_context(|| {
        format!("the load is signed with each merchant's own key: run it where {} is", alliance.dir.display())
    })?;
    ensure!(purpose == "operator", "{} is a key of purpose {purpose}, not an operator's", path.display());
    Ok(key)
}

/// The least power of ten of points that is worth a fen.
fn unit(terms: &ClassTerms) -> anyhow::Result<Points> {
    let powers = (0..=12).map(|power| Points(10_u64.pow(power)));
    let mut worth = powers.filter(|points| terms.value(*points).floor_fen().is_some_and(|fen| fen >= Fen(1)));
    worth.next().context("a class is worth so little that no load can be made of it")
}

/// A purchase that earns at least so many points.
fn gift(terms: &ClassTerms, points: Points) -> Fen {
    let per_million = u128::from(terms.earn_rate.millionths()) * 10_u128.pow(u32::from(terms.decimals));
    let fen = (u128::from(points.0) * 100 * 1_000_000).div_ceil(per_million.max(1));
    Fen(u64::try_from(fen).unwrap_or(u64::MAX / 2))
}

/// How many points of one class yield at least one of another, spread included.
fn exchanged(from: &GenesisClass, to: &GenesisClass, unit: Points) -> Points {
    let least = to.terms.value(Points(1)).0 * 2;
    let each = from.terms.value(unit).0.max(1);
    let units = u64::try_from((least / each) + 1).unwrap_or(EXCHANGE_UNITS).max(EXCHANGE_UNITS);
    Points(unit.0.saturating_mul(units))
}
