//! What operations of each kind bring about.

use super::*;

pub fn applied() -> Vec<(&'static str, Applied)> {
    let (points, balance) = (Points(1), Points(2));
    let all = vec![
        ("clock_set", Applied::ClockSet),
        ("class_created", Applied::ClassCreated),
        ("key_added", Applied::KeyAdded),
        ("key_revoked", Applied::KeyRevoked),
        ("key_rotated", Applied::KeyRotated),
        ("store_limits_set", Applied::StoreLimitsSet),
        ("anchor_announced", Applied::AnchorAnnounced { version: 3 }),
        ("business_days_set", Applied::BusinessDaysSet),
        ("collateral_set", Applied::CollateralSet),
        ("enrolled", Applied::Enrolled { member: MEMBER }),
        ("enrolled_wallet", Applied::Enrolled { member: OTHER }),
        ("wallet_registered", Applied::WalletRegistered),
        ("wallet_rotated", Applied::WalletRotated),
        ("recovery_started", Applied::RecoveryStarted { effective_ms: 1_483_851_600_000 }),
        ("frozen", Applied::Frozen),
        ("unfrozen", Applied::Unfrozen),
        (
            "issued",
            Applied::Issued {
                points,
                repaid: Points(4),
                expires: month("2018-01"),
                balance,
                pool_obligation: Obligation(6),
            },
        ),
        ("transferred", Applied::Transferred { from_balance: points, to_balance: balance }),
        ("redeemed", Applied::Redeemed { cash_off_fen: Fen(3), obligation: Obligation(4), balance }),
        ("held", Applied::Held { cash_off_fen: Fen(3), balance }),
        (
            "captured",
            Applied::Captured {
                member: MEMBER,
                class: ClassId(7),
                cash_off_fen: Fen(3),
                obligation: Obligation(4),
                released: points,
                expired: Points(5),
                balance,
            },
        ),
        (
            "voided",
            Applied::Voided { member: MEMBER, class: ClassId(7), released: points, expired: Points(5), balance },
        ),
        (
            "redemption_reversed",
            Applied::RedemptionReversed {
                member: MEMBER,
                class: ClassId(7),
                cash_off_fen: Fen(3),
                obligation: Obligation(-4),
                balance,
            },
        ),
        (
            "issue_reversed",
            Applied::IssueReversed {
                member: MEMBER,
                class: ClassId(7),
                points,
                owed: Points(5),
                balance,
                pool_obligation: Obligation(-6),
            },
        ),
    ];
    all.into_iter().chain(applied_between_issuers()).chain(applied_of_the_alliance()).collect()
}

pub fn applied_of_the_alliance() -> Vec<(&'static str, Applied)> {
    vec![
        ("voted", Applied::Voted { approvals: 3, against: 1, needed: 3, effective_ms: Some(7) }),
        ("voted_open", Applied::Voted { approvals: 1, against: 0, needed: 3, effective_ms: None }),
        ("departed", Applied::Departed { from_height: Height(17) }),
        ("referred", Applied::Referred),
        ("referral_converted", Applied::ReferralConverted),
        ("attested", Applied::Attested { attested: 2, needed: 3, is_final: false }),
        ("anchored", Applied::Anchored),
        ("voiced", Applied::Voiced { voices: 2, needed: 3 }),
    ]
}

/// What exchange and settlement answer, in the order of the kinds; last what a kind answers besides.
pub fn applied_between_issuers() -> Vec<(&'static str, Applied)> {
    let (points, balance) = (Points(1), Points(2));
    vec![
        (
            "exchanged",
            Applied::Exchanged {
                points_out: points,
                from_balance: balance,
                to_balance: Points(3),
                obligation: Obligation(5),
                pool_obligation: Obligation(6),
            },
        ),
        (
            "split",
            Applied::Split {
                points_out: points,
                from_balance: balance,
                to_balance: Points(3),
                pool_obligation: Obligation(6),
            },
        ),
        ("imported", Applied::Imported { points, expires: month("2018-01"), balance, obligation: Obligation(5) }),
        ("leg_confirmed", Applied::LegConfirmed),
        ("payment_reported", Applied::PaymentReported),
        ("collateral_drawn", Applied::CollateralDrawn),
        ("dispute_opened", Applied::DisputeOpened { answer_due_ms: 7 }),
        (
            "dispute_adjusted",
            Applied::DisputeAdjusted { debtor: MerchantId(1), creditor: MerchantId(2), adjustment: Obligation(12) },
        ),
        ("dispute_dismissed", Applied::DisputeDismissed),
        ("dispute_contested", Applied::DisputeContested { decision_due_ms: 8 }),
    ]
}
