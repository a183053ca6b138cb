//! Genesis: everything an alliance agrees on before its first block. Its hash is the chain id.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::crypto::PublicKey;
use crate::encoding::{self, Domain};
use crate::points::ClassTerms;
use crate::types::{Calendar, ChainId, ClassId, Fen, MerchantId, Rate, StoreId};

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
    /// Point classes that exist from the start, by rising id.
    pub classes: Vec<GenesisClass>,
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

/// Numbers that hold for the whole alliance.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// With nothing pending or due, a block comes only after this long, in ms.
    pub idle_block_ms: u64,
    /// Lowest anchor value of a class, CNY per point.
    pub min_anchor: Rate,
    /// Highest anchor value of a class, CNY per point.
    pub max_anchor: Rate,
    /// Part of an exchange's value that goes to the alliance pool, from 0 up to less than 1.
    pub exchange_spread: Rate,
    /// What may be redeemed from one member in one day without its consent, over all acceptors, in fen.
    pub no_consent_limit_fen: Fen,
    /// For how long after a sale it may be reversed, in days; at most [`MAX_REFUND_WINDOW_DAYS`].
    pub refund_window_days: u16,
}

/// A founding merchant.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenesisMerchant {
    /// From 1 on; 0 is the alliance pool.
    pub id: MerchantId,
    /// A name for people; not part of any operation.
    pub name: String,
    /// The key that signs votes and proposals.
    pub validator_key: PublicKey,
    /// The keys that sign transactions.
    pub operator_keys: Vec<OperatorKey>,
    /// The most the merchant may owe before it is settled, in fen.
    pub net_debit_cap_fen: Fen,
}

/// A key with the roles it may sign for.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatorKey {
    /// The key.
    pub public_key: PublicKey,
    /// At least one, each once, in the order of [`Role`].
    pub roles: Vec<Role>,
    /// The store that it acts for, and no other; none for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_id: Option<StoreId>,
}

/// What a key may sign.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Issues points; may live in the node.
    #[wincode(tag = 1)]
    Issuer,
    /// Enrols members, redeems, and acts for the members in the merchant's custody; may live in the node.
    #[wincode(tag = 2)]
    Acceptor,
    /// Confirms settlement; never lives in a node.
    #[wincode(tag = 3)]
    Treasurer,
    /// Opens point classes, manages the merchant's keys and its stores' limits; never lives in a node.
    #[wincode(tag = 4)]
    Governor,
}

impl Role {
    /// Whether roles are at least one, each once and in order.
    #[must_use]
    pub fn is_set(roles: &[Self]) -> bool {
        !roles.is_empty() && roles.is_sorted_by(|a, b| a < b)
    }
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
        let p = &self.parameters;
        if p.min_anchor == Rate::ZERO || p.min_anchor > p.max_anchor {
            return fail(format!(
                "anchors must satisfy 0 < min_anchor ({}) <= max_anchor ({})",
                p.min_anchor, p.max_anchor
            ));
        }
        if p.max_anchor.millionths() > MAX_ANCHOR.millionths() {
            return fail(format!("max_anchor is {}, must be at most {MAX_ANCHOR}", p.max_anchor));
        }
        if p.exchange_spread.millionths() >= Rate::ONE {
            return fail(format!("exchange_spread is {}, must be less than 1", p.exchange_spread));
        }
        if !(10..=60_000).contains(&p.idle_block_ms) {
            return fail(format!("idle_block_ms is {}, must lie in 10..=60000", p.idle_block_ms));
        }
        if p.refund_window_days > MAX_REFUND_WINDOW_DAYS {
            let days = p.refund_window_days;
            return fail(format!("refund_window_days is {days}, must be at most {MAX_REFUND_WINDOW_DAYS}"));
        }
        self.check_merchants()?;
        self.check_clock()?;
        self.check_classes()
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
            if merchant.net_debit_cap_fen > MAX_CAP_FEN {
                return fail(format!("net_debit_cap_fen of merchant {} must be at most {MAX_CAP_FEN}", merchant.id));
            }
            last = merchant.id;
            for key in merchant.operator_keys.iter().map(|k| k.public_key).chain([merchant.validator_key]) {
                key.check().or_else(|e| fail(format!("key {key} of merchant {}: {e}", merchant.id)))?;
                if !keys.insert(key) {
                    return fail(format!("key {key} of merchant {} appears twice", merchant.id));
                }
            }
            for key in &merchant.operator_keys {
                if !Role::is_set(&key.roles) {
                    return fail(format!("roles of key {} must be given, each once and in order", key.public_key));
                }
            }
        }
        Ok(())
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
        }
        Ok(())
    }
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
