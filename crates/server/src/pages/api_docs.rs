//! The REST API for people: every endpoint with what it takes, what it answers, and how to ask it from a terminal.

use askama::Template;
use serde_json::Value;

use crate::api::openapi::OPERATIONS;
use crate::api::schema::example_of;
use crate::api::{Operation, Param};
use crate::frame::{Frame, Section, page};
use crate::problem::Answered;
use crate::visit::Ctx;

#[derive(Template)]
#[template(path = "api_docs.html")]
struct ApiDocsPage {
    frame: Frame,
    base: String,
    operations: Vec<OperationView>,
}

struct OperationView {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: Vec<(&'static str, &'static str, String)>,
    body: String,
    answer: String,
    curl: String,
}

pub(crate) async fn show(ctx: Ctx) -> Answered {
    let base = match &ctx.app.public_url {
        Some(url) => url.to_string(),
        None => format!("http://{}/", ctx.host),
    };
    let base = base.trim_end_matches('/').to_owned();
    page(&ApiDocsPage {
        operations: OPERATIONS.iter().map(|operation| view(operation, &base)).collect(),
        base,
        frame: Frame::of(&ctx, Section::Account, "REST API").await?,
    })
}

fn view(operation: &Operation, base: &str) -> OperationView {
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let body = operation.body.map(|body| example_of(&body()));
    let mut curl = vec!["curl -H \"Authorization: Bearer $TOKEN\"".to_owned()];
    if operation.method != "GET" {
        curl.push(format!("-X {}", operation.method));
    }
    if operation.if_match {
        curl.push("-H 'If-Match: \"…\"'".to_owned());
    }
    if let Some(body) = &body {
        curl.push(format!("-d '{}'", body.to_string().replace('\'', "’")));
    }
    if operation.is_file {
        curl.push("-O -J".to_owned());
    }
    curl.push(format!("\"{base}{}\"", operation.path));
    OperationView {
        method: operation.method,
        path: operation.path,
        summary: operation.summary,
        query: operation.query.iter().map(|param| (param.name, param.about, kind_of(param))).collect(),
        body: body.as_ref().map(pretty).unwrap_or_default(),
        answer: if operation.is_file { String::new() } else { pretty(&example_of(&(operation.answer)())) },
        curl: curl.join(" "),
    }
}

/// What a parameter can be, in words.
fn kind_of(param: &Param) -> String {
    let schema = (param.schema)();
    match (&schema["enum"], &schema["anyOf"]) {
        (Value::Array(words), _) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        (_, Value::Array(all)) => all.iter().filter_map(|one| one["format"].as_str()).collect::<Vec<_>>().join(" or "),
        _ => schema["type"].as_str().unwrap_or("text").replace("string", "text"),
    }
}
