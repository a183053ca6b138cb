//! Where commands are typed, and what they answer.

use std::cell::Cell;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tally_contracts::types::{MerchantId, Reference};
use tally_tests::{Alliance, tally, tally_ok};

/// An alliance, and `tally` beside it.
pub struct Desk {
    pub alliance: Alliance,
    dir: String,
    /// The node that answered last: it has executed what was submitted there, while the others may be a moment behind.
    node: Cell<u16>,
}

/// What `tally submit` said of one operation.
pub struct Said {
    /// The exit code.
    status: Option<i32>,
    /// The operation's part of the answer.
    value: Value,
}

impl Desk {
    /// Makes and starts an alliance.
    pub async fn open(merchants: u16, options: &[&str]) -> Result<Self> {
        let alliance = Alliance::start_with(merchants, options).await?;
        let dir = alliance.dir().to_string_lossy().into_owned();
        Ok(Self { alliance, dir, node: Cell::new(1) })
    }

    /// A file in the alliance's directory.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.dir)
    }

    /// The JSON that a command answers, which must succeed.
    pub fn json(arguments: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&tally_ok(&[&["--json"], arguments].concat())?)?)
    }

    /// Asks the node that answered last.
    pub fn query(&self, arguments: &[&str]) -> Result<Value> {
        let node = self.node.get().to_string();
        Self::json(&[&["query", "--dir", &self.dir, "--merchant", &node], arguments].concat())
    }

    /// Submits through a merchant's own node.
    pub fn submit(&self, merchant: u16, arguments: &[&str]) -> Result<Said> {
        // The clock has no node of its own; the first one takes what it signs.
        self.node.set(merchant.max(1));
        let merchant = merchant.to_string();
        Said::of(&[&["submit", "--dir", &self.dir, "--merchant", &merchant, "--wait", "60"], arguments].concat())
    }

    /// Submits at any node what is signed here with a key file of the alliance's directory.
    pub fn signed(&self, node: u16, merchant: u16, key: &str, arguments: &[&str]) -> Result<Said> {
        self.node.set(node);
        let (key, merchant) = (self.path(key), merchant.to_string());
        let token = self.path(&format!("merchant-{node}/api.token"));
        let at = ["submit", "--node", self.alliance.url(node), "--token-file", &token, "--wait", "60"];
        Said::of(&[&at, &["--merchant", &merchant, "--key", &key][..], arguments].concat())
    }

    /// Submits what must be applied; gives what `applied` says.
    pub fn applied(&self, merchant: u16, arguments: &[&str]) -> Result<Value> {
        self.submit(merchant, arguments)?.applied()
    }

    /// Submits what a rule must refuse.
    pub fn refused(&self, merchant: u16, arguments: &[&str], code: &str) -> Result<()> {
        self.submit(merchant, arguments)?.is_refused(code)
    }

    /// Takes a customer into a merchant's custody; gives the card code.
    pub fn enrol(&self, merchant: u16, number: &str) -> Result<String> {
        let enrolled = self.applied(merchant, &["enrol", "--number", number])?;
        Ok(enrolled["member"].as_str().context("a card code")?.to_owned())
    }

    /// Issues points of the merchant's own class for a purchase, a point for each CNY.
    pub fn issue(&self, merchant: u16, member: &str, amount_fen: u64) -> Result<Said> {
        let (class, line) = (merchant.to_string(), format!("1:{amount_fen}"));
        self.submit(merchant, &["issue", "--class", &class, "--member", member, "--line", &line])
    }

    /// A member's points of a class, and its lots as pairs of points and last month.
    pub fn balance(&self, member: &str, class: u16) -> Result<(u64, Vec<(u64, String)>)> {
        let view = self.query(&["balance", member])?;
        let balance = view["balances"].as_array().into_iter().flatten().find(|b| b["class"] == class);
        let balance = balance.with_context(|| format!("a balance of class {class}: {view}"))?;
        let lots = balance["lots"].as_array().into_iter().flatten();
        let lots =
            lots.map(|lot| Ok((number(&lot["points"])?, lot["expires"].as_str().context("a month")?.to_owned())));
        Ok((number(&balance["points"])?, lots.collect::<Result<_>>()?))
    }

    /// Why a member's points of a class moved, and by how much, the oldest first.
    pub fn statement(&self, member: &str, class: u16) -> Result<Vec<(String, i64)>> {
        let view = self.query(&["statement", member, "--class", &class.to_string()])?;
        let line = |line: &Value| -> Result<(String, i64)> {
            // Released by a time-out or lapsed, points move without anyone's operation.
            let by_itself = ["released", "expired"].map(Into::into).contains(&line["reason"]);
            ensure!(by_itself || !line["operation"].is_null(), "the line names its operation: {line}");
            let delta = line["delta"].as_str().context("a delta")?.parse()?;
            Ok((line["reason"].as_str().context("a reason")?.to_owned(), delta))
        };
        view["items"].as_array().context("a list")?.iter().rev().map(line).collect()
    }

    /// Sets the simulated clock.
    pub fn set_clock(&self, time_ms: u64) -> Result<()> {
        let key = self.path("treasury/clock.key");
        let time_ms = time_ms.to_string();
        self.submit(0, &["--key", &key, "set-clock", "--time-ms", &time_ms])?.applied().map(|_| ())
    }

    /// The block time.
    pub fn time_ms(&self) -> Result<u64> {
        number(&self.query(&["status"])?["time_ms"])
    }

    /// Waits until an operation has its receipt on every node, and that it is the same on all.
    pub async fn same_everywhere(&self, merchant: u16, reference: Reference) -> Result<Value> {
        let mut found = Vec::new();
        for node in 1..=3 {
            let receipt = self.alliance.until(|| self.alliance.receipt(node, MerchantId(merchant), reference)).await;
            found.push(receipt.with_context(|| format!("{reference} on node {node}"))?);
        }
        ensure!(found.iter().all(|receipt| *receipt == found[0]), "the nodes differ: {found:?}");
        Ok(found.remove(0))
    }
}

impl Said {
    fn of(arguments: &[&str]) -> Result<Self> {
        let output = tally(&[&["--json"], arguments].concat())?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let value: Value = serde_json::from_str(&out).with_context(|| format!("{arguments:?} said {out}{err}"))?;
        let value = value.get("receipts").map_or(&value, |receipts| &receipts[0]).clone();
        Ok(Self { status: output.status.code(), value })
    }

    /// What became of the operation: of a duplicate, what became of it the first time.
    fn outcome(&self) -> &Value {
        let receipt = self.value.get("first").filter(|first| !first.is_null()).unwrap_or(&self.value["receipt"]);
        &receipt["outcome"]
    }

    /// Whether it was executed before.
    pub fn is_duplicate(&self) -> bool {
        !self.value["receipt"]["outcome"]["duplicate"].is_null()
    }

    /// The operation's reference.
    pub fn reference(&self) -> Result<Reference> {
        let reference = self.value["receipt"]["reference"].as_str().context("a reference")?;
        Ok(reference.parse()?)
    }

    /// What `applied` says, without the name of the kind; fails where it was not applied.
    pub fn applied(&self) -> Result<Value> {
        let applied = &self.outcome()["applied"];
        ensure!(self.status == Some(0) && !applied.is_null(), "not applied ({:?}): {}", self.status, self.value);
        Ok(applied.as_object().and_then(|kinds| kinds.values().next()).unwrap_or(applied).clone())
    }

    /// Fails where it was not refused under this code: by a rule, or at the door.
    pub fn is_refused(&self, code: &str) -> Result<()> {
        let by_rule = self.outcome()["rejected"] == code;
        let at_door = self.value["problem"]["code"] == code;
        let before = self.value["error"].as_str().is_some_and(|error| error.starts_with(&format!("{code} (")));
        let is_so = match self.status {
            Some(1) => by_rule || at_door,
            Some(2) => before,
            _ => false,
        };
        ensure!(is_so, "expected {code} ({:?}): {}", self.status, self.value);
        Ok(())
    }
}

/// A JSON number, or an amount as text.
pub fn number(value: &Value) -> Result<u64> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.with_context(|| format!("{value} is no number"))
}
