//! The nodes as processes: start, kill, stop, and whose is whose.
//!
//! A node is in a process group of its own, so that Ctrl-C on the terminal reaches it only through [`stop`], in order.
//! `run/merchant-<id>.pid` holds its process id; a process counts as the node only while its command line names the node's
//! configuration, so a process id that the system gave to someone else is never signalled.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use tally_contracts::types::MerchantId;

use super::Alliance;
use crate::client::Client;

/// How long a process may be without arguments after it was started.
const STARTING: Duration = Duration::from_secs(1);

/// How long a killed process may take to let go of its memory and files.
const ENDING: Duration = Duration::from_secs(30);

/// Which node program to run.
#[derive(Clone, Debug, Args)]
pub struct Tallyd {
    /// The node program; by default the one beside this program, then the one on the PATH.
    #[arg(long, env = "TALLYD", value_name = "FILE")]
    tallyd: Option<PathBuf>,
}

impl Tallyd {
    fn path(&self) -> PathBuf {
        let beside = || {
            let path = std::env::current_exe().ok()?.with_file_name("tallyd");
            path.is_file().then_some(path)
        };
        self.tallyd.clone().or_else(beside).unwrap_or_else(|| "tallyd".into())
    }
}

/// Starts a merchant's node; gives its process id. It may not be ready yet.
///
/// # Errors
/// When it runs already, or cannot be started.
pub fn start(alliance: &Alliance, merchant: MerchantId, tallyd: &Tallyd) -> anyhow::Result<u32> {
    alliance.node(merchant)?;
    if let Some(pid) = running(alliance, merchant) {
        bail!("the node of merchant {merchant} runs already (process {pid})");
    }
    let config = config(alliance, merchant)?;
    let log_path = alliance.run_file(merchant, "log");
    fs::create_dir_all(alliance.dir.join("run"))
        .with_context(|| format!("cannot make {}/run", alliance.dir.display()))?;
    let log = OpenOptions::new().create(true).append(true).open(&log_path);
    let log = log.with_context(|| format!("cannot write {}", log_path.display()))?;
    let program = tallyd.path();
    let child = Command::new(&program)
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn();
    let mut child = child.with_context(|| {
        format!("cannot run {}: build it (`cargo build --release`) or give --tallyd FILE", program.display())
    })?;
    let pid = child.id();
    let pid_path = alliance.run_file(merchant, "pid");
    fs::write(&pid_path, format!("{pid}\n")).with_context(|| format!("cannot write {}", pid_path.display()))?;
    // A child that ended stays in the process table until someone waits for it.
    std::thread::spawn(move || child.wait());
    Ok(pid)
}

/// The process id of a merchant's node, if it runs.
pub fn running(alliance: &Alliance, merchant: MerchantId) -> Option<u32> {
    let pid: u32 = fs::read_to_string(alliance.run_file(merchant, "pid")).ok()?.trim().parse().ok()?;
    let config = config(alliance, merchant).ok()?;
    is_running(pid, &config).then_some(pid)
}

/// Ends a merchant's node with kill -9 and waits until it is gone.
///
/// # Errors
/// When it does not run.
pub async fn kill(alliance: &Alliance, merchant: MerchantId) -> anyhow::Result<u32> {
    alliance.node(merchant)?;
    let Some(pid) = running(alliance, merchant) else { bail!("the node of merchant {merchant} does not run") };
    signal(pid, "KILL")?;
    ensure!(gone(alliance, &[merchant], ENDING).await, "process {pid} does not end");
    Ok(pid)
}

/// Asks nodes to stop, ends those that do not within ten seconds; gives those that ran.
pub async fn stop(alliance: &Alliance) -> anyhow::Result<Vec<MerchantId>> {
    let merchants = alliance.nodes.iter().map(|node| node.merchant);
    let running: Vec<(MerchantId, u32)> = merchants.filter_map(|m| running(alliance, m).map(|pid| (m, pid))).collect();
    for (_, pid) in &running {
        signal(*pid, "TERM")?;
    }
    let stopped: Vec<MerchantId> = running.iter().map(|(merchant, _)| *merchant).collect();
    if !gone(alliance, &stopped, Duration::from_secs(10)).await {
        for (_, pid) in &running {
            // It may have ended in between.
            let _ = signal(*pid, "KILL");
        }
        ensure!(gone(alliance, &stopped, ENDING).await, "a node does not end");
    }
    for merchant in &stopped {
        let _ = fs::remove_file(alliance.run_file(*merchant, "pid"));
    }
    Ok(stopped)
}

/// Waits until a node is ready: it answers, and keeps up with the others.
///
/// # Errors
/// When its process ends, or it takes longer than `limit`.
pub async fn ready(alliance: &Alliance, merchant: MerchantId, client: &Client, limit: Duration) -> anyhow::Result<()> {
    let start = Instant::now();
    while !client.is_ready().await {
        let log = alliance.run_file(merchant, "log");
        ensure!(
            running(alliance, merchant).is_some(),
            "the node of merchant {merchant} ended. The end of {}:\n{}",
            log.display(),
            last_lines(&log)
        );
        ensure!(
            start.elapsed() < limit,
            "the node of merchant {merchant} is not ready after {} s. The end of {}:\n{}",
            limit.as_secs(),
            log.display(),
            last_lines(&log)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// The last lines of a log.
fn last_lines(log: &Path) -> String {
    const LINES: usize = 12;
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn config(alliance: &Alliance, merchant: MerchantId) -> anyhow::Result<PathBuf> {
    let path = alliance.merchant_dir(merchant).join("node.toml");
    path.canonicalize().with_context(|| format!("cannot find {}", path.display()))
}

async fn gone(alliance: &Alliance, merchants: &[MerchantId], limit: Duration) -> bool {
    let start = Instant::now();
    while merchants.iter().any(|merchant| running(alliance, *merchant).is_some()) {
        if start.elapsed() > limit {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// Whether a process runs that was started with this configuration; one that ended and was not waited for does not. One that
/// is ending does: it has no arguments any more, but its files and locks still.
fn is_running(pid: u32, config: &Path) -> bool {
    if Path::new("/proc/self").exists() {
        let config = config.as_os_str().as_encoded_bytes();
        return match state_of(pid) {
            State::Runs { arguments } => arguments.split(|byte| *byte == 0).any(|argument| argument == config),
            State::Ending => true,
            State::Ended => false,
        };
    }
    let ps = Command::new("ps").args(["-o", "args=", "-p", &pid.to_string()]).output();
    ps.is_ok_and(|ps| String::from_utf8_lossy(&ps.stdout).contains(&*config.to_string_lossy()))
}

/// What /proc says of a process.
enum State {
    Runs { arguments: Vec<u8> },
    Ending,
    Ended,
}

/// The state of a process. For a moment one that has just been started has the arguments of whoever started it, then none.
fn state_of(pid: u32) -> State {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let own = fs::read("/proc/self/cmdline").unwrap_or_default();
    let start = Instant::now();
    loop {
        let arguments = fs::read(proc.join("cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(proc.join("stat")).unwrap_or_default();
        match exit_of(&stat) {
            // The first thread may be done before others, which hold files and locks still.
            Exit::Over if fs::read_dir(proc.join("task")).is_ok_and(|threads| threads.count() > 1) => {
                return State::Ending;
            }
            Exit::Over => return State::Ended,
            Exit::UnderWay => return State::Ending,
            Exit::None if (arguments.is_empty() || arguments == own) && start.elapsed() < STARTING => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Exit::None => return State::Runs { arguments },
        }
    }
}

/// How far a process is with its end.
#[derive(Debug, PartialEq, Eq)]
enum Exit {
    None,
    UnderWay,
    Over,
}

/// What a process's /proc/<pid>/stat (proc_pid_stat(5)) says of its end; nothing is said of one that is gone.
fn exit_of(stat: &str) -> Exit {
    /// PF_EXITING of include/linux/sched.h.
    const EXITING: u64 = 0x4;
    // The name stands in parentheses and may hold anything; after it come state, ppid, pgrp, session, tty_nr, tpgid, flags.
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    match (fields.next(), fields.nth(5).and_then(|flags| flags.parse::<u64>().ok())) {
        (None | Some("Z" | "X"), _) => Exit::Over,
        (_, Some(flags)) if flags & EXITING != 0 => Exit::UnderWay,
        _ => Exit::None,
    }
}

/// Signals through the shell's own `kill`, which every POSIX system has.
fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let status = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).stderr(Stdio::null()).status();
    let status = status.context("cannot run sh")?;
    ensure!(status.success(), "cannot signal process {pid}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_runs_from_its_start_to_its_end() {
        for _ in 0..200 {
            let mut child = Command::new("sleep").args(["60"]).spawn().unwrap();
            assert!(is_running(child.id(), Path::new("60")), "it has just been started");
            assert!(!is_running(child.id(), Path::new("61")), "it is another's");
            child.kill().unwrap();
            while is_running(child.id(), Path::new("60")) {}
            child.wait().unwrap();
        }
    }

    #[test]
    fn a_process_that_is_ending_still_holds_what_it_had() {
        let stat = |state: &str, flags: u64| format!("7 (a) node) {state} 1 7 7 0 -1 {flags} 0 0");
        assert_eq!(exit_of(&stat("S", 0x40_0000)), Exit::None);
        assert_eq!(exit_of(&stat("D", 0x40_0004)), Exit::UnderWay);
        assert_eq!(exit_of(&stat("Z", 0x40_0004)), Exit::Over);
        assert_eq!(exit_of(""), Exit::Over);
    }
}
