//! The overlay: every table of state as the block being executed sees and changes it.

use std::sync::Arc;

use super::table::Rows;
use super::{Store, Table, WriteSet};
use crate::checkpoint::{AnchorPlace, Attestation, Checkpoint, CheckpointClock};
use crate::crypto::PublicKey;
use crate::exchange::{ImportRatio, PairTerms, RateTable, RateVersion};
use crate::execute::{BlockContext, KnownReference};
use crate::genesis::Parameters;
use crate::governance::{Proposal, Protocol, Schedule, ValidatorSet, Voices};
use crate::membership::{Admission, KeyRecord, Member, Merchant, RunOff};
use crate::points::{ClassTotals, Hold, Holdings, LatestMovements, PointClass, StoreLimits};
use crate::pool::{Contribution, Distribution, Referral};
use crate::settlement::{Dispute, Gross, Leg, PairNet, Position, Statement};
use crate::types::{
    Address, ClassId, Day, Fen, Hash, Height, MerchantId, Month, Obligation, Points, Reference, StoreId,
};

/// Most records of one table that stay in memory between blocks, of some 200 bytes each.
const MAX_CACHED_ROWS: usize = 1 << 20;
/// The lists of what falls due at a time, which their keys start with.
pub const WORK_LISTS: [u8; 7] = [
    tag::activations,
    tag::run_offs,
    tag::hold_timeouts,
    tag::buy_outs,
    tag::anchor_changes,
    tag::leg_deadlines,
    tag::dispute_deadlines,
];

/// Whether the records of a table are of use to the next block: a reference is new, and lists are asked for what the store
/// has next.
fn is_cached(tag: u8) -> bool {
    tag != tag::references && tag != tag::expiring && !WORK_LISTS.contains(&tag)
}

/// Defines the overlay from its list of tables by rising number: number (the tag byte in the store, not reused within a version of
/// the block), name, key and record.
macro_rules! tables {
    ($($(#[$doc:meta])+ $tag:literal $name:ident: $key:ty => $record:ty,)+) => {
        /// Tag bytes of the tables, by name; what prefixes a record's key in the store.
        pub mod tag {
            $($(#[$doc])+ #[allow(non_upper_case_globals)] pub const $name: u8 = $tag;)+
            /// Movements, which are the holdings.
            pub const HOLDINGS: u8 = 30;
        }

        /// State as one block sees and changes it. Dropped as a whole, or turned into a [`WriteSet`] at the block's end.
        pub struct Overlay<'a> {
            /// The block being executed.
            pub context: BlockContext<'a>,
            /// Holdings: the versioned rows that are also the movements.
            pub holdings: Holdings<'a>,
            $($(#[$doc])+ pub $name: Table<'a, $key, $record>,)+
        }

        /// Records that execution has met, as of the end of a block: what the next block asks for again need not be read and
        /// decoded again. It changes nothing but the time that a block takes.
        #[derive(Clone, Debug, Default)]
        pub struct Cache {
            holdings: LatestMovements,
            $($name: Rows<$key, $record>,)+
        }

        impl Cache {
            /// Drops what is of no use to the next block, and all of a table of which too much was met.
            fn trim(&mut self) {
                self.holdings.trim(MAX_CACHED_ROWS);
                $(self.$name.trim(if is_cached($tag) { MAX_CACHED_ROWS } else { 0 });)+
            }
        }

        impl<'a> Overlay<'a> {
            /// State as of the parent, about to run a block; `cache` holds records of that state.
            #[must_use]
            pub fn new(store: &'a dyn Store, context: BlockContext<'a>, cache: Cache) -> Self {
                Self {
                    holdings: Holdings::new(store, context.height, cache.holdings),
                    context,
                    $($name: Table::new(store, $tag, cache.$name),)+
                }
            }

            /// Accepts what was changed since the last call.
            pub fn keep(&mut self) {
                self.holdings.keep();
                $(self.$name.keep();)+
            }

            /// Undoes what was changed since the last [`Overlay::keep`].
            pub fn undo(&mut self) {
                self.holdings.undo();
                $(self.$name.undo();)+
            }

            /// What the block changed, and the records that it met.
            #[must_use]
            pub fn finish(mut self) -> (WriteSet, Cache) {
                let rows = self.holdings.added().len() $(+ self.$name.touched())+;
                let mut writes = WriteSet::with_room_for(rows);
                // By rising tag, of which the list leaves out that of the holdings.
                let mut holdings = Some(&mut self.holdings);
                $(
                    if let Some(holdings) = holdings.take_if(|_| $tag > tag::HOLDINGS) {
                        holdings.write(&mut writes);
                    }
                    self.$name.write(&mut writes);
                )+
                let mut cache = Cache {
                    holdings: self.holdings.into_latest(),
                    $($name: self.$name.into_rows(),)+
                };
                cache.trim();
                (writes, cache)
            }
        }
    };
}

tables! {
    /// References used, by the day they carry: `(day, merchant, reference)`. What lies more than 90 days back is never
    /// read again, so a store may drop it at any time.
    /// The first table, for a store that compacts two others rewrites what lies between them.
    1 references: (Day, MerchantId, Reference) => KnownReference,
    /// What due work has been done.
    2 schedule: () => Schedule,
    /// The alliance's parameters.
    3 parameters: () => Arc<Parameters>,
    /// Who has spoken for a joint act that is not carried out yet, by the hash of its body.
    4 voices: Hash => Voices,
    /// Days that are business days, or not, unlike Monday to Friday.
    5 business_days: Day => bool,
    /// Validators, by the first height that they are for.
    6 epochs: Height => ValidatorSet,
    /// Merchants that joined after the founding.
    7 admissions: MerchantId => Admission,
    /// Changes that were proposed, by merchant and reference of the proposal.
    8 proposals: (MerchantId, Reference) => Proposal,
    /// When changes that passed take effect, in ms since 1970: a work list.
    9 activations: (u64, MerchantId, Reference) => (),
    /// Merchants and partners.
    10 merchants: MerchantId => Merchant,
    /// Operator keys, revoked ones too.
    11 operator_keys: (MerchantId, PublicKey) => KeyRecord,
    /// Members.
    12 members: Address => Member,
    /// What a merchant's stores may do in a day.
    13 store_limits: (MerchantId, StoreId) => StoreLimits,
    /// When run-offs end, in ms since 1970: a work list.
    14 run_offs: (u64, MerchantId) => RunOff,
    /// The version of the protocol; no row for the first.
    15 protocol: () => Protocol,
    /// Point classes.
    20 classes: ClassId => Arc<PointClass>,
    /// Counters of a class, for conservation.
    21 class_totals: ClassId => ClassTotals,
    /// Live points by the last month in which they can be spent, then class.
    22 outstanding: (Month, ClassId) => Points,
    /// Points that members owe, to be repaid from what they earn next; no row for none.
    23 owed: (Address, ClassId) => Points,
    /// Open holds, by the merchant and the reference that placed them.
    24 holds: (MerchantId, Reference) => Hold,
    /// When open holds time out, in ms since 1970: the work list of the time-outs.
    25 hold_timeouts: (u64, MerchantId, Reference) => (),
    /// When holdings of closed classes are bought out, in ms since 1970: a work list.
    26 buy_outs: (u64, ClassId) => (),
    /// Who holds lots that end with a month: the work list of the lapse sweep.
    31 expiring: (Month, ClassId, Address) => (),
    /// The rate table's version; no row for the first.
    32 rates: () => RateTable,
    /// What made each later version.
    33 rate_versions: u32 => RateVersion,
    /// When announced anchors take effect, in ms since 1970: the work list of their changes.
    34 anchor_changes: (u64, ClassId) => (),
    /// Terms of an ordered pair of classes, given up and received, where it has its own.
    35 pairs: (ClassId, ClassId) => PairTerms,
    /// At which ratio a partner's points are imported into a class.
    36 import_ratios: (MerchantId, ClassId) => ImportRatio,
    /// External references that a partner has used, by their hash; never forgotten.
    37 imports: (MerchantId, Hash) => (),
    /// Redeemed today without the member's own consent, in fen. Of past days nothing is read again.
    40 no_consent_used: (Day, Address) => Fen,
    /// Taken today by the custodian from one member's points of another's class, in fen. As above.
    41 custodian_member_used: (Day, ClassId, Address) => Fen,
    /// Taken today by a custodian from points of another's class over all its members, in fen. As above.
    42 custodian_used: (Day, ClassId, MerchantId) => Fen,
    /// Redeemed and held today at a store that has limits, in fen. As above.
    43 store_redeemed: (Day, MerchantId, StoreId) => Fen,
    /// Reversed today at a store that has limits, in fen. As above.
    44 store_refunded: (Day, MerchantId, StoreId) => Fen,
    /// Spent of a grant, by the UTC day of its end and what it is known by. Of ended grants nothing is read again.
    45 grants_used: (Day, Hash) => Points,
    /// Exchanged today by a member over all pairs, in fen. Of past days nothing is read again.
    46 exchanged_by_member: (Day, Address) => Fen,
    /// Exchanged today from one class into another over all members, in fen. As above.
    47 exchanged_by_pair: (Day, ClassId, ClassId) => Fen,
    /// Gross obligations of a cycle by `(debtor, creditor)`.
    50 gross: (Month, MerchantId, MerchantId) => Gross,
    /// What a merchant owes and is owed in the open cycle, and its unconfirmed legs.
    51 positions: MerchantId => Position,
    /// What a merchant owes the alliance pool; stays open across closes.
    52 pool_claims: MerchantId => Obligation,
    /// Remainders below a fen of an unordered pair `(low, high)`, owed by low to high where positive.
    53 carries: (MerchantId, MerchantId) => Obligation,
    /// Closed cycles.
    54 statements: Month => Statement,
    /// How each pair of a closed cycle came out, by `(low, high)`.
    55 pair_nets: (Month, MerchantId, MerchantId) => PairNet,
    /// Payments of a closed cycle, by number from 0 on.
    56 legs: (Month, u16) => Leg,
    /// When unconfirmed legs go to the governors, in ms since 1970: a work list.
    57 leg_deadlines: (u64, Month, u16) => (),
    /// Disputes, by the merchant and the reference of the disputed operation.
    58 disputes: (MerchantId, Reference) => Dispute,
    /// When the clocks of disputes run out, in ms since 1970: a work list.
    59 dispute_deadlines: (u64, MerchantId, Reference) => (),
    /// What merchants contributed in a month.
    60 contributions: (Month, MerchantId) => Contribution,
    /// How the pool was shared out for a month.
    61 distributions: Month => Distribution,
    /// Members that were referred to a merchant.
    62 referrals: (MerchantId, Address) => Referral,
    /// How far checkpoints have come.
    70 checkpoint_clock: () => CheckpointClock,
    /// Blocks that are checkpoints.
    71 checkpoints: Height => Checkpoint,
    /// What merchants vouch for at a checkpoint.
    72 attestations: (Height, MerchantId) => Attestation,
    /// Evidence from outside for a checkpoint, by its hash.
    73 anchors: (Height, Hash) => AnchorPlace,
}
