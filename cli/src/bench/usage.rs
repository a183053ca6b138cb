//! What a run costs, from the operating system's accounting: processor time, peak memory, space on disk.
//!
//! Only for processes of this machine under Linux; of a node that runs elsewhere nothing is said.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tally_contracts::types::MerchantId;

use crate::network::Alliance;
use crate::network::process::running;

/// Where a node's usage is read.
#[derive(Clone, Debug)]
pub struct Probe {
    merchant: MerchantId,
    pid: Option<u32>,
    data_dir: Option<PathBuf>,
}

/// What it has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    cpu_us: Option<u64>,
    disk_bytes: Option<u64>,
}

/// What a node used over a run.
#[derive(Clone, Debug, Serialize)]
pub struct NodeUsage {
    /// Whose node.
    pub merchant: MerchantId,
    /// Processor time of all its threads, in user and system, per operation of the whole alliance.
    pub cpu_us_per_op: Option<f64>,
    /// Most memory that it ever had resident.
    pub rss_peak_bytes: Option<u64>,
    /// By how much its directory grew, in allocated blocks, per operation of the whole alliance.
    pub disk_bytes_per_op: Option<f64>,
}

/// The machine that a figure is of.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: Option<String>,
    /// Processors that this process may use.
    pub cores: Option<usize>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The kernel's version.
    pub kernel: Option<String>,
}

impl Probe {
    /// The probes of an alliance's nodes.
    pub fn of(alliance: &Alliance) -> Vec<Self> {
        let probe = |merchant: MerchantId| {
            let pid = running(alliance, merchant);
            Self { merchant, pid, data_dir: pid.and_then(|_| alliance.data_dir(merchant).ok()) }
        };
        alliance.nodes.iter().map(|node| probe(node.merchant)).collect()
    }

    /// Reads it now.
    pub fn read(&self) -> Reading {
        Reading { cpu_us: self.pid.and_then(cpu_us), disk_bytes: self.data_dir.as_deref().map(allocated_bytes) }
    }

    /// What was used since an earlier reading, by so many operations.
    pub fn since(&self, before: Reading, operations: u64) -> NodeUsage {
        let now = self.read();
        let cpu_us = now.cpu_us.zip(before.cpu_us).map(|(now, before)| now.saturating_sub(before) as f64);
        // A compaction may give back more than was written.
        let grown = now.disk_bytes.zip(before.disk_bytes).map(|(now, before)| now as f64 - before as f64);
        NodeUsage {
            merchant: self.merchant,
            cpu_us_per_op: per(cpu_us, operations),
            rss_peak_bytes: self.pid.and_then(|pid| kilobytes(&format!("/proc/{pid}/status"), "VmHWM:")),
            disk_bytes_per_op: per(grown, operations),
        }
    }
}

impl Machine {
    /// This machine.
    pub fn here() -> Self {
        let cpu = field("/proc/cpuinfo", "model name");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned());
        Self {
            cpu: cpu.map(|text| text.trim_start_matches([' ', '\t', ':']).to_owned()),
            cores: std::thread::available_parallelism().ok().map(usize::from),
            memory_bytes: kilobytes("/proc/meminfo", "MemTotal:"),
            kernel,
        }
    }
}

/// Processor time of this very process so far, in microseconds.
pub fn own_cpu_us() -> Option<u64> {
    cpu_us(std::process::id())
}

/// A sum over a run, per operation.
pub fn per(sum: Option<f64>, operations: u64) -> Option<f64> {
    sum.filter(|_| operations > 0).map(|sum| sum / operations as f64)
}

/// Processor time of a process, in user and system, by ticks of a hundredth of a second.
fn cpu_us(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    ticks(&stat).map(|ticks| ticks * US_PER_TICK)
}

/// Linux counts in these for programs, whatever its own timer does (`USER_HZ`, proc(5)).
const US_PER_TICK: u64 = 10_000;

/// `utime` and `stime` of a line of `/proc/PID/stat`, after the name, which may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// The rest of the first line of a file that begins with a word.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned())
}

/// A field in kB, as bytes.
fn kilobytes(path: &str, name: &str) -> Option<u64> {
    let rest = field(path, name)?;
    rest.split_whitespace().next()?.parse::<u64>().ok().map(|kb| kb * 1024)
}

/// What a directory takes on its disk. Files that go while it is read count as nothing.
fn allocated_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let one = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => allocated_bytes(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    };
    entries.map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_any_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 500 0 0 0 123 45 0 0 20 0 9 0 100 1 2";
        assert_eq!(ticks(stat), Some(168));
        assert_eq!(ticks("42 nothing"), None);
    }

    #[test]
    fn a_directory_takes_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("deep")).unwrap();
        fs::write(dir.path().join("deep/file"), vec![7; 100_000]).unwrap();
        assert!(allocated_bytes(dir.path()) >= 98_304);
    }
}
