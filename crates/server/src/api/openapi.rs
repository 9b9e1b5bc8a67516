//! The description of the API, OpenAPI 3.1, made from what stands beside the handlers.

use serde_json::{Map, Value, json};

use super::{
    Operation, assets, audit, checks, connections, events, evidence, findings, get, json_answer, notifications, schema,
};
use crate::problem::Answered;
use crate::visit::Ctx;

/// Every endpoint.
pub(crate) const OPERATIONS: &[Operation] = &[
    connections::CONNECTIONS,
    connections::CONNECTION,
    connections::CHANGE,
    connections::TEST,
    connections::SYNC,
    connections::RUNS,
    connections::RUN,
    assets::TYPES,
    assets::OF_TYPE,
    assets::ONE,
    findings::FINDINGS,
    findings::FINDING,
    findings::ACCEPT,
    findings::REOPEN,
    findings::ASSIGN,
    checks::CHECKS,
    checks::CHECK,
    checks::FRAMEWORKS,
    checks::FRAMEWORK,
    evidence::ITEMS,
    evidence::PACKS,
    evidence::MAKE,
    evidence::DOWNLOAD,
    events::EVENTS,
    events::EVENT,
    notifications::NOTIFICATIONS,
    notifications::TEST,
    audit::AUDIT,
    DESCRIPTION,
];

pub(crate) const DESCRIPTION: Operation = get("/api/v1/openapi.json", "This description.", &[], || {
    json!({
        "type": "object", "required": ["openapi", "info", "paths", "components"],
        "properties": { "openapi": { "type": "string" } },
        "examples": [{ "openapi": "3.1.0", "info": {}, "paths": {}, "components": {} }],
    })
});

pub(crate) async fn show(_: Ctx) -> Answered {
    json_answer(&document())
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
            "schemas": { "Problem": problem_schema() },
            "headers": {
                "ETag": {
                    "description": "What version this is; given back as If-None-Match it is not sent again.",
                    "schema": { "type": "string" },
                },
                "Retry-After": { "description": "Seconds until the next try.", "schema": { "type": "integer" } },
            },
        },
    })
}

fn problem_schema() -> Value {
    schema::object([
        ("type", schema::text("about:blank")),
        ("title", schema::text("Not Found")),
        ("status", schema::integer(404)),
        ("code", schema::text("not_found")),
        ("detail", schema::text("there is no such connection")),
        ("help", schema::maybe(schema::text("List the connections."))),
        ("request_id", schema::text("0192f0c0a1b27c3d8e9f001122334455")),
    ])
}

/// What a refusal means, by its status, for this endpoint.
fn refusals(operation: &Operation) -> Vec<(u16, &'static str)> {
    let mut all = vec![
        (400, "Something of the request can not be."),
        (401, "Nobody is signed in, or the token is not known, over, or taken back."),
        (403, "The role or the scope of the token may not."),
        (404, "It is not there, or not for this token to see."),
        (422, "It can not be done as it was asked."),
        (429, "Too many requests."),
        (500, "Jumpseat failed; its log has the request's number."),
    ];
    if operation.method != "GET" {
        all.extend([
            (409, "Something else is being done now."),
            (413, "The body is too large."),
            (502, "JumpCloud can not be reached, or refuses."),
        ]);
    }
    if operation.if_match {
        all.extend([(412, "It was changed meanwhile."), (428, "The version that is changed is not named.")]);
    }
    all
}

fn described(operation: &Operation) -> Value {
    let named = operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let mut parameters: Vec<Value> = named
        .map(|name| {
            let schema = match name {
                "number" => json!({ "type": "integer", "minimum": 1, "maximum": i64::MAX }),
                "kind" => assets::kind_schema(),
                _ => json!({ "type": "string", "minLength": 1 }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    parameters.extend(operation.query.iter().map(|param| {
        let (name, about) = (param.name, param.about);
        json!({ "name": name, "in": "query", "required": false, "description": about, "schema": (param.schema)() })
    }));
    if operation.if_match {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "required": true, "schema": { "type": "string" },
            "description": "The ETag of what is changed, as it was read.",
        }));
    }
    let schema = (operation.answer)();
    let example = schema::example_of(&schema);
    let mut responses = match operation.is_file {
        true => json!({ "200": { "description": "The file.", "content": { "application/zip": {} } } }),
        false => json!({
            "200": {
                "description": "As asked.",
                "headers": { "ETag": { "$ref": "#/components/headers/ETag" } },
                "content": { "application/json": { "schema": schema, "example": example } },
            },
        }),
    };
    if operation.method == "GET" && !operation.is_file {
        responses["304"] = json!({ "description": "It is still the version that If-None-Match names." });
    }
    for (status, about) in refusals(operation) {
        responses[status.to_string()] = json!({
            "description": about,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        });
    }
    responses["429"]["headers"] = json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } });
    let mut described = json!({
        "summary": operation.summary,
        "operationId": operation_id(operation),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = operation.body {
        let schema = body();
        let example = schema::example_of(&schema);
        described["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema, "example": example } } });
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
}
