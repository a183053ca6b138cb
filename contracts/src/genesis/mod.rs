//! Genesis: everything an alliance agrees on before its first block. Its hash is the chain id.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::crypto::PublicKey;
use crate::encoding::{self, Domain};
use crate::exchange::PairTerms;
use crate::points::ClassTerms;
use crate::types::{Calendar, ChainId, ClassId, Day, Fen, MerchantId, Rate};

mod parameters;
mod participants;

pub use parameters::{
    AdmissionParameters, ExchangeDay, ExchangeParameters, GovernanceParameters, Parameters, PoolParameters,
    RebateParameters, RebateTier, SettlementParameters,
};
pub use participants::{GenesisMerchant, GenesisPartner, Import, OperatorKey, Role};

const GENESIS: Domain = Domain::new("tally/genesis/v1\0");

/// The alliance's founding agreement, as `genesis.json` holds it.
///
/// The file's formatting does not matter: the chain id is over the canonical bytes of this value.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// A name for people.
    pub name: String,
    /// Time before the first block, in ms since 1970.
    pub time_ms: u64,
    /// Minutes east of UTC of the days and months that limits, expiry and settlement go by; -720 to 840.
    pub utc_offset_minutes: i32,
    /// Real time, or a clock that an operator sets. Production configurations refuse a simulated one.
    pub clock: Clock,
    /// Numbers that hold for the whole alliance.
    pub parameters: Parameters,
    /// The founding merchants, by rising id from 1 on. Each runs one validator.
    pub merchants: Vec<GenesisMerchant>,
    /// Who settles with the alliance without being a merchant of it, by rising id; no id is a merchant's.
    #[serde(default)]
    pub partners: Vec<GenesisPartner>,
    /// Point classes that exist from the start, by rising id.
    pub classes: Vec<GenesisClass>,
    /// Ordered pairs of classes whose exchange has terms of its own, by rising ids.
    #[serde(default)]
    pub pairs: Vec<GenesisPair>,
    /// Which days are business days, where that is not Monday to Friday.
    #[serde(default)]
    pub calendar: BusinessCalendar,
}

/// The days that differ from Monday to Friday: the State Council's list of a year, in China.
#[derive(Clone, Debug, Default, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BusinessCalendar {
    /// Days off, by rising date.
    #[serde(default)]
    pub holidays: Vec<Day>,
    /// Days of work that fall on a weekend (make-up working days), by rising date.
    #[serde(default)]
    pub workdays: Vec<Day>,
}

/// An ordered pair of classes with terms of its own.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenesisPair {
    /// The class given up.
    pub from_class: ClassId,
    /// The class received.
    pub to_class: ClassId,
    /// What differs from the alliance's terms.
    pub terms: PairTerms,
}

/// Where block time comes from.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Clock {
    /// The proposer's clock, strictly rising, judged for timeliness.
    #[wincode(tag = 1)]
    Real,
    /// Parent's time + 1 ms, but for `set_clock` operations signed by one of these keys (demonstrations and tests).
    #[wincode(tag = 2)]
    Simulated {
        /// Who may set the clock; in no merchant's name.
        keys: Vec<PublicKey>,
    },
}

/// A class that exists from the start.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenesisClass {
    /// Its number.
    pub id: ClassId,
    /// A name for people.
    pub name: String,
    /// The merchant that issues it and owes for it.
    pub issuer: MerchantId,
    /// What its points are.
    pub terms: ClassTerms,
}

/// A genesis that no alliance can start from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("genesis: {0}")]
pub struct GenesisError(String);

impl Genesis {
    /// The identity of the alliance.
    #[must_use]
    pub fn chain_id(&self) -> ChainId {
        GENESIS.hash(&[&encoding::encode(self)])
    }

    /// The alliance's calendar.
    #[must_use]
    pub const fn calendar(&self) -> Calendar {
        Calendar { utc_offset_minutes: self.utc_offset_minutes }
    }

    /// Checks that an alliance can start from it.
    ///
    /// # Errors
    /// The first fault, as a sentence that names the field.
    pub fn check(&self) -> Result<(), GenesisError> {
        let fail = |reason: String| Err(GenesisError(reason));
        if !(-720..=840).contains(&self.utc_offset_minutes) {
            return fail(format!("utc_offset_minutes is {}, must lie in -720..=840", self.utc_offset_minutes));
        }
        if self.time_ms > MAX_TIME_MS {
            return fail(format!("time_ms is {}, must lie before the year 6000", self.time_ms));
        }
        self.parameters.check().or_else(fail)?;
        self.check_merchants()?;
        self.check_clock()?;
        self.check_classes()?;
        self.check_partners()?;
        self.check_pairs()?;
        self.check_calendar()
    }

    fn check_clock(&self) -> Result<(), GenesisError> {
        let fail = |reason: String| Err(GenesisError(reason));
        let Clock::Simulated { keys } = &self.clock else { return Ok(()) };
        if keys.is_empty() || keys.len() > MAX_MERCHANTS {
            return fail(format!("clock.simulated.keys has {} keys, must have 1 to {MAX_MERCHANTS}", keys.len()));
        }
        keys.iter().try_for_each(|key| key.check().or_else(|e| fail(format!("clock key {key}: {e}"))))
    }

    fn check_merchants(&self) -> Result<(), GenesisError> {
        let fail = |reason: String| Err(GenesisError(reason));
        if self.merchants.is_empty() || self.merchants.len() > MAX_MERCHANTS {
            return fail(format!("merchants are {}, must be 1 to {MAX_MERCHANTS}", self.merchants.len()));
        }
        let mut keys = BTreeSet::new();
        let mut last = MerchantId::POOL;
        for merchant in &self.merchants {
            if merchant.id <= last || merchant.id == MerchantId(u16::MAX) {
                return fail(format!("merchant ids must rise from 1 to 65534, {} follows {last}", merchant.id));
            }
            last = merchant.id;
            if merchant.net_debit_cap_fen > MAX_CAP_FEN || merchant.collateral_fen > MAX_CAP_FEN {
                let id = merchant.id;
                return fail(format!("cap and collateral of merchant {id} must be at most {MAX_CAP_FEN} fen each"));
            }
            check_keys(&mut keys, merchant.id, &merchant.operator_keys).or_else(fail)?;
            for key in [merchant.validator_key, merchant.cosigner_key] {
                key.check().or_else(|e| fail(format!("key {key} of merchant {}: {e}", merchant.id)))?;
                if !keys.insert(key) {
                    return fail(format!("key {key} of merchant {} appears twice", merchant.id));
                }
            }
        }
        for partner in &self.partners {
            check_keys(&mut keys, partner.id, &partner.operator_keys).or_else(fail)?;
        }
        Ok(())
    }

    fn check_partners(&self) -> Result<(), GenesisError> {
        let fail = |reason: String| Err(GenesisError(reason));
        if self.merchants.len() + self.partners.len() > MAX_MERCHANTS {
            return fail(format!("merchants and partners together must be at most {MAX_MERCHANTS}"));
        }
        if !self.partners.is_sorted_by(|a, b| a.id < b.id) {
            return fail("partner ids must rise".into());
        }
        for partner in &self.partners {
            let id = partner.id;
            if id == MerchantId::POOL || id == MerchantId(u16::MAX) || self.merchants.iter().any(|m| m.id == id) {
                return fail(format!("partner {id}: the id must lie in 1..=65534 and be no merchant's"));
            }
            if partner.collateral_fen > MAX_CAP_FEN {
                return fail(format!("collateral_fen of partner {id} must be at most {MAX_CAP_FEN}"));
            }
            if partner.operator_keys.iter().any(|key| key.roles.contains(&Role::Acceptor)) {
                return fail(format!("partner {id}: a partner has no members, so none of its keys is an acceptor's"));
            }
            if !partner.imports.is_sorted_by(|a, b| a.class < b.class) {
                return fail(format!("partner {id}: imports must list each class once, by rising id"));
            }
            for import in &partner.imports {
                if !self.classes.iter().any(|c| c.id == import.class) {
                    return fail(format!("partner {id}: there is no class {} to import into", import.class));
                }
                if import.ratio.units == 0 || import.ratio.points == 0 {
                    return fail(format!("partner {id}: a ratio's units and points must be greater than zero"));
                }
            }
        }
        Ok(())
    }

    fn check_pairs(&self) -> Result<(), GenesisError> {
        let fail = |reason: String| Err(GenesisError(reason));
        if !self.pairs.is_sorted_by(|a, b| (a.from_class, a.to_class) < (b.from_class, b.to_class)) {
            return fail("pairs must list each ordered pair once, by rising ids".into());
        }
        for pair in &self.pairs {
            let (from, to) = (pair.from_class, pair.to_class);
            let is_class = |id| self.classes.iter().any(|c| c.id == id);
            if from == to || !is_class(from) || !is_class(to) {
                return fail(format!("pair {from} to {to}: both must be classes, and not the same"));
            }
            if pair.terms.spread.is_some_and(|spread| spread.millionths() >= Rate::ONE) {
                return fail(format!("pair {from} to {to}: spread must be less than 1"));
            }
        }
        Ok(())
    }

    fn check_calendar(&self) -> Result<(), GenesisError> {
        let BusinessCalendar { holidays, workdays } = &self.calendar;
        if !holidays.is_sorted_by(|a, b| a < b) || !workdays.is_sorted_by(|a, b| a < b) {
            return Err(GenesisError("calendar: holidays and workdays must list each day once, by rising date".into()));
        }
        if let Some(day) = holidays.iter().chain(workdays).find(|day| **day > Day::MAX) {
            return Err(GenesisError(format!("calendar: {day} lies after the year 6000")));
        }
        match holidays.iter().find(|day| workdays.contains(day)) {
            Some(day) => Err(GenesisError(format!("calendar: {day} is both a holiday and a workday"))),
            None => Ok(()),
        }
    }

    fn check_classes(&self) -> Result<(), GenesisError> {
        let fail = |reason: String| Err(GenesisError(reason));
        if !self.classes.is_sorted_by(|a, b| a.id < b.id) {
            return fail("class ids must rise".into());
        }
        for class in &self.classes {
            if !self.merchants.iter().any(|m| m.id == class.issuer) {
                return fail(format!("class {} is issued by {}, who is no merchant", class.id, class.issuer));
            }
            if let Some(unknown) =
                class.terms.accepted_by.iter().find(|id| !self.merchants.iter().any(|m| m.id == **id))
            {
                return fail(format!("class {}: accepted_by lists {unknown}, who is no merchant", class.id));
            }
            if let Err(reason) = class.terms.check(&self.parameters) {
                return fail(format!("class {}: {reason}", class.id));
            }
            if let Some(sub) = &class.terms.sub {
                let main = self.classes.iter().find(|main| main.id == sub.main);
                if !main.is_some_and(|main| main.issuer == class.issuer && main.terms.sub.is_none()) {
                    return fail(format!(
                        "class {}: sub.main must be a class of the same issuer, no sub class",
                        class.id
                    ));
                }
                if !main.is_some_and(|main| sub.is_covered(class.terms.anchor, main.terms.anchor)) {
                    return fail(format!("class {}: a split would yield more value than goes in", class.id));
                }
            }
        }
        Ok(())
    }
}

/// Checks a participant's operator keys, which are nobody else's.
fn check_keys(known: &mut BTreeSet<PublicKey>, id: MerchantId, keys: &[OperatorKey]) -> Result<(), String> {
    for OperatorKey { public_key: key, roles, .. } in keys {
        key.check().map_err(|e| format!("key {key} of merchant {id}: {e}"))?;
        if !known.insert(*key) {
            return Err(format!("key {key} of merchant {id} appears twice"));
        }
        if !Role::is_set(roles) {
            return Err(format!("roles of key {key} must be given, each once and in order"));
        }
    }
    Ok(())
}

/// Merchants of an alliance, at most.
pub const MAX_MERCHANTS: usize = 1_000;

/// Highest anchor value that an alliance may allow: a million CNY a point, so that no value overflows.
pub const MAX_ANCHOR: Rate = Rate::from_millionths(1_000_000 * Rate::ONE);

/// Highest net debit cap: ten trillion CNY.
pub const MAX_CAP_FEN: Fen = Fen(1_000_000_000_000_000);

/// Longest refund window: how long references are known, and with them what can be reversed.
pub const MAX_REFUND_WINDOW_DAYS: u16 = 90;

/// 6000-01-01, far past any real block and far below any overflow.
pub const MAX_TIME_MS: u64 = 127_174_492_800_000;
