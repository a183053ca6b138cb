//! Sends examples as a client would, from nothing but the document.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures::StreamExt as _;
use reqwest::header::HeaderMap;
use reqwest::{Method, Request};
use serde_json::Value;
use tally_tests::PATIENCE;
use tally_tests::solo::TOKEN;

use crate::document::{Document, Step};

/// Time between two tries.
const BETWEEN: Duration = Duration::from_millis(50);
/// Events that a stream is followed for.
const EVENTS: usize = 12;

/// A client of the node.
pub struct Walker {
    http: reqwest::Client,
    url: String,
}

/// What was answered.
pub struct Answer {
    pub status: u16,
    pub media_type: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether there is no final checkpoint yet.
    fn is_early(&self) -> bool {
        self.status == 404 && self.json().is_ok_and(|problem| problem["code"] == "no_checkpoint")
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| self.text())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as an example: JSON as it is, text as text, other bytes in hexadecimal.
    pub fn example(&self) -> Result<Value> {
        match self.media_type.as_str() {
            "application/json" | "application/problem+json" => self.json(),
            "application/octet-stream" => Ok(hex::encode(&self.body).into()),
            _ => Ok(self.text().into()),
        }
    }
}

impl Walker {
    pub fn new(url: &str) -> Self {
        Self { http: reqwest::Client::new(), url: url.to_owned() }
    }

    /// A GET without a token.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.execute(self.http.get(format!("{}{path}", self.url)).build()?).await
    }

    /// Sends an example.
    pub async fn send(&self, document: &Document, step: &Step) -> Result<Answer> {
        let request = || self.request(document, step);
        let mut answer = self.execute(request()?).await?;
        // Checkpoints become final a little after their block: the answer says to ask again.
        let deadline = Instant::now() + PATIENCE;
        while step.status == 200 && answer.is_early() && Instant::now() < deadline {
            tokio::time::sleep(BETWEEN).await;
            answer = self.execute(request()?).await?;
        }
        Ok(answer)
    }

    fn request(&self, document: &Document, step: &Step) -> Result<Request> {
        let operation = document.operation(&step.operation)?;
        let (mut path, mut query, mut headers) = (operation.path.clone(), Vec::new(), Vec::new());
        for (name, value) in &step.parameters {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let declared = operation.value["parameters"].as_array().context("parameters")?;
            let found = declared.iter().find(|p| p["name"] == **name);
            match found.and_then(|p| p["in"].as_str()) {
                Some("path") => path = path.replace(&format!("{{{name}}}"), &text),
                Some("query") => query.push((name.clone(), text)),
                Some("header") => headers.push((name.clone(), text)),
                _ => bail!("{name} is no parameter of {}", step.operation),
            }
        }
        ensure!(!path.contains('{'), "{path} lacks a parameter");
        let method: Method = operation.method.parse()?;
        let mut request = self.http.request(method, format!("{}{path}", self.url)).query(&query);
        // Where no token is needed, none is sent.
        if operation.value.get("security").is_none() {
            request = request.bearer_auth(TOKEN);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some((kind, value)) = &step.body {
            let bytes = match kind.as_str() {
                "application/json" => serde_json::to_vec(value)?,
                "application/octet-stream" => hex::decode(value.as_str().context("hexadecimal")?)?,
                _ => value.as_str().context("text")?.as_bytes().to_vec(),
            };
            request = request.header("Content-Type", kind).body(bytes);
        }
        Ok(request.build()?)
    }

    async fn execute(&self, request: Request) -> Result<Answer> {
        let response = self.http.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let media_type = headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let is_endless = media_type == "text/event-stream";
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(bytes) = tokio::time::timeout(PATIENCE, stream.next()).await.context("the node stalls")? {
            body.extend_from_slice(&bytes?);
            if is_endless && count(&body, b"\n\n") >= EVENTS {
                let end = body.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at + 2);
                body.truncate(end);
                break;
            }
        }
        Ok(Answer { status, media_type, headers, body })
    }

    /// What every client may do next: ask again with the tag it has, or for the next part of the list.
    pub async fn read_on(&self, document: &Document, step: &Step, answer: &Answer) -> Result<()> {
        if answer.status != 200 {
            return Ok(());
        }
        if document.operation(&step.operation)?.value["responses"].get("304").is_some() {
            let tag = answer.header("etag").context("the answer has no tag")?;
            let mut again = self.request(document, step)?;
            again.headers_mut().insert("If-None-Match", tag.parse()?);
            let again = self.execute(again).await?;
            // What is as of the head may have changed meanwhile.
            let is_fixed = answer.header("cache-control").is_some_and(|v| v.contains("immutable"));
            ensure!(again.status == 304 || !is_fixed && again.status == 200, "{}: {}", again.status, again.text());
            ensure!(again.status == 200 || again.body.is_empty(), "a 304 with a body");
        }
        let next = if answer.media_type == "application/json" { answer.json()? } else { Value::Null };
        if let Some(cursor) = next["next_cursor"].as_str() {
            let mut step = step.clone();
            step.parameters.insert("cursor".to_owned(), cursor.into());
            let next = self.send(document, &step).await?;
            ensure!(next.status == 200, "{}: {}", next.status, next.text());
            document.check_request(&step)?;
            document.check_answer(&step, &next)?;
        }
        Ok(())
    }
}

fn count(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).filter(|window| *window == what).count()
}
