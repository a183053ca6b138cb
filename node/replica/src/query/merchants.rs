//! Merchants: where they stand, whose keys act for them, what their stores may do, and which holds are open.

use serde::Serialize;
use tally_contracts::crypto::PublicKey;
use tally_contracts::encoding;
use tally_contracts::genesis::Parameters;
use tally_contracts::governance::{self, Validator};
use tally_contracts::membership::{Admission, KeyRecord, Merchant, Phase};
use tally_contracts::points::{Hold, StoreLimits};
use tally_contracts::settlement::Position;
use tally_contracts::state::{Key, read, read_range, tag};
use tally_contracts::types::{Fen, Height, MerchantId, Obligation, Rate, Reference, StoreId};
use utoipa::ToSchema;
use wincode::SchemaReadOwned;
use wincode::config::DefaultConfig;

use super::classes::{Listing, MAX_LIST};
use super::limits::room;
use super::page::{Cursor, List, Page, PageRequest, Scope};
use super::{Missing, QueryError, Snapshot};

/// A merchant, or a partner.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MerchantView {
    /// Its number.
    pub id: MerchantId,
    /// Its name for people.
    pub name: Option<String>,
    /// Whether it is a partner: no merchant, but a participant of settlement whose points are imported.
    pub is_partner: bool,
    /// What it trades in: a code of GB/T 4754, 0 for none.
    pub industry: u16,
    /// The most it may owe before it is settled, beside its collateral.
    pub net_debit_cap_fen: Fen,
    /// What it has posted; of a partner, what it has prefunded.
    pub collateral_fen: Fen,
    /// Where it stands in the open cycle.
    pub position: Position,
    /// What of cap and collateral is used, in 10^-8 CNY.
    pub net_debit: Obligation,
    /// How much more it may come to owe.
    pub room_fen: Fen,
    /// Whether it has used so much of cap and collateral that it should settle, or post more
    /// (`parameters.settlement.cap_warning`).
    pub cap_warning: bool,
    /// What it owes the alliance pool, in 10^-8 CNY.
    pub pool_claim: Obligation,
    /// How many parts of the pool's base it has.
    pub base_share: u16,
    /// Whether it issues no points and has no voice for now.
    pub is_suspended: bool,
    /// Whether it stays, leaves, or has left.
    pub phase: Phase,
    /// How it joined, where that was after the founding.
    pub admission: Option<Admission>,
}

/// Validators, and from which height on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EpochView {
    /// The first height that they validate; until the next entry's.
    pub from_height: Height,
    /// By rising merchant number.
    pub validators: Vec<ValidatorView>,
}

/// A merchant's validator.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ValidatorView {
    /// The merchant.
    pub merchant: MerchantId,
    /// Its name for people.
    pub name: Option<String>,
    /// The key that signs its votes and proposals.
    pub public_key: PublicKey,
}

/// An operator key.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// The key.
    pub public_key: PublicKey,
    /// Its roles, its store, and the block that revoked it.
    #[serde(flatten)]
    pub record: KeyRecord,
}

/// A store that has limits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StoreView {
    /// Its number.
    pub store_id: StoreId,
    /// What it may do in a day.
    #[serde(flatten)]
    pub limits: StoreLimits,
    /// Redeemed and held on the local day of the head's block time, in fen.
    pub redeemed_fen: Fen,
    /// Reversed on that day, in fen.
    pub refunded_fen: Fen,
}

/// An open hold. One whose time is over stays until the next block.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HoldView {
    /// The merchant that placed it, and can capture or void it.
    pub merchant: MerchantId,
    /// The reference it was placed under, by which it is captured or voided.
    pub reference: Reference,
    /// What it holds.
    #[serde(flatten)]
    pub hold: Hold,
}

/// Every merchant.
#[must_use]
pub fn merchants(snapshot: &Snapshot<'_>) -> Listing<MerchantView> {
    let all: Vec<(MerchantId, Merchant)> = read_range(snapshot.store, tag::merchants, &MerchantId(0), None, MAX_LIST);
    let parameters: Parameters = read(snapshot.store, tag::parameters, &()).expect("genesis wrote the parameters");
    let warning = parameters.settlement.cap_warning;
    let view = |(id, merchant): (MerchantId, Merchant)| {
        let position: Position = read(snapshot.store, tag::positions, &id).unwrap_or_default();
        MerchantView {
            id,
            name: name_of(snapshot, id),
            is_partner: merchant.is_partner,
            industry: merchant.industry,
            net_debit_cap_fen: merchant.net_debit_cap_fen,
            collateral_fen: merchant.collateral_fen,
            position,
            net_debit: position.net_debit(),
            room_fen: room(&merchant, &position),
            cap_warning: is_warned(&merchant, &position, warning),
            pool_claim: read(snapshot.store, tag::pool_claims, &id).unwrap_or_default(),
            base_share: merchant.base_share,
            is_suspended: merchant.is_suspended,
            phase: merchant.phase,
            admission: read(snapshot.store, tag::admissions, &id),
        }
    };
    Listing::new(snapshot, all.into_iter().map(view).collect())
}

/// Whether a merchant's net debit has come to a part of what it may be at most.
fn is_warned(record: &Merchant, position: &Position, part: Rate) -> bool {
    let (used, limit) = (position.net_debit().0, record.net_debit_limit().0);
    used > 0 && used * i128::from(Rate::ONE) >= limit * i128::from(part.millionths())
}

/// The name that genesis gives a merchant or partner, or its admission a merchant that joined later.
pub(super) fn name_of(snapshot: &Snapshot<'_>, id: MerchantId) -> Option<String> {
    let merchants = snapshot.genesis.merchants.iter().map(|m| (m.id, &m.name));
    let partners = snapshot.genesis.partners.iter().map(|p| (p.id, &p.name));
    let founding = merchants.chain(partners).find(|(known, _)| *known == id).map(|(_, name)| name.clone());
    founding.or_else(|| read(snapshot.store, tag::admissions, &id).map(|admission: Admission| admission.name))
}

/// Every set of validators that was announced, by the height from which it is in force; the last of them may be to come.
#[must_use]
pub fn epochs(snapshot: &Snapshot<'_>) -> Listing<EpochView> {
    let view = |validator: &Validator| ValidatorView {
        merchant: validator.merchant,
        name: name_of(snapshot, validator.merchant),
        public_key: validator.public_key,
    };
    let epochs = governance::epochs(snapshot.store)
        .into_iter()
        .map(|(from_height, set)| EpochView { from_height, validators: set.validators().iter().map(view).collect() });
    Listing::new(snapshot, epochs.collect())
}

/// A page of a merchant's operator keys by rising bytes, revoked ones too.
///
/// # Errors
/// [`QueryError`].
pub fn keys(snapshot: &Snapshot<'_>, merchant: MerchantId, page: &PageRequest) -> Result<Page<KeyView>, QueryError> {
    let found = page_of(snapshot, (List::Keys, tag::operator_keys), merchant, page)?;
    Ok(found.map(|(public_key, record)| KeyView { public_key, record }))
}

/// A page of a merchant's stores that have limits, by rising number, with what of them is used.
///
/// # Errors
/// [`QueryError`].
pub fn stores(
    snapshot: &Snapshot<'_>,
    merchant: MerchantId,
    page: &PageRequest,
) -> Result<Page<StoreView>, QueryError> {
    let found = page_of(snapshot, (List::Stores, tag::store_limits), merchant, page)?;
    let day = snapshot.calendar().day(snapshot.head.time_ms);
    let used = |tag, store_id| read(snapshot.store, tag, &(day, merchant, store_id)).unwrap_or_default();
    Ok(found.map(|(store_id, limits)| StoreView {
        store_id,
        limits,
        redeemed_fen: used(tag::store_redeemed, store_id),
        refunded_fen: used(tag::store_refunded, store_id),
    }))
}

/// A page of a merchant's open holds, by rising reference: those placed first come first.
///
/// # Errors
/// [`QueryError`].
pub fn holds(snapshot: &Snapshot<'_>, merchant: MerchantId, page: &PageRequest) -> Result<Page<HoldView>, QueryError> {
    let found = page_of(snapshot, (List::Holds, tag::holds), merchant, page)?;
    Ok(found.map(|(reference, hold)| HoldView { merchant, reference, hold }))
}

/// A page of the records of a table that lie under a merchant, by rising key, as they are now.
fn page_of<K, V>(
    snapshot: &Snapshot<'_>,
    (list, tag): (List, u8),
    merchant: MerchantId,
    page: &PageRequest,
) -> Result<Page<(K, V)>, QueryError>
where
    K: Key + Default,
    V: SchemaReadOwned<DefaultConfig, Dst = V>,
{
    require_merchant(snapshot, merchant)?;
    let scope = Scope::new(list, &encoding::encode(&merchant));
    let (height, position) = page.start(snapshot, scope)?;
    let first = match position {
        None => K::default(),
        Some(position) if position.len() == size_of::<K>() => K::take(&mut &position[..]),
        Some(_) => return Err(QueryError::Cursor),
    };
    let end = merchant.0.checked_add(1).map(|next| (MerchantId(next), K::default()));
    let mut found: Vec<((MerchantId, K), V)> =
        read_range(snapshot.store, tag, &(merchant, first), end.as_ref(), page.limit + 1);
    let next = (found.len() > page.limit).then(|| found.pop()).flatten();
    let next_cursor = next.map(|((_, key), _)| {
        let mut position = Vec::new();
        key.put(&mut position);
        Cursor { height, position }.encode(scope)
    });
    let items = found.into_iter().map(|((_, key), record)| (key, record)).collect();
    Ok(Page { items, next_cursor, height: snapshot.head.height })
}

/// Refuses whoever is no participant of the alliance: its merchants are, and the pool.
pub(super) fn require_participant(snapshot: &Snapshot<'_>, id: MerchantId) -> Result<(), QueryError> {
    if id == MerchantId::POOL { Ok(()) } else { require_merchant(snapshot, id) }
}

pub(super) fn require_merchant(snapshot: &Snapshot<'_>, id: MerchantId) -> Result<(), QueryError> {
    let merchant: Option<Merchant> = read(snapshot.store, tag::merchants, &id);
    merchant.map(drop).ok_or(QueryError::NotFound(Missing::Merchant(id)))
}
