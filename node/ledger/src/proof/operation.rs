//! An operation with its receipt is in the ledger: its transaction is a leaf of the log.

use serde::{Deserialize, Serialize};
use tally_contracts::encoding;
use tally_contracts::receipt::Receipt;
use tally_contracts::transaction::{Operation, Transaction};
use tally_contracts::types::{Height, MerchantId};
use utoipa::ToSchema;

use super::signed::of_log;
use super::{Hex, ProofFault, Vouched};
use crate::leaf::LoggedTransaction;
use crate::note::{Policy, TlogProof};

/// The leaf, where it stands, and which of its operations is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationProof {
    /// The operation's position in its transaction, from 0.
    pub operation: u16,
    /// The bytes of the leaf: the transaction with its receipts.
    pub leaf: Hex,
    /// Where it stands, as C2SP `.tlog-proof`: index, inclusion path and signed checkpoint.
    pub tlog_proof: String,
}

/// An operation that is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProvedOperation {
    /// The block.
    pub height: Height,
    /// Who submitted it.
    pub merchant: MerchantId,
    /// What was submitted.
    pub operation: Operation,
    /// What became of it.
    pub receipt: Receipt,
    /// Who vouches.
    pub vouched: Vouched,
}

impl OperationProof {
    pub(super) fn verify(&self, policy: &Policy) -> Result<ProvedOperation, ProofFault> {
        let proof: TlogProof = self.tlog_proof.parse()?;
        let (checkpoint, signers) = proof.verify(&self.leaf.0, policy)?;
        let unreadable = ProofFault::Unreadable("the leaf");
        let logged = LoggedTransaction::read(&self.leaf.0).ok_or(ProofFault::Unreadable("the leaf"))?;
        let transaction: Transaction = encoding::decode(&logged.bytes).map_err(|_| unreadable)?;
        let position = usize::from(self.operation);
        let (operation, receipt) = (transaction.operations.get(position), logged.receipts.get(position));
        let missing = ProofFault::Mismatch("the transaction has fewer operations");
        let Some((operation, receipt)) = operation.zip(receipt) else { return Err(missing) };
        Ok(ProvedOperation {
            height: logged.height,
            merchant: transaction.merchant,
            operation: operation.clone(),
            receipt: receipt.clone(),
            vouched: of_log(&checkpoint, signers),
        })
    }
}
