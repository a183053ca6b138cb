//! Governance: the parameters as they are, what was proposed, and what is coming and when.

use serde::Serialize;
use tally_contracts::encoding;
use tally_contracts::genesis::Parameters;
use tally_contracts::governance::change::{Change, parameters_hash};
use tally_contracts::governance::{Proposal, ProposalState, epochs};
use tally_contracts::membership::{Merchant, Phase};
use tally_contracts::points::PointClass;
use tally_contracts::state::{Key as _, read, read_range, tag};
use tally_contracts::types::{ClassId, Hash, Height, MerchantId, Rate, Reference};
use utoipa::ToSchema;

use super::classes::{Listing, MAX_LIST};
use super::page::{Cursor, List, Page, PageRequest, Scope};
use super::{QueryError, Snapshot};

/// The alliance's parameters as they are now; genesis tells what they were at the start.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ParametersView {
    /// What a change of parameters names in `replaces`.
    pub hash: Hash,
    /// The numbers.
    pub parameters: Parameters,
    /// The height that they are as of.
    pub height: Height,
}

/// A change that was proposed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProposalView {
    /// Who proposed it.
    pub merchant: MerchantId,
    /// Under which reference; a vote names both.
    pub reference: Reference,
    /// Whether it can still be voted on at the head's block time.
    pub is_open: bool,
    /// What it is, who voted, and what became of it.
    #[serde(flatten)]
    pub proposal: Proposal,
}

/// Something that will happen by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Notice {
    /// In the first block at or past this time, in ms since 1970; none where a height is named instead.
    pub effective_ms: Option<u64>,
    /// What.
    pub what: NoticeKind,
}

/// What will happen.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A change that passed takes effect.
    Change {
        /// Who proposed it.
        merchant: MerchantId,
        /// Under which reference.
        reference: Reference,
        /// What changes.
        change: Box<Change>,
    },
    /// The points of a class are worth something else.
    Anchor {
        /// The class.
        class: ClassId,
        /// CNY per point until then.
        present: Rate,
        /// CNY per point from then on.
        anchor: Rate,
    },
    /// The run-off of a merchant that leaves ends: its points serve no more.
    RunOff {
        /// Who leaves.
        merchant: MerchantId,
        /// Who will have its members.
        successor: MerchantId,
    },
    /// Other nodes validate.
    Validators {
        /// From this height on.
        from_height: Height,
        /// These merchants', by rising number.
        merchants: Vec<MerchantId>,
    },
}

/// The parameters.
#[must_use]
pub fn parameters(snapshot: &Snapshot<'_>) -> ParametersView {
    let parameters: Parameters = read(snapshot.store, tag::parameters, &()).expect("genesis wrote the parameters");
    ParametersView { hash: parameters_hash(&parameters), parameters, height: snapshot.head.height }
}

/// A page of all proposals, by merchant and reference.
///
/// # Errors
/// [`QueryError`].
pub fn proposals(snapshot: &Snapshot<'_>, page: &PageRequest) -> Result<Page<ProposalView>, QueryError> {
    let scope = Scope::new(List::Proposals, &encoding::encode(&()));
    let (height, position) = page.start(snapshot, scope)?;
    let first = match position {
        None => (MerchantId::POOL, Reference(0)),
        Some(position) if position.len() == 2 + 16 => <(MerchantId, Reference)>::take(&mut &position[..]),
        Some(_) => return Err(QueryError::Cursor),
    };
    let mut found: Vec<((MerchantId, Reference), Proposal)> =
        read_range(snapshot.store, tag::proposals, &first, None, page.limit + 1);
    let next = (found.len() > page.limit).then(|| found.pop()).flatten();
    let next_cursor = next.map(|(key, _)| {
        let mut position = Vec::new();
        key.put(&mut position);
        Cursor { height, position }.encode(scope)
    });
    let view = |((merchant, reference), proposal): ((MerchantId, Reference), Proposal)| ProposalView {
        merchant,
        reference,
        is_open: proposal.state == ProposalState::Open && snapshot.head.time_ms < proposal.voting_ends_ms,
        proposal,
    };
    Ok(Page { items: found.into_iter().map(view).collect(), next_cursor, height: snapshot.head.height })
}

/// Everything that is announced and not in effect yet, the soonest first; validators to come last.
#[must_use]
pub fn notices(snapshot: &Snapshot<'_>) -> Listing<Notice> {
    let mut notices: Vec<Notice> = changes(snapshot);
    notices.extend(anchors(snapshot));
    notices.extend(run_offs(snapshot));
    notices.sort_by_key(|notice| notice.effective_ms);
    notices.extend(validators(snapshot));
    Listing::new(snapshot, notices)
}

fn changes(snapshot: &Snapshot<'_>) -> Vec<Notice> {
    type Waiting = ((u64, MerchantId, Reference), ());
    let first = (0, MerchantId::POOL, Reference(0));
    let waiting: Vec<Waiting> = read_range(snapshot.store, tag::activations, &first, None, MAX_LIST);
    let notice = |((effective_ms, merchant, reference), ()): Waiting| {
        let proposal: Proposal =
            read(snapshot.store, tag::proposals, &(merchant, reference)).expect("what waits was proposed");
        let what = NoticeKind::Change { merchant, reference, change: Box::new(proposal.change) };
        Notice { effective_ms: Some(effective_ms), what }
    };
    waiting.into_iter().map(notice).collect()
}

fn anchors(snapshot: &Snapshot<'_>) -> Vec<Notice> {
    let waiting: Vec<((u64, ClassId), ())> =
        read_range(snapshot.store, tag::anchor_changes, &(0, ClassId(0)), None, MAX_LIST);
    let notice = |((effective_ms, id), ()): ((u64, ClassId), ())| {
        let class: PointClass = read(snapshot.store, tag::classes, &id).expect("classes are not deleted");
        let anchor = class.announced.map_or(class.terms.anchor, |announced| announced.anchor);
        let what = NoticeKind::Anchor { class: id, present: class.terms.anchor, anchor };
        Notice { effective_ms: Some(effective_ms), what }
    };
    waiting.into_iter().map(notice).collect()
}

fn run_offs(snapshot: &Snapshot<'_>) -> Vec<Notice> {
    let all: Vec<(MerchantId, Merchant)> = read_range(snapshot.store, tag::merchants, &MerchantId(0), None, MAX_LIST);
    let notice = |(merchant, record): (MerchantId, Merchant)| match record.phase {
        Phase::RunningOff { until_ms, successor } => {
            Some(Notice { effective_ms: Some(until_ms), what: NoticeKind::RunOff { merchant, successor } })
        }
        _ => None,
    };
    all.into_iter().filter_map(notice).collect()
}

fn validators(snapshot: &Snapshot<'_>) -> Vec<Notice> {
    let to_come = epochs(snapshot.store).into_iter().filter(|(from, _)| *from > snapshot.head.height);
    let notice = |(from_height, set): (Height, tally_contracts::governance::ValidatorSet)| {
        let merchants = set.validators().iter().map(|validator| validator.merchant).collect();
        Notice { effective_ms: None, what: NoticeKind::Validators { from_height, merchants } }
    };
    to_come.map(notice).collect()
}
