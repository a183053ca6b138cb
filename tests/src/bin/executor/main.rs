//! The executor alone: what one operation costs between the bytes of a decided block and a durable state, on one thread.
//!
//!     executor --accounts 10000 --operations 1000000 [--skew hot] [--json]
//!
//! Blocks are made and signed outside the measured time. Measured is what every node does for a block after it is decided: contracts, log
//! leaves, state hash, query index, state in memory, and flushes of it to the disk. Decoding and checking signatures is
//! told apart, for nodes do it off the executing thread. No network, no votes, no block log: those are `tally bench`.

mod load;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tally_contracts::receipt::Outcome;
use tally_contracts::state::WriteSet;
use tally_contracts::transaction::CheckedTransaction;
use tally_contracts::types::MerchantId;
use tally_ledger::certificate::{CommitCertificate, CommitSignature, VoteKind, vote_bytes};
use tally_ledger::chain::{Chain, CheckedBlock, Head, Proposal, Warm};
use tally_replica::query::index::index_writes;
use tally_replica::replica::FlushOptions;
use tally_replica::storage::journal::Position;
use tally_replica::storage::state_db::{Applying, StateDb};

use load::{Load, Skew};

/// What the command line asks for.
struct Arguments {
    accounts: u64,
    operations: u64,
    batch: u64,
    transactions: usize,
    skew: Skew,
    seed: u64,
    dir: Option<PathBuf>,
    json: bool,
}

/// Where the time went.
#[derive(Clone, Copy, Default)]
struct Spent {
    check: Duration,
    contracts: Duration,
    index: Duration,
    apply: Duration,
    flush: Duration,
}

impl Spent {
    /// What runs one block after the other.
    fn executor(&self) -> Duration {
        self.contracts + self.index + self.apply + self.flush
    }
}

/// A chain that runs on its own.
struct Bench {
    chain: Chain,
    state: StateDb,
    head: Head,
    warm: Warm,
    certificate: Option<CommitCertificate>,
    flush: FlushOptions,
    spent: Spent,
    applied: u64,
    rejected: u64,
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    let temporary = tempfile::tempdir()?;
    let dir = arguments.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    let mut load = Load::new(arguments.accounts, arguments.skew, arguments.seed);
    let mut bench = Bench::open(&dir, &load)?;
    eprintln!("executor: seed {}, enrolling {} accounts", arguments.seed, arguments.accounts);
    while let Some(transactions) = load.enrolments(arguments.batch, arguments.transactions) {
        bench.run(transactions)?;
    }
    ensure!(bench.rejected == 0, "{} enrolments were rejected", bench.rejected);
    let before = disk_bytes(&dir)?;
    (bench.spent, bench.applied) = (Spent::default(), 0);
    eprintln!("executor: {} operations", arguments.operations);
    let mut sent = 0;
    while sent < arguments.operations {
        sent += arguments.batch * arguments.transactions as u64;
        let transactions = load.operations(arguments.batch, arguments.transactions);
        bench.run(transactions)?;
    }
    bench.flush()?;
    let disk = disk_bytes(&dir)?.saturating_sub(before);
    ensure!(bench.applied + bench.rejected == sent, "every operation has its receipt");
    bench.report(&arguments, sent, disk);
    Ok(())
}

impl Bench {
    fn open(dir: &Path, load: &Load) -> Result<Self> {
        let chain = Chain::new(load.genesis.clone());
        let (head, writes) = chain.start();
        let start = || Applying {
            head: head.clone(),
            certificate: None,
            decision: None,
            records: writes.into(),
            index: WriteSet::default(),
        };
        let (state, _) = StateDb::open(&dir.join("state"), *chain.chain_id(), start)?;
        let flush = FlushOptions::default();
        let (spent, applied, rejected) = (Spent::default(), 0, 0);
        Ok(Self { chain, state, head, warm: Warm::default(), certificate: None, flush, spent, applied, rejected })
    }

    /// Makes a block of transactions and runs it.
    fn run(&mut self, transactions: Vec<Vec<u8>>) -> Result<()> {
        let checked = CheckedTransaction::check_all(transactions, self.chain.chain_id())
            .map_err(|(at, fault)| anyhow::anyhow!("transaction {at}: {fault}"))?;
        let proposal = Proposal {
            proposer: MerchantId(1),
            now_ms: self.head.time_ms + 100,
            last_commit: self.certificate.clone(),
            transactions: checked,
        };
        let bytes = self.chain.propose(&self.head, proposal).encode();
        let block = time(&mut self.spent.check, || self.chain.check(&self.head, &bytes))?;
        let head = &self.head;
        let executed = time(&mut self.spent.contracts, || {
            self.state.read(|view| self.chain.execute_warm(view.store, head, &block, &mut self.warm))
        });
        for receipt in executed.receipts.iter().flatten() {
            match &receipt.outcome {
                Outcome::Applied(_) => self.applied += 1,
                _ => self.rejected += 1,
            }
        }
        let index = time(&mut self.spent.index, || {
            self.state.read(|view| index_writes(&self.chain, view.store, &block, &executed))
        });
        let certificate = self.certify(&block);
        let head = executed.head.clone();
        time(&mut self.spent.apply, || {
            let (certificate, decision) = (Some(certificate.clone()), Some(Position::from_u64(0)));
            self.state.apply(Applying { head, certificate, decision, records: executed.writes.clone(), index });
        });
        (self.head, self.certificate) = (executed.head, Some(certificate));
        let waiting = self.state.waiting();
        if waiting.blocks >= self.flush.blocks || waiting.bytes >= self.flush.bytes {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let today = self.chain.genesis().calendar().day(self.head.time_ms);
        Ok(time(&mut self.spent.flush, || self.state.flush(Position::from_u64(0), today))?)
    }

    fn certify(&self, block: &CheckedBlock) -> CommitCertificate {
        let (height, block_id) = (block.header().height, block.id());
        let sign = |(merchant, key)| {
            let bytes = vote_bytes(self.chain.chain_id(), VoteKind::Precommit, height, 0, Some(&block_id), merchant);
            CommitSignature { merchant, signature: tally_contracts::crypto::sign(&key, &bytes) }
        };
        let signatures = load::validators().into_iter().map(sign).collect();
        CommitCertificate { height, round: 0, block_id, signatures }
    }

    fn report(&self, arguments: &Arguments, operations: u64, disk_bytes: u64) {
        let each = |duration: Duration| duration.as_secs_f64() * 1e6 / operations as f64;
        let rate = operations as f64 / self.spent.executor().as_secs_f64();
        let Spent { check, contracts, index, apply, flush } = self.spent;
        let report = json!({
            "accounts": arguments.accounts, "operations": operations, "batch": arguments.batch,
            "transactions_per_block": arguments.transactions, "skew": arguments.skew.name(), "seed": arguments.seed,
            "height": self.head.height, "applied": self.applied, "rejected": self.rejected,
            "ops_per_s": rate.round(),
            "us_per_op": {
                "check": each(check), "contracts": each(contracts), "index": each(index), "apply": each(apply),
                "flush": each(flush), "executor": each(self.spent.executor()),
            },
            "disk_bytes_per_op": disk_bytes as f64 / operations as f64,
        });
        if arguments.json {
            println!("{report}");
            return;
        }
        println!("{operations} operations, {} accounts, {} refused", arguments.accounts, self.rejected);
        println!("executor   {rate:>10.0} ops/s");
        for (name, duration) in
            [("contracts", contracts), ("index", index), ("apply", apply), ("flush", flush), ("(check)", check)]
        {
            println!("{name:<10} {:>10.3} us/op", each(duration));
        }
        println!("disk       {:>10.0} bytes/op", disk_bytes as f64 / operations as f64);
    }
}

fn time<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    *sum += started.elapsed();
    result
}

/// Bytes of all files below a directory.
fn disk_bytes(dir: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { disk_bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments {
        accounts: 10_000,
        operations: 1_000_000,
        batch: 500,
        transactions: 20,
        skew: Skew::Uniform,
        seed: 1,
        dir: None,
        json: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--accounts" => arguments.accounts = value()?.parse()?,
            "--operations" => arguments.operations = value()?.parse()?,
            "--batch" => arguments.batch = value()?.parse()?,
            "--transactions" => arguments.transactions = value()?.parse()?,
            "--skew" => arguments.skew = value()?.parse()?,
            "--seed" => arguments.seed = value()?.parse()?,
            "--dir" => arguments.dir = Some(value()?.into()),
            "--json" => arguments.json = true,
            _ => bail!("unknown argument {word}: see the head of tests/src/bin/executor/main.rs"),
        }
    }
    ensure!(arguments.accounts >= 8, "give at least 8 accounts");
    Ok(arguments)
}
