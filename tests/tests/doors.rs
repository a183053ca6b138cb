//! The two doors of four nodes: one's own node, and transactions signed elsewhere at any node.

use anyhow::{Context as _, Result};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::encoding;
use tally_contracts::points::CreateClass;
use tally_contracts::transaction::{Body, Operation, Transaction};
use tally_contracts::types::{ClassId, HOUR_MS, Hash, MerchantId};
use tally_tests::Alliance;

/// A key file of the alliance: its last part is the seed in hexadecimal.
fn key(alliance: &Alliance, path: &str) -> Result<SigningKey> {
    let text = std::fs::read_to_string(alliance.dir().join(path))?;
    let seed = text.trim().split(':').next_back().context("a seed")?;
    let seed: [u8; 32] = hex::decode(seed)?.try_into().map_err(|_| anyhow::anyhow!("a seed has 32 bytes"))?;
    Ok(SigningKey::from_bytes(&seed))
}

async fn transaction(alliance: &mut Alliance, key: &SigningKey, id: u32) -> Result<Transaction> {
    let status = alliance.read(1, "/v1/status").await?;
    let genesis = alliance.read(1, "/v1/genesis").await?;
    let terms = serde_json::from_value(genesis["classes"][0]["terms"].clone())?;
    let body = Body::CreateClass(CreateClass { class: ClassId(id), terms });
    let mut transaction = Transaction {
        chain_id: status["chain_id"].as_str().context("a chain id")?.parse()?,
        merchant: MerchantId(1),
        public_key: PublicKey::default(),
        valid_until_ms: status["time_ms"].as_u64().context("a time")? + HOUR_MS,
        atomic: false,
        operations: vec![Operation::new(alliance.reference(), body)],
        signature: Signature::default(),
    };
    transaction.sign(key);
    Ok(transaction)
}

/// Posts bytes to a node's second door; gives status, stable code and the whole answer.
async fn post(alliance: &Alliance, node: u16, bytes: Vec<u8>) -> Result<(u16, String, Value)> {
    let request = alliance.post(node, "/v1/transactions").header("Content-Type", "application/octet-stream");
    let answer = request.header("Prefer", "wait=20").body(bytes).send().await?;
    let status = answer.status().as_u16();
    let value: Value = answer.json().await?;
    Ok((status, value["code"].as_str().unwrap_or_default().to_owned(), value))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_signed_elsewhere_goes_in_at_any_node_and_once() -> Result<()> {
    let mut alliance = Alliance::start(4).await?;
    let governor = key(&alliance, "treasury/merchant-1/governor.key")?;
    let good = transaction(&mut alliance, &governor, 50).await?;
    let bytes = encoding::encode(&good);

    let (status, _, first) = post(&alliance, 3, bytes.clone()).await?;
    anyhow::ensure!(status == 200, "{first}");
    anyhow::ensure!(first["receipts"][0]["receipt"]["outcome"]["applied"] == "class_created", "{first}");
    // The same bytes at another node: the same place, no second effect.
    alliance.reach(2, first["height"].as_u64().context("a height")?).await?;
    let (status, _, again) = post(&alliance, 2, bytes.clone()).await?;
    anyhow::ensure!(status == 200 && again["height"] == first["height"], "{again}");

    // Each fault has its own code, at whichever node.
    let refused = async |bytes: Vec<u8>, expected: &str| -> Result<()> {
        let (status, code, answer) = post(&alliance, 4, bytes).await?;
        anyhow::ensure!(
            (400..500).contains(&status) && code == expected,
            "expected {expected}, got {status}: {answer}"
        );
        Ok(())
    };
    refused(bytes[..bytes.len() - 1].to_vec(), "malformed_transaction").await?;
    refused([bytes.clone(), vec![0]].concat(), "malformed_transaction").await?;
    let mut forged = good.clone();
    forged.signature.0[40] ^= 1;
    refused(encoding::encode(&forged), "wrong_signature").await?;
    let mut weak = good.clone();
    weak.public_key = PublicKey([0; 32]);
    refused(encoding::encode(&weak), "unusable_key").await?;
    let resign = |change: &dyn Fn(&mut Transaction), key: &SigningKey| {
        let mut changed = good.clone();
        change(&mut changed);
        changed.sign(key);
        encoding::encode(&changed)
    };
    refused(resign(&|t| t.chain_id = Hash([1; 32]), &governor), "wrong_chain").await?;
    refused(resign(&|t| t.operations.clear(), &governor), "operation_count").await?;
    refused(resign(&|_| {}, &SigningKey::from_bytes(&[1; 32])), "unknown_key").await?;
    refused(resign(&|t| t.valid_until_ms = 0, &governor), "expired").await?;
    refused(resign(&|t| t.valid_until_ms += 48 * HOUR_MS, &governor), "valid_until_too_far").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_has_its_first_receipt_at_every_door_of_every_node_and_after_a_restart() -> Result<()> {
    let mut alliance = Alliance::start(4).await?;
    let member = alliance.enrol(1, 7).await?;
    let lines = json!([{ "category": 1, "amount_fen": "12850" }]);
    let body = json!({ "issue": { "class": 1, "member": member, "lines": lines } });
    let reference = alliance.reference();
    let first: Value = alliance.submit(1, reference, &body, 30).await?.json().await?;
    anyhow::ensure!(first["receipt"]["outcome"]["applied"].is_object(), "{first}");
    let place = json!({ "height": first["height"], "index": first["index"] });

    // Asked for by its name, at any node.
    for node in 1..=4 {
        alliance.reach(node, first["height"].as_u64().context("a height")?).await?;
        let found = alliance.read(node, &format!("/v1/operations/1/{reference}")).await?;
        anyhow::ensure!(found["receipt"] == first["receipt"] && found["height"] == first["height"], "{node}: {found}");
    }

    // Signed once more, for the door of another merchant's node: nothing happens twice, and the first receipt is told.
    let operator = key(&alliance, "merchant-1/keys/operator.key")?;
    let mut signed = transaction(&mut alliance, &operator, 60).await?;
    let operation = |body: &Value| -> Result<Operation> {
        Ok(serde_json::from_value(json!({ "reference": reference, "body": body }))?)
    };
    signed.operations = vec![operation(&body)?];
    signed.sign(&operator);
    let bytes = encoding::encode(&signed);
    let told = |answer: &Value| {
        let receipt = &answer["receipts"][0];
        receipt["receipt"]["outcome"]["duplicate"] == place && receipt["first"] == first["receipt"]
    };
    let (status, _, answer) = post(&alliance, 3, bytes.clone()).await?;
    anyhow::ensure!(status == 200 && told(&answer), "{answer}");
    alliance.reach(2, answer["height"].as_u64().context("a height")?).await?;
    let (status, _, again) = post(&alliance, 2, bytes.clone()).await?;
    anyhow::ensure!(status == 200 && again == answer, "{again}");
    let mut other = signed.clone();
    let mut changed = body.clone();
    changed["issue"]["lines"][0]["amount_fen"] = json!("1");
    other.operations = vec![operation(&changed)?];
    other.sign(&operator);
    let (_, _, reused) = post(&alliance, 4, encoding::encode(&other)).await?;
    anyhow::ensure!(reused["receipts"][0]["receipt"]["outcome"]["rejected"] == "reference_reused", "{reused}");

    // After a restart, at both doors.
    anyhow::ensure!(alliance.stop(1)?.success());
    alliance.spawn(1)?;
    alliance.ready(1).await?;
    let again: Value = alliance.submit(1, reference, &body, 30).await?.json().await?;
    anyhow::ensure!(again == first, "{again}");
    let (status, _, again) = post(&alliance, 1, bytes).await?;
    anyhow::ensure!(status == 200 && told(&again), "{again}");
    let balance = alliance.read(1, &format!("/v1/members/{member}")).await?;
    anyhow::ensure!(balance["balances"][0]["points"] == first["receipt"]["outcome"]["applied"]["issued"]["balance"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_verifies_and_a_flipped_byte_is_named() -> Result<()> {
    let mut alliance = Alliance::start(1).await?;
    let member = alliance.enrol(1, 7).await?;
    let lines = json!([{ "category": 1, "amount_fen": "12850" }]);
    alliance.applied(1, &json!({ "issue": { "class": 1, "member": member, "lines": lines } })).await?;
    let (dir, archive) = (alliance.dir(), alliance.dir().join("chain.tally"));
    let (dir, path) = (dir.to_string_lossy(), archive.to_string_lossy());
    tally_tests::tally_ok(&["export", "--dir", &dir, "--out", &path])?;
    let genesis = alliance.dir().join("genesis.json");
    let genesis = genesis.to_string_lossy();
    let said = tally_tests::tally_ok(&["verify", "--genesis", &genesis, &path])?;
    let last = said.lines().last().unwrap_or_default();
    let number = |name: &str| {
        let value = last.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|value| value.parse::<u64>().ok())
    };
    anyhow::ensure!(number("operations") == Some(2) && number("operations_per_second").is_some(), "{last}");
    let memory_bytes = number("memory_peak_bytes");
    // A process that runs has more than a megabyte and, after two operations, less than a gigabyte.
    let is_told = memory_bytes.is_some_and(|bytes| (1 << 20..1 << 30).contains(&bytes));
    anyhow::ensure!(is_told == cfg!(target_os = "linux"), "{last}");

    let mut bytes = std::fs::read(&archive)?;
    let at = bytes.len() / 2;
    bytes[at] ^= 0x10;
    std::fs::write(&archive, bytes)?;
    let output = tally_tests::tally(&["verify", "--genesis", &genesis, &path])?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.code() == Some(1), "{}: {said}", output.status);
    anyhow::ensure!(said.contains(&at.to_string()), "byte {at} is named: {said}");
    Ok(())
}
