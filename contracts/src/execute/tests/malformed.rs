//! What no node accepts, whatever its state.

use proptest::prelude::*;

use crate::encoding;
use crate::genesis::Role;
use crate::testing::{World, issue, key, member};
use crate::transaction::{CheckedTransaction, MAX_LEAF_BYTES, MAX_OPERATIONS, Transaction};
use crate::types::{Hash, Reference};

fn transaction() -> (World, Transaction) {
    let mut world = World::with_members(0);
    let operation = world.operation(issue(1, member(1), 100));
    let transaction = world.transaction(1, Role::Issuer, vec![operation]);
    (world, transaction)
}

/// The stable name of what is wrong with these bytes.
fn fault(world: &World, bytes: Vec<u8>) -> &'static str {
    CheckedTransaction::check(bytes, &world.genesis.chain_id()).expect_err("must be refused").name()
}

fn resigned(mut transaction: Transaction) -> Vec<u8> {
    transaction.sign(&key(1, 1));
    encoding::encode(&transaction)
}

#[test]
fn faults_in_order() {
    let (world, good) = transaction();
    let bytes = encoding::encode(&good);
    assert!(CheckedTransaction::check(bytes.clone(), &world.genesis.chain_id()).is_ok());

    assert_eq!(fault(&world, vec![0; MAX_LEAF_BYTES + 1]), "transaction_oversized");
    assert_eq!(fault(&world, Vec::new()), "malformed_transaction");
    assert_eq!(fault(&world, [bytes.clone(), vec![0]].concat()), "malformed_transaction");
    let other_chain = Transaction { chain_id: Hash([1; 32]), operations: Vec::new(), ..good.clone() };
    assert_eq!(fault(&world, encoding::encode(&other_chain)), "wrong_chain");
    let empty = Transaction { operations: Vec::new(), ..good.clone() };
    assert_eq!(fault(&world, encoding::encode(&empty)), "operation_count");
    let many = Transaction { operations: vec![good.operations[0].clone(); MAX_OPERATIONS], ..good.clone() };
    assert_eq!(fault(&world, encoding::encode(&many)), "transaction_oversized");
    let mut unordered = good.clone();
    unordered.operations[0].reference = Reference(1);
    assert_eq!(fault(&world, resigned(unordered)), "malformed_operation");
    let mut lines = good.clone();
    if let crate::transaction::Body::Issue(o) = &mut lines.operations[0].body {
        o.lines.clear();
    }
    assert_eq!(fault(&world, resigned(lines)), "malformed_operation");
    let mut weak = good.clone();
    weak.public_key.0 = [0; 32];
    weak.public_key.0[0] = 1;
    assert_eq!(fault(&world, encoding::encode(&weak)), "unusable_key");
    let mut forged = good;
    forged.valid_until_ms += 1;
    assert_eq!(fault(&world, encoding::encode(&forged)), "wrong_signature");
}

#[test]
fn what_was_checked_before_is_taken_as_it_is_and_nothing_else() {
    let (world, good) = transaction();
    let chain_id = world.genesis.chain_id();
    let bytes = encoding::encode(&good);
    let before = CheckedTransaction::check(bytes.clone(), &chain_id).expect("it is valid");
    let known = |id: &Hash| (*id == before.id()).then(|| before.clone());
    let mut forged = good;
    forged.valid_until_ms += 1;
    let forged = encoding::encode(&forged);

    let again = CheckedTransaction::check_new(vec![bytes.clone()], &chain_id, &known).expect("it is valid still");
    assert!(std::ptr::eq(again[0].transaction(), before.transaction()), "shared, not decoded anew");
    let (at, fault) =
        CheckedTransaction::check_new(vec![bytes, forged], &chain_id, &known).expect_err("the second is forged");
    assert_eq!((at, fault.name()), (1, "wrong_signature"));
}

#[test]
fn every_truncation_is_refused() {
    let (world, good) = transaction();
    let bytes = encoding::encode(&good);
    for length in 0..bytes.len() {
        assert_eq!(fault(&world, bytes[..length].to_vec()), "malformed_transaction", "{length} bytes");
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    let (world, good) = transaction();
    let bytes = encoding::encode(&good);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let result = CheckedTransaction::check(flipped, &world.genesis.chain_id());
        assert!(result.is_err(), "byte {at}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_what_decodes_encodes_to_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(decoded) = encoding::decode::<Transaction>(&bytes) {
            prop_assert_eq!(encoding::encode(&decoded), bytes);
        }
    }

    #[test]
    fn mutated_transactions_have_one_encoding(at in 0_usize..400, value in any::<u8>()) {
        let (_, good) = transaction();
        let mut bytes = encoding::encode(&good);
        let at = at % bytes.len();
        bytes[at] = value;
        if let Ok(decoded) = encoding::decode::<Transaction>(&bytes) {
            prop_assert_eq!(encoding::encode(&decoded), bytes);
        }
    }
}
