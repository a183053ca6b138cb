//! One verdict on every signature: alone, in a batch, with torsion, with keys of small order.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha512};

use super::{PublicKey, Signature, SignatureError, Signed, sign, verify_batch};
use crate::types::Hash;

const MESSAGE: Hash = Hash([7; 32]);

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn good(n: u8) -> Signed {
    Signed { key: PublicKey::of(&key(n)), message: MESSAGE, signature: sign(&key(n), &MESSAGE.0) }
}

/// A signature whose commitment carries a component of small order: valid under the cofactored equation of ZIP-215, not
/// under the one without the cofactor.
fn with_torsion(n: u8) -> Signed {
    let key = key(n);
    let secret = key.to_scalar();
    let nonce = Scalar::from(12_345_u64);
    let commitment = (ED25519_BASEPOINT_POINT * nonce + EIGHT_TORSION[1]).compress();
    let mut digest = Sha512::new();
    digest.update(commitment.as_bytes());
    digest.update(key.verifying_key().as_bytes());
    digest.update(MESSAGE.0);
    let response = nonce + Scalar::from_bytes_mod_order_wide(&digest.finalize().into()) * secret;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(commitment.as_bytes());
    signature[32..].copy_from_slice(response.as_bytes());
    Signed { key: PublicKey::of(&key), message: MESSAGE, signature: Signature(signature) }
}

fn alone(signed: &Signed) -> Result<(), SignatureError> {
    signed.key.verify(&signed.message.0, &signed.signature)
}

#[test]
fn torsion_is_judged_alike_alone_and_in_a_batch() {
    let torsion = with_torsion(1);
    let strict = ed25519_dalek::VerifyingKey::from_bytes(&torsion.key.0).expect("a key");
    let dalek = ed25519_dalek::Signature::from_bytes(&torsion.signature.0);
    assert!(strict.verify_strict(&MESSAGE.0, &dalek).is_err(), "the vector tells the two equations apart");
    assert_eq!(alone(&torsion), Ok(()));
    for size in 1..12 {
        let mut batch: Vec<Signed> = (10..10 + size).map(good).collect();
        batch.push(with_torsion(1));
        assert_eq!(verify_batch(&batch), Ok(()), "{size} others");
    }
}

#[test]
fn a_batch_names_the_first_bad_signature() {
    for size in 1..12_u8 {
        for bad in 0..size {
            let mut batch: Vec<Signed> = (0..size).map(good).collect();
            batch[usize::from(bad)].message = Hash([8; 32]);
            assert_eq!(verify_batch(&batch), Err((usize::from(bad), SignatureError::Mismatch)));
        }
    }
}

#[test]
fn a_batch_judges_in_its_order_whatever_is_wrong() {
    let mut batch: Vec<Signed> = (0..6).map(good).collect();
    batch[1].message = Hash([8; 32]);
    batch[4].key = PublicKey([0; 32]);
    assert_eq!(verify_batch(&batch), Err((1, SignatureError::Mismatch)));
}

#[test]
fn keys_of_small_order_are_refused() {
    for point in EIGHT_TORSION {
        let key = PublicKey(point.compress().to_bytes());
        assert_eq!(key.check(), Err(SignatureError::Key));
        // Under such a key the zero response with a commitment of small order would verify for any message.
        let mut forged = good(1);
        forged.key = key;
        forged.signature.0[..32].copy_from_slice(&key.0);
        forged.signature.0[32..].fill(0);
        assert_eq!(alone(&forged), Err(SignatureError::Key));
        let batch: Vec<Signed> = (0..6).map(good).chain([forged]).collect();
        assert_eq!(verify_batch(&batch), Err((6, SignatureError::Key)));
    }
}

#[test]
fn whatever_unpacks_to_a_point_of_small_order_is_known_by_its_bytes() {
    let whole = EIGHT_TORSION.map(|point| point.compress().to_bytes());
    // All that is not reduced modulo p, whose y is from p to 2^255 - 1, in both signs; and keys like any other.
    let not_reduced = (0xed..=0xff).flat_map(|first: u8| {
        let mut y = [0xff; 32];
        y[0] = first;
        [0x7f, 0xff].map(|last| [&y[..31], &[last]].concat().try_into().expect("32 bytes"))
    });
    // y = 1 and y = -1 have x = 0, whose sign bit says nothing.
    let (mut one, mut minus_one) = ([0; 32], [0xff; 32]);
    (one[0], one[31], minus_one[0]) = (1, 0x80, 0xec);
    let keys = (0..50).map(|n| PublicKey::of(&key(n)).0);
    let (mut small, mut usable) = (0, 0);
    for bytes in whole.into_iter().chain(not_reduced).chain([one, minus_one]).chain(keys) {
        let point = CompressedEdwardsY(bytes).decompress();
        let expected = match point {
            Some(point) if !point.is_small_order() => Ok(()),
            _ => Err(SignatureError::Key),
        };
        small += u32::from(point.is_some_and(|point| point.is_small_order()));
        usable += u32::from(expected.is_ok());
        assert_eq!(PublicKey(bytes).check(), expected, "{}", PublicKey(bytes));
    }
    assert!(small == 14 && usable >= 50, "{small} of small order, {usable} usable");
}

#[test]
fn a_response_beyond_the_group_order_is_refused() {
    let mut malleable = good(1);
    // Adding the group order to the response gives the same scalar in another encoding.
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10_u8,
    ];
    let mut carry = 0_u16;
    for (byte, add) in malleable.signature.0[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    assert_eq!(alone(&malleable), Err(SignatureError::Mismatch));
}
