//! Who signed a time stamp: the certificate that the signature names, whether it may sign time stamps, and whether it
//! leads to a root that is believed.
//!
//! Sources: RFC 5652 sections 5.4 and 5.6, RFC 5035 and RFC 5816 (the attribute that binds the certificate), RFC 3161
//! section 2.3 (key usage), RFC 5754 (algorithms).

use std::time::Duration;

use cms::signed_data::{SignedAttributes, SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetString};
use der::{Any, Decode, Encode};
use ring::digest::{self, Algorithm, SHA1_FOR_LEGACY_USE_ONLY};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage, ring as algorithm};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectKeyIdentifier};

use super::asn1::{
    CONTENT_TYPE, ECDSA_SHA_256, ECDSA_SHA_384, EXT_KEY_USAGE, MESSAGE_DIGEST, RSA, RSA_SHA_256, RSA_SHA_384,
    RSA_SHA_512, SHA_256, SHA_384, SHA_512, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, SigningCertificate,
    SigningCertificateV2, TIME_STAMPING, TST_INFO,
};
use super::{Roots, TimeStampError};

/// The object identifier of time stamping as it stands in a certificate, which is how webpki asks for it.
const TIME_STAMPING_DER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

/// The certificate that signed, and all others that may lead from it to a root.
pub(super) struct Signer {
    certificate: Certificate,
    der: CertificateDer<'static>,
    others: Vec<CertificateDer<'static>>,
}

/// Judges the signature over `content` (the bytes of a `TSTInfo`) and finds out whose it is. The chain is judged
/// apart, by [`Signer::check`], since it takes the time that the content states.
pub(super) fn verify(
    signer: &SignerInfo,
    content: &[u8],
    certificates: Vec<CertificateDer<'static>>,
) -> Result<Signer, TimeStampError> {
    let hash = hash_of(&signer.digest_alg.oid)?;
    let attributes = signer.signed_attrs.as_ref().ok_or(TimeStampError::Attribute("contentType"))?;
    let content_type = one::<ObjectIdentifier>(attributes, CONTENT_TYPE, "contentType")?;
    let message_digest = one::<OctetString>(attributes, MESSAGE_DIGEST, "messageDigest")?;
    if content_type != Some(TST_INFO) {
        return Err(TimeStampError::Attribute("contentType"));
    }
    if message_digest.is_none_or(|found| found.as_bytes() != digest::digest(hash, content).as_ref()) {
        return Err(TimeStampError::Attribute("messageDigest"));
    }
    let found = find(attributes, certificates)?;
    found.check_identifier(&signer.sid)?;
    found.check_signature(signer, attributes)?;
    Ok(found)
}

impl Signer {
    /// The subject of the certificate, as RFC 4514 writes names: the most particular part first.
    pub(super) fn name(&self) -> String {
        self.certificate.tbs_certificate.subject.to_string()
    }

    /// Whether the certificate was one for time stamps, under one of the roots, at `time_ms`.
    pub(super) fn check(&self, roots: &Roots, time_ms: u64) -> Result<(), TimeStampError> {
        self.check_usage()?;
        let time = UnixTime::since_unix_epoch(Duration::from_millis(time_ms));
        // An intermediate certificate may do without a usage; the one that signs was just found to have it.
        let usage = KeyUsage::required_if_present(TIME_STAMPING_DER);
        let certificate = EndEntityCert::try_from(&self.der).map_err(|e| TimeStampError::Chain(reason(&e)))?;
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        certificate
            .verify_for_usage(algorithms, &roots.anchors, &self.others, time, usage, None, None)
            .map(|_path| ())
            .map_err(|e| TimeStampError::Chain(reason(&e)))
    }

    /// The signer's identifier outside the signed part must name the certificate that the signed part binds.
    fn check_identifier(&self, identifier: &SignerIdentifier) -> Result<(), TimeStampError> {
        let certificate = &self.certificate.tbs_certificate;
        let is_this = match identifier {
            SignerIdentifier::IssuerAndSerialNumber(sid) => {
                sid.issuer == certificate.issuer && sid.serial_number == certificate.serial_number
            }
            SignerIdentifier::SubjectKeyIdentifier(sid) => {
                matches!(certificate.get::<SubjectKeyIdentifier>(), Ok(Some((_, key))) if key == *sid)
            }
        };
        if is_this { Ok(()) } else { Err(TimeStampError::SignerIdentifier) }
    }

    fn check_signature(&self, signer: &SignerInfo, attributes: &SignedAttributes) -> Result<(), TimeStampError> {
        let algorithms = algorithms(&signer.signature_algorithm.oid, &signer.digest_alg.oid)?;
        // RFC 5652 section 5.4: what is signed is the DER encoding of a SET OF, whatever the bytes of the message are.
        let signed = attributes.to_der().map_err(|_| TimeStampError::Signature)?;
        let certificate = EndEntityCert::try_from(&self.der).map_err(|e| TimeStampError::Chain(reason(&e)))?;
        let signature = signer.signature.as_bytes();
        let holds = |algorithm| certificate.verify_signature(algorithm, &signed, signature).is_ok();
        if algorithms.into_iter().any(holds) { Ok(()) } else { Err(TimeStampError::Signature) }
    }

    /// RFC 3161 section 2.3: exactly one extended key usage, time stamping, and critical.
    fn check_usage(&self) -> Result<(), TimeStampError> {
        let extensions = self.certificate.tbs_certificate.extensions.iter().flatten();
        let mut usages = extensions.filter(|extension| extension.extn_id == EXT_KEY_USAGE);
        let (Some(usage), None) = (usages.next(), usages.next()) else { return Err(TimeStampError::Usage) };
        match ExtendedKeyUsage::from_der(usage.extn_value.as_bytes()) {
            Ok(ExtendedKeyUsage(purposes)) if usage.critical && purposes == [TIME_STAMPING] => Ok(()),
            _ => Err(TimeStampError::Usage),
        }
    }
}

/// The certificate that the signed attributes bind. Where both versions of the attribute stand, both must hold.
fn find(
    attributes: &SignedAttributes,
    mut certificates: Vec<CertificateDer<'static>>,
) -> Result<Signer, TimeStampError> {
    const NAME: &str = "signingCertificate";
    let of_v1 = one::<SigningCertificate>(attributes, SIGNING_CERTIFICATE, NAME)?;
    let of_v2 = one::<SigningCertificateV2>(attributes, SIGNING_CERTIFICATE_V2, NAME)?;
    let mut bonds: Vec<(&Algorithm, OctetString)> = Vec::new();
    if let Some(attribute) = of_v1 {
        // The first is the one that signs (RFC 5035 section 5.4.1).
        let first = attribute.certificates.into_iter().next().ok_or(TimeStampError::Attribute(NAME))?;
        bonds.push((&SHA1_FOR_LEGACY_USE_ONLY, first.hash));
    }
    if let Some(attribute) = of_v2 {
        let first = attribute.certificates.into_iter().next().ok_or(TimeStampError::Attribute(NAME))?;
        bonds.push((hash_of(&first.algorithm.map_or(SHA_256, |algorithm| algorithm.oid))?, first.hash));
    }
    if bonds.is_empty() {
        return Err(TimeStampError::Attribute(NAME));
    }
    let is_bound = |certificate: &CertificateDer<'_>| {
        bonds.iter().all(|(hash, bond)| digest::digest(hash, certificate).as_ref() == bond.as_bytes())
    };
    let at = certificates.iter().position(is_bound).ok_or(TimeStampError::SignerUnknown)?;
    let der = certificates.swap_remove(at);
    let certificate = Certificate::from_der(&der)
        .map_err(|e| TimeStampError::Encoding { part: "the authority's certificate", reason: e.to_string() })?;
    Ok(Signer { certificate, der, others: certificates })
}

/// The value of a signed attribute, which may stand there once and with one value; none where it does not stand.
fn one<T>(attributes: &SignedAttributes, oid: ObjectIdentifier, name: &'static str) -> Result<Option<T>, TimeStampError>
where
    T: for<'a> Decode<'a>,
{
    let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
    let Some(attribute) = found.next() else { return Ok(None) };
    let [value] = attribute.values.as_slice() else { return Err(TimeStampError::Attribute(name)) };
    if found.next().is_some() {
        return Err(TimeStampError::Attribute(name));
    }
    decode(value).map(Some).ok_or(TimeStampError::Attribute(name))
}

fn decode<T: for<'a> Decode<'a>>(value: &Any) -> Option<T> {
    T::from_der(&value.to_der().ok()?).ok()
}

fn hash_of(oid: &ObjectIdentifier) -> Result<&'static Algorithm, TimeStampError> {
    match *oid {
        SHA_256 => Ok(&digest::SHA256),
        SHA_384 => Ok(&digest::SHA384),
        SHA_512 => Ok(&digest::SHA512),
        other => Err(TimeStampError::Algorithm(other.to_string())),
    }
}

/// The algorithms that a pair of identifiers may stand for: that of ECDSA does not name its curve.
fn algorithms(
    signature: &ObjectIdentifier,
    digest: &ObjectIdentifier,
) -> Result<Vec<&'static dyn SignatureVerificationAlgorithm>, TimeStampError> {
    match (*signature, *digest) {
        (RSA | RSA_SHA_256, SHA_256) => Ok(vec![algorithm::RSA_PKCS1_2048_8192_SHA256]),
        (RSA | RSA_SHA_384, SHA_384) => Ok(vec![algorithm::RSA_PKCS1_2048_8192_SHA384]),
        (RSA | RSA_SHA_512, SHA_512) => Ok(vec![algorithm::RSA_PKCS1_2048_8192_SHA512]),
        (ECDSA_SHA_256, SHA_256) => Ok(vec![algorithm::ECDSA_P256_SHA256, algorithm::ECDSA_P384_SHA256]),
        (ECDSA_SHA_384, SHA_384) => Ok(vec![algorithm::ECDSA_P256_SHA384, algorithm::ECDSA_P384_SHA384]),
        (signature, digest) => Err(TimeStampError::Algorithm(format!("{signature} with {digest}"))),
    }
}

/// What webpki found wrong, in words where it is what an auditor can do something about.
fn reason(error: &webpki::Error) -> String {
    match error {
        webpki::Error::UnknownIssuer => "it leads to none of the roots".to_owned(),
        webpki::Error::CertExpired { .. } => "a certificate on the way had expired".to_owned(),
        webpki::Error::CertNotValidYet { .. } => "a certificate on the way was not valid yet".to_owned(),
        other => format!("{other:?}"),
    }
}
