//! Every business rule of Tally, as the reason an operation is refused.
//!
//! To list the variants is to list the rules. A number is a stable code and is never given to another rule. Where several
//! rules fail, the first one in the order in which the verb's file checks them is reported; the rule tables in each
//! contract's `tests/` pin that order.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wincode::{SchemaRead, SchemaWrite};

/// Defines [`Rejection`] from its table of number, variant, stable name and sentence.
macro_rules! rules {
    ($($(#[$group:meta])* $code:literal $variant:ident $name:literal $sentence:literal)+) => {
        /// Why an operation was refused. Of a refused operation nothing changes state but its kept outcome.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead, Serialize, Deserialize, ToSchema,
            thiserror::Error,
        )]
        #[serde(rename_all = "snake_case")]
        #[wincode(tag_encoding = "u16")]
        pub enum Rejection {
            $(
                #[doc = concat!("`", $name, "`: ", $sentence, ".")]
                $(#[$group])*
                #[error($sentence)]
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
    103 KeyRevoked "key_revoked" "the key was revoked"
    104 ReferenceTooOld "reference_too_old" "the reference is older than 90 days"
    105 ReferenceAhead "reference_ahead" "the reference lies more than one hour ahead"
    106 ReferenceReused "reference_reused" "the reference was used before, for another operation"
    107 AtomicMixed "atomic_mixed" "an atomic transaction mixes known operations with new ones"
    108 AtomicAborted "atomic_aborted" "another operation of the atomic transaction failed"
    109 RoleMissing "role_missing" "the key's roles do not allow this operation"
    110 ClockBackwards "clock_backwards" "the clock is set forward only, and stands alone in its block"
    111 WrongStore "wrong_store" "the key is bound to a store that is not the operation's"
    112 Departed "departed" "the merchant has left the alliance: its keys sign nothing"

    // Authority (200-299).
    201 WrongParty "wrong_party" "the merchant is not the party that may do this"
    202 ForeignCustodian "foreign_custodian" "the member is in another merchant's custody"
    203 AuthorizationRequired "authorization_required" "the member has a wallet, and only its key can authorize this"
    204 AuthorizationChain "authorization_chain" "the authorization is for another alliance"
    205 AuthorizationAcceptor "authorization_acceptor" "the authorization is for another merchant"
    206 AuthorizationExpired "authorization_expired" "the authorization's validity ended before the block's time"
    207 WrongWalletKey "wrong_wallet_key" "the authorization is not by the member's wallet key"
    208 GrantMember "grant_member" "the spend grant is for another member's points"
    209 GrantClass "grant_class" "the spend grant is for points of another class"
    210 GrantAcceptor "grant_acceptor" "the spend grant does not name the merchant"
    211 GrantExpired "grant_expired" "the spend grant has expired"
    212 GrantTooLong "grant_too_long" "the spend grant expires more than 24 hours ahead"
    213 MemberFrozen "member_frozen" "the member is frozen"
    214 MemberNotFrozen "member_not_frozen" "the member is not frozen"
    215 HolderNotPermitted "holder_not_permitted" "the class does not permit this to the member's kind of holder"
    216 MerchantSuspended "merchant_suspended" "the merchant is suspended: it issues no points and has no voice"
    217 MerchantLeaving "merchant_leaving" "the merchant is leaving the alliance"
    218 MerchantGone "merchant_gone" "the merchant has left the alliance"

    // What is named must exist, or must not yet (300-399).
    300 UnknownClass "unknown_class" "there is no such point class"
    301 UnknownMember "unknown_member" "there is no such member"
    302 UnknownLeg "unknown_leg" "there is no such settlement leg"
    303 ClassExists "class_exists" "the class id is taken"
    304 MemberExists "member_exists" "the member is enrolled already"
    305 NotAccepted "not_accepted" "the merchant does not accept points of this class"
    306 UnknownMerchant "unknown_merchant" "there is no such merchant"
    307 UnknownHold "unknown_hold" "the merchant has no such hold of the last 90 days"
    308 UnknownOriginal "unknown_original" "the merchant has no such operation of the last 90 days"
    309 WalletExists "wallet_exists" "the member has a wallet key already"
    310 WalletMissing "wallet_missing" "the member has no wallet key"
    311 KeyExists "key_exists" "the key is or was an operator key of the merchant already"
    312 UnknownOperatorKey "unknown_operator_key" "the merchant has no such operator key"
    313 UnknownDispute "unknown_dispute" "there is no dispute of this operation"
    314 UnknownRatio "unknown_ratio" "the partner's points are not imported into this class"
    315 NoSuchSplit "no_such_split" "the class is no sub class of that main class"
    316 OutsideIndustry "outside_industry" "points of this class are not spent in the merchant's industry"
    317 NotExchangeable "not_exchangeable" "points of a sub class are not exchanged"
    318 UnknownProposal "unknown_proposal" "there is no such proposal"
    319 MerchantExists "merchant_exists" "the merchant's number is taken"
    320 UnknownReferral "unknown_referral" "the member was not referred to the merchant"

    // Amounts (400-499).
    400 AmountZero "amount_zero" "the amount is zero"
    401 Overflow "overflow" "an amount exceeds what can be represented"
    402 SameParty "same_party" "source and target are the same"
    403 ClassOutOfBounds "class_out_of_bounds" "a parameter of the class lies outside the alliance's bounds"
    404 InsufficientPoints "insufficient_points" "the member does not hold enough live points"
    405 BelowOneFen "below_one_fen" "the points are worth less than one fen"
    406 BelowMinOut "below_min_out" "it yields less than the minimum asked for, or nothing"
    407 HoldPeriod "hold_period" "the hold's time-out does not lie within the next 7 days"
    408 AboveHold "above_hold" "the hold holds fewer points"
    409 AboveOriginal "above_original" "less is left of the original to be reversed"
    410 BelowMinLot "below_min_lot" "the points are worth less than the least lot that is exchanged"
    411 YieldsMore "yields_more" "the split would yield more value than goes in"
    412 AnchorUnchanged "anchor_unchanged" "the anchor is the present one"
    413 NoticeTooShort "notice_too_short" "the announcement does not come early enough before it takes effect"
    414 StaleQuote "stale_quote" "the quote has ended, or the rates have changed since"
    415 NoticeTooLong "notice_too_long" "the announcement lies too far ahead"
    416 ParametersOutOfBounds "parameters_out_of_bounds" "a number lies outside its bounds, or what is fixed would change"
    417 ScopeNarrowed "scope_narrowed" "merchants or industries that accept the points would no longer do so"
    418 BelowCriteria "below_criteria" "the merchant's revenue or members do not suffice"
    419 NotAttested "not_attested" "no attester on record has signed this admission"

    // Limits (500-599).
    500 NoConsentLimit "no_consent_limit" "the member's daily limit for redemptions without the member's own consent is used up"
    501 CustodianMemberLimit "custodian_member_limit" "the class's daily limit for what a custodian takes from one member is used up"
    502 CustodianLimit "custodian_limit" "the class's daily limit for what a custodian takes from all its members is used up"
    503 NetDebitCap "net_debit_cap" "the net debit cap of the merchant that comes to owe is reached"
    504 GrantExhausted "grant_exhausted" "fewer points are left of the spend grant"
    505 StoreRedeemLimit "store_redeem_limit" "the store's daily limit for redemptions is used up"
    506 StoreRefundLimit "store_refund_limit" "the store's daily limit for refunds is used up"
    507 ExchangeMemberLimit "exchange_member_limit" "the member's daily limit for exchanges is used up"
    508 ExchangePairLimit "exchange_pair_limit" "the daily limit for exchanges between these classes is used up"
    509 NotPrefunded "not_prefunded" "the partner has not prefunded as much"
    510 CollateralShort "collateral_short" "the payer's collateral does not cover the leg"

    // Settlement (600-699).
    600 LegConfirmed "leg_confirmed" "the leg is confirmed already"
    601 LegAmount "leg_amount" "the amount is not the leg's"
    602 PaymentReported "payment_reported" "the payment of the leg was reported already"
    603 LegNotEscalated "leg_not_escalated" "the leg is not overdue for so long that it is before the governors"
    604 NotDisputable "not_disputable" "the operation was refused, or nobody owes another participant for it"
    605 DisputeUnbalanced "dispute_unbalanced" "the operation made the debtor owe less than is disputed"
    606 DisputeLate "dispute_late" "the time to dispute the operation has passed"
    607 PositionsOpen "positions_open" "something is still to be settled with the merchant, or bought out of its points"

    // What happened before stands in the way (700-799).
    700 HoldCaptured "hold_captured" "the hold was captured already"
    701 HoldVoided "hold_voided" "the hold was voided already"
    702 HoldTimedOut "hold_timed_out" "the hold has timed out"
    703 NotReversible "not_reversible" "the original was refused, or is of a kind that this does not reverse"
    704 RefundTooLate "refund_too_late" "the refund window of the original has passed"
    705 KeyAlreadyRevoked "key_already_revoked" "the key was revoked already"
    706 LastGovernorKey "last_governor_key" "the key is the merchant's last governor key"
    707 AnchorPending "anchor_pending" "another anchor is announced for the class and not in effect yet"
    708 ImportReused "import_reused" "the external reference was imported before"
    709 VoicedAlready "voiced_already" "the merchant's voice is counted already"
    710 DisputeExists "dispute_exists" "the operation is or was disputed already"
    711 DisputeClosed "dispute_closed" "the dispute was answered already, or has ended"
    712 Disputed "disputed" "the sale is disputed, or was adjusted after a dispute"
    713 DisputeNotContested "dispute_not_contested" "the dispute is not before the governors"
    714 VotingClosed "voting_closed" "the vote is over"
    715 ChangePending "change_pending" "another change of the same has passed and is not in effect yet"
    716 ChangeSuperseded "change_superseded" "what it was to change is not what it was any more"
    717 ClassClosed "class_closed" "the class is closed: its issuer has left or is about to"
    718 NotSuspended "not_suspended" "the merchant is not suspended"
    719 NotLeaving "not_leaving" "the merchant is not leaving"
    720 RunOffRunning "run_off_running" "the merchant's run-off is not over"
    721 LastMerchant "last_merchant" "no other merchant would have a voice"
    722 ReferralExists "referral_exists" "the member was referred to the merchant before"
    723 ReferralConverted "referral_converted" "the referral is converted already"
    724 NotConverting "not_converting" "the operation is no purchase that converts the referral"

    // Checkpoints (800-899).
    800 UnknownCheckpoint "unknown_checkpoint" "the block is no checkpoint that is on record"
    801 NotValidating "not_validating" "the merchant did not validate at that height"
    802 AttestedAlready "attested_already" "the merchant has attested this checkpoint"
    803 WrongAttestation "wrong_attestation" "a signature is not the merchant's cosigner key's over the checkpoint"
    804 CheckpointNotFinal "checkpoint_not_final" "too few merchants have attested the checkpoint"
    805 AnchoredAlready "anchored_already" "the evidence is on record already"
}

impl Rejection {
    /// Whether the outcome is kept with the reference: a business rejection of an authorized operation is; what speaks of
    /// the envelope is not, for a retry may well succeed.
    #[must_use]
    pub const fn is_kept(self) -> bool {
        self.code() >= 200
    }
}

#[cfg(test)]
mod tests {
    use super::Rejection;

    #[test]
    fn a_rule_is_written_by_its_name() {
        for rejection in Rejection::ALL {
            let written = serde_json::to_value(rejection).expect("a rule is written");
            assert_eq!(written, rejection.name());
        }
    }
}
