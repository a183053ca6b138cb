//! Signs a transaction here, and posts it to any node.

use anyhow::Context as _;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::receipt::{Outcome, Receipt};
use tally_contracts::transaction::{CheckedTransaction, Operation, Transaction};
use tally_contracts::types::{ChainId, MerchantId};

use super::show;
use crate::client::{Client, SignedAnswer};
use crate::output::{Output, Table, Verdict};

/// Who signs, for which alliance, and until when it holds.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// The alliance.
    pub chain_id: ChainId,
    /// In whose name; 0 for the clock.
    pub merchant: MerchantId,
    /// Last block time at which it may be executed, in ms since 1970.
    pub valid_until_ms: u64,
    /// The key.
    pub key: &'a SigningKey,
}

/// A signed transaction, each operation for itself.
pub fn sign(signing: &Signing<'_>, operations: Vec<Operation>) -> Transaction {
    let mut transaction = Transaction {
        chain_id: signing.chain_id,
        merchant: signing.merchant,
        public_key: PublicKey::of(signing.key),
        valid_until_ms: signing.valid_until_ms,
        atomic: false,
        operations,
        signature: Signature::default(),
    };
    transaction.sign(signing.key);
    transaction
}

/// Posts a transaction signed here, and answers with its receipts; a duplicate's is followed by that of the first time.
pub async fn post(client: &Client, transaction: &Transaction, wait_s: u32, output: Output) -> anyhow::Result<Verdict> {
    CheckedTransaction::check(encoding::encode(transaction), &transaction.chain_id)
        .context("no node would take this transaction; nothing was sent")?;
    let mut answer = client.submit_signed(transaction, wait_s).await?;
    let outcomes = outcomes(client, transaction.merchant, &mut answer).await?;
    let verdict = Verdict::of(!outcomes.iter().any(|outcome| matches!(outcome, Outcome::Rejected(_))));
    let advice = if output.json { String::new() } else { show::advice(client, &outcomes).await };
    output.answer(&answer.answer, || {
        let mut text = format!("transaction {}\n", answer.transaction_id);
        let Some(receipts) = &answer.receipts else {
            text.push_str("accepted; its receipts come later: tally query transaction ID\n");
            return text;
        };
        let mut table = Table::new(&["kind", "reference", "outcome"]);
        for ((operation, receipt), outcome) in transaction.operations.iter().zip(receipts).zip(&outcomes) {
            let first = (receipt.outcome != *outcome).then_some(outcome);
            table.row([
                operation.body.kind().into(),
                receipt.reference.to_string(),
                show::with_first(&receipt.outcome, first),
            ]);
        }
        text + &table.text() + &advice
    });
    Ok(verdict)
}

/// What became of each operation; of a duplicate, what became of it the first time, which is put into the answer too.
async fn outcomes(client: &Client, merchant: MerchantId, answer: &mut SignedAnswer) -> anyhow::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for (i, receipt) in answer.receipts.iter().flatten().enumerate() {
        let mut outcome = receipt.outcome.clone();
        if matches!(outcome, Outcome::Duplicate { .. })
            && let Some(first) = client.operation(merchant, receipt.reference).await?
            && let Some(first) = first.get("receipt").filter(|first| !first.is_null())
        {
            outcome = serde_json::from_value::<Receipt>(first.clone()).context("the first receipt")?.outcome;
            if let Some(Value::Object(item)) = answer.answer.pointer_mut(&format!("/receipts/{i}")) {
                item.insert("first".into(), json!(first));
            }
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use tally_contracts::governance::SetClock;
    use tally_contracts::transaction::Body;
    use tally_contracts::types::Hash;

    use super::*;
    use crate::submit::new_reference;

    #[test]
    fn what_is_signed_here_passes_the_nodes_check() {
        let key = crate::keys::generate();
        let signing = Signing { chain_id: Hash([7; 32]), merchant: MerchantId(0), valid_until_ms: 9, key: &key };
        let operation = Operation::new(new_reference(5), Body::SetClock(SetClock { time_ms: 8 }));
        let transaction = sign(&signing, vec![operation]);
        CheckedTransaction::check(encoding::encode(&transaction), &Hash([7; 32])).unwrap();
    }
}
