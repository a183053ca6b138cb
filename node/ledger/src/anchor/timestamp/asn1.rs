//! The structures of a time stamp that are read as bytes here: only what a verdict needs is taken apart, so that what
//! an authority may add (other certificates, names, texts in any encoding) does not make its stamps unreadable.
//!
//! Sources: RFC 3161 (sections 2.4.2, 3.2.1), RFC 5652 section 5.1, RFC 5035 section 4. `SET OF` is read in any order:
//! OpenSSL does not sort the certificates that it adds.

use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{EncapsulatedContentInfo, SignerInfos};
use der::asn1::{BitString, Int, ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, DateTime, Decode, Encode, ErrorKind, Header, Length, Reader, Sequence, SliceReader, Tag, Tagged};
use x509_cert::ext::Extensions;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_tsp::{Accuracy, MessageImprint};

/// `id-signedData`, RFC 5652 section 5.1.
pub(super) const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// `id-ct-TSTInfo`, RFC 3161 section 2.4.2.
pub(super) const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// `id-contentType`, RFC 5652 section 11.1.
pub(super) const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
/// `id-messageDigest`, RFC 5652 section 11.2.
pub(super) const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// `id-aa-signingCertificate`, RFC 2634 section 5.4.
pub(super) const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
/// `id-aa-signingCertificateV2`, RFC 5035 section 3.
pub(super) const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// `id-kp-timeStamping`, RFC 5280 section 4.2.1.12.
pub(super) const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// The extension `id-ce-extKeyUsage`, RFC 5280 section 4.2.1.12.
pub(super) const EXT_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");

pub(super) const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
pub(super) const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
pub(super) const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const RSA_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
pub(super) const RSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
pub(super) const RSA_SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
pub(super) const ECDSA_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
pub(super) const ECDSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// Most elements that a set may have: a token has one signer, some attributes and a few certificates.
const MAX_SET_ELEMENTS: usize = 64;

/// Goes once through the elements of `response` and refuses sets of more than 64 of them. The parser sorts each set by
/// insertion, which for a set that takes up the whole response would be seconds of work.
pub(super) fn check_sets(response: &[u8]) -> der::Result<()> {
    let mut reader = SliceReader::new(response)?;
    // Of each element that is open: where it ends, and how many more elements it may have.
    let mut open: Vec<(Length, usize)> = Vec::new();
    while !reader.is_finished() {
        while open.last().is_some_and(|(end, _)| *end <= reader.position()) {
            open.pop();
        }
        let header = Header::decode(&mut reader)?;
        if let Some((_, left)) = open.last_mut() {
            *left = left.checked_sub(1).ok_or(ErrorKind::Overlength)?;
        }
        if header.tag.is_constructed() {
            let elements = if header.tag == Tag::Sequence { usize::MAX } else { MAX_SET_ELEMENTS };
            open.push(((reader.position() + header.length)?, elements));
        } else {
            reader.read_slice(header.length)?;
        }
    }
    Ok(())
}

/// `TimeStampResp`.
#[derive(Sequence)]
pub(super) struct TimeStampResp {
    pub(super) status: PkiStatusInfo,
    #[asn1(optional = "true")]
    pub(super) token: Option<ContentInfo>,
}

/// `PKIStatusInfo`: 0 is granted, 1 granted with modifications, the others are refusals.
#[derive(Sequence)]
pub(super) struct PkiStatusInfo {
    pub(super) status: u8,
    #[asn1(optional = "true")]
    pub(super) text: Option<Vec<Any>>,
    #[asn1(optional = "true")]
    pub(super) failure: Option<BitString>,
}

impl PkiStatusInfo {
    /// What the authority says of its refusal, in one line of at most 200 characters.
    pub(super) fn words(&self) -> String {
        let texts = self.text.iter().flatten().map(|text| String::from_utf8_lossy(text.value()).into_owned());
        let bits = self.failure.iter().flat_map(|bits| (0_u32..).zip(bits.bits()).filter(|(_, is_set)| *is_set));
        let bits = bits.filter_map(|(bit, _)| failure_name(bit)).map(str::to_owned);
        let words = texts.chain(bits).collect::<Vec<_>>().join(", ");
        if words.is_empty() { "no reason given".to_owned() } else { words.escape_debug().take(200).collect() }
    }
}

/// `PKIFailureInfo`, RFC 3161 section 2.4.2.
const fn failure_name(bit: u32) -> Option<&'static str> {
    match bit {
        0 => Some("badAlg: it does not take SHA-256"),
        2 => Some("badRequest: it does not take this transaction"),
        5 => Some("badDataFormat: it could not read the request"),
        14 => Some("timeNotAvailable: its clock is out of order"),
        15 => Some("unacceptedPolicy"),
        16 => Some("unacceptedExtension"),
        17 => Some("addInfoNotAvailable"),
        25 => Some("systemFailure: try again later"),
        _ => None,
    }
}

/// `SignedData`. Certificates stay bytes: they are those that were signed, whatever else stands among them.
#[derive(Sequence)]
pub(super) struct SignedData {
    pub(super) version: CmsVersion,
    pub(super) digest_algorithms: SetOfVec<AlgorithmIdentifierOwned>,
    pub(super) content: EncapsulatedContentInfo,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) certificates: Option<SetOfVec<Any>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) crls: Option<SetOfVec<Any>>,
    pub(super) signers: SignerInfos,
}

/// `TSTInfo`. The time is read by [`time_ms`], because it may have a fraction of a second.
#[derive(Sequence)]
pub(super) struct TstInfo {
    pub(super) version: u8,
    pub(super) policy: ObjectIdentifier,
    pub(super) imprint: MessageImprint,
    pub(super) serial: Int,
    pub(super) gen_time: Any,
    #[asn1(optional = "true")]
    pub(super) accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    pub(super) ordering: bool,
    #[asn1(optional = "true")]
    pub(super) nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) authority: Option<Any>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) extensions: Option<Extensions>,
}

/// `SigningCertificate`: SHA-1 of the signing certificate first, then of others of its chain.
#[derive(Sequence)]
pub(super) struct SigningCertificate {
    pub(super) certificates: Vec<EssCertId>,
    #[asn1(optional = "true")]
    pub(super) policies: Option<Vec<Any>>,
}

/// `ESSCertID`.
#[derive(Sequence)]
pub(super) struct EssCertId {
    pub(super) hash: OctetString,
    #[asn1(optional = "true")]
    pub(super) issuer_serial: Option<Any>,
}

/// `SigningCertificateV2`: the same with a hash of the authority's choice.
#[derive(Sequence)]
pub(super) struct SigningCertificateV2 {
    pub(super) certificates: Vec<EssCertIdV2>,
    #[asn1(optional = "true")]
    pub(super) policies: Option<Vec<Any>>,
}

/// `ESSCertIDv2`. A hash that is not named is SHA-256.
#[derive(Sequence)]
pub(super) struct EssCertIdV2 {
    #[asn1(optional = "true")]
    pub(super) algorithm: Option<AlgorithmIdentifierOwned>,
    pub(super) hash: OctetString,
    #[asn1(optional = "true")]
    pub(super) issuer_serial: Option<Any>,
}

/// Milliseconds since 1970 of a `GeneralizedTime` as RFC 3161 section 2.4.2 has it: `YYYYMMDDhhmmss[.s...]Z`. What is
/// below a millisecond is cut off; no time is none of that form.
pub(super) fn time_ms(time: &Any) -> Option<u64> {
    if time.tag() != Tag::GeneralizedTime {
        return None;
    }
    let text = std::str::from_utf8(time.value()).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let two = |at: usize| whole[at..at + 2].parse::<u8>().ok();
    let date = DateTime::new(whole[..4].parse().ok()?, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?).ok()?;
    let ms = fraction.bytes().chain(*b"000").take(3).fold(0, |ms, digit| ms * 10 + u64::from(digit - b'0'));
    Some(date.unix_duration().as_secs() * 1_000 + ms)
}

/// Microseconds of an `Accuracy`; none when it says what cannot be.
pub(super) fn accuracy_us(accuracy: &Accuracy) -> Option<u64> {
    let [millis, micros] = [accuracy.millis, accuracy.micros].map(|part| u64::try_from(part.unwrap_or(0)).ok());
    let us = accuracy.seconds.unwrap_or(0).checked_mul(1_000_000)?;
    us.checked_add(millis? * 1_000)?.checked_add(micros?)
}

/// An integer that may be a nonce of ours; none for one beyond 64 bits.
pub(super) fn small(integer: &Int) -> Option<u64> {
    u64::from_der(&integer.to_der().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use der::TagNumber;

    use super::*;

    #[test]
    fn a_time_is_read_with_and_without_a_fraction() {
        let read = |text: &str| time_ms(&Any::new(Tag::GeneralizedTime, text.as_bytes()).unwrap());
        assert_eq!(read("20230607112626Z"), Some(1_686_137_186_000));
        assert_eq!(read("20230607112626.5Z"), Some(1_686_137_186_500));
        assert_eq!(read("20230607112626.0429Z"), Some(1_686_137_186_042));
        let wrong = ["20230607112626", "20230607112626.Z", "20231307112626Z", "2023060711262Z", "20230607112626.4+Z"];
        for text in wrong.into_iter().chain(["２0230607112Z", "", "Z", "20230607112626+0100"]) {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_set_may_have_64_elements_and_a_sequence_more() {
        let holding = |tag, count: usize| {
            let elements: Vec<u8> = [2, 1, 0].repeat(count);
            check_sets(&Any::new(tag, elements).unwrap().to_der().unwrap())
        };
        for tag in [Tag::Set, Tag::ContextSpecific { constructed: true, number: TagNumber::N0 }] {
            assert_eq!(holding(tag, 64), Ok(()));
            assert_eq!(holding(tag, 65).unwrap_err().kind(), ErrorKind::Overlength);
        }
        assert_eq!(holding(Tag::Sequence, 65), Ok(()));
    }

    #[test]
    fn an_accuracy_that_cannot_be_is_none() {
        let us = |seconds, millis, micros| accuracy_us(&Accuracy { seconds, millis, micros });
        assert_eq!(us(Some(1), Some(500), Some(100)), Some(1_500_100));
        assert_eq!(us(None, None, None), Some(0));
        assert_eq!(us(None, Some(-1), None), None);
        assert_eq!(us(Some(u64::MAX), None, None), None);
    }
}
