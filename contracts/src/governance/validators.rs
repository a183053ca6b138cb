//! Validators: which merchants' nodes order blocks, and from which height on.
//!
//! A change is written with the height from which it counts, [`NOTICE_BLOCKS`] ahead. So every node knows the set of a height
//! before it meets a message of that height, and the next set is signed for by the one before.

use serde::Serialize;
use wincode::{SchemaRead, SchemaWrite};

use crate::crypto::PublicKey;
use crate::encoding::{self, Domain};
use crate::genesis::{Genesis, GenesisMerchant};
use crate::state::{Overlay, Store, read_range, tag};
use crate::types::{Hash, Height, MerchantId};

const VALIDATORS: Domain = Domain::new("tally/validators/v1\0");

/// How many blocks after the one that changes the validators the change counts; at least 2, for nodes take up parts of
/// proposals that far ahead of what they have executed.
pub const NOTICE_BLOCKS: u64 = 10;

/// More sets than an alliance ever has: each takes a vote of its merchants.
const MAX_EPOCHS: usize = 1 << 20;

/// One merchant's validator. Every validator has one vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, SchemaWrite, SchemaRead, Serialize)]
pub struct Validator {
    /// The merchant.
    pub merchant: MerchantId,
    /// The key that signs its votes and proposals.
    pub public_key: PublicKey,
    /// The key that signs checkpoints, and nothing else.
    pub cosigner_key: PublicKey,
}

/// The validators of a height, by rising merchant id; never none.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
}

impl ValidatorSet {
    /// These validators, one at least, in any order.
    #[must_use]
    pub fn new(mut validators: Vec<Validator>) -> Self {
        assert!(!validators.is_empty(), "somebody validates");
        validators.sort_unstable();
        Self { validators }
    }

    /// The validators that found the alliance.
    #[must_use]
    pub fn of_genesis(genesis: &Genesis) -> Self {
        let validator = |founder: &GenesisMerchant| Validator {
            merchant: founder.id,
            public_key: founder.validator_key,
            cosigner_key: founder.cosigner_key,
        };
        Self { validators: genesis.merchants.iter().map(validator).collect() }
    }

    /// The validators, by rising merchant id.
    #[must_use]
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// A merchant's validator.
    #[must_use]
    pub fn get(&self, merchant: MerchantId) -> Option<&Validator> {
        self.validators.iter().find(|v| v.merchant == merchant)
    }

    /// Who proposes: the validators take turns by height, and each round passes the turn on.
    #[must_use]
    pub fn proposer(&self, height: Height, round: u32) -> &Validator {
        let turn = (height.0 + u64::from(round)) % self.validators.len() as u64;
        &self.validators[usize::try_from(turn).expect("a remainder below a length fits")]
    }

    /// What a header says of the set.
    #[must_use]
    pub fn hash(&self) -> Hash {
        VALIDATORS.hash(&[&encoding::encode(self)])
    }

    /// The set with one more.
    fn with(&self, validator: Validator) -> Self {
        let mut validators = self.without(validator.merchant).validators;
        validators.push(validator);
        validators.sort_unstable();
        Self { validators }
    }

    /// The set without a merchant's.
    fn without(&self, merchant: MerchantId) -> Self {
        Self { validators: self.validators.iter().filter(|v| v.merchant != merchant).copied().collect() }
    }
}

/// Every set on record with the first height that it is for, by rising height.
#[must_use]
pub fn epochs(store: &dyn Store) -> Vec<(Height, ValidatorSet)> {
    read_range(store, tag::epochs, &Height(0), None, MAX_EPOCHS)
}

/// The set that was announced last; it may be for a height to come.
pub(crate) fn latest(overlay: &mut Overlay<'_>) -> (Height, ValidatorSet) {
    overlay.epochs.scan(&Height(0), &Height(u64::MAX), MAX_EPOCHS).pop().expect("genesis wrote the first")
}

/// Every key of any set on record, those of merchants that have departed included; a key may come several times.
pub(crate) fn keys_on_record(overlay: &mut Overlay<'_>) -> impl Iterator<Item = PublicKey> + use<> {
    let sets = overlay.epochs.scan(&Height(0), &Height(u64::MAX), MAX_EPOCHS);
    let validators = sets.into_iter().flat_map(|(_, set)| set.validators);
    validators.flat_map(|validator| [validator.public_key, validator.cosigner_key])
}

/// The set of a height at or before the block.
pub(crate) fn at(overlay: &mut Overlay<'_>, height: Height) -> ValidatorSet {
    let begun = overlay.epochs.scan(&Height(0), &height.next(), MAX_EPOCHS).pop();
    begun.expect("genesis wrote the first").1
}

/// Lets a merchant's node validate; gives the height from which on it does.
pub(crate) fn add(overlay: &mut Overlay<'_>, validator: Validator) -> Height {
    change(overlay, |set| set.with(validator))
}

/// Ends a merchant's validating; gives the height from which on it does not.
pub(crate) fn remove(overlay: &mut Overlay<'_>, merchant: MerchantId) -> Height {
    change(overlay, |set| set.without(merchant))
}

/// One change a height: each set differs from the one before by one validator.
fn change(overlay: &mut Overlay<'_>, new: impl FnOnce(&ValidatorSet) -> ValidatorSet) -> Height {
    let (last, set) = latest(overlay);
    let earliest = Height(overlay.context.height.0 + NOTICE_BLOCKS);
    let from = earliest.max(last.next());
    overlay.epochs.put(from, new(&set));
    from
}
