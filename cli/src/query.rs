//! `tally query`: asks a node. Tables for people; with `--json` the node's own answer, unchanged.

use clap::{Args, Subcommand};
use serde_json::Value;
use tally_contracts::types::{Address, ClassId, Hash, Height, Month, Reference};

use crate::connect::Connect;
use crate::output::{Output, Table, Verdict, cny, cny_exact, items_of, pretty, text_of, utc_text};

/// Asks a node.
#[derive(Debug, Args)]
pub struct Query {
    #[command(flatten)]
    connect: Connect,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How the node does.
    Status,
    /// What the alliance agreed on.
    Genesis,
    /// The merchants, and where they stand.
    Merchants,
    /// A merchant's operator keys: roles, store, the block that revoked them.
    Keys {
        /// Whose; by default the merchant of --merchant, else 1.
        #[arg(long, value_name = "ID")]
        of: Option<u16>,
    },
    /// A merchant's stores that have daily limits, and what of them is used today.
    Stores {
        /// Whose; by default the merchant of --merchant, else 1.
        #[arg(long, value_name = "ID")]
        of: Option<u16>,
    },
    /// A merchant's open holds, those placed first come first.
    Holds {
        /// Whose; by default the merchant of --merchant, else 1.
        #[arg(long, value_name = "ID")]
        of: Option<u16>,
        #[command(flatten)]
        page: Page,
    },
    /// The point classes with their totals.
    Classes,
    /// What a point of each class becomes in each other.
    Rates,
    /// A member: custodian and live holdings.
    Member {
        /// The card code.
        member: Address,
    },
    /// A member's holdings, now or as of a block.
    Balance {
        /// The card code.
        member: Address,
        /// As of this block.
        #[arg(long, value_name = "HEIGHT")]
        at_height: Option<Height>,
    },
    /// Every movement of a member's holding of one class, the newest first.
    Statement {
        /// The card code.
        member: Address,
        /// The class.
        #[arg(long)]
        class: ClassId,
        /// As of this block.
        #[arg(long, value_name = "HEIGHT")]
        at_height: Option<Height>,
        #[command(flatten)]
        page: Page,
    },
    /// A merchant's operations by store and time.
    Operations {
        /// Whose; by default the merchant of --merchant, else 1.
        #[arg(long, value_name = "ID")]
        of: Option<u16>,
        /// Only of this store.
        #[arg(long, value_name = "ID")]
        store: Option<u32>,
        /// Only of this kind: issue, redeem, ...
        #[arg(long)]
        kind: Option<String>,
        /// Block time from here on, in ms since 1970.
        #[arg(long, value_name = "MS")]
        from_ms: Option<u64>,
        /// Block time before this, in ms since 1970.
        #[arg(long, value_name = "MS")]
        to_ms: Option<u64>,
        /// Totals by day instead of single operations.
        #[arg(long, conflicts_with = "kind")]
        days: bool,
        #[command(flatten)]
        page: Page,
    },
    /// One operation by its reference, with its receipt.
    Receipt {
        /// The reference.
        reference: Reference,
        /// Who submitted it; by default the merchant of --merchant, else 1.
        #[arg(long, value_name = "ID")]
        of: Option<u16>,
    },
    /// What merchants owe each other in the open cycle, or in a closed one.
    Obligations {
        /// The cycle, such as 2017-03.
        #[arg(long)]
        cycle: Option<Month>,
    },
    /// A block with transactions, receipts and certificate.
    Block {
        /// Its height.
        height: Height,
    },
    /// A transaction by its id.
    Transaction {
        /// Its id.
        id: Hash,
    },
}

/// A part of a list.
#[derive(Debug, Args)]
struct Page {
    /// How many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Where an earlier answer ended.
    #[arg(long)]
    cursor: Option<String>,
}

impl Query {
    /// Asks.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let client = self.connect.client()?;
        let answer = client.get(&self.path()).await?;
        // People know points by their brand; in JSON the node's own answer stays as it is.
        let brands = match &self.what {
            What::Member { .. } | What::Balance { .. } if !output.json => client.get("/v1/classes").await?,
            _ => Value::Null,
        };
        output.answer(&answer, || self.text(&answer, &brands));
        Ok(Verdict::Yes)
    }

    fn path(&self) -> String {
        let own = self.connect.merchant.unwrap_or(1);
        match &self.what {
            What::Status => "/v1/status".into(),
            What::Genesis => "/v1/genesis".into(),
            What::Merchants => "/v1/merchants".into(),
            What::Keys { of } => format!("/v1/merchants/{}/keys", of.unwrap_or(own)),
            What::Stores { of } => format!("/v1/merchants/{}/stores", of.unwrap_or(own)),
            What::Holds { of, page } => with(&format!("/v1/merchants/{}/holds", of.unwrap_or(own)), page.parameters()),
            What::Classes => "/v1/classes".into(),
            What::Rates => "/v1/rates".into(),
            What::Member { member } => format!("/v1/members/{member}"),
            What::Balance { member, at_height } => {
                with(&format!("/v1/members/{member}/balances"), [("at_height", text(at_height))])
            }
            What::Statement { member, class, at_height, page } => {
                let [limit, cursor] = page.parameters();
                let path = format!("/v1/members/{member}/statement");
                with(&path, [("class", Some(class.to_string())), ("at_height", text(at_height)), limit, cursor])
            }
            What::Operations { of, store, kind, from_ms, to_ms, days, page } => {
                let path = if *days { "/v1/operations/days" } else { "/v1/operations" };
                let merchant = ("merchant", Some(of.unwrap_or(own).to_string()));
                let times = [("from_ms", text(from_ms)), ("to_ms", text(to_ms))];
                let filters = [merchant, ("store_id", text(store)), ("kind", kind.clone())];
                with(path, filters.into_iter().chain(times).chain(page.parameters()))
            }
            What::Receipt { reference, of } => format!("/v1/operations/{}/{reference}", of.unwrap_or(own)),
            What::Obligations { cycle } => with("/v1/obligations", [("cycle", text(cycle))]),
            What::Block { height } => format!("/v1/blocks/{height}"),
            What::Transaction { id } => format!("/v1/transactions/{id}"),
        }
    }

    fn text(&self, answer: &Value, brands: &Value) -> String {
        let more = match answer.get("next_cursor").and_then(Value::as_str) {
            Some(cursor) => format!("more: --cursor {cursor}\n"),
            None => String::new(),
        };
        let text = match &self.what {
            What::Status => status_text(answer),
            What::Merchants => merchants_text(answer),
            What::Keys { .. } => keys_text(answer),
            What::Stores { .. } => stores_text(answer),
            What::Holds { .. } => holds_text(answer),
            What::Classes => classes_text(answer),
            What::Rates => rates_text(answer),
            What::Member { .. } | What::Balance { .. } => balances_text(answer, brands),
            What::Statement { .. } => statement_text(answer),
            What::Operations { days: true, .. } => days_text(answer),
            What::Operations { .. } => operations_text(answer),
            What::Obligations { .. } => obligations_text(answer),
            What::Genesis | What::Receipt { .. } | What::Block { .. } | What::Transaction { .. } => pretty(answer),
        };
        text + &more
    }
}

impl Page {
    fn parameters(&self) -> [(&'static str, Option<String>); 2] {
        [("limit", Some(self.limit.to_string())), ("cursor", self.cursor.clone())]
    }
}

fn text(value: &Option<impl ToString>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

/// A path with those parameters that have a value. None of them has a character that needs escaping but a kind or cursor
/// typed wrongly, which the node refuses.
fn with(path: &str, parameters: impl IntoIterator<Item = (&'static str, Option<String>)>) -> String {
    let given = parameters.into_iter().filter_map(|(name, value)| value.map(|value| format!("{name}={value}")));
    let given: Vec<String> = given.collect();
    if given.is_empty() { path.to_owned() } else { format!("{path}?{}", given.join("&")) }
}

/// The table of a list's items by field.
fn table(items: &[Value], columns: &[(&str, &str)]) -> String {
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let mut table = Table::new(&headings);
    for item in items {
        table.row(columns.iter().map(|(_, field)| cell(item, field)));
    }
    table.text()
}

/// Times and amounts as people read them, by the unit in the field's name.
fn cell(item: &Value, field: &str) -> String {
    let text = text_of(item, field);
    let name = field.rsplit('.').next().unwrap_or(field);
    match name {
        "time_ms" => text.parse().map(utc_text).unwrap_or(text),
        _ if name.ends_with("_fen") => cny(&text),
        "payable" | "receivable" | "net_debit" | "pool_claim" | "redemption" | "exchange" | "total" | "amount" => {
            cny_exact(&text)
        }
        _ => text,
    }
}

fn status_text(answer: &Value) -> String {
    let mut facts = Table::new(&["what", "value"]);
    for (name, value) in answer.as_object().into_iter().flatten() {
        let value = match value {
            Value::Array(list) => list.iter().map(|v| v.to_string().replace('"', "")).collect::<Vec<_>>().join(" "),
            _ => cell(answer, name),
        };
        facts.row([name.clone(), value]);
    }
    facts.text()
}

fn merchants_text(answer: &Value) -> String {
    let columns = [
        ("#id", "id"),
        ("name", "name"),
        ("#cap, CNY", "net_debit_cap_fen"),
        ("#used, CNY", "net_debit"),
        ("#payable, CNY", "position.payable"),
        ("#receivable, CNY", "position.receivable"),
        ("#unconfirmed, CNY", "position.unconfirmed_fen"),
        ("#owes the pool, CNY", "pool_claim"),
    ];
    table(items_of(answer), &columns)
}

fn keys_text(answer: &Value) -> String {
    let mut rows = Table::new(&["key", "roles", "#store", "#revoked in block"]);
    for item in items_of(answer) {
        let roles = item.get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let roles = roles.collect::<Vec<_>>().join(" ");
        rows.row([text_of(item, "public_key"), roles, text_of(item, "store_id"), text_of(item, "revoked")]);
    }
    rows.text()
}

fn stores_text(answer: &Value) -> String {
    let columns = [
        ("#store", "store_id"),
        ("#redeemed today, CNY", "redeemed_fen"),
        ("#limit, CNY", "redeem_limit_fen"),
        ("#refunded today, CNY", "refunded_fen"),
        ("#limit, CNY", "refund_limit_fen"),
    ];
    table(items_of(answer), &columns)
}

fn holds_text(answer: &Value) -> String {
    let mut rows = Table::new(&["reference", "member", "#class", "#points", "times out, UTC"]);
    for item in items_of(answer) {
        let lots = item.get("lots").map_or(&[][..], items_of);
        let points: u64 = lots.iter().filter_map(|lot| text_of(lot, "points").parse::<u64>().ok()).sum();
        let release = text_of(item, "release_ms").parse().map(utc_text).unwrap_or_default();
        rows.row([
            text_of(item, "reference"),
            text_of(item, "member"),
            text_of(item, "class"),
            points.to_string(),
            release,
        ]);
    }
    rows.text()
}

fn classes_text(answer: &Value) -> String {
    let columns = [
        ("#class", "class"),
        ("name", "name"),
        ("#issuer", "issuer"),
        ("#CNY/point", "terms.anchor"),
        ("#issued", "totals.issued"),
        ("#redeemed", "totals.redeemed"),
        ("#exchanged in", "totals.exchanged_in"),
        ("#exchanged out", "totals.exchanged_out"),
        ("#lapsed", "totals.lapsed"),
        ("#outstanding", "totals.outstanding"),
    ];
    table(items_of(answer), &columns)
}

fn rates_text(answer: &Value) -> String {
    let columns = [
        ("#from class", "from_class"),
        ("#to class", "to_class"),
        ("#points for one", "out_per_in_decimal"),
        ("#exactly", "out_per_in.numerator"),
        ("over", "out_per_in.denominator"),
    ];
    let pairs = answer.get("pairs").map_or(&[][..], items_of);
    format!("spread {}\n\n{}", text_of(answer, "exchange_spread"), table(pairs, &columns))
}

/// What the member owes, where that was asked for.
fn owed_text(answer: &Value) -> String {
    let owed = answer.get("owed").map_or(&[][..], items_of);
    let text = |owed| format!("owes {} points of class {}\n", text_of(owed, "points"), text_of(owed, "class"));
    owed.iter().map(text).collect()
}

fn balances_text(answer: &Value, brands: &Value) -> String {
    let mut rows = Table::new(&["#class", "brand", "#points", "next expiry", "lots: points until the end of"]);
    for balance in answer.get("balances").map_or(&[][..], items_of) {
        let class = text_of(balance, "class");
        let brand = items_of(brands).iter().find(|brand| text_of(brand, "class") == class);
        let lots = balance.get("lots").map_or(&[][..], items_of);
        let next = lots.first().map(|lot| text_of(lot, "expires")).unwrap_or_default();
        let lots: Vec<String> =
            lots.iter().map(|lot| format!("{} {}", text_of(lot, "points"), text_of(lot, "expires"))).collect();
        let brand = brand.map(|brand| text_of(brand, "name")).unwrap_or_default();
        rows.row([class, brand, text_of(balance, "points"), next, lots.join(", ")]);
    }
    format!(
        "{}{}, block {}\n\n{}{}",
        text_of(answer, "member"),
        record_text(answer),
        text_of(answer, "height"),
        rows.text(),
        owed_text(answer)
    )
}

/// Whose a member is, and what there is to know of its wallet; nothing where only balances were asked for.
fn record_text(answer: &Value) -> String {
    let field = |label: &str, name: &str| match text_of(answer, name) {
        text if text.is_empty() => text,
        text => format!(", {label} {text}"),
    };
    let mut text = field("custodian", "custodian") + &field("holder", "holder") + &field("wallet key", "wallet.key");
    if let Ok(effective_ms) = text_of(answer, "wallet.recovery.effective_ms").parse() {
        let key = text_of(answer, "wallet.recovery.key");
        text.push_str(&format!(", replaced by {key} from {} UTC on", utc_text(effective_ms)));
    }
    if answer.get("is_frozen").and_then(Value::as_bool) == Some(true) {
        text.push_str(", FROZEN");
    }
    text
}

fn statement_text(answer: &Value) -> String {
    let columns = [
        ("#block", "height"),
        ("time, UTC", "time_ms"),
        ("reason", "reason"),
        ("#points", "delta"),
        ("#balance", "balance"),
        ("#merchant", "operation.merchant"),
        ("reference", "operation.reference"),
    ];
    table(items_of(answer), &columns)
}

fn operations_text(answer: &Value) -> String {
    let mut rows = Table::new(&["#block", "#index", "time, UTC", "#store", "kind", "reference", "outcome"]);
    for item in items_of(answer) {
        let outcome = item.pointer("/receipt/outcome").cloned().unwrap_or_default();
        let outcome = match serde_json::from_value(outcome.clone()) {
            Ok(outcome) => crate::submit::outcome_text(&outcome),
            Err(_) => outcome.to_string(),
        };
        let head =
            ["height", "index", "time_ms", "store_id", "kind", "receipt.reference"].map(|field| cell(item, field));
        rows.row(head.into_iter().chain([outcome]));
    }
    rows.text()
}

fn days_text(answer: &Value) -> String {
    let columns = [
        ("day", "day"),
        ("#store", "store_id"),
        ("kind", "kind"),
        ("#class", "class"),
        ("#operations", "operations"),
        ("#rejected", "rejected"),
        ("#CNY", "amount_fen"),
        ("#points in", "points_in"),
        ("#points out", "points_out"),
    ];
    table(items_of(answer), &columns)
}

fn obligations_text(answer: &Value) -> String {
    let pairs = [
        ("#debtor", "debtor"),
        ("#creditor", "creditor"),
        ("#redemption, CNY", "redemption"),
        ("#exchange, CNY", "exchange"),
        ("#total, CNY", "total"),
    ];
    let claims = [("#debtor", "debtor"), ("#owes the pool, CNY", "amount")];
    let list = |field: &str| answer.get(field).map_or(&[][..], items_of);
    let mut text = format!("cycle {}\n\n{}", text_of(answer, "cycle"), table(list("pairs"), &pairs));
    if !list("pool_claims").is_empty() {
        text = format!("{text}\n{}", table(list("pool_claims"), &claims));
    }
    text
}
