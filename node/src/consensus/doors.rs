//! Lets guests in on the engine's network while it runs.
//!
//! The engine holds its list of peers by address. A guest's is `/p2p/` and its identity: with that the engine takes its
//! connections, and never dials.

use std::collections::BTreeSet;
use std::time::Duration;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use malachitebft_app_channel::NetworkRequest;
use tokio::sync::mpsc;

use super::engine::peer_id;
use crate::guests::{self, Guests};

/// When to try again what the engine had no ear for.
const RETRY: Duration = Duration::from_secs(1);

/// Who is let in beside the peers of the configuration.
pub(super) struct Doors {
    guests: Guests,
    /// Peers of the configuration, which stay whatever becomes of them as guests, and the node itself.
    listed: BTreeSet<PeerId>,
    open: BTreeSet<PeerId>,
}

impl Doors {
    /// The doors that are open from the start on.
    pub fn new(mut guests: Guests, peers: &[Multiaddr], own: PeerId) -> Self {
        let listed: BTreeSet<PeerId> = peers.iter().filter_map(peer_id).chain([own]).collect();
        let open = guests.borrow_and_update().difference(&listed).copied().collect();
        Self { guests, listed, open }
    }

    /// The addresses of those who are let in, as the engine has them.
    pub fn addresses(&self) -> impl Iterator<Item = Multiaddr> {
        self.open.iter().copied().map(address)
    }

    /// Opens and closes doors as guests come and go, for ever.
    pub async fn keep(mut self, requests: mpsc::Sender<NetworkRequest>) {
        loop {
            let is_done = self.update(&requests).await;
            tokio::select! {
                () = guests::changed(&mut self.guests) => {}
                () = tokio::time::sleep(RETRY), if !is_done => {}
            }
        }
    }

    /// Tells the engine what has changed; says whether it took it all.
    async fn update(&mut self, requests: &mpsc::Sender<NetworkRequest>) -> bool {
        let wanted: BTreeSet<PeerId> = self.guests.borrow_and_update().difference(&self.listed).copied().collect();
        let mut is_done = true;
        for peer in wanted.symmetric_difference(&self.open.clone()).copied() {
            let is_new = wanted.contains(&peer);
            let told = if is_new {
                NetworkRequest::add_persistent_peer(requests, address(peer)).await
            } else {
                NetworkRequest::remove_persistent_peer(requests, address(peer)).await
            };
            match told {
                Ok(Ok(())) if is_new => {
                    tracing::info!(%peer, "a merchant's node that has joined may connect");
                    self.open.insert(peer);
                }
                Ok(Ok(())) => {
                    tracing::info!(%peer, "a merchant has left: its node may no longer connect");
                    self.open.remove(&peer);
                }
                refused => {
                    tracing::warn!(%peer, ?refused, "the consensus network did not take up a change of its peers");
                    is_done = false;
                }
            }
        }
        is_done
    }
}

/// The same each time: the engine takes off its list only what it was given word by word.
fn address(peer: PeerId) -> Multiaddr {
    Multiaddr::empty().with(Protocol::P2p(peer))
}
