//! Bytes -> transaction -> checked transaction: no panic, one encoding, and one verdict alone and in a batch.

#![no_main]

use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use tally_contracts::authorization::{Authorization, WalletAuthorization};
use tally_contracts::encoding::encode;
use tally_contracts::transaction::{CheckedTransaction, InvalidTransaction, Operation, Transaction};
use tally_contracts::types::Hash;
use tally_fuzz::codec;

fuzz_target!(|bytes: &[u8]| {
    let Some(mut transaction) = codec::canonical::<Transaction>(bytes) else {
        let refused = CheckedTransaction::check(bytes.to_vec(), &Hash::ZERO);
        assert!(matches!(refused, Err(InvalidTransaction::Encoding(_) | InvalidTransaction::Oversized { .. })));
        return;
    };
    let chain_id = transaction.chain_id;
    verdict(bytes.to_vec(), &transaction);
    for operation in &transaction.operations {
        let _ = (operation.body_hash(), operation.body.members(), operation.body.class(), operation.body.kind());
    }
    // Rightly signed, it is invalid only by what it says; and it is what it was.
    sign(&mut transaction);
    let bytes = encode(&transaction);
    verdict(bytes.clone(), &transaction);
    match CheckedTransaction::check(bytes.clone(), &chain_id) {
        Ok(checked) => assert_eq!((checked.transaction(), checked.bytes()), (&transaction, bytes.as_slice())),
        Err(error) => {
            let is_of_signature =
                matches!(error, InvalidTransaction::Signature(_) | InvalidTransaction::Authorization { .. });
            assert!(!is_of_signature, "{error}");
        }
    }
});

/// Signs it, and before that what members say in it.
fn sign(transaction: &mut Transaction) {
    let wallet = SigningKey::from_bytes(&[8; 32]);
    for Operation { reference, body, authorization, .. } in &mut transaction.operations {
        match authorization {
            Some(Authorization::Wallet(word)) => {
                let at = (word.chain_id, word.acceptor);
                *word = WalletAuthorization::sign(&wallet, at, word.valid_until_ms, (*reference, body));
            }
            Some(Authorization::Grant(grant)) => grant.sign(&wallet),
            None => {}
        }
    }
    transaction.sign(&SigningKey::from_bytes(&[7; 32]));
}

/// The verdict in a batch, which is large enough to be judged as one, is that of each alone.
fn verdict(bytes: Vec<u8>, transaction: &Transaction) {
    let alone = CheckedTransaction::check(bytes.clone(), &transaction.chain_id);
    let batch = CheckedTransaction::check_all(vec![bytes; 4], &transaction.chain_id);
    match (alone, batch) {
        (Ok(alone), Ok(batch)) => assert!(batch.iter().all(|one| *one == alone)),
        (Err(alone), Err((0, batch))) => assert_eq!(alone, batch),
        (alone, batch) => panic!("alone {alone:?}, in a batch {batch:?}"),
    }
}
