//! What a run is asked to do: the flags of `tally bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

/// Puts a load on a running alliance, and measures it.
#[derive(Clone, Debug, Args, Serialize)]
pub struct Settings {
    /// The directory of the alliance, whose nodes run: `tally network init`, `tally network up --detach`.
    #[arg(long, default_value = "net", value_name = "DIR")]
    pub dir: PathBuf,
    /// Members, spread evenly over the merchants.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=20_000_000))]
    pub accounts: u32,
    /// Stop after so many operations [default: 200000].
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    pub operations: Option<u64>,
    /// Send for so long instead, in seconds.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: Option<u64>,
    /// Most operations of a transaction; fewer where a transaction holds no more.
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: u32,
    /// Closed loop: requests under way at once, over all nodes; each answer makes room for the next.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// Readers beside the load: each asks for balances and statements of members, one question after the other.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub readers: u32,
    /// Open loop: so many operations a second, whatever the answers; latency counts from when each was due.
    #[arg(long, value_name = "OPS_PER_S", value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: Option<u64>,
    /// What is done.
    #[arg(long, default_value = "mixed", value_enum)]
    pub workload: Workload,
    /// By whom, and with whom.
    #[arg(long, default_value = "uniform", value_enum)]
    pub skew: Skew,
    /// By whose word points are spent.
    #[arg(long, default_value = "merchant", value_enum)]
    pub signed_by: SignedBy,
    /// How it comes to the node.
    #[arg(long, default_value = "transactions", value_enum)]
    pub door: Door,
    /// What accounts and draws are made of; the same seed finds the same accounts again.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// 70 % issue, 10 % redeem, 10 % hold and capture, 8 % exchange, 2 % transfer.
    Mixed,
    /// Purchases alone.
    Issue,
    /// Transfers alone.
    Transfer,
}

/// By whom, and with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Skew {
    /// All merchants and members alike.
    Uniform,
    /// The first merchant submits four of five operations, and one member in a hundred is in four of five of them.
    Hot,
}

/// By whose word points are spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedBy {
    /// The submitting merchant's, whose key signs the transaction.
    Merchant,
    /// The member's, whose own key signs each operation that spends.
    Wallet,
}

/// How an operation comes to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Signed transactions in canonical bytes (POST /v1/transactions).
    Transactions,
    /// One operation a request, in JSON, signed by the node (POST /v1/operations).
    Operations,
}

/// How many operations there are where nothing is said.
const DEFAULT_OPERATIONS: u64 = 200_000;

impl Settings {
    /// How many operations there will be; none where that is found out by the time that they take.
    pub const fn limit(&self) -> Option<u64> {
        match (self.operations, self.seconds) {
            (Some(operations), _) => Some(operations),
            (None, None) => Some(DEFAULT_OPERATIONS),
            (None, Some(seconds)) => match self.rate {
                Some(rate) => Some(rate.saturating_mul(seconds)),
                None => None,
            },
        }
    }

    /// The most operations that one request may carry.
    pub const fn per_request(&self) -> usize {
        match self.door {
            Door::Transactions => self.batch as usize,
            Door::Operations => 1,
        }
    }
}
