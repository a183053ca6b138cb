//! Consent: by whose word a member's points are touched (`docs/rules.md`, "By whose word points are touched").

use super::{Member, custodian_of};
use crate::authorization::{Authorization, SpendGrant, WalletAuthorization};
use crate::crypto::PublicKey;
use crate::operation::Caller;
use crate::rejection::Rejection;
use crate::state::Overlay;
use crate::types::{Address, ChainId, ClassId, DAY_MS, Hash, MerchantId, Points};

/// Furthest that a spend grant may reach past the block that uses it.
pub const MAX_GRANT_MS: u64 = DAY_MS;

/// By whose word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    /// The member's own, on this operation.
    Wallet,
    /// The member's own, on spending so much.
    Grant(GrantInUse),
    /// The custodian's, for a member without a wallet.
    Custodian,
    /// Nobody's but the acceptor's.
    None,
}

/// A grant that holds for the operation at hand; whether enough is left of it is another matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantInUse {
    pub expires_ms: u64,
    pub id: Hash,
    pub max_points: Points,
}

/// Judges consent to spending points of a class.
///
/// # Errors
/// `authorization_chain`, `authorization_acceptor`, `authorization_expired`, `wrong_wallet_key`, `grant_member`, `grant_class`,
/// `grant_acceptor`, `grant_expired`, `grant_too_long`.
pub(crate) fn judge(
    overlay: &mut Overlay<'_>,
    caller: &Caller<'_>,
    (address, member): (&Address, &Member),
    class: ClassId,
) -> Result<Consent, Rejection> {
    let time_ms = overlay.context.time_ms;
    match &caller.operation.authorization {
        Some(Authorization::Wallet(wallet)) => {
            judge_wallet(overlay, caller.merchant, wallet, member.wallet_key(time_ms))?;
            Ok(Consent::Wallet)
        }
        Some(Authorization::Grant(grant)) => {
            let (merchant, key) = (caller.merchant, member.wallet_key(time_ms));
            judge_grant(grant, &GrantUse { chain_id: overlay.context.chain_id, time_ms, address, class, merchant, key })
                .map(Consent::Grant)
        }
        None if member.wallet.is_none() && custodian_of(overlay, member) == caller.merchant => Ok(Consent::Custodian),
        None => Ok(Consent::None),
    }
}

/// The same where points are given away: the member's own word, or the custodian's for one without a wallet.
///
/// # Errors
/// As [`judge`]; `authorization_required`, `foreign_custodian`.
pub(crate) fn require(
    overlay: &mut Overlay<'_>,
    caller: &Caller<'_>,
    (address, member): (&Address, &Member),
    class: ClassId,
) -> Result<Consent, Rejection> {
    match judge(overlay, caller, (address, member), class)? {
        Consent::None if member.wallet.is_some() => Err(Rejection::AuthorizationRequired),
        Consent::None => Err(Rejection::ForeignCustodian),
        consent => Ok(consent),
    }
}

/// Judges that the operation carries the word of a wallet key.
///
/// # Errors
/// `authorization_chain`, `authorization_acceptor`, `authorization_expired`, `wrong_wallet_key`.
pub(super) fn require_wallet(overlay: &Overlay<'_>, caller: &Caller<'_>, key: PublicKey) -> Result<(), Rejection> {
    match &caller.operation.authorization {
        Some(Authorization::Wallet(wallet)) => judge_wallet(overlay, caller.merchant, wallet, Some(key)),
        _ => unreachable!("a kind that always takes a wallet's word is malformed without it"),
    }
}

fn judge_wallet(
    overlay: &Overlay<'_>,
    merchant: MerchantId,
    wallet: &WalletAuthorization,
    key: Option<PublicKey>,
) -> Result<(), Rejection> {
    if wallet.chain_id != overlay.context.chain_id {
        return Err(Rejection::AuthorizationChain);
    }
    if wallet.acceptor != merchant {
        return Err(Rejection::AuthorizationAcceptor);
    }
    if wallet.valid_until_ms < overlay.context.time_ms {
        return Err(Rejection::AuthorizationExpired);
    }
    if key != Some(wallet.public_key) {
        return Err(Rejection::WrongWalletKey);
    }
    Ok(())
}

/// What a grant is judged against.
struct GrantUse<'a> {
    chain_id: ChainId,
    time_ms: u64,
    address: &'a Address,
    class: ClassId,
    merchant: MerchantId,
    key: Option<PublicKey>,
}

fn judge_grant(grant: &SpendGrant, wanted: &GrantUse<'_>) -> Result<GrantInUse, Rejection> {
    if grant.chain_id != wanted.chain_id {
        return Err(Rejection::AuthorizationChain);
    }
    if grant.member != *wanted.address {
        return Err(Rejection::GrantMember);
    }
    if grant.class != wanted.class {
        return Err(Rejection::GrantClass);
    }
    if !grant.acceptors.contains(&wanted.merchant) {
        return Err(Rejection::GrantAcceptor);
    }
    if grant.expires_ms <= wanted.time_ms {
        return Err(Rejection::GrantExpired);
    }
    if grant.expires_ms > wanted.time_ms + MAX_GRANT_MS {
        return Err(Rejection::GrantTooLong);
    }
    if wanted.key != Some(grant.public_key) {
        return Err(Rejection::WrongWalletKey);
    }
    Ok(GrantInUse { expires_ms: grant.expires_ms, id: grant.id(), max_points: grant.max_points })
}
