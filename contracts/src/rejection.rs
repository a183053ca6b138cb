//! Every business rule of Tally, as the reason an operation is refused.
//!
//! To list the variants is to list the rules. A number is a stable code and is never given to another rule. Where several
//! rules fail, the first one in the order in which the verb's file checks them is reported; the rule tables in each
//! contract's `tests/` pin that order.

use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

/// Defines [`Rejection`] from its table of number, variant, stable name and sentence.
macro_rules! rules {
    ($($(#[$group:meta])* $code:literal $variant:ident $name:literal $sentence:literal)+) => {
        /// Why an operation was refused. Of a refused operation nothing changes state but its kept outcome.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead, Serialize, Deserialize,
            thiserror::Error,
        )]
        #[wincode(tag_encoding = "u16")]
        pub enum Rejection {
            $(
                #[doc = concat!("`", $name, "`: ", $sentence, ".")]
                $(#[$group])*
                #[error($sentence)]
                #[serde(rename = $name)]
                #[wincode(tag = $code)]
                $variant,
            )+
        }

        impl Rejection {
            /// Every rule, by number.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable number of the rule.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$variant => $code),+ }
            }

            /// The stable name of the rule, as JSON has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

rules! {
    // The envelope (100-199): judged before the operation itself is looked at, and never kept.
    100 Expired "expired" "the transaction's validity ended before the block's time"
    101 ValidUntilTooFar "valid_until_too_far" "the transaction claims to be valid for more than 24 hours ahead"
    102 UnknownKey "unknown_key" "the key is not an operator key of the merchant"
    104 ReferenceTooOld "reference_too_old" "the reference is older than 90 days"
    105 ReferenceAhead "reference_ahead" "the reference lies more than one hour ahead"
    106 ReferenceReused "reference_reused" "the reference was used before, for another operation"
    107 AtomicMixed "atomic_mixed" "an atomic transaction mixes known operations with new ones"
    108 AtomicAborted "atomic_aborted" "another operation of the atomic transaction failed"
    109 RoleMissing "role_missing" "the key's roles do not allow this operation"
    110 ClockBackwards "clock_backwards" "the clock is set forward only, and stands alone in its block"

    // Authority (200-299).
    201 WrongParty "wrong_party" "the merchant is not the party that may do this"
    202 ForeignCustodian "foreign_custodian" "the member is in another merchant's custody"

    // What is named must exist, or must not yet (300-399).
    300 UnknownClass "unknown_class" "there is no such point class"
    301 UnknownMember "unknown_member" "there is no such member"
    302 UnknownLeg "unknown_leg" "there is no such settlement leg"
    303 ClassExists "class_exists" "the class id is taken"
    304 MemberExists "member_exists" "the member is enrolled already"
    305 NotAccepted "not_accepted" "the merchant does not accept points of this class"
    306 UnknownMerchant "unknown_merchant" "there is no such merchant"

    // Amounts (400-499).
    400 AmountZero "amount_zero" "the amount is zero"
    401 Overflow "overflow" "an amount exceeds what can be represented"
    402 SameParty "same_party" "source and target are the same"
    403 ClassOutOfBounds "class_out_of_bounds" "a parameter of the class lies outside the alliance's bounds"
    404 InsufficientPoints "insufficient_points" "the member does not hold enough live points"
    405 BelowOneFen "below_one_fen" "the points are worth less than one fen"
    406 BelowMinOut "below_min_out" "the exchange yields less than the minimum asked for, or nothing"

    // Limits (500-599).
    500 NoConsentLimit "no_consent_limit" "the member's daily limit for redemptions without the member's own consent is used up"
    501 CustodianMemberLimit "custodian_member_limit" "the class's daily limit for what a custodian takes from one member is used up"
    502 CustodianLimit "custodian_limit" "the class's daily limit for what a custodian takes from all its members is used up"
    503 NetDebitCap "net_debit_cap" "the issuer's net debit cap is reached"

    // Settlement (600-699).
    600 LegConfirmed "leg_confirmed" "the leg is confirmed already"
    601 LegAmount "leg_amount" "the amount is not the leg's"
}

impl Rejection {
    /// Whether the outcome is kept with the reference: a business rejection of an authorized operation is; what speaks of
    /// the envelope is not, for a retry may well succeed (DESIGN 4).
    #[must_use]
    pub const fn is_kept(self) -> bool {
        self.code() >= 200
    }
}
