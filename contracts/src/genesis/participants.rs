//! Who founds an alliance: its merchants and partners, with the keys that sign for them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::crypto::PublicKey;
use crate::exchange::ImportRatio;
use crate::types::{ClassId, Fen, MerchantId, StoreId};

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
    /// The key that signs checkpoints, and nothing else.
    pub cosigner_key: PublicKey,
    /// The keys that sign transactions.
    pub operator_keys: Vec<OperatorKey>,
    /// The most the merchant may owe before it is settled, beside its collateral, in fen.
    pub net_debit_cap_fen: Fen,
    /// What it has posted with the alliance, in fen.
    #[serde(default)]
    pub collateral_fen: Fen,
    /// What it trades in: a code of GB/T 4754 (industrial classification), 0 for none; sub points go by it.
    #[serde(default)]
    pub industry: u16,
    /// How many parts of the pool's base it has; 1 if it is left out.
    #[serde(default = "one_part")]
    pub base_share: u16,
}

const fn one_part() -> u16 {
    1
}

/// A participant of settlement without a validator, whose own points are imported.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenesisPartner {
    /// From 1 on, no merchant's.
    pub id: MerchantId,
    /// A name for people.
    pub name: String,
    /// The keys that sign its transactions; none has the role acceptor.
    pub operator_keys: Vec<OperatorKey>,
    /// What it has prefunded, in fen: the most that it may owe for imports that are not settled yet.
    pub collateral_fen: Fen,
    /// The classes that its points may become, by rising class.
    pub imports: Vec<Import>,
}

/// Into which class a partner's points are imported, and how many make how many.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// The class.
    pub class: ClassId,
    /// So many of the partner's units for so many whole points.
    pub ratio: ImportRatio,
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
    /// Issues points, or imports a partner's; may live in the node.
    #[wincode(tag = 1)]
    Issuer,
    /// Enrols members, redeems, and acts for the members in the merchant's custody; may live in the node.
    #[wincode(tag = 2)]
    Acceptor,
    /// Reports and confirms payments, opens and answers disputes; never lives in a node.
    #[wincode(tag = 3)]
    Treasurer,
    /// Opens point classes and announces anchors, manages the merchant's keys and its stores' limits, speaks for joint acts;
    /// never lives in a node.
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
