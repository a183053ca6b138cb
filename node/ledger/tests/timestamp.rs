//! Time stamps against an authority that nobody here wrote: `openssl ts` answers our requests, and its verdict on the
//! answers is ours.

#![allow(clippy::unwrap_used)]

mod authority;

use authority::{Authority, GOOD, P384, Profile, RSA};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tally_contracts::checkpoint::Evidence;
use tally_ledger::anchor::timestamp::{Roots, TimeStamp, TimeStampError, judge, request};
use tally_ledger::anchor::{self, AnchorError, Anchored, Trust, imprint};

const IMPRINT: [u8; 32] = [0xa5; 32];
const NONCE: u64 = 0xfeed_0000_0000_0001;
/// What `openssl cms` needs to sign a time stamp: the content's type, and the attribute that binds the certificate.
const AS_STAMP: &[&str] = &["-econtent_type", "1.2.840.113549.1.9.16.1.4", "-cades"];

fn roots(authority: &Authority) -> Roots {
    Roots::from_pem(&authority.root()).unwrap()
}

fn judged(authority: &Authority, response: &[u8]) -> Result<TimeStamp, TimeStampError> {
    judge(response, &IMPRINT, Some(NONCE), &roots(authority))
}

#[test]
fn what_openssl_stamps_is_accepted_by_both() {
    let profiles = [
        Profile { key: RSA, ..GOOD },
        Profile { key: RSA, digest: "sha512", bond: "sha1", intermediate: true, ..GOOD },
        GOOD,
        Profile { bond: "sha1", ..GOOD },
        Profile { key: P384, digest: "sha384", bond: "sha512", intermediate: true, ..GOOD },
        Profile { key: P384, bond: "sha384", ..GOOD },
    ];
    for profile in profiles {
        let authority = Authority::new(profile);
        let request = request(&IMPRINT, NONCE);
        let response = authority.stamp(&request);
        assert!(authority.openssl_accepts(&request, &response), "{profile:?}");
        let stamp = judged(&authority, &response).unwrap_or_else(|e| panic!("{profile:?}: {e}"));
        if profile.intermediate {
            let [signer, root] = [authority.signer(), authority.root()]
                .map(|pem| place(&response, &CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()));
            assert!(signer.len() > root.len() && signer.start < root.start, "the set of certificates is not sorted");
        }
        assert_eq!(stamp.imprint, IMPRINT);
        assert_eq!(stamp.nonce, Some(NONCE));
        assert_eq!(stamp.accuracy_us, Some(1_500_100));
        assert_eq!(stamp.policy, "1.2.3.4.1");
        assert_eq!(stamp.authority, "CN=Stamps signer,O=Outside Ltd");
        assert_eq!(judge(&response, &IMPRINT, None, &roots(&authority)).unwrap(), stamp, "without its nonce");
    }
}

#[test]
fn a_stamp_of_something_else_or_for_another_request_is_refused() {
    let authority = Authority::new(GOOD);
    let response = authority.stamp(&request(&IMPRINT, NONCE));
    let roots = roots(&authority);
    let refused = judge(&response, &[0xa6; 32], Some(NONCE), &roots).unwrap_err();
    assert_eq!(refused, TimeStampError::Imprint("a5".repeat(32)));
    assert_eq!(judge(&response, &IMPRINT, Some(NONCE + 1), &roots).unwrap_err(), TimeStampError::Nonce);
    assert!(!authority.openssl_accepts(&request(&[0xa6; 32], NONCE), &response));
    assert!(!authority.openssl_accepts(&request(&IMPRINT, NONCE + 1), &response));
}

/// Flips bits, each in a copy of the response, and asserts that no copy is accepted with other content. Returns the
/// bytes whose flipped bits made no difference.
fn harmless_flips(authority: &Authority, response: &[u8], bits: impl Iterator<Item = usize>) -> Vec<usize> {
    let roots = roots(authority);
    let judged = |response: &[u8]| judge(response, &IMPRINT, Some(NONCE), &roots);
    let original = judged(response).unwrap();
    let mut harmless = Vec::new();
    for bit in bits {
        let mut flipped = response.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(stamp) = judged(&flipped) {
            assert_eq!(stamp, original, "bit {bit} changed what was stamped");
            harmless.push(bit / 8);
        }
    }
    harmless.dedup();
    harmless
}

/// Where `part` stands in `whole`.
fn place(whole: &[u8], part: &[u8]) -> std::ops::Range<usize> {
    let start = whole.windows(part.len()).position(|window| window == part).unwrap();
    start..start + part.len()
}

#[test]
fn a_flipped_bit_is_refused_or_changes_nothing_that_is_judged() {
    let authority = Authority::new(GOOD);
    let response = authority.stamp(&request(&IMPRINT, NONCE));
    let harmless = harmless_flips(&authority, &response, 0..response.len() * 8);
    let content = place(&response, &authority.content(&response));
    let signer = place(&response, &CertificateDer::from_pem_slice(authority.signer().as_bytes()).unwrap());
    // The signature is last, and before it stand its algorithm and the signed attributes.
    let signature = response.len() - 64..response.len();
    for part in [content, signer, signature] {
        assert!(!harmless.iter().any(|at| part.contains(at)), "bits of {part:?} may be anything: {harmless:?}");
    }
    // Status, versions, the list of hashes: no more is covered by nothing.
    assert!(harmless.len() < 24, "{harmless:?}");
}

#[test]
fn nor_does_a_flipped_bit_in_the_certificates_above() {
    let authority = Authority::new(Profile { key: RSA, intermediate: true, ..GOOD });
    let response = authority.stamp(&request(&IMPRINT, NONCE));
    let harmless = harmless_flips(&authority, &response, (0..response.len()).map(|at| at * 8 + at % 8));
    // The root that was sent along is not looked at, the certificate under it is.
    let root = place(&response, &CertificateDer::from_pem_slice(authority.root().as_bytes()).unwrap());
    let others = harmless.iter().filter(|at| !root.contains(at)).count();
    assert!(others < 24, "{harmless:?}");
}

#[test]
fn a_cut_or_lengthened_response_is_refused() {
    let authority = Authority::new(GOOD);
    let response = authority.stamp(&request(&IMPRINT, NONCE));
    for length in 0..response.len() {
        judged(&authority, &response[..length]).unwrap_err();
    }
    judged(&authority, &[response.as_slice(), &[0]].concat()).unwrap_err();
    let endless = vec![0x30; 32 * 1024 + 1];
    assert_eq!(judged(&authority, &endless).unwrap_err(), TimeStampError::Oversized(32 * 1024 + 1));
}

#[test]
fn a_root_of_the_same_name_with_another_key_is_not_believed() {
    let authority = Authority::new(GOOD);
    let response = authority.stamp(&request(&IMPRINT, NONCE));
    let other = Roots::from_pem(&Authority::new(GOOD).root()).unwrap();
    let refused = judge(&response, &IMPRINT, Some(NONCE), &other).unwrap_err();
    assert!(matches!(refused, TimeStampError::Chain(_)), "{refused}");
    let none = judge(&response, &IMPRINT, Some(NONCE), &Roots::default()).unwrap_err();
    assert_eq!(none, TimeStampError::Chain("it leads to none of the roots".to_owned()));
}

#[test]
fn a_certificate_that_had_expired_when_it_stamped_is_not_believed() {
    let authority = Authority::new(Profile { until: "20210101000000Z", ..GOOD });
    let request = request(&IMPRINT, NONCE);
    let response = authority.stamp(&request);
    let expired = TimeStampError::Chain("a certificate on the way had expired".to_owned());
    assert_eq!(judged(&authority, &response).unwrap_err(), expired);
    assert!(!authority.openssl_accepts(&request, &response));
}

/// The content of a response, with another time.
fn at_time(content: &[u8], time: &[u8; 14]) -> Vec<u8> {
    let is_time = |window: &[u8]| window[..3] == [0x18, 15, b'2'] && window[16] == b'Z';
    let at = content.windows(17).position(is_time).unwrap();
    [&content[..at + 2], time, &content[at + 16..]].concat()
}

#[test]
fn a_stamp_outlives_its_certificate() {
    let authority = Authority::new(Profile { until: "20210101000000Z", ..GOOD });
    let content = authority.content(&authority.stamp(&request(&IMPRINT, NONCE)));
    let stamp = judged(&authority, &authority.sign(&at_time(&content, b"20200601123456"), AS_STAMP)).unwrap();
    assert_eq!(stamp.time_ms, 1_591_014_896_000);
    let before = judged(&authority, &authority.sign(&at_time(&content, b"20191231235959"), AS_STAMP)).unwrap_err();
    assert_eq!(before, TimeStampError::Chain("a certificate on the way was not valid yet".to_owned()));
}

#[test]
fn a_certificate_not_for_time_stamps_alone_may_not_stamp() {
    let good = Authority::new(GOOD);
    let content = good.content(&good.stamp(&request(&IMPRINT, NONCE)));
    judged(&good, &good.sign(&content, AS_STAMP)).expect("signed by hand, a good stamp is accepted");
    for extensions in ["mail", "nothing", "lenient", "both"] {
        let authority = Authority::new(Profile { extensions, ..GOOD });
        let response = authority.sign(&content, AS_STAMP);
        assert_eq!(judged(&authority, &response).unwrap_err(), TimeStampError::Usage, "{extensions}");
        assert!(!authority.openssl_accepts(&request(&IMPRINT, NONCE), &response), "{extensions}");
    }
}

#[test]
fn a_signed_message_that_is_no_time_stamp_is_refused() {
    let authority = Authority::new(GOOD);
    let content = authority.content(&authority.stamp(&request(&IMPRINT, NONCE)));
    let refused = |options: &[&str]| judged(&authority, &authority.sign(&content, options)).unwrap_err();
    let data = TimeStampError::Content("1.2.840.113549.1.7.1".to_owned());
    assert_eq!(refused(&["-cades"]), data, "of another type");
    let unbound = TimeStampError::Attribute("signingCertificate");
    assert_eq!(refused(&AS_STAMP[..2]), unbound, "a signature that names no certificate");
    let bare = [&AS_STAMP[..2], &["-noattr"]].concat();
    assert_eq!(refused(&bare), TimeStampError::Attribute("contentType"), "a signature over the content alone");
    let twice = [AS_STAMP, &["-signer", "root.pem", "-inkey", "root.key"]].concat();
    assert_eq!(refused(&twice), TimeStampError::Signers(2), "two signers");
}

#[test]
fn a_certificate_that_is_not_sent_along_may_stand_beside_the_roots() {
    let authority = Authority::new(GOOD);
    let content = authority.content(&authority.stamp(&request(&IMPRINT, NONCE)));
    let response = authority.sign(&content, &[AS_STAMP, &["-nocerts"]].concat());
    assert_eq!(judged(&authority, &response).unwrap_err(), TimeStampError::SignerUnknown);
    let beside = roots(&authority).with_beside(&authority.signer()).unwrap();
    judge(&response, &IMPRINT, Some(NONCE), &beside).expect("with its certificate, it is accepted");
}

#[test]
fn a_refusal_comes_with_the_authoritys_words() {
    let authority = Authority::new(GOOD);
    let refused = judged(&authority, &authority.stamp(b"no request")).unwrap_err();
    let TimeStampError::Refused { status: 2, words } = refused else { panic!("{refused}") };
    assert!(words.contains("badDataFormat"), "{words}");
}

#[test]
fn a_stamped_checkpoint_is_anchored_for_who_trusts_the_authority() {
    let authority = Authority::new(GOOD);
    let checkpoint = "tally/abc\n7\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
    let response = authority.stamp(&request(&imprint(checkpoint), NONCE));
    let stamp = judge(&response, &imprint(checkpoint), Some(NONCE), &roots(&authority)).unwrap();
    let evidence = Evidence::TimeStamp { response };
    let trust = Trust::new(roots(&authority), Vec::new());
    let anchored = Anchored { operator: "CN=Stamps signer,O=Outside Ltd".to_owned(), time_ms: stamp.time_ms };
    assert_eq!(anchor::judge(&evidence, checkpoint, &trust), Ok(anchored));
    let other = anchor::judge(&evidence, "tally/abc\n8\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n", &trust);
    assert!(matches!(other, Err(AnchorError::TimeStamp(TimeStampError::Imprint(_)))), "{other:?}");
    let nobody = anchor::judge(&evidence, checkpoint, &Trust::default());
    assert!(matches!(nobody, Err(AnchorError::TimeStamp(TimeStampError::Chain(_)))), "{nobody:?}");
}
