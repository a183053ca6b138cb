//! Checkpoints and anchors under audit, resumption, and two histories: what is wrong is found, and named.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with a message")]

mod authority;
mod common;

use authority::{Authority, GOOD};
use common::*;
use ed25519_dalek::SigningKey;
use tally_contracts::checkpoint::{
    Anchor, Attest, Checkpoint, CheckpointSignatures, Evidence, Roots, TreeHead, attested_texts, checkpoint_text,
    token_uri,
};
use tally_contracts::crypto::{PublicKey, sign};
use tally_contracts::state::{read, tag};
use tally_contracts::transaction::Body;
use tally_contracts::types::{DAY_MS, Height, MerchantId};
use tally_ledger::anchor::timestamp::{self, request};
use tally_ledger::anchor::{Trust, imprint};
use tally_ledger::note::{NoteSignature, SignatureType, VerifierKey};
use tally_ledger::roots::checkpoint_roots;
use tally_ledger::verify::anchors::{AnchorKind, AnchorVerdict};
use tally_ledger::verify::{
    Audit, CheckKind, Comparison, Failure, FindingKind, Options, Report, RootsOf, SavedError, SavedState, Side,
    VerifyError, audit, compare, judge_parting,
};

/// The interval of checkpoints, in ms.
const INTERVAL_MS: u64 = 600_000;

/// A chain with checkpoints, and what an honest node works out at each.
struct Audited {
    chain: TestChain,
    checkpoints: Vec<(Height, Roots)>,
}

impl Audited {
    /// The shopping of [`year_in_six_blocks`], in which every block is a checkpoint but those within ten minutes.
    fn new() -> Self {
        Self { chain: year_in_six_blocks(), checkpoints: Vec::new() }
    }

    fn now_ms(&self) -> u64 {
        self.chain.head.time_ms
    }

    /// Extends by a checkpoint with some transfers, and the block that writes it down.
    fn checkpoint(&mut self, bodies: Vec<Body>) -> Height {
        let t = (self.now_ms() / INTERVAL_MS + 1) * INTERVAL_MS + 17;
        let transactions: Vec<_> =
            if bodies.is_empty() { Vec::new() } else { vec![self.chain.transaction(1, t, bodies)] };
        let executed = self.chain.extend(t, &transactions);
        assert!(executed.is_checkpoint);
        let height = executed.head.height;
        let month = self.chain.chain.genesis().calendar().month(t);
        let built = checkpoint_roots(&self.chain.store, month, &token_uri(self.chain.chain.chain_id()), 1);
        self.checkpoints.push((height, Roots { state_root: built.state.root(), erc1155_root: built.storage.root() }));
        self.chain.extend(t + 1, &[]);
        height
    }

    fn on_record(&self, height: Height) -> Checkpoint {
        read(&self.chain.store, tag::checkpoints, &height).unwrap()
    }

    fn text(&self, height: Height) -> String {
        let Checkpoint { log_size, log_root, .. } = self.on_record(height);
        checkpoint_text(self.chain.chain.chain_id(), &TreeHead { size: log_size, root: log_root })
    }

    fn roots(&self, height: Height) -> Roots {
        self.checkpoints.iter().find(|(at, _)| *at == height).unwrap().1
    }

    /// A block in which these merchants attest these roots.
    fn attest(&mut self, height: Height, merchants: &[u16], roots: Roots) {
        let t = self.now_ms() + 1;
        let checkpoint = self.on_record(height);
        let chain_id = *self.chain.chain.chain_id();
        let texts = attested_texts(&chain_id, height, &checkpoint, &roots);
        let mut transactions = Vec::new();
        for merchant in merchants {
            let [log, cosigner, state] = [0, 1, 2].map(|n: usize| sign(&cosigner_key(*merchant), texts[n].as_bytes()));
            let signatures = CheckpointSignatures { log, cosigner, state }.into();
            let Roots { state_root, erc1155_root } = roots;
            let body = Body::Attest(Attest { height, state_root, erc1155_root, signatures });
            transactions.push(self.chain.transaction(*merchant, t, vec![body]));
        }
        self.chain.extend(t, &transactions);
    }

    fn anchor(&mut self, merchant: u16, checkpoint: Height, evidence: Evidence) {
        let t = self.now_ms() + 1;
        let transaction = self.chain.transaction(merchant, t, vec![Body::Anchor(Anchor { checkpoint, evidence })]);
        self.chain.extend(t, &[transaction]);
    }

    fn audit(&self, roots: RootsOf, trust: Trust) -> Result<Report, Box<Failure>> {
        audit_of(&self.chain.archive(), &Audit { roots, trust, ..Audit::default() }, None).map(|(report, _)| report)
    }
}

fn audit_of(archive: &[u8], how: &Audit, saved: Option<SavedState>) -> Result<(Report, SavedState), Box<Failure>> {
    audit(archive, &genesis(), how, saved, |_| {}).map_err(|error| match error {
        VerifyError::Failed(failure) => failure,
        other => panic!("nothing but the archive is wrong here: {other}"),
    })
}

fn all() -> Audit {
    Audit { roots: RootsOf::All, ..Audit::default() }
}

/// Three checkpoints over moving balances and settlement; the first two final.
fn honest() -> Audited {
    let mut audited = Audited::new();
    let anna = member(1, 1);
    let first = audited.checkpoint(vec![issue(1, anna, &[500_000])]);
    let second = audited.checkpoint(vec![transfer(1, anna, member(2, 2), 77)]);
    // Attested only now, when state has gone on: and settlement, over the month's end, in between.
    audited.chain.extend(audited.now_ms() + 35 * DAY_MS, &[]);
    audited.attest(first, &[1, 2, 4], audited.roots(first));
    audited.attest(second, &[1, 2, 3, 4], audited.roots(second));
    audited.checkpoint(vec![issue(1, anna, &[100])]);
    audited
}

#[test]
fn roots_of_checkpoints_are_those_of_the_state_long_before() {
    let audited = honest();
    for (which, worked_out, compared) in [(RootsOf::All, 2, 0), (RootsOf::Last, 1, 1), (RootsOf::None, 0, 2)] {
        let report = audited.audit(which, Trust::default()).unwrap();
        let found = &report.checkpoints;
        assert_eq!((found.worked_out, found.compared), (worked_out, compared), "{which:?}");
        assert_eq!((found.finals, found.attestations), (2, 7));
        assert_eq!(found.latest_final, Some(audited.checkpoints[1].0));
        assert!(found.never_final.contains(&audited.checkpoints[2].0), "{found:?}");
        assert_eq!(report.findings, []);
        let named = |name: &str| report.checks.iter().find(|check| check.name == name);
        assert_eq!(named("state roots").is_some_and(|check| check.checked), worked_out > 0);
        assert_eq!(named("other state roots").is_some_and(|check| !check.checked), compared > 0);
    }
}

#[test]
fn who_attests_other_roots_is_named() {
    let mut audited = honest();
    let (height, right) = audited.checkpoints[2];
    let wrong = Roots { state_root: right.erc1155_root, ..right };
    audited.attest(height, &[3], wrong);
    audited.attest(height, &[1, 2, 4], right);
    for which in [RootsOf::All, RootsOf::Last, RootsOf::None] {
        let report = audited.audit(which, Trust::default()).unwrap();
        let [finding] = report.findings.as_slice() else { panic!("{:?}", report.findings) };
        assert_eq!((finding.kind, finding.height, finding.merchant), (FindingKind::OtherRoots, height, MerchantId(3)));
        assert!(finding.reason.contains(&wrong.state_root.to_string()), "{finding}");
        assert!(finding.reason.contains(&right.state_root.to_string()), "{finding}");
    }
}

#[test]
fn a_root_that_all_attested_wrongly_is_no_root() {
    for field in ["checkpoint, state_root", "checkpoint, erc1155_root"] {
        let mut audited = honest();
        let (height, right) = audited.checkpoints[2];
        let wrong = if field.contains("state") {
            Roots { state_root: right.erc1155_root, ..right }
        } else {
            Roots { erc1155_root: right.state_root, ..right }
        };
        audited.attest(height, &[1, 2, 3], wrong);
        let failure = audited.audit(RootsOf::Last, Trust::default()).unwrap_err();
        assert_eq!((failure.check, failure.place.height), (CheckKind::Checkpoint, Some(height)));
        assert_eq!(failure.place.field, field);
        assert!(failure.to_string().contains("re-execution leads to"), "{failure}");
        audited.audit(RootsOf::None, Trust::default()).expect("who does not look does not see");
    }
}

#[test]
fn a_time_stamp_is_believed_by_who_trusts_its_authority_and_one_over_something_else_is_false() {
    let mut audited = honest();
    let (first, second) = (audited.checkpoints[0].0, audited.checkpoints[1].0);
    let authority = Authority::new(GOOD);
    let stamp = |text: &str| authority.stamp(&request(&imprint(text), 1));
    let right = stamp(&audited.text(first));
    audited.anchor(2, first, Evidence::TimeStamp { response: right.clone() });
    // A stale one: the stamp of an earlier checkpoint, handed in for a later.
    audited.anchor(4, second, Evidence::TimeStamp { response: right });
    let roots = timestamp::Roots::from_pem(&authority.root()).unwrap();
    let trusting = audited.audit(RootsOf::Last, Trust::new(roots, Vec::new())).unwrap();
    let strange = audited.audit(RootsOf::Last, Trust::default()).unwrap();
    for (report, verdict, believed) in [(trusting, AnchorVerdict::Believed, 1), (strange, AnchorVerdict::Untrusted, 0)]
    {
        let [one, other] = report.anchors.listed.as_slice() else { panic!("{:?}", report.anchors) };
        assert_eq!((one.checkpoint, one.merchant, one.verdict), (first, MerchantId(2), verdict));
        assert_eq!((one.kind, one.operator.is_some()), (AnchorKind::TimeStamp, believed == 1));
        assert_eq!(
            (other.verdict, report.anchors.believed, report.anchors.refuted),
            (AnchorVerdict::Refuted, believed, 1)
        );
        let [finding] = report.findings.as_slice() else { panic!("{:?}", report.findings) };
        assert_eq!((finding.kind, finding.height, finding.merchant), (FindingKind::FalseAnchor, second, MerchantId(4)));
        let over = hex::encode(imprint(&audited.text(first)));
        assert!(finding.reason.contains("of something else") && finding.reason.contains(&over), "{finding}");
    }
}

/// A witness's line over a text, at a time in s.
fn witnessed(secret: &SigningKey, key: &VerifierKey, time_s: u64, text: &str) -> Evidence {
    let signature = sign(secret, format!("cosignature/v1\ntime {time_s}\n{text}").as_bytes());
    let line = NoteSignature::cosignature(key, time_s, &signature).unwrap().to_string();
    Evidence::Witness { key: key.to_string(), line }
}

#[test]
fn a_witness_may_not_vouch_for_another_checkpoint_nor_before_its_time() {
    let mut audited = honest();
    let (first, second) = (audited.checkpoints[0].0, audited.checkpoints[1].0);
    let secret = SigningKey::from_bytes(&[77; 32]);
    let key = VerifierKey::new("w.example", SignatureType::Cosignature, PublicKey::of(&secret)).unwrap();
    let time_s = audited.on_record(first).time_ms / 1000;
    let (one, other) = (audited.text(first), audited.text(second));
    audited.anchor(1, first, witnessed(&secret, &key, time_s + 5, &one));
    audited.anchor(2, first, witnessed(&secret, &key, time_s - 3600, &one));
    audited.anchor(3, first, witnessed(&secret, &key, time_s + 5, &other));
    let trust = Trust::new(timestamp::Roots::default(), vec![key.clone()]);
    let report = audited.audit(RootsOf::Last, trust).unwrap();
    let verdicts: Vec<_> = report.anchors.listed.iter().map(|row| row.verdict).collect();
    assert_eq!(verdicts, [AnchorVerdict::Believed, AnchorVerdict::Refuted, AnchorVerdict::Refuted]);
    assert_eq!(report.anchors.listed[0].time_ms, Some((time_s + 5) * 1000));
    let named: Vec<_> = report.findings.iter().map(|finding| finding.merchant.0).collect();
    assert_eq!(named, [2, 3]);
    let strange = audited.audit(RootsOf::Last, Trust::default()).unwrap();
    let verdicts: Vec<_> = strange.anchors.listed.iter().map(|row| row.verdict).collect();
    assert_eq!(verdicts, [AnchorVerdict::Untrusted, AnchorVerdict::Untrusted, AnchorVerdict::Refuted]);
}

/// What a later run goes on from, by way of its file.
fn saved_and_read(saved: &SavedState) -> SavedState {
    let mut file = Vec::new();
    saved.write(&mut file).unwrap();
    let read = SavedState::read(file.as_slice()).unwrap();
    assert_eq!(read, *saved);
    read
}

#[test]
fn a_later_run_goes_on_where_an_earlier_one_ended_and_comes_to_the_same() {
    let audited = honest();
    let (blocks, whole) = (&audited.chain.blocks, audited.chain.archive());
    let (expected, at_end) = audit_of(&whole, &all(), None).unwrap();
    for cut in 0..=blocks.len() {
        let (_, saved) = audit_of(&archive_of(&genesis(), &blocks[..cut]), &all(), None).unwrap();
        assert_eq!(saved.height(), Height(cut as u64));
        let (report, again) = audit_of(&whole, &all(), Some(saved_and_read(&saved))).unwrap();
        assert_eq!(again, at_end, "after {cut} blocks");
        assert_eq!(report.resumed_from, Some(Height(cut as u64)));
        assert_eq!((report.operations, report.vote_signatures), (expected.operations, expected.vote_signatures));
        assert_eq!((&report.classes, &report.epochs), (&expected.classes, &expected.epochs));
        assert_eq!(report.checkpoints.finals, 2);
        assert!(report.checks.iter().any(|check| check.name == "blocks before" && !check.checked));
    }
}

#[test]
fn a_state_file_of_another_history_or_a_damaged_one_is_refused() {
    let audited = honest();
    let blocks = &audited.chain.blocks;
    let (_, saved) = audit_of(&archive_of(&genesis(), &blocks[..8]), &all(), None).unwrap();
    let mut other = Audited::new();
    other.chain.extend(other.now_ms() + 3, &[]);
    other.chain.extend(other.now_ms() + 3, &[]);
    let failure = audit_of(&other.chain.archive(), &all(), Some(saved.clone())).unwrap_err();
    assert_eq!((failure.check, failure.place.height), (CheckKind::Resumption, Some(Height(8))));
    let short = audit(&archive_of(&genesis(), &blocks[..7])[..], &genesis(), &all(), Some(saved.clone()), |_| {});
    assert!(matches!(short, Err(VerifyError::Saved(_))), "{short:?}");

    let mut file = Vec::new();
    saved.write(&mut file).unwrap();
    for at in (0..file.len()).step_by(97).chain([0, 16, 18, file.len() - 1]) {
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        SavedState::read(damaged.as_slice()).expect_err("a flipped bit");
    }
    for length in [0, 10, 40, file.len() / 2, file.len() - 1] {
        assert!(matches!(SavedState::read(&file[..length]), Err(SavedError::Damaged)), "cut at {length}");
    }
}

#[test]
fn archives_of_one_history_are_the_same_as_far_as_they_go() {
    let chain = year_in_six_blocks();
    let (whole, short) = (chain.archive(), archive_of(&genesis(), &chain.blocks[..4]));
    let found = |a: &[u8], b: &[u8]| compare(a, b, &genesis(), |_, _| {}).unwrap();
    let id = |height: usize| chain.blocks[height - 1].0.header.id();
    assert_eq!(found(&whole, &whole), Comparison::Same { height: Height(6), block_id: id(6) });
    let prefix = |shorter| Comparison::Prefix { shorter, height: Height(4), block_id: id(4) };
    assert_eq!(found(&whole, &short), prefix(Side::Second));
    assert_eq!(found(&short, &whole), prefix(Side::First));
    // Another merchant may have seen other votes for the same block.
    let mut blocks = chain.blocks.clone();
    blocks[5].1 = certify(chain.chain.chain_id(), Height(6), &id(6), &[1, 2, 3]);
    assert_eq!(
        found(&whole, &archive_of(&genesis(), &blocks)),
        Comparison::Same { height: Height(6), block_id: id(6) }
    );
}

#[test]
fn who_signs_two_histories_is_named() {
    let (mut one, mut other) = (year_in_six_blocks(), year_in_six_blocks());
    one.extend(one.head.time_ms + 10, &[]);
    other.extend(other.head.time_ms + 20, &[]);
    let (block, _) = other.blocks[6].clone();
    let id = block.header.id();
    let with = |signers: &[u16]| {
        let mut blocks = other.blocks.clone();
        blocks[6].1 = certify(other.chain.chain_id(), Height(7), &id, signers);
        let (first, second) = (one.archive(), archive_of(&genesis(), &blocks));
        let Comparison::Parted(mut parting) = compare(&first[..], &second[..], &genesis(), |_, _| {}).unwrap() else {
            panic!("they part");
        };
        judge_parting(&first[..], &genesis(), Options::default(), &mut parting, |_| {}).unwrap();
        *parting
    };
    let both = with(&[2, 3, 4]);
    assert_eq!((both.height, both.first.block_id, both.second.block_id), (Height(7), one.blocks[6].0.header.id(), id));
    assert_eq!((&both.first.fault, &both.second.fault), (&None, &None));
    assert_eq!(both.signed_both, [MerchantId(2), MerchantId(4)]);
    let forged = with(&[3, 4]);
    assert_eq!((forged.first.fault, forged.signed_both.len()), (None, 0));
    assert!(forged.second.fault.unwrap().contains("2 of 4 validators signed"));
}

#[test]
fn a_damaged_archive_is_not_compared_but_named() {
    let archive = year_in_six_blocks().archive();
    let mut damaged = archive.clone();
    damaged[archive.len() / 2] ^= 1;
    let (side, error) = compare(&archive[..], &damaged[..], &genesis(), |_, _| {}).unwrap_err();
    assert_eq!(side, Side::Second);
    assert!(matches!(error, VerifyError::Failed(failure) if failure.check == CheckKind::CheckSum));
}
