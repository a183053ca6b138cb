//! The first blocks of a generated alliance: members are enrolled, wallets are on record, and everybody holds points.

use tally_contracts::authorization::{Authorization, WalletAuthorization};
use tally_contracts::membership::{Enrol, EnrolWallet, RegisterWallet};
use tally_contracts::points::{Issue, IssueLine};
use tally_contracts::transaction::{Body, Operation, Transaction};
use tally_contracts::types::{Category, ClassId, Fen, HOUR_MS, MerchantId, Rate};

use crate::keys::Signer;
use crate::world::{
    MEMBERS, MERCHANTS, REGISTERED, WALLET_MEMBERS, World, commitment, custodian, first_wallet, holder, member,
};

/// What each of the first blocks holds.
pub const ALL: [fn(&mut World) -> Vec<Transaction>; 3] = [enrolments, registrations, purchases];

/// Members that are enrolled.
fn members() -> impl Iterator<Item = u8> {
    (1..=MEMBERS).chain([WALLET_MEMBERS, WALLET_MEMBERS + 1])
}

/// Every merchant enrols its members.
pub fn enrolments(world: &mut World) -> Vec<Transaction> {
    let enrolment = |number: u8| {
        let holder = holder(number);
        if number < WALLET_MEMBERS {
            return (Body::Enrol(Enrol { holder, commitment: commitment(number) }), None);
        }
        let wallet = first_wallet(number);
        (Body::EnrolWallet(EnrolWallet { holder, wallet_key: wallet.public() }), Some(wallet))
    };
    let of = |merchant, world: &mut World| {
        let numbers = members().filter(|number| custodian(*number) == merchant);
        signed(world, merchant, numbers.map(enrolment).collect())
    };
    (1..=MERCHANTS).map(|merchant| of(merchant, world)).collect()
}

/// One member gets a wallet key of its own.
fn registrations(world: &mut World) -> Vec<Transaction> {
    let (number, wallet) = REGISTERED;
    let wallet = Signer::Wallet(wallet);
    let body = Body::RegisterWallet(RegisterWallet { member: member(number), wallet_key: wallet.public() });
    vec![signed(world, custodian(number), vec![(body, Some(wallet))])]
}

/// Every member earns points of every class.
fn purchases(world: &mut World) -> Vec<Transaction> {
    let of = |merchant: u16, world: &mut World| {
        let rate = world.genesis.classes[usize::from(merchant - 1)].terms.earn_rate;
        // Enough to reach limits; where a fen earns most, little enough for all to hold some.
        let amount_fen = Fen(if rate.millionths() == Rate::ONE { 2_000_000 } else { 2_000 });
        let lines = vec![IssueLine { category: Category(1), amount_fen }];
        let purchase = |number| {
            let class = ClassId(u32::from(merchant));
            (Body::Issue(Issue { class, member: member(number), lines: lines.clone() }), None)
        };
        signed(world, merchant, members().map(purchase).collect())
    };
    (1..=MERCHANTS).map(|merchant| of(merchant, world)).collect()
}

/// A transaction of these bodies, some by a wallet's word.
fn signed(world: &mut World, merchant: u16, bodies: Vec<(Body, Option<Signer>)>) -> Transaction {
    let (chain_id, time_ms) = (world.chain_id, world.time_ms);
    let valid_until_ms = time_ms + HOUR_MS;
    let operation = |(body, wallet): (Body, Option<Signer>)| {
        let mut operation = Operation::new(world.new_reference(time_ms), body);
        operation.authorization = wallet.map(|wallet| {
            let what = (operation.reference, &operation.body);
            let at = (chain_id, MerchantId(merchant));
            Authorization::Wallet(WalletAuthorization::sign(wallet.key(), at, valid_until_ms, what))
        });
        world.remember(merchant, &operation);
        operation
    };
    let mut transaction = Transaction {
        operations: bodies.into_iter().map(operation).collect(),
        chain_id,
        merchant: MerchantId(merchant),
        public_key: Default::default(),
        valid_until_ms,
        atomic: false,
        signature: Default::default(),
    };
    transaction.sign(Signer::All(merchant).key());
    transaction
}
