//! A member's own word on an operation, by its wallet: right ones and wrong ones, on the very operation or a spend grant.

use tally_contracts::authorization::{Authorization, SpendGrant, WalletAuthorization};
use tally_contracts::crypto::{Nonce, PublicKey, Signature};
use tally_contracts::transaction::Body;
use tally_contracts::types::{Address, ChainId, ClassId, DAY_MS, HOUR_MS, Hash, MerchantId, Points, Reference};

use crate::bodies::Scene;
use crate::input::Input;
use crate::keys::{Signer, WALLETS};

/// Whose word a kind of operation may carry.
enum Speaker {
    /// Nobody's.
    Nobody,
    /// That of this key, and never none.
    Key(PublicKey),
    /// The current wallet's of a member, and never none.
    Always(Address),
    /// The current wallet's of a member.
    Member(Address),
    /// The same, or a grant to spend.
    Spender(Address, ClassId, Points),
}

/// Whose word a body may carry. A kind without a line does not compile.
fn speaker(body: &Body) -> Speaker {
    match body {
        Body::EnrolWallet(o) => Speaker::Key(o.wallet_key),
        Body::RegisterWallet(o) => Speaker::Key(o.wallet_key),
        Body::RotateWallet(o) => Speaker::Always(o.member),
        Body::Transfer(o) => Speaker::Member(o.from),
        Body::Exchange(o) => Speaker::Member(o.member),
        Body::Split(o) => Speaker::Member(o.member),
        Body::Redeem(o) => Speaker::Spender(o.member, o.class, o.points),
        Body::Hold(o) => Speaker::Spender(o.member, o.class, o.points),
        Body::SetClock(_)
        | Body::CreateClass(_)
        | Body::AddKey(_)
        | Body::RevokeKey(_)
        | Body::RotateKey(_)
        | Body::SetStoreLimits(_)
        | Body::Enrol(_)
        | Body::RecoverWallet(_)
        | Body::Freeze(_)
        | Body::Unfreeze(_)
        | Body::Issue(_)
        | Body::Capture(_)
        | Body::Void(_)
        | Body::ReverseRedeem(_)
        | Body::ReverseIssue(_)
        | Body::AnnounceAnchor(_)
        | Body::SetBusinessDays(_)
        | Body::SetCollateral(_)
        | Body::Import(_)
        | Body::ReportPayment(_)
        | Body::DrawCollateral(_)
        | Body::OpenDispute(_)
        | Body::AnswerDispute(_)
        | Body::DecideDispute(_)
        | Body::Propose(_)
        | Body::Vote(_)
        | Body::Depart(_)
        | Body::Refer(_)
        | Body::ClaimReferral(_)
        | Body::Attest(_)
        | Body::Anchor(_)
        | Body::ConfirmLeg(_) => Speaker::Nobody,
    }
}

/// The word that goes with an operation, where one does; rarely one that makes its whole transaction malformed.
pub fn on(input: &mut Input<'_>, scene: &Scene<'_>, what: (Reference, &Body)) -> Option<Authorization> {
    let is_malformed = input.once_in(128);
    let wallet_of = |member: Address| {
        let record = scene.world.record(member)?;
        Signer::of(&record.wallet_key(scene.time_ms)?)
    };
    match speaker(what.1) {
        Speaker::Nobody if is_malformed => Some(wallet(input, scene, Signer::Wallet(1), what)),
        Speaker::Nobody => None,
        Speaker::Key(_) | Speaker::Always(_) if is_malformed => None,
        Speaker::Key(key) => Some(wallet(input, scene, Signer::of(&key).unwrap_or(Signer::Stranger), what)),
        Speaker::Always(member) => {
            let signer = wallet_of(member).unwrap_or_else(|| some_wallet(input));
            Some(wallet(input, scene, signer, what))
        }
        Speaker::Member(member) => match wallet_of(member) {
            Some(signer) if !input.once_in(4) => Some(wallet(input, scene, signer, what)),
            None if input.once_in(8) => Some(wallet(input, scene, Signer::Wallet(1), what)),
            _ => None,
        },
        Speaker::Spender(member, class, points) => match (wallet_of(member), input.below(8)) {
            (Some(signer), 0..=2) => Some(wallet(input, scene, signer, what)),
            (Some(signer), 3..=5) => Some(grant(input, scene, signer, (member, class, points))),
            (None, 7) => Some(grant(input, scene, Signer::Wallet(1), (member, class, points))),
            _ => None,
        },
    }
}

fn some_wallet(input: &mut Input<'_>) -> Signer {
    Signer::Wallet(1 + input.below(WALLETS.into()) as u8)
}

/// The wallet that signs: now and then another one.
fn signing(input: &mut Input<'_>, right: Signer) -> Signer {
    if input.once_in(16) { some_wallet(input) } else { right }
}

/// The alliance it is for: now and then another one.
fn chain(input: &mut Input<'_>, scene: &Scene<'_>) -> ChainId {
    if input.once_in(32) { Hash::ZERO } else { scene.world.chain_id }
}

/// A signature, and now and then one that does not match.
fn damaged(input: &mut Input<'_>, signature: &mut Signature) {
    if input.once_in(128) {
        signature.0[input.below(64)] ^= 1 << input.below(8);
    }
}

fn wallet(input: &mut Input<'_>, scene: &Scene<'_>, signer: Signer, what: (Reference, &Body)) -> Authorization {
    let at = scene.merchant;
    let acceptor = MerchantId(input.pick(&[at, at, at, at, at, at, at, at % 4 + 1]));
    let valid_until_ms = match input.below(16) {
        0 => scene.time_ms,
        1 => scene.time_ms - 1,
        2 => 0,
        3 => u64::MAX,
        _ => scene.time_ms + HOUR_MS,
    };
    let key = signing(input, signer).key();
    let mut wallet = WalletAuthorization::sign(key, (chain(input, scene), acceptor), valid_until_ms, what);
    damaged(input, &mut wallet.signature);
    Authorization::Wallet(wallet)
}

/// A grant to spend points: one that served before, or a new one.
fn grant(
    input: &mut Input<'_>,
    scene: &Scene<'_>,
    signer: Signer,
    (member, class, points): (Address, ClassId, Points),
) -> Authorization {
    let used = scene.world.past().iter().rev().find_map(|(_, operation)| match &operation.authorization {
        Some(Authorization::Grant(grant)) if (grant.member, grant.class) == (member, class) => Some(grant.clone()),
        _ => None,
    });
    if let Some(used) = used.filter(|_| !input.once_in(3)) {
        return Authorization::Grant(used);
    }
    let acceptors: [&[u16]; 8] = [&[1, 2, 3, 4], &[1, 2, 3, 4], &[1, 2, 3, 4], &[1], &[2, 3], &[9], &[], &[2, 2]];
    let is_malformed = input.once_in(32);
    let acceptors = acceptors[input.below(if is_malformed { acceptors.len() } else { acceptors.len() - 2 })];
    let expires_ms = match input.below(16) {
        0 => scene.time_ms,
        1 => scene.time_ms + DAY_MS + 1,
        2 => scene.time_ms + DAY_MS,
        3 => scene.time_ms + 1,
        4 => 0,
        5 => u64::MAX,
        _ => scene.time_ms + HOUR_MS,
    };
    let others = [member, member, member, member, member, member, member, Address([0; 20])];
    let mut grant = SpendGrant {
        chain_id: chain(input, scene),
        member: input.pick(&others),
        class: ClassId(input.pick(&[class.0, class.0, class.0, class.0, class.0, class.0, class.0, 9])),
        max_points: Points(input.amount_near(points.0.saturating_mul(2))),
        acceptors: acceptors.iter().copied().map(MerchantId).collect(),
        expires_ms,
        nonce: Nonce([input.any(); 16]),
        public_key: PublicKey::default(),
        signature: Signature::default(),
    };
    grant.sign(signing(input, signer).key());
    damaged(input, &mut grant.signature);
    Authorization::Grant(grant)
}
