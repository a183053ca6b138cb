//! Writes the inputs that the targets start from, `seeds/` and `node/seeds/`: mostly the golden bytes, so that run this again
//! after the golden bytes have changed.

use std::fs;
use std::path::{Path, PathBuf};

use alloy_primitives::keccak256;
use serde_json::json;
use tally_contracts::authorization::{Authorization, WalletAuthorization};
use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::encoding::{decode, encode};
use tally_contracts::receipt::{Applied, Outcome, Receipt};
use tally_contracts::transaction::{Operation, Transaction};
use tally_contracts::types::{Hash, Height, MerchantId, Reference};
use tally_fuzz::alliance::{Alliance, certify};
use tally_fuzz::first_blocks;
use tally_fuzz::golden::{self, unhex};
use tally_fuzz::keys::Signer;
use tally_fuzz::vouching::VOUCHING;
use tally_fuzz::world::{Start, member};
use tally_ledger::archive::ArchiveWriter;
use tally_ledger::proof::{BalanceProof, Fact, Hex, ProofFile};

const TIME_MS: u64 = 1_483_246_800_000;

fn main() {
    contracts();
    ledger();
    vouched();
    node();
}

/// Writes one seed of a target.
fn seed(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let of_node = root.join("node/fuzz_targets").join(target).with_extension("rs").exists();
    let dir: PathBuf = if of_node { root.join("node/seeds") } else { root.join("seeds") }.join(target);
    fs::create_dir_all(&dir).expect("the seeds' directory can be made");
    fs::write(dir.join(name), bytes).expect("a seed can be written");
}

/// Bytes that look like any: choices for the targets that make what they run.
fn noise(target: &str, first: u8, count: usize) {
    let mut state = u64::from(first) + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let bytes: Vec<u8> = [first].into_iter().chain((1..count).map(|_| next())).collect();
    seed(target, &format!("noise-{first}"), bytes);
}

/// The golden records whose names begin so, with the rest of their names.
fn golden(prefix: &str) -> Vec<(&'static str, Vec<u8>)> {
    let record = |line: &'static str| {
        let (name, hex) = line.split_once(" = ")?;
        Some((name.strip_prefix(prefix)?, unhex(hex)))
    };
    golden::CONTRACTS.lines().filter_map(record).collect()
}

/// One operation of each kind.
fn operations() -> Vec<(&'static str, Operation)> {
    let (_, bytes) = golden("transaction").remove(0);
    let transaction: Transaction = decode(&bytes).expect("the golden transaction is one");
    transaction.operations.into_iter().map(|operation| (operation.body.kind(), worded(operation))).collect()
}

/// The operation with a wallet's word, where its kind must carry one.
fn worded(mut operation: Operation) -> Operation {
    if operation.check_stateless().is_err() {
        let (at, what) = ((Hash([0x11; 32]), MerchantId(1)), (operation.reference, &operation.body));
        let word = WalletAuthorization::sign(Signer::Wallet(1).key(), at, TIME_MS, what);
        operation.authorization = Some(Authorization::Wallet(word));
    }
    operation
}

fn contracts() {
    for (name, operation) in operations() {
        let transaction = Transaction {
            chain_id: Hash([0x11; 32]),
            merchant: MerchantId(1),
            public_key: PublicKey([0x22; 32]),
            valid_until_ms: TIME_MS + 100_000,
            atomic: false,
            operations: vec![operation.clone()],
            signature: Signature([0x33; 64]),
        };
        seed("transaction", name, encode(&transaction));
        seed("operation_json", name, serde_json::to_string(&operation).expect("an operation is JSON"));
    }
    let transaction: Transaction = decode(&golden("transaction").remove(0).1).expect("the golden transaction is one");
    seed("operation_json", "transaction", serde_json::to_string(&transaction).expect("a transaction is JSON"));
    for (name, bytes) in golden("receipt.") {
        seed("receipt", name, bytes);
    }
    for (name, bytes) in golden("applied.") {
        let applied: Applied = decode(&bytes).expect("a golden `applied` is one");
        let receipt = Receipt { reference: Reference::new(TIME_MS, 7), outcome: Outcome::Applied(applied) };
        seed("receipt", name, encode(&receipt));
        seed("receipt", &format!("{name}.json"), serde_json::to_string(&receipt).expect("a receipt is JSON"));
    }
    seed("genesis_json", "golden.json", serde_json::to_string(&golden::genesis()).expect("a genesis is JSON"));
    seed("genesis_json", "golden", encode(&golden::genesis()));
    let texts = [
        ("card_code", member(1).to_string()),
        ("reference", Reference::new(TIME_MS, 1).to_string()),
        ("hash", Hash([0xab; 32]).to_string()),
        ("signature", Signature([0xcd; 64]).to_string()),
        ("month", "2017-03".into()),
        ("rate", "0.015".into()),
        ("obligation", "-1250000".into()),
    ];
    texts.iter().for_each(|(name, text)| seed("text", name, text));
    (0..3).for_each(|start| noise("execute_block", start, 256));
}

fn ledger() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/ledger/tests/golden").join(name);
        unhex(&fs::read_to_string(path.with_extension("hex")).expect("the ledger's golden bytes are there"))
    };
    seed("certificate", "golden", read("certificate"));
    let mut alliance = Alliance::start(Start::Real);
    let (chain_id, head) = (*alliance.chain.chain_id(), alliance.head.clone());
    let signers = [1, 2, 4].map(MerchantId);
    seed("certificate", "head", encode(&certify(&chain_id, head.height, &head.block_id, &signers)));
    seed("block", "golden", [&[0][..], &read("block")].concat());
    let time_ms = head.time_ms + 1;
    let again = first_blocks::enrolments(&mut alliance.world);
    // The first byte of a block's bytes: even, and twice the position of the alliance in `Start::ALL`.
    seed("block", "honest", [&[2][..], &alliance.propose(time_ms, &again[..1]).encode()].concat());
    [1, 3, 5].into_iter().for_each(|start| noise("block", start, 128));
    let empty = ArchiveWriter::new(Vec::new(), &golden::genesis()).and_then(ArchiveWriter::finish);
    seed("archive", "empty", [&[0][..], &empty.expect("memory can be written")].concat());
    [1, 2].into_iter().for_each(|mode| noise("archive", mode, 48));
    (0..3).for_each(|start| noise("chain", start, 128));
}

/// Notes, proofs and time stamps. Of each the first byte says that what follows is read as it is.
fn vouched() {
    let as_it_is = |target: &str, name: &str, text: &[u8]| seed(target, name, [&[0][..], text].concat());
    for name in ["checkpoint.txt", "state.txt", "policy.txt", "entry.tlog-proof"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/ledger/tests/golden").join(name);
        as_it_is("note", name, &fs::read(path).expect("the ledger's golden texts are there"));
    }
    for (number, fact) in VOUCHING.facts().into_iter().enumerate() {
        let file = VOUCHING.file(fact);
        let name = format!("{number}-{}.json", kind_of(&file));
        as_it_is("proof", &name, serde_json::to_string(&file).expect("a proof is JSON").as_bytes());
        if let Fact::Balance(BalanceProof { points, nodes, .. }) = &file.fact {
            let piece = |node: &Hex| [&[u8::try_from(node.0.len()).expect("a short node")], &node.0[..]].concat();
            let nodes: Vec<u8> = nodes.iter().flat_map(piece).collect();
            // 2 for content of any kind, and the second kind is a balance.
            seed("proof", &format!("{number}-nodes"), [&[2 + 3, points.0 as u8][..], &nodes].concat());
        }
    }
    (0..8).for_each(|fact| noise("proof", 1 + 3 * fact, 32));
    as_it_is("time_stamp", "good", include_bytes!("../golden/stamp.tsr"));
    [1, 2].into_iter().for_each(|mode| noise("time_stamp", mode, 32));
}

fn kind_of(file: &ProofFile) -> String {
    let value = serde_json::to_value(file).expect("a proof is JSON");
    value["fact"]["kind"].as_str().expect("a fact has its kind").to_owned()
}

fn node() {
    messages();
    let transaction = golden("transaction").remove(0).1;
    seed("network_transaction", "transaction", [&[0][..], &[7; 8], &transaction].concat());
    seed("network_transaction", "answer", [&[1][..], &[7; 8], &[1]].concat());
    seed("network_transaction", "frame", b"\x02\x03\x05votesaye");
    let lines: Vec<String> =
        operations().iter().map(|(_, o)| serde_json::to_string(o).expect("an operation is JSON")).collect();
    seed("bulk_lines", "each", format!("\u{10}{}\n{}\n\nno operation\n", lines.join("\n"), lines[0]));
    seed("bulk_lines", "atomic", format!("\u{11}{}\n", lines.join("\n")));
    let reference = Reference::new(TIME_MS, 1);
    // The hash of no question is that of nothing.
    let question = unhex("e3b0c44298fc1c14");
    let cursor = hex::encode([&[1][..], &question, &7_u64.to_be_bytes(), &[0; 12]].concat());
    seed("http_request", "event", "1205-3");
    seed("http_request", "headers", format!("\0\"{reference}\"\n\u{1}wait=5, x\n\u{2}zh;q=0.9,en\n{cursor}"));
    ethereum();
    segment();
    let entry = (1_u64, 1_u32, &operations()[13].1);
    seed("outbox", "accepted", [&[0][..], &encode(&(1_u32, 1_u64)), &encode(&entry)].concat());
    seed("outbox", "done", [&[0][..], &encode(&(2_u32, vec![5_u64]))].concat());
    seed("outbox", "expired", [&[0][..], &encode(&(3_u32, vec![(Hash([7; 32]), 5_u64)]))].concat());
    noise("outbox", 1, 128);
    noise("journal", 1, 64);
    let id = Hash([1; 32]);
    let block = [&[1][..], &id.0, &1_u64.to_le_bytes(), b"abc"].concat();
    let certificate = certify(&Hash([2; 32]), Height(1), &id, &[MerchantId(1)]);
    let decision = [&[2][..], &((1_u64 << 32) | 20).to_le_bytes(), &encode(&certificate)].concat();
    let record = |bytes: &[u8]| [&[u8::try_from(bytes.len()).expect("a short record")], bytes].concat();
    seed("block_log", "decided", [&[0][..], &record(&block), &record(&decision)].concat());
}

/// Calls of Ethereum's JSON-RPC. The first byte of a known method's parameters is one more than twice its position in the target.
fn ethereum() {
    let chain_id = *Alliance::start(Start::Real).chain.chain_id();
    // As `Contract::of` derives it in the replica, which would link RocksDB.
    let contract = keccak256([b"tally/erc1155/v1\0", &chain_id.0[..]].concat());
    let contract = format!("0x{}", hex::encode(&contract[12..]));
    let balance_of = format!("0x00fdd58e{:0>64}{:0>64x}", hex::encode(member(1).0), 1);
    let calls = [
        ("block", 1, json!(["latest", true])),
        ("code", 3, json!([contract, "0x1"])),
        ("call", 5, json!([{ "to": contract, "data": balance_of }, "latest"])),
        ("logs", 6, json!([{ "address": contract, "fromBlock": "0x0", "toBlock": "latest", "topics": [] }])),
        ("proof", 7, json!([contract, [format!("0x{}", "0".repeat(64))], "latest"])),
    ];
    for (name, method, params) in calls {
        seed("json_rpc", name, [&[2 * method + 1], params.to_string().as_bytes()].concat());
    }
    let call = |id: u64, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": [] });
    let batch = json!([call(1, "eth_chainId"), call(2, "eth_blockNumber"), call(3, "net_version"), { "id": 4 }]);
    seed("json_rpc", "batch", format!("\0{batch}"));
}

/// One message of each kind, by its layout (`node/src/consensus/codec/`).
fn messages() {
    let (height, round, id, signature) = (Height(5), 2_u32, Hash([1; 32]), Signature([9; 64]));
    let merchant = MerchantId(3);
    let vote = (2_u32, height, round, Some(id), merchant, signature);
    let part = (height, round, Some(1_u32), merchant, id, 3_u32);
    let part = [encode(&part), encode(&(0_u32, b"abc".to_vec(), signature))].concat();
    let certificate = certify(&id, height, &id, &[merchant]);
    // A peer id: the identity multihash of an Ed25519 key.
    let peer_id = [&[0x00, 0x24, 0x08, 0x01, 0x12, 0x20][..], &[4; 32]].concat();
    let messages = [
        ("vote", 0, [encode(&1_u32), encode(&vote)].concat()),
        ("proposal", 0, encode(&(2_u32, height, round, id, None::<u32>, (merchant, signature)))),
        ("liveness_vote", 1, [encode(&1_u32), encode(&vote)].concat()),
        ("polka", 1, encode(&(2_u32, &certificate))),
        ("round", 1, encode(&(3_u32, height, round, true, vec![(1_u32, Some(id), merchant, signature)]))),
        ("part", 2, part.clone()),
        ("stream", 3, [encode(&(b"id".to_vec(), 0_u64, true)), part].concat()),
        ("fin", 3, encode(&(b"id".to_vec(), 1_u64, false))),
        ("proof", 4, encode(&(vec![1_u8; 32], peer_id.clone(), signature))),
        ("proposed", 5, encode(&(height, round, None::<u32>, merchant, id, true))),
        ("certificate", 6, encode(&certificate)),
        ("status", 7, encode(&(peer_id, height, Height(1)))),
        ("request", 8, encode(&(Height(1), height))),
        ("response", 9, encode(&(height, vec![(b"block".to_vec(), &certificate)]))),
    ];
    for (name, kind, bytes) in messages {
        seed("consensus_message", name, [&[kind][..], &bytes].concat());
    }
}

/// A segment of a journal with two frames.
fn segment() {
    let salt = 7_u64.to_le_bytes();
    let mut bytes = [&b"TALLYJ1\n"[..], &salt].concat();
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    for payload in [&b"first"[..], b"second"] {
        let length = u32::try_from(payload.len()).expect("a short payload").to_le_bytes();
        let synced = 20_u32.to_le_bytes();
        let crc = crc32fast::hash(&[&salt[..], &length, &synced, payload].concat()).to_le_bytes();
        bytes.extend_from_slice(&[&length[..], &synced, &crc, payload].concat());
    }
    // The first byte, even: how much of the bytes is the first segment, in 127ths.
    seed("journal", "two_frames", [&[254][..], &bytes].concat());
}
