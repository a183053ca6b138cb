//! Records of membership.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::crypto::PublicKey;
use crate::genesis::Role;
use crate::types::{ClassId, Fen, Height, MerchantId, Obligation, StoreId};

/// A merchant of the alliance, or a partner: whoever takes part in settlement.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize)]
pub struct Merchant {
    /// Whether it is a partner: it only imports points, on what it has prefunded.
    pub is_partner: bool,
    /// What it trades in: a code of GB/T 4754, 0 for none.
    pub industry: u16,
    /// The most it may owe before it is settled, beside its collateral, in fen.
    pub net_debit_cap_fen: Fen,
    /// What it has posted with the alliance, in fen.
    pub collateral_fen: Fen,
    /// Its governor keys that are not revoked.
    pub governor_keys: u32,
    /// How many parts of the pool's base it has; its share is these times its weight.
    pub base_share: u16,
    /// Whether it issues no points and has no voice for now.
    pub is_suspended: bool,
    /// Whether it stays.
    pub phase: Phase,
}

/// Where a merchant stands between admission and departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It takes part.
    #[wincode(tag = 1)]
    Staying,
    /// It leaves: it gives no new points, and those that are out there are spent until the run-off ends.
    #[wincode(tag = 2)]
    RunningOff {
        /// The end of the run-off, in ms since 1970: what is still out there is bought out or exchanged then.
        until_ms: u64,
        /// The merchant that its members pass to.
        successor: MerchantId,
    },
    /// The run-off is over; its points serve no more. What it owes and is owed is being settled.
    #[wincode(tag = 3)]
    WoundUp {
        /// The merchant that its members have passed to.
        successor: MerchantId,
    },
    /// It has left: its keys sign nothing more.
    #[wincode(tag = 4)]
    Departed {
        /// The merchant that its members have passed to.
        successor: MerchantId,
        /// The first height that its node does not validate.
        from_height: Height,
    },
}

/// A merchant that joined after the founding.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Admission {
    /// A name for people.
    pub name: String,
    /// The key that signs its node's votes and proposals.
    pub validator_key: PublicKey,
    /// The Ed25519 key of its node's libp2p identity: whoever has it may connect.
    pub network_key: PublicKey,
    /// What it was admitted on.
    pub criteria: Criteria,
    /// The outside party that attested the criteria.
    pub attester: PublicKey,
    /// The first height that its node validates.
    pub from_height: Height,
}

/// What a merchant is admitted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Criteria {
    /// Its revenue of the last business year, in fen.
    pub annual_revenue_fen: Fen,
    /// The members that it brings.
    pub members: u64,
    /// What it trades in: a code of GB/T 4754.
    pub industry: u16,
}

impl Merchant {
    /// Whether its run-off is over: nobody comes to owe it anything new.
    #[must_use]
    pub const fn is_wound_up(&self) -> bool {
        matches!(self.phase, Phase::WoundUp { .. } | Phase::Departed { .. })
    }

    /// Whether it has a voice where merchants decide.
    #[must_use]
    pub const fn has_voice(&self) -> bool {
        !self.is_partner && !self.is_suspended && !matches!(self.phase, Phase::Departed { .. })
    }

    /// The most that its net debit may come to.
    #[must_use]
    pub const fn net_debit_limit(&self) -> Obligation {
        Obligation(Obligation::from_fen(self.net_debit_cap_fen).0 + Obligation::from_fen(self.collateral_fen).0)
    }
}

/// An operator key, kept also when it is revoked: no key comes back.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct KeyRecord {
    /// What the key may sign, in the order of [`Role`].
    pub roles: Vec<Role>,
    /// The store that it acts for, and no other; none for all.
    pub store_id: Option<StoreId>,
    /// The block that revoked it; it signs nothing in later ones.
    pub revoked: Option<Height>,
}

/// A holder of points.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Member {
    /// The merchant that enrolled the member and acts for it while it has no wallet.
    pub custodian: MerchantId,
    /// Which kind of holder.
    pub holder: HolderKind,
    /// Whether it gives nothing for now.
    pub is_frozen: bool,
    /// Its own key, once it has one.
    pub wallet: Option<Wallet>,
    /// Classes of which it ever had points, rising: no other is looked up among the movements (ADR 0009).
    #[serde(skip)]
    #[schema(ignore)]
    pub classes: Arc<[ClassId]>,
}

impl Member {
    /// A new one, without points.
    #[must_use]
    pub fn new(custodian: MerchantId, holder: HolderKind, wallet: Option<Wallet>) -> Self {
        Self { custodian, holder, is_frozen: false, wallet, classes: Arc::default() }
    }

    /// Whether it ever had points of a class.
    #[must_use]
    pub fn has_had(&self, class: ClassId) -> bool {
        self.classes.binary_search(&class).is_ok()
    }

    /// Notes that it has come to have points of a class.
    pub(crate) fn add_class(&mut self, class: ClassId) {
        if let Err(at) = self.classes.binary_search(&class) {
            self.classes = [&self.classes[..at], &[class], &self.classes[at..]].concat().into();
        }
    }

    /// The wallet key in effect at a block time.
    #[must_use]
    pub fn wallet_key(&self, time_ms: u64) -> Option<PublicKey> {
        self.wallet.as_ref().map(|wallet| wallet.key_at(time_ms))
    }
}

/// Who holds points; a class says what each kind may do with it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    SchemaWrite,
    SchemaRead,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HolderKind {
    /// A customer.
    #[default]
    #[wincode(tag = 1)]
    Member,
    /// Someone who works for a merchant.
    #[wincode(tag = 2)]
    Employee,
    /// A firm that delivers to a merchant.
    #[wincode(tag = 3)]
    Supplier,
}

/// A member's key on record.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Wallet {
    /// The key that was registered or rotated to last.
    pub key: PublicKey,
    /// The key that the custodian puts in its place.
    pub recovery: Option<Recovery>,
}

impl Wallet {
    /// The key in effect at a block time: a recovery comes into effect by itself.
    #[must_use]
    pub fn key_at(&self, time_ms: u64) -> PublicKey {
        match &self.recovery {
            Some(recovery) if recovery.effective_ms <= time_ms => recovery.key,
            _ => self.key,
        }
    }
}

/// A key that takes effect after 7 days in plain sight.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, ToSchema)]
pub struct Recovery {
    /// The new key.
    pub key: PublicKey,
    /// From this block time on, in ms since 1970.
    pub effective_ms: u64,
}
