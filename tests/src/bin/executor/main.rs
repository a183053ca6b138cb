//! The executor alone: what one operation costs between a decided block and a durable state, by the clock. As in a node, blocks
//! run one after the other, each with a thread beside for its hashes, and state is flushed beside them.
//!
//!     executor --accounts 10000 --operations 1000000 [--skew hot] [--months 3] [--marks 200000,1000000] [--json]
//!
//! With months, the operations are spread over so many, so that a holding has as many lots.
//!
//! A mark is a number of operations at which it tells what those since the mark before cost, and how much memory and disk there
//! is then: what growth does.
//!
//! Transactions are made, signed and checked ahead, some hundred thousand operations at a time, while no flush is under way.
//! Then the clock runs from the first of their blocks until no flush is under way, and in the end until all is on the disk:
//! contracts, log leaves, state hash, query index, state in memory, and what it takes to let go of a block.
//! Decoding transactions and checking their signatures is told apart, for nodes do it off the executing thread. No network, no
//! votes, no block log: those are `tally bench`.

mod load;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tally_contracts::receipt::Outcome;
use tally_contracts::state::WriteSet;
use tally_contracts::transaction::CheckedTransaction;
use tally_contracts::types::{Hash, MerchantId};
use tally_ledger::certificate::{CommitCertificate, CommitSignature, VoteKind, vote_bytes};
use tally_ledger::chain::{Chain, CheckedBlock, Head, Proposal, Warm};
use tally_replica::executor::Run;
use tally_replica::query::index::index_writes;
use tally_replica::replica::FlushOptions;
use tally_replica::storage::journal::Position;
use tally_replica::storage::row_cache::default_bytes;
use tally_replica::storage::state_db::{Applying, StateDb};

use load::{Load, Skew};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the command line asks for.
struct Arguments {
    accounts: u64,
    operations: u64,
    batch: u64,
    transactions: usize,
    skew: Skew,
    months: u64,
    seed: u64,
    dir: Option<PathBuf>,
    /// Rising.
    marks: Vec<u64>,
    json: bool,
}

impl Arguments {
    /// The month of the operation after so many, from 0 on.
    const fn month(&self, sent: u64) -> u64 {
        sent * self.months / self.operations
    }

    const fn block_operations(&self) -> u64 {
        self.batch * self.transactions as u64
    }
}

/// What operations cost since the mark before.
struct Mark {
    operations: u64,
    us_per_op: f64,
    rss_bytes: u64,
    disk_bytes: u64,
}

/// Where the time went.
#[derive(Clone, Copy, Default)]
struct Spent {
    /// Ahead, and no part of the rest.
    check: Duration,
    /// By the clock: what follows, and what lies between.
    executor: Duration,
    /// Contracts, hashes and index.
    execution: Duration,
    apply: Duration,
    /// Waiting for flushes.
    flush: Duration,
}

/// What a block is made of.
struct Prepared {
    transactions: Vec<CheckedTransaction>,
    /// The time that it is at least, in ms since 1970.
    time_ms: u64,
}

/// Operations that are made ahead at a time: they take some hundred MB.
const AHEAD: u64 = 400_000;

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
    /// Of the blocks, which a node has in its block log.
    log_bytes: u64,
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    let temporary = tempfile::tempdir()?;
    let dir = arguments.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    let mut load = Load::new(arguments.accounts, arguments.skew, arguments.seed);
    let mut bench = Bench::open(&dir, &load)?;
    eprintln!("executor: seed {}, enrolling {} accounts", arguments.seed, arguments.accounts);
    while let Some(transactions) = load.enrolments(arguments.batch, arguments.transactions) {
        let block = bench.prepare(transactions, load.time_ms())?;
        bench.run_all(vec![block])?;
    }
    ensure!(bench.rejected == 0, "{} enrolments were rejected", bench.rejected);
    bench.flush()?;
    let before = disk_bytes(&dir)?;
    (bench.spent, bench.applied, bench.log_bytes) = (Spent::default(), 0, 0);
    eprintln!("executor: {} operations", arguments.operations);
    let (mut sent, mut marks, mut since) = (0, Vec::new(), (0, Duration::ZERO));
    while sent < arguments.operations {
        let next_mark = arguments.marks.get(marks.len()).copied().unwrap_or(u64::MAX);
        let until = arguments.operations.min(next_mark).min(sent + AHEAD);
        let mut blocks = Vec::new();
        while sent < until {
            let transactions = load.operations(arguments.batch, arguments.transactions);
            blocks.push(bench.prepare(transactions, load.time_ms())?);
            let month = arguments.month(sent);
            sent += arguments.block_operations();
            if arguments.month(sent) > month {
                load.skip_month();
            }
        }
        bench.run_all(blocks)?;
        if sent >= arguments.operations {
            bench.flush()?;
        }
        if sent >= next_mark {
            let (spent, operations) = (bench.spent.executor - since.1, sent - since.0);
            marks.push(Mark {
                operations: sent,
                us_per_op: spent.as_secs_f64() * 1e6 / operations as f64,
                rss_bytes: rss_bytes()?,
                disk_bytes: disk_bytes(&dir)?,
            });
            since = (sent, bench.spent.executor);
        }
    }
    let disk = disk_bytes(&dir)?.saturating_sub(before);
    ensure!(bench.applied + bench.rejected == sent, "every operation has its receipt");
    bench.report(&arguments, sent, disk, &marks);
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
        let (state, _) = StateDb::open(&dir.join("state"), *chain.chain_id(), default_bytes(), start)?;
        Ok(Self {
            chain,
            state,
            head,
            warm: Warm::default(),
            certificate: None,
            flush: FlushOptions::default(),
            spent: Spent::default(),
            applied: 0,
            rejected: 0,
            log_bytes: 0,
        })
    }

    /// Checks a block's transactions ahead.
    fn prepare(&mut self, transactions: Vec<Vec<u8>>, time_ms: u64) -> Result<Prepared> {
        let chain_id = self.chain.chain_id();
        let checked = time(&mut self.spent.check, || CheckedTransaction::check_all(transactions, chain_id));
        let transactions = checked.map_err(|(at, fault)| anyhow::anyhow!("transaction {at}: {fault}"))?;
        Ok(Prepared { transactions, time_ms })
    }

    /// Runs blocks, and waits for the flush that is under way then: it shall have no time that is not measured.
    fn run_all(&mut self, blocks: Vec<Prepared>) -> Result<()> {
        let started = Instant::now();
        for block in blocks {
            self.run(block)?;
            let waiting = self.state.waiting();
            if waiting.blocks >= self.flush.blocks || waiting.bytes >= self.flush.bytes {
                self.start_flush()?;
            }
        }
        time(&mut self.spent.flush, || self.state.finish_flush())?;
        self.spent.executor += started.elapsed();
        Ok(())
    }

    /// Flushes what waits.
    fn flush(&mut self) -> Result<()> {
        let started = Instant::now();
        self.start_flush()?;
        time(&mut self.spent.flush, || self.state.finish_flush())?;
        self.spent.executor += started.elapsed();
        Ok(())
    }

    fn run(&mut self, Prepared { transactions, time_ms }: Prepared) -> Result<()> {
        let known: HashMap<Hash, CheckedTransaction> = transactions.iter().map(|t| (t.id(), t.clone())).collect();
        let proposal = Proposal {
            proposer: MerchantId(1),
            now_ms: time_ms.max(self.head.time_ms + 100),
            last_commit: self.certificate.clone(),
            transactions,
        };
        let bytes = self.chain.propose(&self.head, proposal).encode();
        self.log_bytes += bytes.len() as u64;
        let block = self.chain.check_new(&self.head, &bytes, &|id| known.get(id).cloned())?;
        let head = &self.head;
        let Run { executed, index } = time(&mut self.spent.execution, || {
            self.state.read(|view| Run::new(&self.chain, (view.store, head), &block, &mut self.warm, index_writes))
        });
        for receipt in executed.receipts.iter().flatten() {
            match &receipt.outcome {
                Outcome::Applied(_) => self.applied += 1,
                _ => self.rejected += 1,
            }
        }
        let certificate = self.certify(&block);
        let head = executed.head.clone();
        time(&mut self.spent.apply, || {
            let (certificate, decision) = (Some(certificate.clone()), Some(Position::from_u64(0)));
            self.state.apply(Applying { head, certificate, decision, records: executed.writes.clone(), index });
        });
        (self.head, self.certificate) = (executed.head, Some(certificate));
        Ok(())
    }

    /// Waits for the flush before, if it is still under way.
    fn start_flush(&mut self) -> Result<()> {
        let today = self.chain.genesis().calendar().day(self.head.time_ms);
        Ok(time(&mut self.spent.flush, || self.state.start_flush(Position::from_u64(0), today))?)
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

    fn report(&self, arguments: &Arguments, operations: u64, disk_bytes: u64, marks: &[Mark]) {
        let each = |duration: Duration| duration.as_secs_f64() * 1e6 / operations as f64;
        let Spent { check, executor, execution, apply, flush } = self.spent;
        let rate = operations as f64 / executor.as_secs_f64();
        let report = json!({
            "accounts": arguments.accounts, "operations": operations, "batch": arguments.batch,
            "transactions_per_block": arguments.transactions, "skew": arguments.skew.name(), "months": arguments.months,
            "seed": arguments.seed,
            "height": self.head.height, "applied": self.applied, "rejected": self.rejected,
            "ops_per_s": rate.round(),
            "us_per_op": {
                "check": each(check), "execution": each(execution), "apply": each(apply), "flush": each(flush),
                "executor": each(executor),
            },
            "state_bytes_per_op": disk_bytes as f64 / operations as f64,
            "log_bytes_per_op": self.log_bytes as f64 / operations as f64,
            "marks": marks.iter().map(Mark::json).collect::<Vec<_>>(),
        });
        if arguments.json {
            println!("{report}");
            return;
        }
        println!("{operations} operations, {} accounts, {} refused", arguments.accounts, self.rejected);
        println!("executor   {rate:>10.0} ops/s");
        for (name, duration) in [("execution", execution), ("apply", apply), ("flush", flush), ("(check)", check)] {
            println!("{name:<10} {:>10.3} us/op", each(duration));
        }
        println!("state      {:>10.0} bytes/op on the disk", disk_bytes as f64 / operations as f64);
        println!("block log  {:>10.0} bytes/op", self.log_bytes as f64 / operations as f64);
        for Mark { operations, us_per_op, rss_bytes, disk_bytes } in marks {
            let (rss_mib, disk_mib) = (rss_bytes >> 20, disk_bytes >> 20);
            println!(
                "after {operations:>10}: {us_per_op:.3} us/op, {rss_mib} MiB of memory, {disk_mib} MiB on the disk"
            );
        }
    }
}

impl Mark {
    fn json(&self) -> serde_json::Value {
        let Self { operations, us_per_op, rss_bytes, disk_bytes } = self;
        json!({ "operations": operations, "us_per_op": us_per_op, "rss_bytes": rss_bytes, "disk_bytes": disk_bytes })
    }
}

fn time<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    *sum += started.elapsed();
    result
}

/// Memory of this process, the load generator's included.
fn rss_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc/self/status")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number of kB")?;
    Ok(kib << 10)
}

/// Bytes of all files below a directory.
fn disk_bytes(dir: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        sum += match entry.metadata() {
            Ok(found) if found.is_dir() => disk_bytes(&entry.path())?,
            Ok(found) => found.len(),
            // Compacted away meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error.into()),
        };
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
        months: 1,
        seed: 1,
        dir: None,
        marks: Vec::new(),
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
            "--months" => arguments.months = value()?.parse()?,
            "--seed" => arguments.seed = value()?.parse()?,
            "--dir" => arguments.dir = Some(value()?.into()),
            "--marks" => arguments.marks = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--json" => arguments.json = true,
            _ => bail!("unknown argument {word}: see the head of tests/src/bin/executor/main.rs"),
        }
    }
    ensure!(arguments.accounts >= 8, "give at least 8 accounts");
    Ok(arguments)
}
