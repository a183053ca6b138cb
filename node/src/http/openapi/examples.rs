//! The examples of requests and answers: a walk through the interface, each step of which belongs to an operation.
//!
//! # Format of `examples.json`
//! A list of steps in the order in which they work: `operation` (the operation's id), `name` (unique for the operation),
//! `summary`, `parameters` by name, `body` with `type` and `value`, and `answer` with `status`, `type` and `value`. Bodies that
//! are no text are in hexadecimal. In the document an example's `x-step` is its place in the list.

use serde_json::{Map, Value, json};

/// Recorded by `TALLY_BLESS=1 cargo test --release --workspace --test openapi`.
const EXAMPLES: &str = include_str!("examples.json");

/// Puts each example where it belongs.
pub fn add(document: &mut Value) {
    let steps: Vec<Value> = serde_json::from_str(EXAMPLES).expect("the examples are JSON");
    let Some(paths) = document["paths"].as_object_mut() else { return };
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    for operation in operations {
        let id = operation["operationId"].clone();
        for (number, step) in steps.iter().enumerate().filter(|(_, step)| step["operation"] == id) {
            add_step(operation, number, step);
        }
    }
}

fn add_step(operation: &mut Value, number: usize, step: &Value) {
    let name = step["name"].as_str().expect("a step has a name");
    for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
        let value = parameter["name"].as_str().and_then(|of| step["parameters"].get(of)).cloned();
        if let Some(value) = value {
            parameter["examples"][name] = json!({ "value": value });
        }
    }
    if let Some(kind) = step["body"]["type"].as_str() {
        let example = json!({ "summary": step["summary"], "value": step["body"]["value"] });
        operation["requestBody"]["content"][kind]["examples"][name] = example;
    }
    let answer = &step["answer"];
    let (status, kind) = (&answer["status"], answer["type"].as_str().expect("an answer has a type"));
    let example = json!({ "summary": step["summary"], "value": answer["value"], "x-step": number });
    let responses = &mut operation["responses"];
    // A problem that no answer of the operation's own describes is one of those that all can have.
    let response = match responses.get(status.to_string()) {
        Some(_) => &mut responses[status.to_string()],
        None => {
            if responses["default"].get("$ref").is_some() {
                responses["default"] = json!({
                    "description": super::PROBLEM,
                    "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
                });
            }
            &mut responses["default"]
        }
    };
    response["content"][kind]["examples"][name] = example;
}
