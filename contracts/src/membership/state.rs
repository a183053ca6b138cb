//! Records of membership.

use wincode::{SchemaRead, SchemaWrite};

use crate::genesis::Role;
use crate::types::{Fen, MerchantId};

/// A merchant of the alliance.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Merchant {
    /// The most it may owe before it is settled, in fen.
    pub net_debit_cap_fen: Fen,
}

/// The roles of an operator key, in the order of [`Role`].
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct KeyRoles {
    /// What the key may sign.
    pub roles: Vec<Role>,
}

/// A holder of points.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Member {
    /// The merchant that enrolled the member and acts for it.
    pub custodian: MerchantId,
}
