//! The description of the interface is true: every example in it is sent to a real node, in order, and what comes back has
//! the status, the fields and nothing but the fields that the description says.
//!
//! `TALLY_BLESS=1` records the examples anew: it walks the script, and writes requests and answers to
//! `node/src/http/openapi/examples.json`, from which the next build makes the document.

mod document;
mod governance;
mod proofs;
mod script;
mod settlement;
mod walk;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use document::Document;
use serde_json::{Value, json};
use tally_tests::solo::Solo;
use walk::Walker;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../node/src/http/openapi/examples.json");

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_answered_as_described() -> Result<()> {
    let node = Solo::start()?;
    let walker = Walker::new(node.url());
    let document = Document::read(walker.get("/openapi.json").await?.json()?)?;
    if std::env::var_os("TALLY_BLESS").is_some() {
        return record(&document, &walker).await;
    }
    let mut told = BTreeSet::new();
    for step in document.steps()? {
        let name = format!("{} `{}`", step.operation, step.name);
        let answer = walker.send(&document, &step).await.context(name.clone())?;
        ensure!(answer.status == step.status, "{name}: {}, not {}: {}", answer.status, step.status, answer.text());
        document.check_request(&step).context(name.clone())?;
        document.check_answer(&step, &answer).context(name.clone())?;
        walker.read_on(&document, &step, &answer).await.context(name.clone())?;
        told.insert(step.operation.clone());
    }
    let silent: Vec<&str> = document.operations().filter(|id| !told.contains(*id)).collect();
    ensure!(silent.is_empty(), "operations without an example: {silent:?}");
    document.check_completeness()
}

/// Walks the script and writes down what the node answers.
async fn record(document: &Document, walker: &Walker) -> Result<()> {
    let mut recorded = Vec::new();
    for mut step in script::steps() {
        let name = format!("{} `{}`", step.operation, step.name);
        let answer = walker.send(document, &step).await.context(name.clone())?;
        ensure!(answer.status == step.status, "{name}: {}, not {}: {}", answer.status, step.status, answer.text());
        let mut value = answer.example()?;
        if step.operation == "getOpenApi" {
            // A document that held itself would never end.
            value = json!({ "openapi": value["openapi"], "info": value["info"], "paths": {} });
        }
        step.answer = json!({ "status": answer.status, "type": answer.media_type, "value": value });
        recorded.push(step.to_json());
    }
    let text = serde_json::to_string_pretty(&Value::Array(recorded))? + "\n";
    std::fs::write(EXAMPLES, text).context(EXAMPLES)
}
