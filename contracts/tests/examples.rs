//! Runs the worked examples of `docs/settlement.md` and `docs/governance.md`: what the pages say happens is what the contracts
//! do.
//!
//! A block of a page that is fenced as `alliance` is a genesis whose keys are left out; each block fenced as `example` is a
//! history of its own in that alliance. Its lines, by turns of `=>`:
//!
//! - `2017-02-01`: time goes on to the start of that day, and due work runs; `{..}` behind `=>` is one of its records;
//! - `NAME: MERCHANT KIND {body} => {outcome}`: an operation, alone in its block, and what its receipt says at least. The name
//!   is for later lines: `@NAME` in a body is the operation's reference. Members are written `@anna` and are enrolled by
//!   merchant 1 before. An `admit` gets its keys, and its attestation where `@signed` (or, wrongly, `@forged`) stands;
//! - `TABLE KEY.. => {record}`: what a record says at least, or `none`. Tables: gross, net, carry, leg, position, pool, dispute,
//!   proposal, merchant, contribution, distribution, share (a merchant's of a distribution), validators (who, by height).

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use tally_contracts::crypto::{PublicKey, Signature, sign};
use tally_contracts::encoding;
use tally_contracts::execute::{BlockContext, execute_block};
use tally_contracts::genesis::Genesis;
use tally_contracts::governance::change::{Admit, attested_bytes};
use tally_contracts::governance::{Proposal, ValidatorSet, genesis_writes};
use tally_contracts::membership::{Enrol, HolderKind, Merchant, member_address};
use tally_contracts::pool::{Contribution, Distribution};
use tally_contracts::settlement::{Dispute, Gross, Leg, PairNet, Position};
use tally_contracts::state::{Key, MemoryStore, read, tag};
use tally_contracts::transaction::{Body, CheckedTransaction, Operation, Transaction};
use tally_contracts::types::{HOUR_MS, Hash, Height, MerchantId, Month, Obligation, Reference};

const PAGES: [&str; 2] = [include_str!("../../docs/settlement.md"), include_str!("../../docs/governance.md")];
/// The one who attests admissions, among the test keys.
const ATTESTER: u64 = 5_000;
const MEMBERS: [&str; 2] = ["anna", "bert"];

#[test]
fn every_worked_example_is_what_happens() {
    for page in PAGES {
        let title = page.lines().next().unwrap_or_default();
        let alliance: Vec<String> = fenced(page, "alliance");
        let [alliance] = &alliance[..] else { panic!("{title}: the page has one alliance") };
        let examples = fenced(page, "example");
        assert!(examples.len() >= 6, "{title}: the page has {} examples", examples.len());
        for (example, number) in examples.iter().zip(1..) {
            let mut world = World::found(alliance);
            for line in example.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
                world.run(line).unwrap_or_else(|wrong| panic!("{title}: example {number}, `{line}`: {wrong}"));
            }
        }
    }
}

/// Blocks of a page that are fenced under a name; a line that is indented goes on with the one before.
fn fenced(page: &str, name: &str) -> Vec<String> {
    let open = format!("```{name}\n");
    let blocks = page.split(open.as_str()).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap_or_default().replace("\n  ", " ")).collect()
}

/// The test key of a merchant or partner, which has every role that it may have.
fn key(merchant: u64) -> SigningKey {
    let mut seed = [0x5e; 32];
    seed[..8].copy_from_slice(&merchant.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

struct World {
    genesis: Genesis,
    store: MemoryStore,
    height: Height,
    time_ms: u64,
    names: BTreeMap<String, String>,
    references: u128,
}

impl World {
    fn found(alliance: &str) -> Self {
        let attester = PublicKey::of(&key(ATTESTER)).to_string();
        let mut genesis: Value =
            serde_json::from_str(&alliance.replace("@attester", &attester)).expect("the alliance is JSON");
        for (list, roles) in [
            ("merchants", json!(["issuer", "acceptor", "treasurer", "governor"])),
            ("partners", json!(["issuer", "treasurer"])),
        ] {
            for participant in genesis[list].as_array_mut().expect("a list of participants") {
                let id = participant["id"].as_u64().expect("an id");
                participant["operator_keys"] = json!([{ "public_key": PublicKey::of(&key(id)), "roles": roles }]);
                if list == "merchants" {
                    participant["validator_key"] = json!(PublicKey::of(&key(id + 1_000)));
                    participant["cosigner_key"] = json!(PublicKey::of(&key(id + 3_000)));
                }
            }
        }
        let genesis: Genesis = serde_json::from_value(genesis).expect("the alliance is a genesis");
        genesis.check().expect("an alliance can start from it");
        let mut store = MemoryStore::default();
        store.apply(&genesis_writes(&genesis));
        let (height, time_ms) = (Height(0), genesis.time_ms);
        let mut world = Self { genesis, store, height, time_ms, names: BTreeMap::new(), references: 0 };
        for (name, number) in MEMBERS.iter().zip(1_u8..) {
            let commitment = Hash([number; 32]);
            let address = member_address(MerchantId(1), &commitment).to_string();
            world.names.insert((*name).to_owned(), address);
            world.submit(1, Body::Enrol(Enrol { holder: HolderKind::Member, commitment }));
        }
        world
    }

    fn run(&mut self, line: &str) -> Result<(), String> {
        let (said, expected) = line.split_once("=>").map_or((line, None), |(said, e)| (said.trim(), Some(e.trim())));
        if let Ok(day) = said.parse() {
            let time_ms = self.genesis.calendar().day_start_ms(day);
            if time_ms <= self.time_ms {
                return Err("time goes forward only".into());
            }
            let (due, _) = self.block(time_ms, &[]);
            let Some(expected) = expected.map(json_of).transpose()? else { return Ok(()) };
            let is_there = due.as_array().is_some_and(|due| due.iter().any(|record| holds(record, &expected)));
            return if is_there { Ok(()) } else { Err(format!("due work was {due}")) };
        }
        let expected = expected.ok_or("nothing is said of what it comes to")?;
        let found = match said.split_once(": ") {
            Some((name, operation)) => self.operation(name, operation)?,
            None => self.record(said)?,
        };
        let expected = if expected == "none" { Value::Null } else { json_of(expected)? };
        if holds(&found, &expected) { Ok(()) } else { Err(format!("it was {found}")) }
    }

    fn operation(&mut self, name: &str, said: &str) -> Result<Value, String> {
        let mut words = said.splitn(3, ' ');
        let merchant = words.next().and_then(|id| id.parse().ok()).ok_or("a merchant stands first")?;
        let (kind, body) = (words.next().ok_or("a kind")?, words.next().ok_or("a body")?);
        let mut body = body.to_owned();
        for (name, value) in &self.names {
            body = body.replace(&format!("\"@{name}\""), &format!("\"{value}\""));
        }
        let mut body: Value = json_of(&body)?;
        if let Some(admit) = body.pointer_mut("/change/admit") {
            self.complete(admit)?;
        }
        let body: Body = serde_json::from_value(json!({ kind: body })).map_err(|e| e.to_string())?;
        let (reference, outcome) = self.submit(merchant, body);
        self.names.insert(name.to_owned(), reference.to_string());
        Ok(outcome)
    }

    /// Fills in what an admission on a page leaves out: keys, and the attester's signature.
    fn complete(&self, admit: &mut Value) -> Result<(), String> {
        let id = admit["merchant"].as_u64().ok_or("an admission names its merchant")?;
        let of = |number: u64| json!(PublicKey::of(&key(id + number)));
        let roles = ["issuer", "acceptor", "treasurer", "governor"];
        admit["validator_key"] = of(1_000);
        admit["cosigner_key"] = of(3_000);
        admit["network_key"] = of(2_000);
        admit["operator_keys"] = json!([{ "public_key": of(0), "roles": roles }]);
        admit["attester"] = json!(PublicKey::of(&key(ATTESTER)));
        let signer = if admit["attestation"] == "@signed" { ATTESTER } else { id };
        admit["attestation"] = json!(Signature([0; 64]));
        let stated: Admit = serde_json::from_value(admit.clone()).map_err(|e| e.to_string())?;
        admit["attestation"] = json!(sign(&key(signer), &attested_bytes(&self.genesis.chain_id(), &stated)));
        Ok(())
    }

    /// One operation, alone in its block; gives its outcome, an applied one without that word.
    fn submit(&mut self, merchant: u16, body: Body) -> (Reference, Value) {
        self.references += 1;
        let reference = Reference::new(self.time_ms, self.references);
        let mut transaction = Transaction {
            chain_id: self.genesis.chain_id(),
            merchant: MerchantId(merchant),
            public_key: PublicKey::default(),
            valid_until_ms: self.time_ms + HOUR_MS,
            atomic: false,
            operations: vec![Operation::new(reference, body)],
            signature: Signature::default(),
        };
        transaction.sign(&key(merchant.into()));
        let bytes = encoding::encode(&transaction);
        let checked = CheckedTransaction::check(bytes, &self.genesis.chain_id()).expect("a well-formed transaction");
        let (_, receipts) = self.block(self.time_ms + 1, &[checked]);
        let outcome = receipts[0][0]["outcome"].clone();
        (reference, outcome.get("applied").cloned().unwrap_or(outcome))
    }

    fn block(&mut self, time_ms: u64, transactions: &[CheckedTransaction]) -> (Value, Value) {
        (self.height, self.time_ms) = (self.height.next(), time_ms);
        let context = BlockContext::new(&self.genesis, self.genesis.chain_id(), self.height, time_ms);
        let run = execute_block(&self.store, context, transactions);
        self.store.apply(&run.writes);
        (json!(run.due), json!(run.receipts))
    }

    fn record(&self, said: &str) -> Result<Value, String> {
        let words: Vec<&str> = said.split(' ').collect();
        let id = |at: usize| -> Result<MerchantId, String> {
            words.get(at).and_then(|id| id.parse().ok()).map(MerchantId).ok_or(format!("word {at} is no merchant"))
        };
        let cycle = || words.get(1).and_then(|m| m.parse::<Month>().ok()).ok_or("a cycle stands second");
        match words[0] {
            "gross" => self.at::<_, Gross>(tag::gross, &(cycle()?, id(2)?, id(3)?)),
            "net" => self.at::<_, PairNet>(tag::pair_nets, &(cycle()?, id(2)?, id(3)?)),
            "carry" => self.at::<_, Obligation>(tag::carries, &(id(1)?, id(2)?)),
            "leg" => self.at::<_, Leg>(tag::legs, &(cycle()?, id(2)?.0)),
            "position" => self.at::<_, Position>(tag::positions, &id(1)?),
            "pool" => self.at::<_, Obligation>(tag::pool_claims, &id(1)?),
            "merchant" => self.at::<_, Merchant>(tag::merchants, &id(1)?),
            "contribution" => self.at::<_, Contribution>(tag::contributions, &(cycle()?, id(2)?)),
            "distribution" => self.at::<_, Distribution>(tag::distributions, &cycle()?),
            "share" => {
                let all = self.at::<_, Distribution>(tag::distributions, &cycle()?)?;
                let shares = all["shares"].as_array().cloned().unwrap_or_default();
                Ok(shares.into_iter().find(|share| share["merchant"] == json!(id(2).ok())).unwrap_or_default())
            }
            "validators" => {
                let from = words.get(1).and_then(|height| height.parse().ok()).map(Height).ok_or("a height")?;
                let set = read::<_, ValidatorSet>(&self.store, tag::epochs, &from).ok_or("no set starts there")?;
                Ok(set.validators().iter().map(|validator| json!(validator.merchant)).collect())
            }
            "proposal" => {
                let name = words.get(2).and_then(|name| name.strip_prefix('@')).ok_or("an operation's @name")?;
                let reference = self.names.get(name).and_then(|r| r.parse().ok()).ok_or("an operation before it")?;
                self.at::<(MerchantId, Reference), Proposal>(tag::proposals, &(id(1)?, reference))
            }
            "dispute" => {
                let name = words.get(2).and_then(|name| name.strip_prefix('@')).ok_or("an operation's @name")?;
                let reference = self.names.get(name).and_then(|r| r.parse().ok()).ok_or("an operation before it")?;
                self.at::<(MerchantId, Reference), Dispute>(tag::disputes, &(id(1)?, reference))
            }
            table => Err(format!("there is no table `{table}` here")),
        }
    }

    fn at<K, V>(&self, tag: u8, key: &K) -> Result<Value, String>
    where
        K: Key,
        V: wincode::SchemaReadOwned<wincode::config::DefaultConfig, Dst = V> + serde::Serialize,
    {
        Ok(read::<K, V>(&self.store, tag, key).map_or(Value::Null, |record| json!(record)))
    }
}

fn json_of(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("{e} in `{text}`"))
}

/// Whether a value says all that is expected; it may say more.
fn holds(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| holds(found, value)))
        }
        _ => found == expected,
    }
}
