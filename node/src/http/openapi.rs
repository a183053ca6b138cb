//! `GET /openapi.json`: the interface described by itself, in OpenAPI 3.1.
//!
//! The document is made of the very routes that are served (`super::v1`, `super::open`), so a route without its description
//! cannot exist; schemas derive from the types that are read and written. What holds for every operation alike (language,
//! tags, problems) is added here once, and so are the examples: `openapi/examples.json` is a walk through the interface that
//! was recorded from a real node and that a test walks again (`tests/tests/openapi/main.rs`).

mod examples;
mod schemas;

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use super::bulk::BulkMode;
use super::params::NoParams;
use super::problem::{Language, Problem};
use crate::query::events::{BlockEvent, DueEvent, OperationEvent};

pub use schemas::{Octets, ProblemBody, ProblemCode};

/// What the description says besides its routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tally",
        description = "A merchant's node of a points alliance: submit operations, ask for what they came to, follow the \
                       chain. Amounts are whole numbers in minor units, as text; times are ms since 1970; unknown \
                       parameters and fields are refused, never ignored. docs/http.md tells the rules on one page.",
    ),
    tags(
        (name = "submit", description = "Operations and transactions go in. Sending the same again is safe."),
        (name = "operations", description = "What was submitted, and what it came to."),
        (name = "members", description = "Who holds what, and why."),
        (name = "classes", description = "Point classes, and what their points are worth."),
        (name = "settlement", description = "What merchants owe each other."),
        (name = "chain", description = "The chain itself, for auditors."),
        (name = "ethereum", description = "The ledger as a contract of ERC-1155, for programs of Ethereum; read only."),
        (name = "node", description = "The node, for its operator; no token is needed."),
    ),
    components(schemas(ProblemBody, BulkMode, OperationEvent, DueEvent, BlockEvent)),
    modifiers(&Bearer),
    security(("bearer" = [])),
)]
struct Base;

/// The token of a client of the node's configuration.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A token that the node knows."));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme.build()));
    }
}

/// The document, made once.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    // Limits are no part of the description.
    let routes = OpenApiRouter::with_openapi(Base::openapi()).merge(super::v1(0)).merge(super::open());
    let document = serde_json::to_value(routes.into_openapi()).expect("a description has a JSON form");
    complete(document).to_string().into()
});

/// This very document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "getOpenApi", tag = "node", security(()),
    responses((status = 200, description = "The interface in OpenAPI 3.1.", body = Object)))]
pub async fn document(_: NoParams) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, DOCUMENT.clone()).into_response()
}

/// Adds what holds for every operation alike, and the examples.
fn complete(mut document: Value) -> Value {
    let example = |code| json!({ "value": Problem::new(code).body(Language::English) });
    document["components"]["responses"]["Problem"] = json!({
        "description": PROBLEM,
        "content": { "application/problem+json": {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "examples": { "unauthorized": example("unauthorized"), "overloaded": example("overloaded") },
        } },
        "headers": { "Retry-After": {
            "schema": { "type": "integer", "minimum": 1 }, "description": "Of a 429: try again after so many seconds.",
        } },
    });
    for methods in object(&mut document["paths"]).values_mut() {
        for (method, operation) in object(methods) {
            complete_operation(method, operation);
        }
    }
    tidy(&mut document);
    examples::add(&mut document);
    document
}

/// What every problem is to who gets it.
const PROBLEM: &str = "What went wrong, and what to do next (RFC 9457).";

fn complete_operation(method: &str, operation: &mut Value) {
    let header = |name: &str, about: &str| json!({ "name": name, "in": "header", "description": about, "required": false, "schema": { "type": "string" } });
    let about = "The language of problems: `en` or `zh`; English where it is left out.";
    let mut common = vec![header("Accept-Language", about)];
    let responses = &mut operation["responses"];
    responses["default"] = json!({ "$ref": "#/components/responses/Problem" });
    if method == "get" && has_tag(&responses["200"]) {
        common.push(header("If-None-Match", "The ETag of an earlier answer: 304 where nothing has changed."));
        responses["304"] = json!({ "description": "Nothing has changed since the answer that If-None-Match names." });
        responses["200"]["headers"]["ETag"] =
            json!({ "schema": { "type": "string" }, "description": "Names this very answer." });
    }
    match operation.get_mut("parameters").and_then(Value::as_array_mut) {
        Some(parameters) => parameters.append(&mut common),
        None => operation["parameters"] = common.into(),
    }
}

/// Whether an answer is tagged: all are, but streams and what tells of the node itself.
fn has_tag(response: &Value) -> bool {
    let schema = &response["content"]["application/json"]["schema"];
    schema.is_object() && schema["$ref"] != "#/components/schemas/Readiness"
        || response["content"].get("application/octet-stream").is_some() && response["description"] != "The archive."
}

/// Makes of the comments that descriptions come from what is read outside the code: links are names there.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" || name == "summary" => {
                        *text = text.replace("[`", "`").replace("`]", "`").trim().to_owned();
                    }
                    _ => tidy(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("the description has an object there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_made_and_names_what_every_operation_shares() {
        let document: Value = serde_json::from_slice(&DOCUMENT).expect("JSON");
        assert_eq!(document["openapi"], "3.1.0");
        let paths = document["paths"].as_object().expect("paths");
        assert!(paths.len() > 25, "{} paths", paths.len());
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().expect("methods") {
                assert!(operation["operationId"].is_string(), "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path}");
                assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            }
        }
        assert!(!DOCUMENT.windows(2).any(|pair| pair == b"[`"), "a link of a comment is left");
    }
}
