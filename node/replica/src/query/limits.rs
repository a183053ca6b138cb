//! What is left of a limit that stood in an operation's way: the number a till shows beside "used up".

use tally_contracts::exchange::{self, Exchange};
use tally_contracts::genesis::Parameters;
use tally_contracts::membership::Merchant;
use tally_contracts::points::{PointClass, StoreLimits};
use tally_contracts::rejection::Rejection;
use tally_contracts::settlement::Position;
use tally_contracts::state::{Cache, Key, Overlay, read, tag};
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::{Address, ClassId, Day, Fen, MerchantId, Obligation};

use super::Snapshot;

/// What is left of the limit that a rule speaks of, for an operation of a merchant, at the head; none where the rule is not
/// about a limit in fen.
#[must_use]
pub fn left(snapshot: &Snapshot<'_>, merchant: MerchantId, operation: &Operation, rule: Rejection) -> Option<Fen> {
    let asked = Asked { snapshot, merchant, operation, day: snapshot.calendar().day(snapshot.head.time_ms) };
    match rule {
        Rejection::ExchangeMemberLimit | Rejection::ExchangePairLimit => asked.of_exchange(rule),
        Rejection::NetDebitCap => room_of(snapshot, asked.debtor()?),
        Rejection::NotPrefunded => room_of(snapshot, merchant),
        Rejection::NoConsentLimit => {
            let parameters: Parameters = read(snapshot.store, tag::parameters, &())?;
            asked.unused(parameters.no_consent_limit_fen, tag::no_consent_used, &(asked.day, asked.member()?))
        }
        Rejection::CustodianMemberLimit => {
            let (id, class) = asked.class()?;
            let key = (asked.day, id, asked.member()?);
            asked.unused(class.terms.custodian_member_limit_fen, tag::custodian_member_used, &key)
        }
        Rejection::CustodianLimit => {
            let (id, class) = asked.class()?;
            asked.unused(class.terms.custodian_limit_fen, tag::custodian_used, &(asked.day, id, merchant))
        }
        Rejection::StoreRedeemLimit => asked.of_store(tag::store_redeemed, |limits| limits.redeem_limit_fen),
        Rejection::StoreRefundLimit => asked.of_store(tag::store_refunded, |limits| limits.refund_limit_fen),
        _ => None,
    }
}

/// An operation that was refused.
struct Asked<'a> {
    snapshot: &'a Snapshot<'a>,
    merchant: MerchantId,
    operation: &'a Operation,
    day: Day,
}

impl Asked<'_> {
    fn class(&self) -> Option<(ClassId, PointClass)> {
        let id = self.operation.body.class()?;
        Some((id, read(self.snapshot.store, tag::classes, &id)?))
    }

    fn member(&self) -> Option<Address> {
        self.operation.body.members().first().copied()
    }

    /// Who comes to owe by it: the issuer of its points, or its merchant where it gives them back.
    fn debtor(&self) -> Option<MerchantId> {
        match &self.operation.body {
            Body::ReverseRedeem(_) => Some(self.merchant),
            Body::SetCollateral(set) => Some(set.merchant),
            _ => self.class().map(|(_, class)| class.issuer),
        }
    }

    fn unused<K: Key>(&self, limit: Fen, tag: u8, key: &K) -> Option<Fen> {
        let used: Fen = read(self.snapshot.store, tag, key).unwrap_or_default();
        Some(Fen(limit.0.saturating_sub(used.0)))
    }

    fn of_exchange(&self, rule: Rejection) -> Option<Fen> {
        let Body::Exchange(Exchange { member, from_class, to_class, .. }) = &self.operation.body else { return None };
        let context = self.snapshot.context();
        let mut overlay = Overlay::new(self.snapshot.store, context, Cache::default());
        let pair = (*from_class, *to_class);
        let terms = exchange::terms_of(&mut overlay, pair);
        let (of_member, of_pair) = exchange::limits_left(&mut overlay, (*member, pair), &terms);
        Some(if rule == Rejection::ExchangeMemberLimit { of_member } else { of_pair })
    }

    fn of_store(&self, used: u8, limit: fn(&StoreLimits) -> Fen) -> Option<Fen> {
        let store = self.operation.till?.store_id;
        let limits: StoreLimits = read(self.snapshot.store, tag::store_limits, &(self.merchant, store))?;
        self.unused(limit(&limits), used, &(self.day, self.merchant, store))
    }
}

/// How much more a merchant may come to owe, in whole fen.
#[must_use]
pub fn room(record: &Merchant, position: &Position) -> Fen {
    Obligation(record.net_debit_limit().0 - position.net_debit().0).floor_fen().unwrap_or_default()
}

/// The same of a merchant at the head; none where there is no such merchant.
pub(super) fn room_of(snapshot: &Snapshot<'_>, debtor: MerchantId) -> Option<Fen> {
    let record: Merchant = read(snapshot.store, tag::merchants, &debtor)?;
    let position: Position = read(snapshot.store, tag::positions, &debtor).unwrap_or_default();
    Some(room(&record, &position))
}
