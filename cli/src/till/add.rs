//! `tally till add`: takes an operation into the queue, or one after the other from standard input.
//!
//! Never needs the line. The answer comes when the operation is on disk, synced. A cash register that speaks over a pipe
//! gets one line of answer for each of its lines, in order; lines that come in while the disk syncs share the next sync.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::{Map, Value, json};
use tally_contracts::authorization::{Authorization, SpendGrant};
use tally_contracts::types::Reference;

use super::queue::{Added, NewOperation, Queue};
use crate::grant::code;
use crate::network::now_ms;
use crate::output::{Output, Verdict};
use crate::submit::{Given, Kind};

/// Most lines that share a sync.
const GROUP: usize = 256;

/// Adds to the queue.
#[derive(Debug, Args)]
pub struct Add {
    /// Operations in JSON, one a line: {"order"?, "at_ms"?, "reference"?, "body": {"issue": {..}}, "authorization"?}; -
    /// for standard input.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The order's number in the cash register: the same number again is the same operation, and is not done twice. An
    /// order of several operations gives each a number of its own, such as 4711/redeem and 4711/issue.
    #[arg(long, value_name = "TEXT")]
    order: Option<String>,
    /// The order's own time, in ms since 1970: with it the reference follows from the order alone, so that a till which
    /// lost its queue may add the order again.
    #[arg(long, value_name = "MS", requires = "order")]
    at_ms: Option<u64>,
    /// A reference (UUIDv7) made elsewhere.
    #[arg(long, value_name = "UUID", conflicts_with = "at_ms")]
    reference: Option<Reference>,
    /// The spend grant that the member shows, for redeem and hold; whether its points suffice is judged on delivery.
    #[arg(long, value_name = "CODE", value_parser = code::decode, conflicts_with = "file")]
    grant: Option<SpendGrant>,
    #[command(subcommand)]
    kind: Option<Kind>,
}

impl Add {
    /// Adds.
    pub fn run(&self, mut queue: Queue, output: Output) -> anyhow::Result<Verdict> {
        match (&self.file, &self.kind) {
            (None, Some(kind)) => {
                let new = NewOperation {
                    order: self.order.clone(),
                    at_ms: self.at_ms,
                    reference: self.reference,
                    members: self.members(kind)?,
                };
                let added = queue.add(vec![new.clone()], now_ms()?)?;
                let good = added.iter().all(|added| answer(new.order.as_deref(), added, output));
                Ok(Verdict::of(good))
            }
            (Some(path), None) => {
                let single = self.order.is_some() || self.reference.is_some();
                ensure!(!single, "--order and --reference go with an operation given by flags; lines have their own");
                lines(&mut queue, path, output)
            }
            _ => bail!("what is to be added? Give --file FILE, or one operation by flags (`tally till add --help`)"),
        }
    }

    /// The operation given by flags. What counts from now on counts from the order's own time, where it has one: so the same
    /// order is the same operation whenever it is added.
    fn members(&self, kind: &Kind) -> anyhow::Result<Map<String, Value>> {
        let time_ms = self.at_ms.map_or_else(now_ms, Ok)?;
        let body = kind.body(&Given { time_ms, wallet_key: None })?;
        let mut members = Map::from_iter([("body".to_owned(), serde_json::to_value(body)?)]);
        if let Some(grant) = &self.grant {
            let authorization = serde_json::to_value(Authorization::Grant(grant.clone()))?;
            members.insert("authorization".into(), authorization);
        }
        Ok(members)
    }
}

/// Adds one operation a line, until there are no more.
fn lines(queue: &mut Queue, path: &Path, output: Output) -> anyhow::Result<Verdict> {
    let input = read_lines(path)?;
    let mut all_good = true;
    while let Ok(first) = input.recv() {
        let mut group = vec![first?];
        while let Some(line) = (group.len() < GROUP).then(|| input.try_recv().ok()).flatten() {
            group.push(line?);
        }
        let parsed: Vec<anyhow::Result<NewOperation>> = group.iter().map(|line| parse(line)).collect();
        let new: Vec<NewOperation> = parsed.iter().filter_map(|new| new.as_ref().ok()).cloned().collect();
        let mut added = queue.add(new, now_ms()?)?.into_iter();
        for new in &parsed {
            let (order, added) = match new {
                Ok(new) => (new.order.as_deref(), added.next().context("each operation has its answer")?),
                Err(error) => (None, Added::Refused(format!("{error:#}"))),
            };
            all_good &= answer(order, &added, output);
        }
    }
    Ok(Verdict::of(all_good))
}

/// Lines as they come, but for empty ones.
fn read_lines(path: &Path) -> anyhow::Result<Receiver<anyhow::Result<String>>> {
    let (sender, receiver) = sync_channel(GROUP);
    let is_standard = path == Path::new("-");
    let file = if is_standard { None } else { Some(std::fs::File::open(path)) };
    let file = file.transpose().with_context(|| format!("cannot read {}", path.display()))?;
    std::thread::spawn(move || {
        let input: Box<dyn std::io::BufRead> = match file {
            Some(file) => Box::new(std::io::BufReader::new(file)),
            None => Box::new(std::io::stdin().lock()),
        };
        for line in input.lines() {
            let line = line.context("the input cannot be read");
            let is_empty = line.as_ref().is_ok_and(|line| line.trim().is_empty());
            if !is_empty && sender.send(line).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

fn parse(line: &str) -> anyhow::Result<NewOperation> {
    let value: Value = serde_json::from_str(line).context("no JSON")?;
    let Value::Object(mut members) = value else { bail!("an operation is a JSON object") };
    let order = members.remove("order").map(serde_json::from_value).transpose().context("order")?;
    let at_ms = members.remove("at_ms").map(serde_json::from_value).transpose().context("at_ms")?;
    let reference = members.remove("reference").map(serde_json::from_value).transpose().context("reference")?;
    Ok(NewOperation { order, at_ms, reference, members })
}

/// Answers one operation; says whether it is in the queue.
fn answer(order: Option<&str>, added: &Added, output: Output) -> bool {
    let named = order.map(|order| format!("order {order}  ")).unwrap_or_default();
    match added {
        Added::Queued { reference, kind, member } => {
            let mut value = json!({ "status": "queued", "order": order, "reference": reference, "kind": kind });
            if let Some(member) = member {
                value["member"] = json!(member);
            }
            let card = member.map(|member| format!("  {member}")).unwrap_or_default();
            output.event(&value, || format!("queued  {named}{reference}  {kind}{card}"));
        }
        Added::Known(reference, entry) => {
            let state = entry.as_ref().map(|entry| entry.state.name());
            let value = json!({
                "status": "known", "order": order, "reference": reference, "state": state.unwrap_or("pruned"),
                "code": entry.as_ref().and_then(|entry| entry.code.clone()),
            });
            output.event(&value, || format!("known   {named}{reference}  {}", state.unwrap_or("ended and pruned")));
        }
        Added::Refused(reason) => {
            let value = json!({ "status": "refused", "order": order, "error": reason });
            output.event(&value, || format!("refused {named}{reason}"));
        }
    }
    !matches!(added, Added::Refused(_))
}
