//! Checkpoints: what merchants vouch for, as they signed it, and the evidence from outside (ADR 0012).

use serde::Serialize;
use tally_contracts::checkpoint::{
    AnchorPlace, Attestation, Checkpoint, CheckpointClock, CheckpointSignatures, Roots, StateHead, TreeHead,
    checkpoint_text, cosigner_name, most_attested, needed, origin, state_text,
};
use tally_contracts::crypto::PublicKey;
use tally_contracts::governance::{ValidatorSet, epochs};
use tally_contracts::state::{Store, read, read_range, tag};
use tally_contracts::types::{ChainId, Hash, Height, MerchantId};
use tally_ledger::note::{MAX_SIGNATURES, NoteSignature, SignatureType, SignedNote, VerifierKey};
use utoipa::ToSchema;

use super::page::{Cursor, List, Page, PageRequest, Scope};
use super::{Missing, QueryError, Snapshot};

/// More than there are merchants.
const MAX_ATTESTATIONS: usize = 1 << 10;

/// A checkpoint with what is known of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CheckpointView {
    /// The block.
    pub height: Height,
    /// Its time, and the log after it.
    #[serde(flatten)]
    pub checkpoint: Checkpoint,
    /// The roots that most merchants attested; none where nobody has.
    pub roots: Option<Roots>,
    /// Merchants that attested these roots, by rising id.
    pub attested_by: Vec<MerchantId>,
    /// Merchants that attested others: one of their nodes has diverged, or lies.
    pub differing: Vec<MerchantId>,
    /// How many make it final.
    pub needed: u16,
    /// Whether it is.
    pub is_final: bool,
    /// The checkpoint of the log as a signed note; none where nobody has attested it.
    pub log_note: Option<String>,
    /// The state note, signed by those who attested the roots; none where nobody has.
    pub state_note: Option<String>,
    /// Evidence from outside.
    pub anchors: Vec<AnchorView>,
}

/// Where evidence stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct AnchorView {
    /// The evidence, by its hash.
    pub evidence: Hash,
    /// The operation that brought it.
    #[serde(flatten)]
    pub place: AnchorPlace,
}

/// What is on record of a checkpoint.
pub struct Attested {
    /// The block.
    pub height: Height,
    /// Its time, and the log after it.
    pub checkpoint: Checkpoint,
    /// The validators of its height, whose cosigner keys count.
    pub validators: ValidatorSet,
    /// What merchants attested, by rising id.
    pub attestations: Vec<(MerchantId, Attestation)>,
}

impl Attested {
    /// What is on record of a checkpoint; none where the block is none.
    #[must_use]
    pub fn read(store: &dyn Store, height: Height) -> Option<Self> {
        let checkpoint = read(store, tag::checkpoints, &height)?;
        let validators = validators_at(store, height);
        let (start, end) = ((height, MerchantId::POOL), (height.next(), MerchantId::POOL));
        let rows = read_range(store, tag::attestations, &start, Some(&end), MAX_ATTESTATIONS);
        let attestations = rows.into_iter().map(|((_, merchant), attestation)| (merchant, attestation)).collect();
        Some(Self { height, checkpoint, validators, attestations })
    }

    /// The roots that most merchants attested, of equally many those of the lowest id; and how many they are.
    fn most(&self) -> Option<(Roots, u16)> {
        most_attested(self.attestations.iter().map(|(_, attestation)| attestation.roots))
    }

    /// These roots.
    #[must_use]
    pub fn roots(&self) -> Option<Roots> {
        self.most().map(|(roots, _)| roots)
    }

    /// The checkpoint of the log, cosigned by those that attested it, as many as make it final, and signed by them for the
    /// log, as many as a note has room for. None where nobody has attested it.
    #[must_use]
    pub fn log_note(&self, chain_id: &ChainId) -> Option<SignedNote> {
        let time_s = self.checkpoint.time_ms / 1_000;
        let enough = usize::from(needed(&self.validators)).min(MAX_SIGNATURES - 1);
        let cosigned = self.signatures(|merchant, key, signatures| {
            let key = VerifierKey::new(&cosigner_name(chain_id, merchant), SignatureType::Cosignature, key).ok()?;
            NoteSignature::cosignature(&key, time_s, &signatures.cosigner).ok()
        });
        let cosigned: Vec<NoteSignature> = cosigned.take(enough).collect();
        let signed = self.signatures(|_, key, signatures| {
            let key = VerifierKey::new(&origin(chain_id), SignatureType::Ed25519, key).ok()?;
            NoteSignature::plain(&key, &signatures.log).ok()
        });
        let signatures = signed.take(MAX_SIGNATURES - cosigned.len()).chain(cosigned).collect();
        SignedNote::new(checkpoint_text(chain_id, &self.log()), signatures).ok()
    }

    /// The state note of some roots, signed by those that attested them, as many as a note has room for. None where nobody
    /// has.
    #[must_use]
    pub fn state_note(&self, chain_id: &ChainId, roots: &Roots) -> Option<SignedNote> {
        let Checkpoint { time_ms, log_size, .. } = self.checkpoint;
        let Roots { state_root, erc1155_root } = *roots;
        let head = StateHead { height: self.height, time_ms, log_size, state_root, erc1155_root };
        let signed = self.attestations.iter().filter(|(_, attestation)| attestation.roots == *roots);
        let line = |(merchant, attestation): &(MerchantId, Attestation)| {
            let key = self.validators.get(*merchant)?.cosigner_key;
            let key = VerifierKey::new(&cosigner_name(chain_id, *merchant), SignatureType::Ed25519, key).ok()?;
            NoteSignature::plain(&key, &attestation.signatures.state).ok()
        };
        let signatures = signed.filter_map(line).take(MAX_SIGNATURES).collect();
        SignedNote::new(state_text(chain_id, &head), signatures).ok()
    }

    /// A line of each merchant that attested.
    fn signatures(
        &self,
        line: impl Fn(MerchantId, PublicKey, &CheckpointSignatures) -> Option<NoteSignature>,
    ) -> impl Iterator<Item = NoteSignature> {
        self.attestations.iter().filter_map(move |(merchant, attestation)| {
            line(*merchant, self.validators.get(*merchant)?.cosigner_key, &attestation.signatures)
        })
    }

    /// The log after the block.
    #[must_use]
    pub const fn log(&self) -> TreeHead {
        TreeHead { size: self.checkpoint.log_size, root: self.checkpoint.log_root }
    }

    /// Whether enough merchants attested the same roots.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.most().is_some_and(|(_, attested)| attested >= needed(&self.validators))
    }
}

/// The validators of a height up to the head's.
#[must_use]
pub fn validators_at(store: &dyn Store, height: Height) -> ValidatorSet {
    let begun = epochs(store).into_iter().take_while(|(from, _)| *from <= height.max(Height(1)));
    begun.last().expect("genesis wrote the first set").1
}

/// The latest final checkpoint.
#[must_use]
pub fn latest_final(store: &dyn Store) -> Option<Height> {
    read::<_, CheckpointClock>(store, tag::checkpoint_clock, &())?.latest_final
}

/// A checkpoint.
///
/// # Errors
/// `NotFound`.
pub fn checkpoint(snapshot: &Snapshot<'_>, height: Height) -> Result<CheckpointView, QueryError> {
    let attested = Attested::read(snapshot.store, height).ok_or(QueryError::NotFound(Missing::Checkpoint(height)))?;
    Ok(view(snapshot, &attested))
}

fn view(snapshot: &Snapshot<'_>, attested: &Attested) -> CheckpointView {
    let chain_id = snapshot.genesis.chain_id();
    let roots = attested.roots();
    let (alike, differing): (Vec<_>, Vec<_>) =
        attested.attestations.iter().partition(|(_, attestation)| Some(attestation.roots) == roots);
    let ids = |attestations: Vec<&(MerchantId, Attestation)>| attestations.into_iter().map(|(id, _)| *id).collect();
    let anchors = anchors(snapshot.store, Some(attested.height));
    CheckpointView {
        height: attested.height,
        checkpoint: attested.checkpoint,
        roots,
        attested_by: ids(alike),
        differing: ids(differing),
        needed: needed(&attested.validators),
        is_final: attested.is_final(),
        log_note: attested.log_note(&chain_id).map(|note| note.to_string()),
        state_note: roots.and_then(|roots| attested.state_note(&chain_id, &roots)).map(|note| note.to_string()),
        anchors: anchors.into_iter().map(|((_, evidence), place)| AnchorView { evidence, place }).collect(),
    }
}

/// Evidence on record by checkpoint and hash: of one checkpoint, or of all.
#[must_use]
pub fn anchors(store: &dyn Store, of: Option<Height>) -> Vec<((Height, Hash), AnchorPlace)> {
    let (start, end) = of.map_or((Height(0), None), |height| (height, Some((height.next(), Hash::ZERO))));
    read_range(store, tag::anchors, &(start, Hash::ZERO), end.as_ref(), usize::MAX)
}

/// A page of the checkpoints, the oldest first.
///
/// # Errors
/// [`QueryError::Cursor`].
pub fn list(snapshot: &Snapshot<'_>, page: &PageRequest) -> Result<Page<CheckpointView>, QueryError> {
    let scope = Scope::new(List::Checkpoints, &[]);
    let (height, position) = page.start(snapshot, scope)?;
    let first = match position.as_deref() {
        None => Height(0),
        Some(position) => Height(u64::from_be_bytes(position.try_into().map_err(|_| QueryError::Cursor)?)),
    };
    let mut found: Vec<(Height, Checkpoint)> =
        read_range(snapshot.store, tag::checkpoints, &first, None, page.limit + 1);
    let next = (found.len() > page.limit).then(|| found.pop()).flatten();
    let next_cursor = next.map(|(next, _)| Cursor { height, position: next.0.to_be_bytes().into() }.encode(scope));
    let attested = found.into_iter().filter_map(|(height, _)| Attested::read(snapshot.store, height));
    let items = attested.map(|attested| view(snapshot, &attested)).collect();
    Ok(Page { items, next_cursor, height: snapshot.head.height })
}
