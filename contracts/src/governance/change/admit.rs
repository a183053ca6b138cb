//! A merchant joins.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use super::{Act, Subject};
use crate::crypto::{PublicKey, Signature};
use crate::encoding::{self, Domain};
use crate::genesis::{MAX_CAP_FEN, MAX_MERCHANTS, OperatorKey, Role};
use crate::governance::{self, Validator, validators};
use crate::membership::{Admission, Criteria, Merchant, Phase, found};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{ChainId, Fen, MerchantId};

const ATTESTATION: Domain = Domain::new("tally/attestation/v1\0");

/// Bytes of a merchant's name, at most.
const MAX_NAME_BYTES: usize = 100;
/// Operator keys that a merchant joins with, at most; it adds others itself.
const MAX_OPERATOR_KEYS: usize = 16;

/// Admits a merchant. Its node may connect and follow at once, and validates some blocks later.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Admit {
    /// Its number, not taken yet.
    pub merchant: MerchantId,
    /// A name for people, 1 to 100 bytes.
    pub name: String,
    /// The key that signs its node's votes and proposals.
    pub validator_key: PublicKey,
    /// The key that signs checkpoints, and nothing else.
    pub cosigner_key: PublicKey,
    /// The Ed25519 key of its node's libp2p identity.
    pub network_key: PublicKey,
    /// The keys that sign its transactions; one of them a governor's for all stores.
    pub operator_keys: Vec<OperatorKey>,
    /// The most it may owe before it is settled, in fen.
    pub net_debit_cap_fen: Fen,
    /// How many parts of the pool's base it has.
    pub base_share: u16,
    /// What it is admitted on.
    pub criteria: Criteria,
    /// Who attests that.
    pub attester: PublicKey,
    /// The attester's signature over [`attested_bytes`].
    pub attestation: Signature,
}

/// What an attester signs: SHA-256 over `tally/attestation/v1\0`, chain id, and the canonical bytes of merchant, name,
/// validator key and criteria.
#[must_use]
pub fn attested_bytes(chain_id: &ChainId, admit: &Admit) -> [u8; 32] {
    let stated = (admit.merchant, &admit.name, admit.validator_key, admit.criteria);
    ATTESTATION.hash(&[&chain_id.0, &encoding::encode(&stated)]).0
}

impl Act for Admit {
    fn subject(&self) -> Subject {
        Subject::Merchant(self.merchant)
    }

    fn check_stateless(&self) -> Result<(), &'static str> {
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES {
            return Err("a merchant's name has 1 to 100 bytes");
        }
        if self.operator_keys.is_empty() || self.operator_keys.len() > MAX_OPERATOR_KEYS {
            return Err("a merchant joins with 1 to 16 operator keys");
        }
        let operators = self.operator_keys.iter().map(|key| key.public_key);
        let mut keys: Vec<PublicKey> =
            operators.chain([self.validator_key, self.cosigner_key, self.network_key]).collect();
        if keys.iter().any(|key| key.check().is_err()) {
            return Err("a key of the new merchant is not a usable Ed25519 key");
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        if keys.len() < count {
            return Err("a key of the new merchant appears twice");
        }
        if !self.operator_keys.iter().all(|key| Role::is_set(&key.roles)) {
            return Err("roles must be given, each once and in order");
        }
        let is_governor = |key: &OperatorKey| key.store_id.is_none() && key.roles.contains(&Role::Governor);
        if self.operator_keys.iter().any(is_governor) { Ok(()) } else { Err("one key must be a governor's") }
    }

    /// # Errors
    /// `merchant_exists` (also a partner, or one that has left), `parameters_out_of_bounds` (id 0 or 65535, a cap past 10^13
    /// CNY, or too many merchants), `key_exists` (a key of a node that is on record already, if
    /// only of a merchant that has departed), `below_criteria`, `not_attested`.
    fn judge(&self, overlay: &mut Overlay<'_>, _: MerchantId) -> Result<(), Rejection> {
        if overlay.merchants.get(&self.merchant).is_some() {
            return Err(Rejection::MerchantExists);
        }
        let participants = overlay.merchants.scan(&MerchantId::POOL, &MerchantId(u16::MAX), MAX_MERCHANTS).len();
        let is_reserved = [MerchantId::POOL, MerchantId(u16::MAX)].contains(&self.merchant);
        if is_reserved || self.net_debit_cap_fen > MAX_CAP_FEN || participants >= MAX_MERCHANTS {
            return Err(Rejection::ParametersOutOfBounds);
        }
        let validating = validators::keys_on_record(overlay);
        let joined = overlay.admissions.scan(&MerchantId::POOL, &MerchantId(u16::MAX), MAX_MERCHANTS);
        let joining = joined.iter().map(|(_, admission)| admission.network_key);
        let own = [self.validator_key, self.cosigner_key, self.network_key];
        if validating.chain(joining).any(|key| own.contains(&key)) {
            return Err(Rejection::KeyExists);
        }
        let parameters = governance::parameters(overlay);
        let wanted = &parameters.admission;
        let Criteria { annual_revenue_fen, members, .. } = self.criteria;
        if annual_revenue_fen < wanted.min_annual_revenue_fen || members < wanted.min_members {
            return Err(Rejection::BelowCriteria);
        }
        let stated = attested_bytes(&overlay.context.chain_id, self);
        let is_attested =
            wanted.attesters.contains(&self.attester) && self.attester.verify(&stated, &self.attestation).is_ok();
        if is_attested { Ok(()) } else { Err(Rejection::NotAttested) }
    }

    fn carry_out(&self, overlay: &mut Overlay<'_>) {
        let merchant = Merchant {
            is_partner: false,
            industry: self.criteria.industry,
            net_debit_cap_fen: self.net_debit_cap_fen,
            collateral_fen: Fen(0),
            governor_keys: 0,
            base_share: self.base_share,
            is_suspended: false,
            phase: Phase::Staying,
        };
        found(overlay, self.merchant, &self.operator_keys, merchant);
        let (public_key, cosigner_key) = (self.validator_key, self.cosigner_key);
        let validator = Validator { merchant: self.merchant, public_key, cosigner_key };
        let from_height = validators::add(overlay, validator);
        let admission = Admission {
            name: self.name.clone(),
            validator_key: self.validator_key,
            network_key: self.network_key,
            criteria: self.criteria,
            attester: self.attester,
            from_height,
        };
        overlay.admissions.put(self.merchant, admission);
    }
}
