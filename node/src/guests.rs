//! Guests: nodes of merchants that joined after the founding, known by the network key on record.
//!
//! They are let in on both networks while a node runs, without a line in its configuration, from their admission on: so they have
//! the chain by the time they validate. No address stands on the chain: a guest lists the others and dials them.
//!
//! **Invariant**: who is a guest follows from state at the head alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use libp2p::PeerId;
use libp2p::identity::ed25519;
use tally_contracts::crypto::PublicKey;
use tally_contracts::membership::{Admission, Merchant, Phase};
use tally_contracts::state::{Store, read, read_range, tag};
use tally_contracts::types::{Height, MerchantId};
use tokio::sync::watch;

use crate::replica::Replica;

/// The guests at the head, now and whenever that changes.
pub type Guests = watch::Receiver<BTreeSet<PeerId>>;

/// Blocks for which the node of a merchant that has left may still fetch those that ended its membership.
const FAREWELL_BLOCKS: u64 = 1_000;

/// More than there are merchant numbers.
const MAX_ADMISSIONS: usize = 1 << 16;

/// No guests, ever.
#[must_use]
pub fn none() -> Guests {
    watch::channel(BTreeSet::new()).1
}

/// Returns when the guests have changed.
pub(crate) async fn changed(guests: &mut Guests) {
    if guests.changed().await.is_err() {
        // Whoever could change them is gone.
        std::future::pending().await
    }
}

/// Follows the guests at the head of a replica for as long as that lives. Needs a tokio runtime.
#[must_use]
pub fn follow(replica: &Arc<Replica>) -> Guests {
    let mut heights = replica.watch_height();
    let guests = watch::Sender::new(replica.read(|view| on_record(view.store, view.head.height)));
    let receiver = guests.subscribe();
    // The replica would otherwise live as long as whoever follows it.
    let replica = Arc::downgrade(replica);
    tokio::spawn(async move {
        while heights.changed().await.is_ok() {
            let Some(replica) = replica.upgrade() else { return };
            let now = replica.read(|view| on_record(view.store, view.head.height));
            guests.send_if_modified(|guests| {
                let is_new = *guests != now;
                *guests = now;
                is_new
            });
        }
    });
    receiver
}

fn on_record(store: &dyn Store, head: Height) -> BTreeSet<PeerId> {
    let admissions: Vec<(MerchantId, Admission)> =
        read_range(store, tag::admissions, &MerchantId(0), None, MAX_ADMISSIONS);
    let is_welcome = |id: &MerchantId| match read(store, tag::merchants, id).map(|merchant: Merchant| merchant.phase) {
        Some(Phase::Departed { from_height, .. }) => head.0 < from_height.0.saturating_add(FAREWELL_BLOCKS),
        _ => true,
    };
    let welcome = admissions.iter().filter(|(id, _)| is_welcome(id));
    welcome.filter_map(|(_, admission)| peer_id(&admission.network_key)).collect()
}

/// The identity that a network key on record gives a node; none where the bytes are no key.
fn peer_id(key: &PublicKey) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(&key.0).ok()?;
    Some(PeerId::from_public_key(&key.into()))
}
