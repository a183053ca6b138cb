//! A spend grant as text.
//!
//! # Format
//! Bech32m (BIP 350) of the grant's canonical bytes under the prefix `tallygrant`, some 330 characters. It is written in
//! capitals: a QR code packs capitals and digits into 5.5 bits each, so bech32 (5 bits each) costs it a tenth, where text
//! in mixed case (base64, 6 bits each) takes 8. Its checksum tells a misread code from a grant that does not hold.

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use tally_contracts::authorization::SpendGrant;
use tally_contracts::encoding;

const PREFIX: Hrp = Hrp::parse_unchecked("tallygrant");

/// Why a text is no grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The checksum, the alphabet or the case is wrong.
    #[error("the code is misread ({0}): scan it again")]
    Misread(String),
    /// A code of something else.
    #[error("this is a code of `{0}`, not of a spend grant: the member's phone shows one that starts with TALLYGRANT1")]
    Kind(String),
    /// Not the bytes of a grant that this version knows.
    #[error("the code holds no grant that this version understands ({0}): are phone and till of the same version?")]
    Grant(String),
}

/// The code of a grant.
pub fn encode(grant: &SpendGrant) -> String {
    bech32::encode_upper::<Bech32m>(PREFIX, &encoding::encode(grant))
        .expect("a grant names at most 16 merchants, so it fits a bech32m text")
}

/// The grant of a code, in capitals or small letters; its signature is not looked at.
pub fn decode(text: &str) -> Result<SpendGrant, CodeError> {
    let checked =
        CheckedHrpstring::new::<Bech32m>(text.trim()).map_err(|error| CodeError::Misread(error.to_string()))?;
    if checked.hrp() != PREFIX {
        return Err(CodeError::Kind(checked.hrp().to_string()));
    }
    let bytes: Vec<u8> = checked.byte_iter().collect();
    encoding::decode(&bytes).map_err(|error| CodeError::Grant(error.to_string()))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use tally_contracts::authorization::MAX_GRANT_ACCEPTORS;
    use tally_contracts::crypto::{Nonce, PublicKey, Signature};
    use tally_contracts::types::{Address, ClassId, Hash, MerchantId, Points};

    use super::*;

    fn grant(merchants: usize) -> SpendGrant {
        let mut grant = SpendGrant {
            chain_id: Hash([0x11; 32]),
            member: Address([0x22; 20]),
            class: ClassId(2),
            max_points: Points(800),
            acceptors: (1..).take(merchants).map(MerchantId).collect(),
            expires_ms: 1_735_689_600_000,
            nonce: Nonce([0x33; 16]),
            public_key: PublicKey::default(),
            signature: Signature::default(),
        };
        grant.sign(&SigningKey::from_bytes(&[0x44; 32]));
        grant
    }

    #[test]
    fn a_code_leads_back_to_its_grant_in_either_case() {
        for merchants in [1, 3, MAX_GRANT_ACCEPTORS] {
            let grant = grant(merchants);
            let code = encode(&grant);
            assert!(code.starts_with("TALLYGRANT1") && code.len() < 400, "{code}");
            assert_eq!(decode(&code).unwrap(), grant);
            assert_eq!(decode(&format!(" {}\n", code.to_lowercase())).unwrap(), grant);
        }
    }

    #[test]
    fn what_is_no_code_says_why() {
        let code = encode(&grant(2));
        for at in [0, 10, 11, 200, code.len() - 1] {
            let mut misread = code.clone().into_bytes();
            misread[at] = if misread[at] == b'Q' { b'P' } else { b'Q' };
            let misread = String::from_utf8(misread).unwrap();
            assert!(matches!(decode(&misread), Err(CodeError::Misread(_))), "{misread}");
        }
        assert!(matches!(decode(""), Err(CodeError::Misread(_))));
        let card = Address([7; 20]).to_string();
        assert_eq!(decode(&card), Err(CodeError::Kind("tally".into())));
        let mut long = encoding::encode(&grant(1));
        long.push(0);
        let long = bech32::encode::<Bech32m>(PREFIX, &long).unwrap();
        assert!(matches!(decode(&long), Err(CodeError::Grant(_))));
    }
}
