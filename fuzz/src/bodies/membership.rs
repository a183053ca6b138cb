//! Bodies of the membership contract: keys of merchants, members and their wallets.

use tally_contracts::crypto::PublicKey;
use tally_contracts::genesis::Role;
use tally_contracts::membership::{
    AddKey, Enrol, EnrolWallet, Freeze, HolderKind, RecoverWallet, RegisterWallet, RevokeKey, RotateKey, RotateWallet,
    Unfreeze,
};
use tally_contracts::types::{Address, StoreId};

use super::{Scene, some_member};
use crate::input::Input;
use crate::keys::{ROLES, SPARES, STORE, Signer, WALLETS};
use crate::world::{REGISTERED, WALLET_MEMBERS, commitment, member};

/// A key that is no point of the curve, or one of small order: no operation may put it on record.
const UNUSABLE: PublicKey = PublicKey([0; 32]);

/// A key that may come to a merchant's record.
fn new_key(input: &mut Input<'_>, scene: &Scene<'_>) -> PublicKey {
    let merchant = scene.merchant;
    match input.below(32) {
        0 => Signer::Stranger.public(),
        1 => Signer::All(merchant).public(),
        2 => Signer::Spare(merchant % 4 + 1, 1).public(),
        3 if input.once_in(4) => UNUSABLE,
        _ => Signer::Spare(merchant, 1 + input.below(SPARES.into()) as u8).public(),
    }
}

/// A key that is likely on a merchant's record; seldom the one that it signs with most.
fn known_key(input: &mut Input<'_>, scene: &Scene<'_>) -> PublicKey {
    let merchant = scene.merchant;
    match input.below(16) {
        0 => Signer::All(merchant).public(),
        1 => Signer::Store(merchant).public(),
        2..=5 => Signer::One(merchant, input.pick(&ROLES)).public(),
        _ => new_key(input, scene),
    }
}

pub fn add_key(input: &mut Input<'_>, scene: &Scene<'_>) -> AddKey {
    let roles: [&[Role]; 8] =
        [&ROLES, &ROLES, &ROLES[..2], &ROLES[3..], &[Role::Acceptor], &ROLES[2..], &ROLES[1..3], &[]];
    // No role at all is malformed, and with it the transaction.
    let roles = roles[if input.once_in(64) { 7 } else { input.below(7) }];
    let store_id = input.pick(&[None, None, None, Some(STORE), Some(StoreId(13))]);
    AddKey { public_key: new_key(input, scene), roles: roles.to_vec(), store_id }
}

pub fn revoke_key(input: &mut Input<'_>, scene: &Scene<'_>) -> RevokeKey {
    RevokeKey { public_key: known_key(input, scene) }
}

pub fn rotate_key(input: &mut Input<'_>, scene: &Scene<'_>) -> RotateKey {
    RotateKey { public_key: known_key(input, scene), new_key: new_key(input, scene) }
}

fn holder(input: &mut Input<'_>) -> HolderKind {
    input.pick(&[HolderKind::Member, HolderKind::Employee, HolderKind::Supplier])
}

pub fn enrol(input: &mut Input<'_>, _: &Scene<'_>) -> Enrol {
    Enrol { holder: holder(input), commitment: commitment(input.pick(&[6, 7, 8, 1, 2, 3, 4, 5, 200])) }
}

fn wallet_key(input: &mut Input<'_>) -> PublicKey {
    match input.below(64) {
        0 => UNUSABLE,
        n => Signer::Wallet(1 + (n % usize::from(WALLETS)) as u8).public(),
    }
}

pub fn enrol_wallet(input: &mut Input<'_>, _: &Scene<'_>) -> EnrolWallet {
    EnrolWallet { holder: holder(input), wallet_key: wallet_key(input) }
}

/// A member, most likely one that has a wallet or is the merchant's own.
fn wallet_member(input: &mut Input<'_>, scene: &Scene<'_>) -> Address {
    match input.below(6) {
        0 => member(REGISTERED.0),
        1 => member(WALLET_MEMBERS),
        2 => member(WALLET_MEMBERS + 1),
        _ => some_member(input, scene),
    }
}

pub fn register_wallet(input: &mut Input<'_>, scene: &Scene<'_>) -> RegisterWallet {
    RegisterWallet { member: some_member(input, scene), wallet_key: wallet_key(input) }
}

pub fn rotate_wallet(input: &mut Input<'_>, scene: &Scene<'_>) -> RotateWallet {
    RotateWallet { member: wallet_member(input, scene), wallet_key: wallet_key(input) }
}

pub fn recover_wallet(input: &mut Input<'_>, scene: &Scene<'_>) -> RecoverWallet {
    RecoverWallet { member: wallet_member(input, scene), wallet_key: wallet_key(input) }
}

pub fn freeze(input: &mut Input<'_>, scene: &Scene<'_>) -> Freeze {
    Freeze { member: some_member(input, scene) }
}

/// A member that is frozen, where there is one.
pub fn unfreeze(input: &mut Input<'_>, scene: &Scene<'_>) -> Unfreeze {
    let is_frozen = |member: &Address| scene.world.record(*member).is_some_and(|record| record.is_frozen);
    let some = some_member(input, scene);
    let frozen = crate::world::NAMED_MEMBERS.map(member).into_iter().find(is_frozen);
    Unfreeze { member: frozen.filter(|_| !input.once_in(4)).unwrap_or(some) }
}
