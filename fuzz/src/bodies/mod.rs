//! One generator for each kind of operation. A kind of [`Body`] that has none does not compile: give it a line in `kinds!`
//! and a function that makes one of it.

mod checkpoint;
mod exchange;
mod governance;
mod membership;
mod points;
mod settlement;

use tally_contracts::governance::SetClock;
use tally_contracts::transaction::Body;
use tally_contracts::types::{Address, ClassId};

use crate::input::Input;
use crate::world::{MEMBERS, MERCHANTS, REGISTERED, WALLET_MEMBERS, World, member};

/// Defines [`Kind`] from the list of kinds, each with the function that makes one.
macro_rules! kinds {
    ($($kind:ident => $make:path,)+) => {
        /// The kinds of operation, as [`Body`] has them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = concat!("[`Body::", stringify!($kind), "`]")] $kind,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The kind of a body. A kind without a line in `kinds!` is missing here.
            #[must_use]
            pub const fn of(body: &Body) -> Self {
                match body {
                    $(Body::$kind(_) => Self::$kind,)+
                }
            }

            /// A body of this kind.
            pub fn body(self, input: &mut Input<'_>, scene: &Scene<'_>) -> Body {
                match self {
                    $(Self::$kind => Body::$kind($make(input, scene)),)+
                }
            }
        }
    };
}

kinds! {
    SetClock => set_clock,
    CreateClass => points::create_class,
    AddKey => membership::add_key,
    RevokeKey => membership::revoke_key,
    RotateKey => membership::rotate_key,
    SetStoreLimits => points::set_store_limits,
    AnnounceAnchor => exchange::announce_anchor,
    SetBusinessDays => settlement::set_business_days,
    SetCollateral => settlement::set_collateral,
    Enrol => membership::enrol,
    EnrolWallet => membership::enrol_wallet,
    RegisterWallet => membership::register_wallet,
    RotateWallet => membership::rotate_wallet,
    RecoverWallet => membership::recover_wallet,
    Freeze => membership::freeze,
    Unfreeze => membership::unfreeze,
    Issue => points::issue,
    Transfer => points::transfer,
    Redeem => points::redeem,
    Hold => points::hold,
    Capture => points::capture,
    Void => points::void,
    ReverseRedeem => points::reverse_redeem,
    ReverseIssue => points::reverse_issue,
    Exchange => exchange::exchange,
    Split => exchange::split,
    Import => exchange::import,
    ConfirmLeg => settlement::confirm_leg,
    ReportPayment => settlement::report_payment,
    DrawCollateral => settlement::draw_collateral,
    OpenDispute => settlement::open_dispute,
    AnswerDispute => settlement::answer_dispute,
    DecideDispute => settlement::decide_dispute,
    Propose => governance::propose,
    Vote => governance::vote,
    Depart => governance::depart,
    Refer => governance::refer,
    ClaimReferral => governance::claim_referral,
    Attest => checkpoint::attest,
    Anchor => checkpoint::anchor,
}

/// What a generator may look at.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The alliance as it stands.
    pub world: &'a World,
    /// The merchant that is to submit the operation, most likely.
    pub merchant: u16,
    /// Of the block that the operation is to stand in.
    pub time_ms: u64,
}

/// A member: one of the merchant's own, another one, or nobody.
fn some_member(input: &mut Input<'_>, scene: &Scene<'_>) -> Address {
    let own = scene.merchant as u8;
    let (wallet, other) = (WALLET_MEMBERS, WALLET_MEMBERS + 1);
    member(input.pick(&[
        own,
        own,
        own,
        own + MERCHANTS as u8,
        REGISTERED.0,
        wallet,
        other,
        other + 1,
        1,
        2,
        3,
        4,
        MEMBERS,
        9,
    ]))
}

/// A class: the merchant's own, another one, or one that is not open.
fn some_class(input: &mut Input<'_>, scene: &Scene<'_>) -> ClassId {
    let own = u32::from(scene.merchant);
    ClassId(input.pick(&[own, own, own, own, 1, 2, 3, 4, 5, u32::MAX]))
}

fn set_clock(input: &mut Input<'_>, scene: &Scene<'_>) -> SetClock {
    SetClock { time_ms: input.amount_near(scene.time_ms) }
}
