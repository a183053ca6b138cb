//! Golden bytes: the encoding of every record that is hashed or signed, pinned in `tests/golden/contracts.txt`.
//!
//! A line is `name = hex`. A changed line is a changed format: other versions of Tally, wallets and auditors would no
//! longer agree with us. To add a record, run with `TALLY_BLESS=1` and read the difference before committing it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tally_contracts::authorization::{Authorization, SpendGrant, WalletAuthorization};
use tally_contracts::checkpoint::{
    Anchor, AnchorPlace, Attest, Attestation, Checkpoint, CheckpointClock, CheckpointSignatures, Evidence, Roots,
    attested_texts,
};
use tally_contracts::crypto::{Nonce, PublicKey, Signature};
use tally_contracts::encoding::encode;
use tally_contracts::exchange::{AnnounceAnchor, Exchange, ImportPoints, ImportRatio, PairTerms, QuoteTerms, Split};
use tally_contracts::genesis::{OperatorKey, Parameters, Role};
use tally_contracts::governance::change::{
    Admit, Change, ChangeClass, ChangeImportRatio, ChangeMerchant, ChangePair, ChangeParameters, ClassExchange, Exit,
    Reinstate, Suspend, Upgrade, attested_bytes, parameters_hash,
};
use tally_contracts::governance::{
    Ballot, Proposal, ProposalState, Propose, Protocol, SetBusinessDays, SetClock, SetDay, VoteOn,
};
use tally_contracts::membership::{
    AddKey, Admission, Criteria, Depart, Enrol, EnrolWallet, Freeze, HolderKind, KeyRecord, Member, Merchant, Phase,
    RecoverWallet, Recovery, RegisterWallet, RevokeKey, RotateKey, RotateWallet, Unfreeze, Wallet, member_address,
    wallet_address,
};
use tally_contracts::points::{
    Capture, Charged, ClassTerms, CreateClass, Hold, HoldState, Issue, IssueLine, Lot, Movement, Permission, PlaceHold,
    Purchase, Reason, Redeem, Redemption, ReverseIssue, ReverseRedeem, SetStoreLimits, Standing, StandingDebt,
    SubTerms, Transfer, Use, Void,
};
use tally_contracts::pool::{ClaimReferral, Contribution, Distribution, PoolShare, Refer, Referral};
use tally_contracts::receipt::{Applied, Outcome, Receipt};
use tally_contracts::rejection::Rejection;
use tally_contracts::settlement::{
    AnswerDispute, ConfirmLeg, DecideDispute, Dispute, DisputeState, DrawCollateral, Gross, Leg, LegState, NetPosition,
    OpenDispute, PairNet, Position, ReportPayment, SetCollateral, Statement,
};
use tally_contracts::transaction::{Body, Operation, Till, Transaction};
use tally_contracts::types::{
    Address, Category, ClassId, Day, Fen, Hash, Height, MerchantId, Month, Obligation, Points, Rate, Reference,
    StoreId, TillId,
};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/contracts.txt");
const MEMBER: Address = Address([0xaa; 20]);
const OTHER: Address = Address([0xbb; 20]);
const KEY: PublicKey = PublicKey([0x88; 32]);
const OTHER_KEY: PublicKey = PublicKey([0x99; 32]);
const COSIGNER: PublicKey = PublicKey([0x77; 32]);

fn month(text: &str) -> Month {
    text.parse().expect("a month")
}

fn terms() -> ClassTerms {
    ClassTerms {
        decimals: 2,
        anchor: "0.015".parse().expect("a rate"),
        earn_rate: Rate::from_millionths(1_500_000),
        life_months: 12,
        accepted_by: vec![MerchantId(1), MerchantId(2)],
        industries: vec![5211],
        sub: Some(SubTerms { main: ClassId(6), split_rate: Rate::from_millionths(900_000) }),
        permissions: vec![Permission { holder: HolderKind::Employee, uses: vec![Use::Earn, Use::Redeem] }],
        custodian_member_limit_fen: Fen(1),
        custodian_limit_fen: Fen(2),
        breakage: Rate::from_millionths(3),
    }
}

fn bodies() -> Vec<Body> {
    let (class, member) = (ClassId(7), MEMBER);
    let original = Reference::new(1_483_246_800_000, 1);
    let line = |category, fen| IssueLine { category: Category(category), amount_fen: Fen(fen) };
    let mut all = vec![
        Body::SetClock(SetClock { time_ms: 1_483_246_800_000 }),
        Body::CreateClass(CreateClass { class, terms: terms() }),
        Body::AddKey(AddKey { public_key: KEY, roles: vec![Role::Acceptor], store_id: Some(StoreId(12)) }),
        Body::RevokeKey(RevokeKey { public_key: KEY }),
        Body::RotateKey(RotateKey { public_key: KEY, new_key: OTHER_KEY }),
        Body::SetStoreLimits(SetStoreLimits {
            store_id: StoreId(12),
            redeem_limit_fen: Fen(100),
            refund_limit_fen: Fen(200),
        }),
        Body::AnnounceAnchor(AnnounceAnchor {
            class,
            anchor: "0.012".parse().expect("a rate"),
            effective_ms: 1_483_250_400_000,
        }),
        Body::SetBusinessDays(SetBusinessDays { days: vec![SetDay { day: Day(17_193), is_business: false }] }),
        Body::SetCollateral(SetCollateral { merchant: MerchantId(2), collateral_fen: Fen(300) }),
        Body::Enrol(Enrol { holder: HolderKind::Member, commitment: Hash([0xcc; 32]) }),
        Body::EnrolWallet(EnrolWallet { holder: HolderKind::Supplier, wallet_key: KEY }),
        Body::RegisterWallet(RegisterWallet { member, wallet_key: KEY }),
        Body::RotateWallet(RotateWallet { member, wallet_key: OTHER_KEY }),
        Body::RecoverWallet(RecoverWallet { member, wallet_key: OTHER_KEY }),
        Body::Freeze(Freeze { member }),
        Body::Unfreeze(Unfreeze { member }),
        Body::Issue(Issue { class, member, lines: vec![line(3, 1_250), line(4, 99)] }),
        Body::Transfer(Transfer { class, from: MEMBER, to: OTHER, points: Points(5) }),
        Body::Redeem(Redeem { class, member, points: Points(6) }),
        Body::Hold(PlaceHold { class, member, points: Points(7), release_ms: 1_483_250_400_000 }),
        Body::Capture(Capture { hold: original, points: Points(5) }),
        Body::Void(Void { hold: original }),
        Body::ReverseRedeem(ReverseRedeem { original, points: Points(3) }),
        Body::ReverseIssue(ReverseIssue { original, amount_fen: Fen(625) }),
        Body::Exchange(Exchange {
            member,
            from_class: class,
            to_class: ClassId(8),
            points: Points(9),
            min_out: Points(10),
            quote: Some(QuoteTerms { version: 3, valid_until_ms: 1_483_250_400_000 }),
        }),
        Body::Split(Split { member, from_class: class, to_class: ClassId(8), points: Points(9), min_out: Points(10) }),
        Body::Import(ImportPoints { external_reference: "CA-1".into(), class, member, units: 100 }),
        Body::ConfirmLeg(ConfirmLeg { cycle: month("2017-03"), leg: 2, amount_fen: Fen(11) }),
        Body::ReportPayment(ReportPayment { cycle: month("2017-03"), leg: 2, bank_reference: "B-1".into() }),
        Body::DrawCollateral(DrawCollateral { cycle: month("2017-03"), leg: 2 }),
        Body::OpenDispute(OpenDispute {
            merchant: MerchantId(2),
            original,
            amount: Obligation(12),
            reason: "twice".into(),
        }),
        Body::AnswerDispute(AnswerDispute { merchant: MerchantId(2), original, accept: true }),
        Body::DecideDispute(DecideDispute { merchant: MerchantId(2), original, upheld: false }),
    ];
    all.extend(bodies_of_the_alliance());
    all
}

fn signatures() -> CheckpointSignatures {
    CheckpointSignatures { log: Signature([3; 64]), cosigner: Signature([4; 64]), state: Signature([5; 64]) }
}

/// The kinds by which merchants act on the alliance and its ledger.
fn bodies_of_the_alliance() -> Vec<Body> {
    let (original, member) = (Reference::new(1_483_246_800_000, 1), MEMBER);
    let attest = Attest {
        height: Height(9),
        state_root: Hash([1; 32]),
        erc1155_root: Hash([2; 32]),
        signatures: signatures().into(),
    };
    let evidence = Evidence::TimeStamp { response: vec![0x30, 0] };
    vec![
        Body::Propose(Propose { change: Box::new(Change::Upgrade(Upgrade { version: 2 })), effective_ms: 9 }),
        Body::Vote(VoteOn { merchant: MerchantId(2), proposal: original, approves: true }),
        Body::Depart(Depart { merchant: MerchantId(4) }),
        Body::Refer(Refer { member, merchant: MerchantId(3) }),
        Body::ClaimReferral(ClaimReferral { member, merchant: MerchantId(3), original }),
        Body::Attest(attest),
        Body::Anchor(Anchor { checkpoint: Height(9), evidence }),
    ]
}

fn applied() -> Vec<(&'static str, Applied)> {
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

fn applied_of_the_alliance() -> Vec<(&'static str, Applied)> {
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
fn applied_between_issuers() -> Vec<(&'static str, Applied)> {
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

fn wallet_authorization() -> WalletAuthorization {
    WalletAuthorization {
        chain_id: Hash([0x11; 32]),
        acceptor: MerchantId(1),
        valid_until_ms: 1_483_246_860_000,
        public_key: KEY,
        signature: Signature([0x66; 64]),
    }
}

fn grant() -> SpendGrant {
    SpendGrant {
        chain_id: Hash([0x11; 32]),
        member: MEMBER,
        class: ClassId(7),
        max_points: Points(800),
        acceptors: vec![MerchantId(1), MerchantId(3)],
        expires_ms: 1_483_250_400_000,
        nonce: Nonce([0x77; 16]),
        public_key: KEY,
        signature: Signature([0x66; 64]),
    }
}

/// What a reference leaves to be taken up, and the hold itself.
fn standings() -> Vec<(&'static str, Vec<u8>)> {
    let lots = vec![Lot { expires: month("2018-01"), points: Points(3) }];
    let anchor: Rate = "0.015".parse().expect("a rate");
    let (class, member) = (ClassId(7), MEMBER);
    let purchase = Purchase {
        class,
        member,
        kept_fen: Fen(1_349),
        earn_rate: anchor,
        expires: month("2018-01"),
        anchor,
        levy: Rate::from_millionths(10_000),
        referred_by: Some(MerchantId(3)),
    };
    let debt =
        StandingDebt { debtor: MerchantId(1), creditor: MerchantId(2), amount: Obligation(5), month: month("2017-03") };
    let hold = Hold {
        class,
        member,
        lots: lots.clone(),
        anchor,
        release_ms: 1_483_250_400_000,
        day: Day(17_166),
        charged: Charged::Grant { expires_ms: 1_483_250_400_000, id: Hash([0x55; 32]) },
        store_id: Some(StoreId(12)),
    };
    vec![
        ("standing.nothing", encode(&Standing::Nothing)),
        ("standing.purchase", encode(&Standing::Purchase(purchase))),
        (
            "standing.redemption",
            encode(&Standing::Redemption(Redemption { class, member, lots, anchor, month: month("2017-03") })),
        ),
        ("standing.debt", encode(&Standing::Debt(debt))),
        ("standing.hold", encode(&Standing::Hold(HoldState::Captured))),
        ("hold", encode(&hold)),
    ]
}

/// A member with a wallet whose recovery is under way, and an operator key that was revoked.
fn membership() -> Vec<(&'static str, Vec<u8>)> {
    let recovery = Some(Recovery { key: OTHER_KEY, effective_ms: 1_483_851_600_000 });
    let member = Member {
        custodian: MerchantId(2),
        holder: HolderKind::Employee,
        is_frozen: true,
        wallet: Some(Wallet { key: KEY, recovery }),
    };
    let key = KeyRecord { roles: vec![Role::Issuer, Role::Acceptor], store_id: None, revoked: Some(Height(5)) };
    vec![("membership.member", encode(&member)), ("membership.key", encode(&key))]
}

/// Records of settlement.
fn settlement() -> Vec<(&'static str, Vec<u8>)> {
    let (one, two) = (MerchantId(1), MerchantId(2));
    let gross = Gross {
        redemption: Obligation(1),
        exchange: Obligation(-2),
        import: Obligation(3),
        adjustment: Obligation(4),
        buy_out: Obligation(5),
        distribution: Obligation(6),
    };
    let position = Position {
        payable: Obligation(1),
        receivable: Obligation(2),
        reserved: Obligation(4),
        unconfirmed_fen: Fen(3),
    };
    let pair = PairNet { opening: Obligation(1), net: Obligation(2), net_fen: -3, closing: Obligation(4) };
    let positions = vec![NetPosition { merchant: one, net_fen: -3 }];
    let leg = Leg {
        payer: one,
        payee: two,
        amount_fen: Fen(3),
        due_ms: 7,
        deadline_ms: 8,
        bank_reference: Some("B-1".into()),
        is_escalated: true,
        state: LegState::Confirmed { height: Height(5) },
    };
    let dispute = Dispute {
        debtor: one,
        creditor: two,
        amount: Obligation(12),
        reason: "twice".into(),
        state: DisputeState::Contested,
        due_ms: 9,
    };
    vec![
        ("settlement.gross", encode(&gross)),
        ("settlement.position", encode(&position)),
        ("settlement.pair_net", encode(&pair)),
        ("settlement.statement", encode(&Statement { height: Height(1), time_ms: 2, positions, legs: 4 })),
        ("settlement.leg", encode(&leg)),
        ("settlement.dispute", encode(&dispute)),
    ]
}

fn admit() -> Admit {
    Admit {
        merchant: MerchantId(5),
        name: "fifth".into(),
        validator_key: KEY,
        cosigner_key: COSIGNER,
        network_key: OTHER_KEY,
        operator_keys: vec![OperatorKey { public_key: KEY, roles: vec![Role::Governor], store_id: None }],
        net_debit_cap_fen: Fen(1),
        base_share: 2,
        criteria: Criteria { annual_revenue_fen: Fen(500_000_000), members: 10_000, industry: 5_211 },
        attester: KEY,
        attestation: Signature([0x66; 64]),
    }
}

/// Every change, and the records of governance and membership that they make.
fn governance() -> Vec<(&'static str, Vec<u8>)> {
    let (class, merchant) = (ClassId(7), MerchantId(2));
    let rate: Rate = "0.5".parse().expect("a rate");
    let parameters = Parameters::default();
    let terms = PairTerms { spread: Some(rate), min_lot_fen: None, daily_limit_fen: Some(Fen(3)) };
    let ratio = Some(ImportRatio { units: 100, points: 10 });
    let of_class = ChangeClass {
        class,
        earn_rate: rate,
        life_months: 6,
        accepted_by: vec![merchant],
        industries: vec![5_211],
        custodian_member_limit_fen: Fen(1),
        custodian_limit_fen: Fen(2),
        breakage: Rate::from_millionths(3),
    };
    let exchanges = vec![ClassExchange { from_class: class, to_class: ClassId(8) }];
    let replaces = parameters_hash(&parameters);
    let of_merchant = ChangeMerchant { merchant, net_debit_cap_fen: Fen(1), base_share: 2, industry: 3 };
    let proposal = Proposal {
        change: Change::Suspend(Suspend { merchant }),
        proposed_ms: 1,
        asked_ms: 2,
        voting_ends_ms: 3,
        ballots: vec![Ballot { merchant, approves: true }],
        state: ProposalState::Passed { effective_ms: 4 },
    };
    let record = Merchant {
        is_partner: false,
        industry: 1,
        net_debit_cap_fen: Fen(2),
        collateral_fen: Fen(3),
        governor_keys: 4,
        base_share: 5,
        is_suspended: true,
        phase: Phase::Departed { successor: merchant, from_height: Height(6) },
    };
    let Admit { name, validator_key, network_key, criteria, attester, .. } = admit();
    let admission = Admission { name, validator_key, network_key, criteria, attester, from_height: Height(9) };
    let mut all = vec![
        ("change.parameters", encode(&Change::Parameters(ChangeParameters { replaces, parameters }))),
        ("change.class", encode(&Change::Class(of_class))),
        ("change.pair", encode(&Change::Pair(ChangePair { from_class: class, to_class: ClassId(8), terms }))),
        ("change.import_ratio", encode(&Change::ImportRatio(ChangeImportRatio { partner: merchant, class, ratio }))),
        ("change.merchant", encode(&Change::Merchant(of_merchant))),
        ("change.admit", encode(&Change::Admit(admit()))),
        ("change.suspend", encode(&Change::Suspend(Suspend { merchant }))),
        ("change.reinstate", encode(&Change::Reinstate(Reinstate { merchant }))),
        ("change.exit", encode(&Change::Exit(Exit { merchant, successor: MerchantId(3), exchanges }))),
        ("change.upgrade", encode(&Change::Upgrade(Upgrade { version: 2 }))),
    ];
    all.extend([
        ("admission.attested", attested_bytes(&Hash([0x11; 32]), &admit()).to_vec()),
        ("governance.proposal", encode(&proposal)),
        ("governance.protocol", encode(&Protocol { version: 2, from_height: Height(7) })),
        ("membership.merchant", encode(&record)),
        ("membership.admission", encode(&admission)),
    ]);
    all
}

/// Records of checkpoints, and the texts that are signed.
fn checkpoints() -> Vec<(&'static str, Vec<u8>)> {
    let checkpoint = Checkpoint { time_ms: 1_700_000_000_123, log_size: 70_000, log_root: Hash([1; 32]) };
    let roots = Roots { state_root: Hash([2; 32]), erc1155_root: Hash([3; 32]) };
    let attestation = Attestation { roots, signatures: signatures() };
    let clock = CheckpointClock { last_ms: 1, is_pending: true, latest_final: Some(Height(2)) };
    let place = AnchorPlace { merchant: MerchantId(2), height: Height(3), index: 4 };
    let witness = Evidence::Witness { key: "w+00000000+BA==".into(), line: "\u{2014} w BA==".into() };
    let [log, cosigned, state] = attested_texts(&Hash([0x11; 32]), Height(9), &checkpoint, &roots);
    vec![
        ("checkpoint", encode(&checkpoint)),
        ("checkpoint.attestation", encode(&attestation)),
        ("checkpoint.clock", encode(&clock)),
        ("checkpoint.anchor", encode(&place)),
        ("checkpoint.evidence", encode(&witness)),
        ("checkpoint.evidence_hash", witness.hash().0.to_vec()),
        ("checkpoint.text.log", log.into_bytes()),
        ("checkpoint.text.cosigned", cosigned.into_bytes()),
        ("checkpoint.text.state", state.into_bytes()),
    ]
}

/// Records of the pool.
fn pool() -> Vec<(&'static str, Vec<u8>)> {
    let merchant = MerchantId(2);
    let share = PoolShare {
        merchant,
        base_share: 1,
        weight: "1.15".parse().expect("a rate"),
        share_fen: Fen(2),
        volume_fen: Fen(3),
        rebate_due_fen: Fen(4),
        rebate_paid_fen: Fen(5),
    };
    let distribution = Distribution {
        height: Height(1),
        time_ms: 2,
        pool: Obligation(3),
        shares: vec![share],
        reserve_fen: Fen(4),
        carry: Obligation(-5),
    };
    vec![
        ("pool.contribution", encode(&Contribution { referrals: 1, converted: -2, honoured: Obligation(3) })),
        ("pool.distribution", encode(&distribution)),
        ("pool.referral", encode(&Referral { by: merchant, time_ms: 1, is_converted: true })),
    ]
}

fn transaction() -> Transaction {
    let till = Some(Till { store_id: StoreId(12), till_id: TillId(1) });
    let operation = |(n, body): (u128, Body)| Operation {
        reference: Reference::new(1_483_246_800_000, n),
        till,
        authorization: match body {
            Body::Redeem(_) => Some(Authorization::Grant(grant())),
            Body::Transfer(_) => Some(Authorization::Wallet(wallet_authorization())),
            _ => None,
        },
        body,
    };
    Transaction {
        chain_id: Hash([0x11; 32]),
        merchant: MerchantId(1),
        public_key: PublicKey([0x22; 32]),
        valid_until_ms: 1_483_246_900_000,
        atomic: true,
        operations: (1..).zip(bodies()).map(operation).collect(),
        signature: Signature([0x33; 64]),
    }
}

fn records() -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut add = |name: &str, bytes: Vec<u8>| assert!(all.insert(name.to_owned(), bytes).is_none(), "{name} twice");
    for body in bodies() {
        add(&format!("body.{}", body.kind()), encode(&body));
    }
    for (name, applied) in applied() {
        add(&format!("applied.{name}"), encode(&applied));
    }
    for rejection in Rejection::ALL {
        add(&format!("rejection.{:03}.{}", rejection.code(), rejection.name()), encode(rejection));
    }
    let reference = Reference::new(1_483_246_800_000, 7);
    let outcomes = [
        ("applied", Outcome::Applied(Applied::LegConfirmed)),
        ("duplicate", Outcome::Duplicate { height: Height(5), index: 6 }),
        ("rejected", Outcome::Rejected(Rejection::InsufficientPoints)),
    ];
    for (name, outcome) in outcomes {
        add(&format!("receipt.{name}"), encode(&Receipt { reference, outcome }));
    }
    let transaction = transaction();
    add("transaction", encode(&transaction));
    add("transaction.signing_hash", transaction.signing_hash().0.to_vec());
    let of_kind = |kind| transaction.operations.iter().find(|o| o.body.kind() == kind).expect("every kind is there");
    add("operation.body_hash", of_kind("issue").body_hash().0.to_vec());
    let transfer = of_kind("transfer");
    let signed = wallet_authorization().signing_hash(transfer.reference, &transfer.body);
    add("authorization.signing_hash", signed.0.to_vec());
    add("grant.id", grant().id().0.to_vec());
    add("member.wallet_address", wallet_address(&KEY).0.to_vec());
    let of_contracts = [standings(), membership(), settlement(), governance(), pool(), checkpoints()];
    of_contracts.into_iter().flatten().for_each(|(name, bytes)| add(name, bytes));
    add("member.address", member_address(MerchantId(1), &Hash([0xcc; 32])).0.to_vec());
    let lots = vec![Lot { expires: month("2018-01"), points: Points(3) }];
    let movement =
        Movement { operation: Some(4), delta: -2, reason: Reason::Redeemed, lots, statement_hash: Hash::ZERO };
    let chained = movement.chained(&Hash([0x44; 32]), (MEMBER, ClassId(7)), Height(9), 1);
    add("movement", encode(&chained));
    all
}

#[test]
fn every_record_has_its_golden_bytes() {
    let mut text = String::new();
    for (name, bytes) in records() {
        writeln!(text, "{name} = {}", hex::encode(bytes)).expect("a string takes all");
    }
    #[allow(clippy::disallowed_methods, reason = "the test is told to write, the contracts are not")]
    if std::env::var_os("TALLY_BLESS").is_some() {
        std::fs::write(GOLDEN, &text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(GOLDEN).expect("tests/golden/contracts.txt is there");
    for (ours, theirs) in text.lines().zip(golden.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(text.lines().count(), golden.lines().count());
}

#[test]
fn every_kind_is_written_by_its_name() {
    assert_eq!(bodies().len(), Body::KINDS.len());
    for body in bodies() {
        let written = serde_json::to_value(&body).expect("a body is written");
        assert!(written.get(body.kind()).is_some(), "{} is written as {written}", body.kind());
        assert!(Body::KINDS.contains(&(body.number(), body.kind())));
    }
}

#[test]
fn every_receipt_fits_its_bound() {
    for (body, (name, applied)) in bodies().iter().zip(applied()) {
        let receipt = Receipt { reference: Reference::new(0, 0), outcome: Outcome::Applied(applied) };
        assert!(encode(&receipt).len() <= body.max_receipt_bytes(), "{name} exceeds the bound of {}", body.kind());
    }
    let duplicate = Receipt {
        reference: Reference::new(0, 0),
        outcome: Outcome::Duplicate { height: Height(u64::MAX), index: u32::MAX },
    };
    for body in bodies() {
        assert!(
            encode(&duplicate).len() <= body.max_receipt_bytes(),
            "a duplicate exceeds the bound of {}",
            body.kind()
        );
    }
}
