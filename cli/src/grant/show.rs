//! `tally grant show`: what a code grants; whether it holds, as far as can be told from here.

use clap::Args;
use serde_json::{Value, json};
use tally_contracts::authorization::{Authorization, SpendGrant};
use tally_contracts::genesis::MAX_TIME_MS;
use tally_contracts::membership::MAX_GRANT_MS;
use tally_contracts::points::Redeem;
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::{HOUR_MS, Reference};

use super::code;
use crate::client::{ApiError, Client};
use crate::connect::{NodeArgs, Status};
use crate::network::now_ms;
use crate::output::{Output, Table, Verdict, text_of, utc_text};

/// Which code.
#[derive(Debug, Args)]
pub struct Show {
    /// The code, as scanned.
    #[arg(value_parser = code::decode)]
    code: SpendGrant,
    /// With a node: also whether it is for that alliance, and by the member's present wallet key.
    #[command(flatten)]
    node: NodeArgs,
}

/// One thing that a till wants to know of a grant.
struct Finding {
    what: &'static str,
    /// Why the grant does not hold; none where it is well.
    fault: Option<String>,
}

impl Show {
    /// Shows. The answer is no where the grant does not hold.
    pub async fn run(&self, output: Output) -> anyhow::Result<Verdict> {
        let grant = &self.code;
        let mut findings = vec![Finding { what: "signature", fault: signature_fault(grant) }];
        let time_ms = if self.node.is_given() {
            let client = self.node.client(None)?;
            let status = Status::of(&client).await?;
            let other = (status.chain_id != grant.chain_id).then(|| format!("for chain {}", grant.chain_id));
            findings.push(Finding { what: "alliance", fault: other });
            findings.push(Finding { what: "wallet_key", fault: key_fault(&client, grant).await? });
            findings.push(Finding { what: "points", fault: spent_fault(&client, grant).await? });
            status.time_ms()?
        } else {
            now_ms()?
        };
        findings.push(Finding { what: "time", fault: time_fault(grant.expires_ms, time_ms) });
        let holds = findings.iter().all(|finding| finding.fault.is_none());
        let checks: Vec<Value> =
            findings.iter().map(|f| json!({ "check": f.what, "holds": f.fault.is_none(), "fault": f.fault })).collect();
        output.answer(&json!({ "holds": holds, "checks": checks, "id": grant.id(), "grant": grant }), || {
            table(grant, &findings)
        });
        Ok(Verdict::of(holds))
    }
}

/// What of the grant its bytes alone decide, judged as a node does: by an operation that carries it.
fn signature_fault(grant: &SpendGrant) -> Option<String> {
    let body = Body::Redeem(Redeem { class: grant.class, member: grant.member, points: grant.max_points });
    let mut operation = Operation::new(Reference::new(0, 0), body);
    operation.authorization = Some(Authorization::Grant(grant.clone()));
    let form = operation.check_stateless().err().map(ToOwned::to_owned);
    form.or_else(|| operation.check_authorization().err().map(|error| error.to_string()))
}

/// Why the grant is not by the key that is on record for the member now; none where it is.
pub async fn key_fault(client: &Client, grant: &SpendGrant) -> anyhow::Result<Option<String>> {
    let member = match client.get(&format!("/v1/members/{}", grant.member)).await {
        Ok(member) => member,
        Err(ApiError::Problem(problem)) if problem.code == "not_found" => {
            return Ok(Some("the member is not enrolled in this alliance".into()));
        }
        Err(error) => return Err(error.into()),
    };
    let current = text_of(&member, "wallet.key");
    Ok(match current.as_str() {
        "" => Some("the member has no wallet key on record: tally submit register-wallet".into()),
        key if key == grant.public_key.to_string() => None,
        _ => Some("signed by a key that is not the member's any more: the member shows a new code".into()),
    })
}

/// Why nothing can be spent with the grant any more; none where something is left.
async fn spent_fault(client: &Client, grant: &SpendGrant) -> anyhow::Result<Option<String>> {
    if grant.expires_ms > MAX_TIME_MS {
        // It lasts longer than any block takes.
        return Ok(None);
    }
    let used = client.get(&format!("/v1/grants/{}?expires_ms={}", grant.id(), grant.expires_ms)).await?;
    let is_spent = text_of(&used, "spent_points") == grant.max_points.to_string();
    Ok(is_spent.then(|| "all of it is spent: the member shows a new code".into()))
}

/// Why a grant that ends at a time cannot be used at another, both in ms since 1970; none where it can.
fn time_fault(expires_ms: u64, time_ms: u64) -> Option<String> {
    if expires_ms <= time_ms {
        return Some("expired: the member shows a new code".into());
    }
    let hours = MAX_GRANT_MS / HOUR_MS;
    (expires_ms - time_ms > MAX_GRANT_MS)
        .then(|| format!("too long: it ends more than {hours} hours from now, the member shows a shorter one"))
}

fn table(grant: &SpendGrant, findings: &[Finding]) -> String {
    let merchants: Vec<String> = grant.acceptors.iter().map(ToString::to_string).collect();
    let mut facts = Table::new(&["what", "value"]);
    let rows = [
        ("member", grant.member.to_string()),
        ("class", grant.class.to_string()),
        ("at most", format!("{} points", grant.max_points)),
        ("merchants", merchants.join(", ")),
        ("expires", format!("{} UTC", utc_text(grant.expires_ms))),
        ("wallet key", grant.public_key.to_string()),
        ("chain", grant.chain_id.to_string()),
    ];
    for (what, value) in rows {
        facts.row([what.into(), value]);
    }
    let mut checks = Table::new(&["check", "finding"]);
    for finding in findings {
        checks.row([finding.what.replace('_', " "), finding.fault.clone().unwrap_or_else(|| "ok".into())]);
    }
    format!("{}\n{}", facts.text(), checks.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_holds_until_it_ends_and_a_day_ahead_at_most() {
        let now_ms = 1_780_000_000_000;
        let fault = |expires_ms| time_fault(expires_ms, now_ms).unwrap_or_default();
        assert!(fault(now_ms).starts_with("expired"));
        assert_eq!((fault(now_ms + 1), fault(now_ms + MAX_GRANT_MS)), (String::new(), String::new()));
        for late in [now_ms + MAX_GRANT_MS + 1, u64::MAX] {
            assert!(fault(late).starts_with("too long"), "{late}");
        }
    }
}
