//! Bodies of governance and the pool: proposals of every kind, votes on those that there are, departures, referrals.

use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::exchange::{ImportRatio, PairTerms};
use tally_contracts::genesis::{OperatorKey, Parameters, Role};
use tally_contracts::governance::change::{
    Admit, Change, ChangeClass, ChangeImportRatio, ChangeMerchant, ChangePair, ChangeParameters, ClassExchange, Exit,
    Reinstate, Suspend, Upgrade, parameters_hash,
};
use tally_contracts::governance::{Propose, VoteOn};
use tally_contracts::membership::{Criteria, Depart};
use tally_contracts::pool::{ClaimReferral, Refer};
use tally_contracts::state::{read, tag};
use tally_contracts::transaction::Body;
use tally_contracts::types::{Fen, MerchantId, Rate, Reference};

use super::points::past;
use super::{Scene, some_class, some_member};
use crate::input::Input;
use crate::keys::Signer;

fn some_merchant(input: &mut Input<'_>) -> MerchantId {
    MerchantId(input.pick(&[1, 2, 3, 4, 5, 9, 0, u16::MAX]))
}

fn rate(input: &mut Input<'_>) -> Rate {
    Rate::from_millionths(input.pick(&[0, 10_000, 20_000, 500_000, 1_000_000, u64::MAX]))
}

pub fn propose(input: &mut Input<'_>, scene: &Scene<'_>) -> Propose {
    let change = match input.below(10) {
        0 => Change::Parameters(parameters(input, scene)),
        1 => Change::Class(ChangeClass {
            class: some_class(input, scene),
            earn_rate: rate(input),
            life_months: input.pick(&[0, 1, 12, 25]),
            accepted_by: Vec::new(),
            industries: input.pick(&[&[][..], &[5_211]]).to_vec(),
            custodian_member_limit_fen: Fen(input.amount()),
            custodian_limit_fen: Fen(input.amount()),
            breakage: rate(input),
        }),
        2 => Change::Pair(ChangePair {
            from_class: some_class(input, scene),
            to_class: some_class(input, scene),
            terms: PairTerms { spread: Some(rate(input)), min_lot_fen: None, daily_limit_fen: None },
        }),
        3 => Change::ImportRatio(ChangeImportRatio {
            partner: some_merchant(input),
            class: some_class(input, scene),
            ratio: input.pick(&[
                None,
                Some(ImportRatio { units: 100, points: 10 }),
                Some(ImportRatio { units: 0, points: 1 }),
            ]),
        }),
        4 => Change::Merchant(ChangeMerchant {
            merchant: some_merchant(input),
            net_debit_cap_fen: Fen(input.amount()),
            base_share: input.pick(&[0, 1, u16::MAX]),
            industry: 0,
        }),
        5 => Change::Admit(admit(input)),
        6 => Change::Suspend(Suspend { merchant: some_merchant(input) }),
        7 => Change::Reinstate(Reinstate { merchant: some_merchant(input) }),
        8 => Change::Exit(exit(input, scene)),
        _ => Change::Upgrade(Upgrade { version: input.pick(&[0, 1, 2, 3]) }),
    };
    let effective_ms = input.pick(&[0, 0, scene.time_ms, scene.time_ms + 1, u64::MAX]);
    Propose { change: Box::new(change), effective_ms }
}

fn parameters(input: &mut Input<'_>, scene: &Scene<'_>) -> ChangeParameters {
    let present: Parameters = read(&scene.world.store, tag::parameters, &()).expect("genesis wrote the parameters");
    let replaces = parameters_hash(&present);
    let mut parameters = present;
    match input.below(5) {
        0 => parameters.pool.levy = rate(input),
        1 => parameters.governance.run_off_days = input.pick(&[0, 1, 30]),
        2 => parameters.exchange.spread = rate(input),
        3 => parameters.checkpoint_interval_ms = input.pick(&[1_000, 86_400_000, 0]),
        _ => parameters.settlement.cycle_months = input.pick(&[1, 3]),
    }
    ChangeParameters { replaces, parameters }
}

/// Keys of wallets and tills will do: what is refused is the business of the rules.
fn admit(input: &mut Input<'_>) -> Admit {
    let key = |signer: Signer| PublicKey::of(signer.key());
    Admit {
        merchant: some_merchant(input),
        name: input.pick(&["fifth", ""]).to_owned(),
        validator_key: key(Signer::Wallet(1)),
        cosigner_key: key(Signer::Wallet(3)),
        network_key: key(Signer::Wallet(2)),
        operator_keys: vec![OperatorKey {
            public_key: key(Signer::Stranger),
            roles: vec![Role::Issuer, Role::Acceptor, Role::Treasurer, Role::Governor],
            store_id: None,
        }],
        net_debit_cap_fen: Fen(input.amount()),
        base_share: 1,
        criteria: Criteria { annual_revenue_fen: Fen(500_000_000), members: 10_000, industry: 1 },
        attester: key(Signer::Wallet(1)),
        attestation: Signature([input.pick(&[0, 1]); 64]),
    }
}

fn exit(input: &mut Input<'_>, scene: &Scene<'_>) -> Exit {
    let exchange = ClassExchange { from_class: some_class(input, scene), to_class: some_class(input, scene) };
    let exchanges = if input.once_in(2) { vec![exchange] } else { Vec::new() };
    Exit { merchant: some_merchant(input), successor: some_merchant(input), exchanges }
}

/// A proposal of some merchant: mostly one that there is.
fn proposal(input: &mut Input<'_>, scene: &Scene<'_>) -> (MerchantId, Reference) {
    let merchant = input.pick(&[1, 2, 3, 4]);
    let of = Scene { merchant, ..*scene };
    (MerchantId(merchant), past(input, &of, |body: &Body| matches!(body, Body::Propose(_))))
}

pub fn vote(input: &mut Input<'_>, scene: &Scene<'_>) -> VoteOn {
    let (merchant, proposal) = proposal(input, scene);
    VoteOn { merchant, proposal, approves: !input.once_in(8) }
}

pub fn depart(input: &mut Input<'_>, _: &Scene<'_>) -> Depart {
    Depart { merchant: some_merchant(input) }
}

pub fn refer(input: &mut Input<'_>, scene: &Scene<'_>) -> Refer {
    Refer { member: some_member(input, scene), merchant: some_merchant(input) }
}

pub fn claim_referral(input: &mut Input<'_>, scene: &Scene<'_>) -> ClaimReferral {
    let merchant = input.pick(&[1, 2, 3, 4]);
    let of = Scene { merchant, ..*scene };
    let original = past(input, &of, |body: &Body| matches!(body, Body::Issue(_)));
    ClaimReferral { member: some_member(input, scene), merchant: MerchantId(merchant), original }
}
