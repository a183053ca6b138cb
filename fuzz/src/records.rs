//! Every record of state, read as what its table holds and written again.
//!
//! A table that has no line here stops the targets at its first record: add it to `tables!`.

use std::fmt::Debug;

use tally_contracts::checkpoint::{AnchorPlace, Attestation, Checkpoint, CheckpointClock};
use tally_contracts::crypto::PublicKey;
use tally_contracts::encoding;
use tally_contracts::exchange::{ImportRatio, PairTerms, RateTable, RateVersion};
use tally_contracts::execute::KnownReference;
use tally_contracts::genesis::Parameters;
use tally_contracts::governance::{Proposal, Protocol, Schedule, ValidatorSet, Voices};
use tally_contracts::membership::{Admission, KeyRecord, Member, Merchant, RunOff};
use tally_contracts::points::{ClassTotals, Hold, Movement, PointClass, StoreLimits};
use tally_contracts::pool::{Contribution, Distribution, Referral};
use tally_contracts::settlement::{Dispute, Gross, Leg, PairNet, Position, Statement};
use tally_contracts::state::{Key, Row, WriteSet, Writes, tag};
use tally_contracts::types::{
    Address, ClassId, Day, Fen, Hash, Height, MerchantId, Month, Obligation, Points, Reference, StoreId,
};
use wincode::config::DefaultConfig;
use wincode::{SchemaReadOwned, SchemaWrite};

/// Matches a table's tag to the types of its key and record.
macro_rules! tables {
    ($($name:ident: $key:ty => $record:ty,)+) => {
        fn reread((key, value): Row<'_>, to: &mut Writes) {
            match key[0] {
                $(tag::$name => again::<$key, $record>(key, value, to),)+
                other => panic!("table {other} has no line in fuzz/src/records.rs"),
            }
        }
    };
}

tables! {
    parameters: () => Parameters,
    schedule: () => Schedule,
    references: (Day, MerchantId, Reference) => KnownReference,
    voices: Hash => Voices,
    business_days: Day => bool,
    epochs: Height => ValidatorSet,
    admissions: MerchantId => Admission,
    proposals: (MerchantId, Reference) => Proposal,
    activations: (u64, MerchantId, Reference) => (),
    run_offs: (u64, MerchantId) => RunOff,
    protocol: () => Protocol,
    buy_outs: (u64, ClassId) => (),
    contributions: (Month, MerchantId) => Contribution,
    distributions: Month => Distribution,
    referrals: (MerchantId, Address) => Referral,
    merchants: MerchantId => Merchant,
    operator_keys: (MerchantId, PublicKey) => KeyRecord,
    members: Address => Member,
    store_limits: (MerchantId, StoreId) => StoreLimits,
    classes: ClassId => PointClass,
    class_totals: ClassId => ClassTotals,
    outstanding: (Month, ClassId) => Points,
    owed: (Address, ClassId) => Points,
    holds: (MerchantId, Reference) => Hold,
    hold_timeouts: (u64, MerchantId, Reference) => (),
    HOLDINGS: MovementKey => Movement,
    expiring: (Month, ClassId, Address) => (),
    rates: () => RateTable,
    rate_versions: u32 => RateVersion,
    anchor_changes: (u64, ClassId) => (),
    pairs: (ClassId, ClassId) => PairTerms,
    import_ratios: (MerchantId, ClassId) => ImportRatio,
    imports: (MerchantId, Hash) => (),
    no_consent_used: (Day, Address) => Fen,
    custodian_member_used: (Day, ClassId, Address) => Fen,
    custodian_used: (Day, ClassId, MerchantId) => Fen,
    store_redeemed: (Day, MerchantId, StoreId) => Fen,
    store_refunded: (Day, MerchantId, StoreId) => Fen,
    grants_used: (Day, Hash) => Points,
    exchanged_by_member: (Day, Address) => Fen,
    exchanged_by_pair: (Day, ClassId, ClassId) => Fen,
    gross: (Month, MerchantId, MerchantId) => Gross,
    positions: MerchantId => Position,
    pool_claims: MerchantId => Obligation,
    carries: (MerchantId, MerchantId) => Obligation,
    statements: Month => Statement,
    pair_nets: (Month, MerchantId, MerchantId) => PairNet,
    legs: (Month, u16) => Leg,
    leg_deadlines: (u64, Month, u16) => (),
    disputes: (MerchantId, Reference) => Dispute,
    dispute_deadlines: (u64, MerchantId, Reference) => (),
    checkpoint_clock: () => CheckpointClock,
    checkpoints: Height => Checkpoint,
    attestations: (Height, MerchantId) => Attestation,
    anchors: (Height, Hash) => AnchorPlace,
}

/// Holder, class, and the complements of height and index, which are as wide as a height and a class.
type MovementKey = ((Address, ClassId), (Height, ClassId));

/// The same writes, each read as the record it is and written again.
///
/// # Panics
/// When a record does not read back as what was written.
#[must_use]
pub fn reread_all(writes: &WriteSet) -> WriteSet {
    let mut again = Writes::default();
    writes.iter().for_each(|row| reread(row, &mut again));
    let again = WriteSet::new(&again);
    assert_eq!(again, *writes, "every record reads back");
    again
}

fn again<K, V>(key: &[u8], value: Option<&[u8]>, to: &mut Writes)
where
    K: Key,
    V: SchemaReadOwned<DefaultConfig, Dst = V> + SchemaWrite<DefaultConfig, Src = V> + Debug,
{
    let mut rest = &key[1..];
    let parsed = K::take(&mut rest);
    assert!(rest.is_empty(), "a key of table {} has {} bytes too many", key[0], rest.len());
    let put_key = |bytes: &mut Vec<u8>| {
        bytes.push(key[0]);
        parsed.put(bytes);
    };
    to.put(put_key, value.map(encoding::decode_own::<V>).as_ref());
}
