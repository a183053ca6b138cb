//! Problem details (RFC 9457) in the asker's language.
//!
//! A handler returns a [`Problem`]; the middleware [`render`] turns it into the body, since it is there that the request's
//! `Accept-Language` is known. So no answer of the interface, whoever made it, is an error without a body.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::convert::Infallible;
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::InvalidTransaction;

use super::missing;
pub use super::openapi::{ProblemBody, ProblemCode};
use super::texts::{self, Text};
use crate::query::QueryError;
use crate::query::index::Place;

/// What went wrong, with what there is to say about this very case.
#[derive(Clone, Debug)]
pub struct Problem {
    text: &'static Text,
    context: Option<String>,
    /// The same in Chinese, where there is one.
    context_zh: Option<String>,
    retry_after_s: Option<u64>,
    members: Map<String, Value>,
}

/// The language of titles and details.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Chinese.
    Chinese,
}

impl Problem {
    /// A problem by its code.
    #[must_use]
    pub fn new(code: &'static str) -> Self {
        Self { text: texts::text(code), context: None, context_zh: None, retry_after_s: None, members: Map::new() }
    }

    /// A problem by its code, with what is wrong in this case.
    #[must_use]
    pub fn because(code: &'static str, context: impl ToString) -> Self {
        Self { context: Some(context.to_string()), ..Self::new(code) }
    }

    /// The same, told in both languages.
    #[must_use]
    pub fn because_both(code: &'static str, context: impl ToString, context_zh: String) -> Self {
        Self { context_zh: Some(context_zh), ..Self::because(code, context) }
    }

    /// Too much at once: nothing was taken, a later try may succeed.
    #[must_use]
    pub fn overloaded(context: impl ToString, retry_after_ms: u64) -> Self {
        Self { retry_after_s: Some(retry_after_ms.div_ceil(1_000).max(1)), ..Self::because("overloaded", context) }
    }

    /// A rule of the contracts that refused an operation.
    #[must_use]
    pub fn rejection(rejection: Rejection) -> Self {
        Self::new(rejection.name()).with("number", rejection.code())
    }

    /// The rule of the contracts that it reports, if it reports one.
    #[must_use]
    pub fn rule(&self) -> Option<Rejection> {
        Rejection::ALL.iter().copied().find(|rule| rule.name() == self.text.code)
    }

    /// Says where the receipt stands.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        self.with("height", place.height).with("index", place.index)
    }

    /// Adds a member to the body.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl serde::Serialize) -> Self {
        self.members.insert(name.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }

    /// Adds the members of a record to the body.
    #[must_use]
    pub fn with_all(mut self, record: impl serde::Serialize) -> Self {
        if let Ok(Value::Object(members)) = serde_json::to_value(record) {
            self.members.extend(members);
        }
        self
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.text.status
    }

    /// The body in a language.
    #[must_use]
    pub fn body(&self, language: Language) -> Value {
        let t = self.text;
        let (title, detail) = match language {
            Language::English => (t.title, self.detail()),
            Language::Chinese => (t.title_zh, self.detail_zh()),
        };
        let mut body = json!({
            "type": format!("/v1/problems/{}", t.code),
            "title": title,
            "status": t.status.as_u16(),
            "code": t.code,
            "detail": detail,
        });
        if let Value::Object(body) = &mut body {
            body.extend(self.members.clone());
            if let Some(seconds) = self.retry_after_s {
                body.insert("retry_after_s".into(), seconds.into());
            }
        }
        body
    }
}

impl Problem {
    fn detail(&self) -> String {
        let advice = self.text.advice;
        match &self.context {
            None => format!("{advice}."),
            Some(context) => format!("{}. {advice}.", context.trim_end_matches('.')),
        }
    }

    fn detail_zh(&self) -> String {
        let advice = self.text.advice_zh;
        match (&self.context_zh, &self.context) {
            (Some(context), _) => format!("{context}。{advice}。"),
            (None, Some(context)) => format!("{advice}。（{context}）"),
            (None, None) => format!("{advice}。"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let code = match &error {
            QueryError::Refused(rule) => return Self::rejection(*rule),
            QueryError::HeightAhead { .. } => "height_ahead",
            QueryError::NotFound(missing) => {
                return Self::because_both("not_found", missing, missing::chinese(missing));
            }
            QueryError::Cursor => "cursor_invalid",
            QueryError::Parameters(_) => "invalid_parameter",
        };
        Self::because(code, error)
    }
}

impl From<InvalidTransaction> for Problem {
    fn from(error: InvalidTransaction) -> Self {
        Self::because(error.name(), error)
    }
}

/// Middleware: gives problems their body in the asker's language, and every other error a body at all.
pub async fn render(request: Request, next: Next) -> Response {
    let language = Language::of(request.headers());
    let response = next.run(request).await;
    let problem = match response.extensions().get::<Problem>() {
        Some(problem) => problem.clone(),
        None => match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Problem::new("method_not_allowed"),
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new("request_too_large"),
            StatusCode::INTERNAL_SERVER_ERROR => Problem::new("internal"),
            _ => return response,
        },
    };
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut rendered = (problem.status(), problem.body(language).to_string()).into_response();
    let headers = rendered.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = problem.retry_after_s {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if problem.status() == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tally\""));
    }
    if let Some(allow) = allow {
        headers.insert(header::ALLOW, allow);
    }
    rendered
}

impl Language {
    /// The language that a request prefers of those there are.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or("");
        let mut best = (Self::English, 0);
        for range in header.split(',') {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let quality = parameters.trim().strip_prefix("q=").map_or(1_000, thousandths);
            let primary = tag.trim().split('-').next().unwrap_or("").to_ascii_lowercase();
            let language = match primary.as_str() {
                "zh" => Self::Chinese,
                "en" | "*" => Self::English,
                _ => continue,
            };
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    /// The language as a tag of `Content-Language`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-Hant",
        }
    }
}

/// A quality of `Accept-Language` in thousandths; 0 where it is none.
fn thousandths(text: &str) -> u32 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u32>(), digits.parse::<u32>()) {
        (Ok(whole), Ok(fraction)) => whole.min(1).saturating_mul(1_000).saturating_add(fraction).min(1_000),
        _ => 0,
    }
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use tally_contracts::types::Height;
    use tally_ledger::log::TileId;

    use super::*;
    use crate::query::Missing;

    fn of(text: &'static str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(text));
        Language::of(&headers)
    }

    #[test]
    fn what_there_is_not_is_named_in_either_language() {
        let of = |missing: Missing| {
            let problem = Problem::from(QueryError::NotFound(missing));
            let told = |language| problem.body(language)["detail"].as_str().expect("a text").to_owned();
            (told(Language::English), told(Language::Chinese))
        };
        let tile = Missing::Tile(TileId { level: 1, index: 0, width: 256 });
        let (english, chinese) = of(tile);
        assert_eq!(english, "the log has no tile/1/000 yet. Check the path and the names in it.");
        assert_eq!(chinese, "日誌尚無 tile/1/000。請檢查路徑及其中的名稱。");
        let (english, chinese) = of(Missing::Anchor(None, Some(Height(7))));
        assert_eq!(english, "the checkpoint of block 7 has no anchor. Check the path and the names in it.");
        assert_eq!(chinese, "區塊 7 的檢查點沒有外部錨定。請檢查路徑及其中的名稱。");
    }

    #[test]
    fn the_preferred_language_is_answered() {
        assert_eq!(of("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese);
        assert_eq!(of("en-GB, zh;q=0.9"), Language::English);
        assert_eq!(of("en;q=0.2, zh-Hant;q=0.75"), Language::Chinese);
        assert_eq!(of("fr, de"), Language::English);
        assert_eq!(of("zh;q=0"), Language::English);
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    }
}
