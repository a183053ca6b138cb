//! Batches fill a transaction up to its bounds, and never past them.

use tally_contracts::points::{Issue, IssueLine};
use tally_contracts::transaction::{Body, InvalidTransaction};
use tally_contracts::types::{Address, Category, ClassId, Fen};

use super::*;
use crate::ingress::testing::{GENESIS_MS, MERCHANT, OPERATOR, chain_id, key, operation, reference, unsigned};

fn issue(number: u32, lines: usize) -> Operation {
    let line = IssueLine { category: Category(1), amount_fen: Fen(100) };
    let body = Body::Issue(Issue { class: ClassId(1), member: Address::default(), lines: vec![line; lines] });
    Operation::new(reference(number), body)
}

fn check(operations: Vec<Operation>) -> Result<CheckedTransaction, InvalidTransaction> {
    let mut transaction = unsigned(operations);
    transaction.sign(&key(OPERATOR));
    CheckedTransaction::check(encoding::encode(&transaction), &chain_id())
}

/// As many operations as the room takes, and the first that it does not take.
fn fill(mut operations: impl Iterator<Item = Operation>) -> (Vec<Operation>, Operation) {
    let (mut room, mut taken) = (Room::new(), Vec::new());
    loop {
        let operation = operations.next().unwrap();
        let encoded = encoding::encode(&operation).len();
        if !room.take(1, leaf_bytes(&operation, encoded)) {
            return (taken, operation);
        }
        taken.push(operation);
    }
}

#[test]
fn a_full_batch_is_a_valid_transaction_and_one_more_operation_is_not() {
    for lines in [1, 2, 7, 40, 333] {
        let (mut taken, next) = fill((0..).map(|n| issue(n, lines)));
        assert!(check(taken.clone()).is_ok(), "{lines} lines: {} operations", taken.len());
        taken.push(next);
        assert!(matches!(check(taken), Err(InvalidTransaction::Oversized { .. })), "{lines} lines");
    }
}

#[test]
fn a_batch_has_at_most_as_many_operations_as_a_transaction() {
    let mut room = Room::new();
    assert!(room.take(MAX_OPERATIONS, 0));
    assert!(!room.take(1, 0));
}

#[test]
fn the_signer_makes_what_every_node_accepts() {
    let signer = Signer::new(chain_id(), MERCHANT, key(OPERATOR));
    let valid_until_ms = GENESIS_MS + 5;
    let transaction = signer.sign(Content { operations: vec![operation(1)], atomic: true, valid_until_ms });
    assert!(CheckedTransaction::check(transaction.bytes().to_vec(), &chain_id()).is_ok());
    let t = transaction.transaction();
    assert_eq!((t.merchant, t.atomic, t.valid_until_ms), (MERCHANT, true, valid_until_ms));
}
