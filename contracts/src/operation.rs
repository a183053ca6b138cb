//! An operation: one act under one reference, and the kinds of act there are.
//!
//! To read the table at [`kinds`](self) is to know what can be done: number, name, role and record of each kind. What a kind
//! does is in its own file, behind the trait [`Verb`]; the rules are on one page, `docs/rules.md`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

use crate::authorization::Authorization;
use crate::crypto::SignatureError;
use crate::encoding::{self, Domain};
use crate::genesis::Role;
use crate::points::Standing;
use crate::receipt::{self, Applied};
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, ClassId, Hash, MerchantId, Reference, StoreId, TillId};
use crate::{checkpoint, exchange, governance, membership, points, pool, settlement};

/// What the index of references remembers of an operation.
const OPERATION: Domain = Domain::new("tally/operation/v1\0");

/// One act.
#[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The merchant's own name for it, mandatory and unique.
    pub reference: Reference,
    /// Where a till acts: its store and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub till: Option<Till>,
    /// What is done.
    pub body: Body,
    /// The member's own word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
}

/// A till, by the merchant's own codes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Till {
    /// The store.
    pub store_id: StoreId,
    /// The till within the store.
    pub till_id: TillId,
}

/// Which authorizations a kind takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// None: the merchant's own key suffices.
    Nothing,
    /// A wallet's, or none.
    Wallet,
    /// A wallet's, and never none.
    WalletAlways,
    /// A wallet's, a spend grant, or none.
    WalletOrGrant,
}

/// Who submitted an operation, and the operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub merchant: MerchantId,
    pub operation: &'a Operation,
}

impl Caller<'_> {
    /// The store of its till.
    pub(crate) fn store_id(&self) -> Option<StoreId> {
        self.operation.till.map(|till| till.store_id)
    }
}

/// What an applied operation leaves: its receipt, and what of it a later operation may take up.
pub(crate) struct Done {
    pub applied: Applied,
    pub standing: Standing,
}

impl From<Applied> for Done {
    fn from(applied: Applied) -> Self {
        Self { applied, standing: Standing::Nothing }
    }
}

/// What every kind answers, in its own file.
pub(crate) trait Verb {
    /// Most bytes of its `Applied`'s fields.
    const MAX_RECEIPT_BYTES: usize;

    /// Which authorizations it takes.
    const TAKES: Takes = Takes::Nothing;

    /// The rules that its bytes alone decide.
    ///
    /// # Errors
    /// The broken rule, as a sentence.
    fn check_stateless(&self) -> Result<(), &'static str> {
        Ok(())
    }

    /// The point class it is about, where the body says it (the source of an exchange).
    fn class(&self) -> Option<ClassId> {
        None
    }

    /// The members that it is about, where the body names them.
    fn members(&self) -> Vec<Address> {
        Vec::new()
    }

    /// Judges it against state and carries it out; what it changed is undone when it is refused.
    ///
    /// # Errors
    /// The first rule that it breaks, in the order of `docs/rules.md`.
    fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection>;
}

/// Defines [`Body`] from its table of number, variant, stable name, role and record.
macro_rules! kinds {
    ($($number:literal $variant:ident $name:literal $role:expr => $record:ty, $doc:literal;)+) => {
        /// The kinds of operation. A number is never given to another kind; one unknown to the version does not decode.
        #[derive(Clone, Debug, PartialEq, Eq, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum Body {
            $(
                #[doc = $doc]
                #[wincode(tag = $number)]
                $variant($record),
            )+
        }

        impl Body {
            /// Every kind, by number, with its stable name.
            pub const KINDS: &[(u8, &str)] = &[$(($number, $name)),+];

            /// The number of the kind.
            #[must_use]
            pub const fn number(&self) -> u8 {
                match self { $(Self::$variant(_) => $number),+ }
            }

            /// The stable name of the kind, as JSON has it.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),+ }
            }

            /// The role that the signing key needs; setting the clock takes a clock key of genesis instead.
            #[must_use]
            pub const fn required_role(&self) -> Option<Role> {
                match self { $(Self::$variant(_) => $role),+ }
            }

            /// Most bytes of the operation's receipt.
            #[must_use]
            pub const fn max_receipt_bytes(&self) -> usize {
                receipt::max_bytes(match self { $(Self::$variant(_) => <$record>::MAX_RECEIPT_BYTES),+ })
            }

            /// The point class that the operation is about, where it says it (the source of an exchange).
            #[must_use]
            pub fn class(&self) -> Option<ClassId> {
                match self { $(Self::$variant(o) => o.class()),+ }
            }

            /// The members that the operation is about, where it names them; see also
            /// [`Applied::holding`](crate::receipt::Applied::holding).
            #[must_use]
            pub fn members(&self) -> Vec<Address> {
                match self { $(Self::$variant(o) => o.members()),+ }
            }

            /// The rules on an operation that its bytes alone decide.
            ///
            /// # Errors
            /// The broken rule, as a sentence.
            pub fn check_stateless(&self) -> Result<(), &'static str> {
                match self { $(Self::$variant(o) => o.check_stateless()),+ }
            }

            const fn takes(&self) -> Takes {
                match self { $(Self::$variant(_) => <$record>::TAKES),+ }
            }

            pub(crate) fn execute(&self, overlay: &mut Overlay<'_>, caller: &Caller<'_>) -> Result<Done, Rejection> {
                match self { $(Self::$variant(o) => o.execute(overlay, caller)),+ }
            }
        }
    };
}

kinds! {
    1 SetClock "set_clock" None => governance::SetClock, "Sets the simulated clock.";
    2 CreateClass "create_class" Some(Role::Governor) => points::CreateClass, "Opens a point class.";
    3 AddKey "add_key" Some(Role::Governor) => membership::AddKey, "Adds an operator key.";
    4 RevokeKey "revoke_key" Some(Role::Governor) => membership::RevokeKey, "Revokes an operator key.";
    5 RotateKey "rotate_key" Some(Role::Governor) => membership::RotateKey, "Replaces an operator key.";
    6 SetStoreLimits "set_store_limits" Some(Role::Governor) => points::SetStoreLimits, "Bounds what a store does in a day.";
    7 AnnounceAnchor "announce_anchor" Some(Role::Governor) => exchange::AnnounceAnchor, "Announces what a point will be worth.";
    8 SetBusinessDays "set_business_days" Some(Role::Governor) => governance::SetBusinessDays, "Puts days into the calendar, jointly.";
    9 SetCollateral "set_collateral" Some(Role::Governor) => settlement::SetCollateral, "Puts posted collateral on record, jointly.";
    10 Enrol "enrol" Some(Role::Acceptor) => membership::Enrol, "Enrols a member into the merchant's custody.";
    11 EnrolWallet "enrol_wallet" Some(Role::Acceptor) => membership::EnrolWallet, "Enrols a member by its own key.";
    12 RegisterWallet "register_wallet" Some(Role::Acceptor) => membership::RegisterWallet, "Puts a member's first wallet key on record.";
    13 RotateWallet "rotate_wallet" Some(Role::Acceptor) => membership::RotateWallet, "Replaces a wallet key by the old one's word.";
    14 RecoverWallet "recover_wallet" Some(Role::Acceptor) => membership::RecoverWallet, "Replaces a lost wallet key, 7 days later.";
    15 Freeze "freeze" Some(Role::Acceptor) => membership::Freeze, "Stops what a member gives.";
    16 Unfreeze "unfreeze" Some(Role::Acceptor) => membership::Unfreeze, "Lets a frozen member give again.";
    20 Issue "issue" Some(Role::Issuer) => points::Issue, "Issues points for a purchase.";
    21 Transfer "transfer" Some(Role::Acceptor) => points::Transfer, "Gives points to another member.";
    22 Redeem "redeem" Some(Role::Acceptor) => points::Redeem, "Spends points for cash off.";
    23 Hold "hold" Some(Role::Acceptor) => points::PlaceHold, "Sets points aside for a checkout.";
    24 Capture "capture" Some(Role::Acceptor) => points::Capture, "Spends points of a hold.";
    25 Void "void" Some(Role::Acceptor) => points::Void, "Releases a hold.";
    26 ReverseRedeem "reverse_redeem" Some(Role::Acceptor) => points::ReverseRedeem, "Gives spent points back.";
    27 ReverseIssue "reverse_issue" Some(Role::Issuer) => points::ReverseIssue, "Claws points of a refunded purchase back.";
    30 Exchange "exchange" Some(Role::Acceptor) => exchange::Exchange, "Turns points of one class into points of another.";
    31 Split "split" Some(Role::Acceptor) => exchange::Split, "Turns main points into sub points.";
    32 Import "import" Some(Role::Issuer) => exchange::ImportPoints, "Turns a partner's points into points of a class.";
    40 ConfirmLeg "confirm_leg" Some(Role::Treasurer) => settlement::ConfirmLeg, "Confirms that a settlement leg was paid.";
    41 ReportPayment "report_payment" Some(Role::Treasurer) => settlement::ReportPayment, "Leaves the evidence that a leg was paid.";
    42 DrawCollateral "draw_collateral" Some(Role::Governor) => settlement::DrawCollateral, "Pays an overdue leg from collateral, jointly.";
    43 OpenDispute "open_dispute" Some(Role::Treasurer) => settlement::OpenDispute, "Disputes what an operation made the merchant owe.";
    44 AnswerDispute "answer_dispute" Some(Role::Treasurer) => settlement::AnswerDispute, "Accepts or contests a dispute.";
    45 DecideDispute "decide_dispute" Some(Role::Governor) => settlement::DecideDispute, "Decides a contested dispute, jointly.";
    50 Propose "propose" Some(Role::Governor) => governance::Propose, "Proposes a change, and votes for it.";
    51 Vote "vote" Some(Role::Governor) => governance::VoteOn, "Votes on a proposal.";
    52 Depart "depart" Some(Role::Governor) => membership::Depart, "Lets a wound-up merchant go.";
    60 Refer "refer" Some(Role::Acceptor) => pool::Refer, "Refers a member to another merchant.";
    61 ClaimReferral "claim_referral" Some(Role::Acceptor) => pool::ClaimReferral, "Names the purchase that converted a referral.";
    70 Attest "attest" Some(Role::Acceptor) => checkpoint::Attest, "Vouches for log and state at a checkpoint.";
    71 Anchor "anchor" Some(Role::Acceptor) => checkpoint::Anchor, "Brings evidence from outside for a checkpoint.";
}

impl Operation {
    /// An operation by the merchant's own word, without a till.
    #[must_use]
    pub const fn new(reference: Reference, body: Body) -> Self {
        Self { reference, till: None, body, authorization: None }
    }

    /// What the index of references remembers: the same till and body again is a duplicate, another one a reused
    /// reference. The authorization is not part of it, for it may be signed anew.
    #[must_use]
    pub fn body_hash(&self) -> Hash {
        OPERATION.hash(&[&encoding::encode(&(self.till, &self.body))])
    }

    /// Whether it is another sent again: the same reference, till and body. The authorization may have been signed anew.
    #[must_use]
    pub fn repeats(&self, other: &Self) -> bool {
        self.reference == other.reference && self.till == other.till && self.body == other.body
    }

    /// Whether the signature of its authorization matches; a whole transaction is checked in one batch instead.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn check_authorization(&self) -> Result<(), SignatureError> {
        let Some(authorization) = &self.authorization else { return Ok(()) };
        let signed = authorization.signed(self);
        signed.key.verify(&signed.message.0, &signed.signature)
    }

    /// The rules that the operation's bytes alone decide, but for the signature of its authorization.
    ///
    /// # Errors
    /// The broken rule, as a sentence.
    pub fn check_stateless(&self) -> Result<(), &'static str> {
        if !self.reference.is_valid() {
            return Err("the reference is not a UUIDv7");
        }
        self.body.check_stateless()?;
        match (self.body.takes(), &self.authorization) {
            (Takes::WalletAlways, None) => Err("this kind needs the authorization of a wallet"),
            (Takes::Nothing | Takes::Wallet | Takes::WalletOrGrant, None) => Ok(()),
            (Takes::Nothing, Some(_)) => Err("this kind takes no authorization"),
            (Takes::Wallet | Takes::WalletAlways, Some(Authorization::Grant(_))) => {
                Err("a spend grant authorizes redeem and hold only")
            }
            (_, Some(Authorization::Wallet(_))) => Ok(()),
            (Takes::WalletOrGrant, Some(Authorization::Grant(grant))) => grant.check_stateless(),
        }
    }
}
