//! Golden bytes: the encoding of every record that is hashed or signed, pinned in `tests/golden/contracts.txt`.
//!
//! A line is `name = hex`. A changed line is a changed format: other versions of Tally, wallets and auditors would no
//! longer agree with us. To add a record, run with `TALLY_BLESS=1` and read the difference before committing it.

mod bodies;
mod outcomes;
mod state;

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

use bodies::{bodies, grant, signatures, transaction, wallet_authorization};
use outcomes::applied;
use state::{checkpoints, governance, membership, pool, settlement, standings};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/contracts.txt");
const MEMBER: Address = Address([0xaa; 20]);
const OTHER: Address = Address([0xbb; 20]);
const KEY: PublicKey = PublicKey([0x88; 32]);
const OTHER_KEY: PublicKey = PublicKey([0x99; 32]);
const COSIGNER: PublicKey = PublicKey([0x77; 32]);

fn month(text: &str) -> Month {
    text.parse().expect("a month")
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
