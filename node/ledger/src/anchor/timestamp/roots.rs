//! The time-stamp authorities that an auditor believes: their roots, and certificates on the way to them.

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::anchor_from_trusted_cert;

/// Certificates of roots that are believed, and others that help to reach them but are not believed by themselves.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    pub(super) beside: Vec<CertificateDer<'static>>,
}

/// A text that is no list of certificates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// Not PEM.
    #[error("the certificates are not PEM text: {0}; export them as PEM (`openssl x509 -in root.der -inform DER`)")]
    Pem(String),
    /// PEM without a certificate.
    #[error("there is no certificate in the text; paste everything from `-----BEGIN CERTIFICATE-----` on")]
    Empty,
    /// Not a certificate that can be a root.
    #[error("certificate {index} cannot be a root: {reason}; take the root that the authority publishes")]
    Root {
        /// Its position in the text, from 1 on.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Roots {
    /// Reads the PEM text of one or more root certificates; text between them is skipped.
    ///
    /// # Errors
    /// [`RootsError`].
    pub fn from_pem(pem: &str) -> Result<Self, RootsError> {
        let anchor = |(index, certificate): (usize, &CertificateDer<'_>)| {
            let anchor = anchor_from_trusted_cert(certificate).map(|anchor| anchor.to_owned());
            anchor.map_err(|e| RootsError::Root { index: index + 1, reason: format!("{e:?}") })
        };
        let anchors = certificates(pem)?.iter().enumerate().map(anchor).collect::<Result<_, _>>()?;
        Ok(Self { anchors, beside: Vec::new() })
    }

    /// Adds the PEM text of certificates that lead to a root, for authorities that do not send them along.
    ///
    /// # Errors
    /// [`RootsError`].
    pub fn with_beside(mut self, pem: &str) -> Result<Self, RootsError> {
        self.beside.extend(certificates(pem)?);
        Ok(self)
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let read = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    match read {
        Err(e) => Err(RootsError::Pem(e.to_string())),
        Ok(certificates) if certificates.is_empty() => Err(RootsError::Empty),
        Ok(certificates) => Ok(certificates),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_root_says_so() {
        assert_eq!(Roots::from_pem("").unwrap_err(), RootsError::Empty);
        assert_eq!(Roots::from_pem("no certificate here").unwrap_err(), RootsError::Empty);
        let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Roots::from_pem(text).unwrap_err(), RootsError::Root { index: 1, .. }));
        let cut = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        assert!(matches!(Roots::from_pem(cut).unwrap_err(), RootsError::Pem(_)));
    }
}
