//! The description of the API, OpenAPI 3.1, made from what stands beside the handlers.

use serde_json::{Map, Value, json};

use super::{Operation, assets, audit, connections, events, findings, json_answer, notifications};
use crate::problem::Answered;
use crate::visit::Ctx;

/// Every endpoint.
pub(crate) const OPERATIONS: &[Operation] = &[
    connections::CONNECTIONS,
    connections::TEST,
    connections::SYNC,
    connections::RUNS,
    assets::TYPES,
    assets::OF_TYPE,
    assets::ONE,
    findings::FINDINGS,
    findings::ACCEPT,
    events::EVENTS,
    notifications::NOTIFICATIONS,
    notifications::TEST,
    audit::AUDIT,
    DESCRIPTION,
];

pub(crate) const DESCRIPTION: Operation = Operation {
    method: "GET",
    path: "/api/v1/openapi.json",
    summary: "This description.",
    query: &[],
    body: "",
    answer: r#"{"openapi": "3.1.0"}"#,
};

pub(crate) async fn show(_: Ctx) -> Answered {
    json_answer(document())
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_lowercase()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Jumpseat",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Everything that Jumpseat has read of JumpCloud, and how reading goes.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": {
                "Problem": {
                    "type": "object",
                    "required": ["title", "status", "code", "detail", "request_id"],
                    "properties": {
                        "type": { "type": "string" },
                        "title": { "type": "string" },
                        "status": { "type": "integer" },
                        "code": { "type": "string" },
                        "detail": { "type": "string" },
                        "help": { "type": ["string", "null"] },
                        "request_id": { "type": "string" },
                    },
                },
            },
        },
    })
}

fn described(operation: &Operation) -> Value {
    let named = operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let mut parameters: Vec<Value> = named
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(operation.query.iter().map(|(name, about)| {
        json!({ "name": name, "in": "query", "required": false, "description": about, "schema": { "type": "string" } })
    }));
    let example = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let problem = json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let mut described = json!({
        "summary": operation.summary,
        "operationId": operation_id(operation),
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "As asked.",
                "content": { "application/json": { "schema": { "type": "object" }, "example": example(operation.answer) } },
            },
            "default": { "description": "Why not.", "content": problem },
        },
    });
    if !operation.body.is_empty() {
        described["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": { "type": "object" }, "example": example(operation.body) } },
        });
    }
    described
}

fn operation_id(operation: &Operation) -> String {
    let words = operation.path.trim_start_matches("/api/v1/").replace(['{', '}', '.'], "").replace('/', "_");
    format!("{}_{words}", operation.method.to_lowercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_names_every_endpoint_and_no_other() {
        let described: BTreeSet<(String, String)> =
            OPERATIONS.iter().map(|operation| (operation.method.to_owned(), operation.path.to_owned())).collect();
        let routed: BTreeSet<(String, String)> = crate::route_list()
            .into_iter()
            .filter(|route| route.path.starts_with("/api/"))
            .map(|route| (route.method.to_owned(), route.path.replace("{*", "{")))
            .collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_example_is_json() {
        for operation in OPERATIONS {
            for example in [operation.body, operation.answer].iter().filter(|example| !example.is_empty()) {
                assert!(serde_json::from_str::<Value>(example).is_ok(), "{}: {example}", operation.path);
            }
        }
    }
}
