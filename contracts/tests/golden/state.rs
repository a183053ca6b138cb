//! Records of state, and the texts and changes that stand with them.

use super::*;

/// What a reference leaves to be taken up, and the hold itself.
pub fn standings() -> Vec<(&'static str, Vec<u8>)> {
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
pub fn membership() -> Vec<(&'static str, Vec<u8>)> {
    let recovery = Some(Recovery { key: OTHER_KEY, effective_ms: 1_483_851_600_000 });
    let member = Member {
        custodian: MerchantId(2),
        holder: HolderKind::Employee,
        is_frozen: true,
        wallet: Some(Wallet { key: KEY, recovery }),
        classes: [ClassId(3), ClassId(7)].into(),
    };
    let key = KeyRecord { roles: vec![Role::Issuer, Role::Acceptor], store_id: None, revoked: Some(Height(5)) };
    vec![("membership.member", encode(&member)), ("membership.key", encode(&key))]
}

/// Records of settlement.
pub fn settlement() -> Vec<(&'static str, Vec<u8>)> {
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

pub fn admit() -> Admit {
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
pub fn governance() -> Vec<(&'static str, Vec<u8>)> {
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
pub fn checkpoints() -> Vec<(&'static str, Vec<u8>)> {
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
pub fn pool() -> Vec<(&'static str, Vec<u8>)> {
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
