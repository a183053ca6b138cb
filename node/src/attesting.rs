//! Attesting: a merchant's node vouches for each checkpoint whose roots it has worked out (ADR 0012).
//!
//! It signs what it executed itself and nothing else, by the cosigner key. Under the same reference each time, so that an
//! attestation that is sent again is a duplicate. **Invariant**: consensus waits for nothing here.

use std::sync::{Arc, Weak};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use tally_contracts::checkpoint::{Attest, CheckpointSignatures, Roots, attested_texts};
use tally_contracts::crypto::{PublicKey, sign};
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::{Height, MerchantId, Reference};
use tokio::sync::watch;

use crate::ingress::submitter::{Mode, SubmitError, Submitter};
use crate::keeper::Kept;
use crate::query::checkpoints::Attested;
use crate::replica::Replica;

/// Who vouches, and where its word goes.
pub struct Attester {
    /// The merchant.
    pub merchant: MerchantId,
    /// Its cosigner key.
    pub key: SigningKey,
    /// Submits in its name.
    pub submitter: Arc<Submitter>,
}

impl Attester {
    /// Attests checkpoints for as long as the replica lives. Needs a tokio runtime; without a keeper there is nothing to do.
    pub fn follow(self, replica: &Arc<Replica>) {
        let Some(keeper) = replica.keeper() else { return };
        let (kept, heights) = (keeper.watch(), replica.watch_height());
        // The replica would otherwise live as long as whoever follows it.
        tokio::spawn(self.run(Arc::downgrade(replica), kept, heights));
    }

    async fn run(
        self,
        replica: Weak<Replica>,
        mut kept: watch::Receiver<Option<Arc<Kept>>>,
        mut heights: watch::Receiver<Height>,
    ) {
        let mut before: Option<(Height, Roots)> = None;
        while kept.changed().await.is_ok() {
            let latest = kept.borrow_and_update().as_ref().map(|kept| (kept.height, kept.roots, kept.took));
            let Some((height, roots, took)) = latest else { continue };
            metrics::histogram!("tally_checkpoint_seconds").record(took.as_secs_f64());
            // The block after it writes down what its header says of the checkpoint.
            if heights.wait_for(|head| *head > height).await.is_err() {
                return;
            }
            let Some(replica) = replica.upgrade() else { return };
            if let Some((height, roots)) = before.replace((height, roots)) {
                check(&replica, height, &roots);
            }
            let attestation = self.attestation(&replica, height, roots);
            drop(replica);
            if let Some(operation) = attestation
                && let Err(error) = self.submit(operation, &kept).await
            {
                tracing::warn!(%height, %error, "cannot attest the checkpoint");
            }
        }
    }

    /// Submits an attestation, again where there is no room for it, until there is a newer checkpoint.
    async fn submit(&self, operation: Operation, kept: &watch::Receiver<Option<Arc<Kept>>>) -> Result<(), SubmitError> {
        loop {
            match self.submitter.submit(vec![operation.clone()], Mode::Each).await {
                Err(SubmitError::Busy { retry_after_ms }) if kept.has_changed().is_ok_and(|has| !has) => {
                    tokio::time::sleep(Duration::from_millis(retry_after_ms)).await;
                }
                end => return end,
            }
        }
    }

    /// The attestation of a checkpoint; none where it is not this node's to give.
    fn attestation(&self, replica: &Replica, height: Height, roots: Roots) -> Option<Operation> {
        let attested = replica.read(|view| Attested::read(view.store, height))?;
        // A node that was started anew works out the last one again.
        if attested.attestations.iter().any(|(merchant, _)| *merchant == self.merchant) {
            return None;
        }
        let validator = attested.validators.get(self.merchant)?;
        if validator.cosigner_key != PublicKey::of(&self.key) {
            tracing::warn!(%height, "keys.cosigner is not the key on record: this node attests nothing");
            return None;
        }
        let texts = attested_texts(replica.chain().chain_id(), height, &attested.checkpoint, &roots);
        let [log, cosigner, state] = texts.map(|text| sign(&self.key, text.as_bytes()));
        let Roots { state_root, erc1155_root } = roots;
        let signatures = CheckpointSignatures { log, cosigner, state }.into();
        let reference = reference(attested.checkpoint.time_ms, "attest", &height.0.to_be_bytes());
        Some(Operation::new(reference, Body::Attest(Attest { height, state_root, erc1155_root, signatures })))
    }
}

/// The reference of what a node submits by itself about something at a time: the same each time.
#[must_use]
pub fn reference(time_ms: u64, what: &str, about: &[u8]) -> Reference {
    let hash: [u8; 32] = Sha256::new().chain_update(what).chain_update([0]).chain_update(about).finalize().into();
    let random = u128::from_be_bytes(*hash.first_chunk().expect("a hash has 32 bytes"));
    Reference::new(time_ms, random)
}

/// Raises the alarm where the others attested something else.
fn check(replica: &Replica, height: Height, own: &Roots) {
    let Some(attested) = replica.read(|view| Attested::read(view.store, height)) else { return };
    let differing = attested.attestations.iter().filter(|(_, attestation)| attestation.roots != *own);
    for (merchant, attestation) in differing {
        metrics::counter!("tally_checkpoint_mismatches_total").increment(1);
        tracing::error!(%height, %merchant, state_root = %attestation.roots.state_root, own = %own.state_root,
            "another merchant attested other roots: compare archives with `tally verify`");
    }
}
