//! What a configuration must be: each value for itself, and all of them together with the genesis.

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use tally_contracts::crypto::PublicKey;
use tally_contracts::genesis::{Clock, Genesis, GenesisMerchant, Role};
use tally_contracts::transaction::MAX_LEAF_BYTES;
use tally_contracts::types::MerchantId;

use super::{Config, ConfigError, Keys, MerchantKeys, peer_id, wrong};

impl Config {
    pub(super) fn check_values(&self) -> Result<(), ConfigError> {
        let l = &self.limits;
        let positive = [
            ("limits.mempool_bytes", l.mempool_bytes),
            ("limits.mempool_transactions", l.mempool_transactions),
            ("limits.outbox_operations", l.outbox_operations),
            ("limits.outbox_bytes", l.outbox_bytes),
            ("limits.request_bytes", l.request_bytes),
            ("limits.bulk_bytes", l.bulk_bytes),
            ("limits.bulk_operations", l.bulk_operations),
            ("limits.requests", l.requests),
            ("limits.bulk_requests", l.bulk_requests),
            ("limits.event_streams", l.event_streams),
            ("limits.cache_bytes", l.cache_bytes),
        ];
        let t = &self.timeouts;
        let times = [
            ("timeouts.propose_ms", t.propose_ms),
            ("timeouts.vote_ms", t.vote_ms),
            ("timeouts.round_delta_ms", t.round_delta_ms),
            ("timeouts.request_ms", t.request_ms),
            ("timeouts.ready_lag_ms", t.ready_lag_ms),
            ("limits.flush_blocks", l.flush_blocks),
        ];
        let zero = positive.into_iter().find(|(_, v)| *v == 0).map(|(key, _)| key);
        if let Some(key) = zero.or_else(|| times.into_iter().find(|(_, v)| *v == 0).map(|(key, _)| key)) {
            return Err(wrong(key, "is 0, so nothing could pass. Give a value from 1 on, or leave the key out"));
        }
        if l.mempool_bytes < MAX_LEAF_BYTES {
            let reason =
                format!("has no room for a large transaction. Give at least {MAX_LEAF_BYTES}, or leave it out");
            return Err(wrong("limits.mempool_bytes", reason));
        }
        let mut names = BTreeSet::new();
        for client in &self.clients {
            if client.name.is_empty() || !names.insert(&client.name) {
                let reason = format!("`{}` is empty or taken. Give each client a name of its own", client.name);
                return Err(wrong("clients.name", reason));
            }
        }
        self.anchors.check()
    }

    pub(super) fn check_genesis(&self, genesis: &Genesis, keys: &Keys) -> Result<(), ConfigError> {
        if matches!(genesis.clock, Clock::Simulated { .. }) && !self.allow_simulated_clock {
            let reason = "the genesis has a simulated clock, which whoever holds its key sets at will. Use a genesis with \
                          the real clock, or set allow_simulated_clock = true in a demonstration";
            return Err(wrong("allow_simulated_clock", reason));
        }
        if let Some(own) = &keys.merchant {
            // Of a merchant that genesis does not know, the chain knows the keys; consensus compares them.
            if let Some(merchant) = genesis.merchants.iter().find(|m| m.id == own.merchant) {
                check_keys(merchant, own)?;
            }
            if self.listen.transactions.is_none() {
                return Err(wrong(
                    "listen.transactions",
                    "is missing. A merchant's node takes transactions from its peers",
                ));
            }
        }
        self.check_peers(keys)?;
        self.check_observers()
    }

    fn check_peers(&self, keys: &Keys) -> Result<(), ConfigError> {
        let own_id = peer_id(&keys.network);
        let (mut merchants, mut ids) = (BTreeSet::from_iter(self.merchant), BTreeSet::from([own_id]));
        for peer in &self.peers {
            if !merchants.insert(peer.merchant) {
                let reason = format!("merchant {} is this node's own or appears twice. Remove it", peer.merchant);
                return Err(wrong("peers.merchant", reason));
            }
            if !ids.insert(peer.peer_id) {
                let reason = format!("{} is this node's own or appears twice. Ask the merchant for its", peer.peer_id);
                return Err(wrong("peers.peer_id", reason));
            }
        }
        if self.merchant.is_none() && self.peers.is_empty() {
            let reason =
                "is empty. An observer follows at least one merchant's node; each of them lists it in `observers`";
            return Err(wrong("peers", reason));
        }
        Ok(())
    }

    fn check_observers(&self) -> Result<(), ConfigError> {
        let mut ids: BTreeSet<_> = self.peers.iter().map(|peer| peer.peer_id).collect();
        match self.observers.iter().find(|observer| !ids.insert(observer.peer_id)) {
            None => Ok(()),
            Some(observer) => {
                let reason = format!("{} is a peer or appears twice. Remove `{}`", observer.peer_id, observer.name);
                Err(wrong("observers.peer_id", reason))
            }
        }
    }
}

fn check_keys(merchant: &GenesisMerchant, keys: &MerchantKeys) -> Result<(), ConfigError> {
    require_key("keys.validator", &keys.validator, merchant.validator_key, merchant.id)?;
    require_key("keys.cosigner", &keys.cosigner, merchant.cosigner_key, merchant.id)?;
    let operator = PublicKey::of(&keys.operator);
    // Operator keys may be replaced after genesis, so one that genesis does not know is the chain's matter; what a node
    // must never hold is a key that can pay or govern.
    let roles = merchant.operator_keys.iter().find(|k| k.public_key == operator).map(|k| k.roles.as_slice());
    if roles.unwrap_or_default().iter().any(|role| matches!(role, Role::Treasurer | Role::Governor)) {
        let reason = "the key may pay or govern, and such a key never lives in a node. Use one whose roles are issuer and \
                      acceptor; sign the rest elsewhere (`tally submit --key`)";
        return Err(wrong("keys.operator", reason));
    }
    Ok(())
}

/// The key of a file is the one that the genesis names.
fn require_key(
    name: &'static str,
    key: &SigningKey,
    named: PublicKey,
    merchant: MerchantId,
) -> Result<(), ConfigError> {
    let found = PublicKey::of(key);
    if found == named {
        return Ok(());
    }
    let reason = format!(
        "the file holds the key {found}, the genesis names {named} for merchant {merchant}. Use the key that was made with \
         this genesis"
    );
    Err(wrong(name, reason))
}
