//! One operation of each kind, and the transaction that they make.

use super::*;

pub fn terms() -> ClassTerms {
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

pub fn bodies() -> Vec<Body> {
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

pub fn signatures() -> CheckpointSignatures {
    CheckpointSignatures { log: Signature([3; 64]), cosigner: Signature([4; 64]), state: Signature([5; 64]) }
}

/// The kinds by which merchants act on the alliance and its ledger.
pub fn bodies_of_the_alliance() -> Vec<Body> {
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

pub fn wallet_authorization() -> WalletAuthorization {
    WalletAuthorization {
        chain_id: Hash([0x11; 32]),
        acceptor: MerchantId(1),
        valid_until_ms: 1_483_246_860_000,
        public_key: KEY,
        signature: Signature([0x66; 64]),
    }
}

pub fn grant() -> SpendGrant {
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

pub fn transaction() -> Transaction {
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
