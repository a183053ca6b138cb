//! `tally query`: asks a node. Tables for people; with `--json` the node's own answer, unchanged.

mod governance;
mod text;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use tally_contracts::exchange::Ask;
use tally_contracts::types::{Address, ClassId, Day, Fen, Hash, Height, Month, Points, Reference};

use crate::client::Client;
use crate::connect::{Connect, Status};
use crate::output::{Output, Verdict, items_of, pretty, text_of};

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
        /// Whose; by default the merchant of --merchant, else whose node it is.
        #[arg(long, value_name = "ID")]
        of: Option<u16>,
        #[command(flatten)]
        page: Page,
    },
    /// A merchant's stores that have daily limits, and what of them is used today.
    Stores {
        /// Whose; by default the merchant of --merchant, else whose node it is.
        #[arg(long, value_name = "ID")]
        of: Option<u16>,
        #[command(flatten)]
        page: Page,
    },
    /// A merchant's open holds, those placed first come first.
    Holds {
        /// Whose; by default the merchant of --merchant, else whose node it is.
        #[arg(long, value_name = "ID")]
        of: Option<u16>,
        #[command(flatten)]
        page: Page,
    },
    /// The point classes with their totals.
    Classes,
    /// What a point of each class becomes in each other.
    Rates,
    /// What an exchange would give now, signed by the node: points, expiry, value lost, what is left of each limit.
    Quote {
        /// The card code.
        member: Address,
        #[arg(long)]
        from_class: ClassId,
        #[arg(long)]
        to_class: ClassId,
        #[arg(long)]
        points: Points,
    },
    /// The parameters as they are, and the hash that a change of them names.
    Parameters,
    /// Changes that were proposed, with every vote.
    Proposals {
        #[command(flatten)]
        page: Page,
    },
    /// What is announced and not in effect yet.
    Notices,
    /// Who validates from which height on.
    Validators,
    /// The alliance pool: claims, and what merchants contributed this month.
    Pool,
    /// How ended months were shared out.
    Distributions,
    /// Disputes, open and ended.
    Disputes {
        #[command(flatten)]
        page: Page,
    },
    /// Which days are business days.
    Calendar {
        /// The first day, such as 2027-02-01; today's by block time if it is left out.
        #[arg(long)]
        from: Option<Day>,
        /// How many days.
        #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=400))]
        days: u32,
    },
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
    /// Which points a bill should take at the merchant of --merchant, else at the node's own; in which order, and why.
    SpendPlan {
        /// The card code.
        member: Address,
        /// The bill, in fen.
        #[arg(long, value_name = "FEN")]
        amount_fen: Fen,
    },
    /// A merchant's operations by store and time.
    Operations {
        /// Whose; by default the merchant of --merchant, else whose node it is.
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
        #[arg(long)]
        days: bool,
        #[command(flatten)]
        page: Page,
    },
    /// One operation by its reference, with its receipt.
    Receipt {
        /// The reference.
        reference: Reference,
        /// Who submitted it; by default the merchant of --merchant, else whose node it is.
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
        let answer = match &self.what {
            What::Quote { member, from_class, to_class, points } => {
                let ask = Ask { member: *member, from_class: *from_class, to_class: *to_class, points: *points };
                client.quote(&ask).await?
            }
            _ => client.get(&self.path(self.own(&client).await?)).await?,
        };
        // People know points by their brand, and rules by what they say; in JSON the node's own answer stays as it is.
        let names = match &self.what {
            What::Member { .. } | What::Balance { .. } if !output.json => client.get("/v1/classes").await?,
            What::SpendPlan { .. } if !output.json => rules_of(&client, &answer).await?,
            _ => Value::Null,
        };
        output.answer(&answer, || self.text(&answer, &names));
        Ok(Verdict::Yes)
    }

    /// Whose rows are meant where nobody is named; 0 where that does not matter.
    async fn own(&self, client: &Client) -> anyhow::Result<u16> {
        let is_named = match &self.what {
            What::Keys { of, .. }
            | What::Stores { of, .. }
            | What::Holds { of, .. }
            | What::Operations { of, .. }
            | What::Receipt { of, .. } => of.is_some(),
            _ => true,
        };
        match self.connect.merchant {
            Some(merchant) => Ok(merchant),
            None if is_named => Ok(0),
            None => {
                let merchant = Status::of(client).await?.merchant;
                Ok(merchant.context("this node only observes: say whose with --of")?.0)
            }
        }
    }

    fn path(&self, own: u16) -> String {
        match &self.what {
            What::Status => "/v1/status".into(),
            What::Genesis => "/v1/genesis".into(),
            What::Merchants => "/v1/merchants".into(),
            What::Keys { of, page } => page.of_merchant(of.unwrap_or(own), "keys"),
            What::Stores { of, page } => page.of_merchant(of.unwrap_or(own), "stores"),
            What::Holds { of, page } => page.of_merchant(of.unwrap_or(own), "holds"),
            What::Classes => "/v1/classes".into(),
            What::Rates => "/v1/rates".into(),
            What::Quote { .. } => "/v1/quotes".into(),
            What::Parameters => "/v1/parameters".into(),
            What::Proposals { page } => with("/v1/proposals", page.parameters()),
            What::Notices => "/v1/notices".into(),
            What::Validators => "/v1/validators".into(),
            What::Pool => "/v1/pool".into(),
            What::Distributions => "/v1/pool/distributions".into(),
            What::Disputes { page } => with("/v1/disputes", page.parameters()),
            What::Calendar { from, days } => {
                with("/v1/calendar", [("from", text(from)), ("days", Some(days.to_string()))])
            }
            What::Member { member } => format!("/v1/members/{member}"),
            What::Balance { member, at_height } => {
                with(&format!("/v1/members/{member}/balances"), [("at_height", text(at_height))])
            }
            What::Statement { member, class, at_height, page } => {
                let [limit, cursor] = page.parameters();
                let path = format!("/v1/members/{member}/statement");
                with(&path, [("class", Some(class.to_string())), ("at_height", text(at_height)), limit, cursor])
            }
            What::SpendPlan { member, amount_fen } => {
                let path = format!("/v1/members/{member}/spend-plan");
                with(&path, [("amount_fen", Some(amount_fen.to_string())), ("merchant", text(&self.connect.merchant))])
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

    fn text(&self, answer: &Value, names: &Value) -> String {
        let more = match answer.get("next_cursor").and_then(Value::as_str) {
            Some(cursor) => format!("more: --cursor {cursor}\n"),
            None => String::new(),
        };
        let text = match &self.what {
            What::Status => text::status_text(answer),
            What::Merchants => text::merchants_text(answer),
            What::Keys { .. } => text::keys_text(answer),
            What::Stores { .. } => text::stores_text(answer),
            What::Holds { .. } => text::holds_text(answer),
            What::Classes => text::classes_text(answer),
            What::Rates => text::rates_text(answer),
            What::Quote { .. } => text::quote_text(answer),
            What::Proposals { .. } => governance::proposals_text(answer),
            What::Notices => governance::notices_text(answer),
            What::Validators => governance::validators_text(answer),
            What::Pool => governance::pool_text(answer),
            What::Distributions => governance::distributions_text(answer),
            What::Disputes { .. } => text::disputes_text(answer),
            What::Calendar { .. } => text::calendar_text(answer),
            What::Member { .. } | What::Balance { .. } => text::balances_text(answer, names),
            What::Statement { .. } => text::statement_text(answer),
            What::SpendPlan { .. } => text::spend_plan_text(answer, names),
            What::Operations { days: true, .. } => text::days_text(answer),
            What::Operations { .. } => text::operations_text(answer),
            What::Obligations { .. } => text::obligations_text(answer),
            What::Genesis | What::Parameters | What::Receipt { .. } | What::Block { .. } | What::Transaction { .. } => {
                pretty(answer)
            }
        };
        text + &more
    }
}

/// What the rules say by which points of a plan do not serve, by code: the node tells it in each language.
async fn rules_of(client: &Client, plan: &Value) -> anyhow::Result<Value> {
    let mut rules = Map::new();
    for held in plan.get("unusable").map_or(&[][..], items_of) {
        let code = text_of(held, "refused_as");
        if !rules.contains_key(&code) {
            let rule = client.get(&format!("/v1/problems/{code}")).await?;
            rules.insert(code, rule);
        }
    }
    Ok(rules.into())
}

impl Page {
    fn of_merchant(&self, merchant: u16, list: &str) -> String {
        with(&format!("/v1/merchants/{merchant}/{list}"), self.parameters())
    }

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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        query: Query,
    }

    fn path(line: &str) -> String {
        Line::try_parse_from(["query"].into_iter().chain(line.split(' '))).expect("a query").query.path(1)
    }

    #[test]
    fn filters_and_pages_reach_the_node() {
        let days = path("operations --of 2 --days --kind redeem");
        assert_eq!(days, "/v1/operations/days?merchant=2&kind=redeem&limit=100");
        assert_eq!(path("keys --of 2 --limit 7"), "/v1/merchants/2/keys?limit=7");
        assert_eq!(path("stores --cursor ab"), "/v1/merchants/1/stores?limit=100&cursor=ab");
        let card = Address([1; 20]);
        let plan = format!("/v1/members/{card}/spend-plan?amount_fen=1200");
        assert_eq!(path(&format!("spend-plan {card} --amount-fen 1200")), plan);
        assert_eq!(path(&format!("--merchant 2 spend-plan {card} --amount-fen 1200")), plan + "&merchant=2");
    }
}
