//! Time stamps of RFC 3161: an authority's signed word that some 32 bytes existed at a time.
//!
//! [`request`] makes what is sent to an authority, [`judge`] judges what it answers, at once or years later: nothing
//! but the response and the authority's root is needed, and no clock. What is not asked is whether a certificate was
//! revoked: that is nothing the response tells.
//!
//! Sources: RFC 3161, RFC 5652 (signed data), RFC 5816 (the binding of the certificate).

mod asn1;
mod roots;
mod signer;

use cms::content_info::ContentInfo;
use der::asn1::{Int, OctetString};
use der::{Any, Decode, Encode};
use rustls_pki_types::CertificateDer;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_tsp::{MessageImprint, TimeStampReq, TspVersion};

pub use roots::{Roots, RootsError};

use asn1::{
    SHA_256, SIGNED_DATA, SignedData, TST_INFO, TimeStampResp, TstInfo, accuracy_us, check_sets, small, time_ms,
};

/// Largest response that is judged, in bytes: those of authorities have 1 to 8 kB, chain included.
pub const MAX_RESPONSE_BYTES: usize = 32 << 10;

/// What an authority said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeStamp {
    /// SHA-256 of what was stamped.
    pub imprint: [u8; 32],
    /// `genTime` in ms since 1970.
    pub time_ms: u64,
    /// How far off `time_ms` may be, either way, in µs; none where the authority leaves it to its policy.
    pub accuracy_us: Option<u64>,
    /// The authority's policy, as dotted decimals.
    pub policy: String,
    /// The stamp's serial number, in hexadecimals.
    pub serial: String,
    /// The nonce of the request; none where there was none, or one beyond 64 bits.
    pub nonce: Option<u64>,
    /// Subject of the certificate that signed: who vouches.
    pub authority: String,
}

/// A response that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeStampError {
    /// Beyond [`MAX_RESPONSE_BYTES`].
    #[error(
        "the response has {0} bytes, at most {MAX_RESPONSE_BYTES} are judged; ask for one without extra certificates"
    )]
    Oversized(usize),
    /// Not what the RFCs say, in DER.
    #[error("{part} cannot be read: {reason}; ask the authority again, or another authority")]
    Encoding {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The authority did not stamp.
    #[error("the authority refused with status {status}: {words}; correct the request, or ask another authority")]
    Refused {
        /// `PKIStatus`.
        status: u8,
        /// Its words.
        words: String,
    },
    /// Granted, but without a token.
    #[error("the authority granted a time stamp but sent none; ask again")]
    NoToken,
    /// Some other signed message.
    #[error("the token holds `{0}`, which is no time stamp; check the authority's address")]
    Content(String),
    /// A token has one signer (RFC 3161 section 2.4.2).
    #[error("the token has {0} signers, a time stamp has one; ask another authority")]
    Signers(usize),
    /// Of something else.
    #[error("the time stamp is of something else: its imprint is {0}; stamp this very text")]
    Imprint(String),
    /// Not the answer to this request.
    #[error("the time stamp does not carry the request's nonce: it answers another request; ask again")]
    Nonce,
    /// A signed attribute that is missing, repeated, or says otherwise.
    #[error("the signed attribute `{0}` is missing or does not fit; the response was altered, ask again")]
    Attribute(&'static str),
    /// The signing certificate is not at hand.
    #[error("the signing certificate is not in the response; add it to the certificates beside the roots")]
    SignerUnknown,
    /// Signed and unsigned parts name different certificates.
    #[error("the signer's identifier is not that of the signing certificate; the response was altered, ask again")]
    SignerIdentifier,
    /// Neither RSA (PKCS #1 v1.5, 2048 bits and more) nor ECDSA (P-256, P-384), or not with SHA-256, -384, -512.
    #[error("the authority signs with {0}, which is not supported; ask one that uses RSA or ECDSA with SHA-256")]
    Algorithm(String),
    /// The signature.
    #[error("the authority's signature does not hold; the response was altered, ask again")]
    Signature,
    /// RFC 3161 section 2.3.
    #[error("the signing certificate is not one for time stamps alone (critical timeStamping); ask another authority")]
    Usage,
    /// The certificates above it.
    #[error(
        "the certificate is not believed at the stamp's time: {0}; configure its root, and beside it those between"
    )]
    Chain(String),
    /// An extension that must be understood.
    #[error("the time stamp has the critical extension {0}, which is not understood here; ask for one without")]
    Extension(String),
}

/// The DER of a `TimeStampReq` for a SHA-256 hash, which asks for the signing certificate too.
///
/// The nonce ties the answer to this request: take a random one, and give it to [`judge`].
///
/// # Panics
/// Never: the lengths are fixed.
#[must_use]
pub fn request(imprint: &[u8; 32], nonce: u64) -> Vec<u8> {
    let make = || {
        let hash_algorithm = AlgorithmIdentifierOwned { oid: SHA_256, parameters: Some(Any::null()) };
        let message_imprint = MessageImprint { hash_algorithm, hashed_message: OctetString::new(imprint.as_slice())? };
        let nonce = Some(Int::from_der(&nonce.to_der()?)?);
        let (version, req_policy, cert_req, extensions) = (TspVersion::V1, None, true, None);
        TimeStampReq { version, message_imprint, req_policy, nonce, cert_req, extensions }.to_der()
    };
    make().expect("a request encodes because its lengths are fixed")
}

/// Judges the DER of a `TimeStampResp`: that an authority under one of the roots stamped `imprint`, and when. With
/// `nonce`, that it answers the request of that nonce; who judges what others asked for gives none.
///
/// # Errors
/// The first [`TimeStampError`]: of the response, the token, its signature, what it says, the certificates.
pub fn judge(
    response: &[u8],
    imprint: &[u8; 32],
    nonce: Option<u64>,
    roots: &Roots,
) -> Result<TimeStamp, TimeStampError> {
    if response.len() > MAX_RESPONSE_BYTES {
        return Err(TimeStampError::Oversized(response.len()));
    }
    let token = granted(response)?;
    let signed = signed_data(&token)?;
    let content = signed.content.econtent.as_ref().ok_or(TimeStampError::NoToken)?;
    let content = content.decode_as::<OctetString>().map_err(unreadable("the token's content"))?;
    let info = TstInfo::from_der(content.as_bytes()).map_err(unreadable("the TSTInfo"))?;
    let [signer] = signed.signers.0.as_slice() else { return Err(TimeStampError::Signers(signed.signers.0.len())) };
    let signer = signer::verify(signer, content.as_bytes(), certificates(&signed, roots)?)?;
    let stamp = read(&info, signer.name())?;
    if stamp.imprint != *imprint {
        return Err(TimeStampError::Imprint(hex::encode(stamp.imprint)));
    }
    if nonce.is_some() && nonce != stamp.nonce {
        return Err(TimeStampError::Nonce);
    }
    signer.check(roots, stamp.time_ms)?;
    Ok(stamp)
}

/// The token of a response that grants one.
fn granted(response: &[u8]) -> Result<ContentInfo, TimeStampError> {
    check_sets(response).map_err(unreadable("the response"))?;
    let TimeStampResp { status, token } = TimeStampResp::from_der(response).map_err(unreadable("the response"))?;
    if status.status > 1 {
        return Err(TimeStampError::Refused { status: status.status, words: status.words() });
    }
    token.ok_or(TimeStampError::NoToken)
}

fn signed_data(token: &ContentInfo) -> Result<SignedData, TimeStampError> {
    if token.content_type != SIGNED_DATA {
        return Err(TimeStampError::Content(token.content_type.to_string()));
    }
    let signed: SignedData = token.content.decode_as().map_err(unreadable("the token"))?;
    if signed.content.econtent_type != TST_INFO {
        return Err(TimeStampError::Content(signed.content.econtent_type.to_string()));
    }
    Ok(signed)
}

/// What the signed content says.
fn read(info: &TstInfo, authority: String) -> Result<TimeStamp, TimeStampError> {
    let wrong = |reason: &str| TimeStampError::Encoding { part: "the TSTInfo", reason: reason.to_owned() };
    if info.version != 1 {
        return Err(wrong("it is not of version 1"));
    }
    if let Some(extension) = info.extensions.iter().flatten().find(|extension| extension.critical) {
        return Err(TimeStampError::Extension(extension.extn_id.to_string()));
    }
    if info.imprint.hash_algorithm.oid != SHA_256 {
        return Err(wrong("its imprint is not by SHA-256"));
    }
    let imprint = info.imprint.hashed_message.as_bytes().try_into();
    let accuracy_us = info.accuracy.as_ref().map(|accuracy| accuracy_us(accuracy).ok_or(wrong("its accuracy")));
    let serial = info.serial.as_bytes();
    Ok(TimeStamp {
        imprint: imprint.map_err(|_| wrong("its imprint has not 32 bytes"))?,
        time_ms: time_ms(&info.gen_time).ok_or(wrong("its time is not YYYYMMDDhhmmss[.s]Z"))?,
        accuracy_us: accuracy_us.transpose()?,
        policy: info.policy.to_string(),
        serial: hex::encode(serial.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(serial)),
        nonce: info.nonce.as_ref().and_then(small),
        authority,
    })
}

/// All certificates that the response brings along or that were given beside the roots.
fn certificates(signed: &SignedData, roots: &Roots) -> Result<Vec<CertificateDer<'static>>, TimeStampError> {
    let sent = signed.certificates.iter().flat_map(|set| set.iter());
    let mut all = sent.map(|any| any.to_der().map(CertificateDer::from)).collect::<Result<Vec<_>, _>>();
    if let Ok(all) = &mut all {
        all.extend(roots.beside.iter().cloned());
    }
    all.map_err(unreadable("a certificate"))
}

fn unreadable(part: &'static str) -> impl Fn(der::Error) -> TimeStampError {
    move |e| TimeStampError::Encoding { part, reason: e.to_string() }
}
